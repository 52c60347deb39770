"""Linear memories (specification, section "Memory Instances")."""

from sys import implementation, platform

from wasm_decoder.syntax.types import I32, Limits, MemType

from .traps import MemoryOutOfBounds, ResourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class User(Protocol):
        """Somebody who keeps views of memories."""

        def refresh(self, memory: "Memory") -> None:
            """The memory has grown."""


#: PyPy compiles accesses to bytearrays best, and can lengthen one in place while views exist.
_IN_PLACE = implementation.name == "pypy"
#: Address space that is set aside for a memory whose maximum is not smaller, in bytes; a larger one doubles it as it
#: grows, so that growing page by page does not copy everything each time.
_RESERVE = 1 << 32
#: Address space is all that is asked for (older Pythons do not name the flag).
_NORESERVE = 0x4000 if platform == "linux" else 0
#: From which size on a memory may lie in huge pages.
_HUGE = 16 << 20


class Memory:
    """A linear memory: bytes, in pages of ``1 << type.page_size_log2`` bytes (64 KiB unless the module says otherwise).

    ``m[i]``, ``m[a:b]`` and ``m[a:b] = data`` work as on a bytearray, except that a place beyond the end, a negative
    one included, is a Trap ("out of bounds memory access"), and that a slice is assigned as many bytes as it has.
    """

    __slots__ = ("__weakref__", "_buffer", "_most", "_page", "_size", "_type", "_users")

    def __init__(self, type: MemType) -> None:
        """A memory of the minimum size.  Raises ResourceError if the host cannot provide it."""
        from weakref import WeakSet

        self._type = type
        self._page = 1 << type.page_size_log2
        most = (1 << 32 if type.addr is I32 else 1 << 48) >> type.page_size_log2
        if type.limits.max is not None and type.limits.max < most:
            most = type.limits.max
        self._most = most
        self._size = type.limits.min << type.page_size_log2
        self._users: WeakSet[User] = WeakSet()
        try:
            if type.limits.min > most:
                raise MemoryError
            self._buffer = self._allocate(self._size, most << type.page_size_log2)
        except MemoryError:
            raise ResourceError(f"no room for a memory of {type.limits.min} pages") from None

    @property
    def type(self) -> MemType:
        """The memory's type; its minimum is the current size."""
        made = self._type
        return MemType(Limits(self.size, made.limits.max), made.addr, made.shared, made.page_size_log2)

    @property
    def size(self) -> int:
        """The current size in pages."""
        return self._size >> self._type.page_size_log2

    def __len__(self) -> int:
        """The current size in bytes."""
        return self._size

    def try_grow(self, pages: int) -> int:
        """Add pages; the previous size in pages, or -1 if that is not possible (instruction ``memory.grow``)."""
        previous = self._size >> self._type.page_size_log2
        if pages == 0:
            return previous
        if not 0 < pages <= self._most - previous:
            return -1
        size = self._size + (pages << self._type.page_size_log2)
        buffer = self._buffer
        if size > len(buffer):
            try:
                buffer = self._lengthen(size, self._most << self._type.page_size_log2)
            except MemoryError:
                return -1
        self._buffer, self._size = buffer, size
        for user in self._users:
            user.refresh(self)
        return previous

    def _allocate(self, size: int, most: int) -> "bytearray | memoryview":
        """A zeroed buffer of at least ``size`` bytes, up to ``most`` if that costs nothing.  Raises MemoryError."""
        if not _IN_PLACE:
            try:
                import mmap

                flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", _NORESERVE)
            except (ImportError, AttributeError):
                pass
            else:
                for length in (min(most, max(2 * size, _RESERVE)), min(most, 2 * size), size):
                    if length:
                        try:
                            made = mmap.mmap(-1, length, flags=flags)
                        except (OSError, ValueError, OverflowError):
                            continue
                        if size < _HUGE and hasattr(mmap, "MADV_NOHUGEPAGE"):
                            made.madvise(mmap.MADV_NOHUGEPAGE)  # else a page that is touched costs two megabytes
                        return memoryview(made)
                if size:
                    raise MemoryError
        try:
            return bytearray(size)
        except OverflowError:
            raise MemoryError from None

    def _lengthen(self, size: int, most: int) -> "bytearray | memoryview":
        """The content with room for ``size`` bytes.  Raises MemoryError."""
        buffer = self._buffer
        if _IN_PLACE and isinstance(buffer, bytearray):
            try:
                buffer.extend(bytes(size - len(buffer)))
                return buffer
            except BufferError:  # somebody has a view of it
                pass
        longer = self._allocate(size, most)
        longer[: self._size] = buffer[: self._size]
        return longer

    def grow(self, pages: int) -> int:
        """Add pages of zeros and return the previous size in pages.

        Raises ResourceError if the memory would become larger than its maximum or than the host can provide, and
        ValueError for a negative number of pages.  Views taken before stay what they were.
        """
        if pages < 0:
            raise ValueError("pages must not be negative")
        previous = self.try_grow(pages)
        if previous < 0:
            raise ResourceError(f"a memory of {self.size} pages, at most {self._most}, cannot grow by {pages}")
        return previous

    def read(self, offset: int, n: int) -> bytes:
        """``n`` bytes from ``offset``.  Raises Trap if they are not all inside the memory."""
        if offset < 0 or n < 0 or offset + n > self._size:
            raise MemoryOutOfBounds
        return bytes(self._buffer[offset : offset + n])

    def write(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        """Put bytes at ``offset``.  Raises Trap, with nothing written, if they are not all inside the memory."""
        if not isinstance(data, (bytes, bytearray)):
            data = memoryview(data).cast("B")
        n = len(data)
        if offset < 0 or offset + n > self._size:
            raise MemoryOutOfBounds
        if n:
            self._buffer[offset : offset + n] = data

    def view(self) -> memoryview:
        """A writable view of the current content as unsigned bytes.

        It stays valid when the memory grows or is gone, but does not get longer; where a memory has to move to grow, it
        then shows the old place.
        """
        return memoryview(self._buffer)[: self._size]

    @property
    def buffer(self) -> "bytearray | memoryview":
        """The storage, for engines: the first ``len(self)`` bytes are the content."""
        return self._buffer

    def watch(self, user: "User") -> None:
        """Have ``user.refresh(memory)`` called after every growth, as long as the user lives."""
        self._users.add(user)

    def _span(self, key: slice) -> "tuple[int, int]":
        if key.step not in (None, 1):
            raise ValueError("slices of a memory have no step")
        start = 0 if key.start is None else key.start
        stop = self._size if key.stop is None else key.stop
        if not 0 <= start <= self._size or not 0 <= stop <= self._size:
            raise MemoryOutOfBounds
        return start, max(start, stop)

    def __getitem__(self, key: "int | slice") -> "int | bytes":
        if isinstance(key, slice):
            start, stop = self._span(key)
            return bytes(self._buffer[start:stop])
        if not 0 <= key < self._size:
            raise MemoryOutOfBounds
        return self._buffer[key]

    def __setitem__(self, key: "int | slice", value: "int | bytes | bytearray | memoryview") -> None:
        if isinstance(key, slice):
            start, stop = self._span(key)
            if isinstance(value, int):
                raise TypeError("a slice of a memory takes bytes")
            if (value.nbytes if isinstance(value, memoryview) else len(value)) != stop - start:
                raise ValueError(f"a slice of {stop - start} bytes takes as many")
            self.write(start, value)
            return
        if not isinstance(value, int):
            raise TypeError("an element of a memory is an int")
        if not 0 <= key < self._size:
            raise MemoryOutOfBounds
        self._buffer[key] = value

    def __repr__(self) -> str:
        return f"<Memory: {self.size} pages>"
