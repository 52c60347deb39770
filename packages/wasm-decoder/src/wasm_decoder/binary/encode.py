"""From a module to bytes (specification, section "Binary Format, Modules"); the mirror of ``decode``."""

from ..syntax.module import Active, Custom, Data, Elem, Export, Func, Global, Import, Module, Table
from ..syntax.types import FUNC, FUNCREF, FuncIndexType, GlobalType, MemType, RefType, TableType, ValType
from .code import encode_instrs
from .decode import KINDS, MAGIC, ORDER, VERSION
from .leb128 import unsigned
from .writer import global_type, mem_type, name, rec_type, ref_type, sized, table_type, tag_type, val_type, vec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from ..syntax.instructions import Instr

    _T = TypeVar("_T")

_START = 8
_DATA_COUNT = 12


def encode(module: Module) -> bytes:
    """The module in the binary format: ``decode(encode(module)) == module``.

    Bodies, constant expressions and custom sections are copied as they are; everything else is written in its
    shortest form.  Raises ValueError if the module says what the format cannot.
    """
    out = [MAGIC, VERSION]
    customs: dict[int, list[Custom]] = {}
    for custom in module.customs:
        customs.setdefault(custom.after, []).append(custom)
    for number in (0, *ORDER):
        content = _SECTIONS[number](module) if number else b""
        following = customs.get(number, ())
        if not content and following and number not in (0, _START, _DATA_COUNT):
            content = b"\0"  # nothing in it, but what follows it keeps its place
        if content:
            out += bytes((number,)), sized(content)
        out += [b"\0" + sized(name(custom.name) + custom.data) for custom in following]
    return b"".join(out)


def last_section(module: Module) -> int:
    """The id of the last section other than custom ones that ``encode`` writes: ``after`` of a custom section that is
    to stand at the end."""
    present = [number for number in ORDER if _SECTIONS[number](module)]
    return present[-1] if present else 0


def encode_func(locals: "Sequence[tuple[int, ValType]]", body: "Iterable[Instr]") -> bytes:
    """The ``data`` of a ``Func``: locals as (count, type) runs, then instructions with their final ``end``."""
    return vec(lambda run: unsigned(run[0]) + val_type(run[1]), locals) + encode_instrs(body)


def _import(import_: Import) -> bytes:
    imported = import_.type
    if isinstance(imported, FuncIndexType):
        described = b"\0" + unsigned(imported.type)
    elif isinstance(imported, TableType):
        described = b"\1" + table_type(imported)
    elif isinstance(imported, MemType):
        described = b"\2" + mem_type(imported)
    elif isinstance(imported, GlobalType):
        described = b"\3" + global_type(imported)
    else:
        described = b"\4" + tag_type(imported)
    return name(import_.module) + name(import_.name) + described


def _table(table: Table) -> bytes:
    if table.init is None:
        return table_type(table.type)
    return b"\x40\0" + table_type(table.type) + bytes(table.init)


def _global(global_: Global) -> bytes:
    return global_type(global_.type) + bytes(global_.init)


def _export(export: Export) -> bytes:
    return name(export.name) + bytes((KINDS.index(export.kind),)) + unsigned(export.index)


def _elem(elem: Elem) -> bytes:
    indices = [item for item in elem.init if isinstance(item, int)]
    by_index = bool(indices) or (not elem.init and elem.type == RefType(False, FUNC))
    if by_index:
        if len(indices) != len(elem.init) or elem.type not in (RefType(False, FUNC), FUNCREF):
            raise ValueError(f"no way to write function indices in a segment of {elem.type}")
        kind = b"\0"
        items = vec(unsigned, indices)
    else:
        kind = ref_type(elem.type)
        items = vec(bytes, [item for item in elem.init if not isinstance(item, int)])
    flags = 0 if by_index else 4
    mode = elem.mode
    if not isinstance(mode, Active):
        return unsigned(flags | (1 if mode == "passive" else 3)) + kind + items
    if mode.index == 0 and (by_index or elem.type == FUNCREF):
        return unsigned(flags) + bytes(mode.offset) + items
    return unsigned(flags | 2) + unsigned(mode.index) + bytes(mode.offset) + kind + items


def _code(func: Func) -> bytes:
    return sized(func.data[func.start : func.end])


def _data(data: Data) -> bytes:
    mode = data.mode
    if not isinstance(mode, Active):
        return b"\1" + sized(data.init)
    return (b"\2" + unsigned(mode.index) if mode.index else b"\0") + bytes(mode.offset) + sized(data.init)


def _some(write: "Callable[[_T], bytes]", elements: "Sequence[_T]") -> bytes:
    """The content of a section, nothing if it would be empty."""
    return vec(write, elements) if elements else b""


_SECTIONS: "dict[int, Callable[[Module], bytes]]" = {
    1: lambda m: _some(rec_type, m.types),
    2: lambda m: _some(_import, m.imports),
    3: lambda m: _some(unsigned, [func.type for func in m.funcs]),
    4: lambda m: _some(_table, m.tables),
    5: lambda m: _some(mem_type, m.mems),
    6: lambda m: _some(_global, m.globals),
    7: lambda m: _some(_export, m.exports),
    8: lambda m: b"" if m.start is None else unsigned(m.start),
    9: lambda m: _some(_elem, m.elems),
    10: lambda m: _some(_code, m.funcs),
    11: lambda m: _some(_data, m.datas),
    12: lambda m: b"" if m.data_count is None else unsigned(m.data_count),
    13: lambda m: _some(tag_type, m.tags),
}
