"""Calls of Python functions from compiled code: the code of host functions' records, one for each type."""

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.convention import CONTEXT, SCRATCH
from ..amd64.registers import AE, NE, R11, R12, R13, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, E
from ..native.system import system
from . import convert, layout
from .entry import MOVE, box, take_fast
from .executions import immortal
from .support import call_api, support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..native.code import Block
    from .entry import Cold


def _host(params: str, results: str, released: bool) -> bytes:
    shared = support()
    a = Assembler()
    places, _ = abi.parameter_places(params)
    homes, _ = abi.result_places(results)
    # the frame on Python's stack: the result, a free word that the callee may use, the arguments, 16 bytes for each
    # value, scratch
    result, arguments = 0, 16
    slots = arguments + 8 * len(params) + 8 * (len(params) % 2)
    scratch = slots + 16 * max(len(params), len(results))
    size = scratch + 16
    failed, no_memory, leave = (a.label() for _ in range(3))
    cold: Cold = []

    a.mov64_rm(R12, CONTEXT, abi.EXECUTION)
    a.mov64_rr(RBP, SCRATCH)  # the record
    a.mov64_rr(R13, RSP)
    shared.to_host(a)
    system.touch(a, size)
    a.sub64_ri(RSP, size)
    for number, (kind, (where, place)) in enumerate(zip(params, places, strict=True)):
        if where != "s":
            getattr(a, MOVE[kind] + "_mr")(RSP, slots + 16 * number, place)
        else:
            for part in range(0, 16 if kind == "v" else 8, 8):
                a.mov64_rm(RAX, R13, 8 + place + part)
                a.mov64_mr(RSP, slots + 16 * number + part, RAX)
    if released:
        a.mov64_ri(RAX, shared.take_back)
        a.call_r(RAX)
    for number, kind in enumerate(params):
        a.mov32_ri(RBX, number)  # how many references there are if this fails
        box(a, kind, ("s", slots + 16 * number), scratch)
        a.test64_rr(RAX, RAX)
        a.jcc(E, no_memory)
        a.mov64_mr(RSP, arguments + 8 * number, RAX)
    a.mov64_rm(RBX, R12, abi.ENTRY)
    a.mov64_rm(RDI, RBP, abi.F_OBJECT)
    a.lea64_rm(RSI, RSP, arguments)
    a.mov64_ri(RDX, len(params) | 1 << 63)  # PY_VECTORCALL_ARGUMENTS_OFFSET
    a.xor32_rr(RCX, RCX)
    call_api(a, "PyObject_Vectorcall")
    a.mov64_mr(RSP, result, RAX)
    for number in range(len(params)):
        a.mov64_rm(RDI, RSP, arguments + 8 * number)
        call_api(a, "Py_DecRef")
    a.mov64_rm(RAX, RSP, result)
    a.test64_rr(RAX, RAX)
    a.jcc(E, leave)

    if not results:
        nothing = a.label()
        a.mov64_ri(R11, id(None))
        a.cmp64_rr(RAX, R11)
        a.jcc(E, nothing)
        _check(a, result, immortal(convert.nothing), leave)
        a.bind(nothing)
    elif len(results) == 1:
        _take(a, results, slots, failed, cold)
    else:
        _check(a, result, immortal(convert.several(len(results))), leave)
        for number, kind in enumerate(results):
            a.mov64_rm(RAX, RSP, result)
            a.mov64_rm(RAX, RAX, layout.TUPLE_ITEMS + 8 * number)
            _take(a, kind, slots + 16 * number, failed, cold)
    a.mov64_rm(RDI, RSP, result)
    call_api(a, "Py_DecRef")
    a.cmp64_rm(RBX, R12, abi.ENTRY)
    a.jcc(NE, leave)
    if released:
        a.mov64_ri(RAX, shared.give_up)
        a.call_r(RAX)
    for number, (kind, (where, home)) in enumerate(zip(results, homes, strict=True)):
        if where != "s":
            getattr(a, MOVE[kind] + "_rm")(home, RSP, slots + 16 * number)
        else:
            for part in range(0, 16 if kind == "v" else 8, 8):
                a.mov64_rm(R11, RSP, slots + 16 * number + part)
                a.mov64_mr(R12, abi.RESULT_SPACE + home + part, R11)
    a.mov64_mr(CONTEXT, abi.EXECUTION, R12)  # another thread may have been here meanwhile
    system.to_compiled(a, R12)
    a.mov64_rr(RSP, R13)
    a.cmp64_mi(R12, abi.LIMIT, abi.AWAY)
    asked = a.label()
    a.jcc(AE, asked)
    a.ret()
    a.bind(asked)  # a loop that does little else is hardly ever in its own code when the signal comes
    a.jmp_m(CONTEXT, abi.INTERRUPT)

    for emit in cold:
        emit()

    a.bind(no_memory)
    release = a.here()
    a.test32_rr(RBX, RBX)
    a.jcc(E, leave)
    a.dec32_r(RBX)
    a.mov64_rx(RDI, RSP, RBX, 3, arguments)
    call_api(a, "Py_DecRef")
    a.jmp(release)
    a.bind(failed)
    a.mov64_rm(RDI, RSP, result)
    call_api(a, "Py_DecRef")
    a.bind(leave)
    shared.left(a, abi.IN_CALL, 0)
    a.lea64_rm(RAX, RSP, size)
    a.mov64_ri(R11, shared.overtaken)  # or not, but then that does no harm
    a.jmp_r(R11)
    return a.finish().data


def _check(a: Assembler, result: int, function: int, leave: int) -> None:
    """Let a Python function replace the result; without one, leave."""
    a.mov64_ri(RDI, function)
    a.mov64_rm(RSI, RSP, result)
    a.mov64_rm(RDX, RBP, abi.F_OBJECT)
    a.xor32_rr(RCX, RCX)
    a.xor32_rr(RAX, RAX)
    a.mov64_ri(R11, layout.api("PyObject_CallFunctionObjArgs"))
    a.call_r(R11)
    a.mov64_rm(RDI, RSP, result)
    a.mov64_mr(RSP, result, RAX)
    call_api(a, "Py_DecRef")
    a.mov64_rm(RAX, RSP, result)
    a.test64_rr(RAX, RAX)
    a.jcc(E, leave)


def _take(a: Assembler, kind: str, slot: int, failed: int, cold: "Cold") -> None:
    """The value of the object in RAX to a slot."""
    slow, done = a.label(), a.label()
    if kind == "E":
        null = a.label()
        a.mov64_mi(RSP, slot, 0)
        a.mov64_ri(R11, id(None))
        a.cmp64_rr(RAX, R11)
        a.jcc(E, null)
        a.mov64_mr(RSP, slot, RAX)
        a.mov64_rm(RDI, R12, abi.KEPT_LIST)
        a.mov64_rr(RSI, RAX)
        call_api(a, "PyList_Append")
        a.test32_rr(RAX, RAX)
        a.jcc(NE, failed)
        a.add64_mi(R12, abi.KEPT, 1)
        a.bind(null)
        return
    register = 0 if kind in "fdv" else RCX
    take_fast(a, kind, register, slow, cold)
    getattr(a, MOVE[kind] + "_mr")(RSP, slot, register)
    a.jmp(done)
    a.bind(slow)
    a.mov64_rr(RDI, RAX)
    a.lea64_rm(RSI, RSP, slot)
    a.mov64_rm(RDX, RBP, abi.F_OBJECT)
    a.mov64_ri(RAX, support().results[kind])
    a.call_r(RAX)
    a.test32_rr(RAX, RAX)
    a.jcc(NE, failed)
    a.bind(done)


_codes: "dict[tuple[str, str, bool], Block]" = {}


def host_code(params: str, results: str, released: bool = False) -> int:
    """The address of the code for records of host functions of this type; F_OBJECT is what it calls. ``released`` is
    for calls from code that runs without the GIL.
    """
    block = _codes.get((params, results, released))
    if block is None:
        block = support().glue.place(_host(params, results, released))
        block.keep()
        _codes[params, results, released] = block
    return block.address
