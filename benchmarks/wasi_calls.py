"""What a WASI call costs on the portable engine.

python -m benchmarks.wasi_calls [calls]

A module in text calls one function in a loop; the row "loop alone" is the same loop around nothing, "empty host
function" around a Python function that does nothing.  Each row is the best of five; what can be compared is the ratio
to the empty host function.  Throughput is of data that goes to memory or to a file of the host.
"""

import sys
import tempfile
import time

from wasi import MemoryFS, Wasi
from wasm_decoder.syntax.types import FuncType
from wasm_interp import HostFunction, Store

MODULE = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "host" "empty" (func $empty))
  (memory (export "memory") 64)
  (data (i32.const 0) "\\00\\00\\01\\00\\01\\00\\00\\00")       ;; 0: one byte at 65536
  (data (i32.const 8) "\\00\\00\\01\\00\\00\\00\\01\\00")       ;; 8: 64 KiB at 65536
  (data (i32.const 16) "\\00\\00\\01\\00\\00\\00\\10\\00")      ;; 16: 1 MiB at 65536
  (data (i32.const 64) "a.txt")
  (func (export "loop alone") (param $n i32)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "empty host function") (param $n i32)
    (loop $again
      (call $empty)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
%s)
"""
#: name, call, bytes that it moves
CALLS = [
    ("clock_time_get", "(call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 32))", 0),
    ("random_get, 16 bytes", "(call $random_get (i32.const 65536) (i32.const 16))", 16),
    ("fd_write, 1 byte, null", "(call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 32))", 1),
    ("fd_write, 1 byte, captured", "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))", 1),
    (
        "fd_write, 64 KiB, captured",
        "(call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32))",
        1 << 16,
    ),
    (
        "path_filestat_get, host",
        "(call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 5) (i32.const 128))",
        0,
    ),
    *[
        (
            f"fd_p{verb}, {label}, {where}",
            f"(call $fd_p{verb} (i32.const {fd}) (i32.const {iovec}) (i32.const 1) (i64.const 0) (i32.const 32))",
            size,
        )
        for fd, where in ((5, "host"), (6, "memory"))
        for verb in ("write", "read")
        for label, iovec, size in (("1 byte", 0, 1), ("64 KiB", 8, 1 << 16), ("1 MiB", 16, 1 << 20))
    ],
]


def text() -> str:
    """The module."""
    functions = [
        f'  (func (export "{name}") (param $n i32)\n    (loop $again\n      (if {call} (then unreachable))\n'
        "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))\n"
        for name, call, _ in CALLS
    ]
    opens = "".join(
        f"    (drop (call $path_open (i32.const {fd}) (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 1)"
        " (i64.const 0x1fffffff) (i64.const 0) (i32.const 0) (i32.const 32)))\n"
        for fd in (3, 4)
    )
    return MODULE % ("".join(functions) + f'  (func (export "open")\n{opens})\n')


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"Python {sys.version.split()[0]} ({sys.implementation.name}), {calls} calls, best of 5\n")
    with tempfile.TemporaryDirectory() as folder, Wasi(stderr="null", mounts={"/": folder, "/m": MemoryFS()}) as wasi:
        empty = HostFunction(FuncType((), ()), lambda: None)
        store = Store()
        instance = store.instantiate(text(), {"wasi_snapshot_preview1": wasi.imports(), "host": {"empty": empty}})
        instance.exports["open"]()
        captured = wasi._streams["stdout"]
        loop = host = 0.0
        print(f"{'':34}{'ns a call':>10}{'× empty':>9}{'MB/s':>9}")
        for name, size in [("loop alone", 0), ("empty host function", 0), *((name, size) for name, _, size in CALLS)]:
            count = max(min(calls, (256 << 20) // max(size, 1)), 1)
            best = float("inf")
            for _ in range(5):
                captured.data.seek(0)
                captured.data.truncate()
                start = time.perf_counter()
                instance.exports[name](count)
                best = min(best, time.perf_counter() - start)
            cost = best / count * 1e9
            if name == "loop alone":
                loop = cost
            else:
                cost -= loop
            host = cost if name == "empty host function" else host
            # PyPy makes nothing of the empty call, and everything of nothing
            ratio = f"{cost / host:9.1f}" if host > 5 else f"{'':9}"
            rate = f"{size / cost * 1e3:9.0f}" if size > 1000 else ""
            print(f"{name:34}{cost:10.0f}{ratio}{rate}")


if __name__ == "__main__":
    main()
