"""From a module to its text (specification, chapter "Text Format"); the mirror of the parser.

Instructions are printed one on a line, blocks indented.  Everything that may have a name and has none shows its index
in a comment, so that a reader finds what a number means.
"""

from ..binary.decode import decode_locals
from ..binary.encode import encode_func
from ..custom.branch_hints import SECTION as BRANCH_HINTS
from ..custom.branch_hints import branch_hints
from ..custom.names import SECTION as NAME
from ..custom.names import Names, names
from ..errors import DecodeError
from ..syntax.module import Active, Data, Elem, Expr, Func, Module
from ..syntax.types import (
    FUNC,
    I64,
    ArrayType,
    CompType,
    FieldType,
    FuncIndexType,
    FuncType,
    GlobalType,
    Limits,
    MemType,
    NumType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    TagType,
)
from .customs import Placed, custom_sections, place_of
from .literals import identifier, string
from .printer_code import CodePrinter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MAX_LOCALS = 1_000_000  # four bytes of binary can declare billions
_STRING_BYTES = 64  # of a long data segment, on one line


def print_wat(module: Module) -> str:
    """The text of a module: ``parse_wat(print_wat(module)) == module``.

    Names are taken from the name section; where two things of one kind have the same name, or one has an empty name,
    the identifier is made unique and an annotation keeps the name.  A name section that would not come out the same is
    printed as it is.  Raises DecodeError if a body or constant expression is malformed, or a function has
    more than a million locals.
    """
    return "\n".join(Printer(module).lines()) + "\n"


class Identifiers:
    """What the members of one index space are called in the text."""

    __slots__ = ("_names", "_printed", "_texts")

    def __init__(self, names: "Mapping[int, str]", count: int, printed: dict[int, str]) -> None:
        # the name section can have names of what does not exist
        self._names = {index: name for index, name in names.items() if index < count}
        self._printed = printed
        self._texts: dict[int, str] = {}
        taken = set(self._names.values())
        used: set[str] = set()
        for index, name in self._names.items():
            text, number = name, index
            while not text or text in used or (text != name and text in taken):
                text, number = f"{name}.{number}", number + 1
            used.add(text)
            self._texts[index] = identifier(text)

    def __getitem__(self, index: int) -> str:
        """How the member is referred to."""
        return self._texts.get(index) or str(index)

    def __contains__(self, index: int) -> bool:
        """Whether the member has a name."""
        return index in self._texts

    def definition(self, index: int) -> str:
        """How the member is introduced, with a blank before it; the name is noted as printed."""
        text = self._texts.get(index)
        if text is None:
            return f" (;{index};)"
        name = self._printed[index] = self._names[index]
        return f" {text}" if text == identifier(name) else f" {text} (@name {string(name)})"


class Printer:
    """Prints one module, and notes what the parser will make name section and branch hints of."""

    def __init__(self, module: Module) -> None:
        self.module = module
        known = names(module)
        self._printed: dict[str, dict[int, str]] = {}
        self._printed_nested: dict[str, dict[int, dict[int, str]]] = {"locals": {}, "labels": {}, "fields": {}}
        self._known = known

        def identifiers(part: str, count: int) -> Identifiers:
            return Identifiers(getattr(known, part), count, self._printed.setdefault(part, {}))

        self.types = identifiers("types", len(module.subtypes))
        self.funcs = identifiers("funcs", len(module.func_types))
        self.tables = identifiers("tables", len(module.table_types))
        self.mems = identifiers("mems", len(module.mem_types))
        self.globals = identifiers("globals", len(module.global_types))
        self.tags = identifiers("tags", len(module.tag_types))
        self.elems = identifiers("elems", len(module.elems))
        self.datas = identifiers("datas", len(module.datas))
        self._fields: dict[int, Identifiers] = {}
        self._hints = branch_hints(module)
        self._printed_hints: dict[int, list[tuple[int, bytes]]] = {}
        self.uses_data = False

    def _nested(self, part: str, index: int, count: int) -> Identifiers:
        """The identifiers of the locals of a function or of the fields of a type, of which there are so many."""
        known = getattr(self._known, part).get(index, {})
        return Identifiers(known, count, self._printed_nested[part].setdefault(index, {}))

    def fields(self, index: int) -> Identifiers:
        """The identifiers of the fields of a type."""
        if index not in self._fields:
            subtypes = self.module.subtypes
            comp = subtypes[index].comp if index < len(subtypes) else None
            count = len(comp.fields) if isinstance(comp, StructType) else 0
            self._fields[index] = self._nested("fields", index, count)
        return self._fields[index]

    # The module

    def lines(self) -> "Iterator[str]":
        """The lines of the text."""
        module = self.module
        title = self._known.module
        yield "(module" + (f" {identifier(title)}" if title else "")
        for line in self._type_definitions():
            yield "  " + line
        numbers = dict.fromkeys(("func", "table", "memory", "global", "tag"), 0)
        for imported in module.imports:
            described, kind = self._extern_type(imported.type, numbers)
            numbers[kind] += 1
            yield f"  (import {string(imported.module)} {string(imported.name)} {described})"
        for number, func in enumerate(module.funcs, numbers["func"]):
            yield from self._func(number, func)
        for number, table in enumerate(module.tables, numbers["table"]):
            init = "" if table.init is None else f" {self._expression(table.init)}"
            yield f"  (table{self.tables.definition(number)} {self._table_type(table.type)}{init})"
        for number, mem in enumerate(module.mems, numbers["memory"]):
            yield f"  (memory{self.mems.definition(number)} {_mem_type(mem)})"
        for number, tag in enumerate(module.tags, numbers["tag"]):
            yield f"  (tag{self.tags.definition(number)}{self._type_use(tag.type)})"
        for number, declared in enumerate(module.globals, numbers["global"]):
            init = self._expression(declared.init)
            yield f"  (global{self.globals.definition(number)} {self._global_type(declared.type)} {init})"
        spaces = {
            "func": self.funcs,
            "table": self.tables,
            "memory": self.mems,
            "global": self.globals,
            "tag": self.tags,
        }
        for export in module.exports:
            yield f"  (export {string(export.name)} ({export.kind} {spaces[export.kind][export.index]}))"
        if module.start is not None:
            yield f"  (start {self.funcs[module.start]})"
        for number, elem in enumerate(module.elems):
            yield f"  (elem{self.elems.definition(number)}{self._elem(elem)})"
        for number, data in enumerate(module.datas):
            yield from self._data(number, data)
        if module.data_count is not None and not self.uses_data:
            yield "  (@datacount)"
        yield from self._customs()
        yield ")"

    def _customs(self) -> "Iterator[str]":
        module = self.module
        printed = Names(self._known.module, **self._printed, **_without_empty(self._printed_nested))
        given: list[Placed] = []
        # what the text says already is left out if the very same comes of it
        for omitted in ((NAME, BRANCH_HINTS), (NAME,), (BRANCH_HINTS,), ()):
            given = [
                Placed(*place_of(custom.after), custom.name, custom.data)
                for custom in module.customs
                if custom.name not in omitted
            ]
            if custom_sections(module, given, printed, self._printed_hints) == module.customs:
                break
        for section in given:
            place = f"({section.side} {section.section})"
            yield f"  (@custom {string(section.name)} {place} {string(section.content)})"

    # Types

    def val_type(self, storage: StorageType) -> str:
        """A value or storage type."""
        if isinstance(storage, RefType) and isinstance(storage.heap, int):
            return f"(ref {'null ' if storage.nullable else ''}{self.types[storage.heap]})"
        return repr(storage)

    def heap_type(self, heap: object) -> str:
        """A heap type."""
        return self.types[heap] if isinstance(heap, int) else repr(heap)

    def signature(self, func_type: FuncType) -> str:
        """Parameters and results, with a blank before them."""
        return self._types("param", func_type.params) + self._types("result", func_type.results)

    def _types(self, keyword: str, types: "tuple[StorageType, ...]") -> str:
        return f" ({keyword} {' '.join(map(self.val_type, types))})" if types else ""

    def _func_type(self, index: int) -> FuncType | None:
        """The function type with that type index, None if there is no such."""
        subtypes = self.module.subtypes
        comp = subtypes[index].comp if index < len(subtypes) else None
        return comp if isinstance(comp, FuncType) else None

    def _type_use(self, index: int) -> str:
        func_type = self._func_type(index)
        return f" (type {self.types[index]})" + (self.signature(func_type) if func_type else "")

    def _type_definitions(self) -> "Iterator[str]":
        index = 0
        for rec in self.module.types:
            definitions = []
            for sub in rec.subtypes:
                definitions.append(f"(type{self.types.definition(index)} {self._sub_type(index, sub)})")
                index += 1
            if len(definitions) == 1:
                yield definitions[0]
            else:
                yield "(rec"
                yield from ["  " + definition for definition in definitions]
                yield ")"

    def _sub_type(self, index: int, sub: SubType) -> str:
        comp = self._comp_type(index, sub.comp)
        if sub.final and not sub.supers:
            return comp
        supers = "".join([f" {self.types[supertype]}" for supertype in sub.supers])
        return f"(sub{' final' if sub.final else ''}{supers} {comp})"

    def _comp_type(self, index: int, comp: CompType) -> str:
        if isinstance(comp, FuncType):
            return f"(func{self.signature(comp)})"
        if isinstance(comp, ArrayType):
            return f"(array {self._field_type(comp.field)})"
        assert isinstance(comp, StructType)
        names = self.fields(index)
        fields = [
            f" (field{names.definition(number) if number in names else ''} {self._field_type(field)})"
            for number, field in enumerate(comp.fields)
        ]
        return f"(struct{''.join(fields)})"

    def _field_type(self, field: FieldType) -> str:
        storage = self.val_type(field.storage)
        return f"(mut {storage})" if field.mutable else storage

    def _table_type(self, table: TableType) -> str:
        return f"{_address_type(table.addr)}{_limits(table.limits)} {self.val_type(table.ref)}"

    def _global_type(self, declared: GlobalType) -> str:
        val_type = self.val_type(declared.type)
        return f"(mut {val_type})" if declared.mutable else val_type

    def _extern_type(self, described: object, numbers: dict[str, int]) -> tuple[str, str]:
        """What an import declares, and its kind."""
        if isinstance(described, FuncIndexType):
            index = numbers["func"]
            params = self._params(described.type)
            header = self._header(described.type, self._nested("locals", index, len(params)))
            return f"(func{self.funcs.definition(index)}{header})", "func"
        if isinstance(described, TableType):
            return f"(table{self.tables.definition(numbers['table'])} {self._table_type(described)})", "table"
        if isinstance(described, MemType):
            return f"(memory{self.mems.definition(numbers['memory'])} {_mem_type(described)})", "memory"
        if isinstance(described, GlobalType):
            return f"(global{self.globals.definition(numbers['global'])} {self._global_type(described)})", "global"
        assert isinstance(described, TagType)
        return f"(tag{self.tags.definition(numbers['tag'])}{self._type_use(described.type)})", "tag"

    # Functions

    def _header(self, index: int, locals: Identifiers) -> str:
        """The type use of a function, with the names of its parameters."""
        params = self._declarations("param", 0, self._params(index), locals)
        func_type = self._func_type(index)
        results = self._types("result", func_type.results) if func_type else ""
        return f" (type {self.types[index]}){''.join(params)}{results}"

    def _params(self, index: int) -> "tuple[StorageType, ...]":
        """The parameters of the function type with that type index, none if there is no such."""
        func_type = self._func_type(index)
        return func_type.params if func_type else ()

    def _declarations(
        self, keyword: str, start: int, types: "Sequence[StorageType]", locals: Identifiers
    ) -> "Iterator[str]":
        """Parameters or locals, each with a blank before it; those without names share parentheses."""
        unnamed: list[str] = []
        for number, val_type in enumerate(types, start):
            if number not in locals:
                unnamed.append(self.val_type(val_type))
                continue
            if unnamed:
                yield f" ({keyword} {' '.join(unnamed)})"
                unnamed = []
            yield f" ({keyword}{locals.definition(number)} {self.val_type(val_type)})"
        if unnamed:
            yield f" ({keyword} {' '.join(unnamed)})"

    def _func(self, index: int, func: Func) -> "Iterator[str]":
        runs, start = decode_locals(func.data, func.start, func.end)
        if sum([count for count, _ in runs]) > _MAX_LOCALS:
            raise DecodeError("too many locals for a text", func.start)
        types = [val_type for count, val_type in runs for _ in range(count)]
        params = len(self._params(func.type))
        names = self._nested("locals", index, params + len(types))
        header = f"  (func{self.funcs.definition(index)}{self._header(func.type, names)}"
        lines = ["   " + declaration for declaration in self._declarations("local", params, types, names)]
        lines += self._body(index, func, start, names)
        if lines:
            yield header
            yield from lines
            yield "  )"
        else:
            yield f"{header})"

    def _body(self, index: int, func: Func, start: int, locals: Identifiers) -> "Iterator[str]":
        """The lines of the instructions, which begin at ``start``."""
        hints = self._canonical_hints(index, func)
        labels = self._printed_nested["labels"].setdefault(index, {})
        code = CodePrinter(self, locals, self._known.labels.get(index, {}), labels)
        for instr in Expr(func.data, start, func.end):
            hint = hints.get(instr.offset - func.start)
            if hint is not None:
                self._printed_hints.setdefault(index, []).append((instr.offset - func.start, hint))
                yield f"{code.indentation}(@metadata.code.branch_hint {string(hint)})"
            line = code.line(instr)
            if line is not None:
                yield line
        code.finish(func.end)

    def _canonical_hints(self, index: int, func: Func) -> dict[int, bytes]:
        """The branch hints of a function, if its instructions will be where they are when it is parsed again."""
        hints = self._hints.get(index)
        if not hints or encode_func(func.locals, func.body) != func.data[func.start : func.end]:
            return {}
        return {offset: bytes((likely,)) for offset, likely in hints.items()}

    def _expression(self, expr: Expr, keyword: str = "") -> str:
        """A constant expression: one instruction in parentheses, or several, in parentheses with a keyword."""
        code = CodePrinter(self, _NO_LOCALS, {}, {})
        lines = [line for line in map(code.line, expr) if line is not None]
        code.finish(expr.end)
        text = " ".join([line.strip() for line in lines])
        if len(lines) == 1:
            return f"({text})"
        return f"({keyword}{' ' if lines else ''}{text})" if keyword else text

    # Segments

    def _elem(self, elem: Elem) -> str:
        parts = []
        if isinstance(elem.mode, Active):
            if elem.mode.index:
                parts.append(f"(table {self.tables[elem.mode.index]})")
            parts.append(self._expression(elem.mode.offset, "offset"))
        elif elem.mode == "declarative":
            parts.append("declare")
        if elem.type == RefType(False, FUNC) and all(isinstance(item, int) for item in elem.init):
            parts.append("func")
            parts += [self.funcs[item] for item in elem.init if isinstance(item, int)]
        else:
            parts.append(self.val_type(elem.type))
            parts += [self._expression(item, "item") for item in elem.init if isinstance(item, Expr)]
        return " " + " ".join(parts)

    def _data(self, number: int, data: Data) -> "Iterator[str]":
        mode = ""
        if isinstance(data.mode, Active):
            mode = f" (memory {self.mems[data.mode.index]})" if data.mode.index else ""
            mode += " " + self._expression(data.mode.offset, "offset")
        start = f"  (data{self.datas.definition(number)}{mode}"
        content = data.init
        if len(content) <= _STRING_BYTES:
            yield f"{start} {string(content)})"
            return
        yield start
        for at in range(0, len(content), _STRING_BYTES):
            yield "    " + string(content[at : at + _STRING_BYTES])
        yield "  )"


def _without_empty(nested: dict[str, dict[int, dict[int, str]]]) -> dict[str, dict[int, dict[int, str]]]:
    return {part: {index: inner for index, inner in maps.items() if inner} for part, maps in nested.items()}


def _address_type(addr: NumType) -> str:
    return "i64 " if addr is I64 else ""


def _limits(limits: Limits) -> str:
    return f"{limits.min}" if limits.max is None else f"{limits.min} {limits.max}"


def _mem_type(mem: MemType) -> str:
    page_size = "" if mem.page_size_log2 == 16 else f" (pagesize {1 << mem.page_size_log2})"
    return f"{_address_type(mem.addr)}{_limits(mem.limits)}{' shared' if mem.shared else ''}{page_size}"


_NO_LOCALS = Identifiers({}, 0, {})
