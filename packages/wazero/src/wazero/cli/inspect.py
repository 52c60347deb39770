"""``wazero inspect``: what is in a module."""

from wasm_decoder import WasmError, encode, names
from wasm_decoder.binary.reader import Reader
from wasm_decoder.syntax.types import FuncIndexType, TagType

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
    shown.add_argument("--functions", action="store_true", help="list the functions: index, size of the body, type, name")
    shown.add_argument("--disassemble", metavar="FUNCTION", help="list the instructions of a function, by name or index")
    arguments.add_argument("--features", **FEATURES)
    given = arguments.parse_args(argv)
    try:
        module = load_file(given.file, features=given.features)
        if given.disassemble is not None:
            lines = _disassembly(module, given.disassemble)
        elif given.functions:
            lines = _functions(module)
        else:
            lines = _overview(given.file, module)
        for line in lines:
            print(line)
    except (WasmError, OSError, UnknownFunction) as error:
        fail(given.file, error)
        return 1
    return 0


class UnknownFunction(Exception):
    """No function has the name or index."""


def _overview(path: str, module: "Module") -> "Iterator[str]":
    binary = module.binary if module.binary is not None else encode(module)
    form = "binary format" if module.binary is not None else "text format; sizes are those of its binary form"
    known = names(module)
    yield f"{path}: {len(binary):,} bytes, {form}" + (f", named {known.module}" if known.module else "")
    yield "\nsections             offset       size"
    for name, start, size in sections(binary):
        yield f"  {name:<16} {start:>#9x} {size:>10,}"
    if module.imports:
        yield "\nimports"
        for i in module.imports:
            yield f"  {_kind(i.type):<6} {i.module}.{i.name}  {_extern(module, i.type)}"
    if module.exports:
        yield "\nexports"
        for e in module.exports:
            yield f"  {e.kind:<6} {e.name}  {_exported(module, e.kind, e.index)}"
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
        yield f"memory {i}: {_memory(mem.limits.min, mem.limits.max, mem.page_size_log2)}"
    if module.start is not None:
        yield f"starts with function {module.start}{_named(known.funcs, module.start)}"
    for custom in module.customs:
        if custom.name in ("producers", "target_features"):
            yield from _tools(custom.name, custom.data)


def sections(binary: bytes) -> "Iterator[tuple[str, int, int]]":
    """Each section's name, the offset of its content and its size, both in bytes, of a module that decodes."""
    reader = Reader(binary, 8)
    while reader.pos < len(binary):
        id = reader.byte()
        size = reader.length()
        start = reader.pos
        name = _SECTIONS[id] if id else f'"{reader.name()}"'
        yield name, start, size
        reader.pos = start + size


def _tools(section: str, data: bytes) -> "Iterator[str]":
    """What a producers or target features section says; nothing if it is malformed."""
    reader = Reader(data)
    lines = []
    try:
        if section == "producers":
            for _ in range(reader.u32()):
                field = reader.name()
                values = [f"{reader.name()} {reader.name()}".strip() for _ in range(reader.u32())]
                lines.append(f"{field}: {', '.join(values)}")
        else:
            features = [f"{chr(reader.byte())}{reader.name()}" for _ in range(reader.u32())]
            lines.append(f"target features: {' '.join(features)}")
    except WasmError:
        return  # a malformed custom section is no error of the module
    yield from lines


def _kind(type: "ExternType") -> str:
    return {"FuncIndexType": "func", "TableType": "table", "MemType": "memory", "GlobalType": "global", "TagType": "tag"}[
        type.__class__.__name__
    ]


def _extern(module: "Module", type: "ExternType") -> str:
    if isinstance(type, (FuncIndexType, TagType)):
        return repr(module.functype(type.type))
    if hasattr(type, "page_size_log2"):
        return _memory(type.limits.min, type.limits.max, type.page_size_log2)
    if hasattr(type, "limits"):
        return f"{type.ref!r} {type.limits!r}"
    return f"{'mutable ' if type.mutable else ''}{type.type!r}"


def _exported(module: "Module", kind: str, index: int) -> str:
    if kind == "func":
        return repr(module.functype(module.func_types[index]))
    spaces = {
        "table": module.table_types,
        "memory": module.mem_types,
        "global": module.global_types,
        "tag": module.tag_types,
    }
    return _extern(module, spaces[kind][index])


def _memory(low: int, high: "int | None", page_size_log2: int) -> str:
    size = f"{low:,} page{'s' if low != 1 else ''} ({low << page_size_log2:,} bytes)"
    return f"{size}, at most {high:,}" if high is not None else size


def _named(known: "Mapping[int, str]", index: int) -> str:
    return f" ${known[index]}" if index in known else ""


def _functions(module: "Module") -> "Iterator[str]":
    known = names(module).funcs
    imported = [i for i in module.imports if isinstance(i.type, FuncIndexType)]
    for index, type in enumerate(module.func_types):
        if index < len(imported):
            size = "import"
            name = f" {imported[index].module}.{imported[index].name}"
        else:
            func = module.funcs[index - len(imported)]
            size, name = f"{func.end - func.start:,}", _named(known, index)
        yield f"{index:>7} {size:>9}  {module.functype(type)!r}{name}"


def _disassembly(module: "Module", wanted: str) -> "Iterator[str]":
    known = names(module).funcs
    imported = len(module.func_types) - len(module.funcs)
    index = find_function(module, wanted)
    if index < imported:
        raise UnknownFunction(f"function {index} is imported, so there is nothing to disassemble")
    func = module.funcs[index - imported]
    yield f"function {index}{_named(known, index)} {module.functype(func.type)!r}"
    if func.locals:
        yield f"locals {' '.join(f'{count} × {type!r}' for count, type in func.locals)}"
    depth = 1
    for instr in func.body:
        if instr.op.mnemonic in ("end", "else"):
            depth -= 1
        yield f"{instr.offset:>#9x}  {'  ' * max(depth, 0)}{instr.op.mnemonic}{''.join(map(_immediate, instr.immediates))}"
        if instr.op.mnemonic == "else" or instr.op.immediates[:1] == ("block",):
            depth += 1


def find_function(module: "Module", wanted: str) -> int:
    """The index of the function with that index, name in the name section, or export name.

    Raises UnknownFunction if there is none.
    """
    if wanted.isdecimal():
        if int(wanted) < len(module.func_types):
            return int(wanted)
        raise UnknownFunction(f"there is no function {wanted}; the last one is {len(module.func_types) - 1}")
    name = wanted.removeprefix("$")
    for export in module.exports:
        if export.kind == "func" and export.name == name:
            return export.index
    for index, known in names(module).funcs.items():
        if known == name:
            return index
    raise UnknownFunction(f"there is no function {wanted!r}; --functions lists them")


def _immediate(value: object) -> str:
    if isinstance(value, bytes):
        return f" 0x{value.hex()}"
    if isinstance(value, tuple):
        return f" ({' '.join(map(repr, value))})"
    return "" if value is None else f" {value!r}"
