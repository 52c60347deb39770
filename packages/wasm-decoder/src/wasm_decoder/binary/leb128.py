"""Integers as LEB128 (specification, section "Binary Format, Values, Integers")."""

from ..errors import DecodeError

#: What the official suite says where bytes are missing.
UNEXPECTED_END = "unexpected end of section or function"


def read_unsigned(data: bytes, pos: int, bits: int = 32) -> tuple[int, int]:
    """Read an unsigned integer of ``bits`` bits at ``pos``; return it and the position after it.

    Raises DecodeError: unexpected end, representation too long, integer too large.
    """
    start = pos
    result = shift = 0
    try:
        while True:
            byte = data[pos]
            pos += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= bits:
                raise DecodeError("integer representation too long", start)
    except IndexError:
        raise DecodeError(UNEXPECTED_END, len(data)) from None
    if result >> bits:
        raise DecodeError("integer too large", start)
    return result, pos


def read_signed(data: bytes, pos: int, bits: int = 32) -> tuple[int, int]:
    """Read a signed integer of ``bits`` bits at ``pos``; return it and the position after it.

    Raises DecodeError: unexpected end, representation too long, integer too large.
    """
    start = pos
    result = shift = 0
    try:
        while True:
            byte = data[pos]
            pos += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise DecodeError("integer representation too long", start)
    except IndexError:
        raise DecodeError(UNEXPECTED_END, len(data)) from None
    if byte & 0x40:
        result -= 1 << shift
    if shift > bits and not -1 << bits - 1 <= result < 1 << bits - 1:
        raise DecodeError("integer too large", start)
    return result, pos


def read_u32s(data: bytes, pos: int, count: int) -> tuple[list[int], int]:
    """Read ``count`` unsigned 32-bit integers at ``pos``; return them and the position after the last.

    However large ``count`` is, memory grows only with what is there.  Raises DecodeError as ``read_unsigned`` does.
    """
    chunk = data[pos : pos + count]
    if len(chunk) == count and chunk.isascii():  # each is one byte
        return list(chunk), pos + count
    numbers: list[int] = []
    append = numbers.append
    try:
        for _ in range(count):
            value = data[pos]
            if value < 0x80:
                pos += 1
            else:
                high = data[pos + 1]
                if high < 0x80:
                    value = value & 0x7F | high << 7
                    pos += 2
                elif (top := data[pos + 2]) < 0x80:
                    value = value & 0x7F | (high & 0x7F) << 7 | top << 14
                    pos += 3
                else:
                    value, pos = read_unsigned(data, pos)
            append(value)
    except IndexError:
        raise DecodeError(UNEXPECTED_END, len(data)) from None
    return numbers, pos


def unsigned(value: int) -> bytes:
    """The shortest encoding of a non-negative integer."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """The shortest encoding of an integer in two's complement."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)
