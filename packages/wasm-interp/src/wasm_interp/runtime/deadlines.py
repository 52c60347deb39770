"""Deadlines: until when the calls of a context (a thread, a task of asyncio) may take.

Who runs WebAssembly looks at the deadline every now and then, and so does who waits for something on its behalf.
"""

from contextvars import ContextVar
from time import monotonic

from wasm_decoder import WasmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    #: A time as ``monotonic`` has it, and of which timeout it is.
    Deadline = tuple[float, float]


class TimeoutExpired(WasmError, TimeoutError):
    """WebAssembly code did not come to its end in time.

    Attributes:
        timeout: how long it might have taken, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__(f"timed out after {timeout:g} seconds")
        self.timeout = timeout

    def __reduce__(self) -> "tuple[type[TimeoutExpired], tuple[float]]":
        return TimeoutExpired, (self.timeout,)


#: The context's deadline.
_deadline: "ContextVar[Deadline | None]" = ContextVar("deadline", default=None)
#: Has an element for each ``timeout`` that is under way anywhere.
IN_USE: "list[None]" = []


def checked(timeout: float) -> float:
    """The timeout, if it is one.  Raises ValueError."""
    if not timeout > 0:
        raise ValueError(f"a timeout is a number of seconds above 0, not {timeout!r}")
    return timeout


class timeout:  # noqa: N801  # a function to those who use it
    """A context manager that gives all WebAssembly calls in its block so many seconds in all: ``with timeout(0.5): …``.

    A call that is still under way then ends with TimeoutExpired.  It may take a few milliseconds longer; a host
    function that is at work is not disturbed, the exception comes when it returns.  Of blocks inside each other the
    earliest end counts.

    Args:
        seconds: more than 0; ``math.inf`` is no limit at all.  ValueError for anything else.
    """

    __slots__ = ("_token", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = checked(seconds)
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> None:
        if self._token is not None:
            raise RuntimeError("this timeout is under way already")
        outer = _deadline.get()
        now = monotonic()
        if outer is not None and outer[0] <= now:
            raise TimeoutExpired(outer[1])  # as the host may have caught it before
        end = now + self.seconds
        self._token = _deadline.set(outer if outer is not None and outer[0] <= end else (end, self.seconds))
        IN_USE.append(None)

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        IN_USE.pop()
        _deadline.reset(self._token)
        self._token = None


def look() -> None:
    """Raises TimeoutExpired if it is too late."""
    deadline = _deadline.get()
    if deadline is not None and monotonic() >= deadline[0]:
        raise TimeoutExpired(deadline[1])


def time_left() -> "float | None":
    """How long a host function may make its caller wait, in seconds; None if nobody minds.  TimeoutExpired if it is too
    late already.
    """
    deadline = _deadline.get()
    if deadline is None:
        return None
    left = deadline[0] - monotonic()
    if left <= 0:
        raise TimeoutExpired(deadline[1])
    return left


def limited(call: "Callable[..., object]", seconds: float) -> "Callable[..., object]":
    """The function, which gives each call so many seconds."""

    def in_time(*args: object) -> object:
        with timeout(seconds):
            return call(*args)

    return in_time
