"""What calls between Python and compiled code cost, beside operator.add, a Python function and (where it is) wasmtime.

python -m benchmarks.native_calls [calls]

Every row is the best of fifteen, taken in turns so that a busy machine slows all alike; the ratio is to
operator.add(2, 3).
"""

import operator
import sys
import timeit

from wasm_interp import Store
from wasm_jit import Compiler

MODULE = """
(module
  (import "host" "empty" (func $empty))
  (import "host" "same" (func $same (param i32) (result i32)))
  (func (export "nothing"))
  (func (export "add32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "addf") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "several") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
  (func (export "host") (param $n i32)
    (loop $again
      (call $empty)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "host32") (param $n i32)
    (loop $again
      (drop (call $same (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
"""


def empty() -> None:
    """What the host function does."""


def same(x: int) -> int:
    """The same with a value in and out."""
    return x


def main(calls: int) -> None:
    """Print the table."""
    exports = Store(Compiler()).instantiate(MODULE, {"host": {"empty": empty, "same": same}}).exports
    rows = {
        "operator.add(2, 3)": (operator.add, "f(2, 3)", 1),
        "add32(2, 3)": (exports.add32, "f(2, 3)", 1),
        "add64(2, 3)": (exports.add64, "f(2, 3)", 1),
        "add64(2**40, 3)": (exports.add64, "f(1099511627776, 3)", 1),
        "operator.add(2.5, 3.5)": (operator.add, "f(2.5, 3.5)", 1),
        "addf(2.5, 3.5)": (exports.addf, "f(2.5, 3.5)", 1),
        "nothing()": (exports.nothing, "f()", 1),
        "several(1, 2.5), a tuple": (exports.several, "f(1, 2.5)", 1),
        "a Python function of two ints": (lambda a, b: a + b, "f(2, 3)", 1),
        "host call: empty": (exports.host, "f(100)", 100),
        "host call: i32 in and out": (exports.host32, "f(100)", 100),
    }
    wasmtime_rows(rows)
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(15):
        for name, (function, statement, per) in rows.items():
            number = max(calls // (per * (100 if name.startswith("wasmtime") else 1)), 1)
            seconds = timeit.timeit(statement, globals={"f": function}, number=number) / number / per
            best[name] = min(best[name], seconds)
    unit = best["operator.add(2, 3)"]
    print(f"CPython {sys.version.split()[0]}")
    for name, seconds in best.items():
        print(f"{name:32} {seconds * 1e9:9.1f} ns {seconds / unit:9.2f}")


def wasmtime_rows(rows: "dict[str, tuple[object, str, int]]") -> None:
    """Add wasmtime's rows, if it is installed."""
    try:
        import wasmtime
    except ImportError:
        return
    store = wasmtime.Store()
    module = wasmtime.Module(store.engine, MODULE)
    empty_type = wasmtime.FuncType([], [])
    same_type = wasmtime.FuncType([wasmtime.ValType.i32()], [wasmtime.ValType.i32()])
    imports = [wasmtime.Func(store, empty_type, empty), wasmtime.Func(store, same_type, same)]
    exports = wasmtime.Instance(store, module, imports).exports(store)
    add, host = exports["add32"], exports["host"]
    assert isinstance(add, wasmtime.Func)
    assert isinstance(host, wasmtime.Func)
    rows["wasmtime: add32(2, 3)"] = (lambda: add(store, 2, 3), "f()", 1)
    rows["wasmtime: host call: empty"] = (lambda: host(store, 100), "f()", 100)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
