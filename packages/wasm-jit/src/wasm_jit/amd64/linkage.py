"""What a function does at its edges: its prologue, calls of all kinds, traps (see ``abi``)."""

from wasm_decoder.syntax.instructions import BY_NAME

from ..ir.function import CALL, CALL_INDIRECT
from . import abi
from .convention import CONTEXT, MEMORY, SCRATCH
from .registers import AE, NE, R10, RAX, RDI, RDX, RSI, RSP, A, B, E

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .transfer import Transfer

_MEMORY_COPY, _MEMORY_FILL = BY_NAME["memory.copy"].code, BY_NAME["memory.fill"].code


def prologue(e: "Transfer") -> None:
    """Check that the stack has room for the frame and that nobody wants compiled code to stop, and make the frame."""
    op = e.op
    if e.frame_size or e.selected.calls:
        _check(e, e.frame_size if e.frame_size > abi.UNCHECKED_FRAME else 0)
    if e.frame_size:
        op("sub64_ri")(RSP, e.frame_size)
    if e.leaves:
        op("mov64_mr")(RSP, e.frame_size - 8, CONTEXT)


#: The mark of a stack check at entry: the function's frame is not there yet.
ENTRY = -1


def _check(e: "Transfer", frame: int) -> None:
    asm, op = e.asm, e.op
    again, cold = asm.here(), asm.label()
    op("mov64_rm")(SCRATCH, CONTEXT, abi.EXECUTION)
    if frame:  # the limit is compared from the other side, as only one register is free
        op("mov64_rm")(SCRATCH, SCRATCH, abi.LIMIT)
        op("add64_ri")(SCRATCH, frame)
        asm.jcc(B, cold)  # beyond the highest address: all ones
        op("cmp64_rr")(RSP, SCRATCH)
    else:
        op("cmp64_rm")(RSP, SCRATCH, abi.LIMIT)
    asm.jcc(B, cold)
    e.cold.append((cold, [(op("call_m"), CONTEXT, abi.INTERRUPT), (asm.mark, ENTRY), (asm.jmp, again)]))


def trap(e: "Transfer", message: str, place: int) -> None:
    """The code, out of the way, of a trap."""
    if message == "uninitialized element":  # whose index an indirect call leaves in R10
        e.op("mov64_rm")(RAX, CONTEXT, abi.EXECUTION)
        e.op("mov64_mr")(RAX, abi.TRAP_VALUE, R10)
    e.op("call_m")(CONTEXT, abi.TRAPS + 8 * abi.TRAP_MESSAGES.index(message))
    e.asm.mark(place)


def call(e: "Transfer", what: "tuple[Any, ...]") -> None:
    """The call itself: arguments are in place, an indirect call's element index is in SCRATCH."""
    asm, out, op = e.asm, e.out, e.op
    layout = e.layout
    place = what[-1]
    if what[0] == CALL:
        index = what[1]
        if index >= layout.imports:
            record = layout.functions + abi.FUNCTION_SIZE * (index - layout.imports)
            out.append((op("lea64_rm"), SCRATCH, CONTEXT, record))
            out += ((op("call_m"), SCRATCH, abi.F_CODE), (asm.mark, place))
            return
        out.append((op("mov64_rm"), SCRATCH, CONTEXT, layout.imported + 8 * index))
    elif what[0] == CALL_INDIRECT:
        type_index, table = what[1], what[2]
        out += (
            (op("mov64_rm"), RAX, CONTEXT, layout.tables + 8 * table),
            (op("cmp64_rm"), SCRATCH, RAX, 8),
            (asm.jcc, AE, e.trap("undefined element", place)),
            (op("mov64_rm"), RAX, RAX, 0),
            (op("mov64_rr"), R10, SCRATCH),
            (op("mov64_rx"), SCRATCH, RAX, SCRATCH, 3, 0),
            (op("test64_rr"), SCRATCH, SCRATCH),
            (asm.jcc, E, e.trap("uninitialized element", place)),
            (op("mov64_rm"), RAX, CONTEXT, layout.types + 8 * type_index),
            (op("cmp64_rm"), RAX, SCRATCH, abi.F_TYPE),
            (asm.jcc, NE, e.trap("indirect call type mismatch", place)),
        )
    elif what[1] in (_MEMORY_COPY, _MEMORY_FILL) and what[2] in (0, (0, 0)):
        _bulk(e, what[1] == _MEMORY_COPY, place)
        return
    else:
        # which word is known when the code is placed; here stands one that is as far away
        out += ((op("mov64_rm"), SCRATCH, CONTEXT, layout.helper_records), (asm.displacement, what[1:3]))
    e.leaves = True
    same = asm.label()
    back = asm.label()
    if what[0] == CALL_INDIRECT:  # most often of the same instance
        out += ((op("cmp64_mr"), SCRATCH, abi.F_CONTEXT, CONTEXT), (asm.jcc, E, same))
    out += (
        (op("mov64_rm"), RAX, CONTEXT, abi.EXECUTION),
        (op("mov64_rm"), CONTEXT, SCRATCH, abi.F_CONTEXT),
        (op("mov64_mr"), CONTEXT, abi.EXECUTION, RAX),
        (op("mov64_rm"), MEMORY, CONTEXT, abi.MEMORY_BASE),
        (op("call_m"), SCRATCH, abi.F_CODE),
        (asm.mark, place),
        (_return_to, e),
    )
    if what[0] == CALL_INDIRECT:
        out += ((asm.jmp, back), (asm.bind, same), (op("call_m"), SCRATCH, abi.F_CODE), (asm.mark, place))
        out.append((asm.bind, back))


def _return_to(e: "Transfer") -> None:
    """After a call that led to another instance: this one's context again, on whatever execution it is now."""
    op = e.op
    op("mov64_rm")(R10, CONTEXT, abi.EXECUTION)
    op("mov64_rm")(CONTEXT, RSP, e.frame_size - 8)
    op("mov64_mr")(CONTEXT, abi.EXECUTION, R10)
    op("mov64_rm")(MEMORY, CONTEXT, abi.MEMORY_BASE)


def _bulk(e: "Transfer", copy: bool, place: int) -> None:
    """memory.copy or memory.fill of the first memory, by the C library's memmove or memset."""
    asm, out, op = e.asm, e.out, e.op
    outside = e.trap("out of bounds memory access", place)
    out.append((op("mov64_rm"), RAX, CONTEXT, abi.MEMORY_SIZE))
    for start in (RDI, RSI) if copy else (RDI,):
        out += ((op("lea64_rx"), R10, start, RDX, 0, 0), (op("cmp64_rr"), R10, RAX), (asm.jcc, A, outside))
        out.append((op("add64_rr"), start, MEMORY))
    out += ((op("call_m"), CONTEXT, e.layout.copy if copy else e.layout.fill), (asm.mark, place))
    # a loop that does little else is hardly ever in its own code when the signal comes
    asked, done = asm.label(), asm.label()
    out += ((op("mov64_rm"), SCRATCH, CONTEXT, abi.EXECUTION), (op("cmp64_mi"), SCRATCH, abi.LIMIT, abi.AWAY))
    out += ((asm.jcc, AE, asked), (asm.bind, done))
    e.cold.append((asked, [(op("call_m"), CONTEXT, abi.INTERRUPT), (asm.mark, place), (asm.jmp, done)]))
