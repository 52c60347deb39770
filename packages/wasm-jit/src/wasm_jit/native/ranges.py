"""Where compiled code and its memories are: tables that machine code searches, without locks, at any moment."""

from ..amd64.registers import AE, R8, RCX, B, E
from .system import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..amd64.assembler import Assembler

    Unwatch = Callable[[], None]


class Ranges:
    """A table of address ranges.

    A row is start, end, and a word that belongs to them. The first row that was never used has the end 0, a row that
    is not used now the end 1; a row is filled from that state, its end last (stores are seen in order on x86-64).
    """

    ROW = 24

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.address = system.allocate(capacity * self.ROW)
        self._used = 0
        self._free: list[int] = []

    def add(self, start: int, end: int, word: int = 0) -> "Unwatch":
        """Enter a range; what is returned takes it out. Raises OSError if there are too many."""
        if self._free:
            row = self._free.pop()
        elif self._used < self._capacity - 1:
            row = self.address + self._used * self.ROW
            self._used += 1
        else:
            raise OSError(12, "too many memories")
        system.set_word(row, start)
        system.set_word(row + 16, word)
        system.set_word(row + 8, end)

        def remove() -> None:
            system.set_word(row + 8, 1)
            self._free.append(row)

        return remove

    def search(self, a: "Assembler", register: int, missing: int) -> None:
        """Emit code that leaves the address of the row that the register's address is in in R8, or goes to
        ``missing``. RCX is lost.
        """
        a.mov64_ri(R8, self.address - self.ROW)
        search = a.here()
        a.add64_ri(R8, self.ROW)
        a.mov64_rm(RCX, R8, 8)
        a.test64_rr(RCX, RCX)
        a.jcc(E, missing)
        a.cmp64_rr(register, RCX)
        a.jcc(AE, search)
        a.cmp64_rm(register, R8, 0)
        a.jcc(B, search)


codes = Ranges(4096)
memories = Ranges(65536)
