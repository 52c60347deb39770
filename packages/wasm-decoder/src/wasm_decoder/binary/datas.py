"""Data segments (specification, section "Binary Format, Data Section").

A program may have tens of thousands.  Nearly all go to memory 0, to an address that is a constant; of these the section
is read for three numbers each, and the segment itself is made when somebody asks for it.
"""

import struct

from ..errors import DecodeError
from ..syntax.module import Active, Data, Expr
from .code import END, skip_expr
from .leb128 import read_unsigned
from .parts import Parts
from .reader import MOST, Reader, too_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What a plain segment begins with: its flags and the opcode of `i32.const`, then up to four bytes of an integer, `end`,
# and the first byte of the size.
_HEAD = struct.Struct(">H6B")
_PLAIN = 0x0041


class DataSegments(Parts[Data]):
    """The data segments of a module in the binary format, in order.

    A plain segment goes to memory 0, and its offset is an ``i32.const``, which is valid if the memory has 32-bit
    addresses.  ``others`` has the rest.

    Attributes:
        binary: the module's bytes.
        addresses: where each plain segment goes, as an unsigned number; -1 for the others.
        starts, ends: where the content of each plain segment is in ``binary``; ``ends`` tells of all of them.
    """

    __slots__ = ("_features", "_start", "addresses", "binary", "ends", "starts")

    def __init__(self, reader: Reader) -> None:
        """Read the section.  Raises DecodeError."""
        start = reader.pos
        count = reader.count()
        if count > MOST:
            raise too_many(count, start)
        self.binary = data = reader.data
        self._features = reader.features
        self._start = pos = reader.pos
        self.addresses: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        addresses, starts, ends = self.addresses.append, self.starts.append, self.ends.append
        head, limit = _HEAD.unpack_from, len(data)
        for _ in range(count):
            try:
                kind, a, b, c, d, e, f = head(data, pos)
                # What the bits add up to that tell that another byte follows is taken away again, and what is
                # negative is made unsigned.
                if a < 0x80:
                    address, last, size, following = a if a < 0x40 else a + 0xFFFFFF80, b, c, pos + 5
                elif b < 0x80:
                    address = a + (b << 7) - 0x80 if b < 0x40 else a + (b << 7) + 0xFFFFBF80
                    last, size, following = c, d, pos + 6
                elif c < 0x80:
                    address = a + (b << 7) + (c << 14) + (-0x4080 if c < 0x40 else 0xFFDFBF80)
                    last, size, following = d, e, pos + 7
                elif d < 0x80:
                    address = a + (b << 7) + (c << 14) + (d << 21) + (-0x204080 if d < 0x40 else 0xEFDFBF80)
                    last, size, following = e, f, pos + 8
                else:
                    kind = last = size = following = address = 0
            except struct.error:  # the last ones may be shorter than that
                kind = last = size = following = address = 0
            if kind == _PLAIN and last == END:
                if size >= 0x80:
                    if following < limit and (high := data[following]) < 0x80:
                        size += (high << 7) - 0x80
                        following += 1
                    else:
                        size, following = read_unsigned(data, following - 1)
                pos = following + size
                if pos <= limit:
                    addresses(address)
                    starts(following)
                    ends(pos)
                    continue
                reader.pos = following
                reader.take(size)  # it says that this is too much
            reader.pos = pos
            data_segment(reader)
            pos = reader.pos
            addresses(-1)
            starts(pos)
            ends(pos)
        reader.pos = pos

    def others(self) -> "Iterator[tuple[int, Data]]":
        """The segments that are not plain, with their numbers."""
        if -1 in self.addresses:
            for i, address in enumerate(self.addresses):
                if address < 0:
                    yield i, self[i]

    def place(self, index: int) -> int:
        """Where a segment begins, in bytes from the module's start."""
        return self.ends[index - 1] if index else self._start

    def make(self, i: int) -> Data:
        """As ``Parts.make``."""
        return data_segment(Reader(self.binary, self.place(i), self._features))

    def __len__(self) -> int:
        return len(self.addresses)


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
