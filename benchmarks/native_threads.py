"""What calls without the GIL gain and cost.

python -m benchmarks.native_threads [millions of iterations]

The same loop in two stores, one after the other and in two threads at once, in turns, seven times; then what short
calls cost with the GIL and without.
"""

import sys
import threading
import time
import timeit

from wasm_interp import Store
from wasm_jit import Compiler

MODULE = """
(module
  (import "host" "same" (func $same (param i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "host") (param $n i32)
    (loop $again
      (drop (call $same (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "work") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 31)) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))
"""


def main(millions: int) -> None:
    """Print the table."""
    print(f"CPython {sys.version.split()[0]}")
    for release_gil in (False, True):
        exports = [
            Store(Compiler(release_gil=release_gil)).instantiate(MODULE, {"host": {"same": int}}).exports
            for _ in range(2)
        ]
        works = [found.work for found in exports]
        ratios = sorted(_threaded(works, millions * 1_000_000) for _ in range(7))
        words = "without the GIL" if release_gil else "with the GIL"
        print(f"{words:16} two threads / one after the other: best {ratios[0]:.2f}, median {ratios[3]:.2f}")
        for name, call, per in (("add(2, 3)", "add(2, 3)", 1), ("a host call", "host(100)", 100)):
            names = {"add": exports[0].add, "host": exports[0].host}
            best = min(timeit.repeat(call, globals=names, number=100_000 // per, repeat=9)) / 100_000
            print(f"{words:16} {name:12} {best * 1e9:7.1f} ns")


def _threaded(works: "list[object]", count: int) -> float:
    """Time in two threads, as part of the time that it takes one after the other."""
    calls = [work for work in works if callable(work)]
    start = time.perf_counter()
    for call in calls:
        call(count)
    middle = time.perf_counter()
    threads = [threading.Thread(target=call, args=(count,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - middle) / (middle - start)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
