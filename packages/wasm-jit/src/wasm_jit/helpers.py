"""Instructions that Python carries out: what happens to tables, references and segments, and memories that grow.

A helper is a host function to the compiled code; it is made for an instance and the immediates of the instruction.
"""

from wasm_decoder.syntax.instructions import OPS
from wasm_decoder.syntax.types import FUNCREF, I32, FuncType
from wasm_interp.runtime.traps import MemoryOutOfBounds, TableOutOfBounds
from wasm_interp.runtime.values import from_wasm, to_wasm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wasm_decoder.syntax.types import ValType
    from wasm_interp import Instance

    Helper = tuple[FuncType, Callable[..., object]]

_U32 = 0xFFFFFFFF
_MAKERS: "dict[str, Callable[[Instance, Any], Helper]]" = {}


def helper(instance: "Instance", code: int, immediates: object) -> "Helper":
    """The type and the function of the helper for an instruction.  Its i32 arguments and results are signed ints."""
    return _MAKERS[OPS[code].name](instance, immediates)


def _maker(name: str) -> "Callable[[Callable[[Instance, Any], Helper]], Callable[[Instance, Any], Helper]]":
    def register(function: "Callable[[Instance, Any], Helper]") -> "Callable[[Instance, Any], Helper]":
        _MAKERS[name] = function
        return function

    return register


def _type(params: "tuple[ValType, ...]", results: "tuple[ValType, ...]" = ()) -> FuncType:
    return FuncType(params, results)


_THREE = (I32, I32, I32)


@_maker("memory.grow")
def _memory_grow(instance: "Instance", index: "Any") -> "Helper":
    memory = instance.mems[index]
    return _type((I32,), (I32,)), lambda pages: memory.try_grow(pages & _U32)


@_maker("memory.init")
def _memory_init(instance: "Instance", immediates: "Any") -> "Helper":
    data, index = immediates
    memory = instance.mems[index]

    def init(target: int, source: int, count: int) -> None:
        target, source, count = target & _U32, source & _U32, count & _U32
        segment = instance.datas[data]
        if source + count > len(segment) or target + count > len(memory):
            raise MemoryOutOfBounds
        memory.write(target, segment[source : source + count])

    return _type(_THREE), init


@_maker("data.drop")
def _data_drop(instance: "Instance", index: "Any") -> "Helper":
    def drop() -> None:
        instance.datas[index] = b""

    return _type(()), drop


@_maker("elem.drop")
def _elem_drop(instance: "Instance", index: "Any") -> "Helper":
    def drop() -> None:
        instance.elems[index] = []

    return _type(()), drop


@_maker("ref.func")
def _ref_func(instance: "Instance", index: "Any") -> "Helper":
    return _type((), (FUNCREF,)), lambda: instance.function(index)


@_maker("global.get")
def _global_get(instance: "Instance", index: "Any") -> "Helper":
    cell = instance.globals[index]
    return _type((), (cell.type.type,)), lambda: from_wasm(cell.type.type, cell.raw)


@_maker("global.set")
def _global_set(instance: "Instance", index: "Any") -> "Helper":
    cell = instance.globals[index]

    def assign(value: object) -> None:
        cell.raw = to_wasm(cell.type.type, value)

    return _type((cell.type.type,)), assign


@_maker("table.get")
def _table_get(instance: "Instance", index: "Any") -> "Helper":
    table = instance.tables[index]
    return _type((I32,), (table.type.ref,)), lambda i: table.get(i & _U32)


@_maker("table.set")
def _table_set(instance: "Instance", index: "Any") -> "Helper":
    table = instance.tables[index]
    return _type((I32, table.type.ref)), lambda i, value: table.set(i & _U32, value)


@_maker("table.grow")
def _table_grow(instance: "Instance", index: "Any") -> "Helper":
    table = instance.tables[index]
    ref = table.type.ref
    return _type((ref, I32), (I32,)), lambda value, count: table.try_grow(count & _U32, to_wasm(ref, value))


@_maker("table.fill")
def _table_fill(instance: "Instance", index: "Any") -> "Helper":
    table = instance.tables[index]
    ref = table.type.ref

    def fill(start: int, value: object, count: int) -> None:
        start, count = start & _U32, count & _U32
        if start + count > len(table.elements):
            raise TableOutOfBounds
        table.elements[start : start + count] = [to_wasm(ref, value)] * count

    return _type((I32, ref, I32)), fill


@_maker("table.copy")
def _table_copy(instance: "Instance", immediates: "Any") -> "Helper":
    to, from_ = (instance.tables[index].elements for index in immediates)

    def copy(target: int, source: int, count: int) -> None:
        target, source, count = target & _U32, source & _U32, count & _U32
        if target + count > len(to) or source + count > len(from_):
            raise TableOutOfBounds
        to[target : target + count] = from_[source : source + count]

    return _type(_THREE), copy


@_maker("table.init")
def _table_init(instance: "Instance", immediates: "Any") -> "Helper":
    elem, index = immediates
    elements = instance.tables[index].elements

    def init(target: int, source: int, count: int) -> None:
        target, source, count = target & _U32, source & _U32, count & _U32
        segment = instance.elems[elem]
        if source + count > len(segment) or target + count > len(elements):
            raise TableOutOfBounds
        elements[target : target + count] = segment[source : source + count]

    return _type(_THREE), init
