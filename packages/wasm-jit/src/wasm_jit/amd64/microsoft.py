"""Between the System V convention, which our code has, and Microsoft's ("x64 calling convention", Windows' manual).

Microsoft's: integer arguments in RCX, RDX, R8, R9, then on the stack above 32 bytes that belong to the callee; a
first float in XMM0 as in the other; results in RAX and XMM0 as in the other. Unlike in the other, the callee keeps
RSI, RDI and XMM6 to XMM15.
"""

from .assembler import Assembler
from .registers import R8, R9, RAX, RCX, RDI, RDX, RSI, RSP

_VECTORS = range(6, 16)


def thunk(target: int) -> bytes:
    """Code that is called as System V has it, with up to six ints or one float, and calls ``target`` as Microsoft has
    it.
    """
    a = Assembler()
    a.sub64_ri(RSP, 56)
    a.mov64_mr(RSP, 32, R8)
    a.mov64_mr(RSP, 40, R9)
    a.mov64_rr(R9, RCX)
    a.mov64_rr(R8, RDX)
    a.mov64_rr(RDX, RSI)
    a.mov64_rr(RCX, RDI)
    a.mov64_ri(RAX, target)
    a.call_r(RAX)
    a.add64_ri(RSP, 56)
    a.ret()
    return a.finish().data


def bridge(target: int) -> bytes:
    """Code that is called as Microsoft has it, with up to four ints, and calls ``target`` as System V has it, with R10
    as it was.
    """
    a = Assembler()
    size = 16 * len(_VECTORS) + 8  # at a multiple of 16 after two registers and the return address
    a.push_r(RDI)
    a.push_r(RSI)
    a.sub64_ri(RSP, size)
    for place, register in enumerate(_VECTORS):
        a.movaps_mr(RSP, 16 * place, register)
    a.mov64_rr(RDI, RCX)
    a.mov64_rr(RSI, RDX)
    a.mov64_rr(RDX, R8)
    a.mov64_rr(RCX, R9)
    a.mov64_ri(RAX, target)
    a.call_r(RAX)
    for place, register in enumerate(_VECTORS):
        a.movaps_rm(register, RSP, 16 * place)
    a.add64_ri(RSP, size)
    a.pop_r(RSI)
    a.pop_r(RDI)
    a.ret()
    return a.finish().data
