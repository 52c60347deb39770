"""macOS on x86-64, as ``system.System`` asks for it. Written after the headers of its SDK; it has never been run.

Constants, sizes and offsets are those that a C compiler finds in the headers of macOS 13.
"""

import ctypes

from ..amd64 import abi, segments
from ..amd64.registers import NE, RAX, RBX, RDI, RDX, RSI
from . import posix
from .posix import EXECUTE as EXECUTE
from .posix import MAP_ANONYMOUS, MAP_PRIVATE, libc, map_memory
from .posix import NONE as NONE
from .posix import PAGE as PAGE
from .posix import READ as READ
from .posix import WRITE as WRITE
from .posix import allocate as allocate
from .posix import call as call
from .posix import exported as exported
from .posix import imported as imported
from .posix import join as join
from .posix import machine as machine
from .posix import pages as pages
from .posix import protect as protect
from .posix import release as release
from .posix import symbol as symbol
from .posix import to_compiled as to_compiled
from .posix import to_host as to_host
from .posix import touch as touch
from .words import read as read
from .words import set_word as set_word
from .words import word as word
from .words import words as words
from .words import write as write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..amd64.assembler import Assembler
    from .signals import SignalHandler

_MAP_FIXED, _MAP_NORESERVE = 0x10, 0x40
_VM_FLAGS_ANYWHERE, _VM_INHERIT_SHARE = 1, 0
_SIG_SETMASK = 3
_MUTEX, _CONDITION = posix.OWN + 32, posix.OWN + 96  # pthread_mutex_t has 64 bytes, pthread_cond_t 48


def reserve(size: int) -> int:
    flags = MAP_PRIVATE | MAP_ANONYMOUS | _MAP_NORESERVE
    return map_memory(None, size, NONE, flags, -1, f"reserve {size} bytes of address space")


def discard(address: int, size: int) -> None:
    # madvise only offers the pages, they may keep their content
    flags = MAP_PRIVATE | MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_FIXED
    map_memory(address, size, NONE, flags, -1, "discard memory")


def map_twice(name: str, size: int) -> "tuple[int, int]":
    # A file in memory (shm_open) may not be mapped executable; the second mapping of memory without a file may. Both
    # are shared with forked children, lest writing in the parent after a fork separates them.
    del name
    writable = allocate(size)
    try:
        if libc.minherit(ctypes.c_void_p(writable), ctypes.c_size_t(size), ctypes.c_int(_VM_INHERIT_SHARE)):
            raise posix.error("can't share memory")
        task = ctypes.c_uint32.in_dll(libc, "mach_task_self_")
        code, now, most = ctypes.c_uint64(0), ctypes.c_int(), ctypes.c_int()
        failed = libc.mach_vm_remap(
            task,
            ctypes.byref(code),
            ctypes.c_uint64(size),
            ctypes.c_uint64(0),  # mask
            ctypes.c_int(_VM_FLAGS_ANYWHERE),
            task,
            ctypes.c_uint64(writable),
            ctypes.c_int(0),  # no copy
            ctypes.byref(now),
            ctypes.byref(most),
            ctypes.c_uint(_VM_INHERIT_SHARE),
        )
        if failed:
            raise OSError(12, f"can't map {size} bytes a second time (error {failed} of the kernel)")
        try:
            protect(code.value, size, READ | EXECUTE)
        except OSError:
            release(code.value, size)
            raise
    except OSError:
        release(writable, size)
        raise
    return code.value, writable


unmap = release


def shadow_stack() -> bool:
    return False


def thread(a: "Assembler", register: int) -> None:
    segments.load(a, segments.GS, register, 0)  # the first thread-specific value is the thread itself


def adopt(execution: int) -> None:
    del execution
    posix.unblock(_SIGNALS.urg)


def host_stack() -> "tuple[int, int]":
    own = libc.pthread_self
    own.restype = ctypes.c_void_p
    top, size = libc.pthread_get_stackaddr_np, libc.pthread_get_stacksize_np
    top.restype = size.restype = ctypes.c_size_t
    self = ctypes.c_void_p(own())
    length = int(size(self))
    return int(top(self)) - length, length


# The system's own sleep on an address is public only since macOS 14.4; a condition variable does.


def prepare(page: int, period: int, recheck: int) -> None:
    posix.set_interval(page, 0, period)
    posix.set_interval(page, 1, recheck)
    posix.block_signals(page, 0xFFFF_FFFF)
    libc.pthread_mutex_init(ctypes.c_void_p(page + _MUTEX), None)
    libc.pthread_cond_init(ctypes.c_void_p(page + _CONDITION), None)


def _lock(a: "Assembler", name: str) -> None:
    a.lea64_rm(RDI, RBX, _MUTEX)
    posix.call_symbol(a, name)


def sleep(a: "Assembler", state: int, interval: "int | None") -> None:
    other = a.label()
    _lock(a, "pthread_mutex_lock")
    a.cmp32_mi(RBX, 0, state)
    a.jcc(NE, other)
    a.lea64_rm(RDI, RBX, _CONDITION)
    a.lea64_rm(RSI, RBX, _MUTEX)
    if interval is None:
        posix.call_symbol(a, "pthread_cond_wait")
    else:
        posix.interval(a, RDX, interval)
        posix.call_symbol(a, "pthread_cond_timedwait_relative_np")
    a.bind(other)
    _lock(a, "pthread_mutex_unlock")


def wake(a: "Assembler") -> None:
    # the state was changed before: who sleeps has seen that under the lock, or is in the wait when we have the lock
    _lock(a, "pthread_mutex_lock")
    a.lea64_rm(RDI, RBX, _CONDITION)
    posix.call_symbol(a, "pthread_cond_signal")
    _lock(a, "pthread_mutex_unlock")


def can_fence() -> bool:
    return False


def fence(a: "Assembler") -> None:
    raise NotImplementedError("macOS has no membarrier")


def start(a: "Assembler", thread: int, handle: int) -> None:
    posix.start_thread(a, thread, handle, _SIG_SETMASK)


def interrupt(a: "Assembler", page: int) -> None:
    del page
    a.mov64_rm(RDI, RAX, abi.THREAD)
    a.mov32_ri(RSI, _SIGNALS.urg)
    posix.call_symbol(a, "pthread_kill")


class _Sigaction(ctypes.Structure):
    """struct sigaction of the C library, 16 bytes."""

    _fields_ = (("handler", ctypes.c_void_p), ("mask", ctypes.c_uint32), ("flags", ctypes.c_int))


#: sys/signal.h, mach/i386/_structs.h: the registers are in a structure of their own, general ones 16 bytes into it.
#: The code of a signal that was sent is 0, whatever the header says of SI_USER, and it has no value.
_SIGNALS = posix.Signals(
    numbers=(11, 10, 16),
    action=_Sigaction,
    flags=(0x40, 1, 2, 0x10),
    info=(8, 24, 32),
    code=None,
    machine=48,
    registers=(72, 144, 128),
)


def fault_handler() -> "SignalHandler":
    from .signals import SignalHandler

    return SignalHandler(_SIGNALS)
