"""Linear memories whose bounds the processor checks: address space is reserved, and only what the memory has is open.

A 32-bit address plus a 32-bit offset plus an access of 16 bytes reaches ``REACH`` bytes; with that much reserved, no
access needs a check in the code. A memory never moves: it grows by opening more of its reservation, so views of it
stay valid.
"""

import ctypes
import gc

from . import faults
from .owned import Owned
from .system import system

#: What an access without a check in the code can reach, with a page on top.
REACH = (2 << 32) + 0x10000


class _Pages(ctypes.Array[ctypes.c_ubyte]):
    """The bytes that a view shows; as the view's owner it keeps the address space."""

    _type_ = ctypes.c_ubyte
    _length_ = 0
    room: Owned


class GuardedMemory:
    """The bytes of one memory.

    Args:
        size: in bytes, a multiple of the system's page size.
        reserve: bytes of address space: ``REACH`` for code without checks, less where code checks for itself.

    OSError if the address space or the memory is not to be had. The address space is given back when neither the
    memory nor any view of it is referenced any more.

    Attributes:
        address: of byte 0; never changes.
        size: in bytes.
        reserved: how far the memory can grow, in bytes.
    """

    def __init__(self, size: int, reserve: int = REACH) -> None:
        self.reserved = system.pages(max(reserve, size))
        self.size = 0
        try:
            self.address = system.reserve(self.reserved)
        except OSError:
            gc.collect()  # memories of instances that are gone may have it
            self.address = system.reserve(self.reserved)
        address, reserved = self.address, self.reserved
        unwatch = faults.watch_memory(address, address + reserved)
        self._room = Owned(lambda: _give_back(address, reserved, unwatch))
        self._array: type[_Pages] = _Pages
        if not self.grow(size):
            raise OSError(12, f"can't allocate {size} bytes")

    def grow(self, size: int) -> bool:
        """Make it this large, in bytes, a multiple of the page size; new bytes are zero. False if there is no more."""
        if size > self.size:
            if size > self.reserved:
                return False
            try:
                system.protect(self.address + self.size, size - self.size, system.READ | system.WRITE)
            except OSError:
                return False
            self.size = size
        return True

    def view(self) -> memoryview:
        """The bytes, to read and write; the view stays valid, at its length, as long as it lives."""
        if self._array._length_ != self.size:
            self._array = type("_Pages", (_Pages,), {"_length_": self.size, "_type_": ctypes.c_ubyte})
        array = self._array.from_address(self.address)
        array.room = self._room
        return memoryview(array).cast("B")


def _give_back(address: int, size: int, unwatch: "faults.Unwatch") -> None:
    unwatch()
    system.release(address, size)
