"""The machine code of a function, as it can be kept in a file or sent to another process."""

from array import array
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .amd64.assembler import Code

    #: What names a helper: opcode and immediates (see ``layout.Layout.helper``).
    Key = tuple[int, object]

_HEAD = Struct("<IIIII")  # the frame's size, bytes of code, marks, inlined calls, words about helpers
_ATOM, _ABSENT = -1, -2  # immediates: one int, none; else the length of the tuple


class Routine:
    """Code that depends on neither its address, nor the process, nor the instance.

    Attributes:
        data: the code, but for the displacements of helpers, which ``linked`` fills in.
        frame: the size of its frame in bytes.
        offsets: of its marks, ascending, in bytes from its start; ``places`` has the place (``ir.function``) for each,
            or what ``amd64.linkage`` marks with.
        inlined: of each call that was inlined the function's index and the place of the call, one after the other.
        helpers: for each use of a helper the offset of the displacement (four bytes), and the helper's key.
    """

    __slots__ = ("data", "frame", "helpers", "inlined", "offsets", "places")

    def __init__(
        self,
        data: bytes,
        frame: int,
        offsets: "array[int]",
        places: "array[int]",
        inlined: "array[int]",
        helpers: "list[tuple[int, Key]]",
    ) -> None:
        self.data = data
        self.frame = frame
        self.offsets = offsets
        self.places = places
        self.inlined = inlined
        self.helpers = helpers

    @classmethod
    def of(cls, code: "Code", frame: int, inlined: "list[tuple[int, int]]") -> "Routine":
        """What ``compile_function`` made."""
        marks: list[tuple[int, int]] = code.marks  # type: ignore[assignment]  # compiled code is marked with ints
        offsets = array("I", [offset for offset, _ in marks])
        places = array("q", [place for _, place in marks])
        helpers: list[tuple[int, Key]] = [(at, symbol) for at, _, symbol, _ in code.relocations]  # type: ignore[misc]  # all are displacements of helpers
        return cls(code.data, frame, offsets, places, array("q", [n for pair in inlined for n in pair]), helpers)

    def linked(self, helper: "Callable[[Key], int]") -> bytes:
        """The code with the displacements that ``helper`` gives for keys."""
        if not self.helpers:
            return self.data
        data = bytearray(self.data)
        for at, key in self.helpers:
            data[at : at + 4] = helper(key).to_bytes(4, "little", signed=True)
        return bytes(data)

    def pack(self) -> bytes:
        """The routine as bytes; ``unpack`` is the way back, on the same kind of processor."""
        words = array("q")
        for at, (opcode, immediates) in self.helpers:
            if immediates is None:
                words.extend((at, opcode, _ABSENT))
            elif isinstance(immediates, tuple):
                words.extend((at, opcode, len(immediates), *immediates))
            else:
                words.extend((at, opcode, _ATOM, immediates))  # type: ignore[arg-type]  # an int, or TypeError
        head = _HEAD.pack(self.frame, len(self.data), len(self.offsets), len(self.inlined), len(words))
        rows = (self.offsets, self.places, self.inlined, words)
        return b"".join((head, self.data, *[row.tobytes() for row in rows]))

    @classmethod
    def unpack(cls, packed: bytes) -> "Routine":
        """The routine of which ``pack`` has given these bytes, and no others."""
        frame, size, marks, calls, count = _HEAD.unpack_from(packed)
        start = end = _HEAD.size + size
        rows = array("I"), array("q"), array("q"), array("q")
        for row, length in zip(rows, (marks, marks, calls, count), strict=True):
            row.frombytes(packed[start : start + row.itemsize * length])
            start += row.itemsize * length
        offsets, places, inlined, words = rows
        helpers: list[tuple[int, Key]] = []
        i = 0
        while i < count:
            at, opcode, kind = words[i : i + 3]
            i += 3
            immediates: object = None
            if kind == _ATOM:
                immediates = words[i]
                i += 1
            elif kind >= 0:
                immediates = tuple(words[i : i + kind])
                i += kind
            helpers.append((at, (opcode, immediates)))
        return cls(packed[_HEAD.size : end], frame, offsets, places, inlined, helpers)
