"""Decisions read from a string of bytes: every string decodes, and a shorter one decodes to something smaller."""


class Choices:
    """A stream of decisions; where the bytes are used up, every decision is 0.

    A generator must therefore let 0 mean the simplest alternative, and stop.
    """

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def exhausted(self) -> bool:
        return self._position >= len(self._data)

    def byte(self) -> int:
        position = self._position
        if position >= len(self._data):
            return 0
        self._position = position + 1
        return self._data[position]

    def below(self, n: int) -> int:
        """An int in 0 … n − 1; ``n`` is at least 1."""
        if n <= 1:
            return 0
        return self.byte() % n if n <= 256 else self.bits(16) % n

    def bits(self, width: int) -> int:
        """An unsigned int of ``width`` bits, a multiple of 8."""
        return int.from_bytes(bytes([self.byte() for _ in range(width // 8)]), "little")

    def chance(self, n: int) -> bool:
        """True in ``n`` of 256 cases; False once the bytes are used up."""
        return self.byte() > 255 - n
