"""Arguments and results: between the scripts, which know bits, and Python, which knows floats."""

import struct

from wasm_decoder.text.script import Const, Either, Lanes, Nan, Ref, Result
from wasm_interp import function_of


class Host:
    """What ``(ref.extern n)`` and ``(ref.host n)`` stand for: an object of Python's that wasm code only passes on."""

    def __init__(self, number: int | str | None) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return f"Host({self.number})"


def argument(value: Const | Ref) -> object:
    """What is passed to a function for it."""
    if isinstance(value, Ref):
        return None if value.kind == "null" else Host(value.value)
    if isinstance(value.value, bytes) or value.type[0] == "i":
        return value.value
    return from_bits(value.type, value.value)


def from_bits(type: str, bits: int) -> float:
    """The float with these bits; a NaN of 32 bits keeps its payload, as the upper bits of the wider one."""
    result: float
    if type == "f64":
        result = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    elif bits & 0x7F800000 == 0x7F800000 and bits & 0x7FFFFF:
        wide = (bits >> 31) << 63 | 0x7FF << 52 | (bits & 0x7FFFFF) << 29
        result = struct.unpack("<d", wide.to_bytes(8, "little"))[0]
    else:
        result = struct.unpack("<f", bits.to_bytes(4, "little"))[0]
    return result


def to_bits(type: str, value: float) -> int:
    """The bits of a float that a function returned."""
    bits = int.from_bytes(struct.pack("<d", value), "little")
    if type == "f64":
        return bits
    if value != value:
        return (bits >> 63) << 31 | 0xFF << 23 | bits >> 29 & 0x7FFFFF
    return int.from_bytes(struct.pack("<f", value), "little")


def _is_nan(kind: str, type: str, bits: int) -> bool:
    width, fraction_bits = (32, 23) if type == "f32" else (64, 52)
    magnitude = bits & (1 << width - 1) - 1
    canonical = (1 << width - 1) - (1 << fraction_bits - 1)
    return magnitude == canonical if kind == "canonical" else magnitude >= canonical


def matches(value: object, expected: Result, type: str = "") -> bool:
    """Whether a returned value is what the script expects; ``type`` is needed for a Nan that does not say its own."""
    if isinstance(expected, Either):
        return any(matches(value, choice) for choice in expected.choices)
    if isinstance(expected, Ref):
        return _is_reference(value, expected)
    if isinstance(expected, Nan):
        of = expected.type or type
        return isinstance(value, float) and _is_nan(expected.kind, of, to_bits(of, value))
    if isinstance(expected, Lanes):
        return isinstance(value, bytes) and _are_lanes(value, expected)
    if expected.type[0] == "f":
        return isinstance(value, float) and to_bits(expected.type, value) == expected.value
    return value.__class__ is expected.value.__class__ and value == expected.value


def _are_lanes(value: bytes, expected: Lanes) -> bool:
    size = 16 // len(expected.lanes)
    for number, lane in enumerate(expected.lanes):
        bits = int.from_bytes(value[number * size : (number + 1) * size], "little")
        if isinstance(lane, Nan):
            if not _is_nan(lane.kind, lane.type, bits):
                return False
        elif bits != lane.value:
            return False
    return True


def _is_reference(value: object, expected: Ref) -> bool:
    if expected.kind == "null":
        return value is None
    if expected.kind in ("extern", "host") and expected.value is not None:
        return value == Host(expected.value)
    if expected.kind == "func":
        return function_of(value) is not None
    return value is not None
