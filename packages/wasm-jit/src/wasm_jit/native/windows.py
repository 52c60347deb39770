"""Windows on x64, as ``system.System`` asks for it; needs Windows 8.

**Calls.** Windows and CPython there have Microsoft's convention, our code that of System V, as everywhere: ``imported``
and ``exported`` put code in between (``amd64.microsoft``).

**Stacks.** A thread's environment block says where its stack is, and everybody believes it: the dispatcher of
exceptions refuses frames outside, the prologues of functions with large frames touch the pages from their own down to
the stack's limit, and the kernel grows the stack where its guard page is touched within the limits. So the three words
change whenever the stack does (``to_compiled``, ``to_host``), as fibers change them. The thread's own limit moves as
its stack grows, so it is noted each time; the two ends don't. Growth is a page at a time: code that lowers the stack
pointer by more has to touch each page (``touch``).

**Faults** arrive in a vectored handler (``vectored``). **Interrupts**: there are no signals; the ticker's thread
suspends the one in question and changes its registers, if it is in compiled code. It calls nothing but the kernel
meanwhile, as the suspended thread may hold any lock.

No frame of ours can be unwound (Windows looks for tables of them): exceptions are handled where they happen, by our
handler or by one between our frame and the fault, as ctypes has one.
"""

import ctypes
import mmap
import sys

from ..amd64 import abi, microsoft, segments
from ..amd64.registers import NE, R8, R9, R11, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, A, B, E
from .words import read as read
from .words import set_word as set_word
from .words import word as word
from .words import words as words
from .words import write as write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..amd64.assembler import Assembler
    from .code import CodeSpace
    from .vectored import VectoredHandler

PAGE = mmap.PAGESIZE
NONE, READ, WRITE, EXECUTE = 0, 1, 2, 4
#: Page protection by access (memoryapi.h, winnt.h).
_PROTECTION = {NONE: 0x01, READ: 0x02, READ | WRITE: 0x04, READ | EXECUTE: 0x20}
_READWRITE, _EXECUTE_READWRITE = 0x04, 0x40
_COMMIT, _RESERVE, _DECOMMIT, _RELEASE = 0x1000, 0x2000, 0x4000, 0x8000
_MAP_WRITE, _MAP_READ, _MAP_EXECUTE = 2, 4, 0x20
_INVALID_HANDLE = ctypes.c_void_p(-1)
_SHADOW_STACK_POLICY = 15

# processthreadsapi.h, winnt.h
_INFINITE = 0xFFFFFFFF
_THREAD_ACCESS = 2 | 8 | 16  # suspend and resume, get and set the context
_CONTROL_AND_INTEGER = 0x100003
_EXCEPTION_REQUEST, _IN_KERNEL = 0x40000000, 0x18000000  # CONTEXT_EXCEPTION_ACTIVE, CONTEXT_SERVICE_ACTIVE
#: CONTEXT: 1232 bytes, at a multiple of 16.
CONTEXT_FLAGS, CONTEXT_RSP, CONTEXT_R14, CONTEXT_RIP = 48, 152, 232, 248

# the thread environment block, which GS points to
_STACK_TOP, _STACK_LIMIT, _STACK_BOTTOM, _THREAD_ID = 0x08, 0x10, 0x1478, 0x48

# the ticker's page
_INTERVALS, _STATES, _CONTEXT = 16, 32, 64  # milliseconds, the numbers 0 to 2 as 32-bit words


class _Library:
    """Functions of Windows' libraries. Each is looked for when it is first asked for: this module can be imported, and
    what it emits be looked at, anywhere.
    """

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getattr__(self, name: str) -> "ctypes._CFunctionType":
        for library in self._names:
            function = getattr(ctypes.CDLL(library, use_last_error=True), name, None)
            if function is not None:
                found: ctypes._CFunctionType = function
                setattr(self, name, found)
                return found
        raise OSError(2, f"Windows has no {name}")


_kernel = _Library("kernel32", "kernelbase")
_any = _Library("kernel32", "kernelbase", "msvcrt")
_last_error = getattr(ctypes, "get_last_error", ctypes.get_errno)


def _error(what: str) -> OSError:
    return OSError(12, f"{what} (error {_last_error()} of Windows)")


def _pointer(function: "ctypes._CFunctionType") -> "ctypes._CFunctionType":
    function.restype = ctypes.c_void_p
    return function


def _long(number: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(number)


# memory


def pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _allocate(size: int, how: int, protection: int, what: str) -> int:
    address = _pointer(_kernel.VirtualAlloc)(None, _long(size), how, protection)
    if not address:
        raise _error(f"can't {what}")
    return int(address)


def reserve(size: int) -> int:
    return _allocate(size, _RESERVE, _PROTECTION[NONE], f"reserve {size} bytes of address space")


def allocate(size: int) -> int:
    return _allocate(size, _RESERVE | _COMMIT, _READWRITE, f"allocate {size} bytes")


def protect(address: int, size: int, access: int) -> None:
    before = ctypes.c_uint32()
    committed = access == NONE or _kernel.VirtualAlloc(_long(address), _long(size), _COMMIT, _PROTECTION[access])
    if not committed or not _kernel.VirtualProtect(
        _long(address), _long(size), _PROTECTION[access], ctypes.byref(before)
    ):
        raise _error("can't change the protection of memory")


def discard(address: int, size: int) -> None:
    if not _kernel.VirtualFree(_long(address), _long(size), _DECOMMIT):
        raise _error("can't discard memory")


def release(address: int, size: int) -> None:
    del size
    if not _kernel.VirtualFree(_long(address), _long(0), _RELEASE):
        raise _error("can't release memory")


def map_twice(name: str, size: int) -> "tuple[int, int]":
    del name
    section = _pointer(_kernel.CreateFileMappingW)(
        _INVALID_HANDLE, None, _EXECUTE_READWRITE, size >> 32, ctypes.c_uint32(size), None
    )
    if not section:
        raise _error(f"can't make a section of {size} bytes")
    try:
        view = _pointer(_kernel.MapViewOfFile)
        code = view(ctypes.c_void_p(section), _MAP_READ | _MAP_EXECUTE, 0, 0, _long(size))
        writable = view(ctypes.c_void_p(section), _MAP_READ | _MAP_WRITE, 0, 0, _long(size)) if code else None
        if not writable:
            failed = _error(f"can't map {size} bytes")
            if code:
                unmap(code, size)
            raise failed
    finally:
        _kernel.CloseHandle(ctypes.c_void_p(section))
    return code, writable


def unmap(address: int, size: int) -> None:
    del size
    if not _kernel.UnmapViewOfFile(_long(address)):
        raise _error("can't unmap memory")


# calls

_between: "dict[tuple[str, int], int]" = {}
_spaces: "list[CodeSpace]" = []


def _placed(kind: str, target: int) -> int:
    found = _between.get((kind, target))
    if found is None:
        if not _spaces:
            from .code import CodeSpace

            _spaces.append(CodeSpace(64 << 10))
        block = _spaces[0].place((microsoft.thunk if kind == "thunk" else microsoft.bridge)(target))
        block.keep()
        found = _between[kind, target] = block.address
    return found


def imported(address: int) -> int:
    return _placed("thunk", address)


def exported(address: int) -> int:
    return _placed("bridge", address)


def symbol(name: str) -> int:
    address = ctypes.cast(getattr(_any, name), ctypes.c_void_p).value
    assert address is not None
    return imported(address)


def call(address: int, *arguments: int) -> int:
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(arguments))(exported(address))
    return int(function(*[argument - (argument >> 63 << 64) for argument in arguments]))


# processor and process


def machine() -> str:
    return "x86_64" if "AMD64" in sys.version else "another processor than x64"


def shadow_stack() -> bool:
    policy = ctypes.c_uint32()
    _pointer(_kernel.GetCurrentProcess)
    known = _kernel.GetProcessMitigationPolicy(
        ctypes.c_void_p(_kernel.GetCurrentProcess()), _SHADOW_STACK_POLICY, ctypes.byref(policy), _long(4)
    )
    return bool(known and policy.value & 1)


# threads


def thread(a: "Assembler", register: int) -> None:
    segments.load(a, segments.GS, register, _THREAD_ID, wide=False)


def to_compiled(a: "Assembler", execution: int) -> None:
    segments.load(a, segments.GS, R11, _STACK_LIMIT)
    a.mov64_mr(execution, abi.HOST_STACK_LIMIT, R11)
    a.mov64_rm(R11, execution, abi.STACK_TOP)
    segments.store(a, segments.GS, _STACK_TOP, R11)
    a.mov64_rm(R11, execution, abi.STACK_BOTTOM)
    segments.store(a, segments.GS, _STACK_LIMIT, R11)
    segments.store(a, segments.GS, _STACK_BOTTOM, R11)


def to_host(a: "Assembler", execution: int, scratch: int) -> None:
    for place, saved in (
        (_STACK_TOP, abi.HOST_STACK_TOP),
        (_STACK_LIMIT, abi.HOST_STACK_LIMIT),
        (_STACK_BOTTOM, abi.HOST_STACK_BOTTOM),
    ):
        a.mov64_rm(scratch, execution, saved)
        segments.store(a, segments.GS, place, scratch)


def touch(a: "Assembler", size: int) -> None:
    for offset in range(PAGE, size + 1, PAGE):
        a.cmp32_mi(RSP, -offset, 0)


def adopt(execution: int) -> None:
    from .stacks import MARGIN

    bottom, size = host_stack()
    set_word(execution + abi.HOST_STACK_BOTTOM, bottom)
    set_word(execution + abi.HOST_STACK_TOP, bottom + size)
    set_word(execution + abi.STACK_BOTTOM, word(execution + abi.STACK_LIMIT) - MARGIN)
    earlier = word(execution + abi.THREAD_HANDLE)
    handle = _pointer(_kernel.OpenThread)(_THREAD_ACCESS, 0, _kernel.GetCurrentThreadId())
    set_word(execution + abi.THREAD_HANDLE, handle or 0)
    if earlier:
        _kernel.CloseHandle(ctypes.c_void_p(earlier))


def host_stack() -> "tuple[int, int]":
    bottom, top = ctypes.c_size_t(), ctypes.c_size_t()
    _kernel.GetCurrentThreadStackLimits(ctypes.byref(bottom), ctypes.byref(top))
    return bottom.value, top.value - bottom.value


# the ticker


def _call(a: "Assembler", name: str) -> None:
    a.mov64_ri(RAX, symbol(name))
    a.call_r(RAX)


def prepare(page: int, period: int, recheck: int) -> None:
    milliseconds = (max(1, interval // 1_000_000) for interval in (period, recheck))
    for place, numbers in ((_INTERVALS, milliseconds), (_STATES, range(3))):
        for number, value in enumerate(numbers):
            ctypes.c_uint32.from_address(page + place + 4 * number).value = value


def sleep(a: "Assembler", state: int, interval: "int | None") -> None:
    a.mov64_rr(RDI, RBX)
    a.lea64_rm(RSI, RBX, _STATES + 4 * state)
    a.mov32_ri(RDX, 4)
    if interval is None:
        a.mov32_ri(RCX, _INFINITE)
    else:
        a.mov32_rm(RCX, RBX, _INTERVALS + 4 * interval)
    _call(a, "WaitOnAddress")


def wake(a: "Assembler") -> None:
    a.mov64_rr(RDI, RBX)
    _call(a, "WakeByAddressSingle")


def can_fence() -> bool:
    return True


def fence(a: "Assembler") -> None:
    _call(a, "FlushProcessWriteBuffers")


def start(a: "Assembler", thread: int, handle: int) -> None:
    failed, done = a.label(), a.label()
    for register in (RDI, RSI, RCX, R8, R9):
        a.xor32_rr(register, register)
    a.mov64_ri(RDX, thread)
    _call(a, "CreateThread")
    a.mov64_mr(RBX, handle, RAX)
    a.test64_rr(RAX, RAX)
    a.jcc(E, failed)
    a.xor32_rr(RAX, RAX)
    a.jmp(done)
    a.bind(failed)
    a.mov32_ri(RAX, 12)
    a.bind(done)


def join(a: "Assembler", handle: int) -> None:
    a.mov64_rm(RDI, RBX, handle)
    a.mov32_ri(RSI, _INFINITE)
    _call(a, "WaitForSingleObject")
    a.mov64_rm(RDI, RBX, handle)
    _call(a, "CloseHandle")


def interrupt(a: "Assembler", page: int) -> None:
    from .ranges import codes

    del page
    out, resume, host = a.label(), a.label(), a.label()

    def call(name: str, context: bool = False) -> None:
        a.mov64_rm(RDI, RBP, abi.THREAD_HANDLE)
        if context:
            a.lea64_rm(RSI, RBX, _CONTEXT)
        _call(a, name)

    a.push_r(RBP)
    a.push_r(RBP)
    a.mov64_rr(RBP, RAX)
    call("SuspendThread")
    a.cmp32_ri(RAX, -1)
    a.jcc(E, out)
    a.mov32_mi(RBX, _CONTEXT + CONTEXT_FLAGS, _CONTROL_AND_INTEGER | _EXCEPTION_REQUEST)
    call("GetThreadContext", context=True)  # returns when the thread has really stopped
    a.test32_rr(RAX, RAX)
    a.jcc(E, resume)
    # An exception that the kernel is about to deliver has the registers already; changes would make it another one's.
    a.mov32_rm(RAX, RBX, _CONTEXT + CONTEXT_FLAGS)
    a.test32_ri(RAX, _IN_KERNEL)
    a.jcc(NE, resume)
    a.cmp64_mi(RBP, abi.LIMIT, abi.ASKED)
    a.jcc(NE, resume)
    a.mov64_rm(RAX, RBX, _CONTEXT + CONTEXT_RSP)
    a.cmp64_rm(RAX, RBP, abi.STACK_TOP)
    a.jcc(A, host)
    a.cmp64_rm(RAX, RBP, abi.STACK_BOTTOM)
    a.jcc(B, host)
    a.mov64_rm(R9, RBX, _CONTEXT + CONTEXT_RIP)
    codes.search(a, R9, resume)
    a.sub64_ri(RAX, 8)
    a.mov64_mr(RAX, 0, R9)
    a.mov64_mr(RBX, _CONTEXT + CONTEXT_RSP, RAX)
    a.mov64_rm(RCX, RBX, _CONTEXT + CONTEXT_R14)
    a.mov64_mr(RCX, abi.EXECUTION, RBP)  # it may be on its way into this instance
    a.mov64_rm(RAX, RCX, abi.INTERRUPT)
    a.mov64_mr(RBX, _CONTEXT + CONTEXT_RIP, RAX)
    call("SetThreadContext", context=True)
    a.jmp(resume)
    a.bind(host)
    a.mov64_mi(RBP, abi.LIMIT, abi.AWAY)
    a.bind(resume)
    call("ResumeThread")
    a.bind(out)
    a.pop_r(RBP)
    a.pop_r(RBP)


def fault_handler() -> "VectoredHandler":
    from .vectored import VectoredHandler

    return VectoredHandler()
