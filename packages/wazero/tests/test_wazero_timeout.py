"""Timeouts in the façade and on the command line."""

import math
from pathlib import Path

import pytest
import wazero
from wazero.cli import main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wazero.runtime import EngineName

ENGINES = pytest.mark.parametrize("engine", ["auto", "interpreter"])
SPIN = '(module (func (export "spin") (loop $again (br $again))) (func (export "seven") (result i32) (i32.const 7)))'
#: of WebAssembly 3.0, which only the portable engine runs
TAIL = '(module (func $spin (export "spin") (return_call $spin)) (func (export "seven") (result i32) (i32.const 7)))'
PROGRAM = """(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\08\\00\\00\\00\\05\\00\\00\\00hello")
    (func $spin (loop $again (br $again)))
    (func (export "_start")
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
      (call $spin)))"""
LONG = 30.0


@ENGINES
@pytest.mark.parametrize("text", [SPIN, TAIL])
def test_a_runtime_times_each_call(engine: "EngineName", text: str) -> None:
    runtime = wazero.Runtime(engine, timeout=0.05)
    assert runtime.timeout == 0.05
    one = runtime.instantiate(text)
    for _ in range(2):
        with pytest.raises(wazero.TimeoutExpired):
            one.exports.spin()
        assert one.exports.seven() == 7
    patient = runtime.instantiate(text, timeout=LONG)
    with pytest.raises(wazero.TimeoutExpired), wazero.timeout(0.05):
        patient.exports.spin()


@ENGINES
def test_a_start_function_is_timed(engine: "EngineName") -> None:
    with pytest.raises(wazero.TimeoutExpired):
        wazero.Runtime(engine).instantiate("(func $f (loop $a (br $a))) (start $f)", timeout=0.05)


@pytest.mark.parametrize("bad", [0, -1.0, math.nan])
def test_what_is_no_timeout(bad: float) -> None:
    with pytest.raises(ValueError, match="seconds above 0"):
        wazero.Runtime(timeout=bad)


@ENGINES
def test_a_program_that_runs_too_long(engine: "EngineName") -> None:
    with pytest.raises(TimeoutError, match=r"timed out after 0\.1 seconds") as caught:
        wazero.run(PROGRAM, timeout=0.1, engine=engine)
    calls, said = caught.value.__notes__
    assert calls.splitlines()[1:] == ["  module!spin (function 1)", "  module!_start (function 2)"]
    assert said == "the program's stderr:\nhello"
    with pytest.raises(wazero.TimeoutExpired), wazero.timeout(0.1):
        wazero.run(PROGRAM, engine=engine)


@ENGINES
def test_the_command_line_gives_up(tmp_path: Path, capfd: pytest.CaptureFixture[str], engine: str) -> None:
    file = tmp_path / "endless.wat"
    file.write_text(PROGRAM)
    assert main(["run", "--timeout", "0.1", "--engine", engine, str(file)]) == 124
    assert capfd.readouterr().err.startswith(f"hellowazero: {file}: timed out after 0.1 seconds\nWebAssembly calls")
    file.write_text(SPIN)
    assert main(["run", str(file), "--timeout=30", "--engine", engine, "--invoke", "seven"]) == 0
    assert capfd.readouterr().out == "7\n"


@pytest.mark.parametrize("bad", ["0", "-1", "soon", "nan"])
def test_what_the_command_line_takes_for_no_timeout(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", f"--timeout={bad}", "x.wasm"])
    assert "is no number of seconds above 0" in capsys.readouterr().err
