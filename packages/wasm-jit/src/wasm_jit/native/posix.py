"""What Linux and macOS have in common (``system.System`` says what the functions promise): the C library's functions
for memory, threads and signals. Calling convention and code of ours agree, so nothing stands between them.
"""

import ctypes
import mmap
import os

from ..amd64.registers import NE, RAX, RBX, RCX, RDI, RDX, RSI, RSP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..amd64.assembler import Assembler

PAGE = mmap.PAGESIZE
NONE, READ, WRITE, EXECUTE = 0, 1, 2, 4
MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS = 1, 2, int(getattr(mmap, "MAP_ANONYMOUS", 0))
#: Where the systems' own part of the ticker's page begins.
OWN = 16
_MASK, _OLD_MASK = OWN + 192, OWN + 208  # sigset_t: up to 16 bytes are ours, up to 128 the C library's

libc = ctypes.CDLL(None, use_errno=True)
_mmap = libc.mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_munmap = libc.munmap
_munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_mprotect = libc.mprotect
_mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_FAILED = ctypes.c_void_p(-1).value


def error(what: str) -> OSError:
    """The error that the C library has just told."""
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def map_memory(address: "int | None", size: int, access: int, flags: int, descriptor: int, what: str) -> int:
    """mmap; the error says that the system can't ``what``."""
    mapped = _mmap(address, size, access, flags, descriptor, 0)
    if mapped == _FAILED:
        raise error(f"can't {what}")
    return int(mapped)


def pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def allocate(size: int) -> int:
    return map_memory(None, size, READ | WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, f"allocate {size} bytes")


def protect(address: int, size: int, access: int) -> None:
    if _mprotect(address, size, access):
        raise error("can't change the protection of memory")


def release(address: int, size: int) -> None:
    if _munmap(address, size):
        raise error("can't unmap memory")


def symbol(name: str) -> int:
    address = ctypes.cast(getattr(libc, name), ctypes.c_void_p).value
    if address is None:
        raise OSError(2, f"the C library has no {name}")
    return address


def imported(address: int) -> int:
    return address


def exported(address: int) -> int:
    return address


def call(address: int, *arguments: int) -> int:
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(arguments))(address)
    return int(function(*[argument - (argument >> 63 << 64) for argument in arguments]))


def machine() -> str:
    return os.uname()[4]  # machine


# The kernel knows a thread by its registers: any memory can be its stack, and it grows by itself.


def to_compiled(a: "Assembler", execution: int) -> None:
    del a, execution


def to_host(a: "Assembler", execution: int, scratch: int) -> None:
    del a, execution, scratch


def touch(a: "Assembler", size: int) -> None:
    del a, size


# the ticker


def call_symbol(a: "Assembler", name: str) -> None:
    """Emit a call of a function of the C library."""
    a.mov64_ri(RAX, symbol(name))
    a.call_r(RAX)


def set_interval(page: int, number: int, nanoseconds: int) -> None:
    """Put the interval with this number where ``interval`` finds it."""
    words = (ctypes.c_uint64 * 2).from_address(page + OWN + 16 * number)
    words[:] = [nanoseconds // 1_000_000_000, nanoseconds % 1_000_000_000]


def interval(a: "Assembler", register: int, number: "int | None") -> None:
    """Emit: the address of a struct timespec of the ticker's page, or 0."""
    if number is None:
        a.xor32_rr(register, register)
    else:
        a.lea64_rm(register, RBX, OWN + 16 * number)


def start_thread(a: "Assembler", thread: int, handle: int, set_mask: int) -> None:
    """``system.System.start``; ``set_mask`` is SIG_SETMASK."""
    a.sub64_ri(RSP, 16)

    def mask(new: int, old: "int | None") -> None:
        a.mov32_ri(RDI, set_mask)
        a.lea64_rm(RSI, RBX, new)
        a.xor32_rr(RDX, RDX) if old is None else a.lea64_rm(RDX, RBX, old)
        call_symbol(a, "pthread_sigmask")

    mask(_MASK, _OLD_MASK)
    a.lea64_rm(RDI, RBX, handle)
    a.xor32_rr(RSI, RSI)
    a.mov64_ri(RDX, thread)
    a.xor32_rr(RCX, RCX)
    call_symbol(a, "pthread_create")
    a.mov32_mr(RSP, 8, RAX)
    mask(_OLD_MASK, None)
    a.mov32_rm(RAX, RSP, 8)
    done = a.label()
    a.test32_rr(RAX, RAX)
    a.jcc(NE ^ 1, done)
    a.mov64_mi(RBX, handle, 0)  # what it is after an error is not said
    a.bind(done)
    a.add64_ri(RSP, 16)


def block_signals(page: int, mask: int) -> None:
    """Put the mask for the thread of ``start_thread`` where that finds it."""
    ctypes.c_uint64.from_address(page + _MASK).value = mask


def join(a: "Assembler", handle: int) -> None:
    a.mov64_rm(RDI, RBX, handle)
    a.xor32_rr(RSI, RSI)
    call_symbol(a, "pthread_join")


class Signals:
    """A system's signals, and where their handlers find what they look at, as offsets.

    Attributes:
        segv, bus, urg: numbers.
        action: its ``struct sigaction``, of which the fields handler and flags are used.
        siginfo, onstack, restart, nodefer: flags of that.
        code, address, value: in a ``siginfo_t``.
        interrupts: the code of the ticker's signals, whose value is the ticker's page; None if there is no telling.
        machine: of the pointer to what the next offsets are in, in a ``ucontext_t``; None if they are in that itself.
        rsp, rip, r14: of the interrupted code's registers.
    """

    def __init__(
        self,
        *,
        numbers: "tuple[int, int, int]",
        action: "type[ctypes.Structure]",
        flags: "tuple[int, int, int, int]",
        info: "tuple[int, int, int]",
        code: "int | None",
        machine: "int | None",
        registers: "tuple[int, int, int]",
    ) -> None:
        self.segv, self.bus, self.urg = numbers
        self.action = action
        self.siginfo, self.onstack, self.restart, self.nodefer = flags
        self.code, self.address, self.value = info
        self.interrupts = code
        self.machine = machine
        self.rsp, self.rip, self.r14 = registers


def unblock(number: int) -> None:
    """Let the calling thread take the signal."""
    signal = __import__("_signal")  # signal itself makes enumerations, which take their time
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
