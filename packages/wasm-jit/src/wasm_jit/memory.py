"""Memories, tables and globals that machine code works on, with the interfaces of the portable engine's."""

import ctypes
import weakref
from _thread import RLock

from wasm_decoder.syntax.types import F32, F64, FUNC, I32, I64, V128, NumType, RefType, VecType
from wasm_decoder.valid.matching import top_of
from wasm_interp import Function, Global, Memory, Table
from wasm_interp.runtime import values
from wasm_interp.runtime.traps import ResourceError

from .native.memory import GuardedMemory
from .native.owned import Owned
from .native.system import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import SupportsIndex

    from wasm_decoder.syntax.types import GlobalType, MemType, TableType

    from .cpython.release import Turn

#: What a 32-bit memory can have, in bytes.
_MOST = 1 << 32


def _reserve(size: int, most: int, guarded: bool) -> "tuple[GuardedMemory, bool]":
    """Address space for a memory of ``size`` bytes that may grow to ``most``, and whether its bounds are guarded.

    Raises OSError if there is not even room for the size.
    """
    if guarded:
        try:
            return GuardedMemory(size), True
        except OSError:
            pass
    reserve = most
    while reserve > size:
        try:
            return GuardedMemory(size, reserve), False
        except OSError:
            reserve //= 2
    return GuardedMemory(size, max(size, 1)), False


class NativeMemory(Memory):
    """A linear memory.  It never moves: views stay valid and show what is written.

    Attributes:
        guarded: whether the processor checks its bounds.
    """

    __slots__ = ("_pages", "guarded")

    def __init__(self, type: "MemType", guarded: bool = True) -> None:
        """A memory of the minimum size.  Raises ResourceError if the host cannot provide it.

        Where there is no address space for ``guarded``, or it is not wanted, code has to check bounds itself.
        """
        self._type = type
        self._page = 1 << type.page_size_log2
        most = _MOST >> type.page_size_log2
        self._most = most if type.limits.max is None else min(type.limits.max, most)
        self._size = type.limits.min << type.page_size_log2
        self._users = weakref.WeakSet()
        try:
            if type.limits.min > most:
                raise OSError
            self._pages, self.guarded = _reserve(self._size, self._most << type.page_size_log2, guarded)
        except OSError:
            raise ResourceError(f"no room for a memory of {type.limits.min} pages") from None
        self._buffer = self._pages.view()

    @property
    def address(self) -> int:
        """Where byte 0 is."""
        return self._pages.address

    def try_grow(self, pages: int) -> int:
        """As ``Memory.try_grow``."""
        shift = self._type.page_size_log2
        previous = self._size >> shift
        if pages == 0:
            return previous
        if not 0 < pages <= self._most - previous or not self._pages.grow(self._size + (pages << shift)):
            return -1
        self._size += pages << shift
        self._buffer = self._pages.view()
        for user in self._users:
            user.refresh(self)
        return previous


class _Words:
    """Words that machine code reads, at an address that ``descriptor`` tells: two words, address and count.

    There is room for as many again when they have to move, and where they were stays readable: code that has been
    interrupted in the middle of a call may have that address.
    """

    def __init__(self) -> None:
        self._descriptor = (ctypes.c_uint64 * 2)()
        self._words = (ctypes.c_uint64 * 1)()
        self._earlier: list[object] = []
        self.address = ctypes.addressof(self._descriptor)
        self._descriptor[0] = ctypes.addressof(self._words)

    def __reduce__(self) -> str:
        raise TypeError("a table can't be copied or pickled")

    def extend(self, words: "Iterable[int]") -> None:
        """Put some behind the others."""
        count = self._descriptor[1]
        listed = list(words)
        size = count + len(listed)
        if size > len(self._words):
            self._earlier.append(self._words)
            more = (ctypes.c_uint64 * (size if not count else 2 * size))()
            ctypes.memmove(more, self._words, 8 * count)
            self._words = more
            self._descriptor[0] = ctypes.addressof(more)
        self.set(count, listed)
        self._descriptor[1] = size

    def set(self, start: int, words: "list[int]") -> None:
        """Replace some."""
        new = (ctypes.c_uint64 * len(words))(*words)
        ctypes.memmove(ctypes.addressof(self._words) + 8 * start, new, 8 * len(words))


class _Elements(list[object]):
    """A table's content, mirrored for machine code.

    Only the portable parts of the runtime change it, item by item, by slices of the same length, or at the end.
    """

    def __init__(self, items: "Iterable[object]", record: "Callable[[Function], int] | None") -> None:
        super().__init__(items)
        self._record = record
        # Compiled code may still have a function when it is here no longer.  Instances of this engine see to their own
        # (``Linked.keep_if_running``); others that were ever in here stay.
        self._others: set[Function] = set()
        self._lock = RLock()
        self._leaving: dict[object, list[object]] = {}
        self.words = _Words()
        self.words.extend(map(self._word, self))

    def _word(self, item: object) -> int:
        if self._record is None or not isinstance(item, Function):
            return 0
        record = self._record(item)
        if record != getattr(item, "record", 0):  # not its own
            self._others.add(item)
        return record

    def __setitem__(self, key: "SupportsIndex | slice", value: "object") -> None:
        start, stop = key.indices(len(self))[:2] if isinstance(key, slice) else (key.__index__(), key.__index__() + 1)
        # whatever comes between (a thread, a signal), no function goes before its word
        place = object()
        with self._lock:
            self._leaving[place] = self[start:stop]
            try:
                super().__setitem__(key, value)  # type: ignore[index]  # list's own overloads
            finally:
                self.words.set(start, [self._word(item) for item in self[start:stop]])
        del self._leaving[place]

    def extend(self, items: "Iterable[object]") -> None:
        with self._lock:
            start = len(self)
            try:
                super().extend(items)
            finally:
                self.words.extend(map(self._word, self[start:]))


class NativeTable(Table):
    """A table that calls through it find."""

    __slots__ = ("turn",)

    def __init__(
        self, type: "TableType", init: object, record: "Callable[[Function], int]", turn: "Turn | None" = None
    ) -> None:
        """``record`` gives the address of a function's record; other elements are never looked at."""
        super().__init__(type, init)
        #: of the calls without the GIL that use it
        self.turn = turn
        self.elements = _Elements(self.elements, record if top_of(type.ref.heap) is FUNC else None)

    @property
    def descriptor(self) -> int:
        """The address of the descriptor: address of the elements' words, their number."""
        elements: _Elements = self.elements  # type: ignore[assignment]  # made above
        return elements.words.address


_BITS: "dict[object, tuple[Callable[..., int], Callable[[int], object]]]" = {
    I32: (int, lambda bits: bits & 0xFFFFFFFF),
    I64: (int, lambda bits: bits & 0xFFFFFFFFFFFFFFFF),
    F32: (values.f32_to_bits, lambda bits: values.f32_from_bits(bits & 0xFFFFFFFF)),
    F64: (values.f64_to_bits, lambda bits: values.f64_from_bits(bits & 0xFFFFFFFFFFFFFFFF)),
    V128: (int, int),
}


class NativeGlobal(Global):
    """A global whose number or vector is in a cell that machine code reads and writes; a reference stays in Python."""

    __slots__ = ("_cell", "_held")

    def __init__(self, type: "GlobalType", raw: object) -> None:
        self._cell = (ctypes.c_uint64 * 2)()
        self._held: object = None
        self.type = type
        self.raw = raw

    @property
    def address(self) -> int:
        """Where the value is."""
        return ctypes.addressof(self._cell)

    @property
    def raw(self) -> object:
        """The value in the representation of ``wasm_interp.runtime.values``."""
        if isinstance(self.type.type, RefType):
            return self._held
        return _BITS[self.type.type][1](self._cell[0] | self._cell[1] << 64)

    @raw.setter
    def raw(self, value: object) -> None:
        kind: NumType | VecType | RefType = self.type.type
        if isinstance(kind, RefType):
            self._held = value
        else:
            bits = _BITS[kind][0](value)
            self._cell[0] = bits & 0xFFFFFFFFFFFFFFFF
            self._cell[1] = bits >> 64


def context(size: int) -> "tuple[int, Owned]":
    """The address of zeroed memory, and what gives it back when nothing references it any more.

    Raises ResourceError if there is no more memory.
    """
    size = system.pages(size)
    try:
        address = system.allocate(size)
    except OSError as error:
        raise ResourceError(f"no room for an instance: {error}") from None
    return address, Owned(lambda: system.release(address, size))
