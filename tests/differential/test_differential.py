"""A short search on every run of the tests, and everything that a search has ever found."""

import random
from pathlib import Path

import pytest
from wasm_decoder import Features, decode, encode, parse_wat, print_wat, validate

from .choices import Choices
from .engines import ENGINES, VERSIONS, difference, run, run_wasmtime
from .fuzz import Count, judge, search_bytes, search_modules, until, wasmtime_refusal
from .modules import Call, Program, generate
from .mutate import mutate
from .shrink import shrink

REGRESSIONS = Path(__file__).parent / "regressions"


@pytest.mark.parametrize("name", ENGINES)
def test_random_modules_behave_as_in_wasmtime(name: str) -> None:
    count = Count()
    search_modules(20261120, until(count=2500, seconds=30), {name: ENGINES[name]()}, count)
    assert count.tried > 0


@pytest.mark.parametrize("version", VERSIONS)
def test_damaged_binaries_are_accepted_or_rejected_as_by_wasmtime(version: str) -> None:
    count = Count()
    search_bytes(20261120, until(count=10_000, seconds=15), count, version)
    assert count.outcomes["accepted"] > 0
    assert count.outcomes["rejected"] > 0


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.wat")), ids=lambda path: path.stem)
def test_regression(path: Path, name: str) -> None:
    """Every exported function without parameters is called, in order."""
    module = parse_wat(path.read_text(encoding="utf-8"))
    calls: list[Call] = []
    for export in module.exports:
        if export.kind == "func" and not module.functype(module.func_types[export.index]).params:
            calls.append((0, export.name, ()))
    program = Program([encode(module)], calls, set())
    assert difference(run_wasmtime(program), run(program, ENGINES[name]())) is None


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.hex")), ids=lambda path: path.stem)
def test_binary_regression(path: Path) -> None:
    """Bytes that only one side took for a module; lines that begin with # say why that was wrong."""
    lines = path.read_text(encoding="utf-8").splitlines()
    data = bytes.fromhex("".join([line for line in lines if not line.startswith("#")]))
    assert judge(data) in ("accepted", "rejected")


# The tools themselves


@pytest.mark.parametrize("size", [0, 1, 2, 10, 50, 400, 2000])
def test_any_bytes_make_a_valid_module(size: int) -> None:
    for seed in range(20):
        program = generate(random.Random(seed).randbytes(size))
        for code in program.binaries:
            assert wasmtime_refusal(code) is None
            module = decode(code, Features.CORE_2_0)
            validate(module, Features.CORE_2_0)
            assert encode(module) == code


def test_generated_modules_survive_the_text_format() -> None:
    for seed in range(200):
        for code in generate(random.Random(seed).randbytes(300)).binaries:
            module = decode(code, Features.CORE_2_0)
            assert parse_wat(print_wat(module)) == module


def test_the_same_bytes_make_the_same_module() -> None:
    data = random.Random(1).randbytes(500)
    assert generate(data).binaries == generate(data).binaries


def test_enough_of_a_generated_program_runs_to_its_end() -> None:
    finished = calls = 0
    for seed in range(200):
        for what, seen in run_wasmtime(generate(random.Random(seed).randbytes(400))):
            if "(" in what:
                calls += 1
                finished += not (isinstance(seen, str) and " " in seen) and seen != "unreachable"
    assert finished > calls / 2


def test_damage_leaves_some_modules_sound() -> None:
    sound = generate(random.Random(1).randbytes(300)).binaries[0]
    rng = random.Random(2)
    refusals = [wasmtime_refusal(mutate(sound, sound, Choices(rng.randbytes(40)))) for _ in range(300)]
    assert 0 < sum([refusal is None for refusal in refusals]) < 300


def test_shrinking_keeps_what_matters() -> None:
    data = random.Random(3).randbytes(300) + b"\x17" + random.Random(4).randbytes(300)
    assert shrink(data, lambda candidate: 0x17 in candidate) == b"\x17"


def test_shrinking_makes_bytes_small() -> None:
    small = shrink(bytes([200, 100, 50]), lambda candidate: sum(candidate) >= 20)
    assert sum(small) == 20
