"""Programs built from C, and modules in text, on the portable engine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasi import MemoryFS, ReadOnly, SteppingClock, Wasi
from wasm_interp import ExitError, Store

if TYPE_CHECKING:
    from collections.abc import Iterable


def run(module: "bytes | str", **options: Any) -> tuple[int, Wasi]:
    """Exit code and world of a program."""
    with Wasi(**options) as wasi:
        instance = Store().instantiate(module, {"wasi_snapshot_preview1": wasi.imports()}, validate="lazy")
        return wasi.start(instance), wasi


def drive(guests: Path, script: "Iterable[str]", **options: Any) -> list[str]:
    """What the driver prints for each line of the script."""
    code, wasi = run((guests / "driver.wasm").read_bytes(), stdin="\n".join([*script, ""]).encode(), **options)
    assert code == 0
    return wasi.stdout_bytes.decode().splitlines()


FILES_OUTPUT = b"""\
2 arguments, the last is x y; HOME is /home
7 bytes on stdin
note.txt has 8890 bytes
its last line is line 999
in /out: kept.txt
"""


@pytest.mark.parametrize("kind", ["host", "memory"])
def test_files(guests: Path, tmp_path: Path, kind: str) -> None:
    fs = MemoryFS()
    code, wasi = run(
        (guests / "files.wasm").read_bytes(),
        args=["files", "x y"],
        env={"HOME": "/home"},
        stdin=b"abc\ndef",
        mounts={"/": tmp_path if kind == "host" else fs},
    )
    assert wasi.captured == {"stdout": FILES_OUTPUT, "stderr": b"done\n"}
    assert code == 7
    written = (tmp_path / "out" / "kept.txt").read_bytes() if kind == "host" else fs["out/kept.txt"]
    assert written == b"".join(b"line %d\n" % i for i in range(1000))


def test_files_on_a_read_only_mount(guests: Path) -> None:
    code, wasi = run((guests / "files.wasm").read_bytes(), args=["files"], mounts={"/": ReadOnly({})})
    assert code == 1
    assert wasi.stderr_bytes == b"mkdir: Read-only file system\n"


def test_two_runs_are_the_same(guests: Path) -> None:
    def once() -> tuple[bytes, dict[str, bytes]]:
        fs = MemoryFS()
        _, wasi = run(
            (guests / "files.wasm").read_bytes(), args=["files"], mounts={"/": fs}, clock=SteppingClock(0), random=1
        )
        return wasi.stdout_bytes, dict(fs)

    assert once() == once()


def test_a_script_of_calls(guests: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello world")
    os.symlink("../..", tmp_path / "up")
    lines = {
        "open 3 1 a.txt 0 0x1fffffff 0 0": "open 0 4",
        "readv 4 5": 'readv 0 "hello"',
        "pread 4 5 6": 'pread 0 "world"',
        "pwrite 4 W 6": "pwrite 0 1",
        "seek 4 -5 2": "seek 0 6",
        "read 4 100": 'read 0 "World"',
        "tell 4": "tell 0 11",
        "writev 4 !?": "writev 0 2",
        "set_size 4 11": "set_size 0",
        "stat 4": "stat 0 type=4 size=11 nlink=1",
        "open 3 1 up/x 1 66 0 0": "open 63",
        "readdir 3 50": "readdir 0 .:3 ..:3 a.txt:4 up:7",
        "mkdir 3 d": "mkdir 0",
        "rename 3 a.txt 3 d/b.txt": "rename 0",
        "set_times 4 1 2 5": "set_times 0",
        "path_stat_times 3 0 d/b.txt": "path_stat_times 0 atim=1 mtim=2",
        "renumber 4 0": "renumber 0",
        "args": 'args 0 2 "driver\\x00x y\\x00"',
        "environ": 'environ 0 1 "A=1\\x00"',
        "clock 0": "clock 0 1 1",
        "resolution 1": "resolution 0 1",
        "sleep 1 1000 0": "sleep 0 1 userdata=42 error=0 type=0",
        "poll 2 1 1 77": "poll 0 1:0 3:8",
        "random": "random 0 1",
        "yield": "yield 0",
    }
    assert drive(guests, lines, args=["driver", "x y"], env={"A": "1"}, mounts={"/": tmp_path}) == list(lines.values())
    assert (tmp_path / "d" / "b.txt").read_bytes() == b"hello World"


HELLO = """
(module
  (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\\10\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start")
    (call $exit (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))
"""


def test_a_module_in_text() -> None:
    with Wasi() as wasi:
        instance = Store().instantiate(HELLO, {"wasi_unstable": wasi.imports("wasi_unstable")})
        assert wasi.start(instance) == 0
        assert wasi.stdout_bytes == b"hello\n"
        with pytest.raises(ExitError, match="exited before, with code 0"):
            wasi.start(instance)


def test_a_program_that_returns_and_a_library() -> None:
    with Wasi() as wasi:
        assert wasi.start(Store().instantiate('(module (func (export "_start")))')) == 0
        library = """(module (global (export "g") (mut i32) (i32.const 0))
          (func (export "_initialize") (global.set 0 (i32.const 7))))"""
        instance = Store().instantiate(library)
        assert wasi.start(instance) == 0
        assert instance.exports["g"].value == 7
        for neither in ("(module)", '(module (memory (export "_start") 1))'):
            with pytest.raises(ValueError, match="no WASI program"):
                wasi.start(Store().instantiate(neither))


@pytest.mark.parametrize("code", [0, 1, 127, 255, 4294967295])
def test_exit_codes(code: int) -> None:
    text = f"""(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "_start") (call $exit (i32.const {code})) unreachable))"""
    assert run(text)[0] == code
