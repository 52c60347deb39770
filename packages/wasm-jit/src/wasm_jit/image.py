"""The machine code of many functions of a module, as a file has it: all of it is read and placed with a few operations,
whatever the number of functions.

An image is, all numbers little-endian:

    four columns of 4-byte numbers, with one number for each function: its own number, ascending; how many bytes of code
    it has; how many bytes of tables; how many uses of helpers
    the code of each, from a multiple of ``STEP`` on, with room for at least a byte behind it
    the tables of each: ``Routine.pack`` without the code

The byte behind a function belongs to it because the last instruction may be a call, whose return address that is.
"""

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate

from .routine import Routine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .routine import Key

#: Where functions begin: at multiples of a cache line.
STEP = 64
_COLUMNS = 4


class Image:
    """Routines by number.

    Attributes:
        numbers: of the functions, ascending.
        starts: where each begins in the code, and where the last one ends.
        sizes: of the code of each.
    """

    __slots__ = ("_code", "_ends", "_tables", "_uses", "numbers", "sizes", "starts")

    def __init__(self, data: "bytes | memoryview", count: int) -> None:
        """The image of ``count`` functions of which ``pack`` has given these bytes, and no others."""
        view = memoryview(data)
        columns = array("I")
        columns.frombytes(view[: 4 * _COLUMNS * count])
        self.numbers, self.sizes, tables, self._uses = [columns[i * count : (i + 1) * count] for i in range(_COLUMNS)]
        self.starts = [0, *accumulate(map(_room, self.sizes))]
        self._ends = [0, *accumulate(tables)]
        start = 4 * _COLUMNS * count
        self._code = view[start : start + self.starts[-1]]
        self._tables = view[start + self.starts[-1] :]

    @staticmethod
    def pack(routines: "Mapping[int, Routine]") -> bytes:
        """Routines as bytes, by number."""
        numbers = sorted(routines)
        listed = [routines[number] for number in numbers]
        tables = [_with_code(routine, b"").pack() for routine in listed]
        columns: tuple[Iterable[int], ...] = (
            numbers,
            [len(routine.data) for routine in listed],
            map(len, tables),
            [len(routine.helpers) for routine in listed],
        )
        return b"".join(
            (
                *[array("I", column).tobytes() for column in columns],
                *[routine.data.ljust(_room(len(routine.data)), b"\0") for routine in listed],
                *tables,
            )
        )

    def get(self, number: int) -> "Routine | None":
        """A function's routine; None if it is not there."""
        i = bisect_left(self.numbers, number)
        return self.routine(i) if i < len(self.numbers) and self.numbers[i] == number else None

    def items(self) -> "Iterator[tuple[int, Routine]]":
        """All routines with their numbers."""
        for i, number in enumerate(self.numbers):
            yield number, self.routine(i)

    def routine(self, i: int) -> Routine:
        """The routine that is the i-th here."""
        start = self.starts[i]
        code = bytes(self._code[start : start + self.sizes[i]])
        return _with_code(Routine.unpack(bytes(self._tables[self._ends[i] : self._ends[i + 1]])), code)

    def find(self, offset: int) -> int:
        """Which function an offset in the code belongs to, as ``routine`` counts."""
        return bisect_right(self.starts, offset, hi=len(self.numbers)) - 1

    def linked(self, helper: "Callable[[Key], int]") -> bytes:
        """The code of all, with the displacements that ``helper`` gives for keys."""
        if not any(self._uses):
            return bytes(self._code)
        code = bytearray(self._code)
        for i, uses in enumerate(self._uses):
            if uses:
                code[self.starts[i] : self.starts[i] + self.sizes[i]] = self.routine(i).linked(helper)
        return bytes(code)


def _room(size: int) -> int:
    return -(-(size + 1) // STEP) * STEP


def _with_code(routine: Routine, code: bytes) -> Routine:
    """The same routine with other code."""
    made = Routine.__new__(Routine)
    for part in Routine.__slots__:
        setattr(made, part, getattr(routine, part))
    made.data = code
    return made
