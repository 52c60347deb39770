"""Functions that the host offers to modules (specification, section "Host Functions")."""

from types import MethodType

from .adapters import host_code
from .function import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wasm_decoder.syntax.types import FuncType
    from wasm_decoder.valid.matching import DefType

    from .instance import Instance


class HostFunction:
    """A Python function that modules can import.  It belongs to no store and may be offered to any number of them.

    The callable takes one positional argument for each parameter (i32 and i64 as signed ints, f32 and f64 as floats,
    v128 as 16 bytes, references as they are) and returns nothing, one value, or a tuple of several, as its type says;
    anything else is a TypeError that names the function.  Exceptions that it raises pass through WebAssembly unchanged.

    Attributes:
        type: its function type.
        call: the Python function.
        name: what messages call it; by default the callable's own name.
        caller: whether ``call`` gets the instance that calls it as an additional first argument.
    """

    __slots__ = ("call", "caller", "name", "type")

    def __init__(
        self, type: "FuncType", call: "Callable[..., object]", *, name: str = "", caller: bool = False
    ) -> None:
        self.type = type
        self.call = call
        self.name = name or getattr(call, "__name__", "") or repr(call)
        self.caller = caller

    def __repr__(self) -> str:
        return f"<HostFunction {self.name}: {self.type}>"


def host_function(host: HostFunction, deftype: "DefType", instance: "Instance") -> Function:
    """The function that an instance gets when it imports a host function."""
    caller = instance if host.caller else None
    guard = instance.engine.host_guard
    bound = MethodType(host.call, caller) if caller is not None else host.call
    # an engine that calls ``host`` itself has no use for the code
    return Function(
        deftype,
        None,
        name=host.name,
        host=bound,
        make=lambda: host_code(host.type, host.call, host.name, caller, guard),
    )
