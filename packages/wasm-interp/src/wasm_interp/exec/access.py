"""How generated source reads and writes a linear memory.

The bounds check comes for free: whatever is used raises an error for an index beyond the end, and an effective address
is never negative.  Two ways are fast, each on one implementation:

- CPython indexes memoryviews fast: of each width there are as many views as an address can be misaligned by, view k
  beginning at byte k, so that the element at address a is ``U32[a & 3][a >> 2]``;
- PyPy compiles ``struct`` on a bytearray to one instruction: ``U32(MEM, a)[0]``.

A name is a family (type and number of bits), with ``_k`` appended for memory k > 0.
"""

import sys
from struct import Struct

from .expr import Value, twice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.memory import Memory

#: The struct format and the size in bytes of each family.
FORMATS = {
    "U8": ("B", 1), "I8": ("b", 1), "U16": ("H", 2), "I16": ("h", 2), "U32": ("I", 4), "I32": ("i", 4),
    "U64": ("Q", 8), "I64": ("q", 8), "F32": ("f", 4), "F64": ("d", 8),
}  # fmt: skip

_PYPY = sys.implementation.name == "pypy"
#: Whether what is stored as an f32 may be any f64: ``struct`` refuses what is beyond the range of an f32.
ROUNDS = not _PYPY


def load(family: str, memory: str, address: Value) -> str:
    """The source of a load; ``memory`` is the end of the names."""
    size = FORMATS[family][1]
    if _PYPY:
        if family == "U8":
            return f"MEM{memory}[{address.text}]"
        return f"{family}(MEM{memory}, {address.text})[0]"
    return f"{family}{memory}{_subscript(size, address)}"


def store(family: str, memory: str, address: Value, value: str) -> str:
    """The source of a store, a statement."""
    size = FORMATS[family][1]
    if _PYPY:
        if family == "U8":
            return f"MEM{memory}[{address.text}] = {value}"
        return f"P{family}(MEM{memory}, {address.text}, {value})"
    return f"{family}{memory}{_subscript(size, address)} = {value}"


def _subscript(size: int, address: Value) -> str:
    if size == 1:
        return f"[{address.text}]"
    shift = size.bit_length() - 1
    if address.constant:
        return f"[{address.low & size - 1}][{address.low >> shift}]"
    first, again = twice(address)
    return f"[{first} & {size - 1}][{again} >> {shift}]"


def provide(name: str, memory: "Memory") -> object:
    """What a name (without its memory number) stands for."""
    if name == "MEM":
        return memory.buffer
    if _PYPY:
        if name[0] == "P":
            return Struct("<" + FORMATS[name[1:]][0]).pack_into
        return Struct("<" + FORMATS[name][0]).unpack_from
    code, size = FORMATS[name]
    view = memory.view()
    if size == 1:
        return view.cast(code)  # type: ignore[call-overload]  # one of FORMATS
    # the view that begins at byte k holds the elements that are wholly inside the memory
    views = [view[k : k + ((len(view) - k) // size * size if len(view) > k else 0)] for k in range(size)]
    if sys.byteorder == "big":
        return tuple([_Swapped(part, code, size) for part in views])
    return tuple([part.cast(code) for part in views])  # type: ignore[call-overload]  # one of FORMATS


class _Swapped:
    """What a cast view is on a little-endian machine."""

    __slots__ = ("_pack", "_shift", "_unpack", "_view")

    def __init__(self, view: memoryview, code: str, size: int) -> None:
        self._view = view
        self._shift = size.bit_length() - 1
        self._pack = Struct("<" + code).pack_into
        self._unpack = Struct("<" + code).unpack_from

    def __getitem__(self, index: int) -> "int | float":
        if index << self._shift >= len(self._view):
            raise IndexError
        value: int | float = self._unpack(self._view, index << self._shift)[0]
        return value

    def __setitem__(self, index: int, value: "int | float") -> None:
        if index << self._shift >= len(self._view):
            raise IndexError
        self._pack(self._view, index << self._shift, value)
