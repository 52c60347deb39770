"""Where a guest's random bytes come from."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Given = int | Random | Callable[[int], bytes] | None


def generator(given: "Given") -> "Callable[[int], bytes]":
    """A function that gives so many random bytes.

    Args:
        given: None for the host's randomness, a seed for bytes that are the same every time, a ``random.Random``, or
            the function itself.

    Raises:
        TypeError: for anything else.
    """
    if given is None:
        return os.urandom
    if isinstance(given, int):
        from random import Random

        return Random(given).randbytes
    randbytes: Callable[[int], bytes] | None = getattr(given, "randbytes", None)
    if randbytes is not None:
        return randbytes
    if callable(given):
        return given
    raise TypeError(f"random is a seed, a random.Random or a callable, not {type(given).__name__}")
