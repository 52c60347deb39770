"""Which thread runs compiled code on which execution."""

import ctypes
import sys
from _thread import get_ident

from ..amd64 import abi
from ..native.stacks import Stack
from ..native.system import at_fork, system
from ..native.ticker import ticker

#: Bytes of stack for compiled code, for executions that are made from now on.
stack_size = 1 << 20

#: Two words: the thread that was looked up last, its execution. The GIL guards them.
CURRENT = system.allocate(system.PAGE)
_current = (ctypes.c_uint64 * 2).from_address(CURRENT)

#: Exceptions that the next interrupt of compiled code is to raise.
postponed: "list[BaseException]" = []

#: How many references to objects that host functions have returned are kept before somebody looks whether compiled
#: code still has them.
MANY = 1000

# by thread; an execution outlives its thread and is used again
_executions: "dict[int, int]" = {}
# by execution
_kept: "dict[int, _Kept]" = {}


def find() -> None:
    """Note the calling thread's execution in CURRENT. Raises OSError if there is no memory for one."""
    thread = get_ident()
    execution = _executions.get(thread)
    if execution is None:
        execution = _idle() or _new()
        system.set_word(execution + abi.THREAD, thread)
        system.set_word(execution + abi.HOST_LIMIT, _host_limit())
        system.adopt(execution)
        _executions[thread] = execution
    _current[:] = [thread, execution]  # in one step: no other thread may come in between


def _idle() -> int:
    """An execution whose thread has ended, which has none from now on; 0 if there is none."""
    alive = sys._current_frames()
    for thread, candidate in list(_executions.items()):
        if thread in alive or system.word(candidate + abi.ACTIVE):
            continue
        execution = _executions.pop(thread, 0)
        system.set_word(CURRENT, 0)
        # A new thread may have the number of one that ended. It can't find the execution any more, but if it is here
        # already, it may have found it before.
        if execution and thread not in sys._current_frames():
            return execution
        if execution:
            _executions.setdefault(thread, execution)
    return 0


def current() -> int:
    """The calling thread's execution; OSError as ``find``."""
    find()
    return _executions[get_ident()]


def _new() -> int:
    stack = Stack(stack_size)
    execution = system.allocate(abi.EXECUTION_SIZE)
    stack.keep()
    kept = _Kept()
    for offset, value in (
        (abi.LIMIT, stack.limit),
        (abi.STACK_LIMIT, stack.limit),
        (abi.WASM_SP, stack.top),
        (abi.STACK_TOP, stack.top),
        (abi.KEPT_LIST, id(kept)),
    ):
        system.set_word(execution + offset, value)
    ticker().add(execution)
    _kept[execution] = kept
    return execution


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


def keep_if_running(item: object, start: int, end: int) -> bool:
    """Keep an object until no call that is under way can come back to code that has an address from ``start`` to
    ``end`` on its stack; whether there is one.

    For the finalizer of what the addresses are in. Every function that can lead to Python has its context on the
    stack then.
    """
    found = False
    for execution in _executions.values():
        if not system.word(execution + abi.ACTIVE):
            continue
        try:
            running = _mentions(execution, start, end)
        except KeyboardInterrupt as error:  # a finalizer would lose it, and what it protects as well
            postponed.append(KeyboardInterrupt(*error.args))
            running = True
        if running:
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
    for thread, execution in _executions.items():
        if thread != get_ident():
            system.set_word(execution + abi.ACTIVE, 0)
            system.set_word(execution + abi.WASM_SP, system.word(execution + abi.STACK_TOP))


at_fork(after_in_child=_after_fork)
