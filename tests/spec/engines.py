"""The engines that run the suites.  Another engine is one more line."""

from collections.abc import Callable

import wasm_jit
from wasm_interp import Engine, Interpreter

#: How to make each engine, and the suites that it runs; of the others only the verdicts on modules are looked at.
ENGINES: dict[str, tuple[Callable[[], Engine], tuple[str, ...]]] = {
    "interpreter": (
        Interpreter,
        ("core-1.0", "core-2.0", "core-3.0", "proposals/custom-page-sizes", "proposals/wide-arithmetic"),
    ),
}
if wasm_jit.unavailable() is None:
    ENGINES["compiler"] = (wasm_jit.Compiler, ("core-1.0", "core-2.0"))
    # as where there is no address space to guard memories with
    ENGINES["compiler-without-guards"] = (lambda: wasm_jit.Compiler(guarded=False), ("core-1.0", "core-2.0"))


def make(name: str) -> Engine:
    """A new engine with that name."""
    return ENGINES[name][0]()
