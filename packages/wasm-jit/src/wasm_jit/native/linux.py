"""Linux (manual pages, sections 2 and 3), as ``system.System`` asks for it."""

import ctypes
import os
from _thread import get_native_id

from ..amd64 import abi, segments
from ..amd64.registers import R10, RAX, RBX, RDI, RDX, RSI
from . import posix
from .posix import EXECUTE as EXECUTE
from .posix import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, libc, map_memory
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

_MAP_NORESERVE, _MADV_DONTNEED = 0x4000, 4
_MFD_CLOEXEC, _MFD_EXEC = 1, 0x10
_SYS_FUTEX, _SYS_RT_TGSIGQUEUEINFO, _SYS_MEMBARRIER = 202, 297, 324
_FUTEX_WAIT_PRIVATE, _FUTEX_WAKE_PRIVATE = 128, 129
_MEMBARRIER_EXPEDITED, _MEMBARRIER_REGISTER = 8, 16
_SIG_SETMASK = 2
_SI_QUEUE = -1
# in the ticker's page
_PROCESS, _INFO = posix.OWN + 512, posix.OWN + 528

_madvise = libc.madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_syscall = libc.syscall
_syscall.restype = ctypes.c_long


def reserve(size: int) -> int:
    flags = MAP_PRIVATE | MAP_ANONYMOUS | _MAP_NORESERVE
    return map_memory(None, size, NONE, flags, -1, f"reserve {size} bytes of address space")


def discard(address: int, size: int) -> None:
    if _madvise(address, size, _MADV_DONTNEED):
        raise posix.error("can't discard memory")


def memory_file(name: str, size: int) -> int:
    """The descriptor of a new file in memory that may be mapped executable."""
    create = getattr(os, "memfd_create", None)
    if create is None:
        raise OSError(38, "this Python was built without memfd_create")
    try:
        descriptor: int = create(name, _MFD_CLOEXEC | _MFD_EXEC)
    except OSError:  # Linux before 6.3 doesn't know the second flag, and needs none
        descriptor = create(name, _MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def map_twice(name: str, size: int) -> "tuple[int, int]":
    descriptor = memory_file(name, size)
    try:
        code = map_memory(None, size, READ | EXECUTE, MAP_SHARED, descriptor, f"map {size} bytes")
        try:
            return code, map_memory(None, size, READ | WRITE, MAP_SHARED, descriptor, f"map {size} bytes")
        except OSError:
            release(code, size)
            raise
    finally:
        os.close(descriptor)


unmap = release


def shadow_stack() -> bool:
    try:
        with open("/proc/self/status", "rb") as status:
            features = status.read().partition(b"x86_Thread_features:")[2].partition(b"\n")[0]
    except OSError:
        return False
    return b"shstk" in features.split()


def system_call(number: int, *arguments: int) -> int:
    """A system call by number."""
    result = int(_syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments]))
    if result == -1:
        raise posix.error(f"system call {number}")
    return result


def thread(a: "Assembler", register: int) -> None:
    segments.load(a, segments.FS, register, 0)


def adopt(execution: int) -> None:
    set_word(execution + abi.THREAD_HANDLE, get_native_id())
    posix.unblock(_SIGNALS.urg)


def host_stack() -> "tuple[int, int]":
    attributes = ctypes.create_string_buffer(256)
    start, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_self.restype = ctypes.c_void_p
    if libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes):
        return 0, 0
    libc.pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return start.value or 0, size.value


def prepare(page: int, period: int, recheck: int) -> None:
    set_word(page + _PROCESS, os.getpid())
    for offset, value in ((0, _SIGNALS.urg), (_SIGNALS.code, _SI_QUEUE & 0xFFFF_FFFF), (_SIGNALS.value, page)):
        set_word(page + _INFO + offset, value)
    posix.set_interval(page, 0, period)
    posix.set_interval(page, 1, recheck)
    posix.block_signals(page, 0xFFFF_FFFE_7FFF_FFFF)  # all but the two that the C library uses for itself


def _futex(a: "Assembler", operation: int, value: int) -> None:
    a.mov64_rr(RDI, RBX)
    a.mov32_ri(RSI, operation)
    a.mov32_ri(RDX, value)
    a.mov32_ri(RAX, _SYS_FUTEX)
    a.syscall()


def sleep(a: "Assembler", state: int, interval: "int | None") -> None:
    posix.interval(a, R10, interval)
    _futex(a, _FUTEX_WAIT_PRIVATE, state)


def wake(a: "Assembler") -> None:
    _futex(a, _FUTEX_WAKE_PRIVATE, 1)


def can_fence() -> bool:
    try:
        system_call(_SYS_MEMBARRIER, _MEMBARRIER_REGISTER, 0, 0)
    except OSError:
        return False
    return True


def fence(a: "Assembler") -> None:
    a.mov32_ri(RDI, _MEMBARRIER_EXPEDITED)
    a.xor32_rr(RSI, RSI)
    a.xor32_rr(RDX, RDX)
    a.mov32_ri(RAX, _SYS_MEMBARRIER)
    a.syscall()


def start(a: "Assembler", thread: int, handle: int) -> None:
    posix.start_thread(a, thread, handle, _SIG_SETMASK)


def interrupt(a: "Assembler", page: int) -> None:
    # not pthread_sigqueue: at the end of the process threads end in the middle of host functions, without a word
    del page
    a.mov32_rm(RDI, RBX, _PROCESS)
    a.mov32_rm(RSI, RAX, abi.THREAD_HANDLE)
    a.mov32_ri(RDX, _SIGNALS.urg)
    a.lea64_rm(R10, RBX, _INFO)
    a.mov32_ri(RAX, _SYS_RT_TGSIGQUEUEINFO)
    a.syscall()


class _Sigaction(ctypes.Structure):
    """struct sigaction of the C library."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


#: sigaction(2), asm/sigcontext.h
_SIGNALS = posix.Signals(
    numbers=(11, 7, 23),
    action=_Sigaction,
    flags=(4, 0x08000000, 0x10000000, 0x40000000),
    info=(8, 16, 24),
    code=_SI_QUEUE,
    machine=None,
    registers=(160, 168, 88),
)


def fault_handler() -> "SignalHandler":
    from .signals import SignalHandler

    return SignalHandler(_SIGNALS)
