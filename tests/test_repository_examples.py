"""Every example does what its README says."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wazero
from wasm_decoder import encode, parse_wat

if TYPE_CHECKING:
    from wazero.runtime import EngineName

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
ENGINES: "list[EngineName]" = ["auto", "interpreter"]


def driver(name: str, *args: str) -> str:
    """What the Python program of an example prints."""
    command = [sys.executable, str(EXAMPLES / name / f"{name}.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_every_example_is_tested_here_and_listed() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/*.wasm")}
    here = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in folders if f"def test_{name}" in here} == folders
    listed = re.findall(r"^\| \[(\w+)\]", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(listed) == folders
    assert len(folders) >= 6


@pytest.mark.parametrize("source", sorted(EXAMPLES.glob("*/*.wat")), ids=lambda path: str(path.name))
def test_the_modules_made_from_text_are_up_to_date(source: Path) -> None:
    assert encode(parse_wat(source.read_text(encoding="utf-8"))) == source.with_suffix(".wasm").read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["wat", "wasm"])
def test_fib(kind: str, engine: "EngineName") -> None:
    exports = wazero.Runtime(engine).instantiate(EXAMPLES / "fib" / f"fib.{kind}").exports
    assert [exports.fib(n) for n in range(12)] == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
    assert exports.quick(92) == 7540113804746346429


@pytest.mark.parametrize("engine", ENGINES)
def test_sha256sum_of_files(engine: "EngineName", tmp_path: Path) -> None:
    contents = {"empty": b"", "short": b"abc", "edge": bytes(55), "block": bytes(range(64)), "long": b"wazero" * 7000}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    done = wazero.run(
        EXAMPLES / "sha256sum/sha256sum.wasm", *contents, mounts={"/": tmp_path}, text=True, engine=engine
    )
    expected = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()]
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "".join(expected))


def test_sha256sum_of_standard_input_and_of_what_is_missing() -> None:
    program = EXAMPLES / "sha256sum/sha256sum.wasm"
    done = wazero.run(program, input=b"abc", text=True)
    assert done.stdout == f"{hashlib.sha256(b'abc').hexdigest()}  -\n"
    done = wazero.run(program, "missing", mounts={"/": {}}, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sha256sum: missing: No such file or directory\n"


@pytest.mark.parametrize(
    ("text", "counts"),
    [("", "0 0 0"), ("one", "0 1 3"), ("  two\twords\n\n", "2 2 13"), ("naïve\n" * 9000, "9000 9000 63000")],
)
def test_wc(text: str, counts: str) -> None:
    done = wazero.run(EXAMPLES / "wc/wc.wasm", input=text, text=True, check=True)
    assert done.stdout == counts + "\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_adventure_can_be_won(engine: "EngineName") -> None:
    commands = [
        "e",
        "take lamp",
        "use lamp",
        "w",
        "n",
        "w",
        "take key",
        "e",
        "n",
        "use key",
        "n",
        "take gold",
        "bag",
        "s",
        "s",
    ]
    done = wazero.run(EXAMPLES / "adventure/adventure.wasm", input="\n".join(commands), text=True, engine=engine)
    assert done.returncode == 0
    assert isinstance(done.stdout, str)
    assert "The door is locked." in done.stdout
    assert "lamp\nkey\ngold\n" in done.stdout
    assert done.stdout.endswith(f"You are out, and rich, after {len(commands)} commands.\n")


def test_adventure_can_be_lost() -> None:
    done = wazero.run(EXAMPLES / "adventure/adventure.wasm", input="n\nfly\ntake gold\n", text=True)
    assert done.returncode == 1
    assert isinstance(done.stdout, str)
    assert "pitch dark" in done.stdout
    assert "You can go n, e, s or w" in done.stdout
    assert done.stdout.endswith("There is no gold here.\n> Good-bye, poor miner.\n")


def test_adventure_answers_before_it_reads_on() -> None:
    """A dialogue: each line is asked for only after the answer to the last one was written."""
    written: list[bytes] = []
    lines = iter([b"look\n", b"quit\n"])
    seen: list[int] = []

    def read(size: int) -> bytes:
        seen.append(b"".join(written).count(b"> "))
        return next(lines, b"")

    done = wazero.run(EXAMPLES / "adventure/adventure.wasm", stdin=read, stdout=written.append)
    assert (done.returncode, seen[:2]) == (1, [1, 2])


def test_template() -> None:
    text = "Dear {name}, {greeting}! {unknown} {{name}} {"
    assert driver("template", text, "name=Ada", "greeting=grüß dich") == "Dear Ada, grüß dich! {unknown} {Ada} {\n"
    assert driver("template") == "Dear Ada, good morning! {unknown} stays.\n"


def test_linked() -> None:
    assert driver("linked", "4") == (
        "0 squared is 0\n1 squared is 1\n2 squared is 4\n3 squared is 9\nbytes used: 320\n"
    )


def test_life_glider_moves_one_cell_in_four_steps() -> None:
    rows = driver("life", "4").splitlines()
    assert rows[-1] == "5 cells live after 4 generations"
    alive = {(x, y) for y, row in enumerate(rows[:-1]) for x, cell in enumerate(row) if cell == "#"}
    assert alive == {(3, 2), (4, 3), (2, 4), (3, 4), (4, 4)}


@pytest.mark.skipif(os.name == "nt", reason="no sha256sum there")
def test_the_command_prints_what_the_systems_own_prints() -> None:
    ours = [sys.executable, "-m", "wazero", "run", "examples/sha256sum/sha256sum.wasm", "--mount", ".:/", "README.md"]
    printed = subprocess.run(ours, cwd=ROOT, capture_output=True, check=True).stdout
    digest = hashlib.sha256((ROOT / "README.md").read_bytes()).hexdigest()
    assert printed == f"{digest}  README.md\n".encode()
