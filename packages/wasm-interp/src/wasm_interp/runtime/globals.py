"""Global variables (specification, section "Global Instances")."""

from .values import from_wasm, to_wasm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.types import GlobalType


class Global:
    """A global variable.

    Attributes:
        type: its type, closed.
        raw: its value in the representation of ``values``, for engines.
    """

    __slots__ = ("__weakref__", "raw", "type")

    def __init__(self, type: "GlobalType", raw: object) -> None:
        self.type = type
        self.raw = raw

    @property
    def value(self) -> object:
        """The value as Python sees it.

        Setting it raises AttributeError if the global is immutable, TypeError or OverflowError if the new value is not
        of its type.
        """
        return from_wasm(self.type.type, self.raw)

    @value.setter
    def value(self, value: object) -> None:
        if not self.type.mutable:
            raise AttributeError("the global is immutable")
        self.raw = to_wasm(self.type.type, value)

    def __repr__(self) -> str:
        return f"<Global: {'mut ' if self.type.mutable else ''}{self.type.type} = {self.value!r}>"
