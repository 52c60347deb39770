"""The identifiers of a text, as the name section keeps them (specification, appendix "Name Section")."""

from ..binary.leb128 import unsigned


class Names:
    """What the text calls the module and what is in it; indices lead to names without ``$``."""

    __slots__ = ("fields", "labels", "locals", "module", "spaces")

    def __init__(self) -> None:
        self.module: str | None = None
        #: by index space: type, func, table, memory, global, tag, elem, data
        self.spaces: dict[str, dict[int, str]] = {}
        #: by function index and local index; by function index and number of the block; by type index and field index
        self.locals: dict[int, dict[int, str]] = {}
        self.labels: dict[int, dict[int, str]] = {}
        self.fields: dict[int, dict[int, str]] = {}

    def encode(self) -> bytes:
        """The contents of the name section; empty if nothing has a name."""
        out = bytearray()
        if self.module is not None:
            out += _subsection(0, _name(self.module))
        for number, space in enumerate(_SUBSECTIONS):
            if space in ("locals", "labels", "fields"):
                nested: dict[int, dict[int, str]] = getattr(self, space)
                names = {index: inner for index, inner in nested.items() if inner}
                if names:
                    pairs = [unsigned(index) + _name_map(names[index]) for index in sorted(names)]
                    out += _subsection(number, unsigned(len(pairs)) + b"".join(pairs))
            elif self.spaces.get(space):
                out += _subsection(number, _name_map(self.spaces[space]))
        return bytes(out)


#: What the subsections are about, by their ids.
_SUBSECTIONS = (
    "", "func", "locals", "labels", "type", "table", "memory", "global", "elem", "data", "fields", "tag",
)  # fmt: skip


def _subsection(number: int, content: bytes) -> bytes:
    return bytes((number,)) + unsigned(len(content)) + content


def _name(name: str) -> bytes:
    content = name.encode()
    return unsigned(len(content)) + content


def _name_map(names: dict[int, str]) -> bytes:
    return unsigned(len(names)) + b"".join([unsigned(index) + _name(names[index]) for index in sorted(names)])
