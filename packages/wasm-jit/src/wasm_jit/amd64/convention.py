"""How compiled functions call each other on x86-64, and where they find what they share.

**Registers.** ``CONTEXT`` holds the address of the instance's context (below), ``MEMORY`` that of its first memory, both for
as long as compiled code of the instance runs.  ``SCRATCH`` and the two vector scratch registers hold nothing across an
instruction of the intermediate representation.  Every other register may be changed by a call, ``CONTEXT`` and ``MEMORY``
too if it leads to another instance: the caller then loads its own again, from its frame.

**Parameters and results.** A function takes its parameters in the registers below, integers and references in one row,
floats and vectors in the other; what finds no register is on the stack above the return address, eight bytes each
(sixteen, aligned, for a vector), the first one lowest.  It returns its first results in the same way; further ones go to
the result area of the context, laid out like parameters on the stack.  An i32 in a register has zeros above it.  A
reference is the address of a Python object that something keeps alive while compiled code runs, or 0 for null.  The
stack pointer is a multiple of 16 before a call.

**Function records.** What can be called from elsewhere (an import, an element of a table) is a record of four words:
where its code begins, the context it wants in ``CONTEXT``, the number of its type (equal types have equal numbers), and
the Python object that stands for it.  A call through a record sets ``CONTEXT`` from it, and ``MEMORY`` from that context.

**Traps.** A trap is a call that does not return, of ``Context.TRAP + 8 * kind``; a memory fault is made one by the signal
handler, as a call of the entry of kind ``MEMORY_FAULT``.  The return address tells where it happened: ``Code.marks`` of
the function has the place in the module.

**Context.** A block of words, addressed from ``CONTEXT``.
"""

from .registers import R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI

CONTEXT = R14
MEMORY = R15
SCRATCH = R11
VECTOR_SCRATCH, VECTOR_SCRATCH_2 = 15, 14

#: Registers of parameters, in order.
PARAMETERS = (RDI, RSI, RDX, RCX, R8, R9)
VECTOR_PARAMETERS = tuple(range(8))
#: Registers of results, in order.
RESULTS = (RAX, RDX)
VECTOR_RESULTS = (0, 1)
#: What the allocator may use.
GENERAL = (RAX, RCX, RDX, RBX, RSI, RDI, RBP, R8, R9, R10, R12, R13)
VECTOR = tuple(range(14))

#: The kinds of traps, by number, with the official texts.
TRAPS = (
    "unreachable",
    "integer divide by zero",
    "integer overflow",
    "invalid conversion to integer",
    "out of bounds memory access",
    "out of bounds table access",
    "undefined element",
    "uninitialized element",
    "indirect call type mismatch",
    "call stack exhausted",
)
MEMORY_FAULT = TRAPS.index("out of bounds memory access")


class Context:
    """Offsets in the context."""

    #: The address of the first memory, loaded into ``MEMORY``; 0 without one.
    MEMORY_BASE = 0
    #: Below this the stack pointer must not fall (the stack-exhausted trap); set to the highest address to interrupt.
    STACK_LIMIT = 8
    #: Not zero when compiled code is asked to call ``INTERRUPT`` at its next loop head.
    INTERRUPT_FLAG = 16
    #: The code to call then.  It changes no register.
    INTERRUPT = 24
    #: The code that compiles a function at its first call; the function's index is on the stack.
    COMPILE = 32
    #: The address of the area for results that find no register.
    RESULT_AREA = 40
    #: What the entry code keeps for itself: the stack it came from, the call it belongs to, and so on.
    OWN = 48
    #: The trap exits, one word for each kind.
    TRAP = 128
    #: Where what depends on the module begins (see ``layout``).
    MODULE = TRAP + 8 * len(TRAPS)


class Record:
    """Offsets in a function record."""

    CODE = 0
    CONTEXT = 8
    TYPE = 16
    OBJECT = 24
    SIZE = 32
