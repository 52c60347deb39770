"""How the text format writes the immediates of each instruction: one reader for each of their kinds."""

from ..binary.leb128 import signed, unsigned
from ..binary.writer import heap_type, val_type
from ..syntax.instructions import OPS, Op
from . import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from .parser_code import CodeParser

    #: Reads immediates; what it returns is their binary form.
    Reader = Callable[[CodeParser], bytes]

#: How many lanes of which numbers a vector constant can be written as.
SHAPES = {
    "i8x16": ("i", 8, 16), "i16x8": ("i", 16, 8), "i32x4": ("i", 32, 4), "i64x2": ("i", 64, 2),
    "f32x4": ("f", 32, 4), "f64x2": ("f", 64, 2),
}  # fmt: skip


def _opcode(op: Op) -> bytes:
    if op.code < 0x100:
        return bytes((op.code,))
    return bytes((op.code >> 16,)) + unsigned(op.code & 0xFFFF)


# Numbers


def _integer_constant(token: str, bits: int) -> bytes:
    return signed(numbers.signed(token, bits))


def _float_constant(token: str, bits: int) -> bytes:
    return numbers.float_bits(token, bits).to_bytes(bits // 8, "little")


def _constant(convert: "Callable[[str, int], bytes]", bits: int) -> "Reader":
    def read(p: "CodeParser") -> bytes:
        try:
            content = convert(p.tokens[p.pos], bits)
        except (ValueError, OverflowError) as error:
            _bad_number(p, error)
        p.pos += 1
        return content

    return read


def _bad_number(p: "CodeParser", error: Exception) -> "NoReturn":
    if isinstance(error, OverflowError):
        p.fail(f"constant out of range {p.tokens[p.pos]}")
    p.unexpected()


def _v128(p: "CodeParser") -> bytes:
    shape = SHAPES.get(p.tokens[p.pos])
    if shape is None:
        p.unexpected()
    p.pos += 1
    kind, bits, count = shape
    start = p.pos
    while _at_number(p):
        p.pos += 1
    if p.pos - start != count:
        if not p.known():
            p.unexpected()
        p.fail(f"wrong number of lane literals: {count} expected")
    lanes = bytearray()
    for p.pos in range(start, start + count):
        token = p.tokens[p.pos]
        try:
            lane = numbers.signed(token, bits) if kind == "i" else numbers.float_bits(token, bits)
        except (ValueError, OverflowError) as error:
            _bad_number(p, error)
        lanes += (lane & (1 << bits) - 1).to_bytes(bits // 8, "little")
    p.pos += 1
    return bytes(lanes)


def _at_number(p: "CodeParser") -> bool:
    token = p.tokens[p.pos]
    return token[:1] in tuple("0123456789+-") or token.startswith(("nan", "inf"))


def _lane(p: "CodeParser") -> bytes:
    token = p.tokens[p.pos]
    try:
        lane = numbers.unsigned(token, 8)
    except OverflowError:
        p.fail(f"i8 constant out of range {token}: malformed lane index")
    except ValueError:
        p.unexpected()
    p.pos += 1
    return bytes((lane,))


def _lanes(p: "CodeParser") -> bytes:
    start = p.pos
    while _at_number(p):
        p.pos += 1
    if p.pos - start != 16:
        p.fail("invalid lane length: 16 lane indices expected")
    lanes = bytearray()
    for at in range(start, p.pos):
        try:
            lanes.append(numbers.unsigned(p.tokens[at], 8))
        except (OverflowError, ValueError):
            p.fail(f"i8 constant out of range {p.tokens[at]}: malformed lane index", at)
    return bytes(lanes)


# Indices


def _index(space: str) -> "Reader":
    return lambda p: unsigned(p.index(space))


def _optional_index(space: str) -> "Reader":
    return lambda p: unsigned(p.index(space)) if p.at_index() else b"\0"


def _local(p: "CodeParser") -> bytes:
    token = p.tokens[p.pos]
    index = p.locals.get(token)
    if index is None:
        if token[:1] != "$":
            return unsigned(p.u32())
        index = p.locals.get(p.source.identifier(p.pos))
        if index is None:
            p.fail(f"unknown local {token}")
    p.pos += 1
    return unsigned(index)


def _data(p: "CodeParser") -> bytes:
    p.uses_data = True
    return unsigned(p.index("data"))


def _type_field(p: "CodeParser") -> bytes:
    index = p.index("type")
    token = p.tokens[p.pos]
    if token[:1] != "$":
        return unsigned(index) + unsigned(p.u32())
    field = p.field_names.get(index, {}).get(p.source.identifier(p.pos))
    if field is None:
        p.fail(f"unknown field {token}")
    p.pos += 1
    return unsigned(index) + unsigned(field)


def _labels(p: "CodeParser") -> bytes:
    labels = [p.label()]
    while p.at_index():
        labels.append(p.label())
    return unsigned(len(labels) - 1) + b"".join(map(unsigned, labels))


def _two_optional(space: str) -> "Reader":
    """None or two indices of one space."""
    return lambda p: unsigned(p.index(space)) + unsigned(p.index(space)) if p.at_index() else b"\0\0"


def _segment(segment: "Reader", space: str) -> "Reader":
    """An optional index of a memory or table, then a segment; the binary format has them in the opposite order."""

    def read(p: "CodeParser") -> bytes:
        index = 0
        if p.at_index() and p.tokens[p.pos + 1][:1] in tuple("$0123456789"):
            index = p.index(space)
        return segment(p) + unsigned(index)

    return read


# Memory arguments


def _memarg(align: int, has_lane: bool) -> "Reader":
    def read(p: "CodeParser") -> bytes:
        mem = 0
        token = p.tokens[p.pos]
        if token[:1] in tuple("$0123456789"):
            after = p.tokens[p.pos + 1]
            # before a lane index, a number is the memory only if something follows that is no operand
            if not has_lane or token[0] == "$" or after[:1].isdigit() or after.startswith(("offset=", "align=")):
                mem = p.index("memory")
                token = p.tokens[p.pos]
        offset, exponent = 0, align
        if token.startswith("offset="):
            offset = _field(p, token, 7)
            token = p.tokens[p.pos]
        if token.startswith("align="):
            value = _field(p, token, 6)
            if value.bit_count() != 1:
                p.fail(f"alignment must be a power of two, not {value}", p.pos - 1)
            exponent = value.bit_length() - 1
        if mem:
            return unsigned(exponent | 0x40) + unsigned(mem) + unsigned(offset)
        return unsigned(exponent) + unsigned(offset)

    return read


def _field(p: "CodeParser", token: str, start: int) -> int:
    try:
        value = numbers.unsigned(token[start:], 64)
    except OverflowError:
        p.fail(f"i64 constant out of range {token}")
    except ValueError:
        p.unexpected()
    p.pos += 1
    return value


# Types


def _select(p: "CodeParser") -> bytes:
    if not (p.tokens[p.pos] == "(" and p.tokens[p.pos + 1] == "result"):
        return b"\x1b"
    types = []
    while p.opens("result"):
        types += p.val_types()
    return b"\x1c" + unsigned(len(types)) + b"".join(map(val_type, types))


def _reference(code: bytes, code_null: bytes) -> "Reader":
    """A reference type, for which there are two opcodes."""

    def read(p: "CodeParser") -> bytes:
        ref = p.ref_type()
        return (code_null if ref.nullable else code) + heap_type(ref.heap)

    return read


def _cast(p: "CodeParser") -> bytes:
    label, source, target = p.label(), p.ref_type(), p.ref_type()
    flags = source.nullable | target.nullable << 1
    return bytes((flags,)) + unsigned(label) + heap_type(source.heap) + heap_type(target.heap)


def _call_indirect(p: "CodeParser") -> bytes:
    table = p.optional_index("table")
    return unsigned(p.type_use()) + unsigned(table)


_KINDS: "dict[tuple[str, ...], Reader]" = {
    **{(space,): _index(space) for space in ("type", "func", "global", "tag", "elem")},
    ("local",): _local,
    ("label",): lambda p: unsigned(p.label()),
    ("data",): _data,
    ("table",): _optional_index("table"),
    ("mem",): _optional_index("memory"),
    ("type", "field"): _type_field,
    ("type", "table"): _call_indirect,
    ("type", "u32"): lambda p: unsigned(p.index("type")) + unsigned(p.u32()),
    ("type", "data"): lambda p: unsigned(p.index("type")) + _data(p),
    ("type", "elem"): lambda p: unsigned(p.index("type")) + unsigned(p.index("elem")),
    ("type", "type"): lambda p: unsigned(p.index("type")) + unsigned(p.index("type")),
    ("labels", "label"): _labels,
    ("data", "mem"): _segment(_data, "memory"),
    ("elem", "table"): _segment(_index("elem"), "table"),
    ("mem", "mem"): _two_optional("memory"),
    ("table", "table"): _two_optional("table"),
    ("zero",): lambda p: b"\0",
    ("heap",): lambda p: heap_type(p.heap_type()),
    ("cast",): _cast,
    ("i32",): _constant(_integer_constant, 32),
    ("i64",): _constant(_integer_constant, 64),
    ("f32",): _constant(_float_constant, 32),
    ("f64",): _constant(_float_constant, 64),
    ("v128",): _v128,
    ("lane",): _lane,
    ("lanes",): _lanes,
}


def _reader(op: Op) -> "Reader":
    code = _opcode(op)
    if op.immediates[0] == "memarg":
        memarg = _memarg(op.align, "lane" in op.immediates)
        if "lane" in op.immediates:
            return lambda p: code + memarg(p) + _lane(p)
        return lambda p: code + memarg(p)
    kind = _KINDS[op.immediates]
    return lambda p: code + kind(p)


_STRUCTURED = ("block", "loop", "if", "else", "end", "try_table")

#: The binary form of the instructions without immediates, by mnemonic.
SIMPLE = {
    op.mnemonic: _opcode(op) for op in OPS.values() if not op.immediates and op.mnemonic not in (*_STRUCTURED, "select")
}

#: What reads the immediates of the others and returns the binary form of the whole instruction, by mnemonic.
READERS: "dict[str, Reader]" = {
    **{
        op.mnemonic: _reader(op)
        for op in OPS.values()
        if op.immediates and op.mnemonic == op.name and op.mnemonic not in _STRUCTURED
    },
    "select": _select,
    "ref.test": _reference(b"\xfb\x14", b"\xfb\x15"),
    "ref.cast": _reference(b"\xfb\x16", b"\xfb\x17"),
}
