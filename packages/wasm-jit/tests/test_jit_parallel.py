"""Compiling everything at once, here or in worker processes."""

import subprocess
import sys
from pathlib import Path

import pytest
import wasm_jit
from wasm_decoder import Features, ValidationError, decode, encode, parse_wat
from wasm_decoder.syntax.types import FuncType
from wasm_interp import ExitError, HostFunction, Instance, Store, UnsupportedError

if wasm_jit.unavailable() is not None:
    pytest.skip(f"no native engine: {wasm_jit.unavailable()}", allow_module_level=True)

from wasm_jit import Cache, Compiler, engine, parallel
from wasm_jit.parallel import compile_functions

FUNCTIONS = 60
TEXT = "\n".join(
    [
        "(module (memory 1) (table $t 4 funcref) (elem declare func $f0)",
        *[
            f"""(func $f{n} (export "f{n}") (param i32) (result i32) (local i32)
              (loop $again
                (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const {n + 3})) (i32.load (local.get 0))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
              (i32.add (local.get 1) (i32.const {n})))"""
            for n in range(FUNCTIONS)
        ],
        """(func (export "grow") (result i32) (drop (table.grow $t (ref.func $f0) (i32.const 1)))
          (i32.add (memory.grow (i32.const 1)) (table.size $t))))""",
    ]
)
MODULE = decode(encode(parse_wat(TEXT)))
ALL = range(FUNCTIONS + 1)


def packed(workers: int | None, **options: object) -> dict[int, bytes]:
    module = decode(encode(parse_wat(TEXT)))
    features = Features.CORE_3_0 if options.get("lazy") else None
    guarded = bool(options.get("guarded", True))
    made = compile_functions(module, ALL, features, guarded=guarded, workers=workers)
    return {number: routine.pack() for number, routine in made}


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("workers", [1, 2, None])
def test_workers_make_the_same_code(workers: int | None, lazy: bool, guarded: bool) -> None:
    serial = packed(0, lazy=lazy, guarded=guarded)
    assert list(serial) == list(ALL)
    assert packed(workers, lazy=lazy, guarded=guarded) == serial


def test_bounds_checks_make_a_difference() -> None:
    assert packed(0, guarded=True)[0] != packed(0, guarded=False)[0]


def test_modules_from_text_are_compiled_as_they_are() -> None:
    module = parse_wat(TEXT)
    serial = {number: routine.pack() for number, routine in compile_functions(module, ALL, workers=0)}
    assert {number: routine.pack() for number, routine in compile_functions(module, ALL, workers=2)} == serial


def instance(cache: Cache | None = None, *, lazy: bool = False, text: str = TEXT) -> Instance:
    store = Store(Compiler(cache=cache))
    return store.instantiate(decode(encode(parse_wat(text))), validate="lazy" if lazy else "eager")


def compiler(made: Instance) -> Compiler:
    assert isinstance(made.linked, engine.Linked)
    return made.linked.engine


def forbid(patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("this was to be compiled already")

    patch.setattr(engine, "compile_function", fail)
    patch.setattr(parallel, "compile_functions", fail)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("lazy", [True, False])
def test_after_compile_all_nothing_is_left_to_compile(
    workers: int, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = instance(lazy=lazy), instance()
    assert one.exports.f1(3) == other.exports.f1(3)
    assert compiler(one).compile_all(one, workers) == FUNCTIONS  # one was compiled when it was called
    expected = [other.exports[f"f{n}"](5) for n in range(FUNCTIONS)] + [other.exports.grow()]
    forbid(monkeypatch)
    assert [one.exports[f"f{n}"](5) for n in range(FUNCTIONS)] + [one.exports.grow()] == expected


def test_compile_all_fills_the_cache_and_is_filled_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = instance(Cache(tmp_path / "cache"))
    assert compiler(first).compile_all(first, 2) == FUNCTIONS + 1
    second = instance(Cache(tmp_path / "cache"))
    assert compiler(second).compile_all(second) == 0
    third = instance(Cache(tmp_path / "cache"), lazy=True)
    forbid(monkeypatch)
    assert second.exports.f7(9) == third.exports.f7(9) == first.exports.f7(9)
    assert third.exports.grow() == 6


def test_a_cache_is_filled_without_an_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needy = '(module (func $imported (import "nobody" "has this")) (func (export "f") (call $imported)) (func))'
    module = decode(encode(parse_wat(needy)))
    cache = Cache(tmp_path / "cache")
    assert cache.fill(module, Features.CORE_3_0, [1]) == 1
    assert cache.fill(module, Features.CORE_3_0) == 1
    assert cache.fill(module, Features.CORE_3_0) == 0
    called: list[int] = []
    store = Store(Compiler(cache=Cache(tmp_path / "cache")))
    made = store.instantiate(decode(encode(parse_wat(needy))), {"nobody": {"has this": lambda: called.append(1)}})
    forbid(monkeypatch)
    made.exports.f()
    assert called == [1]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_invalid_body_is_found(workers: int) -> None:
    wrong = TEXT.replace("(module", "(module (func $wrong (result i32) (i64.const 0))", 1)
    wrong = wrong.replace("(module (func", "(module (func (param i32))(func", 1)
    made = instance(lazy=True, text=wrong)
    with pytest.raises(ValidationError, match="type mismatch") as error:
        compiler(made).compile_all(made, workers)
    assert (error.value.function, error.value.name) == (1, "wrong")


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_compiled_is_left_to_its_first_call(workers: int) -> None:
    made = instance(
        text="""(module (func (export "good") (result i32) (i32.const 1))
        (func (export "tail") (result i32) (return_call 0)))"""
    )
    assert compiler(made).compile_all(made, workers) == 1
    assert made.exports.good() == 1
    with pytest.raises(UnsupportedError, match="return_call"):
        made.exports.tail()


def test_without_functions_there_is_nothing_to_do() -> None:
    made = instance(text="(module)")
    assert compiler(made).compile_all(made) == 0
    assert compiler(made).compile_all(made, 2) == 0


def test_an_instance_that_has_exited_stays_so() -> None:
    store = Store(Compiler())

    def leave(caller: Instance) -> None:
        raise ExitError(3)

    text = """(module (func $leave (import "env" "leave"))
        (func (export "leave") (call $leave)) (func (export "f") (result i32) (i32.const 1)))"""
    made = store.instantiate(text, {"env": {"leave": HostFunction(FuncType((), ()), leave, caller=True)}})
    with pytest.raises(ExitError):
        made.exports.leave()
    compiler(made).compile_all(made, 0)
    with pytest.raises(ExitError, match="has exited"):
        made.exports.f()


def test_workers_that_cannot_start_are_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = packed(0)
    for executable in ("/no/such/python", "/bin/false", "", None):
        monkeypatch.setattr(sys, "executable", executable)
        assert packed(2) == expected


def test_workers_that_die_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one dies at its second portion; this process does the rest."""
    expected = packed(0)
    monkeypatch.setattr(parallel, "_PORTION", 100)
    dying = "import os; n = []; import wasm_jit.parallel as p; old = p._compile; "
    dying += "p._compile = lambda *a: (n.append(1), len(n) > 1 and os._exit(9), old(*a))[2]; "
    child = parallel._CHILD.replace("from wasm_jit.parallel import work", dying + "from wasm_jit.parallel import work")
    monkeypatch.setattr(parallel, "_CHILD", child)
    assert packed(2) == expected


def test_workers_end_when_nobody_wants_more(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]  # as it was called
            started.append(self)

    monkeypatch.setattr(parallel, "Popen", Popen)
    monkeypatch.setattr(parallel, "_PORTION", 100)
    made = compile_functions(MODULE, ALL, workers=2)
    next(made)
    made.close()
    assert len(started) == 2
    assert all(child.returncode is not None for child in started)


SCRIPT = """
import sys
sys.path[:] = {path!r}
from wasm_interp import Store
from wasm_jit import Compiler
print("once")
engine = Compiler()
instance = Store(engine).instantiate({text!r})
print(engine.compile_all(instance, 2), instance.exports.f3(4))
"""


def test_scripts_need_no_guard_against_being_imported(tmp_path: Path) -> None:
    """With multiprocessing, a script that does its work when it is imported would do it in each worker again."""
    source = SCRIPT.format(path=sys.path, text=TEXT)
    (tmp_path / "script.py").write_text(source, encoding="utf-8")
    expected = f"once\n{FUNCTIONS + 1} {instance().exports.f3(4)}\n"
    for command, given in (([str(tmp_path / "script.py")], None), (["-"], source), (["-c", source], None)):
        done = subprocess.run([sys.executable, *command], input=given, capture_output=True, text=True)
        assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)
