"""Handlers of signals: faults in compiled code become traps, the ticker's signals interrupt.

The handler of SIGSEGV and SIGBUS looks into the tables of ``ranges``: is the instruction in a range of compiled code,
and is the address in a reserved memory? Then it goes on at the trap exit of that code as if the instruction had been
a call to it: the address of the instruction is on the stack as the return address. Otherwise it passes the signal on
to the handler that was there before; where that was the default, the process dies as it would have without us.

In the same way the handler of the ticker's signal goes on at the routine for interrupts. It does so if the thread is
in compiled code, on its execution's own stack. Elsewhere on that stack (in a routine, in the C library's memmove)
nothing happens: the next tick sends another signal. On Python's stack, the limit says so (``abi.AWAY``).
"""

import ctypes

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.registers import BE, LE, NE, R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP, A, B, E, G
from .code import CodeSpace
from .posix import call_symbol, libc
from .ranges import codes, memories
from .stacks import MARGIN
from .system import system
from .ticker import ticker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .posix import Signals

# where the earlier handlers and the default's sigaction are in one page
_NO_ACTION = 1024


class SignalHandler:
    """``system.FaultHandler``: the code, and what was installed before."""

    asides = (("_signal", "signal"), ("faulthandler", "enable"), ("faulthandler", "disable"))

    def __init__(self, signals: "Signals") -> None:
        self._signals = signals
        self._earlier = system.allocate(system.PAGE)
        block = CodeSpace(system.PAGE).place(_handler(signals, self._earlier))
        block.keep()
        self._address = block.address
        self._actions = {number: signals.action() for number in (signals.segv, signals.bus, signals.urg)}

    def install(self) -> None:
        signals = self._signals
        now = signals.action()
        for number in self._actions:
            repeat = signals.restart if number == signals.urg else signals.nodefer
            ours = signals.action(handler=self._address, flags=signals.siginfo | signals.onstack | repeat)
            if libc.sigaction(number, None, ctypes.byref(now)):
                raise OSError(ctypes.get_errno(), "can't read a signal's handler")
            if now.handler != self._address:
                system.set_word(self._earlier + 8 * number, now.handler or 0)
                self._actions[number] = now
                now = signals.action()
                if libc.sigaction(number, ctypes.byref(ours), None):
                    raise OSError(ctypes.get_errno(), "can't install a signal handler")

    def remove(self) -> None:
        now = self._signals.action()
        for number, action in self._actions.items():
            libc.sigaction(number, None, ctypes.byref(now))
            if now.handler == self._address:  # else somebody put another one in front: it stays
                libc.sigaction(number, ctypes.byref(action), None)


def _handler(signals: "Signals", earlier: int) -> bytes:
    """handler(rdi: signal, rsi: siginfo_t *, rdx: ucontext_t *); ``earlier`` is where the earlier handlers are, by
    signal.
    """
    a = Assembler()
    others, default, refault, fault = a.label(), a.label(), a.label(), a.label()
    registers = RDX

    def find_registers() -> None:
        if signals.machine is not None:
            a.mov64_rm(RDX, RDX, signals.machine)  # nothing is passed on any more

    def divert() -> None:
        """Return to RAX, as if the interrupted instruction, whose address is in R9, had been a call of that."""
        a.mov64_rm(RCX, registers, signals.rsp)
        a.sub64_ri(RCX, 8)
        a.mov64_mr(RCX, 0, R9)
        a.mov64_mr(registers, signals.rsp, RCX)
        a.mov64_mr(registers, signals.rip, RAX)
        a.ret()

    a.cmp32_ri(RDI, signals.urg)
    a.jcc(NE, fault)
    code = signals.interrupts
    if code is not None:
        a.cmp32_mi(RSI, signals.code, code)
        a.jcc(NE, others)
        a.mov64_ri(RAX, ticker().page)
        a.cmp64_rm(RAX, RSI, signals.value)
        a.jcc(NE, others)
    done, host = a.label(), a.label()
    missing = others if code is None else done  # where it can't be told, ours is what was asked for
    system.thread(a, RAX)
    a.mov64_ri(R9, ticker().table - 8)
    search = a.here()
    a.add64_ri(R9, 8)
    a.mov64_rm(R10, R9, 0)
    a.test64_rr(R10, R10)
    a.jcc(E, missing)
    a.cmp64_rm(RAX, R10, abi.THREAD)
    a.jcc(NE, search)
    a.cmp64_mi(R10, abi.LIMIT, abi.ASKED)
    a.jcc(NE, missing)
    find_registers()
    a.mov64_rm(RAX, registers, signals.rsp)
    a.cmp64_rm(RAX, R10, abi.STACK_TOP)
    a.jcc(A, host)
    a.mov64_rm(RCX, R10, abi.STACK_LIMIT)
    a.sub64_ri(RCX, MARGIN)
    a.cmp64_rr(RAX, RCX)
    a.jcc(B, host)
    a.mov64_rm(R9, registers, signals.rip)
    codes.search(a, R9, done)
    a.mov64_rm(RCX, registers, signals.r14)
    a.mov64_mr(RCX, abi.EXECUTION, R10)  # it may be on its way into this instance
    a.mov64_rm(RAX, RCX, abi.INTERRUPT)
    divert()
    a.bind(host)
    a.mov64_mi(R10, abi.LIMIT, abi.AWAY)
    a.bind(done)
    a.ret()

    a.bind(fault)
    a.cmp32_mi(RSI, signals.code, 0)
    a.jcc(LE, others)  # not a fault: somebody sent it
    a.mov64_rm(RAX, RSI, signals.address)
    memories.search(a, RAX, others)
    a.mov64_rr(R10, RDX)
    if signals.machine is not None:
        a.mov64_rm(R10, RDX, signals.machine)
    a.mov64_rm(R9, R10, signals.rip)
    codes.search(a, R9, others)
    a.mov64_rm(RAX, R8, 16)
    registers = R10
    divert()

    a.bind(others)
    a.mov64_ri(R8, earlier)
    a.mov64_rx(RAX, R8, RDI, 3, 0)
    a.cmp64_ri(RAX, 1)
    a.jcc(BE, default)
    a.jmp_r(RAX)  # all arguments are in place, whatever it takes

    a.bind(default)
    ignored = a.label()
    a.cmp32_ri(RDI, signals.urg)
    a.jcc(E, ignored)  # that is its default, too
    a.test64_rr(RAX, RAX)
    a.jcc(E, refault)  # SIG_DFL
    a.cmp32_mi(RSI, signals.code, 0)
    a.jcc(G, refault)  # a fault can't be ignored
    a.bind(ignored)
    a.ret()
    a.bind(refault)
    a.sub64_ri(RSP, 24)
    a.mov64_mr(RSP, 0, RDI)
    a.mov64_mr(RSP, 8, RSI)
    a.lea64_rm(RSI, R8, _NO_ACTION)
    a.xor32_rr(RDX, RDX)
    call_symbol(a, "sigaction")
    a.mov64_rm(RDI, RSP, 0)
    a.mov64_rm(RSI, RSP, 8)
    a.add64_ri(RSP, 24)
    a.cmp32_mi(RSI, signals.code, 0)
    a.jcc(G, ignored)  # the instruction runs again, and the default action follows
    a.mov64_ri(RAX, system.symbol("raise"))
    a.jmp_r(RAX)
    return a.finish().data
