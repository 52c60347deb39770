"""Tables (specification, section "Table Instances")."""

from wasm_decoder.syntax.types import I32, Limits, TableType

from .traps import ResourceError, TableOutOfBounds
from .values import to_wasm

#: How many elements a table may have: this bounds what a module can make the host allocate.
MAX_ELEMENTS = 10_000_000


class Table:
    """A table of references.

    Attributes:
        elements: its content, for engines; always the same list object.
    """

    __slots__ = ("__weakref__", "_most", "_type", "elements")

    def __init__(self, type: TableType, init: object = None) -> None:
        """A table of the minimum size (its type closed) filled with ``init``.

        Raises ResourceError if the minimum is more than this host allows.
        """
        self._type = type
        most = (1 << 32 if type.addr is I32 else 1 << 64) - 1
        self._most = min(most if type.limits.max is None else type.limits.max, MAX_ELEMENTS)
        if type.limits.min > MAX_ELEMENTS:
            raise ResourceError(f"no room for a table of {type.limits.min} elements")
        self.elements: list[object] = [init] * type.limits.min

    @property
    def type(self) -> TableType:
        """The table's type; its minimum is the current size."""
        return TableType(Limits(len(self.elements), self._type.limits.max), self._type.ref, self._type.addr)

    @property
    def size(self) -> int:
        """The current number of elements."""
        return len(self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def get(self, i: int) -> object:
        """The element at ``i``: None is a null reference.  Raises Trap ("out of bounds table access")."""
        if not 0 <= i < len(self.elements):
            raise TableOutOfBounds
        return self.elements[i]

    def set(self, i: int, value: object) -> None:
        """Put a reference at ``i``.  Raises Trap, and TypeError if it is not one of the table's type."""
        if not 0 <= i < len(self.elements):
            raise TableOutOfBounds
        self.elements[i] = to_wasm(self._type.ref, value)

    def __getitem__(self, i: int) -> object:
        return self.get(i)

    def __setitem__(self, i: int, value: object) -> None:
        self.set(i, value)

    def try_grow(self, n: int, init: object) -> int:
        """Add elements; the previous size, or -1 if that is not possible (instruction ``table.grow``)."""
        previous = len(self.elements)
        if n > self._most - previous:
            return -1
        try:
            self.elements.extend([init] * n)
        except MemoryError:
            return -1
        return previous

    def grow(self, n: int, init: object = None) -> int:
        """Add ``n`` elements and return the previous size.

        Raises ResourceError if the table would become larger than its maximum or than this host allows, TypeError if
        ``init`` is not of the table's type, and ValueError for a negative number.
        """
        if n < 0:
            raise ValueError("n must not be negative")
        previous = self.try_grow(n, to_wasm(self._type.ref, init))
        if previous < 0:
            raise ResourceError(f"a table of {len(self.elements)} elements, at most {self._most}, cannot grow by {n}")
        return previous

    def __repr__(self) -> str:
        return f"<Table: {len(self.elements)} {self._type.ref}>"
