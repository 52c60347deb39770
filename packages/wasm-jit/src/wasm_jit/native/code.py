"""Executable memory. A page is never writable and executable at once.

Code is written through one mapping of a file in memory and runs through another. Where that is denied, each block has
pages of its own, which are written first and made executable afterwards, once.

A file mapping is shared with forked children, so a child must neither write nor reuse what the parent may still run:
after a fork all spaces are closed to new code in the child, which goes on running what is there and gets new spaces
for what is new.
"""

import weakref
from _thread import allocate_lock
from bisect import insort

from .owned import Owned
from .system import at_fork, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Blocks start at multiples of this, a cache line.
ALIGNMENT = 64


class Block:
    """Room for code, from ``CodeSpace.allocate``; keeps its space mapped, and is given back by ``release`` or when it
    is forgotten.

    Attributes:
        address: where the code runs.
        size: bytes.
    """

    __slots__ = ("_room", "_segment", "address", "size")

    def __init__(self, segment: "_Segment", address: int, size: int) -> None:
        self._segment = segment
        self.address = address
        self.size = size
        self._room = Owned(lambda: segment.free(address, size))

    def write(self, code: bytes) -> None:
        """Put code here, once, before anything runs it. Raises ValueError if it is too long."""
        if len(code) > self.size:
            raise ValueError(f"{len(code)} bytes of code do not fit in {self.size}")
        self._segment.write(self.address, self.size, code)

    def part(self, start: int, size: int) -> "Block":
        """``size`` bytes from ``start`` on, which keep all of the block, and are not given back by themselves."""
        made = Block.__new__(Block)
        made._segment, made._room = self._segment, self._room
        made.address, made.size = self.address + start, size
        return made

    def keep(self) -> None:
        """Leave the code where it is for as long as the process lives, whatever becomes of this object."""
        self._room.keep()
        self._segment.room.keep()

    def release(self) -> None:
        """Give the room back; nothing may run it any more. A second time does nothing."""
        self._room.give_back()


class _Segment:
    """One stretch of executable address space and what of it is free."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.closed = False
        self.lock = allocate_lock()
        self.live = 0  # blocks
        self.freed: list[tuple[int, int]] = []
        try:
            self.start, writable = system.map_twice("wasm code", size)
            self.shift = writable - self.start
        except OSError:
            self.start = system.reserve(size)
            self.shift = 0  # no second mapping: pages are flipped
        self.step = ALIGNMENT if self.shift else system.PAGE
        self.holes = [(self.start, size)]  # by address
        start, shift = self.start, self.shift
        self.room = Owned(lambda: _unmap(start, size, shift))
        self.watch: Owned | None = None

    def allocate(self, size: int) -> "int | None":
        size = -(-size // self.step) * self.step
        with self.lock:
            self._reclaim()
            for number, (address, room) in enumerate(self.holes):
                if room >= size:
                    if room == size:
                        del self.holes[number]
                    else:
                        self.holes[number] = (address + size, room - size)
                    self.live += 1
                    return address
        return None

    def write(self, address: int, size: int, code: bytes) -> None:
        if self.closed:
            raise RuntimeError("code of the parent process can't be changed after a fork")
        if self.shift:
            system.write(address + self.shift, code)
        else:
            size = system.pages(size)
            system.protect(address, size, system.READ | system.WRITE)
            system.write(address, code)
            system.protect(address, size, system.READ | system.EXECUTE)

    def free(self, address: int, size: int) -> None:
        # runs whenever the garbage collector does, so even within allocate: it only takes a note
        self.freed.append((address, -(-size // self.step) * self.step))

    def _reclaim(self) -> None:
        while self.freed:
            address, size = self.freed.pop()
            self.live -= 1
            if not self.shift:
                system.protect(address, size, system.NONE)
                system.discard(address, size)
            insort(self.holes, (address, size))
            merged: list[tuple[int, int]] = []
            for start, room in self.holes:
                if merged and sum(merged[-1]) == start:
                    merged[-1] = (merged[-1][0], merged[-1][1] + room)
                else:
                    merged.append((start, room))
            self.holes = merged


def _unmap(start: int, size: int, shift: int) -> None:
    if not shift:
        system.release(start, size)
    else:
        system.unmap(start, size)
        system.unmap(start + shift, size)


_spaces: "weakref.WeakSet[CodeSpace]" = weakref.WeakSet()


class CodeSpace:
    """Where code of one kind lives. Segments appear as they are needed and go when nothing is in them any more.

    Args:
        size: of a segment in bytes; a block that is larger gets one of its own size. Code in one segment is within 2
        GiB of itself.
        watch: is called with start and end of each new segment, before anything runs in it; what it returns is called
        when the
            segment goes.

    OSError is raised by ``allocate`` where the system denies executable memory.
    """

    def __init__(self, size: int, watch: "Callable[[int, int], Callable[[], None]] | None" = None) -> None:
        self._size = system.pages(size)
        self._segments: list[_Segment] = []
        self._watch = watch
        _spaces.add(self)

    def allocate(self, size: int) -> Block:
        """Room for ``size`` bytes of code (1 or more)."""
        for segment in self._segments:
            address = segment.allocate(size)
            if address is not None:
                return Block(segment, address, size)
        segment = _Segment(max(self._size, system.pages(size)))
        if self._watch is not None:
            segment.watch = Owned(self._watch(segment.start, segment.start + segment.size))
        # an empty segment stays as long as it is the only one
        self._segments = [old for old in self._segments if old.live] + [segment]
        address = segment.allocate(size)
        assert address is not None
        return Block(segment, address, size)

    def place(self, code: bytes) -> Block:
        """A block with this code, which must not depend on its address."""
        block = self.allocate(len(code))
        block.write(code)
        return block

    def _after_fork(self) -> None:
        for segment in self._segments:
            segment.closed = True
            segment.lock = allocate_lock()
        self._segments = []


def _after_fork() -> None:
    for space in _spaces:
        space._after_fork()


at_fork(after_in_child=_after_fork)
