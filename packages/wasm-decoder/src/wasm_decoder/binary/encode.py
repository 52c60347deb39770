"""From a module to bytes (specification, section "Binary Format, Modules")."""

from ..syntax.module import Active, Data, Elem, Export, Func, Global, Import, Module, Table
from ..syntax.types import (
    FUNC,
    FUNCREF,
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
    RecType,
    RefType,
    StorageType,
    SubType,
    TableType,
    TagType,
)
from .code import ref_type, val_type
from .decode import KINDS, MAGIC, ORDER, VERSION
from .leb128 import unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    _T = TypeVar("_T")


def encode(module: Module) -> bytes:
    """The module in the binary format: ``decode(encode(module)) == module``.

    Bodies and constant expressions are copied as they are; everything else is written in its shortest form.
    """
    sections = {section: content(module) for section, content in _SECTIONS.items()}
    out = bytearray(MAGIC + VERSION)
    for section in (0, *ORDER):
        content = sections.get(section, b"")
        customs = [custom for custom in module.customs if custom.after == section]
        if section and customs and not content and section not in (8, 12):
            content = b"\0"  # an empty section, so that what follows it keeps its place
        if content:
            _section(out, section, content)
        for custom in customs:
            _section(out, 0, _name(custom.name) + custom.data)
    return bytes(out)


def _section(out: bytearray, number: int, content: bytes) -> None:
    out.append(number)
    out += unsigned(len(content))
    out += content


def _vec(write: "Callable[[_T], bytes]", elements: "Sequence[_T]") -> bytes:
    return unsigned(len(elements)) + b"".join([write(element) for element in elements])


def _section_vec(write: "Callable[[_T], bytes]", elements: "Sequence[_T]") -> bytes:
    return _vec(write, elements) if elements else b""


def _name(name: str) -> bytes:
    encoded = name.encode()
    return unsigned(len(encoded)) + encoded


# Types


def _rec_type(rec: RecType) -> bytes:
    if len(rec.subtypes) == 1:
        return _sub_type(rec.subtypes[0])
    return b"\x4e" + _vec(_sub_type, rec.subtypes)


def _sub_type(sub: SubType) -> bytes:
    if sub.final and not sub.supers:
        return _comp_type(sub.comp)
    return (b"\x4f" if sub.final else b"\x50") + _vec(unsigned, sub.supers) + _comp_type(sub.comp)


def _comp_type(comp: CompType) -> bytes:
    if isinstance(comp, FuncType):
        return b"\x60" + _vec(val_type, comp.params) + _vec(val_type, comp.results)
    if isinstance(comp, ArrayType):
        return b"\x5e" + _field_type(comp.field)
    return b"\x5f" + _vec(_field_type, comp.fields)


def _field_type(field: FieldType) -> bytes:
    return _storage_type(field.storage) + bytes((field.mutable,))


def _storage_type(storage: StorageType) -> bytes:
    return ref_type(storage) if isinstance(storage, RefType) else bytes((storage.code,))


def _limits(limits: Limits, addr: NumType, flags: int = 0) -> bytes:
    flags |= (limits.max is not None) | (addr is I64) << 2
    return bytes((flags,)) + unsigned(limits.min) + (b"" if limits.max is None else unsigned(limits.max))


def _mem_type(mem: MemType) -> bytes:
    if mem.page_size_log2 == 16:
        return _limits(mem.limits, mem.addr, mem.shared << 1)
    return _limits(mem.limits, mem.addr, mem.shared << 1 | 8) + unsigned(mem.page_size_log2)


def _table_type(table: TableType) -> bytes:
    return ref_type(table.ref) + _limits(table.limits, table.addr)


def _global_type(type: GlobalType) -> bytes:
    return val_type(type.type) + bytes((type.mutable,))


def _tag_type(tag: TagType) -> bytes:
    return b"\0" + unsigned(tag.type)


# Parts of a module


def _import(import_: Import) -> bytes:
    imported = import_.type
    if isinstance(imported, FuncIndexType):
        described = b"\0" + unsigned(imported.type)
    elif isinstance(imported, TableType):
        described = b"\1" + _table_type(imported)
    elif isinstance(imported, MemType):
        described = b"\2" + _mem_type(imported)
    elif isinstance(imported, GlobalType):
        described = b"\3" + _global_type(imported)
    else:
        described = b"\4" + _tag_type(imported)
    return _name(import_.module) + _name(import_.name) + described


def _table(table: Table) -> bytes:
    if table.init is None:
        return _table_type(table.type)
    return b"\x40\0" + _table_type(table.type) + bytes(table.init)


def _global(global_: Global) -> bytes:
    return _global_type(global_.type) + bytes(global_.init)


def _export(export: Export) -> bytes:
    return _name(export.name) + bytes((KINDS.index(export.kind),)) + unsigned(export.index)


def _elem(elem: Elem) -> bytes:
    by_index = not elem.init or isinstance(elem.init[0], int)
    if by_index and elem.init:
        items = unsigned(len(elem.init)) + b"".join([unsigned(i) for i in elem.init if isinstance(i, int)])
    elif by_index and elem.type == RefType(False, FUNC):
        items = b"\0"
    else:
        by_index = False
        items = unsigned(len(elem.init)) + b"".join([bytes(i) for i in elem.init if not isinstance(i, int)])
    flags = 0 if by_index else 4
    mode = elem.mode
    kind = b"\0" if by_index else ref_type(elem.type)
    if not isinstance(mode, Active):
        return unsigned(flags | (1 if mode == "passive" else 3)) + kind + items
    if mode.index == 0 and (by_index or elem.type == FUNCREF):
        return unsigned(flags) + bytes(mode.offset) + items
    return unsigned(flags | 2) + unsigned(mode.index) + bytes(mode.offset) + kind + items


def _code(func: Func) -> bytes:
    return unsigned(func.end - func.start) + func.data[func.start : func.end]


def _data(data: Data) -> bytes:
    mode = data.mode
    init = unsigned(len(data.init)) + data.init
    if not isinstance(mode, Active):
        return b"\1" + init
    return (b"\2" + unsigned(mode.index) if mode.index else b"\0") + bytes(mode.offset) + init


_SECTIONS: "dict[int, Callable[[Module], bytes]]" = {
    1: lambda m: _section_vec(_rec_type, m.types),
    2: lambda m: _section_vec(_import, m.imports),
    3: lambda m: _section_vec(lambda func: unsigned(func.type), m.funcs),
    4: lambda m: _section_vec(_table, m.tables),
    5: lambda m: _section_vec(_mem_type, m.mems),
    6: lambda m: _section_vec(_global, m.globals),
    7: lambda m: _section_vec(_export, m.exports),
    8: lambda m: b"" if m.start is None else unsigned(m.start),
    9: lambda m: _section_vec(_elem, m.elems),
    10: lambda m: _section_vec(_code, m.funcs),
    11: lambda m: _section_vec(_data, m.datas),
    12: lambda m: b"" if m.data_count is None else unsigned(m.data_count),
    13: lambda m: _section_vec(_tag_type, m.tags),
}
