"""A thread that interrupts compiled code every few milliseconds.

It is machine code and no Python thread: it never wants the GIL, so it ticks while compiled code holds it, and it
blocks all signals, so that these go to Python's threads. (A Python thread would not run while compiled code has the
GIL; a timer's signals would come while no compiled code runs, too.) A tick asks each execution that is active to stop
for a moment, in its limit, which functions look at when they are entered. One that has not done so by the next tick,
because it is in a loop, gets a signal, which ``native.faults`` handles; what is sent with it tells it from all others.
SIGURG is the one: its default is to do nothing, debuggers let it pass, and hardly any program uses it (Go's runtime
chose it for the same purpose and reasons).

When nothing was active for a second it sleeps until the next entry wakes it, so an idle process stays idle. The entry
first counts itself active, then looks whether the ticker is parked; the ticker first says that it is parked, then
looks whether anyone is active. The processor may swap the entry's two steps; ``membarrier`` between the ticker's
steps makes that harmless without a fence in every entry.
"""

import ctypes
import os
from _thread import allocate_lock

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.registers import NE, R10, R12, R13, R14, RAX, RBX, RCX, RDI, RDX, RSI, RSP, B, E
from . import linux
from .code import CodeSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Nanoseconds between ticks.
PERIOD = 4_000_000
_IDLE_TICKS = 250

_SYS_RT_SIGPROCMASK, _SYS_FUTEX, _SYS_MEMBARRIER = 14, 202, 324
SIGURG = 23
_FUTEX_WAIT_PRIVATE, _FUTEX_WAKE_PRIVATE = 128, 129
_MEMBARRIER_EXPEDITED, _MEMBARRIER_REGISTER = 8, 16

# the page that the thread works on
_STATE = 0
_PERIOD = 16  # struct timespec
_HANDLE = 32  # pthread_t, 0 if there is no thread
_MASK = 40  # sigset_t
_TABLE = 64  # addresses of executions, then 0
_TICKING, _PARKED, _STOPPED = 0, 1, 2

_CAPACITY = 16_384


def _thread(page: int, parks: bool, send: int) -> bytes:
    """start(): the loop; ``send`` is pthread_sigqueue, or pthread_kill."""
    a = Assembler()
    found, stop = a.label(), a.label()
    for register in (RBX, R12):
        a.push_r(register)
    a.mov64_ri(RBX, page)

    def sleep(state: int, timeout: bool) -> None:
        """Until somebody changes the state, or for the period."""
        a.lea64_rm(RDI, RBX, _STATE)
        a.mov32_ri(RSI, _FUTEX_WAIT_PRIVATE)
        a.mov32_ri(RDX, state)
        if timeout:
            a.lea64_rm(R10, RBX, _PERIOD)
        else:
            a.xor32_rr(R10, R10)
        a.mov32_ri(RAX, _SYS_FUTEX)
        a.syscall()
        a.cmp32_mi(RBX, _STATE, _STOPPED)
        a.jcc(E, stop)

    again = a.here()
    a.xor32_rr(R12, R12)  # ticks without work
    tick = a.here()
    sleep(_TICKING, timeout=True)
    a.call(found)
    a.test32_rr(RDX, RDX)
    a.jcc(NE, again)
    a.inc32_r(R12)
    a.cmp32_ri(R12, _IDLE_TICKS)
    a.jcc(B, tick)
    if not parks:
        a.jmp(again)
    else:
        a.xor32_rr(RAX, RAX)
        a.mov32_ri(RCX, _PARKED)
        a.lock_cmpxchg32_mr(RBX, _STATE, RCX)
        a.jcc(NE, stop)
        a.mov32_ri(RDI, _MEMBARRIER_EXPEDITED)
        a.xor32_rr(RSI, RSI)
        a.xor32_rr(RDX, RDX)
        a.mov32_ri(RAX, _SYS_MEMBARRIER)
        a.syscall()
        a.call(found)
        wait = a.label()
        a.test32_rr(RDX, RDX)
        a.jcc(E, wait)
        a.mov32_ri(RAX, _PARKED)
        a.xor32_rr(RCX, RCX)
        a.lock_cmpxchg32_mr(RBX, _STATE, RCX)
        a.jmp(again)
        a.bind(wait)
        sleep(_PARKED, timeout=False)
        a.cmp32_mi(RBX, _STATE, _PARKED)
        a.jcc(E, wait)
        a.jmp(again)

    a.bind(stop)
    for register in (R12, RBX):
        a.pop_r(register)
    a.xor32_rr(RAX, RAX)
    a.ret()

    a.bind(found)  # interrupt what is active; edx: whether anything is
    a.push_r(R13)
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
    a.mov64_rm(RDI, RAX, abi.THREAD)
    a.mov32_ri(RSI, SIGURG)
    a.mov64_rr(RDX, RBX)
    a.mov64_ri(RAX, send)
    a.call_r(RAX)
    a.bind(idle)
    a.add64_ri(R13, 8)
    a.jmp(each)
    a.bind(done)
    a.mov32_rr(RDX, R14)
    a.pop_r(R14)
    a.pop_r(R13)
    a.ret()
    return a.finish().data


def _futex_wake(a: Assembler) -> None:
    a.lea64_rm(RDI, RBX, _STATE)
    a.mov32_ri(RSI, _FUTEX_WAKE_PRIVATE)
    a.mov32_ri(RDX, 1)
    a.xor32_rr(R10, R10)
    a.mov32_ri(RAX, _SYS_FUTEX)
    a.syscall()


def _wake(page: int, thread: int) -> bytes:
    """wake(): 0, or the number of the error. Starts the thread if there is none."""
    a = Assembler()
    exists, failed, done = a.label(), a.label(), a.label()

    def mask(new: int, offset: int, old: int) -> None:
        a.mov32_ri(RDI, 2)  # SIG_SETMASK
        a.lea64_rm(RSI, new, offset)
        a.mov64_rr(RDX, old) if old >= 0 else a.xor32_rr(RDX, RDX)
        a.mov32_ri(R10, 8)
        a.mov32_ri(RAX, _SYS_RT_SIGPROCMASK)
        a.syscall()

    a.push_r(RBX)
    a.sub64_ri(RSP, 16)
    a.mov64_ri(RBX, page)
    a.mov32_mi(RBX, _STATE, _TICKING)
    a.cmp64_mi(RBX, _HANDLE, 0)
    a.jcc(NE, exists)
    mask(RBX, _MASK, RSP)
    a.lea64_rm(RDI, RBX, _HANDLE)
    a.xor32_rr(RSI, RSI)
    a.mov64_ri(RDX, thread)
    a.xor32_rr(RCX, RCX)
    a.mov64_ri(RAX, linux.symbol("pthread_create"))
    a.call_r(RAX)
    a.mov32_mr(RSP, 8, RAX)
    mask(RSP, 0, -1)
    a.mov32_rm(RAX, RSP, 8)
    a.test32_rr(RAX, RAX)
    a.jcc(NE, failed)
    a.bind(exists)
    _futex_wake(a)
    a.xor32_rr(RAX, RAX)
    a.jmp(done)
    a.bind(failed)
    a.mov64_mi(RBX, _HANDLE, 0)
    a.mov32_mi(RBX, _STATE, _STOPPED)
    a.bind(done)
    a.add64_ri(RSP, 16)
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
    _futex_wake(a)
    a.mov64_rm(RDI, RBX, _HANDLE)
    a.xor32_rr(RSI, RSI)
    a.mov64_ri(RAX, linux.symbol("pthread_join"))
    a.call_r(RAX)
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
        parked: address of the 32-bit word that is not 0 while the thread has to be woken by ``wake``.
        table: address of the addresses of all executions, a 0 after them.
        value: what comes with its signals and no others; 0 if they come without.
    """

    def __init__(self) -> None:
        self._page = linux.allocate(_TABLE + 8 * _CAPACITY)
        self.parked = self._page + _STATE
        linux.write(self._page + _PERIOD, (0).to_bytes(8, "little") + PERIOD.to_bytes(8, "little"))
        linux.set_word(self._page + _MASK, 0xFFFF_FFFE_7FFF_FFFF)  # all but the two that the C library uses for itself
        linux.set_word(self.parked, _STOPPED)
        self.table = self._page + _TABLE
        try:
            linux.system_call(_SYS_MEMBARRIER, _MEMBARRIER_REGISTER, 0, 0)
            parks = True
        except OSError:
            parks = False
        self._count = 0
        self._lock = allocate_lock()
        space = CodeSpace(linux.PAGE)

        def function(code: bytes) -> "Callable[[], int]":
            block = space.place(code)
            block.keep()
            made: Callable[[], int] = ctypes.PYFUNCTYPE(ctypes.c_int)(block.address)
            return made

        try:
            send, self.value = linux.symbol("pthread_sigqueue"), self._page
        except AttributeError:  # musl has only the one that sends no value
            send, self.value = linux.symbol("pthread_kill"), 0
        thread = space.place(_thread(self._page, parks, send))
        thread.keep()
        self._wake = function(_wake(self._page, thread.address))
        self._stop = function(_stop(self._page))

    def add(self, execution: int) -> None:
        """Tick for this execution, whose memory must stay for as long as the process lives."""
        with self._lock:
            if self._count == _CAPACITY - 1:
                raise OSError(12, "too many threads run compiled code")
            linux.set_word(self._page + _TABLE + 8 * self._count, execution)
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
        linux.set_word(self._page + _HANDLE, 0)
        linux.set_word(self.parked, _STOPPED)
        table = range(self._page + _TABLE, self._page + _TABLE + 8 * self._count, 8)
        if any(linux.word(linux.word(row) + abi.ACTIVE) for row in table):
            self.wake()


_tickers: "list[Ticker]" = []


def ticker() -> Ticker:
    """The process's ticker."""
    if not _tickers:
        one = Ticker()
        _tickers.append(one)
        os.register_at_fork(
            before=one._before_fork,
            after_in_child=one._after_fork_in_child,
        )
    return _tickers[0]
