"""A thread that interrupts compiled code every few milliseconds.

It is machine code and no Python thread: it never wants the GIL, so it ticks while compiled code holds it, and it
blocks all signals, so that these go to Python's threads. (A Python thread would not run while compiled code has the
GIL; a timer's signals would come while no compiled code runs, too.) A tick asks each execution that is active to stop
for a moment, in its limit, which functions look at when they are entered. One that has not done so by the next tick,
because it is in a loop, is diverted to the routine for interrupts: on POSIX by a signal, which ``signals`` handles
(what is sent with it tells it from all others); on Windows the ticker suspends the thread and changes its registers.
SIGURG is the signal: its default is to do nothing, debuggers let it pass, and hardly any program uses it (Go's
runtime chose it for the same purpose and reasons).

When nothing was active for a second it sleeps until the next entry wakes it, so an idle process stays idle. The entry
first counts itself active, then looks whether the ticker is parked; the ticker first says that it is parked, then
looks whether anyone is active. The processor may swap the entry's two steps; a fence for all threads between the
ticker's steps (``membarrier`` on Linux) makes that harmless without a fence in every entry. Where there is none, the
parked ticker looks again ten times a second.
"""

import ctypes
from _thread import allocate_lock

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.registers import NE, R12, R13, R14, RAX, RBX, RCX, RDX, B, E
from .code import CodeSpace
from .system import at_fork, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Nanoseconds between ticks.
PERIOD = 4_000_000
_IDLE_TICKS = 250
_RECHECK = 100_000_000

# the page that the thread works on; from 16 on the first 2 KiB are the system's
_STATE = 0
_HANDLE = 8  # of the thread, 0 if there is none
_TABLE = 2048  # addresses of executions, then 0
_TICKING, _PARKED, _STOPPED = 0, 1, 2

_CAPACITY = 16_384


def _thread(page: int) -> bytes:
    """start(): the loop."""
    a = Assembler()
    found, stop = a.label(), a.label()
    for register in (RBX, R12, R13):
        a.push_r(register)
    a.mov64_ri(RBX, page)

    def sleep(state: int, interval: "int | None") -> None:
        """Until somebody changes the state, or for an interval."""
        system.sleep(a, state, interval)
        a.cmp32_mi(RBX, _STATE, _STOPPED)
        a.jcc(E, stop)

    again = a.here()
    a.xor32_rr(R12, R12)  # ticks without work
    tick = a.here()
    sleep(_TICKING, 0)
    a.call(found)
    a.test32_rr(RDX, RDX)
    a.jcc(NE, again)
    a.inc32_r(R12)
    a.cmp32_ri(R12, _IDLE_TICKS)
    a.jcc(B, tick)

    a.xor32_rr(RAX, RAX)
    a.mov32_ri(RCX, _PARKED)
    a.lock_cmpxchg32_mr(RBX, _STATE, RCX)
    a.jcc(NE, stop)
    fences = system.can_fence()
    if fences:
        system.fence(a)
    wait = a.label()
    look = a.here()
    a.call(found)
    a.test32_rr(RDX, RDX)
    a.jcc(E, wait)
    a.mov32_ri(RAX, _PARKED)
    a.xor32_rr(RCX, RCX)
    a.lock_cmpxchg32_mr(RBX, _STATE, RCX)
    a.jmp(again)
    a.bind(wait)
    sleep(_PARKED, None if fences else 1)
    a.cmp32_mi(RBX, _STATE, _PARKED)
    a.jcc(E, wait if fences else look)
    a.jmp(again)

    a.bind(stop)
    for register in (R13, R12, RBX):
        a.pop_r(register)
    a.xor32_rr(RAX, RAX)
    a.ret()

    a.bind(found)  # interrupt what is active; edx: whether anything is
    a.push_r(R14)
    a.xor32_rr(R14, R14)
    a.lea64_rm(R13, RBX, _TABLE)
    each, done, idle, unheard, ask = a.label(), a.label(), a.label(), a.label(), a.label()
    a.bind(each)
    a.mov64_rm(RAX, R13, 0)
    a.test64_rr(RAX, RAX)
    a.jcc(E, done)
    a.cmp64_mi(RAX, abi.ACTIVE, 0)
    a.jcc(E, idle)
    a.mov32_ri(R14, 1)
    a.mov64_rm(RCX, RAX, abi.LIMIT)
    a.cmp64_ri(RCX, abi.ASKED)
    a.jcc(E, unheard)
    a.cmp64_ri(RCX, abi.AWAY)
    a.jcc(B, ask)
    a.add64_mi(RAX, abi.LIMIT, 1)
    a.jmp(idle)
    a.bind(ask)
    a.mov64_mi(RAX, abi.LIMIT, abi.ASKED)
    a.jmp(idle)
    a.bind(unheard)
    system.interrupt(a, page)
    a.bind(idle)
    a.add64_ri(R13, 8)
    a.jmp(each)
    a.bind(done)
    a.mov32_rr(RDX, R14)
    a.pop_r(R14)
    a.ret()
    return a.finish().data


def _wake(page: int, thread: int) -> bytes:
    """wake(): 0, or the number of the error. Starts the thread if there is none."""
    a = Assembler()
    exists, failed, done = a.label(), a.label(), a.label()
    a.push_r(RBX)
    a.mov64_ri(RBX, page)
    a.mov32_mi(RBX, _STATE, _TICKING)
    a.cmp64_mi(RBX, _HANDLE, 0)
    a.jcc(NE, exists)
    system.start(a, thread, _HANDLE)
    a.test32_rr(RAX, RAX)
    a.jcc(NE, failed)
    a.bind(exists)
    system.wake(a)
    a.xor32_rr(RAX, RAX)
    a.jmp(done)
    a.bind(failed)
    a.mov32_mi(RBX, _STATE, _STOPPED)
    a.bind(done)
    a.pop_r(RBX)
    a.ret()
    return a.finish().data


def _stop(page: int) -> bytes:
    """stop(): ends the thread, unless compiled code is under way: without ticks, that might never give the GIL back."""
    a = Assembler()
    each, idle, done = a.label(), a.label(), a.label()
    a.push_r(RBX)
    a.mov64_ri(RBX, page)
    a.cmp64_mi(RBX, _HANDLE, 0)
    a.jcc(E, done)
    a.lea64_rm(RDX, RBX, _TABLE)
    a.bind(each)
    a.mov64_rm(RAX, RDX, 0)
    a.test64_rr(RAX, RAX)
    a.jcc(E, idle)
    a.cmp64_mi(RAX, abi.ACTIVE, 0)
    a.jcc(NE, done)
    a.add64_ri(RDX, 8)
    a.jmp(each)
    a.bind(idle)
    a.mov32_mi(RBX, _STATE, _STOPPED)
    system.wake(a)
    system.join(a, _HANDLE)
    a.mov64_mi(RBX, _HANDLE, 0)
    a.bind(done)
    a.xor32_rr(RAX, RAX)
    a.pop_r(RBX)
    a.ret()
    return a.finish().data


class Ticker:
    """The thread and the table of executions.

    Starting, waking and stopping the thread are machine code that keeps the GIL, so neither another thread nor a
    signal handler of Python's ever sees them half done.

    Attributes:
        page: address of what the thread works on; nothing else has this address.
        parked: address of the 32-bit word that is not 0 while the thread has to be woken by ``wake``.
        table: address of the addresses of all executions, a 0 after them.
    """

    def __init__(self) -> None:
        self.page = system.allocate(_TABLE + 8 * _CAPACITY)
        self.parked = self.page + _STATE
        self.table = self.page + _TABLE
        system.prepare(self.page, PERIOD, _RECHECK)
        system.set_word(self.parked, _STOPPED)
        self._count = 0
        self._lock = allocate_lock()
        space = CodeSpace(system.PAGE)

        def placed(code: bytes) -> int:
            block = space.place(code)
            block.keep()
            return system.exported(block.address)

        function = ctypes.PYFUNCTYPE(ctypes.c_int)
        self._wake: Callable[[], int] = function(placed(_wake(self.page, placed(_thread(self.page)))))
        self._stop: Callable[[], int] = function(placed(_stop(self.page)))

    def add(self, execution: int) -> None:
        """Tick for this execution, whose memory must stay for as long as the process lives."""
        with self._lock:
            if self._count == _CAPACITY - 1:
                raise OSError(12, "too many threads run compiled code")
            system.set_word(self.table + 8 * self._count, execution)
            self._count += 1

    def wake(self) -> None:
        """Make the thread tick; the first time in a process, start it. Raises OSError if there can be no thread."""
        if error := self._wake():
            raise OSError(error, "can't start a thread")

    # A thread does not survive a fork, and Python warns of forks in processes that have several: so there is none then.

    def _before_fork(self) -> None:
        self._stop()

    def _after_fork_in_child(self) -> None:
        self._lock = allocate_lock()
        system.prepare(self.page, PERIOD, _RECHECK)
        system.set_word(self.page + _HANDLE, 0)
        system.set_word(self.parked, _STOPPED)
        table = range(self.table, self.table + 8 * self._count, 8)
        if any(system.word(system.word(row) + abi.ACTIVE) for row in table):
            self.wake()


_tickers: "list[Ticker]" = []


def ticker() -> Ticker:
    """The process's ticker."""
    if not _tickers:
        one = Ticker()
        _tickers.append(one)
        at_fork(before=one._before_fork, after_in_child=one._after_fork_in_child)
    return _tickers[0]
