"""Numbers (specification, section "Text Format, Values"): from text to integers and the bits of floats, and back.

What is no number of the wanted form raises ValueError, what does not fit OverflowError.
"""

import re
import struct
from functools import lru_cache

_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_HEX_DIGITS = r"[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*"

_INTEGER = re.compile(rf"([+-]?)(?:0x({_HEX_DIGITS})|({_DIGITS}))")
_FLOAT = re.compile(
    rf"([+-]?)(?:(0x{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?(?:[pP][+-]?{_DIGITS})?)"
    rf"|({_DIGITS}(?:\.(?:{_DIGITS})?)?(?:[eE][+-]?{_DIGITS})?)|(inf)|nan(?::0x({_HEX_DIGITS}))?)"
)


def integer(token: str) -> int:
    """The integer that a literal of any length, with or without sign, stands for."""
    match = _INTEGER.fullmatch(token)
    if match is None:
        raise ValueError(token)
    sign, hexadecimal, decimal = match.groups()
    if hexadecimal:
        value = int(hexadecimal, 16)
    else:
        decimal = decimal.lstrip("0_")
        if len(decimal) > 400:  # far beyond any range, and Python refuses to convert thousands of digits
            raise OverflowError(token)
        value = int(decimal or "0")
    return -value if sign == "-" else value


def unsigned(token: str, bits: int) -> int:
    """An unsigned integer literal of that many bits; a sign is not allowed."""
    if token[:1] in ("+", "-"):
        raise ValueError(token)
    value = integer(token)
    if value >> bits:
        raise OverflowError(token)
    return value


# Programs and test scripts repeat themselves: most constants have been seen before.


@lru_cache(8192)
def signed(token: str, bits: int) -> int:
    """An integer literal of that many bits, signed or unsigned; the result is the signed one."""
    value = integer(token)
    if not -1 << bits - 1 <= value < 1 << bits:
        raise OverflowError(token)
    return value - (1 << bits) if value >> bits - 1 > 0 else value


@lru_cache(8192)
def float_bits(token: str, bits: int) -> int:
    """The bits of a float literal of 32 or 64 bits, rounded to nearest, ties to even."""
    match = _FLOAT.fullmatch(token)
    if match is None:
        raise ValueError(token)
    sign, hexadecimal, decimal, infinity, payload = match.groups()
    fraction_bits = 23 if bits == 32 else 52
    exponent = (1 << bits - 1 - fraction_bits) - 1 << fraction_bits  # all ones: infinity
    if hexadecimal or decimal:
        literal = (hexadecimal or decimal).replace("_", "")
        double = float.fromhex(literal) if hexadecimal else float(literal)
        result = _single(double, literal) if bits == 32 else _int_bits("<d", "<Q", double)
        if result == exponent:
            raise OverflowError(token)
    elif infinity:
        result = exponent
    else:
        fraction = int(payload, 16) if payload else 1 << fraction_bits - 1
        if not 0 < fraction < 1 << fraction_bits:
            raise OverflowError(token)
        result = exponent | fraction
    return result | 1 << bits - 1 if sign == "-" else result


def _int_bits(float_format: str, int_format: str, value: float) -> int:
    bits: int = struct.unpack(int_format, struct.pack(float_format, value))[0]
    return bits


def _single(double: float, literal: str) -> int:
    """The bits of the single nearest to the literal, given the double nearest to it; neither is negative."""
    bits = _int_bits("<d", "<Q", double)
    if not bits & 0xFFFFFFF and double < 2.0**128:
        # The double may lie in the middle between two singles: then what was rounded away the first time decides.
        # Nothing was if it is a single itself; otherwise one step to where the literal lies breaks the tie.
        try:
            exact = struct.unpack("<f", struct.pack("<f", double))[0] == double
        except OverflowError:
            exact = False
        if not exact:
            bits += _compare(literal, double)
            double = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return _int_bits("<f", "<I", double)


def _compare(literal: str, double: float) -> int:
    """1, 0 or -1 as the literal is greater than, equal to or less than the double."""
    if literal.startswith("0x"):
        digits, _, exponent = literal[2:].replace("P", "p").partition("p")
        whole, _, fraction = digits.partition(".")
        numerator, denominator = double.as_integer_ratio()
        left = int(whole + fraction, 16) * denominator
        shift = int(exponent or "0") - 4 * len(fraction)
        right = numerator << max(-shift, 0)
        left <<= max(shift, 0)
        return (left > right) - (left < right)
    from decimal import Decimal

    value = Decimal(literal)
    return (value > double) - (value < double)


def float_text(value: int, bits: int) -> str:
    """The shortest way to write the float of 32 or 64 bits that has these bits, so that it is read as the same."""
    fraction_bits = 23 if bits == 32 else 52
    sign = "-" if value >> bits - 1 else ""
    value &= (1 << bits - 1) - 1
    infinity = (1 << bits - 1 - fraction_bits) - 1 << fraction_bits
    if value == infinity:
        return f"{sign}inf"
    if value > infinity:
        payload = value - infinity
        return f"{sign}nan" if payload == 1 << fraction_bits - 1 else f"{sign}nan:{payload:#x}"
    double: float
    if bits == 64:
        double = struct.unpack("<d", struct.pack("<Q", value))[0]
        return sign + repr(double).removesuffix(".0")
    double = struct.unpack("<f", struct.pack("<I", value))[0]
    text = ""
    for precision in range(6, 10):
        text = f"{double:.{precision}g}"
        if float_bits(text, 32) == value:
            break
    return sign + text
