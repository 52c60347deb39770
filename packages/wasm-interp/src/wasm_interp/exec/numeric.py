"""What generated source calls where an expression would not do (specification, section "Numerics").

i32 and i64 are unsigned ints here, floats as ``runtime.values`` says.
"""

from array import array
from math import ceil, copysign, floor, sqrt, trunc

from ..runtime import aggregates
from ..runtime.tag import WasmException, throw
from ..runtime.traps import (
    DivideByZero,
    IndirectCallTypeMismatch,
    IntegerOverflow,
    InvalidConversion,
    MemoryOutOfBounds,
    NullReference,
    TableOutOfBounds,
    UninitializedElement,
    Unreachable,
)
from ..runtime.values import f32_from_bits, f32_to_bits, f64_from_bits, f64_to_bits, round_f32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wasm_decoder.valid.matching import DefType

    from ..runtime.function import Function
    from ..runtime.memory import Memory

_INF = float("inf")
_NAN = float("nan")
_MASK = (1 << 64) - 1
_SIGN = 1 << 63
_WHOLE = 4503599627370496.0  # from 2^52 on every f64 is a whole number


def _divisions(bits: int) -> "tuple[Callable[[int, int], int], Callable[[int, int], int]]":
    sign, modulus = 1 << bits - 1, 1 << bits

    def div_s(a: int, b: int) -> int:
        if not b:
            raise DivideByZero
        if a < sign:
            return a // b if b < sign else modulus - a // (modulus - b) & modulus - 1
        if b < sign:
            return modulus - (modulus - a) // b & modulus - 1
        quotient = (modulus - a) // (modulus - b)
        if quotient == sign:
            raise IntegerOverflow
        return quotient

    def rem_s(a: int, b: int) -> int:
        if not b:
            raise DivideByZero
        if b >= sign:
            b = modulus - b
        return a % b if a < sign else -((modulus - a) % b)

    return div_s, rem_s


def _truncations(bits: int, signed: bool) -> "tuple[Callable[[float], int], Callable[[float], int]]":
    low, high = (-1 << bits - 1, 1 << bits - 1) if signed else (0, 1 << bits)
    mask = (1 << bits) - 1
    # beyond these no float's whole part is in range
    least, most = float(low) - 1.0 if bits == 32 else float(low), float(high)

    def truncate(a: float) -> int:
        if a != a:
            raise InvalidConversion
        if abs(a) == _INF:
            raise IntegerOverflow
        number = int(a)
        if low <= number < high:
            return number & mask
        raise IntegerOverflow

    def saturate(a: float) -> int:
        if a != a:
            return 0
        if a >= most:
            return high - 1 & mask
        if a <= least:
            return low & mask
        return int(a) & mask

    return truncate, saturate


def add128(a_low: int, a_high: int, b_low: int, b_high: int) -> "tuple[int, int]":
    total = (a_high + b_high << 64) + a_low + b_low
    return total & _MASK, total >> 64 & _MASK


def sub128(a_low: int, a_high: int, b_low: int, b_high: int) -> "tuple[int, int]":
    difference = (a_high - b_high << 64) + a_low - b_low
    return difference & _MASK, difference >> 64 & _MASK


def mul_wide_s(a: int, b: int) -> "tuple[int, int]":
    product = ((a ^ _SIGN) - _SIGN) * ((b ^ _SIGN) - _SIGN)
    return product & _MASK, product >> 64 & _MASK


def mul_wide_u(a: int, b: int) -> "tuple[int, int]":
    return a * b & _MASK, a * b >> 64


def divide(a: float, b: float) -> float:
    """a / b where Python refuses: b is zero."""
    if a != a:
        return quiet(a)
    return copysign(_INF, a) * copysign(1.0, b) if a else _NAN


def quiet(a: float) -> float:
    """A NaN, made quiet."""
    return f64_from_bits(f64_to_bits(a) | 1 << 51)


def root(a: float) -> float:
    """The square root of what is no number from zero on."""
    return quiet(a) if a != a else _NAN


def float_min(a: float, b: float) -> float:
    """The lesser of operands that are equal or one of them a NaN."""
    if a != a:
        return quiet(a)
    if b != b:
        return quiet(b)
    return a if copysign(1.0, a) < 0.0 else b


def float_max(a: float, b: float) -> float:
    """The greater of operands that are equal or one of them a NaN."""
    if a != a:
        return quiet(a)
    if b != b:
        return quiet(b)
    return b if copysign(1.0, a) < 0.0 else a


def _rounding(function: "Callable[[float], int]") -> "Callable[[float], float]":
    def rounded(a: float) -> float:
        if -_WHOLE < a < _WHOLE:
            # the sign of zero is that of the operand
            return copysign(float(function(a)), a)
        return quiet(a) if a != a else a

    return rounded


def f32_from_int(number: int) -> float:
    """The f32 nearest to an integer of up to 64 bits, rounded once."""
    magnitude = abs(number)
    shift = magnitude.bit_length() - 40
    if shift > 0:
        # fewer bits than an f64 has, the last of them remembering whether something was cut off
        magnitude = (magnitude >> shift | (magnitude & (1 << shift) - 1 != 0)) << shift
    return round_f32(float(magnitude if number >= 0 else -magnitude))


# Memories and tables (specification, sections "Memory Instructions" and "Table Instructions")


def memory_init(memory: "Memory", data: bytes, start: int, source: int, n: int) -> None:
    if source + n > len(data) or start + n > len(memory):
        raise MemoryOutOfBounds
    if n:
        memory.buffer[start : start + n] = data[source : source + n]


def memory_copy(target: "Memory", source: "Memory", to: int, start: int, n: int) -> None:
    if start + n > len(source) or to + n > len(target):
        raise MemoryOutOfBounds
    if n:
        target.buffer[to : to + n] = source.buffer[start : start + n]


def memory_fill(memory: "Memory", start: int, value: int, n: int) -> None:
    if start + n > len(memory):
        raise MemoryOutOfBounds
    if n:
        memory.buffer[start : start + n] = bytes((value & 0xFF,)) * n


def table_set(elements: "list[object]", i: int, value: object) -> None:
    if i >= len(elements):
        raise TableOutOfBounds
    elements[i] = value


def table_init(elements: "list[object]", segment: "list[object]", start: int, source: int, n: int) -> None:
    if source + n > len(segment) or start + n > len(elements):
        raise TableOutOfBounds
    elements[start : start + n] = segment[source : source + n]


def table_copy(target: "list[object]", source: "list[object]", to: int, start: int, n: int) -> None:
    if start + n > len(source) or to + n > len(target):
        raise TableOutOfBounds
    target[to : to + n] = source[start : start + n]


def table_fill(elements: "list[object]", start: int, value: object, n: int) -> None:
    if start + n > len(elements):
        raise TableOutOfBounds
    elements[start : start + n] = [value] * n


class TailCall:
    """What a function returns that ends in a tail call: whoever called it calls ``code`` then."""

    __slots__ = ("args", "code")

    def __init__(self, code: "Callable[..., object]", args: "tuple[object, ...]") -> None:
        self.code = code
        self.args = args


def not_null(reference: object, message: str) -> None:
    """Trap if the reference is null."""
    if reference is None:
        raise NullReference(message)


def check_callee(function: "Function | None", type: "DefType", i: int) -> None:
    """An indirect call meets a function whose type is not exactly the expected one."""
    if function is None:
        raise UninitializedElement(f"uninitialized element {i}")
    if type not in function.deftype.ancestors:
        raise IndirectCallTypeMismatch


def _namespace() -> "dict[str, object]":
    names: dict[str, object] = {
        # the single element rounds what is stored in it to an f32, at the speed of C
        "C": array("f", [0.0]),
        "Unreachable": Unreachable,
        "WasmException": WasmException,
        "TailCall": TailCall,
        "copysign": copysign,
        "sqrt": sqrt,
        "float_floor": _rounding(floor),
        "float_ceil": _rounding(ceil),
        "float_trunc": _rounding(trunc),
        "float_nearest": _rounding(round),
    }
    for bits in (32, 64):
        names[f"div_s{bits}"], names[f"rem_s{bits}"] = _divisions(bits)
        for signed in (True, False):
            end = f"{bits}_{'s' if signed else 'u'}"
            names[f"trunc{end}"], names[f"trunc_sat{end}"] = _truncations(bits, signed)
    for function in (
        add128, sub128, mul_wide_s, mul_wide_u, divide, quiet, root, float_min, float_max, f32_from_int, f32_from_bits,
        f32_to_bits, f64_from_bits, f64_to_bits, memory_init, memory_copy, memory_fill, table_set, table_init,
        table_copy, table_fill, check_callee, not_null, throw,
    ):  # fmt: skip
        names[function.__name__] = function
    for name in (
        "StructRef", "ArrayRef", "I31Ref", "struct_default", "array_new", "array_default", "array_new_data",
        "array_new_elem", "array_elements", "array_get", "array_set", "array_fill", "array_copy", "array_init_data",
        "array_init_elem", "ref_eq", "ref_test", "ref_cast",
    ):  # fmt: skip
        names[name] = getattr(aggregates, name)
    return names


#: The names that generated source finds in every instance's namespace.
NAMESPACE = _namespace()
