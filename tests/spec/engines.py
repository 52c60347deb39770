"""The engines that run the suites.  Another engine is one more line."""

from collections.abc import Callable

from wasm_interp import Engine, Interpreter

ENGINES: dict[str, Callable[[], Engine]] = {
    "interpreter": Interpreter,
}

#: The suites whose scripts are run; of the others only the verdicts on modules are looked at.
EXECUTED = ("core-1.0", "core-2.0")
