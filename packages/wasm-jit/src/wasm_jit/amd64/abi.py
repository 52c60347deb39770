"""What compiled code, the code around it and Python agree on: context, execution, function records, frames, traps.

Registers, parameters and results are in ``convention``; this is the memory behind them. All words are 8 bytes.

**Context** (``CONTEXT``, r14): one per instance; machine code reaches everything of its instance from here. Its head
is below; the engine puts globals, function records and tables after it. A context's address never changes. r14 and
r15 are the only registers that a function gives back as it got them; there are no callee-saved ones, so that traps,
exceptions, tail calls and stack switches have nothing to restore.

**Execution** (``[r14 + EXECUTION]``): one per thread that runs compiled code, with its stack (later: one per
suspended call). The rule: whenever compiled code of an instance runs, its context points to the execution that it
runs on. Whoever enters an instance sees to it: the entry from Python, the return from a host function or an
interrupt, a call into another instance and the return from there.

**Function record**: what a funcref points to, 64 bytes, in the context of the instance that it belongs to. Every call
that isn't to a known address goes through a record:

    r11 = record
    if [r11 + F_CONTEXT] != r14:                 another instance, or a host function
        r10 = [r14 + EXECUTION]; save r14 in the frame
        r14 = [r11 + F_CONTEXT]; [r14 + EXECUTION] = r10; r15 = [r14 + MEMORY_BASE]
    call [r11 + F_CODE]
    (if it was another) r10 = [r14 + EXECUTION]; r14 = the saved; [r14 + EXECUTION] = r10; r15 = [r14 + MEMORY_BASE]

r11 tells shared code which function is meant: the stub that compiles at the first call and then replaces F_CODE, and
host functions, whose code is one per type. Code is never patched: it may be shared with a forked child, or mapped
from a file. r15 must be loaded again after any call that may have grown a memory which had to move (guarded memories
don't).

**Frames**: rsp is 8 below a multiple of 16 at entry and fixed after the prologue: arguments for calls at the bottom,
then slots, then the return address, then the caller's argument space. Arguments on the stack belong to the caller's
frame. The size of the frame is known per function, so frames can be walked from (pc, rsp) with tables alone: nothing
is done at run time for traps, exceptions or backtraces. A tail call whose arguments need more stack than its caller's
own arguments moves the return address down (room: the callee's record of its argument size tells the walker).
Catching an exception is a search in a table by return address, and a jump with rsp set.

**Stack check and interrupts**: one comparison. A prologue does

    r10 = [r14 + EXECUTION]; cmp rsp, [r10 + LIMIT]; jb cold         cold: call [r14 + INTERRUPT]; jmp back

with rsp − frame size instead of rsp where the frame is larger than ``UNCHECKED_FRAME``. To interrupt, the ticker stores
``ASKED`` to LIMIT. Loops check nothing: code that has not noticed by the next tick gets a signal, and its handler goes
on at the same routine as if the interrupted instruction had been a call of it (``native.faults``). So any instruction
may be followed by whatever Python does, but for calls that leave the code's stack: what compiled code relies on is in
registers, in its frame, or does not change. The routine keeps every register and the flags. It lets Python handle
signals and other threads run, puts STACK_LIMIT to LIMIT and returns, or leaves the code with the exception that was
raised. If LIMIT is no request, it traps; but not before the check has been repeated, as the code may have been
interrupted between its comparison, which found a request, and its call. A signal that comes while Python runs sets
LIMIT to ``AWAY``, from which it takes the ticker a while to come up to ``ASKED`` again: a host function that waits is
not to be woken by each tick.

**Traps**: ``call [r14 + TRAPS + 8 * kind]``, out of the way; the return address says where. A fault in guarded memory
arrives at the trap exit of "out of bounds memory access" with the address of the faulting instruction itself as the
return address (so ``Code.marks`` tells return addresses and fault addresses apart by their value, not their place: a
load may follow a call). The trap exit goes back to Python's stack and calls a Python function that raises.

**Exceptions** leave compiled code in one place, whatever raised them: a trap, a host function, an interrupt, the
compilation of a function. Who goes there notes in the execution where the innermost function was (LEFT_PC, LEFT_SP) and
how that is to be read (LEFT). The frames are still there; a Python function walks them and adds them to the exception,
which then comes out of the entry unchanged.

**Host functions** are records too. Their code goes to Python's stack, calls the function through the C API and comes
back. A failing one leaves compiled code with the exception that is set. Python code never runs on a compiled code's
stack.

**What runs is kept.** Python code that is called from compiled code may drop the last reference to an instance whose
functions are under way. So a function that can lead to Python or to another instance has its context in its frame (as
it needs to come back to it anyway), and the end of an instance asks ``cpython.executions.keep_if_running``, which
looks for it there.

Python may come back to a place that isn't the innermost entry any more: greenlets change stacks in the middle of host
functions. Entries have numbers, so that is found out, and is a RuntimeError in the call that was overtaken.

**Suspending** a call means leaving it on its stack with its execution and continuing another: everything that a call
is, is in the execution and on its stack, and nothing of it on Python's stack but the entry that waits for it.
"""

from .convention import PARAMETERS, RESULTS, VECTOR_PARAMETERS, VECTOR_RESULTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# the head of a context
EXECUTION = 0  # address of the execution
MEMORY_BASE = 8  # address of the first memory, what r15 is loaded with
MEMORY_SIZE = 16  # of the first memory, in bytes
INTERRUPT = 24  # address of the routine for stack checks and interrupts
TRAPS = 32  # addresses of the trap exits by kind
TURN = 248  # the turn of calls that run without the GIL (``cpython.release``)
#: Trap exits by kind, with the official messages.
TRAP_MESSAGES = (
    "unreachable",
    "out of bounds memory access",
    "integer divide by zero",
    "integer overflow",
    "invalid conversion to integer",
    "call stack exhausted",
    "indirect call type mismatch",
    "undefined element",
    "uninitialized element",
    "out of bounds table access",
    "null reference",
    "unaligned atomic",
    "uncaught exception",
    "cast failure",
    "null function reference",
    "null structure reference",
    "null array reference",
    "null i31 reference",
    "out of bounds array access",
    "expected shared memory",
)
CONTEXT_HEAD = 256  # bytes

# an execution
LIMIT = 0  # the lowest stack pointer allowed, or from AWAY up to ASKED: interrupt
STACK_LIMIT = 8  # the same without interrupts
THREAD = 16  # the thread, as threading.get_ident() has it
WASM_SP = 24  # where the next entry starts on the stack
HOST_SP = 32  # Python's stack pointer at the innermost entry
ACTIVE = 40  # how many entries there are
HOST_LIMIT = 48  # the lowest stack pointer of Python's with which compiled code may be entered
LEFT = 56  # how compiled code was left by an exception: where LEFT_PC is
LEFT_PC = 64  # 0: no compiled code was under way
LEFT_SP = 72
KEPT = 80  # not 0: the list of kept objects has some that the outermost entry is to drop
TRAP_VALUE = 120  # of "uninitialized element": its index
KEPT_LIST = 88  # the Python list that holds them
ENTRY = 96  # the number of the innermost entry
ENTRIES = 104  # the number that was given last
STACK_TOP = 112  # where the stack starts
# what Windows wants to know of stacks (``native.windows``)
HOST_STACK_TOP = 128
HOST_STACK_LIMIT = 136
HOST_STACK_BOTTOM = 144
STACK_BOTTOM = 152  # the lowest address of the stack that can be touched
THREAD_HANDLE = 160  # on Windows; on Linux the number that the kernel has for the thread
# for calls that run without the GIL (``cpython.release``)
THREAD_STATE = 168  # 0, or the GIL has been given up and this is what takes it again
PASSED = 176  # how many interrupts have not taken it since one did
PATIENCE = 184  # how many may do so
LOOKED_AGAIN = 192  # the stack pointer with which a stack check failed without a request, if none was served since
RESULT_SPACE = 256  # results that find no register, packed as arguments on the stack are
MOST_RESULTS = 1000  # (specification, appendix "Implementation Limitations")
EXECUTION_SIZE = RESULT_SPACE + 16 * MOST_RESULTS

ASKED, AWAY = -1, -33  # as LIMIT's signed values
# what LEFT says: LEFT_PC is the instruction that faulted or the one behind the call of a trap exit; where a call that
# failed returns to; any instruction
AT, IN_CALL, ANYWHERE = 0, 1, 2

# a function record
F_CODE = 0
F_CONTEXT = 8
F_TYPE = 16  # a number for the type: equal types have equal numbers
F_OBJECT = 24  # the Python callable of a host function, the builtin of a compiled one or 0
F_REFERENCE = 32  # the Python object that a reference to the function is, where that is not F_OBJECT
FUNCTION_SIZE = 64

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
    """The same for results; "s" means an offset from the execution's RESULT_SPACE."""
    return _places(kinds, RESULTS, VECTOR_RESULTS)
