"""Exception tags (specification, section "Tag Instances")."""

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
