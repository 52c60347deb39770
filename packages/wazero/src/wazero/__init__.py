"""The zero-dependency WebAssembly runtime for Python.

``Runtime`` loads, links and calls modules; ``run`` runs a WASI program as ``subprocess.run`` runs a native one.  Every
name below is imported when it is first used, so that ``import wazero`` itself costs next to nothing.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasi import Wasi
    from wasm_decoder import DecodeError, Features, Module, ParseError, ValidationError, WasmError
    from wasm_interp import (
        ExitError,
        Function,
        Global,
        HostFunction,
        Instance,
        Interpreter,
        LinkError,
        Memory,
        Store,
        Table,
        TimeoutExpired,
        Trap,
        timeout,
    )

    from .host import HostModule, externref, f32, f64, funcref, i32, i64, v128
    from .program import CompletedRun, FailedRun, run
    from .runtime import EngineUnavailable, Runtime
    from .source import load

__all__ = [
    "CompletedRun",
    "DecodeError",
    "EngineUnavailable",
    "ExitError",
    "FailedRun",
    "Features",
    "Function",
    "Global",
    "HostFunction",
    "HostModule",
    "Instance",
    "Interpreter",
    "LinkError",
    "Memory",
    "Module",
    "ParseError",
    "Runtime",
    "Store",
    "Table",
    "TimeoutExpired",
    "Trap",
    "ValidationError",
    "Wasi",
    "WasmError",
    "externref",
    "f32",
    "f64",
    "funcref",
    "i32",
    "i64",
    "load",
    "run",
    "timeout",
    "v128",
]

#: where each public name lives
_HOMES = {
    name: home
    for home, names in {
        "wasi": "Wasi",
        "wasm_decoder": "DecodeError Features Module ParseError ValidationError WasmError",
        "wasm_interp": "ExitError Function Global HostFunction Instance Interpreter LinkError Memory Store Table "
        "TimeoutExpired Trap timeout",
        "wazero.host": "HostModule externref f32 f64 funcref i32 i64 v128",
        "wazero.program": "CompletedRun FailedRun run",
        "wazero.runtime": "EngineUnavailable Runtime",
        "wazero.source": "load",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(_HOMES[name], fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
