"""The machine code that all entries and host functions share, and what it needs of Python."""

from functools import partial

from wasm_interp.runtime.deadlines import IN_USE, look

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.convention import CONTEXT, MEMORY
from ..amd64.registers import (
    AE,
    NE,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    A,
    E,
)  # fmt: skip
from ..native import faults, unavailable
from ..native.code import CodeSpace
from ..native.system import system
from ..native.ticker import ticker
from . import convert, floats, layout
from .executions import immortal, interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    TrapHandler = Callable[[int, int], BaseException]
    RaisedHandler = Callable[[BaseException, int, int, int], None]

#: What entries keep at the bottom of their frame on Python's stack.
FRAME_SP, FRAME_HOST_SP, FRAME_SIZE, FRAME_ENTRY = 0, 8, 16, 24
FRAME_SLOTS = 32  # then 16 bytes for each value
SAVED = (RBX, RBP, R12, R13, R14, R15)  # by entries, in this order

_ALL = (RAX, RCX, RDX, RBX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, CONTEXT)  # the last for keep_if_running
_RESULT_BYTES = abi.EXECUTION_SIZE - abi.RESULT_SPACE


def call_api(a: Assembler, name: str) -> None:
    """Call a function of the C API: arguments as in C, RAX is lost."""
    a.mov64_ri(RAX, layout.api(name))
    a.call_r(RAX)


def jump_api(a: Assembler, name: str) -> None:
    """The same as the last thing."""
    a.mov64_ri(RAX, layout.api(name))
    a.jmp_r(RAX)


class Support:
    """The shared code, once in a process.

    Attributes:
        leave: address of what ends the innermost entry of the execution in R12 with the exception that is set.
        overtaken: the same for an entry that is not the innermost one; RAX is the entry's frame.
        wake: of what wakes the ticker: keeps the registers of parameters; on Python's stack, execution in R15.
        give_up, take_back: of what gives the GIL up, and takes it if it was given up; on Python's stack, execution in
            R12; the latter keeps the registers of results.
        clear_kept: of what drops the kept references of the execution in R12.
        arguments, results: of what takes an object apart, by kind: RDI the object, RSI where the value is to go, for
        results RDX
            the host function; EAX is 0, or not and an exception is set.
        code: where compiled code goes, so that its memory faults become traps.
        glue: where code goes whose faults are nobody's but the process's.
    """

    def __init__(self) -> None:
        self.trap_handler: TrapHandler = plain_trap  # gets the kind of the trap and TRAP_VALUE
        self.raised_handler: RaisedHandler | None = None  # gets an exception, and LEFT, LEFT_PC and LEFT_SP
        self.glue = CodeSpace(64 << 10)
        self.tick: Callable[[], object] | None = None
        self.labels: dict[str, int] = {}
        a = Assembler()
        routines: dict[str, Callable[[Assembler], None]] = {
            "leave": self._leave,
            "overtaken": self._overtaken,
            "clear_kept": self._clear_kept,
            "wake": self._wake,
            "give_up": self._give_up,
            "take_back": self._take_back,
            "trap": self._trap,
            "interrupt": self._interrupt,
        }
        for kind, function in convert.ARGUMENT.items():
            routines["argument " + kind] = partial(_take, kind=kind, converter=immortal(function), named=False)
        for kind, check in convert.RESULT.items():
            routines["result " + kind] = partial(_take, kind=kind, converter=immortal(check), named=True)
        self.labels = {name: a.label() for name in routines}
        for name, emit in routines.items():
            a.align(16)
            a.bind(self.labels[name])
            emit(a)
        exits = []
        for number in range(len(abi.TRAP_MESSAGES)):
            exits.append(a.here())
            a.mov32_ri(R11, number)
            a.jmp(self.labels["trap"])
        code = a.finish()
        block = self.glue.place(code.data)
        block.keep()
        place = {name: block.address + code.labels[label] for name, label in self.labels.items()}
        self.leave, self.clear_kept, self.wake = place["leave"], place["clear_kept"], place["wake"]
        self.overtaken = place["overtaken"]
        self.give_up, self.take_back = place["give_up"], place["take_back"]
        self.arguments = {kind: place[f"argument {kind}"] for kind in convert.ARGUMENT}
        self.results = {kind: place[f"result {kind}"] for kind in convert.ARGUMENT}
        self._interrupt_exit = place["interrupt"]
        self._trap_exits = [block.address + code.labels[label] for label in exits]
        fault = self._trap_exits[abi.TRAP_MESSAGES.index("out of bounds memory access")]
        faults.install()
        self.code = CodeSpace(1 << 20, lambda start, end: faults.watch_code(start, end, fault))

    def prepare(self, context: int) -> None:
        """Fill in the head of a context: what is the same for all."""
        system.set_word(context + abi.INTERRUPT, self._interrupt_exit)
        for number, address in enumerate(self._trap_exits):
            system.set_word(context + abi.TRAPS + 8 * number, address)

    # what machine code calls

    def _raise_trap(self, kind: int, value: int) -> None:
        raise self.trap_handler(kind, value)

    def _on_raised(self, error: BaseException, left: int, pc: int, sp: int) -> None:
        if self.raised_handler is not None:
            self.raised_handler(error, left, pc, sp)

    def _on_tick(self) -> None:
        interrupted()
        look()
        if self.tick is not None:
            self.tick()

    # the code

    def _leave(self, a: Assembler) -> None:
        a.mov64_rm(RSP, R12, abi.HOST_SP)
        self._tell_of_frames(a)
        self.restore(a)
        done = a.label()
        a.jcc(NE, done)
        a.mov64_rm(R11, R12, abi.STACK_TOP)
        a.mov64_mr(R12, abi.WASM_SP, R11)
        a.cmp64_mi(R12, abi.KEPT, 0)
        a.jcc(E, done)
        a.call(self.labels["clear_kept"])
        a.bind(done)
        a.add64_rm(RSP, RSP, FRAME_SIZE)
        for register in reversed(SAVED):
            a.pop_r(register)
        a.xor32_rr(RAX, RAX)
        a.ret()

    def _tell_of_frames(self, a: Assembler) -> None:
        """Call the handler with the exception that is set, in R12's execution."""
        done, failed, end = a.label(), a.label(), a.label()
        for register, offset in ((RBX, abi.LEFT), (RBP, abi.LEFT_PC), (R13, abi.LEFT_SP)):
            a.mov64_rm(register, R12, offset)
        a.test64_rr(RBP, RBP)
        a.jcc(E, end)
        exception = ((RDI, 0), (RSI, 8), (RDX, 16))  # its class, itself, its traceback
        a.sub64_ri(RSP, 32)
        for name in ("PyErr_Fetch", "PyErr_NormalizeException"):
            for register, offset in exception:
                a.lea64_rm(register, RSP, offset)
            call_api(a, name)
        a.mov64_ri(RDI, immortal(self._on_raised))
        a.lea64_rl(RSI, a.constant(b"OLKK\0\0\0\0"))
        a.mov64_rm(RDX, RSP, 8)
        a.mov64_rr(RCX, RBX)
        a.mov64_rr(R8, RBP)
        a.mov64_rr(R9, R13)
        a.xor32_rr(RAX, RAX)
        a.mov64_ri(R10, layout.api("PyObject_CallFunction"))
        a.call_r(R10)
        a.mov64_rr(RDI, RAX)
        a.test64_rr(RAX, RAX)
        a.jcc(E, failed)
        call_api(a, "Py_DecRef")
        restore = a.here()
        for register, offset in exception:
            a.mov64_rm(register, RSP, offset)
        call_api(a, "PyErr_Restore")
        a.jmp(done)
        a.bind(failed)
        for kind in (RecursionError, MemoryError):  # there was no room to look
            a.mov64_ri(RDI, id(kind))
            call_api(a, "PyErr_ExceptionMatches")
            a.test32_rr(RAX, RAX)
            a.jcc(NE, restore)
        for _, offset in exception:  # what a signal handler has raised takes its place
            a.mov64_rm(RDI, RSP, offset)
            call_api(a, "Py_DecRef")
        a.bind(done)
        a.add64_ri(RSP, 32)
        a.bind(end)

    @staticmethod
    def left(a: Assembler, how: int, offset: int) -> None:
        """Note where compiled code is that an exception leaves: the address is on its stack, at R13 + offset. RAX is
        lost.
        """
        a.mov64_mi(R12, abi.LEFT, how)
        a.mov64_rm(RAX, R13, offset)
        a.mov64_mr(R12, abi.LEFT_PC, RAX)
        a.lea64_rm(RAX, R13, offset + 8)
        a.mov64_mr(R12, abi.LEFT_SP, RAX)

    @staticmethod
    def restore(a: Assembler) -> None:
        """What an entry found in its execution, R12; RSP is at its frame. R11 is lost; afterwards NE: there are outer
        entries.
        """
        for offset, saved in ((abi.WASM_SP, FRAME_SP), (abi.HOST_SP, FRAME_HOST_SP), (abi.ENTRY, FRAME_ENTRY)):
            a.mov64_rm(R11, RSP, saved)
            a.mov64_mr(R12, offset, R11)
        a.sub64_mi(R12, abi.ACTIVE, 1)

    def _overtaken(self, a: Assembler) -> None:
        a.mov64_mr(R12, abi.HOST_SP, RAX)
        a.mov64_rr(RSP, RAX)
        raised = a.label()
        call_api(a, "PyErr_Occurred")
        a.test64_rr(RAX, RAX)
        a.jcc(NE, raised)
        a.mov64_ri(RDI, id(RuntimeError))
        a.lea64_rl(RSI, a.constant(b"this WebAssembly call was overtaken by another one on its stack\0"))
        call_api(a, "PyErr_SetString")
        a.bind(raised)
        a.jmp(self.labels["leave"])

    def _clear_kept(self, a: Assembler) -> None:
        a.mov64_mi(R12, abi.KEPT, 0)
        a.mov64_rm(RDI, R12, abi.KEPT_LIST)
        a.xor32_rr(RSI, RSI)
        a.mov64_ri(RDX, (1 << 63) - 1)
        a.xor32_rr(RCX, RCX)
        jump_api(a, "PyList_SetSlice")

    def _wake(self, a: Assembler) -> None:
        parameters = (RDI, RSI, RDX, RCX, R8, R9, R10)
        for register in parameters:
            a.push_r(register)
        a.sub64_ri(RSP, 128)
        for register in range(8):
            a.movups_mr(RSP, 16 * register, register)
        a.mov64_ri(RDI, immortal(ticker().wake))
        call_api(a, "PyObject_CallNoArgs")
        self._leave_if_null(a, R15)
        for register in range(8):
            a.movups_rm(register, RSP, 16 * register)
        a.add64_ri(RSP, 128)
        for register in reversed(parameters):
            a.pop_r(register)
        a.ret()

    def _give_up(self, a: Assembler) -> None:
        a.sub64_ri(RSP, 8)
        a.mov64_mi(R12, abi.THREAD_STATE, 1)  # before the first moment in which somebody else may look
        call_api(a, "PyEval_SaveThread")
        a.mov64_mr(R12, abi.THREAD_STATE, RAX)
        a.add64_ri(RSP, 8)
        a.ret()

    def _take_back(self, a: Assembler) -> None:
        held = a.label()
        a.cmp64_mi(R12, abi.THREAD_STATE, 0)
        a.jcc(E, held)
        a.push_r(RAX)
        a.push_r(RDX)
        a.sub64_ri(RSP, 40)
        for register in (0, 1):
            a.movups_mr(RSP, 16 * register, register)
        a.mov64_rm(RDI, R12, abi.THREAD_STATE)
        call_api(a, "PyEval_RestoreThread")
        a.mov64_mi(R12, abi.THREAD_STATE, 0)
        for register in (0, 1):
            a.movups_rm(register, RSP, 16 * register)
        a.add64_ri(RSP, 40)
        a.pop_r(RDX)
        a.pop_r(RAX)
        a.bind(held)
        a.ret()

    def _leave_if_null(self, a: Assembler, execution: int) -> None:
        """Drop the result in RAX, or leave with the exception if there is none."""
        good = a.label()
        a.test64_rr(RAX, RAX)
        a.jcc(NE, good)
        a.mov64_rr(R12, execution)
        a.mov64_mi(R12, abi.LEFT_PC, 0)
        a.jmp(self.labels["leave"])
        a.bind(good)
        a.mov64_rr(RDI, RAX)
        call_api(a, "Py_DecRef")

    def _trap(self, a: Assembler) -> None:
        """R11: the kind; the return address is on the compiled code's stack."""
        a.mov64_rm(R12, CONTEXT, abi.EXECUTION)
        a.mov64_rr(R13, RSP)
        self.to_host(a)
        a.mov64_rr(RBX, R11)
        a.call(self.labels["take_back"])
        a.mov64_ri(RDI, immortal(self._raise_trap))
        a.lea64_rl(RSI, a.constant(b"LK\0\0\0\0\0\0"))
        a.mov64_rr(RDX, RBX)
        a.mov64_rm(RCX, R12, abi.TRAP_VALUE)
        a.xor32_rr(RAX, RAX)
        a.mov64_ri(R10, layout.api("PyObject_CallFunction"))
        a.call_r(R10)  # raises
        self.left(a, abi.AT, 0)
        a.jmp(self.labels["leave"])

    @staticmethod
    def to_host(a: Assembler) -> None:
        """From the compiled code's stack to Python's, which is at a multiple of 16 then; the execution is in R12. RAX
        is lost.
        """
        a.mov64_rr(RAX, RSP)
        a.and64_ri(RAX, -16)
        a.mov64_mr(R12, abi.WASM_SP, RAX)  # compiled code that Python calls from there goes on below
        system.to_host(a, R12, RAX)
        a.mov64_rm(RSP, R12, abi.HOST_SP)

    def _interrupt(self, a: Assembler) -> None:
        """After any instruction of compiled code (``native.faults``), as well as where a function calls it."""
        size = 8 * len(_ALL) + 16 * 16
        a.pushfq()
        a.sub64_ri(RSP, size)
        for number, register in enumerate(_ALL):
            a.mov64_mr(RSP, 8 * number, register)
        for register in range(16):
            a.movups_mr(RSP, 8 * len(_ALL) + 16 * register, register)
        a.mov64_rm(R12, CONTEXT, abi.EXECUTION)
        interrupted, failed, look, go_on, held = (a.label() for _ in range(5))
        a.cmp64_mi(R12, abi.LIMIT, abi.AWAY)
        a.jcc(AE, interrupted)
        # Either there is no stack left, or the code was interrupted after it had seen the request: it is to look again.
        a.cmp64_rm(RSP, R12, abi.LOOKED_AGAIN)
        a.mov64_mr(R12, abi.LOOKED_AGAIN, RSP)
        a.jcc(NE, go_on)
        a.add64_ri(RSP, size + 8)
        a.mov32_ri(R11, abi.TRAP_MESSAGES.index("call stack exhausted"))
        a.jmp(self.labels["trap"])
        a.bind(interrupted)
        a.mov64_mi(R12, abi.LOOKED_AGAIN, 0)
        a.mov64_rr(R13, RSP)
        # without the GIL, which somebody may hold for a while, not every time
        a.cmp64_mi(R12, abi.THREAD_STATE, 0)
        a.jcc(E, look)
        a.mov64_ri(RAX, id(IN_USE))
        a.cmp64_mi(RAX, layout.LIST_SIZE, 0)
        a.jcc(NE, look)
        a.mov64_rm(RAX, R12, abi.PASSED)
        a.add64_mi(R12, abi.PASSED, 1)
        a.cmp64_rm(RAX, R12, abi.PATIENCE)
        a.jcc(AE, look)
        a.mov64_rm(RAX, R12, abi.STACK_LIMIT)
        a.mov64_mr(R12, abi.LIMIT, RAX)
        a.jmp(go_on)
        a.bind(look)
        self.to_host(a)
        a.mov64_rm(MEMORY, R12, abi.THREAD_STATE)
        a.call(self.labels["take_back"])
        a.mov64_mi(R12, abi.PASSED, 0)
        a.mov64_rr(RBP, RSP)
        a.mov64_rm(RBX, R12, abi.ENTRY)
        # what is called from here may use the space for results, which may be half full
        system.touch(a, _RESULT_BYTES)
        a.sub64_ri(RSP, _RESULT_BYTES)
        a.lea64_rm(RSI, R12, abi.RESULT_SPACE)
        a.mov64_rr(RDI, RSP)
        _copy_results(a)
        call_api(a, "PyErr_CheckSignals")
        a.test32_rr(RAX, RAX)
        a.jcc(NE, failed)
        # a Python function is a place where the interpreter lets another thread that waits have the GIL. (To give it
        # up and take it again would not: this thread would have it back before the other one wakes up.)
        a.mov64_ri(RDI, immortal(self._on_tick))
        call_api(a, "PyObject_CallNoArgs")
        a.test64_rr(RAX, RAX)
        a.jcc(E, failed)
        a.mov64_rr(RDI, RAX)
        call_api(a, "Py_DecRef")
        a.cmp64_rm(RBX, R12, abi.ENTRY)
        a.jcc(NE, failed)
        a.mov64_rr(RSI, RSP)
        a.lea64_rm(RDI, R12, abi.RESULT_SPACE)
        _copy_results(a)
        a.test64_rr(MEMORY, MEMORY)
        a.jcc(E, held)
        a.call(self.labels["give_up"])
        a.bind(held)
        a.mov64_rm(RAX, R12, abi.STACK_LIMIT)
        a.mov64_mr(R12, abi.LIMIT, RAX)
        a.mov64_mr(CONTEXT, abi.EXECUTION, R12)  # another thread may have been in this instance
        a.mov64_rm(MEMORY, CONTEXT, abi.MEMORY_BASE)
        system.to_compiled(a, R12)
        a.mov64_rr(RSP, R13)
        a.bind(go_on)
        for register in range(16):
            a.movups_rm(register, RSP, 8 * len(_ALL) + 16 * register)
        for number, register in enumerate(_ALL):
            a.mov64_rm(register, RSP, 8 * number)
        a.add64_ri(RSP, size)
        a.popfq()
        a.ret()
        a.bind(failed)
        self.left(a, abi.ANYWHERE, size + 8)
        a.mov64_rr(RAX, RBP)
        a.jmp(self.labels["overtaken"])  # or not, but then that does no harm


def _copy_results(a: Assembler) -> None:
    """The space for results, from RSI to RDI."""
    a.mov32_ri(RCX, _RESULT_BYTES)
    a.rep_movsb()


def _take(a: Assembler, kind: str, converter: int, named: bool) -> None:
    """RDI: an object, RSI: where its value is to go, RDX if named: whom an error is about. EAX: not 0 if it
    raised.
    """
    python, done, failed = a.label(), a.label(), a.label()
    a.push_r(RBX)
    a.push_r(R12)
    a.push_r(R13)
    a.sub64_ri(RSP, 16)
    a.mov64_rr(RBX, RSI)
    a.mov64_rr(R12, RDI)
    if named:
        a.mov64_rr(R13, RDX)
    if kind in "il":
        a.mov64_ri(R11, id(int))
        a.cmp64_rm(R11, RDI, layout.TYPE)
        a.jcc(NE, python)
        a.lea64_rm(RSI, RSP, 0)
        call_api(a, "PyLong_AsLongAndOverflow")
        a.cmp32_mi(RSP, 0, 0)
        a.jcc(NE, python)
        if kind == "i":
            a.mov64_rr(RCX, RAX)
            a.mov64_ri(RDX, 1 << 31)
            a.add64_rr(RCX, RDX)
            a.mov64_ri(RDX, (1 << 31) + (1 << 32) - 1)
            a.cmp64_rr(RCX, RDX)
            a.jcc(A, python)
            a.mov32_rr(RAX, RAX)
        a.mov64_mr(RBX, 0, RAX)
        a.jmp(done)
    a.bind(python)
    a.mov64_ri(RDI, converter)
    a.mov64_rr(RSI, R12)
    if named:
        a.mov64_rr(RDX, R13)
        a.xor32_rr(RCX, RCX)
        a.xor32_rr(RAX, RAX)
        a.mov64_ri(R10, layout.api("PyObject_CallFunctionObjArgs"))
        a.call_r(R10)
    else:
        call_api(a, "PyObject_CallOneArg")
    a.test64_rr(RAX, RAX)
    a.jcc(E, failed)
    a.mov64_rr(R12, RAX)
    a.mov64_rr(RDI, RAX)
    if kind in "ilF":
        call_api(a, "PyLong_AsLong")
        if kind == "i":
            a.mov32_rr(RAX, RAX)
        a.mov64_mr(RBX, 0, RAX)
    elif kind in "fd":
        call_api(a, "PyFloat_AsDouble")
        if kind == "f":
            floats.narrow(a, 0)
        a.movsd_mr(RBX, 0, 0)
    else:
        a.movups_rm(0, RAX, layout.BYTES_DATA)
        a.movups_mr(RBX, 0, 0)
    a.mov64_rr(RDI, R12)
    call_api(a, "Py_DecRef")
    a.bind(done)
    a.xor32_rr(RAX, RAX)
    end = a.label()
    a.jmp(end)
    a.bind(failed)
    a.mov32_ri(RAX, 1)
    a.bind(end)
    a.add64_ri(RSP, 16)
    a.pop_r(R13)
    a.pop_r(R12)
    a.pop_r(RBX)
    a.ret()


def plain_trap(kind: int, value: int) -> BaseException:
    """The exception for a trap of a kind, by its message alone: what there is until an engine knows better."""
    from wasm_interp import Trap

    message = abi.TRAP_MESSAGES[kind]
    return next((found() for found in Trap.__subclasses__() if found.message == message), Trap(message))


_supports: "list[Support]" = []


def support() -> Support:
    """The shared code. OSError if machine code can't run here, with the reason."""
    if not _supports:
        reason = unavailable()
        if reason is not None:
            raise OSError(reason)
        made = Support()
        immortal(made)
        _supports.append(made)
    return _supports[0]
