"""Modules (specification, section "Text Format, Modules")."""

from ..binary.leb128 import unsigned
from ..binary.writer import val_type
from ..custom.names import Names
from ..syntax.module import Active, Data, Elem, Export, Expr, Func, Global, Import, Module, Table
from ..syntax.types import (
    FUNC,
    FUNCREF,
    I64,
    ExternType,
    FuncIndexType,
    FuncType,
    Limits,
    MemType,
    NumType,
    RefType,
    TableType,
    TagType,
    ValType,
)
from .customs import PLACES, Placed, custom_sections
from .lexer import Source
from .parser_code import CodeParser
from .parser_types import SPACES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_EXTERNAL = ("func", "table", "memory", "global", "tag")


def parse_wat(text: str | bytes) -> Module:
    """Read a module in the text format, all of WebAssembly 3.0 and the proposals that ``Features`` names.

    ``text`` is a ``(module …)`` or its fields alone; bytes are UTF-8.  Identifiers are kept in a name section, unless
    the text has one of its own as ``(@custom "name" …)``.  The annotation ``(@datacount)`` among the fields asks for a
    data count section that the instructions do not need.  The module is not validated.  Raises ParseError.
    """
    parser = ModuleParser(Source(text))
    if parser.opens("module"):
        module = parser.module()
        parser.expect(")")
    else:
        module = parser.fields()
    if parser.tokens[parser.pos]:
        parser.unexpected()
    return module


class ModuleParser(CodeParser):
    """Reads one module.

    A first pass goes over the fields only to see what they define, because everything may be named before it is
    defined; type definitions follow, which type uses need; then all other fields in their order.
    """

    __slots__ = (
        "_counts", "_customs", "_data_count", "_datas", "_defined", "_elems", "_exports", "_funcs", "_globals",
        "_imports", "_mems", "_name", "_numbers", "_start", "_tables", "_tags",
    )  # fmt: skip

    def __init__(self, source: Source, pos: int = 0) -> None:
        super().__init__(source, pos)
        # how much of each index space the first pass has seen, and the second
        self._counts = dict.fromkeys(self.ids, 0)
        self._numbers = dict.fromkeys(self.ids, 0)
        self._defined: str | None = None
        self._name: str | None = None
        self._imports: list[Import] = []
        self._funcs: list[Func] = []
        self._tables: list[Table] = []
        self._mems: list[MemType] = []
        self._tags: list[TagType] = []
        self._globals: list[Global] = []
        self._exports: list[Export] = []
        self._start: int | None = None
        self._elems: list[Elem] = []
        self._datas: list[Data] = []
        self._customs: list[Placed] = []
        self._data_count = False

    def module(self) -> Module:
        """The module whose ``(module`` has just been passed, up to its closing parenthesis."""
        _, self._name = self.label_or_name()
        return self.fields()

    def fields(self) -> Module:
        """The module that consists of the fields that follow."""
        fields = []
        while self.tokens[self.pos] == "(":
            keyword = self.tokens[self.pos + 1]
            scan = SCANNED.get(keyword)
            if scan is None:
                self.unexpected(self.pos + 1)
            self.pos += 2
            fields.append((keyword, self.pos))
            scan(self, keyword)
        end = self.pos
        for keyword, self.pos in fields:
            if keyword in ("type", "rec"):
                self.type_definition()
        for keyword, self.pos in fields:
            if keyword not in ("type", "rec"):
                _PARSE[keyword](self)
                self.expect(")")
        self.pos = end
        return self._module()

    # The first pass

    def _bind(self, space: str) -> None:
        """Give the next index of the space to what is defined here, and to its identifier."""
        at = self.pos
        index = self._counts[space]
        self._counts[space] = index + 1
        identifier, name = self.label_or_name()
        if identifier is not None and self.ids[space].setdefault(identifier, index) != index:
            self.fail(f"duplicate {space} {identifier}", at)
        if name is not None:
            self.names[SPACES[space][1]][index] = name

    def _scan_rec(self, _: str) -> None:
        while self.opens("type"):
            self._bind("type")
            self.skip()
        self.skip()

    def _scan_import(self, _: str) -> None:
        self._import_allowed()
        self.name()
        self.name()
        self.expect("(")
        kind = self.tokens[self.pos]
        if kind not in _EXTERNAL:
            self.unexpected()
        self.pos += 1
        self._bind(kind)
        self.skip()
        self.skip()

    def _scan_external(self, kind: str) -> None:
        self._bind(kind)
        while self.opens("export"):
            self.skip()
        if self.sees("import"):
            self._import_allowed()
        else:
            self._defined = self._defined or kind
            # a memory or table may hold its only segment itself
            if self.tokens[self.pos] in ("i32", "i64"):
                self.pos += 1
            if kind == "memory":
                if self.opens("pagesize"):
                    self.skip()
                self._counts["data"] += self.sees("data")
            elif kind == "table" and not self.at_index():
                self.pos += 1
                if self.tokens[self.pos - 1] == "(":
                    self.skip()
                self._counts["elem"] += self.sees("elem")
        self.skip()

    def _scan_segment(self, kind: str) -> None:
        target = {"elem": "table", "data": "memory"}.get(kind)
        if target and self.tokens[self.pos] in self.ids[kind] and self.tokens[self.pos] in self.ids[target]:
            # Version 1.0 had no identifiers of segments: this is the table or memory, of which there was only one.
            self._counts[kind] += 1
        else:
            self._bind(kind)
        self.skip()

    def _import_allowed(self) -> None:
        if self._defined:
            self.fail(f"import after {'function' if self._defined == 'func' else self._defined}")

    # The second pass: each field behind its keyword, up to its closing parenthesis

    def _declared(self, space: str) -> int:
        """Go behind the identifier that the first pass has bound; the index (of segments, that of those with a field
        of their own)."""
        index = self._numbers[space]
        self._numbers[space] = index + 1
        self.label_or_name()
        return index

    def _inline(self, kind: str, index: int) -> tuple[str, str] | None:
        """Inline exports, and the two names of an inline import if there is one."""
        while self.opens("export"):
            self._exports.append(Export(self.name(), kind, index))
            self.expect(")")
        if not self.opens("import"):
            return None
        names = self.name(), self.name()
        self.expect(")")
        return names

    def _extern_type(self, kind: str, index: int) -> ExternType:
        """What an import declares; ``index`` is its own in the index space of its kind."""
        if kind == "func":
            return FuncIndexType(self.type_use(self._bind_parameter(index, {})))
        if kind == "table":
            return self.table_type()
        if kind == "memory":
            return self.mem_type()
        if kind == "global":
            return self.global_type()
        return TagType(self.type_use(_ignore))

    def _import(self) -> None:
        module, name = self.name(), self.name()
        kind = self.tokens[self.pos + 1]
        self.pos += 2
        index = self._declared(kind)
        self._imports.append(Import(module, name, self._extern_type(kind, index)))
        self.expect(")")

    def _bind_parameter(self, func: int, ids: dict[str, int]) -> "Callable[[str | None, str | None, int], None]":
        """What gives a parameter or local of the function its identifier and name."""

        def bind(identifier: str | None, name: str | None, index: int) -> None:
            if identifier is not None and ids.setdefault(identifier, index) != index:
                self.fail(f"duplicate local {identifier}", self.pos - 1)
            if name is not None:
                self.nested_names["locals"].setdefault(func, {})[index] = name

        return bind

    def _func_field(self) -> None:
        index = self._declared("func")
        imported = self._inline("func", index)
        if imported:
            self._imports.append(Import(*imported, self._extern_type("func", index)))
            return
        self.enter(index)
        bind = self._bind_parameter(index, self.locals)
        type_index = self.type_use(bind)
        comp = self.subtypes[type_index].comp if type_index < len(self.subtypes) else None
        number = len(comp.params) if isinstance(comp, FuncType) else 0
        runs: list[tuple[int, ValType]] = []
        while self.opens("local"):
            at = self.pos
            identifier, name = self.label_or_name()
            if self.pos != at:
                bind(identifier, name, number)
                types = [self.val_type()]
                self.expect(")")
            else:
                types = self.val_types()
            number += len(types)
            for local in types:
                if runs and runs[-1][1] == local:
                    runs[-1] = runs[-1][0] + 1, local
                else:
                    runs.append((1, local))
        out = bytearray(unsigned(len(runs)))
        for count, local in runs:
            out += unsigned(count)
            out += val_type(local)
        self.instructions(out)
        out.append(0x0B)
        self._funcs.append(Func(type_index, bytes(out)))

    def _table(self) -> None:
        index = self._declared("table")
        imported = self._inline("table", index)
        if imported:
            self._imports.append(Import(*imported, self.table_type()))
            return
        addr = self.address_type()
        if self.at_index():
            table = TableType(self.limits(), self.ref_type(), addr)
            init = None if self.tokens[self.pos] == ")" else Expr(self.expression())
            self._tables.append(Table(table, init))
            return
        ref = self.ref_type()
        if not self.opens("elem"):
            self.unexpected()
        if self.tokens[self.pos] == "(":
            elem = Elem(ref, self._expressions(), Active(index, _zero(addr)))
        elif ref == FUNCREF:
            elem = Elem(RefType(False, FUNC), self._indices(), Active(index, _zero(addr)))
        else:
            items = tuple([Expr(b"\xd2" + unsigned(func) + b"\x0b") for func in self._indices()])
            elem = Elem(ref, items, Active(index, _zero(addr)))
        self.expect(")")
        self._elems.append(elem)
        self._tables.append(Table(TableType(Limits(len(elem.init), len(elem.init)), ref, addr), None))

    def _memory(self) -> None:
        index = self._declared("memory")
        imported = self._inline("memory", index)
        if imported:
            self._imports.append(Import(*imported, self.mem_type()))
            return
        start = self.pos
        addr = self.address_type()
        page_size = self.page_size()
        if not self.opens("data"):
            self.pos = start
            self._mems.append(self.mem_type())
            return
        content = self.strings()
        self.expect(")")
        pages = -(-len(content) >> page_size)
        self._datas.append(Data(content, Active(index, _zero(addr))))
        self._mems.append(MemType(Limits(pages, pages), addr, False, page_size))

    def _tag(self) -> None:
        index = self._declared("tag")
        imported = self._inline("tag", index)
        tag = TagType(self.type_use(_ignore))
        if imported:
            self._imports.append(Import(*imported, tag))
        else:
            self._tags.append(tag)

    def _global(self) -> None:
        index = self._declared("global")
        imported = self._inline("global", index)
        declared = self.global_type()
        if imported:
            self._imports.append(Import(*imported, declared))
        else:
            self._globals.append(Global(declared, Expr(self.expression())))

    def _export(self) -> None:
        name = self.name()
        self.expect("(")
        kind = self.tokens[self.pos]
        if kind not in _EXTERNAL:
            self.unexpected()
        self.pos += 1
        self._exports.append(Export(name, kind, self.index(kind)))
        self.expect(")")

    def _start_func(self) -> None:
        if self._start is not None:
            self.fail("multiple start sections", self.pos - 1)
        self._start = self.index("func")

    # Segments

    def _mode(self, space: str) -> Active | None:
        """Table or memory, and offset, of an active segment; None if there is neither."""
        index = 0
        if self.opens(space):
            index = self.index(space)
            self.expect(")")
        elif self.at_index() and self.tokens[self.pos + 1] == "(":  # as version 1.0 wrote it
            index = self.index(space)
        elif not (self.tokens[self.pos] == "(" and self.tokens[self.pos + 1] not in ("ref", "item")):
            return None
        if self.opens("offset"):
            offset = self.expression()
            self.expect(")")
        else:
            offset = self.expression(single=True)
        return Active(index, Expr(offset))

    def _elem(self) -> None:
        self._declared("elem")
        declarative = self.tokens[self.pos] == "declare"
        if declarative:
            self.pos += 1
        mode = "declarative" if declarative else self._mode("table") or "passive"
        if self.tokens[self.pos] == "func":
            self.pos += 1
            elem = Elem(RefType(False, FUNC), self._indices(), mode)
        elif isinstance(mode, Active) and (self.at_index() or self.tokens[self.pos] == ")"):
            elem = Elem(RefType(False, FUNC), self._indices(), mode)
        else:
            elem = Elem(self.ref_type(), self._expressions(), mode)
        self._elems.append(elem)

    def _indices(self) -> tuple[int, ...]:
        indices = []
        while self.at_index():
            indices.append(self.index("func"))
        return tuple(indices)

    def _expressions(self) -> tuple[Expr, ...]:
        expressions = []
        while self.tokens[self.pos] == "(":
            if self.opens("item"):
                expressions.append(Expr(self.expression()))
                self.expect(")")
            else:
                expressions.append(Expr(self.expression(single=True)))
        return tuple(expressions)

    def _data(self) -> None:
        self._declared("data")
        mode = self._mode("memory") or "passive"
        self._datas.append(Data(self.strings(), mode))

    # Custom sections

    def _custom(self) -> None:
        name = self.name()
        side, section = "after", "last"
        if self.tokens[self.pos] == "(":
            side, section = self.tokens[self.pos + 1 : self.pos + 3]
            if side not in ("before", "after"):
                self.unexpected(self.pos + 1)
            if section not in PLACES[side]:
                self.unexpected(self.pos + 2)
            self.pos += 3
            self.expect(")")
        self._customs.append(Placed(side, section, name, self.strings()))

    def _datacount(self) -> None:
        self._data_count = True

    def _module(self) -> Module:
        module = Module(
            types=tuple(self.recs),
            imports=tuple(self._imports),
            funcs=tuple(self._funcs),
            tables=tuple(self._tables),
            mems=tuple(self._mems),
            tags=tuple(self._tags),
            globals=tuple(self._globals),
            exports=tuple(self._exports),
            start=self._start,
            elems=tuple(self._elems),
            data_count=len(self._datas) if self.uses_data or self._data_count else None,
            datas=tuple(self._datas),
        )
        names = Names(self._name, **self.names, **self.nested_names)
        module.customs = custom_sections(module, self._customs, names, self.hints)
        return module


def _ignore(*_: object) -> None:
    """The parameters of tags have no names."""


def _zero(addr: NumType) -> Expr:
    return Expr(b"\x42\0\x0b" if addr is I64 else b"\x41\0\x0b")


#: The fields of a module, by keyword: how the first pass goes over them.
SCANNED: "dict[str, Callable[[ModuleParser, str], None]]" = {
    "type": ModuleParser._scan_segment,
    "rec": ModuleParser._scan_rec,
    "import": ModuleParser._scan_import,
    **dict.fromkeys(_EXTERNAL, ModuleParser._scan_external),
    **dict.fromkeys(("elem", "data"), ModuleParser._scan_segment),
    **dict.fromkeys(("export", "start", "(@custom", "(@datacount"), lambda parser, _: parser.skip()),
}

_PARSE: "dict[str, Callable[[ModuleParser], None]]" = {
    "import": ModuleParser._import,
    "func": ModuleParser._func_field,
    "table": ModuleParser._table,
    "memory": ModuleParser._memory,
    "tag": ModuleParser._tag,
    "global": ModuleParser._global,
    "export": ModuleParser._export,
    "start": ModuleParser._start_func,
    "elem": ModuleParser._elem,
    "data": ModuleParser._data,
    "(@custom": ModuleParser._custom,
    "(@datacount": ModuleParser._datacount,
}
