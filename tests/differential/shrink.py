"""Smaller causes of the same effect."""

from collections.abc import Callable


def shrink(data: bytes, fails: Callable[[bytes], bool], attempts: int = 3000) -> bytes:
    """A short string of bytes for which ``fails`` still holds, found with at most so many attempts.

    Pieces are removed, from large ones to single bytes, then bytes are made zero or halved, until nothing helps.
    """
    left = attempts

    def works(candidate: bytes) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(candidate)

    improved = True
    while improved and left > 0:
        improved = False
        size = len(data) // 2
        while size and left > 0:
            at = 0
            while at < len(data):
                candidate = data[:at] + data[at + size :]
                if works(candidate):
                    data = candidate
                    improved = True
                else:
                    at += size
            size //= 2
        for at in range(len(data)):
            for value in {0, data[at] // 2, data[at] - 1 if data[at] else 0} - {data[at]}:
                candidate = data[:at] + bytes([value]) + data[at + 1 :]
                if value < data[at] and works(candidate):
                    data = candidate
                    improved = True
    return data.rstrip(b"\0") if data.endswith(b"\0") and fails(data.rstrip(b"\0")) else data
