"""The operating system: one module for each, with one interface (``System``)."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ..amd64.assembler import Assembler

    class FaultHandler(Protocol):
        """What makes faults in compiled code go on at its trap exit."""

        #: Functions of the standard library that must find what is installed as if it were not there.
        asides: tuple[tuple[str, str], ...]

        def install(self) -> None:
            """Put it in front of what is there now. Raises OSError if that is denied."""

        def remove(self) -> None:
            """Take it away."""

    class System(Protocol):
        """What the native engine asks of a system.

        Addresses and sizes are ints, in bytes; sizes are rounded up to pages, addresses must be at pages. What fails
        raises OSError. Functions whose first parameter is an assembler emit code; what that code loses is said with
        each. Code of ours has the System V convention everywhere.
        """

        PAGE: int
        NONE: int
        READ: int
        WRITE: int
        EXECUTE: int

        # memory

        def pages(self, size: int, /) -> int:
            """The size rounded up to whole pages."""

        def reserve(self, size: int, /) -> int:
            """Address space that nothing else gets and nobody may touch; costs no memory; zero when it is opened."""

        def allocate(self, size: int, /) -> int:
            """Pages to read and write, zero."""

        def protect(self, address: int, size: int, access: int, /) -> None:
            """Change what may be done with pages of one reservation."""

        def discard(self, address: int, size: int, /) -> None:
            """Give the content of pages back that nobody may touch; they are zero when they are opened again."""

        def release(self, address: int, size: int, /) -> None:
            """Give back a whole reservation or allocation."""

        def map_twice(self, name: str, size: int, /) -> tuple[int, int]:
            """The same memory at two addresses: to read and execute, and to read and write."""

        def unmap(self, address: int, size: int, /) -> None:
            """Give back one of the two."""

        def read(self, address: int, size: int, /) -> bytes: ...
        def write(self, address: int, data: bytes, /) -> None: ...
        def word(self, address: int, /) -> int: ...
        def set_word(self, address: int, value: int, /) -> None: ...
        def words(self, address: int, count: int, /) -> memoryview: ...

        # calls

        def symbol(self, name: str, /) -> int:
            """The address at which our code calls a function of the C library (or the system's own)."""

        def imported(self, address: int, /) -> int:
            """The address at which our code calls the system's code at ``address``, with up to six arguments that are
            ints, or one float."""

        def exported(self, address: int, /) -> int:
            """The address at which the system's code calls our code at ``address``, which stays where it is, with up
            to four arguments that are ints. R10 arrives as it was."""

        def call(self, address: int, /, *arguments: int) -> int:
            """Call our code from Python with ints, for a signed int. The GIL is released meanwhile."""

        # processor and process

        def machine(self) -> str:
            """The processor that the process runs on, as ``uname`` on Linux calls it."""

        def shadow_stack(self) -> bool:
            """Whether the processor checks return addresses, which changes of stacks are an attack for."""

        # threads

        def thread(self, a: Assembler, register: int, /) -> None:
            """The calling thread, as ``threading.get_ident`` has it."""

        def to_compiled(self, a: Assembler, execution: int, /) -> None:
            """Before the stack pointer goes to the execution's own stack. R11 is lost."""

        def to_host(self, a: Assembler, execution: int, scratch: int, /) -> None:
            """Before the stack pointer goes back to the thread's stack. The scratch register is lost."""

        def touch(self, a: Assembler, size: int, /) -> None:
            """Before the stack pointer of the thread's stack goes down by so much. The flags are lost."""

        def adopt(self, execution: int, /) -> None:
            """The calling thread has this execution from now on."""

        def host_stack(self) -> tuple[int, int]:
            """Where the calling thread's stack can reach to, and its size; (0, 0) if that is not known."""

        # the ticker's thread: RBX is its page, of which the system has the bytes from OWN on; everything that a
        # call may change is lost

        def prepare(self, page: int, period: int, recheck: int, /) -> None:
            """Fill in a new page (or, after a fork, again): two intervals in nanoseconds."""

        def sleep(self, a: Assembler, state: int, interval: int | None, /) -> None:
            """Until somebody wakes it, or one of the two intervals (0 or 1) is over; not at all if the page's first 32
            bits are not this state."""

        def wake(self, a: Assembler, /) -> None:
            """End the sleep."""

        def can_fence(self) -> bool:
            """Whether there is ``fence``."""

        def fence(self, a: Assembler, /) -> None:
            """What other threads of the process have stored is seen afterwards, as if each had had a fence."""

        def start(self, a: Assembler, thread: int, handle: int, /) -> None:
            """Start a thread that takes no signals with exported code; at ``handle`` of the page is then what ``join``
            wants. EAX: 0, or the number of an error."""

        def join(self, a: Assembler, handle: int, /) -> None:
            """Wait for the end of a thread."""

        def interrupt(self, a: Assembler, page: int, /) -> None:
            """Let the thread of the execution in RAX call its routine for interrupts, if it is in compiled code."""

        def fault_handler(self) -> FaultHandler:
            """The one of the process, not yet installed."""


def _chosen() -> "System":
    name = {"darwin": "darwin", "win32": "windows"}.get(str(sys.platform), "linux")
    found: System = __import__(f"{__package__}.{name}", fromlist=(name,))
    return found


if TYPE_CHECKING:
    from . import darwin, linux, windows

    _linux: System = linux
    _darwin: System = darwin
    _windows: System = windows

#: The module of this system. (Systems that are not known have that of Linux, and are refused by ``unavailable``.)
system: "System" = _chosen()


def at_fork(before: "Callable[[], object] | None" = None, after_in_child: "Callable[[], object] | None" = None) -> None:
    """As ``os.register_at_fork``; nothing where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=before or (lambda: None),
            after_in_child=after_in_child or (lambda: None),
        )
