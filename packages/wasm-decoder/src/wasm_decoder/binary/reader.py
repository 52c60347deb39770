"""A position in the bytes of a module, and what sections and bodies are both made of: values, names and types
(specification, sections "Binary Format, Values" and "Binary Format, Types")."""

from ..errors import DecodeError
from ..features import Features
from ..syntax.types import (
    FUNC,
    FUNCREF,
    HEAP_TYPES,
    I32,
    I64,
    PACKED_TYPES,
    VAL_TYPES,
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
from .leb128 import UNEXPECTED_END, read_signed, read_u32s, read_unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _T = TypeVar("_T")

#: The most that a vector may hold whose elements are more than numbers or bytes: one million, as in the limits that
#: all browsers share (WebAssembly JavaScript Interface, section "Implementation-defined Limits").
MOST = 1_000_000


class Grammar:
    """What the format has in it, given some features."""

    __slots__ = (
        "bulk_memory", "exceptions", "gc", "heap_types", "mem_flags", "memory64", "multi_memory", "multi_value",
        "reference_types", "table_flags", "typed_references", "val_types",
    )  # fmt: skip

    def __init__(self, features: Features) -> None:
        self.bulk_memory = Features.BULK_MEMORY in features
        self.exceptions = Features.EXCEPTIONS in features
        self.gc = Features.GC in features
        self.memory64 = Features.MEMORY64 in features
        self.multi_memory = Features.MULTI_MEMORY in features
        self.multi_value = Features.MULTI_VALUE in features
        self.reference_types = Features.REFERENCE_TYPES in features
        self.typed_references = Features.FUNCTION_REFERENCES in features
        self.table_flags = 1 | self.memory64 << 2
        self.mem_flags = (
            self.table_flags | (Features.THREADS in features) << 1 | (Features.CUSTOM_PAGE_SIZES in features) << 3
        )
        #: the heap types and the value types of one byte
        self.heap_types = {code: heap for code, heap in HEAP_TYPES.items() if heap.feature in features}
        self.val_types = {
            code: t
            for code, t in VAL_TYPES.items()
            if (code in self.heap_types if isinstance(t, RefType) else t.feature in features)
        }


_GRAMMARS: dict[int, Grammar] = {}

_PACKED = {t.code: t for t in PACKED_TYPES}


def grammar(features: Features) -> Grammar:
    """The grammar that the features make."""
    found = _GRAMMARS.get(features)
    if found is None:
        found = _GRAMMARS[features] = Grammar(features)
    return found


def too_many(count: int, offset: int) -> DecodeError:
    """The error for a vector that is above the limit."""
    return DecodeError(f"too many elements: {count}, where at most {MOST} are supported", offset)


class Reader:
    """Reads forward from ``pos``; every method raises DecodeError where the bytes are malformed.

    Attributes:
        data: the bytes, usually of a whole module.
        pos: where the next value begins.
        end: what is counted must be there before this; None is the end of ``data``.
        features: what may be written there.
        grammar: what follows from the features.
    """

    __slots__ = ("data", "end", "features", "grammar", "pos")

    def __init__(self, data: bytes, pos: int = 0, features: Features = Features.ALL, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = end
        self.features = features
        self.grammar = grammar(features)

    # Values

    def byte(self) -> int:
        """The next byte."""
        try:
            byte = self.data[self.pos]
        except IndexError:
            raise DecodeError(UNEXPECTED_END, len(self.data)) from None
        self.pos += 1
        return byte

    def peek(self) -> int:
        """The next byte, which is not consumed; -1 at the end."""
        return self.data[self.pos] if self.pos < len(self.data) else -1

    def u32(self) -> int:
        """An unsigned 32-bit integer."""
        byte = self.peek()
        if 0 <= byte < 0x80:
            self.pos += 1
            return byte
        value, self.pos = read_unsigned(self.data, self.pos, 32)
        return value

    def u64(self) -> int:
        """An unsigned 64-bit integer."""
        value, self.pos = read_unsigned(self.data, self.pos, 64)
        return value

    def s32(self) -> int:
        """A signed 32-bit integer."""
        value, self.pos = read_signed(self.data, self.pos, 32)
        return value

    def s33(self) -> int:
        """A signed 33-bit integer."""
        value, self.pos = read_signed(self.data, self.pos, 33)
        return value

    def s64(self) -> int:
        """A signed 64-bit integer."""
        value, self.pos = read_signed(self.data, self.pos, 64)
        return value

    def f32(self) -> int:
        """The bit pattern of a 32-bit float."""
        return int.from_bytes(self.take(4), "little")

    def f64(self) -> int:
        """The bit pattern of a 64-bit float."""
        return int.from_bytes(self.take(8), "little")

    def v128(self) -> bytes:
        """16 bytes."""
        return self.take(16)

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        start = self.pos
        end = start + size
        if end > len(self.data):
            raise DecodeError(UNEXPECTED_END, len(self.data))
        self.pos = end
        return self.data[start:end]

    def size(self) -> int:
        """The size in bytes of something that follows, and is there."""
        start = self.pos
        size = self.u32()
        if size > len(self.data) - self.pos:
            raise DecodeError("length out of bounds", start)
        return size

    def name(self) -> str:
        """A name in UTF-8."""
        size = self.size()
        start = self.pos
        try:
            return self.take(size).decode()
        except UnicodeDecodeError as error:
            raise DecodeError("malformed UTF-8 encoding", start + error.start) from None

    def zero(self, message: str = "zero byte expected") -> int:
        """A byte that has no meaning yet."""
        if self.byte():
            raise DecodeError(message, self.pos - 1)
        return 0

    def flag(self, message: str) -> bool:
        """A byte that is 0 or 1."""
        byte = self.byte()
        if byte > 1:
            raise DecodeError(message, self.pos - 1)
        return byte == 1

    def count(self) -> int:
        """The number of elements of a vector, which have at least a byte each."""
        count = self.u32()
        end = len(self.data) if self.end is None else self.end
        if count > end - self.pos:
            raise DecodeError(UNEXPECTED_END, end)
        return count

    def vec(self, element: "Callable[[], _T]") -> "tuple[_T, ...]":
        """A vector of at most ``MOST`` elements."""
        start = self.pos
        count = self.count()
        if count > MOST:
            raise too_many(count, start)
        return tuple([element() for _ in range(count)])

    def indices(self) -> tuple[int, ...]:
        """A vector of indices."""
        count = self.count()
        numbers, self.pos = read_u32s(self.data, self.pos, count)
        return tuple(numbers)

    def malformed(self, what: str) -> DecodeError:
        """The error for the byte at ``pos`` that stands for no such thing."""
        byte = self.peek()
        if byte < 0:
            return DecodeError(UNEXPECTED_END, self.pos)
        # what is one byte could be the beginning of a signed integer, and would be one that is too long
        return DecodeError("integer representation too long" if byte & 0x80 else f"malformed {what}", self.pos)

    # Types

    def heap_type(self) -> HeapType:
        """An abstract heap type or a type index."""
        known = self.grammar.heap_types.get(self.peek())
        if known is not None:
            self.pos += 1
            return known
        if self.grammar.typed_references:
            start = self.pos
            index = self.s33()
            if index >= 0:
                return index
            self.pos = start
        raise self.malformed("heap type")

    def ref_type(self) -> RefType:
        """A reference type."""
        known = self.grammar.val_types.get(self.peek())
        if isinstance(known, RefType):
            self.pos += 1
            return known
        if self._long_ref():
            return RefType(self.byte() == 0x63, self.heap_type())
        raise self.malformed("reference type")

    def val_type(self) -> ValType:
        """A value type."""
        known = self.grammar.val_types.get(self.peek())
        if known is not None:
            self.pos += 1
            return known
        if self._long_ref():
            return self.ref_type()
        raise self.malformed("value type")

    def _long_ref(self) -> bool:
        """Whether a reference type in the long form follows."""
        return self.peek() in (0x63, 0x64) and self.grammar.typed_references

    def result_type(self) -> "tuple[ValType, ...]":
        """A vector of value types."""
        return self.vec(self.val_type)

    def storage_type(self) -> StorageType:
        """A value type or a packed type."""
        packed = _PACKED.get(self.peek())
        if packed is None:
            return self.val_type()
        self.pos += 1
        return packed

    def field_type(self) -> FieldType:
        """A storage type with its mutability."""
        storage = self.storage_type()
        return FieldType(storage, self.flag("malformed mutability"))

    def comp_type(self) -> CompType:
        """A function, structure or array type."""
        byte = self.peek()
        self.pos += 1
        if byte == 0x60:
            params = self.result_type()
            return FuncType(params, self.result_type())
        if self.grammar.gc:
            if byte == 0x5F:
                return StructType(self.vec(self.field_type))
            if byte == 0x5E:
                return ArrayType(self.field_type())
        self.pos -= 1
        raise self.malformed("composite type")

    def sub_type(self) -> SubType:
        """A composite type, with its supertypes if it is not written in the short form."""
        byte = self.peek()
        if byte in (0x4F, 0x50) and self.grammar.gc:
            self.pos += 1
            supers = self.indices()
            return SubType(byte == 0x4F, supers, self.comp_type())
        return SubType(True, (), self.comp_type())

    def rec_type(self) -> RecType:
        """A group of subtypes, or one subtype."""
        if self.peek() == 0x4E and self.grammar.gc:
            self.pos += 1
            return RecType(self.vec(self.sub_type))
        return RecType((self.sub_type(),))

    def limits(self, allowed: int) -> tuple[int, Limits]:
        """The flags, of which those in ``allowed`` may be set, and the sizes."""
        flags = self.byte()
        if flags & ~allowed:
            self.pos -= 1
            if self.grammar.memory64:
                raise DecodeError("malformed limits flags", self.pos)
            # to versions 1.0 and 2.0 the flags are a number of one bit
            raise DecodeError("integer representation too long" if flags & 0x80 else "integer too large", self.pos)
        size = self.u64 if self.grammar.memory64 else self.u32
        least = size()
        return flags, Limits(least, size() if flags & 1 else None)

    def mem_type(self) -> MemType:
        """A memory type."""
        flags, limits = self.limits(self.grammar.mem_flags)
        page_size_log2 = 16
        if flags & 8:
            start = self.pos
            page_size_log2 = self.u32()
            if page_size_log2 >= 64:
                raise DecodeError("invalid custom page size", start)
        return MemType(limits, I64 if flags & 4 else I32, bool(flags & 2), page_size_log2)

    def table_type(self) -> TableType:
        """A table type."""
        if self.grammar.reference_types:
            ref = self.ref_type()
        elif self.peek() == FUNC.code:
            self.pos += 1
            ref = FUNCREF
        else:
            raise self.malformed("element type")
        flags, limits = self.limits(self.grammar.table_flags)
        return TableType(limits, ref, I64 if flags & 4 else I32)

    def global_type(self) -> GlobalType:
        """A global type."""
        val_type = self.val_type()
        return GlobalType(val_type, self.flag("malformed mutability"))

    def tag_type(self) -> TagType:
        """A tag type."""
        self.zero()
        return TagType(self.u32())
