"""What this processor can do beyond the base of x86-64 (manual, volume 2, CPUID)."""

from ..native.code import CodeSpace
from ..native.system import system
from .assembler import Assembler
from .registers import RAX, RBX, RCX, RDI, RDX, RSI

_found: "list[frozenset[str]]" = []

# leaf, register of the answer, bit, what it means
_BITS = (
    (1, "c", 19, "sse4.1"),
    (1, "c", 20, "sse4.2"),
    (1, "c", 23, "popcnt"),
    (1, "c", 27, "osxsave"),
    (1, "c", 28, "avx"),
    (7, "b", 3, "bmi1"),
    (7, "b", 5, "avx2"),
    (7, "b", 8, "bmi2"),
    (0x80000001, "c", 5, "lzcnt"),
)
#: What compiled code takes for granted.
BASE = frozenset(("sse4.1", "sse4.2", "popcnt", "bmi1", "lzcnt"))
#: What makes a difference to the code beyond that.
USED = ("avx2", "bmi2")


def features() -> "frozenset[str]":
    """The features of the list above that the processor has and the system lets programs use."""
    if not _found:
        a = Assembler()
        a.push_r(RBX)
        a.mov64_rr(RAX, RDI)
        a.mov64_rr(RCX, RSI)
        a.mov64_rr(RSI, RDX)
        a.cpuid()
        a.shl64_ri(RBX, 32)
        a.or64_rr(RCX, RBX)
        a.mov64_rr(RAX, RCX)
        a.pop_r(RBX)
        a.ret()
        cpuid = CodeSpace(system.PAGE).place(a.finish().data)
        a.xor32_rr(RCX, RCX)
        a.xgetbv()
        a.ret()
        xgetbv = CodeSpace(system.PAGE).place(a.finish().data)
        have = set()
        for leaf, register, bit, name in _BITS:
            answer = system.call(cpuid.address, leaf, 0, 0)
            if answer >> bit + (32 if register == "b" else 0) & 1:
                have.add(name)
        if "osxsave" not in have or system.call(xgetbv.address) & 6 != 6:
            have -= {"avx", "avx2"}
        _found.append(frozenset(have))
    return _found[0]


def target() -> str:
    """What the code is for, in words: code for one target is not to run on another."""
    have = features()
    return " ".join(["amd64", *[feature for feature in USED if feature in have]])
