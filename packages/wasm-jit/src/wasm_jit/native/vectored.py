"""The vectored exception handler on Windows: faults in compiled code go on at its trap exit, as ``signals`` has it.

faulthandler has a handler of this kind, too, which reports whatever it sees: ours has to be before it.
"""

import ctypes

from ..amd64.assembler import Assembler
from ..amd64.registers import NE, R8, R9, R10, RAX, RCX, RDX
from .code import CodeSpace
from .ranges import codes, memories
from .system import system
from .windows import CONTEXT_RIP, CONTEXT_RSP

_ACCESS_VIOLATION = 0xC0000005 - (1 << 32)
_CONTINUE = -1
# EXCEPTION_POINTERS, EXCEPTION_RECORD (winnt.h)
_RECORD, _CONTEXT = 0, 8
_CODE, _ADDRESS = 0, 40


class VectoredHandler:
    """``system.FaultHandler``."""

    asides = (("faulthandler", "enable"), ("faulthandler", "disable"))

    def __init__(self) -> None:
        block = CodeSpace(system.PAGE).place(_handler())
        block.keep()
        self._address = block.address
        self._handle: int | None = None
        library = ctypes.CDLL("kernel32")
        self._add, self._remove = library.AddVectoredExceptionHandler, library.RemoveVectoredExceptionHandler
        self._add.restype = ctypes.c_void_p

    def install(self) -> None:
        self.remove()
        self._handle = self._add(1, ctypes.c_void_p(self._address))
        if not self._handle:
            raise OSError(12, "can't install an exception handler")

    def remove(self) -> None:
        if self._handle:
            self._remove(ctypes.c_void_p(self._handle))
            self._handle = None


def _handler() -> bytes:
    """handler(rcx: EXCEPTION_POINTERS *), as Microsoft's convention has it; changes only registers that it may."""
    a = Assembler()
    others = a.label()
    a.mov64_rm(R10, RCX, _RECORD)
    a.mov64_rm(RDX, RCX, _CONTEXT)
    a.cmp32_mi(R10, _CODE, _ACCESS_VIOLATION)
    a.jcc(NE, others)
    a.mov64_rm(R10, R10, _ADDRESS)
    memories.search(a, R10, others)
    a.mov64_rm(R9, RDX, CONTEXT_RIP)
    codes.search(a, R9, others)
    a.mov64_rm(RAX, R8, 16)
    a.mov64_mr(RDX, CONTEXT_RIP, RAX)
    a.mov64_rm(RAX, RDX, CONTEXT_RSP)
    a.sub64_ri(RAX, 8)
    a.mov64_mr(RAX, 0, R9)
    a.mov64_mr(RDX, CONTEXT_RSP, RAX)
    a.mov32_ri(RAX, _CONTINUE)
    a.ret()
    a.bind(others)
    a.xor32_rr(RAX, RAX)
    a.ret()
    return a.finish().data
