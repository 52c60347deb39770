"""Registers and condition codes of x86-64, all plain ints: the numbers that the encodings use (manual, section 3.1.1).

A general register is its number, 0 to 15, whatever part of it an instruction works on; the instruction's name says
how wide that is. A vector register is its number, 0 to 15.
"""

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)
XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7 = range(8)
XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14, XMM15 = range(8, 16)

#: As the base of an address: there is none, only index × scale + displacement.
NONE = 16

#: Condition codes (manual, appendix B.1.4.7): the low four bits of the opcodes of jcc, setcc and cmovcc. ``cc ^ 1``
#: is the opposite.
O, NO, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G = range(16)  # noqa: E741  the manual's names

CONDITIONS = ("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")

_LEGACY = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
_BYTES = ("al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil")

#: Names of the general registers by width in bits, for listings.
NAMES = {
    8: _BYTES + tuple([f"r{n}b" for n in range(8, 16)]),
    16: _LEGACY + tuple([f"r{n}w" for n in range(8, 16)]),
    32: tuple(["e" + name for name in _LEGACY]) + tuple([f"r{n}d" for n in range(8, 16)]),
    64: tuple(["r" + name for name in _LEGACY]) + tuple([f"r{n}" for n in range(8, 16)]),
    128: tuple([f"xmm{n}" for n in range(16)]),
}
