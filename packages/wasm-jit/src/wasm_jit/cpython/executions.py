"""Which thread runs compiled code on which execution."""

import ctypes
import os
from _thread import _local, get_native_id
from functools import partial
from itertools import count

from ..amd64 import abi
from ..native.owned import Owned
from ..native.stacks import Stack
from ..native.system import at_fork, system
from ..native.ticker import ticker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .release import Turn

#: Bytes of stack for compiled code, for stacks that are made from now on.
stack_size = 1 << 20

#: How many executions that no thread has keep their stacks.
SPARE = 8

#: How many interrupts of calls without the GIL may not take it, but in the main thread, which handles signals.
PATIENCE = 7

#: Two words: the thread that was looked up last, its execution. The GIL guards them.
CURRENT = system.allocate(system.PAGE)
_current = (ctypes.c_uint64 * 2).from_address(CURRENT)

#: How many references to objects that host functions have returned are kept before somebody looks whether compiled
#: code still has them.
MANY = 1000

# A thread has an execution from its first call on. What says so belongs to the thread, so that its end gives the
# execution back, and has a number of its own, so that nobody gives back what somebody else has by then. (A new thread
# may have the number of one that has ended.)
_own = _local()
_numbers = count()
_held: "dict[int, int]" = {}  # executions that threads have, by the number of the claim
_latest: "dict[int, int]" = {}  # the number of a thread's last claim
_free: "list[int]" = []  # executions that no thread has
_bare: "list[int]" = []  # the same, without stacks
_stacks: "dict[int, Stack]" = {}  # by execution
_kept: "dict[int, _Kept]" = {}  # by execution

_get_ident = ctypes.pythonapi.PyThread_get_thread_ident  # not _thread.get_ident: gevent replaces it
_get_ident.restype = ctypes.c_ulong


def find() -> int:
    """Note the calling thread's execution in CURRENT; it is the result, too. Raises OSError if there is no memory for
    one.
    """
    thread: int = _get_ident()
    execution = _held.get(getattr(_own, "number", -1)) or _claim(thread)
    _current[:] = [thread, execution]  # in one step: no other thread may come in between
    return execution


current = find


def _claim(thread: int) -> int:
    """Give the calling thread an execution."""
    latest = _latest.get(thread, -1)
    execution = _held.get(latest, 0)
    if execution and system.word(execution + abi.THREAD) == thread:
        if system.word(execution + abi.ACTIVE):  # of another thread state in the same thread
            return execution
        _end(latest)  # a thread that has ended and did not say so
    number = _latest[thread] = next(_numbers)
    try:
        execution = _held[number] = _take()
        if execution not in _stacks:
            _set_stack(execution)
        system.set_word(execution + abi.HOST_LIMIT, _host_limit())
        system.set_word(execution + abi.PATIENCE, 0 if get_native_id() == os.getpid() else PATIENCE)
        _own.claim = Owned(partial(_end, number), CURRENT)
        _own.number = number
    except BaseException:
        _end(number)
        raise
    system.adopt(execution)
    system.set_word(execution + abi.THREAD, thread)
    return execution


def _end(number: int) -> None:
    """The thread with this claim has ended; a second time does nothing."""
    execution = _held.pop(number, 0)
    if not execution:
        return
    if system.word(execution + abi.ACTIVE):  # a thread state has ended, and the thread goes on in another one
        _held[number] = execution
        return
    system.set_word(execution + abi.THREAD, 0)
    if len(_free) >= SPARE and execution in _stacks:
        _stacks.pop(execution).release()
    (_free if execution in _stacks else _bare).append(execution)


def _take() -> int:
    """An execution that no thread has."""
    for idle in (_free, _bare):
        try:
            return idle.pop()
        except IndexError:  # or another thread was faster
            pass
    execution = system.allocate(abi.EXECUTION_SIZE)
    kept = _Kept()
    system.set_word(execution + abi.KEPT_LIST, immortal(kept))
    ticker().add(execution)
    _kept[execution] = kept
    return execution


def _set_stack(execution: int) -> None:
    stack = _stacks[execution] = Stack(stack_size)
    for offset, value in (
        (abi.LIMIT, stack.limit),
        (abi.STACK_LIMIT, stack.limit),
        (abi.WASM_SP, stack.top),
        (abi.STACK_TOP, stack.top),
    ):
        system.set_word(execution + offset, value)


class _Kept(list[object]):
    """What an execution keeps for the compiled code that runs on it, which has references without counting them: the
    objects that host functions have returned.  When the outermost call ends, all of them go.

    A call that takes long and gets ever new objects drops those that it does not have any more, when it is interrupted.
    Then all its values are on the execution's stack, among them the registers, or among the results that found no
    register.  What calls further out have been given is left alone: it may be on its way to them still.
    """

    __slots__ = ("_limit", "_starts")

    def __init__(self) -> None:
        self._limit = MANY
        #: of entries, as far as they have been interrupted: their number, and how much there was at the first time
        self._starts: list[tuple[int, int]] = []

    def sweep(self, execution: int) -> None:
        """Drop what the innermost call, which has been interrupted, does not need any more, if there is much of it."""
        entry, active = system.word(execution + abi.ENTRY), system.word(execution + abi.ACTIVE)
        starts = self._starts
        while starts and starts[-1][0] > entry:
            starts.pop()  # it has ended
        if not starts or starts[-1][0] != entry:
            if active == 1:
                starts.clear()
                self._limit = MANY
            starts.append((entry, len(self) if active > 1 else 0))
            del starts[:-active]
        start, count = starts[-1][1], len(self)
        if count - start < self._limit:
            return
        found = {id(item) for item in self[start:]}
        low, results = system.word(execution + abi.WASM_SP), abi.EXECUTION_SIZE - abi.RESULT_SPACE
        stack = system.words(low, (system.word(execution + abi.STACK_TOP) - low) // 8)
        saved = system.words(system.word(execution + abi.HOST_SP) - results, results // 8)  # by the interrupt routine
        found = found.intersection(stack).union(found.intersection(saved))
        left = [item for item in self[start:count] if id(item) in found or type(item) is _Running]
        self._limit = max(MANY, 2 * len(left))
        self[start:count] = left  # what goes may run code that adds to the list


class _Running:
    """Keeps what ``keep_if_running`` was asked for."""

    __slots__ = ("_item",)

    def __init__(self, item: object) -> None:
        self._item = item


def interrupted() -> None:
    """Compiled code of this thread has been interrupted: see to what it keeps."""
    execution = current()
    kept = _kept[execution]
    if len(kept) >= MANY:
        kept.sweep(execution)


def _host_limit() -> int:
    """Where on this thread's own stack compiled code is not to be entered any more."""
    start, size = system.host_stack()
    return start + min(256 << 10, size // 4)


def keep_if_running(item: object, start: int, end: int, turn: "Turn | None" = None) -> bool:
    """Keep an object until no call that is under way can come back to code that has an address from ``start`` to
    ``end`` on its stack; whether there is one.

    For the finalizer of what the addresses are in. Every function that can lead to Python has its context on the
    stack then. (Of calls without the GIL there is no telling; the ``turn`` is that of the addresses.)
    """
    found = False
    for execution in [*_held.values()]:
        if not system.word(execution + abi.ACTIVE):
            continue
        if (turn is not None and turn.runs(execution)) or _mentions(execution, start, end):
            _kept[execution].append(_Running(item))
            system.set_word(execution + abi.KEPT, system.word(execution + abi.KEPT) + 1)
            found = True
    return found


def _mentions(execution: int, start: int, end: int) -> bool:
    """Whether there is an address from ``start`` to ``end`` on the stack."""
    low, high = system.word(execution + abi.WASM_SP), system.word(execution + abi.STACK_TOP)
    words = (ctypes.c_uint64 * ((high - low) // 8)).from_address(low)
    return any(start <= word < end for word in words[:])


def immortal(item: object) -> int:
    """The address of an object that is never freed from now on."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))
    return id(item)


def _after_fork() -> None:
    # the other threads are gone, and never come back from where they were
    thread = _get_ident()
    for number, execution in [*_held.items()]:
        if system.word(execution + abi.THREAD) != thread:
            system.set_word(execution + abi.ACTIVE, 0)
            system.set_word(execution + abi.THREAD_STATE, 0)
            system.set_word(execution + abi.WASM_SP, system.word(execution + abi.STACK_TOP))
            _end(number)
        else:
            system.adopt(execution)  # the kernel has another number for it
            system.set_word(execution + abi.PATIENCE, 0)  # it is the main thread now


at_fork(after_in_child=_after_fork)
