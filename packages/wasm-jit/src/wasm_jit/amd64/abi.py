"""How compiled code, Python and the operating system meet on x86-64: stacks, executions, entries, host functions,
interrupts.

``convention`` says how compiled functions call each other and what a context and a function record are; this is what
the code around them keeps to, and what it expects of compiled code. All words are 8 bytes.

**Stacks and executions.** Compiled code never runs on Python's stack, and Python code never on a compiled code's.
Each thread that runs compiled code has an *execution*: a stretch of address space of ``SPAN`` bytes at a multiple of
``SPAN``, with a record of words at its beginning and the stack at its end. So the execution is always found from the
stack pointer alone (rsp & −SPAN), by every thread and whatever instance runs; there is nothing to keep up to date.
Later a suspended call (a Python coroutine that is awaited) has an execution of its own: leaving it means going on
with another stack pointer.

**No callee-saved registers.** r14 leads to the instance (r15 to its memory), all others belong to whoever runs.
Traps, exceptions and stack switches have nothing to restore, and a tail call nothing to give back.

**Frames.** rsp is fixed between prologue and epilogue: argument space, slots, return address, the caller's argument
space. The size of a frame is known per function, so frames are walked from (pc, rsp) with tables alone; neither
traps, nor exceptions, nor backtraces cost anything before they happen. Catching an exception is a look-up by return
address and a jump with rsp set. A tail call whose arguments need more stack than its caller has moves the return
address down; the callee's table entry says by how much.

**Stack check and interrupts.** A prologue compares rsp − frame (rsp itself in frames up to ``UNCHECKED_FRAME``) with
the context's STACK_LIMIT and, if it is below, calls the exit of the trap "call stack exhausted" *and then compares
again*: the ticker interrupts by storing all ones to STACK_LIMIT (and to INTERRUPT_FLAG, which loops look at), and in
that case the exit returns, with every register as it was and the limit restored. A call into another instance stores
the caller's limit to the callee's context first (``rsp & −SPAN`` has it,
too: [execution + LIMIT]).

**Traps.** ``call [r14 + Context.TRAP + 8 * kind]``. The exit notes kind, pc and sp in the execution, goes back to
Python's stack and calls a Python function, which finds the frames where they were and raises. A memory fault arrives
in the same way with the address of the faulting instruction itself as the return address: a call's mark in
``Code.marks`` is after it, a load's before it, and since both may be in one place, their values must say which they
are.

**Host functions** are records whose code, one per type, finds the record in ``RECORD``. It goes to Python's stack,
calls the function through the C API and comes back. If the function fails, compiled code is left as by a trap, with
the exception that is set. Shared code that compiles a function at its first call finds its record in the same way.
Code itself is never changed once it has run: it may be shared with a forked child, or mapped from a file.

**References.** An externref is the address of a Python object, 0 for null; a funcref is the address of a function
record, 0 for null. What comes in as an argument lives as long as the call; what a host function returns is kept in
the execution until its outermost call ends; tables and globals count their references themselves.
"""

from .convention import PARAMETERS, RESULTS, SCRATCH, VECTOR_PARAMETERS, VECTOR_RESULTS, Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: Address space of an execution, and what its address is a multiple of.
SPAN = 1 << 26

# the record of an execution
LIMIT = 0  # the lowest stack pointer allowed
THREAD = 8  # the thread, as threading.get_ident() and fs:[0] have it
SP = 16  # where the next entry starts on the stack, a multiple of 16
HOST_SP = 24  # Python's stack pointer at the innermost entry
DEPTH = 32  # how many entries there are
HOST_LIMIT = 40  # the lowest stack pointer of Python's with which compiled code may be entered
TRAP_KIND = 48
TRAP_PC = 56
TRAP_SP = 64
KEPT = 72  # how many references the outermost entry has to drop
KEPT_LIST = 80  # the Python list that holds them
EXECUTION_SIZE = 4096

#: Where a call through a record leaves the record's address.
RECORD = SCRATCH

#: In a context: a word that the ticker may set at any time, so contexts are made of memory that is never unmapped.
FLAGS = (Context.STACK_LIMIT, Context.INTERRUPT_FLAG)

#: A frame up to this many bytes needs no more than the comparison of rsp itself.
UNCHECKED_FRAME = 4096

#: The kinds of values, as letters: i32, i64, f32, f64, v128, funcref and externref.
VALUE_KINDS = "ilfdvFE"


def _places(
    kinds: "Iterable[str]", general: "tuple[int, ...]", vector: "tuple[int, ...]"
) -> "tuple[list[tuple[str, int]], int]":
    found = []
    registers = {"g": iter(general), "x": iter(vector)}
    stack = 0
    for kind in kinds:
        bank = "x" if kind in "fdv" else "g"
        register = next(registers[bank], -1)
        if register >= 0:
            found.append((bank, register))
            continue
        size = 16 if kind == "v" else 8
        stack += -stack % size
        found.append(("s", stack))
        stack += size
    return found, stack + -stack % 16


def parameter_places(kinds: "Iterable[str]") -> "tuple[list[tuple[str, int]], int]":
    """Where parameters of these kinds are: ("g" or "x", register) or ("s", offset above the return address); bytes of
    stack.
    """
    return _places(kinds, PARAMETERS, VECTOR_PARAMETERS)


def result_places(kinds: "Iterable[str]") -> "tuple[list[tuple[str, int]], int]":
    """The same for results."""
    return _places(kinds, RESULTS, VECTOR_RESULTS)
