"""Calls from Python into generated code: depth, and what its Python exceptions mean.

Generated code checks little itself: an index beyond the end of a memory is an IndexError of the view, a division by
zero a ZeroDivisionError, endless recursion a RecursionError.  Here, where Python's call comes in, they become traps.
"""

import struct
import sys
from _thread import _count as thread_count
from _thread import allocate_lock, get_ident
from sys import getrecursionlimit, setrecursionlimit

from ..runtime.deadlines import IN_USE, time_left
from ..runtime.traps import (
    CallStackExhausted,
    DivideByZero,
    ExitError,
    Frame,
    MemoryOutOfBounds,
    TableOutOfBounds,
    Trap,
    UndefinedElement,
    UnsupportedError,
    add_frames,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: The file name of generated code.
FILE = "<wasm>"

#: By how much Python's limit of nested calls is raised while WebAssembly runs.  In CPython generated code that calls
#: generated code takes no space on the machine's stack; PyPy counts 768 bytes of that for each call.
DEPTH = 8_000 if sys.implementation.name == "pypy" else 12_000
#: How often calls may go from WebAssembly to the host and back: each takes space on the machine's stack.
NESTING = 300

_lock = allocate_lock()
#: For each thread how many calls into generated code are under way in it.
_depths: "dict[int, int]" = {}
#: Python's limit as it was before the first of them, and as it is while there are some.
_limits = [0, 0]


def _raise_limit() -> None:
    limit = getrecursionlimit()
    if limit != _limits[1]:
        _limits[0] = limit
        _limits[1] = limit + DEPTH
        setrecursionlimit(limit + DEPTH)


def _runner(limited: bool) -> "Callable[..., object]":
    def run(code: "Callable[..., object]", *arguments: object) -> object:
        if IN_USE and not limited and time_left() is not None:
            raise UnsupportedError(
                "the interpreter keeps to deadlines only in instances made with a timeout, or within one"
            )
        thread = get_ident()
        depth = _depths.get(thread, -1)
        try:
            if depth >= NESTING:
                raise CallStackExhausted
            if depth >= 0:
                if _LOWERED:
                    setrecursionlimit(_limits[1])
            elif thread_count():
                with _lock:
                    _depths[thread] = 0
                    _raise_limit()
            else:  # the lock takes longer than all the rest
                _raise_limit()
            _depths[thread] = depth + 1
            return code(*arguments)
        except ExitError:
            raise  # it is no failure
        except BaseException as error:
            trap = _meaning(error) if isinstance(error, _MEANT) else None
            try:  # noqa: SIM105  # contextlib takes its time to be imported
                add_frames(trap or error, frames(error.__traceback__), depth)
            except (RecursionError, MemoryError):
                pass  # there is no room to look
            if trap is None:
                raise
        finally:
            if depth >= 0:
                _depths[thread] = depth
            elif thread_count():
                with _lock:
                    _depths.pop(thread, None)
                    if not _depths:
                        setrecursionlimit(_limits[0])
            else:
                _depths.pop(thread, None)
                setrecursionlimit(_limits[0])
        # outside of the handler: the many frames of the original exception are not kept
        raise trap

    return run


#: Call generated code.  Raises Trap and what host functions raise, both with frames; UnsupportedError if there is a
#: deadline: such code does not look at it.
run = _runner(limited=False)
#: The same for code that does.
run_limited = _runner(limited=True)


#: CPython 3.11 has the one limit for calls of Python functions and for what takes space on the machine's stack, and
#: endless recursion in a host function would not stop in time with the raised limit.
_LOWERED = sys.implementation.name == "cpython" and sys.version_info < (3, 12)


def _lower_limit() -> int:
    """A host function is about to run: it may nest calls as deeply as it always may.  Returns the limit until now."""
    limit = getrecursionlimit()
    if len(_depths) > 1:
        return limit  # it would hold for the other threads too, and they may be deep in WebAssembly
    try:
        setrecursionlimit(_limits[0])
    except RecursionError as error:
        # "cannot set the recursion limit to 1000 at the recursion depth 5000: the limit is too low"
        depth = int("".join(filter(str.isdigit, str(error).rpartition("depth")[2])) or 0)
        setrecursionlimit(min(limit, depth + _limits[0]))
    return limit


#: What is called before and after a host function.
HOST_GUARD = (_lower_limit, setrecursionlimit) if _LOWERED else None


#: What generated code raises where it means a trap.
_MEANT = (IndexError, ZeroDivisionError, RecursionError, struct.error, OverflowError)


def _meaning(error: BaseException) -> Trap | None:
    """The trap that a Python exception stands for, None if it is not generated code that raised it."""
    traceback = error.__traceback__
    generated = others = 0
    last = None
    while traceback is not None:
        last = traceback
        if traceback.tb_frame.f_code.co_filename == FILE:
            generated += 1
            others = 0
        else:
            others += 1
        traceback = traceback.tb_next
    if last is None:
        return None
    if isinstance(error, RecursionError):
        # somebody's own recursion in a host function is the host's affair
        return CallStackExhausted() if generated and generated >= others else None
    if others:
        return None
    if isinstance(error, ZeroDivisionError):
        return DivideByZero()
    linked = last.tb_frame.f_globals["linked"]
    index = int(last.tb_frame.f_code.co_name[1:])
    offset = linked.code.offset(index, last.tb_lineno)
    if offset >= 0:
        return MemoryOutOfBounds()
    called = linked.code.data(index)[~offset] in (0x11, 0x13)  # call_indirect, return_call_indirect
    return UndefinedElement() if called else TableOutOfBounds()


#: How many frames at either end of a deep stack are kept.
_KEPT = 500


def frames(traceback: "TracebackType | None") -> "tuple[Frame, ...]":
    """The WebAssembly calls of ``run`` in its traceback, innermost first; of more than a thousand only those at both
    ends.  What host functions have called is not among them.
    """
    found = []
    inner = False
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == FILE:
            found.append((traceback.tb_frame.f_globals["linked"], int(code.co_name[1:]), traceback.tb_lineno))
        elif code is run.__code__:
            if inner:
                break
            inner = True
        traceback = traceback.tb_next
    found.reverse()
    if len(found) > 2 * _KEPT:
        del found[_KEPT:-_KEPT]
    return tuple([linked.frame(index, line) for linked, index, line in found])
