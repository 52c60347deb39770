"""The code that a function record has until the function is compiled: it has that done, and goes on there."""

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.convention import CONTEXT, MEMORY, SCRATCH
from ..amd64.registers import R10, R12, R13, RAX, RBX, RDI, RSI, RSP, E
from ..native.system import system
from .executions import immortal
from .support import call_api, support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_GENERAL = [r for r in range(16) if r not in (RSP, R10)]


def compile_stub(compile_: "Callable[[int], None]", released: bool = False) -> int:
    """The address of code for function records that calls ``compile_`` with the address of the record, which changes
    the record's code, and then that code with everything as it was; an exception of it leaves compiled code.
    ``released`` is for code that runs without the GIL.
    """
    shared = support()
    a = Assembler()
    failed = a.label()
    size = 8 * len(_GENERAL) + 16 * 16 + 8 * (len(_GENERAL) % 2 == 0)
    a.sub64_ri(RSP, size)
    for number, register in enumerate(_GENERAL):
        a.mov64_mr(RSP, 16 * 16 + 8 * number, register)
    for register in range(16):
        a.movups_mr(RSP, 16 * register, register)
    a.mov64_rm(R12, CONTEXT, abi.EXECUTION)
    a.mov64_rr(R13, RSP)
    a.mov64_rr(RBX, SCRATCH)
    shared.to_host(a)
    if released:
        a.mov64_ri(RAX, shared.take_back)
        a.call_r(RAX)
    a.mov64_rr(RDI, RBX)
    call_api(a, "PyLong_FromVoidPtr")
    a.test64_rr(RAX, RAX)
    a.jcc(E, failed)
    a.mov64_rr(RBX, RAX)
    a.mov64_ri(RDI, immortal(compile_))
    a.mov64_rr(RSI, RAX)
    call_api(a, "PyObject_CallOneArg")
    a.mov64_rr(RDI, RBX)
    a.mov64_rr(RBX, RAX)
    call_api(a, "Py_DecRef")
    a.test64_rr(RBX, RBX)
    a.jcc(E, failed)
    a.mov64_rr(RDI, RBX)
    call_api(a, "Py_DecRef")
    if released:
        a.mov64_ri(RAX, shared.give_up)
        a.call_r(RAX)
    a.mov64_mr(CONTEXT, abi.EXECUTION, R12)  # another thread may have been here meanwhile
    a.mov64_rm(MEMORY, CONTEXT, abi.MEMORY_BASE)
    a.mov64_rm(RAX, R12, abi.STACK_LIMIT)
    a.mov64_mr(R12, abi.LIMIT, RAX)  # signals that came meanwhile found Python
    system.to_compiled(a, R12)
    a.mov64_rr(RSP, R13)
    for register in range(16):
        a.movups_rm(register, RSP, 16 * register)
    for number, register in enumerate(_GENERAL):
        if register != MEMORY:
            a.mov64_rm(register, RSP, 16 * 16 + 8 * number)
    a.add64_ri(RSP, size)
    a.jmp_m(SCRATCH, abi.F_CODE)
    a.bind(failed)
    shared.left(a, abi.IN_CALL, size)  # as if the caller's call had failed
    a.mov64_ri(RAX, shared.leave)
    a.jmp_r(RAX)
    block = shared.glue.place(a.finish().data)
    block.keep()
    return block.address


def set_code(record: int, code: int) -> None:
    """Change what a function record's calls run."""
    system.set_word(record + abi.F_CODE, code)
