"""What an engine is to a store."""

from .globals import Global
from .memory import Memory
from .table import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasm_decoder.features import Features
    from wasm_decoder.syntax.types import GlobalType, MemType, TableType

    from .function import Function
    from .instance import Instance


class Engine:
    """Turns modules into callable functions, and makes the memories, tables and globals that it can work on.

    Attributes:
        name: the word that users choose it by.
        host_guard: what is called before and after each host function, the second with what the first returned; None
            for nothing.
    """

    name = ""
    host_guard: "tuple[Callable[[], int], Callable[[int], None]] | None" = None

    def memory(self, type: "MemType") -> Memory:
        """A new memory of the minimum size."""
        return Memory(type)

    def table(self, type: "TableType", init: object) -> Table:
        """A new table of the minimum size, filled with ``init``; the type is closed."""
        return Table(type, init)

    def global_(self, type: "GlobalType", raw: object) -> Global:
        """A new global; the type is closed, the value in the representation of ``values``."""
        return Global(type, raw)

    def link(self, instance: "Instance", features: "Features", lazy: bool) -> None:
        """Get ready to run an instance whose imports are known and whose own parts are about to be made.

        With ``lazy`` the bodies have not been validated; the engine does it before it runs one.
        """
        raise NotImplementedError

    def exported(self, function: "Function") -> object:
        """What an instance's exports show for a function; by default the function itself."""
        return function

    def function(self, instance: "Instance", index: int) -> "Function":
        """A function object for that index, defined by the instance's module.

        The instance asks once for each index, unless several threads want the same one at the same time; ``functions``
        tells whose it takes.
        """
        raise NotImplementedError

    def functions(self, instance: "Instance", indices: "Sequence[int]") -> None:
        """Have the instance know these functions, which it does not yet."""
        for index in indices:
            instance.keep(self.function(instance, index))
