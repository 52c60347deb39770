"""Memory faults in compiled code become traps, and the ticker's signals interrupts; all other signals go where they
went before.

The handler of SIGSEGV and SIGBUS is machine code, because no Python code can run where a fault is. It looks into two
tables, without locks: is the instruction in a range of compiled code, and is the address in a reserved memory? Then it
goes on at the trap exit of that code as if the instruction had been a call to it: the address of the instruction is on
the stack as the return address. Otherwise it passes the signal on to the handler that was there before; where that was
the default, the process dies as it would have without us.

In the same way the handler of the ticker's signal goes on at the routine for interrupts. It does so if the thread is in
compiled code, on its execution's own stack. Elsewhere on that stack (in a routine, in the C library's memmove) nothing
happens: the next tick sends another signal. On Python's stack, the limit says so (``abi.AWAY``).

Python installs handlers too, through ``signal.signal`` and ``faulthandler``. Calls of these step in between: our
handler is taken away, the call is made, our handler comes back in front of whatever is there then.
"""

import ctypes
import faulthandler
from _thread import RLock

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.registers import AE, BE, LE, NE, R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP, A, B, E, G
from . import linux
from .code import CodeSpace
from .stacks import MARGIN
from .ticker import SIGURG, Ticker, ticker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    from .code import Block

    Unwatch = Callable[[], None]
    P = ParamSpec("P")
    R = TypeVar("R")

_SIGSEGV, _SIGBUS = 11, 7

# siginfo_t and ucontext_t of x86-64 (sigaction(2); asm/sigcontext.h)
_SI_CODE, _SI_ADDR = 8, 16
_R14, _RSP, _RIP = 88, 160, 168
_SI_VALUE = 24
_SI_QUEUE, _SI_TKILL = -1, -6

_SYS_RT_SIGACTION, _SYS_GETPID, _SYS_GETTID, _SYS_TGKILL = 13, 39, 186, 234


class _Sigaction(ctypes.Structure):
    """struct sigaction of the C library."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_SA_SIGINFO, _SA_ONSTACK, _SA_RESTART, _SA_NODEFER = 4, 0x08000000, 0x10000000, 0x40000000
_sigaction = ctypes.CDLL(None, use_errno=True).sigaction


class _Ranges:
    """A table of address ranges that a signal handler can read at any moment.

    A row is start, end, and a word that belongs to them. The first row that was never used has the end 0, a row that
    is not used now the end 1; a row is filled from that state, its end last (stores are seen in order on x86-64).
    """

    ROW = 24

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.address = linux.allocate(capacity * self.ROW)
        self._used = 0
        self._free: list[int] = []

    def add(self, start: int, end: int, word: int = 0) -> "Unwatch":
        if self._free:
            row = self._free.pop()
        elif self._used < self._capacity - 1:
            row = self.address + self._used * self.ROW
            self._used += 1
        else:
            raise OSError(12, "too many memories")
        linux.set_word(row, start)
        linux.set_word(row + 16, word)
        linux.set_word(row + 8, end)

        def remove() -> None:
            linux.set_word(row + 8, 1)
            self._free.append(row)

        return remove


def _search(a: Assembler, table: _Ranges, register: int, missing: int) -> None:
    """Leave the row that the register's address is in in R8, or go to ``missing``."""
    a.mov64_ri(R8, table.address - table.ROW)
    search = a.here()
    a.add64_ri(R8, table.ROW)
    a.mov64_rm(RCX, R8, 8)
    a.test64_rr(RCX, RCX)
    a.jcc(E, missing)
    a.cmp64_rr(register, RCX)
    a.jcc(AE, search)
    a.cmp64_rm(register, R8, 0)
    a.jcc(B, search)


def _handler(codes: _Ranges, memories: _Ranges, earlier: int, ticker: Ticker) -> bytes:
    """handler(rdi: signal, rsi: siginfo_t *, rdx: ucontext_t *); ``earlier`` is where the earlier handlers are, by
    signal.
    """
    a = Assembler()
    others, default, refault, fault = a.label(), a.label(), a.label(), a.label()

    def divert() -> None:
        """Return to RAX, as if the interrupted instruction, whose address is in R9, had been a call of that."""
        a.mov64_rm(RCX, RDX, _RSP)
        a.sub64_ri(RCX, 8)
        a.mov64_mr(RCX, 0, R9)
        a.mov64_mr(RDX, _RSP, RCX)
        a.mov64_mr(RDX, _RIP, RAX)
        a.ret()

    a.cmp32_ri(RDI, SIGURG)
    a.jcc(NE, fault)
    a.cmp32_mi(RSI, _SI_CODE, _SI_QUEUE if ticker.value else _SI_TKILL)
    a.jcc(NE, others)
    if ticker.value:
        a.mov64_ri(RAX, ticker.value)
        a.cmp64_rm(RAX, RSI, _SI_VALUE)
        a.jcc(NE, others)
    done, host = a.label(), a.label()
    a.code += bytes.fromhex("64 48 8b 04 25 00 00 00 00")  # mov rax, fs:[0]
    a.mov64_ri(R9, ticker.table - 8)
    search = a.here()
    a.add64_ri(R9, 8)
    a.mov64_rm(R10, R9, 0)
    a.test64_rr(R10, R10)
    a.jcc(E, done)
    a.cmp64_rm(RAX, R10, abi.THREAD)
    a.jcc(NE, search)
    a.cmp64_mi(R10, abi.LIMIT, abi.ASKED)
    a.jcc(NE, done)
    a.mov64_rm(RAX, RDX, _RSP)
    a.cmp64_rm(RAX, R10, abi.STACK_TOP)
    a.jcc(A, host)
    a.mov64_rm(RCX, R10, abi.STACK_LIMIT)
    a.sub64_ri(RCX, MARGIN)
    a.cmp64_rr(RAX, RCX)
    a.jcc(B, host)
    a.mov64_rm(R9, RDX, _RIP)
    _search(a, codes, R9, done)
    a.mov64_rm(RCX, RDX, _R14)
    a.mov64_mr(RCX, abi.EXECUTION, R10)  # it may be on its way into this instance
    a.mov64_rm(RAX, RCX, abi.INTERRUPT)
    divert()
    a.bind(host)
    a.mov64_mi(R10, abi.LIMIT, abi.AWAY)
    a.bind(done)
    a.ret()

    a.bind(fault)
    a.cmp32_mi(RSI, _SI_CODE, 0)
    a.jcc(LE, others)  # not a fault: somebody sent it
    a.mov64_rm(RAX, RSI, _SI_ADDR)
    _search(a, memories, RAX, others)
    a.mov64_rm(R9, RDX, _RIP)
    _search(a, codes, R9, others)
    a.mov64_rm(RAX, R8, 16)
    divert()

    a.bind(others)
    a.mov64_ri(R8, earlier)
    a.mov64_rx(RAX, R8, RDI, 3, 0)
    a.cmp64_ri(RAX, 1)
    a.jcc(BE, default)
    a.jmp_r(RAX)  # all arguments are in place, whatever it takes

    a.bind(default)
    a.mov64_rr(R9, RSI)
    ignored = a.label()
    a.cmp32_ri(RDI, SIGURG)
    a.jcc(E, ignored)  # that is its default, too
    a.test64_rr(RAX, RAX)
    a.jcc(E, refault)  # SIG_DFL
    a.cmp32_mi(R9, _SI_CODE, 0)
    a.jcc(G, refault)  # a fault can't be ignored
    a.bind(ignored)
    a.ret()
    a.bind(refault)
    a.push_r(RDI)
    a.mov32_ri(RAX, _SYS_RT_SIGACTION)
    a.lea64_rm(RSI, R8, _NO_ACTION)
    a.xor32_rr(RDX, RDX)
    a.mov32_ri(R10, 8)  # bytes of the kernel's sigset_t
    a.syscall()
    a.cmp32_mi(R9, _SI_CODE, 0)
    done = a.label()
    a.jcc(G, done)  # the instruction runs again, and the default action follows
    a.mov32_ri(RAX, _SYS_GETPID)
    a.syscall()
    a.push_r(RAX)
    a.mov32_ri(RAX, _SYS_GETTID)
    a.syscall()
    a.pop_r(RDI)
    a.mov32_rr(RSI, RAX)
    a.mov64_rm(RDX, RSP, 0)
    a.mov32_ri(RAX, _SYS_TGKILL)
    a.syscall()
    a.bind(done)
    a.pop_r(RDI)
    a.ret()
    return a.finish().data


# where the earlier handlers and the kernel's default sigaction are in one page
_NO_ACTION = 1024


class _State:
    """The tables, the code, and what was installed before."""

    def __init__(self) -> None:
        self.codes = _Ranges(4096)
        self.memories = _Ranges(65536)
        self.earlier = linux.allocate(linux.PAGE)
        self.block: Block = CodeSpace(linux.PAGE).place(_handler(self.codes, self.memories, self.earlier, ticker()))
        self.block.keep()
        self.actions = {number: _Sigaction() for number in (_SIGSEGV, _SIGBUS, SIGURG)}
        self.installed = False

    def install(self) -> None:
        now = _Sigaction()
        for number in self.actions:
            repeat = _SA_RESTART if number == SIGURG else _SA_NODEFER
            ours = _Sigaction(handler=self.block.address, flags=_SA_SIGINFO | _SA_ONSTACK | repeat)
            if _sigaction(number, None, ctypes.byref(now)):
                raise OSError(ctypes.get_errno(), "can't read a signal's handler")
            if now.handler != self.block.address:
                linux.set_word(self.earlier + 8 * number, now.handler or 0)
                self.actions[number] = now
                now = _Sigaction()
                if _sigaction(number, ctypes.byref(ours), None):
                    raise OSError(ctypes.get_errno(), "can't install a signal handler")
        self.installed = True

    def remove(self) -> None:
        now = _Sigaction()
        for number, action in self.actions.items():
            _sigaction(number, None, ctypes.byref(now))
            if now.handler == self.block.address:  # else somebody put another one in front: it stays
                _sigaction(number, ctypes.byref(action), None)
        self.installed = False


_lock = RLock()
_states: list[_State] = []


def _state() -> _State:
    with _lock:
        if not _states:
            _states.append(_State())
        return _states[0]


def watch_code(start: int, end: int, trap_exit: int) -> "Unwatch":
    """Faults of instructions in this range of addresses go on at ``trap_exit``; what is returned ends that."""
    return _state().codes.add(start, end, trap_exit)


def watch_memory(start: int, end: int) -> "Unwatch":
    """Faults at these addresses are compiled code's, if it is compiled code that has them; what is returned ends
    that.
    """
    return _state().memories.add(start, end)


def install() -> None:
    """Install the handler, in front of what is there now; a second time does nothing. Raises OSError if that is
    denied.
    """

    with _lock:
        state = _state()
        if not state.installed:
            state.install()
            # what signal.signal calls: that module itself need not be imported
            for module, name in (
                (__import__("_signal"), "signal"),
                (faulthandler, "enable"),
                (faulthandler, "disable"),
            ):
                if not hasattr(getattr(module, name), "__wrapped__"):
                    setattr(module, name, _stepping_aside(getattr(module, name)))


def _stepping_aside(function: "Callable[P, R]") -> "Callable[P, R]":
    """The function, which must find the handlers as if ours were not there."""

    def call(*arguments: "P.args", **keywords: "P.kwargs") -> "R":
        with _lock:
            state = _state()
            if not state.installed:
                return function(*arguments, **keywords)
            try:
                state.remove()
                return function(*arguments, **keywords)
            finally:
                try:
                    state.install()
                except KeyboardInterrupt:  # of all moments
                    state.install()
                    raise

    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__text_signature__"):
        setattr(call, name, getattr(function, name, None))
    call.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps does
    return call
