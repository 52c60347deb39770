"""Memory that is given back but never unmapped, and whose blocks keep their boundaries for ever.

The ticker writes to contexts without asking whether they are still in use. A block that was freed while it did so
gets a harmless word at a place where every block has that word.
"""

import weakref

from . import linux


class PooledBlock:
    """Zeroed memory: ``address`` and ``size`` in bytes. It goes back to the pool when the object is not referenced
    any more.
    """

    __slots__ = ("__weakref__", "address", "size")

    def __init__(self, size: int) -> None:
        room = max(linux.PAGE, 1 << (size - 1).bit_length())
        free = _free.setdefault(room, [])
        try:
            self.address = free.pop()
        except IndexError:
            count = max(1, (64 << 10) // room)
            start = linux.allocate(count * room)
            free.extend(range(start + room, start + count * room, room))
            self.address = start
        self.size = size
        weakref.finalize(self, _give_back, self.address, room).atexit = False


_free: "dict[int, list[int]]" = {}


def _give_back(address: int, room: int) -> None:
    linux.discard(address, room)
    _free[room].append(address)
