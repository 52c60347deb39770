"""Calls that run without the GIL.

Their entry gives the GIL up when the arguments are there, and takes it again for the results; so do host functions, the
other way round, the stub that compiles, traps, and the routine for interrupts. An execution's ``THREAD_STATE`` says
whether its innermost call runs without the GIL now.

A context points to the execution that it runs on, so there can be one thread at a time in an instance, and instances
call each other. Those of one engine therefore have a ``Turn``, which an outermost call waits for, without the GIL, and
nested calls of the same thread have already. It is passed on to somebody who waits, if there is anybody. All its words
are guarded by the GIL. Functions of others (and theirs of these) are called as host functions are, through Python.
"""

import ctypes
import sys
import weakref

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.registers import NE, R10, R12, RAX, RBP, RBX, RDI, RDX, RSI, RSP, E
from ..native.owned import Owned
from ..native.system import at_fork, system
from .support import call_api, support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_interp import Function

# the words of a turn
_DEPTH = 0  # how many calls of the thread that has it are under way
_OWNER = 8  # that thread; 0 for one that has it but does not know yet
_WAITERS = 16
_SIGNAL = 24  # what they wait for

_MICROSECONDS = 100_000  # until somebody who waits looks whether Python is ending

_allocate_lock = ctypes.pythonapi.PyThread_allocate_lock
_allocate_lock.restype = ctypes.c_void_p
_acquire_lock = ctypes.pythonapi.PyThread_acquire_lock
_free_lock = ctypes.pythonapi.PyThread_free_lock


class Turn:
    """Lets one thread at a time call the functions of an engine.

    Attributes:
        context: the address of the context that host functions have in these calls.
        lent: functions of others that compiled code was given, and may have kept.
    """

    __slots__ = ("__weakref__", "_context", "_lock", "_words", "context", "lent")

    def __init__(self) -> None:
        context = self.context = system.allocate(abi.CONTEXT_HEAD)
        self._context = Owned(lambda: system.release(context, abi.CONTEXT_HEAD))
        self._words = (ctypes.c_uint64 * 4)()
        self.prepare(context)
        self.lent: set[Function] = set()
        self._set_signal()
        _turns.add(self)

    def _set_signal(self) -> None:
        lock = _allocate_lock()
        if lock is None:
            raise MemoryError
        self._lock = Owned(lambda: _free_lock(ctypes.c_void_p(lock)))
        _acquire_lock(ctypes.c_void_p(lock), 0)
        self._words[_SIGNAL // 8] = lock

    def prepare(self, context: int) -> None:
        """As ``Support.prepare``."""
        support().prepare(context)
        system.set_word(context + abi.TURN, ctypes.addressof(self._words))

    def runs(self, execution: int) -> bool:
        """Whether this is where calls of the turn are under way, without the GIL now: what its stack holds can't be
        told.
        """
        return (
            system.word(execution + abi.THREAD_STATE) != 0
            and self._words[_DEPTH // 8] != 0
            and self._words[_OWNER // 8] == system.word(execution + abi.THREAD)
        )

    def _after_fork(self) -> None:
        if self._words[_OWNER // 8] != ctypes.pythonapi.PyThread_get_thread_ident():
            self._words[_DEPTH // 8] = 0
        self._words[_WAITERS // 8] = 0
        self._lock.keep()  # somebody may have been in it
        self._set_signal()


_turns: "weakref.WeakSet[Turn]" = weakref.WeakSet()


def _after_fork() -> None:
    for turn in [*_turns]:
        turn._after_fork()


at_fork(after_in_child=_after_fork)


def gate(a: Assembler, entry: int) -> None:
    """What such an entry begins with; it is called with the same arguments when it is its thread's turn."""
    busy, mine, call, again, granted, stop, out, leave, pass_on, done = (a.label() for _ in range(10))
    kept = ((RDI, 0), (RSI, 8), (RDX, 16), (R10, 24))
    answer, size = 32, 48

    def hand_over() -> None:
        a.sub64_mi(RBX, _WAITERS, 1)
        a.mov64_mi(RBX, _OWNER, 0)
        a.mov64_mi(RBX, _DEPTH, 1)
        a.mov64_rm(RDI, RBX, _SIGNAL)
        call_api(a, "PyThread_release_lock")

    a.push_r(RBX)
    a.push_r(RBP)
    a.push_r(R12)
    a.mov64_rm(RBX, R10, abi.F_CONTEXT)
    a.mov64_rm(RBX, RBX, abi.TURN)
    system.thread(a, R12)
    a.cmp64_mi(RBX, _DEPTH, 0)
    a.jcc(NE, busy)
    a.mov64_mr(RBX, _OWNER, R12)
    a.bind(mine)
    a.add64_mi(RBX, _DEPTH, 1)
    a.bind(call)
    a.call(entry)
    a.sub64_mi(RBX, _DEPTH, 1)
    a.jcc(NE, done)
    a.cmp64_mi(RBX, _WAITERS, 0)
    a.jcc(NE, pass_on)
    a.bind(done)
    a.pop_r(R12)
    a.pop_r(RBP)
    a.pop_r(RBX)
    a.ret()

    a.bind(pass_on)
    a.mov64_rr(RBP, RAX)
    hand_over()
    a.mov64_rr(RAX, RBP)
    a.jmp(done)

    a.bind(busy)
    a.cmp64_rm(R12, RBX, _OWNER)
    a.jcc(E, mine)
    a.sub64_ri(RSP, size)
    for register, offset in kept:
        a.mov64_mr(RSP, offset, register)
    a.add64_mi(RBX, _WAITERS, 1)
    a.bind(again)
    call_api(a, "PyEval_SaveThread")
    a.mov64_rr(RBP, RAX)
    a.mov64_rm(RDI, RBX, _SIGNAL)
    a.mov32_ri(RSI, _MICROSECONDS)
    a.mov32_ri(RDX, 1)  # until a signal, too
    call_api(a, "PyThread_acquire_lock_timed")
    a.mov32_mr(RSP, answer, RAX)
    a.mov64_rr(RDI, RBP)
    call_api(a, "PyEval_RestoreThread")
    a.cmp32_mi(RSP, answer, 1)
    a.jcc(E, granted)
    call_api(a, "PyErr_CheckSignals")
    a.test32_rr(RAX, RAX)
    a.jcc(NE, stop)
    call_api(a, "Py_IsFinalizing" if sys.version_info >= (3, 13) else "_Py_IsFinalizing")
    a.test32_rr(RAX, RAX)
    a.jcc(E, again)
    a.mov64_ri(RDI, id(RuntimeError))
    a.lea64_rl(RSI, a.constant(b"the thread that runs WebAssembly code here never comes back: Python is ending\0"))
    call_api(a, "PyErr_SetString")
    a.bind(stop)
    a.mov64_rm(RDI, RBX, _SIGNAL)  # it may have come meanwhile
    a.xor32_rr(RSI, RSI)
    call_api(a, "PyThread_acquire_lock")
    a.cmp32_ri(RAX, 1)
    a.jcc(E, out)
    a.sub64_mi(RBX, _WAITERS, 1)
    a.jmp(leave)
    a.bind(out)
    a.mov64_mi(RBX, _DEPTH, 0)
    a.cmp64_mi(RBX, _WAITERS, 0)
    a.jcc(E, leave)
    hand_over()
    a.bind(leave)
    a.xor32_rr(RAX, RAX)
    a.add64_ri(RSP, size)
    a.jmp(done)

    a.bind(granted)
    a.mov64_mr(RBX, _OWNER, R12)
    for register, offset in kept:
        a.mov64_rm(register, RSP, offset)
    a.add64_ri(RSP, size)
    a.jmp(call)
