"""Data segments (specification, section "Binary Format, Data Section").

A program may have tens of thousands.  Nearly all go to memory 0, to an address that is a constant; of these the section
is read for three numbers each, and the segment itself is made when somebody asks for it.
"""

import struct

from ..errors import DecodeError
from ..syntax.module import Active, Data, Expr
from .code import END, skip_expr
from .leb128 import read_unsigned
from .reader import MOST, Reader, too_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import overload

    _Base = Sequence[Data]
else:
    _Base = object

# What a plain segment begins with: its flags and the opcode of `i32.const`, then up to four bytes of an integer, `end`,
# and the first byte of the size.
_HEAD = struct.Struct(">H6B")
_PLAIN = 0x0041


class DataSegments(_Base):
    """The data segments of a module in the binary format, in order.

    A plain segment goes to memory 0, and its offset is an ``i32.const``, which is valid if the memory has 32-bit
    addresses.  ``others`` has the rest.

    Attributes:
        binary: the module's bytes.
        addresses: where each plain segment goes, as an unsigned number; -1 for the others.
        starts, ends: where the content of each plain segment is in ``binary``.
    """

    __slots__ = ("_features", "_heads", "addresses", "binary", "ends", "starts")

    def __init__(self, reader: Reader) -> None:
        """Read the section.  Raises DecodeError."""
        start = reader.pos
        count = reader.count()
        if count > MOST:
            raise too_many(count, start)
        self.binary = data = reader.data
        self._features = reader.features
        self._heads: list[int] = []
        self.addresses: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        heads, addresses, starts, ends = (
            self._heads.append, self.addresses.append, self.starts.append, self.ends.append,
        )  # fmt: skip
        head, limit, pos = _HEAD.unpack_from, len(data), reader.pos
        for _ in range(count):
            heads(pos)
            try:
                kind, a, b, c, d, e, f = head(data, pos)
                if a < 0x80:
                    address, last, size, following = a - (a << 1 & 0x80), b, c, pos + 5
                elif b < 0x80:
                    address, last, size, following = (a & 0x7F | b << 7) - (b << 8 & 0x4000), c, d, pos + 6
                elif c < 0x80:
                    address = (a & 0x7F | (b & 0x7F) << 7 | c << 14) - (c << 15 & 0x200000)
                    last, size, following = d, e, pos + 7
                else:
                    address = (a & 0x7F | (b & 0x7F) << 7 | (c & 0x7F) << 14 | d << 21) - (d << 22 & 0x10000000)
                    # a fifth byte of the integer is no `end`, which tells that there is none
                    last, size, following = (e, f, pos + 8) if d < 0x80 else (0, 0, 0)
            except struct.error:  # the last ones may be shorter than that
                kind = last = size = following = address = 0
            if kind == _PLAIN and last == END:
                if size >= 0x80:
                    if following < limit and (high := data[following]) < 0x80:
                        size = size & 0x7F | high << 7
                        following += 1
                    else:
                        size, following = read_unsigned(data, following - 1)
                pos = following + size
                if pos <= limit:
                    addresses(address & 0xFFFFFFFF)
                    starts(following)
                    ends(pos)
                    continue
                reader.pos = following
                reader.take(size)  # it says that this is too much
            reader.pos = pos
            data_segment(reader)
            pos = reader.pos
            addresses(-1)
            starts(0)
            ends(0)
        reader.pos = pos

    def others(self) -> "Iterator[tuple[int, Data]]":
        """The segments that are not plain, with their numbers."""
        if -1 in self.addresses:
            for i, address in enumerate(self.addresses):
                if address < 0:
                    yield i, self[i]

    def place(self, index: int) -> int:
        """Where a segment begins, in bytes from the module's start."""
        return self._heads[index]

    def __len__(self) -> int:
        return len(self.addresses)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> Data: ...
        @overload
        def __getitem__(self, index: slice) -> Sequence[Data]: ...

    def __getitem__(self, index: "int | slice") -> "Data | Sequence[Data]":
        if isinstance(index, slice):
            return tuple([self[i] for i in range(*index.indices(len(self)))])
        return data_segment(Reader(self.binary, self._heads[index], self._features))

    def __iter__(self) -> "Iterator[Data]":
        for i in range(len(self)):
            yield self[i]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, DataSegments)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as Expr

    def __repr__(self) -> str:
        return f"<{len(self)} data segments>"


def data_segment(reader: Reader) -> Data:
    """One data segment.  Raises DecodeError."""
    start = reader.pos
    flags = reader.u32()
    if reader.grammar.bulk_memory:
        if flags > 2:
            raise DecodeError("malformed data segment kind", start)
        if flags == 1:
            return Data(reader.take(reader.u32()), "passive")
        if flags == 2:
            flags = reader.u32()
    # in version 1.0 the flags are the index of the memory
    mode = Active(flags, constant(reader))
    return Data(reader.take(reader.u32()), mode)


def constant(reader: Reader) -> Expr:
    """A constant expression.  Raises DecodeError."""
    start = reader.pos
    skip_expr(reader)
    return Expr(reader.data, start, reader.pos)
