"""The name section (specification, section "Name Section"), with the subsections of the extended names proposal.

A module can have hundreds of thousands of names of which a trace shows ten: nothing is read until it is asked for, and
a name becomes a string when it is looked up.
"""

from _collections_abc import Mapping  # what collections.abc is made of; does not load collections

from .._record import Record
from ..binary.leb128 import read_unsigned, unsigned
from ..binary.writer import name as write_name
from ..binary.writer import sized
from ..errors import DecodeError
from ..syntax.module import Custom, Module
from . import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    NameMap = Mapping[int, str]
    IndirectNameMap = Mapping[int, Mapping[int, str]]

SECTION = "name"


class Names(Record):
    """Names by index; all of a module's parts can have one.

    Attributes:
        module: the name of the module, None without one.
        funcs, types, tables, mems, globals, elems, datas, tags: names by index of the index space of that kind.
        locals, labels: by function index, then by local index or by the number of the block in the body, from 0.
        fields: by type index, then by field index.
    """

    __slots__ = (
        "module", "funcs", "locals", "labels", "types", "tables", "mems", "globals", "elems", "datas", "fields", "tags",
    )  # fmt: skip
    module: str | None
    funcs: "NameMap"
    locals: "IndirectNameMap"
    labels: "IndirectNameMap"
    types: "NameMap"
    tables: "NameMap"
    mems: "NameMap"
    globals: "NameMap"
    elems: "NameMap"
    datas: "NameMap"
    fields: "IndirectNameMap"
    tags: "NameMap"

    def __init__(self, module: str | None = None, **maps: "NameMap | IndirectNameMap") -> None:
        values = {"module": module, **maps}
        for part in self.__slots__:
            setattr(self, part, values.pop(part, {}))
        if values:
            raise TypeError(f"a module has no {', '.join(values)}")

    def __bool__(self) -> bool:
        """Whether there is any name."""
        return any(getattr(self, part) for part in self.__slots__)


# The subsections by id: each is an attribute of Names
_PARTS = Names.__slots__
_INDIRECT = ("locals", "labels", "fields")


def names(module: Module) -> Names:
    """The names in the module's name section, none without one; read once, and never the reason of an error."""
    return module._derived("names", lambda: _read(find(module, SECTION)))


def name_section(names: Names, after: int = 0) -> Custom:
    """A name section of these names.

    Args:
        names: what it holds, written in the order of the indices.
        after: its place, as in ``Custom``; ``binary.encode.last_section`` tells the end of a module.
    """
    content = bytearray()
    for number, part in enumerate(_PARTS):
        value = getattr(names, part)
        if not value:
            continue
        if part == "module":
            subsection = write_name(value)
        elif part in _INDIRECT:
            subsection = unsigned(len(value)) + b"".join(
                [unsigned(index) + _write_map(inner) for index, inner in sorted(value.items())]
            )
        else:
            subsection = _write_map(value)
        content.append(number)
        content += sized(subsection)
    return Custom(SECTION, bytes(content), after)


def _write_map(names: "NameMap") -> bytes:
    return unsigned(len(names)) + b"".join(
        [unsigned(index) + write_name(name) for index, name in sorted(names.items())]
    )


def _read(section: Custom | None) -> Names:
    """Find the subsections; what is in them is read when someone asks."""
    data = b"" if section is None else section.data
    module: str | None = None
    maps: dict[str, NameMap | IndirectNameMap] = {}
    pos = 0
    try:
        while pos < len(data):
            number = data[pos]
            size, start = read_unsigned(data, pos + 1)
            pos = start + size
            end = min(pos, len(data))
            part = _PARTS[number] if number < len(_PARTS) else ""
            if part == "module":
                module = _name_at(data, start, end)
            elif part:
                maps.setdefault(part, (_IndirectNameMap if part in _INDIRECT else _NameMap)(data, start, end))
    except DecodeError:
        pass  # what was found so far is kept
    return Names(module, **maps)


def _name_at(data: bytes, pos: int, end: int) -> str:
    size, pos = read_unsigned(data, pos)
    return data[pos : min(pos + size, end)].decode("utf-8", "replace")


class _NameMap(Mapping[int, str]):
    """Names by index, in the bytes of a section: where each is is found out once, what it is when it is looked up."""

    __slots__ = ("_data", "_end", "_found", "_start")

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end
        self._found: dict[int, int] | None = None

    @property
    def _places(self) -> dict[int, int]:
        if self._found is None:
            self._found = _scan(self._data, self._start, self._end)[0]
        return self._found

    def __getitem__(self, index: int) -> str:
        return _name_at(self._data, self._places[index], self._end)

    def __contains__(self, index: object) -> bool:
        return index in self._places

    def __iter__(self) -> "Iterator[int]":
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"<{len(self)} names>"


class _IndirectNameMap(Mapping[int, Mapping[int, str]]):
    """Maps of names by index, in the bytes of a section."""

    __slots__ = ("_data", "_end", "_found", "_start")

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end
        self._found: dict[int, _NameMap] | None = None

    @property
    def _maps(self) -> dict[int, _NameMap]:
        if self._found is None:
            data, end = self._data, self._end
            self._found = {}
            try:
                count, pos = read_unsigned(data, self._start)
                for _ in range(count):
                    index, start = read_unsigned(data, pos)
                    pos = _scan(data, start, end)[1]
                    self._found[index] = _NameMap(data, start, end)
            except DecodeError:
                pass  # what was found so far is kept
        return self._found

    def __getitem__(self, index: int) -> _NameMap:
        return self._maps[index]

    def __iter__(self) -> "Iterator[int]":
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)

    def __repr__(self) -> str:
        return f"<{len(self)} maps of names>"


def _scan(data: bytes, start: int, end: int) -> tuple[dict[int, int], int]:
    """Where the names of a name map are, by index, and where the map ends; as far as it can be read."""
    places: dict[int, int] = {}
    pos = start
    try:
        count, pos = read_unsigned(data, start)
        for _ in range(count):
            index = data[pos]
            pos += 1
            if index >= 0x80:
                index, pos = read_unsigned(data, pos - 1)
            place = pos
            size = data[pos]
            pos += 1
            if size >= 0x80:
                size, pos = read_unsigned(data, place)
            pos += size
            if pos > end:
                break
            places[index] = place
    except (DecodeError, IndexError):
        pos = end
    return places, pos
