"""Instructions (specification, section "Binary Format, Instructions")."""

from ..errors import DecodeError
from ..features import Features
from ..syntax.instructions import OPS, Instr, Op
from ..syntax.types import AbsHeapType, RefType, ValType
from .leb128 import UNEXPECTED_END, signed, unsigned
from .reader import ALL, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Catch = tuple[int, int | None, int]
    MemArg = tuple[int, int, int]

#: The first bytes of two-part opcodes.
PREFIXES = (0xFB, 0xFC, 0xFD, 0xFE)


def iterate(data: bytes, start: int = 0, end: int | None = None, features: Features = ALL) -> "Iterator[Instr]":
    """The instructions in ``data[start:end]``, in order.

    Whether blocks are properly nested is not looked at.  Raises DecodeError at the first byte that is no instruction
    of the given features, and where an instruction goes on beyond ``end``.
    """
    if end is None:
        end = len(data)
    reader = Reader(data, start, features)
    pos = start
    while pos < end:
        op = OPS.get(data[pos])
        if op is None or op.feature not in features:
            reader.pos = pos
            op = read_op(reader)
            reads = IMMEDIATES[op.immediates]
        else:
            reads = IMMEDIATES[op.immediates]
            if not reads:
                yield Instr(op, (), pos)
                pos += 1
                continue
            reader.pos = pos + 1
        immediates = tuple([read(reader) for read in reads])
        if reader.pos > end:
            raise DecodeError(UNEXPECTED_END, end)
        yield Instr(op, immediates, pos)
        pos = reader.pos


def read_op(reader: Reader) -> Op:
    """Read an opcode, of one or two parts."""
    start = reader.pos
    code = reader.byte()
    if code in PREFIXES:
        number = reader.u32()
        op = OPS.get(code << 16 | number)
        if op is None or op.feature not in reader.features:
            raise DecodeError(f"illegal opcode {code:02x} {number:02x}", start)
        return op
    op = OPS.get(code)
    if op is None or op.feature not in reader.features:
        raise DecodeError(f"illegal opcode {code:02x}", start)
    return op


def skip_expr(reader: Reader) -> None:
    """Move behind the ``end`` of the expression that begins here."""
    depth = 0
    while True:
        op = read_op(reader)
        for read in IMMEDIATES[op.immediates]:
            read(reader)
        if op.code == 0x0B:
            if not depth:
                return
            depth -= 1
        elif op.immediates[:1] == ("block",):
            depth += 1


# Immediates: how each kind is read and written


def _read_block(reader: Reader) -> "ValType | int | None":
    byte = reader.peek()
    if byte == 0x40:
        reader.pos += 1
        return None
    if byte in reader.val_types or byte in (0x63, 0x64) or Features.MULTI_VALUE not in reader.features:
        return reader.val_type()
    start = reader.pos
    index = reader.s33()
    if index < 0:
        raise DecodeError("malformed block type", start)
    return index


def _read_memarg(reader: Reader) -> "MemArg":
    start = reader.pos
    align = reader.u32()
    mem = 0
    if Features.MULTI_MEMORY in reader.features:
        if align & 0x40:
            align ^= 0x40
            mem = reader.u32()
        if align >= 0x40:
            raise DecodeError("malformed memop flags", start)
    return align, (reader.u64() if Features.MEMORY64 in reader.features else reader.u32()), mem


def _read_mem(reader: Reader) -> int:
    return reader.u32() if Features.MULTI_MEMORY in reader.features else reader.zero()


def _read_table(reader: Reader) -> int:
    return reader.u32() if Features.REFERENCE_TYPES in reader.features else reader.zero("zero flag expected")


def _read_labels(reader: Reader) -> "tuple[int, ...]":
    return reader.vec(reader.u32)


def _read_types(reader: Reader) -> "tuple[ValType, ...]":
    return reader.vec(reader.val_type)


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


def heap_type(heap: "AbsHeapType | int") -> bytes:
    """The encoding of a heap type."""
    return signed(heap) if isinstance(heap, int) else bytes((heap.code,))


def ref_type(ref: RefType) -> bytes:
    """The encoding of a reference type, in its short form where it has one."""
    if ref.nullable and not isinstance(ref.heap, int):
        return bytes((ref.heap.code,))
    return bytes((0x63 if ref.nullable else 0x64,)) + heap_type(ref.heap)


def val_type(type: ValType) -> bytes:
    """The encoding of a value type."""
    return ref_type(type) if isinstance(type, RefType) else bytes((type.code,))


def _write_block(block: "ValType | int | None") -> bytes:
    if block is None:
        return b"\x40"
    return signed(block) if isinstance(block, int) else val_type(block)


def _write_memarg(memarg: "MemArg") -> bytes:
    align, offset, mem = memarg
    if mem:
        return unsigned(align | 0x40) + unsigned(mem) + unsigned(offset)
    return unsigned(align) + unsigned(offset)


def _write_labels(labels: "tuple[int, ...]") -> bytes:
    return unsigned(len(labels)) + b"".join(map(unsigned, labels))


def _write_types(types: "tuple[ValType, ...]") -> bytes:
    return unsigned(len(types)) + b"".join(map(val_type, types))


def _write_cast(cast: "tuple[int, RefType, RefType]") -> bytes:
    label, source, target = cast
    flags = source.nullable | target.nullable << 1
    return bytes((flags,)) + unsigned(label) + heap_type(source.heap) + heap_type(target.heap)


def _write_catches(catches: "tuple[Catch, ...]") -> bytes:
    clauses = [
        bytes((kind,)) + (b"" if tag is None else unsigned(tag)) + unsigned(label) for kind, tag, label in catches
    ]
    return unsigned(len(clauses)) + b"".join(clauses)


_KINDS: "dict[str, tuple[Callable[[Reader], object], Callable[[Any], bytes]]]" = {
    **dict.fromkeys(
        ("type", "func", "global", "local", "elem", "data", "tag", "field", "label", "u32"), (Reader.u32, unsigned)
    ),
    "table": (_read_table, unsigned),
    "mem": (_read_mem, unsigned),
    "lane": (Reader.byte, lambda lane: bytes((lane,))),
    "zero": (Reader.zero, lambda zero: bytes((zero,))),
    "block": (_read_block, _write_block),
    "labels": (_read_labels, _write_labels),
    "memarg": (_read_memarg, _write_memarg),
    "i32": (Reader.s32, signed),
    "i64": (Reader.s64, signed),
    "f32": (Reader.f32, lambda bits: bits.to_bytes(4, "little")),
    "f64": (Reader.f64, lambda bits: bits.to_bytes(8, "little")),
    "v128": (Reader.v128, bytes),
    "lanes": (Reader.v128, bytes),
    "heap": (Reader.heap_type, heap_type),
    "types": (_read_types, _write_types),
    "cast": (_read_cast, _write_cast),
    "catches": (_read_catches, _write_catches),
}

#: How the immediates of an instruction are read, by their kinds.
IMMEDIATES = {op.immediates: tuple([_KINDS[kind][0] for kind in op.immediates]) for op in OPS.values()}

_WRITES = {kind: write for kind, (_, write) in _KINDS.items()}


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
