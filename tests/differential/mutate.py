"""Damaged binaries, which every decoder must tell from sound ones alike."""

from collections.abc import Sequence

from .binary import SECTION_ORDER, u
from .choices import Choices

#: bytes that mean something at many places: types, flags, opcodes, ends of LEB128 numbers
_MEANINGFUL = bytes.fromhex(
    "00 01 02 03 04 05 06 0b 0f 10 11 1c 20 23 24 25 3f 40 41 60 69 6f 70 7b 7c 7d 7e 7f 80 c0 d0 d1 d2 f0 fc fd fe ff"
)


def _split(data: bytes) -> list[tuple[int, bytes]]:
    """The sections as (id, content), as far as they can be told apart."""
    sections = []
    position = 8
    while position < len(data):
        number = data[position]
        position += 1
        size = shift = 0
        more = True
        while more and position < len(data):
            more = data[position] >= 0x80
            size |= (data[position] & 0x7F) << shift
            shift += 7
            position += 1
        sections.append((number, data[position : position + size]))
        position += size
    return sections


def _join(sections: Sequence[tuple[int, bytes]]) -> bytes:
    return b"\0asm\1\0\0\0" + b"".join([bytes([number]) + u(len(content)) + content for number, content in sections])


def _damage(data: bytes, other: bytes, choices: Choices) -> bytes:
    """One change to some bytes."""
    if not data:
        return bytes([choices.byte()])
    kind = choices.below(12)
    at = choices.below(len(data))
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << choices.below(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + bytes([choices.byte()]) + data[at + 1 :]
    if kind in (2, 3, 4):
        return data[:at] + bytes([_MEANINGFUL[choices.below(len(_MEANINGFUL))]]) + data[at + 1 :]
    if kind == 5:
        return data[:at] + bytes([_MEANINGFUL[choices.below(len(_MEANINGFUL))]]) + data[at:]
    if kind == 6:
        return data[:at] + data[at + 1 + choices.below(3) :]
    if kind == 7:
        return data[:at] + bytes([(data[at] + (1, 255)[choices.below(2)]) & 255]) + data[at + 1 :]
    if kind == 8:  # the same number, or another, in more bytes
        longer = bytes([data[at] | 0x80]) + b"\x80" * choices.below(9) + bytes([(0, 0x7F, 1)[choices.below(3)]])
        return data[:at] + longer + data[at + 1 :]
    if kind == 9:
        end = at + 1 + choices.below(8)
        return data[:end] + data[at:end] + data[end:]
    if kind == 10 and other:
        start = choices.below(len(other))
        size = 1 + choices.below(12)
        return data[:at] + other[start : start + size] + data[at + choices.below(size + 1) :]
    return data[:at]


def mutate(data: bytes, other: bytes, choices: Choices) -> bytes:
    """``data``, a module, with a few changes, possibly with parts of ``other``.

    Most changes leave the sections' sizes right, so that they are about what the sections hold.
    """
    for _ in range((1, 1, 2, 3)[choices.below(4)]):
        if choices.below(4) == 0:
            data = _damage(data, other, choices)
            continue
        sections = _split(data)
        if not sections:
            return data
        at = choices.below(len(sections))
        kind = choices.below(24)
        if kind == 0:
            del sections[at]
        elif kind == 1:
            sections.insert(choices.below(len(sections) + 1), sections[at])
        elif kind == 2:
            sections[at] = SECTION_ORDER[choices.below(len(SECTION_ORDER))], sections[at][1]
        elif kind == 3:
            theirs = _split(other)
            if theirs:
                sections[at] = theirs[choices.below(len(theirs))]
        elif kind == 4:
            sections.insert(at, (0, bytes([choices.below(3)]) + b"ab"[: choices.below(3)]))
        else:
            sections[at] = sections[at][0], _damage(sections[at][1], other, choices)
        data = _join(sections)
    return data
