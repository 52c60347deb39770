"""Small WASI programs, as text, that the tests of the façade and of the command line share."""

from collections.abc import Callable
from pathlib import Path

import pytest

_PRELUDE = """(module $guest
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; write some bytes to a file descriptor; 0 to 11 are scratch
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable)))
  ;; copy everything from one file descriptor to another
  (func $copy (param $from i32) (param $to i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 4096))
      (i32.store (i32.const 4) (i32.const 4096))
      (if (call $fd_read (local.get $from) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (if (i32.load (i32.const 8))
        (then
          (call $write (local.get $to) (i32.const 4096) (i32.load (i32.const 8)))
          (br $more)))))
"""

_PROGRAMS = {
    # its arguments, each ended by a NUL, as the system lays them out
    "args": """(func (export "_start")
        (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $args_get (i32.const 4096) (i32.const 8192)))
        (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))))""",
    "env": """(func (export "_start")
        (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $environ_get (i32.const 4096) (i32.const 8192)))
        (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))))""",
    "cat": """(func (export "_start") (call $copy (i32.const 0) (i32.const 1))))""",
    "fail": """(data (i32.const 100) "out\\n") (data (i32.const 110) "err\\n")
      (func (export "_start")
        (call $write (i32.const 1) (i32.const 100) (i32.const 4))
        (call $write (i32.const 2) (i32.const 110) (i32.const 4))
        (call $proc_exit (i32.const 3))
        unreachable))""",
    "trap": """(data (i32.const 100) "panic: no more\\n")
      (func $inner (call $write (i32.const 2) (i32.const 100) (i32.const 15)) unreachable)
      (func $start (export "_start") (call $inner)))""",
    # prints the file note.txt of the first mounted folder, or exits with the errno
    "file": """(data (i32.const 100) "note.txt")
      (func (export "_start") (local $errno i32)
        (local.set $errno
          (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 8) (i32.const 0) (i64.const 2)
            (i64.const 0) (i32.const 0) (i32.const 32)))
        (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
        (call $copy (i32.load (i32.const 32)) (i32.const 1))))""",
    # creates the file note.txt there, or exits with the errno
    "create": """(data (i32.const 100) "note.txt")
      (func (export "_start")
        (call $proc_exit
          (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 8) (i32.const 1) (i64.const 64)
            (i64.const 0) (i32.const 0) (i32.const 32)))))""",
    # 8 bytes of the real-time clock, 8 bytes of the monotonic one, 8 random bytes
    "chance": """(func (export "_start")
        (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 4096)))
        (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 4104)))
        (drop (call $random_get (i32.const 4112) (i32.const 8)))
        (call $write (i32.const 1) (i32.const 4096) (i32.const 24))))""",
    "forever": """(data (i32.const 100) "ready\\n")
      (func (export "_start")
        (call $write (i32.const 1) (i32.const 100) (i32.const 6))
        (loop $again (br $again))))""",
    # as "flood", but it does not look at what became of its output
    "deaf": """(data (i32.const 100) "again and again\\n")
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 100))
        (i32.store (i32.const 4) (i32.const 16))
        (loop $again
          (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br $again))))""",
    "flood": """(data (i32.const 100) "again and again\\n")
      (func (export "_start") (loop $again (call $write (i32.const 1) (i32.const 100) (i32.const 16)) (br $again))))""",
}


@pytest.fixture
def guest(tmp_path: Path) -> Callable[[str], str]:
    """Writes one of the programs to a file and returns its path."""

    def write(name: str) -> str:
        path = tmp_path / f"{name}.wat"
        path.write_text(_PRELUDE + _PROGRAMS[name], encoding="utf-8")
        return str(path)

    return write
