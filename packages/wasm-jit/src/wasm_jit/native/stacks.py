"""Stacks for compiled code, with pages at both ends that nobody may touch."""

from .owned import Owned
from .system import system

#: Room below the limit that compiled code checks for: frames that don't check, signal handlers (the kernel saves up
#: to 12 KiB of registers for each), what is saved on the way to a trap.
MARGIN = 64 << 10
_GUARD = 64 << 10


class Stack:
    """A stack that grows down from ``top``.

    Args:
        size: what compiled code may use, in bytes.

    OSError if there is no memory. Pages that were never used cost nothing.

    Attributes:
        top: address where an empty stack starts, a multiple of 64.
        limit: the lowest stack pointer with which a function may be entered.
        bottom: the lowest address that can be touched.
    """

    def __init__(self, size: int) -> None:
        usable = system.pages(size + MARGIN)
        start = system.reserve(usable + 2 * _GUARD)
        self._room = Owned(lambda: system.release(start, usable + 2 * _GUARD))
        self.bottom = start + _GUARD
        self.top = self.bottom + usable
        self.limit = self.bottom + MARGIN
        system.protect(self.bottom, usable, system.READ | system.WRITE)

    def keep(self) -> None:
        """Leave the stack where it is for as long as the process lives."""
        self._room.keep()

    def release(self) -> None:
        """Give the memory back; nothing may run on the stack."""
        self._room.give_back()
