"""Types (specification 3.0, section "Types"): value, heap, composite, recursive, table, memory, global and tag types.

Number, vector, packed and abstract heap types are singletons: compare them with ``is`` or ``==`` alike.
"""

from .._record import Record
from ..features import Features


class _Keyword:
    """A singleton type that is written as one keyword.

    Attributes:
        code: the byte that stands for it in the binary format; of an abstract heap type, for the nullable reference to
            it as well.
        feature: what brought it.
    """

    __slots__ = ("_name", "code", "feature")

    def __init__(self, name: str, code: int, feature: Features) -> None:
        self._name = name
        self.code = code
        self.feature = feature

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> "tuple[object, tuple[str]]":
        return _singleton, (self._name,)


class NumType(_Keyword):
    """i32, i64, f32 or f64."""

    __slots__ = ()


class VecType(_Keyword):
    """v128."""

    __slots__ = ()


class PackedType(_Keyword):
    """i8 or i16: storage of structure fields and array elements."""

    __slots__ = ()


class AbsHeapType(_Keyword):
    """An abstract heap type: func, extern, any, eq, i31, struct, array, exn or the bottom of a hierarchy.

    ``shorthand`` is how the text format writes the nullable reference to it.
    """

    __slots__ = ("shorthand",)

    def __init__(self, name: str, code: int, shorthand: str, feature: Features) -> None:
        super().__init__(name, code, feature)
        self.shorthand = shorthand


I32 = NumType("i32", 0x7F, Features.NONE)
I64 = NumType("i64", 0x7E, Features.NONE)
F32 = NumType("f32", 0x7D, Features.NONE)
F64 = NumType("f64", 0x7C, Features.NONE)
V128 = VecType("v128", 0x7B, Features.SIMD)
I8 = PackedType("i8", 0x78, Features.GC)
I16 = PackedType("i16", 0x77, Features.GC)

NOEXN = AbsHeapType("noexn", 0x74, "nullexnref", Features.EXCEPTIONS)
NOFUNC = AbsHeapType("nofunc", 0x73, "nullfuncref", Features.GC)
NOEXTERN = AbsHeapType("noextern", 0x72, "nullexternref", Features.GC)
NONE = AbsHeapType("none", 0x71, "nullref", Features.GC)
FUNC = AbsHeapType("func", 0x70, "funcref", Features.REFERENCE_TYPES)
EXTERN = AbsHeapType("extern", 0x6F, "externref", Features.REFERENCE_TYPES)
ANY = AbsHeapType("any", 0x6E, "anyref", Features.GC)
EQ = AbsHeapType("eq", 0x6D, "eqref", Features.GC)
I31 = AbsHeapType("i31", 0x6C, "i31ref", Features.GC)
STRUCT = AbsHeapType("struct", 0x6B, "structref", Features.GC)
ARRAY = AbsHeapType("array", 0x6A, "arrayref", Features.GC)
EXN = AbsHeapType("exn", 0x69, "exnref", Features.EXCEPTIONS)

NUMBER_TYPES = (I32, I64, F32, F64)
PACKED_TYPES = (I8, I16)
ABSTRACT_HEAP_TYPES = (NOEXN, NOFUNC, NOEXTERN, NONE, FUNC, EXTERN, ANY, EQ, I31, STRUCT, ARRAY, EXN)

_SINGLETONS: dict[str, _Keyword] = {
    repr(t): t for group in (NUMBER_TYPES, (V128,), PACKED_TYPES, ABSTRACT_HEAP_TYPES) for t in group
}


def _singleton(name: str) -> _Keyword:
    """What unpickling calls, so that a copy is the singleton itself."""
    return _SINGLETONS[name]


#: A heap type as a module writes it: abstract, or the index of one of the module's types.
HeapType = AbsHeapType | int


class RefType(Record):
    """A reference type: ``RefType(True, FUNC)`` is funcref, ``RefType(False, 3)`` is ``(ref 3)``."""

    __slots__ = ("nullable", "heap")
    nullable: bool
    heap: HeapType

    def __repr__(self) -> str:
        if self.nullable and isinstance(self.heap, AbsHeapType):
            return self.heap.shorthand
        return f"(ref {'null ' if self.nullable else ''}{self.heap})"


ValType = NumType | VecType | RefType

# What is written as one byte in the binary format, or as one keyword in the text format, which is its repr.
HEAP_TYPES = {heap.code: heap for heap in ABSTRACT_HEAP_TYPES}
VAL_TYPES: dict[int, ValType] = {
    **{t.code: t for t in (*NUMBER_TYPES, V128)},
    **{code: RefType(True, heap) for code, heap in HEAP_TYPES.items()},
}

FUNCREF = RefType(True, FUNC)
EXTERNREF = RefType(True, EXTERN)
EXNREF = RefType(True, EXN)

StorageType = NumType | VecType | RefType | PackedType


class FieldType(Record):
    """A field of a structure, or the elements of an array."""

    __slots__ = ("storage", "mutable")
    storage: StorageType
    mutable: bool


class FuncType(Record):
    """What a function takes and returns."""

    __slots__ = ("params", "results")
    params: tuple[ValType, ...]
    results: tuple[ValType, ...]

    def __repr__(self) -> str:
        params, results = (" ".join(map(repr, types)) for types in (self.params, self.results))
        return f"[{params}] -> [{results}]"


class StructType(Record):
    """A structure of fields."""

    __slots__ = ("fields",)
    fields: tuple[FieldType, ...]


class ArrayType(Record):
    """An array of elements of one type."""

    __slots__ = ("field",)
    field: FieldType


CompType = FuncType | StructType | ArrayType


class SubType(Record):
    """A composite type with its declared supertypes (type indices)."""

    __slots__ = ("final", "supers", "comp")
    final: bool
    supers: tuple[int, ...]
    comp: CompType


class RecType(Record):
    """A group of types that may refer to each other; most groups hold one final type without supertypes."""

    __slots__ = ("subtypes",)
    subtypes: tuple[SubType, ...]


class Limits(Record):
    """Sizes in elements (tables) or pages (memories); ``max`` None is no maximum."""

    __slots__ = ("min", "max")
    min: int
    max: int | None

    def __repr__(self) -> str:
        return f"{{min {self.min}, max {self.max}}}" if self.max is not None else f"{{min {self.min}}}"


class MemType(Record):
    """A memory: ``addr`` is I32, or I64 for a 64-bit memory; a page has ``1 << page_size_log2`` bytes."""

    __slots__ = ("limits", "addr", "shared", "page_size_log2")
    limits: Limits
    addr: NumType
    shared: bool
    page_size_log2: int

    def __init__(self, limits: Limits, addr: NumType = I32, shared: bool = False, page_size_log2: int = 16) -> None:
        for name, value in zip(self.__slots__, (limits, addr, shared, page_size_log2), strict=True):
            setattr(self, name, value)


class TableType(Record):
    """A table of references; ``addr`` is I32, or I64 for a 64-bit table."""

    __slots__ = ("limits", "ref", "addr")
    limits: Limits
    ref: RefType
    addr: NumType

    def __init__(self, limits: Limits, ref: RefType, addr: NumType = I32) -> None:
        for name, value in zip(self.__slots__, (limits, ref, addr), strict=True):
            setattr(self, name, value)


class GlobalType(Record):
    """A global variable."""

    __slots__ = ("type", "mutable")
    type: ValType
    mutable: bool


class TagType(Record):
    """An exception tag: the index of its function type, whose parameters are the exception's values."""

    __slots__ = ("type",)
    type: int


class FuncIndexType(Record):
    """The external type of a function, as an import writes it: the index of its function type."""

    __slots__ = ("type",)
    type: int


#: What an import declares.
ExternType = FuncIndexType | TableType | MemType | GlobalType | TagType
