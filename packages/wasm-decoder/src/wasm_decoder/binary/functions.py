"""Where function bodies are (specification, section "Binary Format, Code Section").  Nobody looks into them yet."""

from ..errors import DecodeError
from ..syntax.module import Func
from .leb128 import UNEXPECTED_END, read_unsigned
from .parts import Parts
from .reader import MOST, Reader, too_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Functions(Parts[Func]):
    """The functions that a module in the binary format defines.

    Attributes:
        types: the type index of each.
        starts, ends: where the body of each is in the module.
    """

    __slots__ = ("_binary", "ends", "starts", "types")

    def __init__(self, binary: bytes, types: "Sequence[int]" = ()) -> None:
        self._binary = binary
        self.types = types
        self.starts: list[int] = []
        self.ends: list[int] = []

    def read(self, reader: Reader) -> None:
        """Read the section.  Raises DecodeError; the functions before the error are there then."""
        start = reader.pos
        count = reader.count()
        if count > MOST:
            raise too_many(count, start)
        if count != len(self.types):
            self.types = range(count)  # the decoder refuses it, unless something else is wrong first
        data, pos, limit = reader.data, reader.pos, len(reader.data)
        starts, ends = self.starts.append, self.ends.append
        try:
            for _ in range(count):
                size = data[pos]
                if size < 0x80:
                    pos += 1
                elif (high := data[pos + 1]) < 0x80:
                    size = size & 0x7F | high << 7
                    pos += 2
                else:
                    size, pos = read_unsigned(data, pos)
                if pos + size > limit:
                    raise DecodeError("length out of bounds", pos)
                starts(pos)
                pos += size
                ends(pos)
        except IndexError:
            raise DecodeError(UNEXPECTED_END, limit) from None
        reader.pos = pos

    def make(self, i: int) -> Func:
        """As ``Parts.make``."""
        return Func(self.types[i], self._binary, self.starts[i], self.ends[i])

    def __len__(self) -> int:
        return len(self.ends)
