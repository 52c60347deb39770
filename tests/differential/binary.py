"""Just enough of the binary format to write generated modules fast, independent of the encoder under test."""

from collections.abc import Iterable

from wasm_decoder.syntax.instructions import OPS

SECTION_ORDER = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11)


def u(n: int) -> bytes:
    """An unsigned LEB128."""
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def s(n: int) -> bytes:
    """A signed LEB128."""
    out = bytearray()
    while not -64 <= n <= 63:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n & 0x7F)
    return bytes(out)


def vector(items: Iterable[bytes]) -> bytes:
    parts = list(items)
    return u(len(parts)) + b"".join(parts)


def name(text: str) -> bytes:
    data = text.encode()
    return u(len(data)) + data


def module(sections: dict[int, bytes]) -> bytes:
    """A module with these sections' contents by section id; empty ones are left out."""
    parts = [b"\0asm\1\0\0\0"]
    for number in SECTION_ORDER:
        content = sections.get(number)
        if content:
            parts.append(bytes([number]) + u(len(content)) + content)
    return b"".join(parts)


def opcode(code: int) -> bytes:
    return bytes([code >> 16]) + u(code & 0xFFFF) if code > 0xFF else bytes([code])


#: the encoded opcode of each instruction by name
CODE = {op.name: opcode(code) for code, op in OPS.items()}
