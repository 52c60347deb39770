"""Calls from Python: the machine code of a builtin, one for each type of function.

The builtin's own few instructions load the address of the function record and come here, with the arguments of
METH_FASTCALL: RDI is the builtin's ``__self__``, RSI the vector of arguments, RDX their number, R10 the record.
"""

from ..amd64 import abi
from ..amd64.assembler import Assembler
from ..amd64.convention import CONTEXT, MEMORY, SCRATCH
from ..amd64.registers import AE, NE, R10, R11, R12, R13, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, A, B, E, S
from ..native.system import system
from ..native.ticker import ticker
from . import floats, layout
from .executions import CURRENT, find, immortal
from .release import gate
from .support import FRAME_ENTRY, FRAME_HOST_SP, FRAME_SIZE, FRAME_SLOTS, FRAME_SP, SAVED, call_api, jump_api, support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Cold = list[Callable[[], None]]
    Places = list[tuple[str, int]]

#: Loads and stores of a value by kind.
MOVE = {"i": "mov32", "l": "mov64", "F": "mov64", "E": "mov64", "f": "movss", "d": "movsd", "v": "movups"}


def slot(number: int) -> int:
    """Where a frame on Python's stack has the value with this number."""
    return FRAME_SLOTS + 16 * number


def take_fast(a: Assembler, kind: str, register: int, otherwise: int, cold: "Cold") -> None:
    """The value of the object in RAX to a register, or to ``otherwise`` if it is not one of the plain ones. R10 and
    R11 are lost.

    What is appended to ``cold`` emits the rest, which is to stand out of the way.
    """
    if kind == "E":
        a.mov64_ri(R11, id(None))
        a.cmp64_rr(RAX, R11)
        a.mov32_ri(register, 0)
        a.cmov64_crr(NE, register, RAX)
        return
    if kind == "F":
        a.mov64_ri(R11, id(None))
        a.cmp64_rr(RAX, R11)
        a.jcc(NE, otherwise)
        a.xor32_rr(register, register)
        return
    a.mov64_ri(R11, id({"i": int, "l": int, "f": float, "d": float, "v": bytes}[kind]))
    a.cmp64_rm(R11, RAX, layout.TYPE)
    a.jcc(NE, otherwise)
    if kind in "il":
        larger, join = a.label(), a.label()
        a.mov64_rm(R11, RAX, layout.INT_HEAD)
        if layout.INT_TAGGED:
            a.cmp64_ri(R11, 2 << 3)
            a.jcc(AE, larger)
        else:
            a.lea64_rm(R10, R11, 1)
            a.cmp64_ri(R10, 2)
            a.jcc(A, larger)
        a.mov32_rm(register, RAX, layout.INT_DIGITS)
        a.bind(join)
        multiply = a.imul32_rr if kind == "i" else a.imul64_rr
        if layout.INT_TAGGED:
            a.and32_ri(R11, 3)
            a.mov32_ri(R10, 1)
            a.sub64_rr(R10, R11)
            multiply(register, R10)
        else:
            multiply(register, R11)
        cold.append(lambda: _two_digits(a, kind, register, larger, join, otherwise))
    elif kind == "f":
        a.movsd_rm(register, RAX, layout.FLOAT_VALUE)
        floats.narrow(a, register)
    elif kind == "d":
        a.movsd_rm(register, RAX, layout.FLOAT_VALUE)
    else:
        a.cmp64_mi(RAX, layout.BYTES_SIZE, 16)
        a.jcc(NE, otherwise)
        a.movups_rm(register, RAX, layout.BYTES_DATA)


def _two_digits(a: Assembler, kind: str, register: int, larger: int, join: int, otherwise: int) -> None:
    """An int that has not one digit but two; R11 is its head."""
    a.bind(larger)
    if layout.INT_TAGGED:
        a.cmp64_ri(R11, 3 << 3)
        a.jcc(AE, otherwise)
    else:
        a.lea64_rm(R10, R11, 2)
        a.cmp64_ri(R10, 4)
        a.jcc(A, otherwise)
    a.mov32_rm(register, RAX, layout.INT_DIGITS)
    a.mov32_rm(R10, RAX, layout.INT_DIGITS + 4)
    a.shl64_ri(R10, 30)
    a.or64_rr(register, R10)
    if kind == "i":  # out of range is an error, and the negative ones are left to others
        a.shr64_ri(R10, 32)
        a.jcc(NE, otherwise)
        if layout.INT_TAGGED:
            a.test32_ri(R11, 2)
            a.jcc(NE, otherwise)
        else:
            a.test64_rr(R11, R11)
            a.jcc(S, otherwise)
    if not layout.INT_TAGGED:
        a.sar64_ri(R11, 63)
        a.or64_ri(R11, 1)
    a.jmp(join)


def box(a: Assembler, kind: str, place: "tuple[str, int]", scratch: int) -> None:
    """Make RAX the object, a new reference, of a value: in the register that ``place`` names, or in the slot at RSP +
    offset.

    ``scratch`` is the offset of 16 bytes of the frame. RAX is 0 if that raised.
    """
    where, number = place
    if kind in "il":
        if where == "s":
            (a.movsxd_rm if kind == "i" else a.mov64_rm)(RDI, RSP, number)
        else:
            (a.movsxd_rr if kind == "i" else a.mov64_rr)(RDI, number)
        call_api(a, "PyLong_FromLong")
    elif kind in "fd":
        if where == "s":
            (a.movss_rm if kind == "f" else a.movsd_rm)(0, RSP, number)
        elif number:
            a.movaps_rr(0, number)
        if kind == "f":
            floats.widen(a, 0)
        call_api(a, "PyFloat_FromDouble")
    elif kind == "v":
        if where == "x":
            a.movups_mr(RSP, scratch, number)
            number = scratch
        a.lea64_rm(RDI, RSP, number)
        a.mov32_ri(RSI, 16)
        call_api(a, "PyBytes_FromStringAndSize")
    else:
        done, null = a.label(), a.label()
        if where == "s":
            a.mov64_rm(RDI, RSP, number)
        elif number != RDI:
            a.mov64_rr(RDI, number)
        a.test64_rr(RDI, RDI)
        a.jcc(E, null)
        if kind == "F":
            # nothing but the value itself may keep the instance, so no Python code, which could collect it, runs here
            known = a.label()
            a.mov64_rm(RAX, RDI, abi.F_REFERENCE)
            a.test64_rr(RAX, RAX)
            a.jcc(NE, known)
            a.mov64_rm(RAX, RDI, abi.F_OBJECT)
            a.bind(known)
            a.mov64_rr(RDI, RAX)
        a.mov64_mr(RSP, scratch, RDI)
        call_api(a, "Py_IncRef")
        a.mov64_rm(RAX, RSP, scratch)
        a.jmp(done)
        a.bind(null)
        none(a)
        a.bind(done)


def none(a: Assembler) -> None:
    """Make RAX None, a new reference."""
    a.mov64_ri(RAX, id(None))
    if not layout.IMMORTAL_NONE:
        a.inc64_m(RAX, 0)


def _count_error(self: "tuple[object, ...]", params: int, given: int) -> None:
    name = self[0]
    if not params:
        raise TypeError(f"{name}() takes no arguments ({given} given)")
    expected = "exactly one argument" if params == 1 else f"exactly {params} arguments"
    raise TypeError(f"{name}() takes {expected} ({given} given)")


def _epilogue(a: Assembler, size: int) -> None:
    a.add64_ri(RSP, size)
    for register in reversed(SAVED):
        a.pop_r(register)


def _entry(params: str, results: str, released: bool) -> bytes:
    shared = support()
    a = Assembler()
    if released:
        inner = a.label()
        gate(a, inner)
        a.bind(inner)
    places, stack = abi.parameter_places(params)
    homes, result_stack = abi.result_places(results)
    del result_stack
    scratch = slot(max(len(params), len(results)))
    size = scratch + 16 + 8  # at a multiple of 16 after six registers and the return address
    wrong_count, unknown, slow, enter, failed, too_deep, parked, kept, inner = (a.label() for _ in range(9))

    a.cmp64_ri(RDX, len(params))
    a.jcc(NE, wrong_count)
    for register in SAVED:
        a.push_r(register)
    system.touch(a, size)
    a.sub64_ri(RSP, size)
    a.mov64_rr(RBX, RSI)
    a.mov64_rr(RBP, R10)
    system.thread(a, R13)
    look = a.here()
    a.mov64_ri(R11, CURRENT)
    a.cmp64_mr(R11, 0, R13)
    a.jcc(NE, unknown)
    a.mov64_rm(R15, R11, 8)
    cold: Cold = []
    fast = not released and all(where != "s" for where, _ in places)
    if fast:
        for number, (kind, (_, register)) in enumerate(zip(params, places, strict=True)):
            a.mov64_rm(RAX, RBX, 8 * number)
            take_fast(a, kind, register, slow, cold)
    else:
        a.jmp(slow)

    a.bind(enter)
    a.mov64_rm(CONTEXT, RBP, abi.F_CONTEXT)
    a.cmp64_rm(RSP, R15, abi.HOST_LIMIT)
    a.jcc(B, too_deep)
    a.mov64_rm(R10, R15, abi.WASM_SP)
    a.mov64_rm(R11, R15, abi.STACK_LIMIT)
    a.cmp64_rr(R10, R11)
    a.jcc(B, too_deep)
    a.mov64_mr(R15, abi.LIMIT, R11)  # interrupts so far were Python's
    a.mov64_rm(R11, R15, abi.HOST_SP)
    a.mov64_mr(RSP, FRAME_SP, R10)
    a.mov64_mr(RSP, FRAME_HOST_SP, R11)
    a.mov64_mi(RSP, FRAME_SIZE, size)
    a.mov64_mr(R15, abi.HOST_SP, RSP)
    a.mov64_rm(R11, R15, abi.ENTRY)
    a.mov64_mr(RSP, FRAME_ENTRY, R11)
    a.mov32_ri(R11, 1)
    a.add64_rm(R11, R15, abi.ENTRIES)
    a.mov64_mr(R15, abi.ENTRIES, R11)
    a.mov64_mr(R15, abi.ENTRY, R11)
    a.add64_mi(R15, abi.ACTIVE, 1)
    a.mov64_ri(R11, ticker().parked)
    a.cmp32_mi(R11, 0, 0)
    a.jcc(NE, parked)
    awake = a.here()
    if released:
        a.mov64_rr(R12, R15)
        a.mov64_ri(RAX, shared.give_up)
        a.call_r(RAX)
        a.mov64_rm(R11, R15, abi.STACK_LIMIT)
        a.mov64_mr(R15, abi.LIMIT, R11)
        a.mov64_rm(R10, RSP, FRAME_SP)
        _load(a, params, places)
    if stack:
        a.sub64_ri(R10, stack)
        for number, (kind, (where, offset)) in enumerate(zip(params, places, strict=True)):
            if where == "s":
                for part in range(0, 16 if kind == "v" else 8, 8):
                    a.mov64_rm(R11, RSP, slot(number) + part)
                    a.mov64_mr(R10, offset + part, R11)
    system.to_compiled(a, R15)
    a.mov64_rr(RSP, R10)
    a.mov64_mr(CONTEXT, abi.EXECUTION, R15)
    a.mov64_rr(SCRATCH, RBP)
    a.mov64_rm(MEMORY, CONTEXT, abi.MEMORY_BASE)
    a.call_m(SCRATCH, abi.F_CODE)
    a.mov64_rm(R12, CONTEXT, abi.EXECUTION)
    system.to_host(a, R12, R11)
    a.mov64_rm(RSP, R12, abi.HOST_SP)
    if released:
        a.mov64_ri(R11, shared.take_back)
        a.call_r(R11)
    shared.restore(a)
    if len(results) > 1:
        for number, (kind, (where, home)) in enumerate(zip(results, homes, strict=True)):
            if where != "s":
                getattr(a, MOVE[kind] + "_mr")(RSP, slot(number), home)
            else:
                for part in range(0, 16 if kind == "v" else 8, 8):
                    a.mov64_rm(R11, R12, abi.RESULT_SPACE + home + part)
                    a.mov64_mr(RSP, slot(number) + part, R11)
        a.cmp64_mi(R12, abi.ACTIVE, 0)  # (the moves kept the flags, but this is no place to count on it)
    a.jcc(NE, inner)
    a.cmp64_mi(R12, abi.KEPT, 0)
    a.jcc(NE, kept)
    a.bind(inner)
    if len(results) == 1 and results in ("i", "l", "d", "f"):  # nothing of the frame is wanted any more
        kind = results
        if kind == "i":
            a.movsxd_rr(RDI, RAX)
        elif kind == "l":
            a.mov64_rr(RDI, RAX)
        elif kind == "f":
            floats.widen(a, 0)
        _epilogue(a, size)
        jump_api(a, "PyLong_FromLong" if kind in "il" else "PyFloat_FromDouble")
    else:
        _results(a, results, homes, scratch)
        _epilogue(a, size)
        a.ret()

    for emit in cold:
        emit()

    a.bind(kept)
    _results(a, results, homes, scratch)
    a.mov64_rr(RBX, RAX)
    a.mov64_ri(RAX, shared.clear_kept)
    a.call_r(RAX)
    a.mov64_rr(RAX, RBX)
    _epilogue(a, size)
    a.ret()

    a.bind(parked)
    a.mov64_ri(RAX, shared.wake)
    a.call_r(RAX)
    a.jmp(awake)

    a.bind(slow)
    for number, kind in enumerate(params):
        a.mov64_rm(RDI, RBX, 8 * number)
        if kind == "E":
            take_fast_external(a, number)
            continue
        a.lea64_rm(RSI, RSP, slot(number))
        a.mov64_ri(RAX, shared.arguments[kind])
        a.call_r(RAX)
        a.test32_rr(RAX, RAX)
        a.jcc(NE, failed)
    if not released:
        _load(a, params, places)
    a.jmp(enter)

    a.bind(unknown)
    a.mov64_ri(RDI, immortal(find))
    call_api(a, "PyObject_CallNoArgs")
    a.test64_rr(RAX, RAX)
    a.jcc(E, failed)
    a.mov64_rr(RDI, RAX)
    call_api(a, "Py_DecRef")
    a.jmp(look)

    a.bind(too_deep)
    a.mov64_ri(RDI, id(RecursionError))
    a.lea64_rl(RSI, a.constant(b"maximum recursion depth exceeded in a call of WebAssembly code\0\0"))
    call_api(a, "PyErr_SetString")
    a.bind(failed)
    a.xor32_rr(RAX, RAX)
    _epilogue(a, size)
    a.ret()

    a.bind(wrong_count)
    a.sub64_ri(RSP, 8)
    a.mov64_ri(R11, _count_errors(len(params)))
    a.mov64_rr(RSI, RDI)
    a.mov64_rr(RDI, R11)
    a.push_r(RSI)
    a.push_r(R11)
    a.mov64_rr(RDI, RDX)
    call_api(a, "PyLong_FromLong")
    a.pop_r(RDI)
    a.pop_r(RSI)
    no_memory = a.label()
    a.test64_rr(RAX, RAX)
    a.jcc(E, no_memory)
    a.push_r(RAX)
    a.push_r(RAX)
    a.mov64_rr(RDX, RAX)
    a.xor32_rr(RCX, RCX)
    a.xor32_rr(RAX, RAX)
    a.mov64_ri(R10, layout.api("PyObject_CallFunctionObjArgs"))
    a.call_r(R10)  # raises
    a.pop_r(RDI)
    a.pop_r(RDI)
    call_api(a, "Py_DecRef")
    a.bind(no_memory)
    a.xor32_rr(RAX, RAX)
    a.add64_ri(RSP, 8)
    a.ret()
    return a.finish().data


def _load(a: Assembler, params: str, places: "Places") -> None:
    """Parameters from their slots to their registers."""
    for number, (kind, (where, register)) in enumerate(zip(params, places, strict=True)):
        if where != "s":
            getattr(a, MOVE[kind] + "_rm")(register, RSP, slot(number))


def take_fast_external(a: Assembler, number: int) -> None:
    """An externref argument, in RDI, to its slot."""
    a.mov64_ri(R11, id(None))
    a.xor32_rr(RAX, RAX)
    a.cmp64_rr(RDI, R11)
    a.cmov64_crr(NE, RAX, RDI)
    a.mov64_mr(RSP, slot(number), RAX)


def _results(a: Assembler, results: str, homes: "Places", scratch: int) -> None:
    """Make RAX the object that the builtin returns, or 0. RBX and R12 to R15 are kept but for RBX, RBP with several
    results.
    """
    if not results:
        none(a)
        return
    if len(results) == 1:
        where, home = homes[0]
        box(a, results, (where, home), scratch)
        return
    failed, no_tuple, done = a.label(), a.label(), a.label()
    functions = [number for number, kind in enumerate(results) if kind == "F"]
    for number in functions:  # before anything that the garbage collector could run in
        box(a, "F", ("s", slot(number)), scratch)
        a.mov64_mr(RSP, slot(number), RAX)
    a.mov32_ri(RDI, len(results))
    call_api(a, "PyTuple_New")
    a.mov64_rr(RBX, RAX)
    a.test64_rr(RAX, RAX)
    a.jcc(E, no_tuple)
    for number in functions:
        a.mov64_rm(RAX, RSP, slot(number))
        a.mov64_mr(RBX, layout.TUPLE_ITEMS + 8 * number, RAX)
    for number, kind in enumerate(results):
        if kind != "F":
            box(a, kind, ("s", slot(number)), scratch)
            a.test64_rr(RAX, RAX)
            a.jcc(E, failed)
            a.mov64_mr(RBX, layout.TUPLE_ITEMS + 8 * number, RAX)
    a.mov64_rr(RAX, RBX)
    a.jmp(done)
    a.bind(failed)
    a.mov64_rr(RDI, RBX)
    call_api(a, "Py_DecRef")
    a.xor32_rr(RAX, RAX)
    a.jmp(done)
    a.bind(no_tuple)
    for number in functions:
        a.mov64_rm(RDI, RSP, slot(number))
        call_api(a, "Py_DecRef")
    a.xor32_rr(RAX, RAX)
    a.bind(done)


_errors: "dict[int, int]" = {}


def _count_errors(params: int) -> int:
    """A function (self, number of arguments given) that raises."""
    if params not in _errors:

        def fail(self: "tuple[object, ...]", given: int) -> None:
            _count_error(self, params, given)

        _errors[params] = immortal(fail)
    return _errors[params]


_entries: "dict[tuple[str, str, bool], int]" = {}


def entry(params: str, results: str, released: bool = False) -> int:
    """The address of the entry for functions with parameters and results of these kinds (``abi.VALUE_KINDS``);
    ``released`` ones run without the GIL.
    """
    address = _entries.get((params, results, released))
    if address is None:
        block = support().glue.place(_entry(params, results, released))
        block.keep()
        address = _entries[params, results, released] = system.exported(block.address)
    return address
