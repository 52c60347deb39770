"""Sequences of what a module has in thousands, and of which most is never looked at: its members are made when somebody
asks for them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeVar, overload

    _T = TypeVar("_T")

    class _Sequence(Sequence[_T]):
        """What it is to mypy; the class itself is expensive to import."""
else:

    class _Sequence:
        __slots__ = ()

        def __class_getitem__(cls, item):
            return cls


class Parts(_Sequence["_T"]):
    """A sequence like a tuple: it equals one with the same members.  Each access makes a new object."""

    __slots__ = ()

    def make(self, i: int) -> "_T":
        """The member with that number, which is one of ``range(len(self))``."""
        raise NotImplementedError

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> _T: ...
        @overload
        def __getitem__(self, index: slice) -> Sequence[_T]: ...

    def __getitem__(self, index: "int | slice") -> "_T | Sequence[_T]":
        numbers = range(len(self))[index]
        return self.make(numbers) if isinstance(numbers, int) else tuple([self.make(i) for i in numbers])

    def __iter__(self) -> "Iterator[_T]":
        return map(self.make, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, Parts)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as Expr

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)}>"
