"""Run WebAssembly in pure Python: store, instances, memories, host functions and a portable engine."""

from wasm_decoder import WasmError

from .exec.engine import Interpreter
from .runtime.deadlines import TimeoutExpired, time_left, timeout
from .runtime.engine import Engine
from .runtime.function import Function, function_of
from .runtime.globals import Global
from .runtime.host import HostFunction
from .runtime.instance import Exports, Instance
from .runtime.memory import Memory
from .runtime.store import Store
from .runtime.table import Table
from .runtime.tag import Tag, WasmException
from .runtime.traps import (
    ArrayOutOfBounds,
    CallStackExhausted,
    CastFailure,
    DivideByZero,
    ExitError,
    Frame,
    IndirectCallTypeMismatch,
    IntegerOverflow,
    InvalidConversion,
    LinkError,
    MemoryOutOfBounds,
    NullReference,
    ResourceError,
    TableOutOfBounds,
    Trap,
    UndefinedElement,
    UninitializedElement,
    Unreachable,
    UnsupportedError,
)

__version__ = "0.1.0"
__all__ = [
    "ArrayOutOfBounds",
    "CallStackExhausted",
    "CastFailure",
    "DivideByZero",
    "Engine",
    "ExitError",
    "Exports",
    "Frame",
    "Function",
    "Global",
    "HostFunction",
    "IndirectCallTypeMismatch",
    "Instance",
    "IntegerOverflow",
    "Interpreter",
    "InvalidConversion",
    "LinkError",
    "Memory",
    "MemoryOutOfBounds",
    "NullReference",
    "ResourceError",
    "Store",
    "Table",
    "TableOutOfBounds",
    "Tag",
    "TimeoutExpired",
    "Trap",
    "UndefinedElement",
    "UninitializedElement",
    "Unreachable",
    "UnsupportedError",
    "WasmError",
    "WasmException",
    "function_of",
    "time_left",
    "timeout",
]
