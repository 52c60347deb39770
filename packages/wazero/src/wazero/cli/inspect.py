"""``wazero inspect``: what is in a module."""

from wasm_decoder import WasmError, disassemble, encode, names
from wasm_decoder.binary.reader import Reader
from wasm_decoder.custom.producers import producers
from wasm_decoder.custom.target_features import target_features
from wasm_decoder.syntax.types import FuncIndexType, GlobalType, MemType, TableType

from ..source import load_file
from .options import FEATURES, parser
from .report import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wasm_decoder import Module
    from wasm_decoder.syntax.types import ExternType

_SECTIONS = {
    1: "type",
    2: "import",
    3: "function",
    4: "table",
    5: "memory",
    6: "global",
    7: "export",
    8: "start",
    9: "element",
    10: "code",
    11: "data",
    12: "data count",
    13: "tag",
}


def main(argv: "Sequence[str]") -> int:
    """Show one module; returns 0, or 1 after a message if the file is no module or has no such function."""
    arguments = parser("inspect", "Show the sections, imports and exports of a module.")
    arguments.add_argument("file", metavar="FILE")
    shown = arguments.add_mutually_exclusive_group()
    shown.add_argument("--functions", action="store_true", help="list the functions: index, size, type, name")
    shown.add_argument("--disassemble", metavar="FUNCTION", help="list the instructions of one, by name or index")
    arguments.add_argument("--features", **FEATURES)
    given = arguments.parse_args(argv)
    try:
        module = load_file(given.file, features=given.features)
        if given.disassemble is not None:
            lines = disassemble(module, find_function(module, given.disassemble))
        elif given.functions:
            lines = _functions(module)
        else:
            lines = _overview(given.file, module)
        for line in lines:
            print(line)
    except (WasmError, OSError, ValueError) as error:
        fail(given.file, error)
        return 1
    return 0


def _overview(path: str, module: "Module") -> "Iterator[str]":
    binary = module.binary if module.binary is not None else encode(module)
    form = "binary format" if module.binary is not None else "text format; sizes are those of its binary form"
    known = names(module)
    yield f"{path}: {len(binary):,} bytes, {form}" + (f", named {shown(known.module)}" if known.module else "")
    yield "\nsections             offset       size"
    for name, start, size in sections(binary):
        yield f"  {name:<16} {start:>#9x} {size:>10,}"
    if module.imports:
        yield "\nimports"
        for wanted in module.imports:
            kind, extern = _extern(module, wanted.type)
            yield f"  {kind:<6} {shown(wanted.module)}.{shown(wanted.name)}  {extern}"
    if module.exports:
        yield "\nexports"
        for e in module.exports:
            yield f"  {e.kind:<6} {shown(e.name)}  {_extern(module, _exported(module, e.kind, e.index))[1]}"
    defined = [
        f"{len(part):,} {name}{'s' if len(part) != 1 else ''}"
        for name, part in (
            ("function", module.funcs),
            ("table", module.tables),
            ("global", module.globals),
            ("tag", module.tags),
            ("element segment", module.elems),
            ("data segment", module.datas),
        )
        if part
    ]
    if defined:
        yield f"\ndefines {', '.join(defined)}"
    for i, mem in enumerate(module.mem_types):
        yield f"memory {i}: {_memory(mem)}"
    if module.start is not None:
        yield f"starts with function {module.start}{_named(known.funcs, module.start)}"
    for field, tools in producers(module).items():
        yield f"{shown(field)}: {', '.join(shown(f'{tool} {version}'.strip()) for tool, version in tools)}"
    if used := target_features(module):
        yield f"target features: {' '.join(f'{prefix}{shown(feature)}' for feature, prefix in used.items())}"


def sections(binary: bytes) -> "Iterator[tuple[str, int, int]]":
    """Each section's name, the offset of its content and its size, both in bytes, of a module that decodes."""
    reader = Reader(binary, 8)
    while reader.pos < len(binary):
        code = reader.byte()
        size = reader.u32()
        start = reader.pos
        yield _SECTIONS[code] if code else f'"{shown(reader.name())}"', start, size
        reader.pos = start + size


def _extern(module: "Module", what: "ExternType") -> "tuple[str, str]":
    """The kind of what is imported, and its type."""
    if isinstance(what, FuncIndexType):
        return "func", repr(module.functype(what.type))
    if isinstance(what, TableType):
        return "table", f"{what.ref!r} {what.limits!r}"
    if isinstance(what, MemType):
        return "memory", _memory(what)
    if isinstance(what, GlobalType):
        return "global", f"{'mutable ' if what.mutable else ''}{what.type!r}"
    return "tag", repr(module.functype(what.type))


def _exported(module: "Module", kind: str, index: int) -> "ExternType":
    spaces: dict[str, Sequence[ExternType]] = {
        "func": [FuncIndexType(module.func_types[index])] if kind == "func" else [],
        "table": module.table_types,
        "memory": module.mem_types,
        "global": module.global_types,
        "tag": module.tag_types,
    }
    return spaces[kind][0 if kind == "func" else index]


def _memory(mem: MemType) -> str:
    pages = mem.limits.min
    size = f"{pages:,} page{'s' if pages != 1 else ''} ({pages << mem.page_size_log2:,} bytes)"
    return f"{size}, at most {mem.limits.max:,}" if mem.limits.max is not None else size


def shown(name: str) -> str:
    """A name from a module, which may be anything, control sequences of a terminal included."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _named(known: "Mapping[int, str]", index: int) -> str:
    return f" ${shown(known[index])}" if index in known else ""


def _functions(module: "Module") -> "Iterator[str]":
    known = names(module).funcs
    imported = [i for i in module.imports if isinstance(i.type, FuncIndexType)]
    for index, typed in enumerate(module.func_types):
        if index < len(imported):
            size = "import"
            name = f" {shown(imported[index].module)}.{shown(imported[index].name)}"
        else:
            func = module.funcs[index - len(imported)]
            size, name = f"{func.end - func.start:,}", _named(known, index)
        yield f"{index:>7} {size:>9}  {module.functype(typed)!r}{name}"


def find_function(module: "Module", wanted: str) -> int:
    """The index of the function with that index, name in the name section, or export name.

    Raises ValueError if there is none.
    """
    if wanted.isdecimal():
        if int(wanted) < len(module.func_types):
            return int(wanted)
        raise ValueError(f"there is no function {wanted}; there are {len(module.func_types)}")
    name = wanted.removeprefix("$")
    for export in module.exports:
        if export.kind == "func" and export.name == name:
            return export.index
    for index, known in names(module).funcs.items():
        if known == name:
            return index
    raise ValueError(f"there is no function {wanted!r}; --functions lists them")
