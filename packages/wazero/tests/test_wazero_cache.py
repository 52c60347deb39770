"""The cache through the façade and the command line."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
import wasm_jit
import wazero
from wazero.cli import main

if wasm_jit.unavailable() is not None:
    pytest.skip(f"no native engine: {wasm_jit.unavailable()}", allow_module_level=True)

from wasm_jit import engine

Captured = pytest.CaptureFixture[str]

TEXT = """(module $shapes
  (import "env" "log" (func $log (param i32)))
  (func $area (export "area") (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
  (func $report (export "say") (call $log (i32.const 7))))
"""


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAZERO_CACHE", raising=False)


@pytest.fixture
def module(tmp_path: Path) -> str:
    path = tmp_path / "shapes.wat"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def forbid(patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("this was to come from the cache")

    patch.setattr(engine, "compile_function", fail)


def test_what_was_compiled_ahead_of_time_is_not_compiled_again(
    module: str, tmp_path: Path, capfd: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    assert main(["compile", module, "-o", str(cache)]) == 0
    (file,) = cache.iterdir()
    assert capfd.readouterr() == (f"{file}: 2 functions compiled, 0 were there\n", "")
    assert main(["compile", module, "--cache", str(cache), "--workers", "0"]) == 0
    assert capfd.readouterr().out == f"{file}: 0 functions compiled, 2 were there\n"
    forbid(monkeypatch)
    said: list[int] = []
    runtime = wazero.Runtime("compiler", cache=cache)
    exports = runtime.instantiate(Path(module), {"env": {"log": said.append}}).exports
    assert exports.area(3.0, 4.0) == 12.0
    exports.say()
    assert said == [7]


def test_run_has_the_same_cache(
    guest: Callable[[str], str], tmp_path: Path, capfd: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, cache = guest("args"), str(tmp_path / "cache")
    assert main(["run", "--cache", cache, program, "a"]) == 0
    assert capfd.readouterr().out == "args.wat\0a\0"
    gc.collect()  # as at the end of the process
    forbid(monkeypatch)
    monkeypatch.setenv("WAZERO_CACHE", cache)
    assert main(["run", program, "b"]) == 0
    assert capfd.readouterr().out == "args.wat\0b\0"
    assert wazero.run(program, "c", cache=cache).stdout == b"args.wat\0c\0"


def test_a_program_that_has_run_is_in_the_cache(
    guest: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, cache = guest("fail"), tmp_path / "cache"
    assert wazero.run(program, cache=cache).returncode == 3
    forbid(monkeypatch)
    assert wazero.run(program, cache=cache).returncode == 3


def test_dump_shows_the_stages_that_are_asked_for(module: str, capfd: Captured) -> None:
    assert main(["compile", module, "--dump", "asm,ssa", "--function", "area"]) == 0
    out = capfd.readouterr().out
    assert [line for line in out.splitlines() if line[0] == ";"][:3] == [
        "; $area",
        "; function 1, asm",
        next(line for line in out.splitlines() if "bytes of code" in line),
    ]
    assert "; function 1, ssa\n" in out
    assert "f64.mul v0, v1" in out
    assert "opt" not in out
    assert main(["compile", module, "--dump", "opt"]) == 0
    out = capfd.readouterr().out
    assert out.count(", opt\n") == 2
    assert "; $report" in out


def test_a_dump_goes_on_after_what_cannot_be_compiled(tmp_path: Path, capfd: Captured) -> None:
    path = tmp_path / "tail.wat"
    path.write_text("(module (func $tail (return_call $other)) (func $other))", encoding="utf-8")
    assert main(["compile", str(path), "--dump", "ssa"]) == 0
    out = capfd.readouterr().out
    assert "; function 0: return_call is not supported" in out
    assert "; function 1, ssa\n" in out
    assert main(["compile", str(path), "--dump", "ssa", "--function", "tail"]) == 1
    assert "return_call is not supported" in capfd.readouterr().err
    assert main(["compile", str(path), "-o", str(tmp_path / "cache")]) == 0
    assert "1 functions compiled, 0 were there, 1 use instructions" in capfd.readouterr().out


def test_a_dump_fills_no_cache(module: str, tmp_path: Path, capfd: Captured) -> None:
    assert main(["compile", module, "--dump", "ssa", "--function", "2", "--cache", str(tmp_path / "cache")]) == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dump", "ssa", "--function", "log"], "function log is imported"),
        (["--dump", "ssa", "--function", "nobody"], "there is no function 'nobody'"),
        (["--function", "17"], "there is no function 17"),
    ],
)
def test_functions_that_are_not_there(
    module: str, tmp_path: Path, capfd: Captured, arguments: list[str], message: str
) -> None:
    assert main(["compile", module, "-o", str(tmp_path / "cache"), *arguments]) == 1
    assert message in capfd.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--dump", "ssa,all"], ["--dump", ""]])
def test_arguments_that_make_no_sense(module: str, capfd: Captured, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["compile", module, *arguments])
    assert exit_.value.code == 2
    assert capfd.readouterr().out == ""


def test_an_invalid_module_is_not_compiled(tmp_path: Path, capfd: Captured) -> None:
    path = tmp_path / "wrong.wat"
    path.write_text("(module (func $f (result i32) (i64.const 0)))", encoding="utf-8")
    for arguments in (["-o", str(tmp_path / "cache")], ["--dump", "asm"]):
        assert main(["compile", str(path), *arguments]) == 1
        captured = capfd.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"wazero: {path}: type mismatch")


def test_a_cache_that_others_can_write_is_refused(
    module: str, guest: Callable[[str], str], tmp_path: Path, capfd: Captured
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    assert main(["compile", module, "-o", str(cache)]) == 1
    assert capfd.readouterr().err.startswith(f"wazero: {cache}: compiled code is kept where only its owner can write")
    assert main(["run", "--cache", str(cache), guest("args")]) == 126
    assert capfd.readouterr().err.startswith(f"wazero: {cache}: ")


def test_the_portable_engine_makes_no_cache(tmp_path: Path) -> None:
    runtime = wazero.Runtime("interpreter", cache=tmp_path / "cache")
    assert runtime.instantiate('(module (func (export "f") (result i32) (i32.const 1)))').exports.f() == 1
    assert not (tmp_path / "cache").exists()
