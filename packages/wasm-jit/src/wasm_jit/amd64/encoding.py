"""From a row of the table and operands to bytes (manual, chapter 2 "Instruction format").

This is the plain and complete encoder: every instruction of the assembler comes from ``Row.encode``, most through a
memory of what it returned before.

Operands are given as ints in the order of the Intel syntax. What kind each one is, its *form* says, a letter an
operand:

- ``r`` a register: its number;
- ``m`` memory: base, displacement;
- ``x`` indexed memory: base or ``NONE``, index, scale as a power of two (0 to 3), displacement;
- ``l`` memory at a label: the label (its four bytes are zero until labels have addresses);
- ``i`` an immediate;
- ``c`` a condition code.
"""

from .instructions import rows
from .registers import NONE, RSP

_MAPS = {"0F": (b"\x0f", 1), "0F38": (b"\x0f\x38", 2), "0F3A": (b"\x0f\x3a", 3)}
_PREFIXES = {"66": 1, "F3": 2, "F2": 3}
_PREFIX_BYTES = (b"", b"\x66", b"\xf3", b"\xf2")
_REGISTERS = "GVHBURLO"
_FORMS = {
    **dict.fromkeys(_REGISTERS, "r"),
    **dict.fromkeys("EW", "rmxl"),
    "M": "mxl",
    **dict.fromkeys("bszqw", "i"),
    "c": "c",
}


class Row:
    """One instruction of the table in one width and one encoding, legacy or VEX.

    Attributes:
        mnemonic: the assembler's name for it: the manual's, with the width in bits where it comes in several.
        operands: the row's letters, without H in the legacy encoding.
        width: of its general registers in bits; 0 where the table names none.
        vex: whether this is the VEX encoding.
        flags: the row's ``name=value`` flags, values as ints.
    """

    __slots__ = (
        "mnemonic", "operands", "width", "vex", "flags", "_byte", "_w", "_prefix", "_map", "_opcode", "_digit", "_raw"
    )  # fmt: skip

    def __init__(self, line: str, width: int, vex: bool) -> None:
        name, operands, opcode, *flags = line.split()
        self.flags = {}
        for word in flags:
            key, _, value = word.partition("=")
            self.flags[key] = int(value or "0", 10 if key in ("ptr", "width") else 16)
        self.vex = vex
        self.mnemonic = "v" * (vex and "VEX" not in flags) + name + (str(width) if width else "")
        self.operands = "" if operands == "-" else operands if vex else operands.replace("H", "")
        self.width = width or self.flags.get("width", 0)
        self._w = int(width == 64 or "W" in flags)
        self._byte = width == 8 or "byte" in flags
        opcode, _, digit = opcode.partition("/")
        self._digit = int(digit or "0")
        parts = opcode.split(".")
        self._raw = (b"\x48" if self._w else b"") + bytes.fromhex("".join(parts))
        self._prefix = _PREFIXES[parts.pop(0)] if parts[0] in _PREFIXES and len(parts) > 1 else 0
        self._map = _MAPS[parts.pop(0)] if parts[0] in _MAPS and len(parts) > 1 else (b"", 0)
        self._opcode = int(parts[0], 16)
        if width == 8 and "byte" not in flags:
            self._opcode -= 1
            self.flags = {key: value - (key == "acc") for key, value in self.flags.items()}
        elif width == 16:
            self._prefix = 1

    def takes(self, form: str) -> bool:
        """Whether the row has this form, such as ``rm``."""
        return len(form) == len(self.operands) and all(f in _FORMS[o] for f, o in zip(form, self.operands, strict=True))

    def forms(self) -> "list[str]":
        """All forms that the row has."""
        found = [""]
        for operand in self.operands:
            found = [form + kind for form in found for kind in _FORMS[operand]]
        return found

    def encode(self, form: str, values: "tuple[int, ...]") -> bytes:
        """The bytes of the instruction.

        Raises ValueError where no encoding has such an operand: an index RSP, an immediate out of range.
        """
        if not self.operands:
            return self._raw
        reg = self._digit
        rm = vvvv = last = -1
        base = index = scale = disp = 0
        kind = "r"
        immediate = b""
        opcode = self._opcode
        force = 0  # a REX prefix without bits, to reach spl, bpl, sil, dil
        short_of_opcode = False
        rest = iter(values)
        for operand, f in zip(self.operands, form, strict=True):
            value = next(rest)
            if operand in "GV":
                reg = value
                if self._byte and self.width == 8 and value in (4, 5, 6, 7):
                    force = 0x40
            elif operand in "HB":
                vvvv = value
            elif operand == "O":
                rm, short_of_opcode = value, True
            elif operand == "L":
                last = value
            elif operand == "c":
                opcode |= value
            elif f == "i":
                immediate, opcode = self._immediate(operand, value, opcode, rm if kind == "r" else -1)
            else:
                kind = f
                if f == "r":
                    rm = value
                    if self._byte and value in (4, 5, 6, 7):
                        force = 0x40
                elif f == "l":
                    rm = 0
                else:
                    rm = base = value
                    if f == "x":
                        index, scale = next(rest), next(rest)
                        if index == RSP:
                            raise ValueError("rsp can't be an index")
                    disp = next(rest)
        if rm < 0:
            return bytes((opcode,)) + immediate
        if last >= 0:
            immediate = bytes((last << 4,))
        if "q" in self.operands:
            value = values[-1]
            if 0 <= value < 1 << 32:
                immediate, force = value.to_bytes(4, "little"), -1
            elif -1 << 31 <= value < 0:
                opcode, short_of_opcode, immediate = 0xC7, False, value.to_bytes(4, "little", signed=True)
        elif opcode == self.flags.get("acc"):
            return self._prefixes(0, 0, 0, force) + bytes((opcode,)) + immediate
        elif "with_acc" in self.flags and kind == "r" and (reg == 0) != (rm == 0):
            opcode, rm, short_of_opcode = self.flags["with_acc"], reg or rm, True
            reg = 0
        if short_of_opcode:
            if force < 0:  # the 32-bit form clears the upper half
                return (b"\x41" if rm > 7 else b"") + bytes((opcode | rm & 7,)) + immediate
            return self._prefixes(0, 0, rm, force) + self._map[0] + bytes((opcode | rm & 7,)) + immediate
        prefix = self._prefix
        if self.vex and kind == "r" and rm > 7:
            if "store" in self.flags and reg < 8:
                opcode, reg, rm = self.flags["store"], rm, reg
            elif "store66" in self.flags and reg < 8:
                opcode, prefix, reg, rm = self.flags["store66"], 1, rm, reg
            elif "swap" in self.flags and vvvv < 8 and self._map[1] == 1:
                rm, vvvv = vvvv, rm
        if kind == "r":
            tail = bytes((0xC0 | (reg & 7) << 3 | rm & 7,))
        elif kind == "l":
            tail = bytes((reg << 3 & 0x38 | 5, 0, 0, 0, 0))
        else:
            tail = _memory(reg, kind, base, index, scale, disp)
            rm = 0 if base == NONE else base
        if self.vex:
            head = self._vex(prefix, reg, index, rm, max(vvvv, 0))
        else:
            head = self._prefixes(reg, index, rm, force) + self._map[0]
        return head + bytes((opcode,)) + tail + immediate

    def _immediate(self, operand: str, value: int, opcode: int, register: int) -> "tuple[bytes, int]":
        """The bytes of an immediate, and the opcode that takes it."""
        if operand == "b":
            if not -128 <= value <= 255:
                raise ValueError(f"{value} is no 8-bit immediate")
            if value == 1 and "one" in self.flags:
                return b"", self.flags["one"]
            return bytes((value & 255,)), self.flags["acc"] if register == 0 and "acc" in self.flags else opcode
        if operand == "q":
            return (value & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little"), opcode
        bits = 16 if operand == "w" or self.width == 16 else 32
        if not -1 << bits - 1 <= value < 1 << (bits - (self.width not in (16, 32) and operand != "w")):
            raise ValueError(f"{value} is no {bits}-bit immediate")
        if value >> bits - 1 > 0:
            value -= 1 << bits
        if operand == "s" and -128 <= value <= 127:
            return bytes((value & 255,)), opcode | 2
        if register == 0 and "acc" in self.flags:
            opcode = self.flags["acc"]
        return (value & (1 << bits) - 1).to_bytes(bits // 8, "little"), opcode

    def _prefixes(self, reg: int, index: int, rm: int, force: int) -> bytes:
        """Mandatory prefix and REX (section 2.2.1)."""
        rex = self._w << 3 | reg >> 3 << 2 | index >> 3 << 1 | rm >> 3
        prefix = _PREFIX_BYTES[self._prefix] + (b"\xf0" if "lock" in self.flags else b"")
        return prefix + bytes((0x40 | rex,)) if rex or force else prefix

    def _vex(self, prefix: int, reg: int, index: int, rm: int, vvvv: int) -> bytes:
        """The VEX prefix, of two bytes where that is enough (section 2.3.5)."""
        low = (vvvv ^ 15) << 3 | prefix
        r = (reg >> 3 ^ 1) << 7
        if not self._w and index < 8 and rm < 8 and self._map[1] == 1:
            return bytes((0xC5, r | low))
        return bytes((0xC4, r | (index >> 3 ^ 1) << 6 | (rm >> 3 ^ 1) << 5 | self._map[1], self._w << 7 | low))


def _memory(reg: int, kind: str, base: int, index: int, scale: int, disp: int) -> bytes:
    """ModRM, SIB and displacement of a memory operand (section 2.1.5, tables 2-2 and 2-3)."""
    reg = reg << 3 & 0x38
    if base == NONE:
        return bytes((reg | 4, scale << 6 | index << 3 & 0x38 | 5)) + disp.to_bytes(4, "little", signed=True)
    low = base & 7
    if disp == 0 and low != 5:
        mode, tail = 0, b""
    elif -128 <= disp <= 127:
        mode, tail = 0x40, bytes((disp & 255,))
    else:
        mode, tail = 0x80, disp.to_bytes(4, "little", signed=True)
    if kind == "x":
        return bytes((mode | reg | 4, scale << 6 | index << 3 & 0x38 | low)) + tail
    if low == 4:
        return bytes((mode | reg | 4, 0x24)) + tail
    return bytes((mode | reg | low,)) + tail


def _index() -> "dict[str, list[tuple[str, int, bool]]]":
    """By mnemonic what its rows are made of."""
    found: dict[str, list[tuple[str, int, bool]]] = {}
    for line in rows():
        name, _, _, *flags = line.split()
        widths = [0]
        for flag in flags:
            if flag[0] == "@":
                widths = [int(width) for width in flag[1:].split(",")]
        only = "VEX" in flags
        for width in widths:
            mnemonic = f"{name}{width}" if width else name
            if not only:
                found.setdefault(mnemonic, []).append((line, width, False))
            if only or "vex" in flags:
                found.setdefault(mnemonic if only else "v" + mnemonic, []).append((line, width, True))
    return found


class _Rows(dict[str, "list[Row]"]):
    """The rows of every mnemonic that was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._index = _index()

    def __missing__(self, mnemonic: str) -> "list[Row]":
        found = self[mnemonic] = [Row(*of) for of in self._index.get(mnemonic, ())]
        return found

    def mnemonics(self) -> "list[str]":
        return list(self._index)


#: The rows of each mnemonic, none of an unknown one; of several that take a form, the first is meant.
ROWS = _Rows()
