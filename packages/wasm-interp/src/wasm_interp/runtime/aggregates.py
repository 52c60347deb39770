"""Structures, arrays and small integers behind references (specification, section "Aggregate Instances")."""

from wasm_decoder.syntax.types import (
    ANY,
    ARRAY,
    EQ,
    EXN,
    EXTERN,
    F32,
    F64,
    FUNC,
    I8,
    I16,
    I31,
    I32,
    I64,
    STRUCT,
    V128,
    AbsHeapType,
)

from .function import Function
from .tag import WasmException
from .traps import ArrayOutOfBounds, CastFailure, MemoryOutOfBounds, NullReference, ResourceError, TableOutOfBounds
from .values import f32_from_bits, f64_from_bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasm_decoder.syntax.types import ArrayType, HeapType, StorageType, StructType
    from wasm_decoder.valid.matching import DefType

#: How many elements an array may have: this bounds what a module can make the host allocate at once.
MAX_ELEMENTS = 100_000_000
#: The number of bytes that an element takes in a data segment.
_WIDTHS: "dict[object, int]" = {I8: 1, I16: 2, I32: 4, I64: 8, F32: 4, F64: 8, V128: 16}


class StructRef:
    """A structure: its defined type, and its fields in the representation of ``values``."""

    __slots__ = ("deftype", "fields")

    def __init__(self, deftype: "DefType", fields: "list[object]") -> None:
        self.deftype = deftype
        self.fields = fields

    def __repr__(self) -> str:
        return f"<{self.deftype!r}>"


class ArrayRef:
    """An array: its defined type, and its elements in the representation of ``values``."""

    __slots__ = ("deftype", "elements")

    def __init__(self, deftype: "DefType", elements: "list[object]") -> None:
        self.deftype = deftype
        self.elements = elements

    def __repr__(self) -> str:
        return f"<{self.deftype!r} of {len(self.elements)}>"


class I31Ref:
    """An integer of 31 bits behind a reference; two are the same if their values are."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        """``value`` is unsigned; of a larger one the lowest 31 bits are kept."""
        self.value = value & 0x7FFFFFFF

    def __eq__(self, other: object) -> bool:
        return isinstance(other, I31Ref) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<i31 {self.value}>"


def default(storage: "StorageType") -> object:
    """The default value of a field."""
    return 0 if storage in (I8, I16, I32, I64, V128) else 0.0 if storage in (F32, F64) else None


def struct_default(deftype: "DefType") -> StructRef:
    comp: StructType = deftype.expand()  # type: ignore[assignment]  # valid modules make structures of structure types
    return StructRef(deftype, [default(field.storage) for field in comp.fields])


def _storage(deftype: "DefType") -> "StorageType":
    comp: ArrayType = deftype.expand()  # type: ignore[assignment]  # as above
    return comp.field.storage


def array_new(deftype: "DefType", value: object, n: int) -> ArrayRef:
    if n > MAX_ELEMENTS:
        raise ResourceError(f"no room for an array of {n} elements")
    return ArrayRef(deftype, [value] * n)


def array_default(deftype: "DefType", n: int) -> ArrayRef:
    return array_new(deftype, default(_storage(deftype)), n)


def _elements(storage: "StorageType", data: bytes, start: int, n: int) -> "list[object]":
    """Elements from the bytes of a data segment.  Raises Trap."""
    width = _WIDTHS[storage]
    if start + n * width > len(data):
        raise MemoryOutOfBounds
    numbers = [int.from_bytes(data[i : i + width], "little") for i in range(start, start + n * width, width)]
    if storage is F32:
        return list(map(f32_from_bits, numbers))
    if storage is F64:
        return list(map(f64_from_bits, numbers))
    return list(numbers)


def array_new_data(deftype: "DefType", data: bytes, start: int, n: int) -> ArrayRef:
    return ArrayRef(deftype, _elements(_storage(deftype), data, start, n))


def array_new_elem(deftype: "DefType", segment: "list[object]", start: int, n: int) -> ArrayRef:
    if start + n > len(segment):
        raise TableOutOfBounds
    return ArrayRef(deftype, segment[start : start + n])


def array_elements(array: "ArrayRef | None") -> "list[object]":
    """The elements of an array.  Raises Trap if it is null."""
    if array is None:
        raise NullReference("null array reference")
    return array.elements


def array_get(array: "ArrayRef | None", i: int) -> object:
    elements = array_elements(array)
    if i >= len(elements):
        raise ArrayOutOfBounds
    return elements[i]


def array_set(array: "ArrayRef | None", i: int, value: object) -> None:
    elements = array_elements(array)
    if i >= len(elements):
        raise ArrayOutOfBounds
    elements[i] = value


def _put(array: "ArrayRef | None", start: int, n: int) -> "list[object]":
    elements = array_elements(array)
    if start + n > len(elements):
        raise ArrayOutOfBounds
    return elements


def array_fill(array: "ArrayRef | None", start: int, value: object, n: int) -> None:
    _put(array, start, n)[start : start + n] = [value] * n


def array_copy(target: "ArrayRef | None", to: int, source: "ArrayRef | None", start: int, n: int) -> None:
    elements = _put(target, to, n)
    elements[to : to + n] = _put(source, start, n)[start : start + n]


def array_init_data(data: bytes, array: "ArrayRef | None", to: int, start: int, n: int) -> None:
    elements = _put(array, to, n)
    assert array is not None
    elements[to : to + n] = _elements(_storage(array.deftype), data, start, n)


def array_init_elem(segment: "list[object]", array: "ArrayRef | None", to: int, start: int, n: int) -> None:
    elements = _put(array, to, n)
    if start + n > len(segment):
        raise TableOutOfBounds
    elements[to : to + n] = segment[start : start + n]


def ref_eq(a: object, b: object) -> bool:
    """Whether two references are the same."""
    return a is b or (a.__class__ is I31Ref and a == b)


_KINDS: "dict[AbsHeapType, tuple[type, ...]]" = {
    EQ: (StructRef, ArrayRef, I31Ref), STRUCT: (StructRef,), ARRAY: (ArrayRef,), I31: (I31Ref,),
    EXN: (WasmException,),
}  # fmt: skip


def ref_test(value: object, heap: "HeapType | DefType", nullable: bool) -> bool:
    """Whether a reference is of a type."""
    if value is None:
        return nullable
    if isinstance(heap, AbsHeapType):
        # what else there is has no members
        return heap in (ANY, EXTERN, FUNC) or isinstance(value, _KINDS.get(heap, ()))
    return isinstance(value, (StructRef, ArrayRef, Function)) and heap in value.deftype.ancestors


def ref_cast(value: object, heap: "HeapType | DefType", nullable: bool) -> object:
    """The reference, if it is of a type.  Raises Trap."""
    if not ref_test(value, heap, nullable):
        raise CastFailure
    return value


def packed(storage: "StorageType", value: int) -> int:
    """What a field keeps of an integer."""
    return value & (0xFF if storage is I8 else 0xFFFF)


def pack_all(storages: "Sequence[StorageType]", values: "list[object]") -> "list[object]":
    """What fields keep of values."""
    return [
        packed(storage, value) if storage in (I8, I16) else value  # type: ignore[arg-type]  # such values are ints
        for storage, value in zip(storages, values, strict=True)
    ]
