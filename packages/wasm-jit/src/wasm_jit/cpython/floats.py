"""Between f32 and Python's floats: the processor's conversions make NaNs quiet, ours keep every bit that fits."""

from ..amd64.assembler import Assembler
from ..amd64.registers import NE, R10, R11, P


def narrow(a: Assembler, register: int) -> None:
    """The f64 in a vector register becomes the f32 in it. R10, R11 are lost."""
    nan, done, some = a.label(), a.label(), a.label()
    a.ucomisd_rr(register, register)
    a.jcc(P, nan)
    a.cvtsd2ss_rr(register, register)
    a.jmp(done)
    a.bind(nan)
    a.movxq_rr(R10, register)
    a.mov64_rr(R11, R10)
    a.shr64_ri(R11, 29)
    a.and32_ri(R11, 0x7FFFFF)
    a.jcc(NE, some)
    a.mov32_ri(R11, 0x400000)  # the payload was in the lower bits alone; it must not become an infinity
    a.bind(some)
    a.or32_ri(R11, 0x7F800000)
    a.shr64_ri(R10, 63)
    a.shl32_ri(R10, 31)
    a.or32_rr(R11, R10)
    a.movqx_rr(register, R11)
    a.bind(done)


def widen(a: Assembler, register: int) -> None:
    """The f32 in a vector register becomes the f64 in the first one. R10, R11 are lost."""
    nan, done = a.label(), a.label()
    a.ucomiss_rr(register, register)
    a.jcc(P, nan)
    a.cvtss2sd_rr(0, register)
    a.jmp(done)
    a.bind(nan)
    a.movxq_rr(R10, register)
    a.mov32_rr(R11, R10)
    a.and32_ri(R11, 0x7FFFFF)
    a.shl64_ri(R11, 29)
    a.shr32_ri(R10, 31)
    a.shl64_ri(R10, 63)
    a.or64_rr(R11, R10)
    a.mov64_ri(R10, 0x7FF << 52)
    a.or64_rr(R11, R10)
    a.movqx_rr(0, R11)
    a.bind(done)
