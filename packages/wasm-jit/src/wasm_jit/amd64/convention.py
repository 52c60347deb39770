"""The registers of compiled code on x86-64; what is behind them in memory is in ``abi``.

``CONTEXT`` holds the address of the instance's context, ``MEMORY`` that of its first memory, both for as long as
compiled code of the instance runs.  ``SCRATCH`` and the two vector scratch registers hold nothing across an
instruction of the intermediate representation.  Every other register may be changed by a call.

A function takes its parameters in the registers below, integers and references in one row, floats and vectors in
the other; what finds no register is on the stack above the return address, eight bytes each (sixteen, aligned, for
a vector), the first one lowest.  It returns its first results in the same way; further ones go to the result space
of the execution. An i32 in a register has zeros above it.  A reference is the address of a Python object that
something keeps alive while compiled code runs, or 0 for null.  The stack pointer is a multiple of 16 before a call.
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
