"""``wazero run``: whose options are whose, streams, exit codes, --invoke, errors in one line."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from wazero.cli import main
from wazero.cli.run import split

Guest = Callable[[str], str]
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("line", "theirs"),
    [
        ("app.wasm", ""),
        ("app.wasm a b", "a b"),
        ("--env A=1 app.wasm a", "a"),
        ("--mount=.:/ app.wasm --verbose", "--verbose"),
        ("app.wasm --mount .:/ README.md", "README.md"),
        ("app.wasm --mount .:/ --env=A=1 x --env B=2", "x --env B=2"),
        ("app.wasm -- --env B=2", "--env B=2"),
        ("app.wasm --mount .:/ -- --env", "--env"),
        ("app.wasm --help", "--help"),
        ("app.wasm -v --env A=1", "-v --env A=1"),
        ("app.wasm --invoke add -1 2", "-1 2"),
        ("app.wasm a -- b", "a -- b"),
        ("app.wasm -", "-"),
    ],
)
def test_options_directly_behind_the_file_are_ours(line: str, theirs: str) -> None:
    words = line.split()
    ours, rest = split(words)
    assert rest == theirs.split()
    assert [*ours, *(["--"] if "--" in words and "--" not in rest else []), *rest] == words


def test_the_exit_code_and_the_streams_are_the_programs(guest: Guest, capfd: Captured) -> None:
    assert main(["run", guest("fail")]) == 3
    assert capfd.readouterr() == ("out\n", "err\n")


def test_arguments_environment_and_folders(guest: Guest, capfd: Captured, tmp_path: Path) -> None:
    assert main(["run", guest("args"), "--env", "A=1", "one", "--env", "B=2"]) == 0
    assert capfd.readouterr().out == "args.wat\0one\0--env\0B=2\0"
    os.environ["PASSED_ON"] = "yes"
    assert main(["run", "--env", "A=1", guest("env"), "--env", "PASSED_ON"]) == 0
    assert capfd.readouterr().out == "A=1\0PASSED_ON=yes\0"
    (tmp_path / "note.txt").write_text("found", encoding="utf-8")
    assert main(["run", guest("file"), "--mount", f"{tmp_path}:/"]) == 0
    assert capfd.readouterr().out == "found"


def test_a_read_only_folder_stays_as_it_is(guest: Guest, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert main(["run", guest("create"), "--mount", f"{folder}:/:ro"]) != 0
    assert list(folder.iterdir()) == []
    assert main(["run", guest("create"), "--mount", f"{folder}:/"]) == 0
    assert [path.name for path in folder.iterdir()] == ["note.txt"]


def test_standard_input_is_inherited(guest: Guest) -> None:
    done = subprocess.run([sys.executable, "-m", "wazero", "run", guest("cat")], input=b"a\0b", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a\0b", b"")


INVOKED = """(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "half") (param f32) (result f32) (f32.div (local.get 0) (f32.const 2)))
  (func (export "both") (param i64) (result i64 f64) (local.get 0) (f64.convert_i64_s (local.get 0)))
  (func (export "nothing"))
  (memory (export "memory") 1)
  (func $divide (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))"""


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("add 40 2", "42\n"),
        ("add -1 -1", "-2\n"),
        ("add 0xffffffff 1", "0\n"),
        ("half 0.2", "0.1\n"),
        ("both -5", "-5\n-5.0\n"),
        ("nothing", ""),
    ],
)
def test_invoke_reads_arguments_and_prints_results(words: str, printed: str, tmp_path: Path, capfd: Captured) -> None:
    path = tmp_path / "invoked.wat"
    path.write_text(INVOKED, encoding="utf-8")
    assert main(["run", str(path), "--invoke", *words.split()]) == 0
    assert capfd.readouterr().out == printed


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("missing", 126, "add, half, both, nothing, divide"),
        ("memory", 126, "no function 'memory'"),
        ("add 1", 126, "add(i32, i32) takes 2 arguments, not 1"),
        ("add 1 two", 126, "'two' is no i32"),
        ("add 1 4294967296", 126, "4294967296"),
        ("divide 0", 134, "trap: integer divide by zero"),
    ],
)
def test_invoke_complains_in_one_line(words: str, code: int, message: str, tmp_path: Path, capfd: Captured) -> None:
    path = tmp_path / "invoked.wat"
    path.write_text(INVOKED, encoding="utf-8")
    assert main(["run", str(path), "--invoke", *words.split()]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"wazero: {path}: ")
    assert message in err.splitlines()[0]


@pytest.mark.parametrize("engine", ["auto", "interpreter"])
def test_a_trap_prints_its_frames(engine: str, guest: Guest, capfd: Captured) -> None:
    path = guest("trap")
    assert main(["run", path, "--engine", engine]) == 134
    lines = capfd.readouterr().err.splitlines()
    assert lines[:2] == ["panic: no more", f"wazero: {path}: trap: unreachable"]
    frames = [line.split(" (")[0].strip() for line in lines[2:] if line.startswith(" ")]
    assert frames == ["trap.wat!inner", "trap.wat!start"]


def test_what_cannot_run_says_why(tmp_path: Path, capfd: Captured) -> None:
    for name, content, code, message in [
        ("bad.wasm", b"\0asm\2\0\0\0", 126, "unknown binary version (at offset 0x4)"),
        ("bad.wat", b"(module (funk))", 126, "line 1, column "),
        ("none.wasm", None, 127, "No such file"),
        ("library.wat", b'(module (func (export "f")))', 126, "exports no _start"),
        ("wants.wat", b'(module (import "env" "f" (func)) (func (export "_start")))', 126, "env"),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        assert main(["run", str(path)]) == code
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"wazero: {path}: ")
        assert message in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "FILE"),
        ("--unknown app.wasm", "--unknown"),
        ("app.wasm --mount nowhere", "HOST:GUEST"),
        ("app.wasm --mount /no/such/folder:/", "No such file"),
        ("app.wasm --features core-9", "core-9"),
        ("app.wasm --engine fast", "fast"),
    ],
)
def test_wrong_options_end_with_2(words: str, message: str, capfd: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", *words.split()])
    assert ended.value.code == 2
    assert message in capfd.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("engine", ["auto", "interpreter"])
def test_ctrl_c_ends_a_program_that_runs_forever(engine: str, guest: Guest) -> None:
    command = [sys.executable, "-m", "wazero", "run", "--engine", engine, guest("forever")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()  # or a failure would wait for ever
    assert (process.returncode, err) == (130, b"")


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("name", ["flood", "deaf"])
def test_a_reader_that_leaves_ends_a_program_that_looks_at_no_error(name: str, guest: Guest) -> None:
    command = [sys.executable, "-m", "wazero", "run", guest(name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"again and again\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == -signal.SIGPIPE
