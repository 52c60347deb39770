"""How values, names and types are written; the mirror of ``reader`` (specification, sections "Binary Format, Values"
and "Binary Format, Types")."""

from ..syntax.types import (
    I64,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
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
from .leb128 import signed, unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    _T = TypeVar("_T")


def sized(content: bytes) -> bytes:
    """Bytes after their number."""
    return unsigned(len(content)) + content


def name(text: str) -> bytes:
    """A name."""
    return sized(text.encode())


def vec(write: "Callable[[_T], bytes]", elements: "Sequence[_T]") -> bytes:
    """A vector."""
    return unsigned(len(elements)) + b"".join([write(element) for element in elements])


def heap_type(heap: HeapType) -> bytes:
    """A heap type."""
    return signed(heap) if isinstance(heap, int) else bytes((heap.code,))


def ref_type(ref: RefType) -> bytes:
    """A reference type, in its short form where it has one."""
    if ref.nullable and not isinstance(ref.heap, int):
        return bytes((ref.heap.code,))
    return (b"\x63" if ref.nullable else b"\x64") + heap_type(ref.heap)


def val_type(storage: StorageType) -> bytes:
    """A value type or a packed type."""
    return ref_type(storage) if isinstance(storage, RefType) else bytes((storage.code,))


def field_type(field: FieldType) -> bytes:
    """A storage type with its mutability."""
    return val_type(field.storage) + bytes((field.mutable,))


def comp_type(comp: CompType) -> bytes:
    """A function, structure or array type."""
    if isinstance(comp, FuncType):
        return b"\x60" + vec(val_type, comp.params) + vec(val_type, comp.results)
    if isinstance(comp, ArrayType):
        return b"\x5e" + field_type(comp.field)
    return b"\x5f" + vec(field_type, comp.fields)


def sub_type(sub: SubType) -> bytes:
    """A composite type with its supertypes, in the short form if it is final and has none."""
    if sub.final and not sub.supers:
        return comp_type(sub.comp)
    return (b"\x4f" if sub.final else b"\x50") + vec(unsigned, sub.supers) + comp_type(sub.comp)


def rec_type(rec: RecType) -> bytes:
    """A group of subtypes, without ceremony if it has one."""
    if len(rec.subtypes) == 1:
        return sub_type(rec.subtypes[0])
    return b"\x4e" + vec(sub_type, rec.subtypes)


def _limits(limits: Limits, addr: NumType, flags: int = 0) -> bytes:
    flags |= (limits.max is not None) | (addr is I64) << 2
    return bytes((flags,)) + unsigned(limits.min) + (b"" if limits.max is None else unsigned(limits.max))


def mem_type(mem: MemType) -> bytes:
    """A memory type."""
    if mem.page_size_log2 == 16:
        return _limits(mem.limits, mem.addr, mem.shared << 1)
    return _limits(mem.limits, mem.addr, mem.shared << 1 | 8) + unsigned(mem.page_size_log2)


def table_type(table: TableType) -> bytes:
    """A table type."""
    return ref_type(table.ref) + _limits(table.limits, table.addr)


def global_type(global_: GlobalType) -> bytes:
    """A global type."""
    return val_type(global_.type) + bytes((global_.mutable,))


def tag_type(tag: TagType) -> bytes:
    """A tag type."""
    return b"\0" + unsigned(tag.type)
