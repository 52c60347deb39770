"""Conversions of Python objects to WebAssembly values that are not plain enough for machine code.

Each takes an object and returns one that machine code takes apart without looking twice: an int of at most 64 bits, a
float, 16 bytes, the address of a function record. What it raises is what the caller of the builtin sees.
"""

from operator import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _integer(bits: int) -> "Callable[[object], int]":
    def convert(value: object) -> int:
        number = index(value)  # type: ignore[arg-type]  # TypeError is what is wanted
        if not -1 << bits - 1 <= number < 1 << bits:
            raise OverflowError(f"{number} does not fit in i{bits}")
        return (number + (1 << bits - 1) & (1 << bits) - 1) - (1 << bits - 1)

    return convert


def _float(value: object) -> float:
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):  # float() takes strings, too
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return float(value)  # type: ignore[arg-type]  # it has one of them


def _v128(value: object) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"v128 must be 16 bytes, not {type(value).__name__}")
    data = bytes(value)
    if len(data) != 16:
        raise ValueError(f"v128 must be 16 bytes, not {len(data)}")
    return data


#: What else may know the function record of a Python object: functions that return its address or None.
OTHER_RECORDS: "list[Callable[[object], int | None]]" = []


def _funcref(value: object) -> int:
    from .builtin import record_of

    if value is None:
        return 0
    record = record_of(value)
    for other in OTHER_RECORDS:
        if record is None:
            record = other(value)
    if record is None:
        raise TypeError(f"funcref must be a WebAssembly function or None, not {type(value).__name__}")
    return record


#: By kind of value (``abi.VALUE_KINDS``); an externref needs no conversion.
ARGUMENT: "dict[str, Callable[[object], object]]" = {
    "i": _integer(32),
    "l": _integer(64),
    "f": _float,
    "d": _float,
    "v": _v128,
    "F": _funcref,
}


def name(function: object) -> str:
    """What messages call a host function."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return str(name or type(function).__name__)


def _result(kind: str) -> "Callable[[object, object], object]":
    argument = ARGUMENT[kind]

    def convert(value: object, function: object) -> object:
        try:
            return argument(value)
        except (TypeError, OverflowError, ValueError) as error:
            raise type(error)(f"host function {name(function)}: result: {error}") from None

    return convert


#: The same for what a host function (the second parameter) returned.
RESULT = {kind: _result(kind) for kind in ARGUMENT}


def nothing(value: object, function: object) -> None:
    """What a function without results must return."""
    if value is not None:
        raise TypeError(f"host function {name(function)} has no result but returned {type(value).__name__}")


def several(count: int) -> "Callable[[object, object], tuple[object, ...]]":
    """What a function with several results must return, as a tuple."""

    def convert(value: object, function: object) -> "tuple[object, ...]":
        if not isinstance(value, (tuple, list)) or len(value) != count:
            given = f"{len(value)}" if isinstance(value, (tuple, list)) else type(value).__name__
            raise TypeError(f"host function {name(function)} must return a tuple of {count} results, not {given}")
        return tuple(value)

    return convert
