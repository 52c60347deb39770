"""A position in the bytes of a module, and what both sections and bodies are made of: values, names and types
(specification, sections "Binary Format, Values" and "Binary Format, Types")."""

from ..errors import DecodeError
from ..features import Features
from ..syntax.types import (
    ABSTRACT_HEAP_TYPES,
    EXN,
    EXTERN,
    F32,
    F64,
    FUNC,
    I8,
    I16,
    I32,
    I64,
    NOEXN,
    V128,
    AbsHeapType,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
)
from .leb128 import UNEXPECTED_END, read_signed, read_unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _T = TypeVar("_T")

#: Everything that is known: for readers who only look.
ALL = Features(-1)

_NUMBERS = {t.code: t for t in (I32, I64, F32, F64)}
_PACKED = {t.code: t for t in (I8, I16)}
_HEAP = {t.code: t for t in ABSTRACT_HEAP_TYPES}


def _value_types(features: Features) -> "dict[int, ValType]":
    """The value types of one byte."""
    found: dict[int, ValType] = {**_NUMBERS}
    if Features.SIMD in features:
        found[V128.code] = V128
    for code, heap in _heap_types(features).items():
        found[code] = RefType(True, heap)
    return found


def _heap_types(features: Features) -> "dict[int, AbsHeapType]":
    """The heap types of one byte."""

    def known(heap: AbsHeapType) -> bool:
        if heap is FUNC or heap is EXTERN:
            return Features.REFERENCE_TYPES in features
        if heap is EXN or heap is NOEXN:
            return Features.EXCEPTIONS in features
        return Features.GC in features

    return {code: heap for code, heap in _HEAP.items() if known(heap)}


class Reader:
    """Reads forward from ``pos``; every method raises DecodeError where the bytes are malformed.

    Attributes:
        data: the bytes, usually of a whole module.
        pos: where the next value begins.
        features: what may be written there.
    """

    __slots__ = ("data", "features", "heap_types", "pos", "val_types")

    def __init__(self, data: bytes, pos: int = 0, features: Features = ALL) -> None:
        self.data = data
        self.pos = pos
        self.features = features
        self.heap_types = _heap_types(features)
        self.val_types = _value_types(features)

    # Values

    def byte(self) -> int:
        try:
            byte = self.data[self.pos]
        except IndexError:
            raise DecodeError(UNEXPECTED_END, len(self.data)) from None
        self.pos += 1
        return byte

    def peek(self) -> int:
        """The next byte, -1 at the end."""
        return self.data[self.pos] if self.pos < len(self.data) else -1

    def u32(self) -> int:
        value, self.pos = read_unsigned(self.data, self.pos, 32)
        return value

    def u64(self) -> int:
        value, self.pos = read_unsigned(self.data, self.pos, 64)
        return value

    def s32(self) -> int:
        value, self.pos = read_signed(self.data, self.pos, 32)
        return value

    def s33(self) -> int:
        value, self.pos = read_signed(self.data, self.pos, 33)
        return value

    def s64(self) -> int:
        value, self.pos = read_signed(self.data, self.pos, 64)
        return value

    def f32(self) -> int:
        """The bit pattern of a 32-bit float."""
        return int.from_bytes(self.bytes(4, UNEXPECTED_END), "little")

    def f64(self) -> int:
        """The bit pattern of a 64-bit float."""
        return int.from_bytes(self.bytes(8, UNEXPECTED_END), "little")

    def v128(self) -> bytes:
        return self.bytes(16, UNEXPECTED_END)

    def bytes(self, size: int, message: str = "length out of bounds") -> bytes:
        """The next ``size`` bytes; ``message`` is the complaint if there are not as many."""
        pos = self.pos
        end = pos + size
        if end > len(self.data):
            raise DecodeError(message, pos)
        self.pos = end
        return self.data[pos:end]

    def length(self) -> int:
        """The size of something that follows, which must be there."""
        start = self.pos
        size = self.u32()
        if size > len(self.data) - self.pos:
            raise DecodeError("length out of bounds", start)
        return size

    def name(self) -> str:
        size = self.length()
        start = self.pos
        try:
            return self.bytes(size).decode()
        except UnicodeDecodeError as error:
            raise DecodeError("malformed UTF-8 encoding", start + error.start) from None

    def zero(self, message: str = "zero byte expected") -> int:
        """A byte that is reserved for later versions of the format."""
        if self.byte():
            raise DecodeError(message, self.pos - 1)
        return 0

    def flag(self, message: str) -> bool:
        """A byte that is 0 or 1."""
        byte = self.byte()
        if byte > 1:
            raise DecodeError(message, self.pos - 1)
        return byte == 1

    def vec(self, element: "Callable[[], _T]") -> "tuple[_T, ...]":
        """A vector.  However large its count, memory grows only with what is really read."""
        return tuple([element() for _ in range(self.u32())])

    # Types

    def heap_type(self) -> HeapType:
        known = self.heap_types.get(self.peek())
        if known is not None:
            self.pos += 1
            return known
        start = self.pos
        if Features.FUNCTION_REFERENCES in self.features:
            index = self.s33()
            if index >= 0:
                return index
        raise DecodeError("malformed heap type" if self.peek() >= 0 else UNEXPECTED_END, start)

    def ref_type(self) -> RefType:
        start = self.pos
        byte = self.byte()
        known = self.val_types.get(byte)
        if isinstance(known, RefType):
            return known
        if byte in (0x63, 0x64) and Features.FUNCTION_REFERENCES in self.features:
            return RefType(byte == 0x63, self.heap_type())
        raise DecodeError("malformed reference type", start)

    def val_type(self) -> ValType:
        byte = self.peek()
        known = self.val_types.get(byte)
        if known is not None:
            self.pos += 1
            return known
        if byte in (0x63, 0x64) and Features.FUNCTION_REFERENCES in self.features:
            return self.ref_type()
        raise DecodeError("malformed value type" if byte >= 0 else UNEXPECTED_END, self.pos)

    def storage_type(self) -> StorageType:
        packed = _PACKED.get(self.peek())
        if packed is None:
            return self.val_type()
        self.pos += 1
        return packed

    def field_type(self) -> FieldType:
        storage = self.storage_type()
        return FieldType(storage, self.flag("malformed mutability"))

    def comp_type(self) -> CompType:
        start = self.pos
        byte = self.byte()
        if byte == 0x60:
            params = self.vec(self.val_type)
            return FuncType(params, self.vec(self.val_type))
        if Features.GC in self.features:
            if byte == 0x5F:
                return StructType(self.vec(self.field_type))
            if byte == 0x5E:
                return ArrayType(self.field_type())
        raise DecodeError("malformed composite type", start)

    def sub_type(self) -> SubType:
        byte = self.peek()
        if byte in (0x50, 0x4F) and Features.GC in self.features:
            self.pos += 1
            supers = self.vec(self.u32)
            return SubType(byte == 0x4F, supers, self.comp_type())
        return SubType(True, (), self.comp_type())

    def rec_type(self) -> RecType:
        if self.peek() == 0x4E and Features.GC in self.features:
            self.pos += 1
            return RecType(self.vec(self.sub_type))
        return RecType((self.sub_type(),))

    def limits(self, allowed: int) -> "tuple[int, Limits]":
        """The flags, of which ``allowed`` may be set, and the sizes."""
        start = self.pos
        flags = self.byte()
        if flags & ~allowed:
            raise DecodeError("malformed limits flags", start)
        size = self.u64 if Features.MEMORY64 in self.features else self.u32
        least = size()
        return flags, Limits(least, size() if flags & 1 else None)

    def mem_type(self) -> MemType:
        features = self.features
        flags, limits = self.limits(
            1
            | (Features.THREADS in features) << 1
            | (Features.MEMORY64 in features) << 2
            | (Features.CUSTOM_PAGE_SIZES in features) << 3
        )
        page_size_log2 = self.u32() if flags & 8 else 16
        return MemType(limits, I64 if flags & 4 else I32, bool(flags & 2), page_size_log2)

    def table_type(self) -> TableType:
        if Features.REFERENCE_TYPES in self.features:
            ref = self.ref_type()
        elif self.byte() == FUNC.code:
            ref = RefType(True, FUNC)
        else:
            raise DecodeError("malformed element type", self.pos - 1)
        flags, limits = self.limits(1 | (Features.MEMORY64 in self.features) << 2)
        return TableType(limits, ref, I64 if flags & 4 else I32)

    def global_type(self) -> GlobalType:
        val_type = self.val_type()
        return GlobalType(val_type, self.flag("malformed mutability"))

    def tag_type(self) -> TagType:
        self.zero()
        return TagType(self.u32())
