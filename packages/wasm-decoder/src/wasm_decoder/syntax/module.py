"""A module and its parts (specification 3.0, section "Modules")."""

from .._record import Record
from ..errors import ValidationError
from .types import (
    ExternType,
    FuncIndexType,
    FuncType,
    GlobalType,
    MemType,
    RecType,
    RefType,
    SubType,
    TableType,
    TagType,
    ValType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from .instructions import Instr

    _T = TypeVar("_T")
    _E = TypeVar("_E", bound=ExternType)


def _short(data: bytes) -> str:
    """What fits in a line of bytes that can be megabytes."""
    return repr(data) if len(data) <= 40 else f"<{len(data)} bytes: {data[:20].hex(' ')}...>"


class Expr:
    """A sequence of instructions with its final ``end``, kept as the bytes it was decoded from.

    Two expressions are equal if their instructions are, however their immediates were encoded.

    Attributes:
        data: the bytes that hold the expression, usually the whole module.
        start, end: where in ``data`` the expression begins and ends, in bytes.
    """

    __slots__ = ("data", "end", "start")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self.data = data
        self.start = start
        self.end = len(data) if end is None else end

    def __bytes__(self) -> bytes:
        return self.data[self.start : self.end]

    def __iter__(self) -> "Iterator[Instr]":
        """The instructions in order; ``Instr.offset`` counts from the start of ``data``.

        Raises DecodeError at the first byte that is no instruction.
        """
        from ..binary.code import iterate

        return iterate(self.data, self.start, self.end)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expr):
            return NotImplemented
        return bytes(self) == bytes(other) or [i.key for i in self] == [i.key for i in other]

    __hash__ = None  # type: ignore[assignment]  # equality looks through the encoding; hashing would have to decode

    def __repr__(self) -> str:
        return f"Expr({bytes(self).hex(' ')})"


class Func:
    """A function that the module defines: a type index and a body that nobody has looked into yet.

    Attributes:
        type: index of its function type.
        data: the bytes that hold the body, usually the whole module.
        start, end: where in ``data`` the local declarations begin and the body ends, in bytes.
    """

    __slots__ = ("data", "end", "start", "type")

    def __init__(self, type: int, data: bytes, start: int = 0, end: int | None = None) -> None:
        self.type = type
        self.data = data
        self.start = start
        self.end = len(data) if end is None else end

    @property
    def locals(self) -> "tuple[tuple[int, ValType], ...]":
        """The declared locals as (count, type) runs.  Raises DecodeError."""
        return self._split()[0]

    @property
    def body(self) -> Expr:
        """The instructions.  Raises DecodeError if the locals before them are malformed."""
        return Expr(self.data, self._split()[1], self.end)

    def _split(self) -> "tuple[tuple[tuple[int, ValType], ...], int]":
        from ..binary.decode import decode_locals

        return decode_locals(self.data, self.start, self.end)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Func):
            return NotImplemented
        if self.type != other.type:
            return False
        if self.data[self.start : self.end] == other.data[other.start : other.end]:
            return True
        return _joined(self.locals) == _joined(other.locals) and self.body == other.body

    __hash__ = None  # type: ignore[assignment]  # as Expr

    def __repr__(self) -> str:
        return f"Func(type={self.type}, start={self.start:#x}, end={self.end:#x})"


def _joined(runs: "tuple[tuple[int, ValType], ...]") -> "list[tuple[int, ValType]]":
    """The runs of locals with neighbours of one type joined, as which locals there are is what counts."""
    joined: list[tuple[int, ValType]] = []
    for count, val_type in runs:
        if joined and joined[-1][1] == val_type:
            count += joined.pop()[0]
        if count:
            joined.append((count, val_type))
    return joined


class Import(Record):
    """Something that the module asks for: ``module`` and ``name`` say what it is called, ``type`` what it must be."""

    __slots__ = ("module", "name", "type")
    module: str
    name: str
    type: ExternType


class Table(Record):
    """A table; ``init`` None fills it with null."""

    __slots__ = ("type", "init")
    type: TableType
    init: Expr | None


class Global(Record):
    """A global variable and its constant initial value."""

    __slots__ = ("type", "init")
    type: GlobalType
    init: Expr


class Export(Record):
    """Something that the module offers; ``kind`` is "func", "table", "memory", "global" or "tag"."""

    __slots__ = ("name", "kind", "index")
    name: str
    kind: str
    index: int


class Active(Record):
    """The mode of a segment that is copied at instantiation: into which table or memory, and where."""

    __slots__ = ("index", "offset")
    index: int
    offset: Expr


class Elem(Record):
    """An element segment; ``mode`` is "passive", "declarative" or Active.

    ``init`` holds function indices where the module wrote them so (a segment of a hundred thousand functions stays
    cheap), constant expressions otherwise.
    """

    __slots__ = ("type", "init", "mode")
    type: RefType
    init: "tuple[int, ...] | tuple[Expr, ...]"
    mode: str | Active


class Data(Record):
    """A data segment; ``mode`` is "passive" or Active."""

    __slots__ = ("init", "mode")
    init: bytes
    mode: str | Active

    def __repr__(self) -> str:
        return f"Data(init={_short(self.init)}, mode={self.mode!r})"


class Custom:
    """A custom section.

    ``after`` is the id of the last other section that stands before it, 0 for none; an invalid custom section is no
    error (specification, section "Custom Section").
    """

    __slots__ = ("_data", "_end", "_start", "after", "name")

    def __init__(self, name: str, data: bytes, after: int, start: int = 0, end: int | None = None) -> None:
        """A section whose content is ``data[start:end]``; like a function body it stays where it is until somebody
        looks into it."""
        self.name = name
        self.after = after
        self._data = data
        self._start = start
        self._end = end

    @property
    def data(self) -> bytes:
        """Its content."""
        return self._data if self._end is None else self._data[self._start : self._end]

    @property
    def span(self) -> "tuple[int, int] | None":
        """Where its content begins and ends in the module that it was decoded from; None if it comes from elsewhere."""
        return None if self._end is None else (self._start, self._end)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Custom):
            return NotImplemented
        return (self.name, self.after, self.data) == (other.name, other.after, other.data)

    def __hash__(self) -> int:
        return hash((self.name, self.after, self.data))

    def __repr__(self) -> str:
        return f"Custom(name={self.name!r}, data={_short(self.data)}, after={self.after})"


class Module:
    """A decoded or parsed module.  Index spaces count the imports first, as the specification says.

    Two modules are equal if their parts are.

    Attributes:
        types: the recursive type groups; ``subtypes`` has their members, which type indices count.
        imports, funcs, tables, mems, tags, globals, exports, elems, datas: what the module declares, in order.
        start: index of the start function, None without one.
        data_count: what the data count section says, None without one.
        customs: the custom sections.
        binary: the bytes that the module was decoded from, None if it came from elsewhere.
    """

    types: tuple[RecType, ...]
    imports: tuple[Import, ...]
    funcs: "Sequence[Func]"
    tables: tuple[Table, ...]
    mems: tuple[MemType, ...]
    tags: tuple[TagType, ...]
    globals: tuple[Global, ...]
    exports: tuple[Export, ...]
    start: int | None
    elems: tuple[Elem, ...]
    data_count: int | None
    datas: "Sequence[Data]"
    customs: tuple[Custom, ...]

    PARTS = (
        "types", "imports", "funcs", "tables", "mems", "tags", "globals", "exports", "start", "elems", "data_count",
        "datas", "customs",
    )  # fmt: skip

    def __init__(
        self,
        *,
        types: tuple[RecType, ...] = (),
        imports: tuple[Import, ...] = (),
        funcs: "Sequence[Func]" = (),
        tables: tuple[Table, ...] = (),
        mems: tuple[MemType, ...] = (),
        tags: tuple[TagType, ...] = (),
        globals: tuple[Global, ...] = (),
        exports: tuple[Export, ...] = (),
        start: int | None = None,
        elems: tuple[Elem, ...] = (),
        data_count: int | None = None,
        datas: "Sequence[Data]" = (),
        customs: tuple[Custom, ...] = (),
        binary: bytes | None = None,
    ) -> None:
        self.types = types
        self.imports = imports
        self.funcs = funcs
        self.tables = tables
        self.mems = mems
        self.tags = tags
        self.globals = globals
        self.exports = exports
        self.start = start
        self.elems = elems
        self.data_count = data_count
        self.datas = datas
        self.customs = customs
        self.binary = binary

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Module):
            return NotImplemented
        return all(getattr(self, part) == getattr(other, part) for part in self.PARTS)

    __hash__ = None  # type: ignore[assignment]  # as Expr

    def __repr__(self) -> str:
        parts = [(part, getattr(self, part)) for part in self.PARTS]
        counts = [f"{len(value)} {part}" for part, value in parts if value and not isinstance(value, int)]
        return f"<Module: {', '.join(counts) or 'empty'}>"

    # What follows is derived once, when first asked for: a module is not changed after it is made.

    @property
    def subtypes(self) -> tuple[SubType, ...]:
        """The type index space."""
        return self._derived("subtypes", lambda: tuple([t for rec in self.types for t in rec.subtypes]))

    def functype(self, index: int) -> FuncType:
        """The function type with that type index.  Raises ValidationError if there is none."""
        subtypes = self.subtypes
        if index < len(subtypes):
            comp = subtypes[index].comp
            if isinstance(comp, FuncType):
                return comp
            raise ValidationError(f"type {index} is not a function type")
        raise ValidationError(f"unknown type {index}")

    @property
    def func_types(self) -> "Sequence[int]":
        """The type index of each function of the function index space, imports first."""
        return self._derived("func_types", self._func_types)

    def _func_types(self) -> "list[int]":
        from ..binary.functions import Functions

        imported = [i.type.type for i in self.imports if isinstance(i.type, FuncIndexType)]
        funcs = self.funcs
        return imported + (list(funcs.types) if isinstance(funcs, Functions) else [func.type for func in funcs])

    @property
    def table_types(self) -> "Sequence[TableType]":
        """The table index space."""
        return self._derived("table_types", lambda: self._imported(TableType) + [t.type for t in self.tables])

    @property
    def mem_types(self) -> "Sequence[MemType]":
        """The memory index space."""
        return self._derived("mem_types", lambda: self._imported(MemType) + list(self.mems))

    @property
    def global_types(self) -> "Sequence[GlobalType]":
        """The global index space."""
        return self._derived("global_types", lambda: self._imported(GlobalType) + [g.type for g in self.globals])

    @property
    def tag_types(self) -> "Sequence[TagType]":
        """The tag index space."""
        return self._derived("tag_types", lambda: self._imported(TagType) + list(self.tags))

    def _imported(self, kind: "type[_E]") -> "list[_E]":
        return [i.type for i in self.imports if isinstance(i.type, kind)]

    def _derived(self, name: str, make: "Callable[[], _T]") -> "_T":
        key = "_" + name
        if key not in self.__dict__:
            self.__dict__[key] = make()
        value: _T = self.__dict__[key]
        return value
