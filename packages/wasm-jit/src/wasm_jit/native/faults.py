"""Memory faults in compiled code become traps; all others go where they went before.

What handles them is machine code, because no Python code can run where a fault is (``signals``, ``vectored``). Python
installs handlers too, through ``signal.signal`` and ``faulthandler``. Calls of these step in between: our handler is
taken away, the call is made, our handler comes back in front of whatever is there then.
"""

from _thread import RLock

from .ranges import codes, memories
from .system import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    from .ranges import Unwatch as Unwatch
    from .system import FaultHandler

    P = ParamSpec("P")
    R = TypeVar("R")

_lock = RLock()
_installed: "list[FaultHandler]" = []


def watch_code(start: int, end: int, trap_exit: int) -> "Unwatch":
    """Faults of instructions in this range of addresses go on at ``trap_exit``; what is returned ends that."""
    return codes.add(start, end, trap_exit)


def watch_memory(start: int, end: int) -> "Unwatch":
    """Faults at these addresses are compiled code's, if it is compiled code that has them; what is returned ends
    that.
    """
    return memories.add(start, end)


def install() -> None:
    """Install the handler, in front of what is there now; a second time does nothing. Raises OSError if that is
    denied.
    """

    with _lock:
        if not _installed:
            handler = system.fault_handler()
            handler.install()
            _installed.append(handler)
            # (what signal.signal calls is in _signal: the module signal need not be imported)
            for home, name in handler.asides:
                module = __import__(home)
                if not hasattr(getattr(module, name), "__wrapped__"):
                    setattr(module, name, _stepping_aside(getattr(module, name), handler))


def _stepping_aside(function: "Callable[P, R]", handler: "FaultHandler") -> "Callable[P, R]":
    """The function, which must find the handlers as if ours were not there."""

    def call(*arguments: "P.args", **keywords: "P.kwargs") -> "R":
        with _lock:
            try:
                handler.remove()
                return function(*arguments, **keywords)
            finally:
                try:
                    handler.install()
                except KeyboardInterrupt:  # of all moments
                    handler.install()
                    raise

    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__text_signature__"):
        setattr(call, name, getattr(function, name, None))
    call.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps does
    return call
