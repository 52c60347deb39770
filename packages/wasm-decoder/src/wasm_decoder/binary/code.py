"""Instructions (specification, section "Binary Format, Instructions")."""

from ..errors import DecodeError
from ..features import Features
from ..syntax.instructions import OPS, Instr, Op
from ..syntax.types import RefType, ValType
from .leb128 import UNEXPECTED_END, signed, unsigned
from .reader import Reader
from .writer import heap_type, val_type, vec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Read = Callable[[Reader], object]
    Row = tuple[Op, tuple[Read, ...], int]
    Catch = tuple[int, int | None, int]
    MemArg = tuple[int, int, int]

END = 0x0B
ELSE = 0x05
IF = 0x04

#: The first bytes of opcodes in two parts.
PREFIXES = (0xFB, 0xFC, 0xFD, 0xFE)


def iterate(
    data: bytes, start: int = 0, end: int | None = None, features: Features = Features.ALL
) -> "Iterator[Instr]":
    """The instructions in ``data[start:end]``, in order.

    Whether blocks are properly nested is not looked at, nor whether there is a final ``end``.

    Raises DecodeError at the first byte that is no instruction of the given features, and where an instruction goes
    on beyond ``end``.
    """
    if end is None:
        end = len(data)
    rows = opcodes(features)
    reader = Reader(data, start, features, end)
    pos = start
    while pos < end:
        row = rows[data[pos]]
        following = pos + 1
        if row is None:
            reader.pos = pos
            op = read_op(reader)
            immediates = read_immediates(reader, op)
            following = reader.pos
        else:
            op, reads, small = row
            if not reads:
                immediates = ()
            elif following < end and (byte := data[following]) < small:
                immediates = (byte,)
                following += 1
            else:
                reader.pos = following
                immediates = tuple([read(reader) for read in reads])
                following = reader.pos
        if following > end:
            raise DecodeError(UNEXPECTED_END, end)
        yield Instr(op, immediates, pos)
        pos = following


def read_op(reader: Reader) -> Op:
    """Read an opcode, of one part or two.  Raises DecodeError if it stands for nothing in the reader's features."""
    start = reader.pos
    code = reader.byte()
    words = f"illegal opcode {code:02x}"
    if code in PREFIXES:
        number = reader.u32()
        words += f" {number:02x}"
        # a number of more bits than the table has must not be taken for another prefix's
        code = code << 16 | number if number < 0x10000 else -1
    op = OPS.get(code)
    if op is None or op.feature not in reader.features:
        raise DecodeError(words, start)
    return op


def read_immediates(reader: Reader, op: Op) -> "tuple[object, ...]":
    """Read the immediates of an instruction, which ``Op.immediates`` describes."""
    return tuple([read(reader) for read in _READS[op.immediates]])


def skip_expr(reader: Reader) -> None:
    """Move behind the ``end`` of the expression that begins here.  Raises DecodeError."""
    depth = 0
    for instr in iterate(reader.data, reader.pos, None, reader.features):
        op = instr.op
        if op.code == END:
            if not depth:
                reader.pos = instr.offset + 1
                return
            depth -= 1
        elif op.immediates[:1] == ("block",):
            depth += 1
    raise DecodeError(UNEXPECTED_END, len(reader.data))


def encode_instrs(instrs: "Iterable[Instr]") -> bytes:
    """The binary form of the instructions, immediates in their shortest form."""
    out = bytearray()
    for instr in instrs:
        op = instr.op
        if op.code < 0x100:
            out.append(op.code)
        else:
            out.append(op.code >> 16)
            out += unsigned(op.code & 0xFFFF)
        for kind, value in zip(op.immediates, instr.immediates, strict=True):
            out += _WRITES[kind](value)
    return bytes(out)


# Immediates: how each kind is read and written


def _read_block(reader: Reader) -> "ValType | int | None":
    grammar = reader.grammar
    byte = reader.peek()
    if byte == 0x40:
        reader.pos += 1
        return None
    if byte in grammar.val_types or byte in (0x63, 0x64) or not grammar.multi_value:
        return reader.val_type()
    start = reader.pos
    index = reader.s33()
    if index < 0:
        raise DecodeError("malformed block type", start)
    return index


def _read_memarg(reader: Reader) -> "MemArg":
    data, start = reader.data, reader.pos
    if start + 1 < len(data) and (align := data[start]) < 0x20 and (offset := data[start + 1]) < 0x80:
        reader.pos = start + 2
        return align, offset, 0
    align = reader.u32()
    mem = 0
    if reader.grammar.multi_memory and align & 0x40:
        align ^= 0x40
        mem = reader.u32()
    if align >= (0x40 if reader.grammar.multi_memory else 0x20):
        raise DecodeError("malformed memop flags", start)
    return align, (reader.u64() if reader.grammar.memory64 else reader.u32()), mem


def _read_mem(reader: Reader) -> int:
    return reader.u32() if reader.grammar.multi_memory else reader.zero()


def _read_table(reader: Reader) -> int:
    return reader.u32() if reader.grammar.reference_types else reader.zero()


def _read_cast(reader: Reader) -> "tuple[int, RefType, RefType]":
    flags = reader.byte()
    if flags > 3:
        raise DecodeError("malformed br_on_cast flags", reader.pos - 1)
    label = reader.u32()
    source = RefType(bool(flags & 1), reader.heap_type())
    return label, source, RefType(bool(flags & 2), reader.heap_type())


def _read_catch(reader: Reader) -> "Catch":
    kind = reader.byte()
    if kind > 3:
        raise DecodeError("malformed catch clause", reader.pos - 1)
    tag = reader.u32() if kind < 2 else None
    return kind, tag, reader.u32()


def _read_catches(reader: Reader) -> "tuple[Catch, ...]":
    return reader.vec(lambda: _read_catch(reader))


def _write_block(block: "ValType | int | None") -> bytes:
    if block is None:
        return b"\x40"
    return signed(block) if isinstance(block, int) else val_type(block)


def _write_memarg(memarg: "MemArg") -> bytes:
    align, offset, mem = memarg
    if mem:
        return unsigned(align | 0x40) + unsigned(mem) + unsigned(offset)
    return unsigned(align) + unsigned(offset)


def _write_cast(cast: "tuple[int, RefType, RefType]") -> bytes:
    label, source, target = cast
    flags = source.nullable | target.nullable << 1
    return bytes((flags,)) + unsigned(label) + heap_type(source.heap) + heap_type(target.heap)


def _write_catch(catch: "Catch") -> bytes:
    kind, tag, label = catch
    return bytes((kind,)) + (b"" if tag is None else unsigned(tag)) + unsigned(label)


_INDICES = ("type", "func", "global", "local", "elem", "data", "tag", "field", "label", "u32")

_KINDS: "dict[str, tuple[Read, Callable[[Any], bytes]]]" = {
    **dict.fromkeys(_INDICES, (Reader.u32, unsigned)),
    "table": (_read_table, unsigned),
    "mem": (_read_mem, unsigned),
    "lane": (Reader.byte, lambda lane: bytes((lane,))),
    "zero": (Reader.zero, lambda zero: bytes((zero,))),
    "block": (_read_block, _write_block),
    "labels": (Reader.indices, lambda labels: vec(unsigned, labels)),
    "memarg": (_read_memarg, _write_memarg),
    "i32": (Reader.s32, signed),
    "i64": (Reader.s64, signed),
    "f32": (Reader.f32, lambda bits: bytes(bits.to_bytes(4, "little"))),
    "f64": (Reader.f64, lambda bits: bytes(bits.to_bytes(8, "little"))),
    "v128": (Reader.v128, bytes),
    "lanes": (Reader.v128, bytes),
    "heap": (Reader.heap_type, heap_type),
    "types": (Reader.result_type, lambda types: vec(val_type, types)),
    "cast": (_read_cast, _write_cast),
    "catches": (_read_catches, lambda catches: vec(_write_catch, catches)),
}

_WRITES = {kind: write for kind, (_, write) in _KINDS.items()}
_READS = {op.immediates: tuple([_KINDS[kind][0] for kind in op.immediates]) for op in OPS.values()}

# A single immediate of these kinds is its own encoding if its byte is less than this.
_SMALL = {**dict.fromkeys(_INDICES, 0x80), "table": 1, "mem": 1, "lane": 0x100, "zero": 1, "i32": 0x40, "i64": 0x40}

_OPCODES: "dict[int, list[Row | None]]" = {}


def opcodes(features: Features) -> "list[Row | None]":
    """The instructions by their first byte; None where there is none, or where its code has a second part.

    Each is a row of the instruction, what reads its immediates, and a bound: if the byte after the opcode is less, it
    is the only immediate.
    """
    rows = _OPCODES.get(features)
    if rows is None:
        rows = [None] * 0x100
        for op in OPS.values():
            if op.code < 0x100 and op.feature in features:
                small = _SMALL.get(op.immediates[0], 0) if len(op.immediates) == 1 else 0
                rows[op.code] = (op, _READS[op.immediates], small)
        _OPCODES[features] = rows
    return rows
