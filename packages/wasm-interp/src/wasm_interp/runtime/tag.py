"""Exception tags (specification, section "Tag Instances")."""

from wasm_decoder import WasmError

from .values import from_wasm, to_wasm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.types import FuncType
    from wasm_decoder.valid.matching import DefType


class Tag:
    """A tag: exceptions carry one, and two are the same only if they are the same object.

    Attributes:
        type: the function type whose parameters are the values that an exception with this tag carries.
        deftype: the defined type of it.
    """

    __slots__ = ("__weakref__", "deftype", "type")

    def __init__(self, deftype: "DefType") -> None:
        self.deftype = deftype
        self.type: FuncType = deftype.expand()  # type: ignore[assignment]  # tags have function types

    def __repr__(self) -> str:
        return f"<Tag: {self.type}>"


class WasmException(WasmError):
    """An exception of WebAssembly (specification, section "Exception Instances").

    A module throws and catches it; where no module does, it reaches the Python caller.  A host function may raise one
    for a module to catch.

    Attributes:
        tag: which exception it is.
        raw: the values that it carries, in the representation of ``values``.
    """

    def __init__(self, tag: Tag, values: "tuple[object, ...]" = ()) -> None:
        """An exception that carries the values as Python sees them.

        Raises TypeError or OverflowError if they are not of the tag's types.
        """
        types = tag.type.params
        if len(values) != len(types):
            raise TypeError(f"the tag's exceptions carry {len(types)} values, not {len(values)}")
        super().__init__(f"unhandled exception with tag {tag.type}")
        self.tag = tag
        self.raw = tuple([to_wasm(t, value) for t, value in zip(types, values, strict=True)])

    @property
    def values(self) -> "tuple[object, ...]":
        """The values that it carries, as Python sees them."""
        types = self.tag.type.params
        return tuple([from_wasm(t, value) for t, value in zip(types, self.raw, strict=True)])


def throw(tag: Tag, *raw: object) -> WasmException:
    """The exception that the instruction ``throw`` raises."""
    made = WasmException.__new__(WasmException)
    WasmError.__init__(made, f"unhandled exception with tag {tag.type}")
    made.tag = tag
    made.raw = raw
    return made
