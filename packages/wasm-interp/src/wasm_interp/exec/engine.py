"""The portable engine."""

from ..runtime.engine import Engine
from .calls import HOST_GUARD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder import Features

    from ..runtime.function import Function
    from ..runtime.instance import Instance
    from .linked import Linked


class Interpreter(Engine):
    """The portable engine: each body is translated into Python source, compiled by Python, at its first call."""

    name = "interpreter"
    host_guard = HOST_GUARD

    def link(self, instance: "Instance", features: "Features", lazy: bool) -> None:
        """As ``Engine.link``."""
        from .linked import Linked

        instance.linked = Linked(instance, features if lazy else None)

    def function(self, instance: "Instance", index: int) -> "Function":
        """As ``Engine.function``."""
        return _linked(instance).function(index)

    @staticmethod
    def source(instance: "Instance", index: int) -> str:
        """The Python source that a function of an instance of this engine is translated into.

        ``index`` counts imported functions first.  Raises IndexError if it is not one that the module defines.
        """
        code = _linked(instance).code
        if not code.names.imported_funcs <= index < len(code.names.func_types):
            raise IndexError(f"the module defines no function {index}")
        return code.source(index).text


def _linked(instance: "Instance") -> "Linked":
    linked: Linked = instance.linked  # type: ignore[assignment]  # what link put there
    return linked
