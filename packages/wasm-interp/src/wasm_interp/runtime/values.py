"""Values on their way between Python and WebAssembly.

Python sees i32 and i64 as signed ints, f32 and f64 as floats, v128 as 16 bytes, references as objects or None.
Inside, i32 and i64 are unsigned ints, v128 is an unsigned int of 128 bits with lane 0 in the lowest ones, and an f32 is
the float of the same value; an f32 NaN is the f64 NaN whose sign and uppermost payload bits are the same.
"""

from math import copysign
from operator import index
from struct import Struct

from wasm_decoder.syntax.types import EXTERN, F32, F64, FUNC, I32, I64, V128, RefType
from wasm_decoder.valid.matching import top_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wasm_decoder.syntax.types import ValType

_F32 = Struct("<f")
_F64 = Struct("<d")
_U32 = Struct("<I")
_U64 = Struct("<Q")


def f32_from_bits(bits: int) -> float:
    """The f32 with the given bits; a NaN keeps all of them."""
    if bits & 0x7F800000 == 0x7F800000 and bits & 0x7FFFFF:
        nan = (bits & 0x80000000) << 32 | 0x7FF << 52 | (bits & 0x7FFFFF) << 29
        return f64_from_bits(nan)
    value: float = _F32.unpack(_U32.pack(bits))[0]
    return value


def f32_to_bits(value: float) -> int:
    """The bits of an f32, the inverse of ``f32_from_bits``."""
    if value != value:
        bits = f64_to_bits(value)
        # a payload that lives in the lower bits alone cannot come from an f32; the result must stay a NaN
        return bits >> 32 & 0x80000000 | 0x7F800000 | (bits >> 29 & 0x7FFFFF or 0x400000)
    found: int = _U32.unpack(_F32.pack(value))[0]
    return found


def f64_from_bits(bits: int) -> float:
    """The f64 with the given bits."""
    value: float = _F64.unpack(_U64.pack(bits))[0]
    return value


def f64_to_bits(value: float) -> int:
    """The bits of an f64."""
    bits: int = _U64.unpack(_F64.pack(value))[0]
    return bits


def round_f32(value: float) -> float:
    """The f32 nearest to a float, ties to even; beyond the range an infinity; NaNs keep what fits of their payload."""
    if value != value:
        return f32_from_bits(f32_to_bits(value))
    try:
        rounded: float = _F32.unpack(_F32.pack(value))[0]
    except OverflowError:
        return copysign(float("inf"), value)
    return rounded


def _to_i32(value: object) -> int:
    number = index(value)  # type: ignore[arg-type]  # TypeError is what is wanted
    if -0x80000000 <= number <= 0xFFFFFFFF:
        return number & 0xFFFFFFFF
    raise OverflowError(f"{number} does not fit in i32")


def _to_i64(value: object) -> int:
    number = index(value)  # type: ignore[arg-type]  # as above
    if -0x8000000000000000 <= number <= 0xFFFFFFFFFFFFFFFF:
        return number & 0xFFFFFFFFFFFFFFFF
    raise OverflowError(f"{number} does not fit in i64")


def _to_f64(value: object) -> float:
    # unlike float() this refuses strings; it keeps signalling NaNs
    return copysign(value, value)  # type: ignore[arg-type]  # as above


def _to_f32(value: object) -> float:
    return round_f32(_to_f64(value))


def _to_v128(value: object) -> int:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"v128 must be 16 bytes, not {type(value).__name__}")
    if len(value) != 16:
        raise ValueError(f"v128 must be 16 bytes, not {len(value)}")
    return int.from_bytes(value, "little")


def _to_extern(value: object) -> object:
    return value


_TO = {I32: _to_i32, I64: _to_i64, F32: _to_f32, F64: _to_f64, V128: _to_v128}
_FROM: "dict[ValType, Callable[[int], object]]" = {
    I32: lambda value: value - ((value & 0x80000000) << 1),
    I64: lambda value: value - ((value & 0x8000000000000000) << 1),
    V128: lambda value: value.to_bytes(16, "little"),
}


def _to_ref(type: "RefType") -> "Callable[[object], object]":
    from .aggregates import ref_test
    from .function import function_of

    is_func = top_of(type.heap) is FUNC
    kind = "WebAssembly function" if is_func else "reference of that type"

    def convert(value: object) -> object:
        found = function_of(value) if is_func else value
        if (found is None and value is not None) or not ref_test(found, type.heap, type.nullable):
            allowed = f"a {kind} or None" if type.nullable else f"a {kind}"
            given = "None" if value is None else f"{value.__class__.__name__}"
            raise TypeError(f"{type} must be {allowed}, not {given}")
        return found

    return convert


def converter_in(type: "ValType") -> "Callable[[object], object]":
    """What turns a Python object into a value of the (closed) type: raises TypeError, OverflowError or ValueError."""
    if isinstance(type, RefType):
        return _to_extern if type.heap is EXTERN and type.nullable else _to_ref(type)
    return _TO[type]


def converter_out(type: "ValType") -> "Callable[[int], object] | None":
    """What turns a value of the type into a Python object; None if it already is one."""
    return _FROM.get(type) if not isinstance(type, RefType) else None


def to_wasm(type: "ValType", value: object) -> object:
    """A Python object as a value of the (closed) type: raises TypeError, OverflowError or ValueError."""
    return converter_in(type)(value)


def from_wasm(type: "ValType", value: object) -> object:
    """A value of the type as a Python object."""
    convert = converter_out(type)
    return value if convert is None else convert(value)  # type: ignore[arg-type]  # such values are ints
