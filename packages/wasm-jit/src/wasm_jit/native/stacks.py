"""The address space of executions (``amd64.abi``): a record, then a stack with pages at both ends that nobody may
touch.
"""

from ..amd64 import abi
from . import linux

#: Room below the limit that compiled code checks for: frames that don't check, signal handlers (the kernel saves up to
#: 12 KiB of registers for each), what is saved on the way to a trap.
MARGIN = 64 << 10
#: The largest stack, in bytes.
LARGEST = abi.SPAN - (1 << 20)


def new_execution(size: int) -> int:
    """The address of a new execution with a stack of this many bytes (up to ``LARGEST``); it stays for ever.

    Raises ValueError if the size is out of range and OSError if there is no address space. Stack that was never used
    costs no memory.
    """
    if not 4096 <= size <= LARGEST:
        raise ValueError(f"a stack has 4096 to {LARGEST} bytes, not {size}")
    usable = linux.pages(size + MARGIN)
    start = linux.reserve(2 * abi.SPAN)
    execution = -(-start // abi.SPAN) * abi.SPAN
    end = execution + abi.SPAN
    if execution > start:
        linux.release(start, execution - start)
    linux.release(end, start + 2 * abi.SPAN - end)
    top = end - linux.PAGE
    linux.protect(execution, abi.EXECUTION_SIZE, linux.READ | linux.WRITE)
    linux.protect(top - usable, usable, linux.READ | linux.WRITE)
    linux.set_word(execution + abi.LIMIT, top - size)
    linux.set_word(execution + abi.SP, top)
    return execution
