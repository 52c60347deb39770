"""Words of the calling thread's own, which the system keeps where FS or GS points to."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .assembler import Assembler

FS, GS = 0x64, 0x65  # the prefixes


def load(a: "Assembler", segment: int, register: int, offset: int, wide: bool = True) -> None:
    """mov register, segment:[offset]; of 32 bits, with zeros above them, if it is not ``wide``."""
    _move(a, segment, 0x8B, register, offset, wide)


def store(a: "Assembler", segment: int, offset: int, register: int) -> None:
    """mov segment:[offset], register"""
    _move(a, segment, 0x89, register, offset, True)


def _move(a: "Assembler", segment: int, opcode: int, register: int, offset: int, wide: bool) -> None:
    # ModRM and SIB of an address that is a displacement alone (manual, volume 2, section 2.2.1.6)
    a.code += bytes((segment, 0x40 | wide << 3 | register >> 3 << 2, opcode, (register & 7) << 3 | 4, 0x25))
    a.code += offset.to_bytes(4, "little")
