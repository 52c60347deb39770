"""From bytes to a module (specification, section "Binary Format, Modules")."""

from ..errors import DecodeError
from ..features import Features
from ..syntax.module import (
    Active,
    Custom,
    Data,
    Elem,
    Export,
    Expr,
    Func,
    Global,
    Import,
    Module,
    Table,
)
from ..syntax.types import FUNC, FUNCREF, ExternType, FuncIndexType, RefType, ValType
from .code import iterate, skip_expr
from .leb128 import UNEXPECTED_END
from .reader import ALL, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC = b"\0asm"
VERSION = b"\1\0\0\0"

#: What an export can be, by its code; an import as well.
KINDS = ("func", "table", "memory", "global", "tag")

#: Section ids in the order in which sections stand.
ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)


def decode(data: "bytes | bytearray | memoryview", features: Features = Features.CORE_3_0) -> Module:
    """Decode a module in the binary format.

    Function bodies stay slices of ``data`` that nobody has looked into: see ``decode_bodies``.

    Args:
        data: the whole module.
        features: what the module may use; anything else is as malformed as if it did not exist.

    Raises:
        DecodeError: the bytes are not a module, wherever something is wrong outside function bodies.
    """
    return _Decoder(bytes(data), features).module()


def decode_locals(
    data: bytes, start: int = 0, end: int | None = None, features: Features = ALL
) -> "tuple[tuple[tuple[int, ValType], ...], int]":
    """The (count, type) runs of locals at the start of a function body, and where its first instruction is.

    Raises DecodeError, also if there are 2^32 locals or more.
    """
    if end is None:
        end = len(data)
    if start < end and not data[start]:
        return (), start + 1
    reader = Reader(data, start, features)
    total = 0
    runs = []
    for _ in range(reader.u32()):
        count_at = reader.pos
        count = reader.u32()
        runs.append((count, reader.val_type()))
        total += count
        if total >= 1 << 32:
            raise DecodeError("too many locals", count_at)
        if reader.pos > end:
            break
    if reader.pos > end:
        raise DecodeError(UNEXPECTED_END, end)
    return tuple(runs), reader.pos


def decode_bodies(module: Module, features: Features = Features.CORE_3_0) -> None:
    """Walk the bodies of all functions, for those who decode without validating.

    Raises DecodeError if one is malformed: not made of instructions, not properly nested, or in need of a data count
    section that is missing.
    """
    for func in module.funcs:
        decode_body(func, features, module.data_count is not None)


def decode_body(func: Func, features: Features = Features.CORE_3_0, data_count: bool = True) -> None:
    """Walk one body.  Raises DecodeError as ``decode_bodies`` does."""
    data, end = func.data, func.end
    _, pos = decode_locals(data, func.start, end, features)
    nesting = [0x02]
    for instr in iterate(data, pos, end, features):
        if not nesting:
            raise DecodeError("section size mismatch", instr.offset)
        op = instr.op
        if op.code == 0x0B:
            nesting.pop()
        elif op.code == 0x05:
            if nesting[-1] != 0x04:
                raise DecodeError("illegal opcode 05", instr.offset)
            nesting[-1] = 0x05
        elif op.immediates:
            if op.immediates[0] == "block":
                nesting.append(op.code)
            elif not data_count and "data" in op.immediates:
                raise DecodeError("data count section required", instr.offset)
    if nesting:
        raise missing_end(data, end)


def missing_end(data: bytes, end: int) -> DecodeError:
    """The error for a body that stops at ``end`` without its ``end`` instruction.

    The official suite's words depend on what a decoder would find that reads on.
    """
    if end >= len(data):
        return DecodeError(UNEXPECTED_END, end)
    return DecodeError("section size mismatch" if data[end] == 0x0B else "END opcode expected", end)


class _Decoder(Reader):
    """Decodes sections, each into one part of the module."""

    def __init__(self, data: bytes, features: Features) -> None:
        super().__init__(data, 0, features)
        self.type_indices: list[int] = []
        self.codes: list[Func] = []
        self.parts: dict[str, object] = {}

    def module(self) -> Module:
        data = self.data
        for expected, message in (MAGIC, "magic header not detected"), (VERSION, "unknown binary version"):
            found = data[self.pos : self.pos + 4]
            if found != expected:
                raise DecodeError(message if len(found) == 4 else UNEXPECTED_END, self.pos)
            self.pos += 4
        customs = []
        after = 0
        while self.pos < len(data):
            start = self.pos
            section = self.byte()
            if (section and section not in _SECTIONS) or (section == 12 and Features.BULK_MEMORY not in self.features):
                raise DecodeError("malformed section id", start)
            if section == 13 and Features.EXCEPTIONS not in self.features:
                raise DecodeError("malformed section id", start)
            size = self.length()
            end = self.pos + size
            if section:
                if after and ORDER.index(section) <= ORDER.index(after):
                    raise DecodeError("unexpected content after last section", start)
                after = section
                part, read = _SECTIONS[section]
                self.parts[part] = read(self)
            else:
                name = self.name()
                if self.pos > end:
                    raise DecodeError(UNEXPECTED_END, end)
                customs.append(Custom(name, data[self.pos : end], after))
                self.pos = end
            if self.pos != end:
                raise DecodeError("section size mismatch", self.pos)
        parts = self.parts
        funcs = parts.pop("codes", ())
        types = parts.pop("type_indices", ())
        assert isinstance(funcs, tuple)
        assert isinstance(types, tuple)
        if len(funcs) != len(types):
            raise DecodeError("function and code section have inconsistent lengths", self.pos)
        for func, index in zip(funcs, types, strict=True):
            func.type = index
        datas = parts.get("datas", ())
        assert isinstance(datas, tuple)
        if parts.get("data_count", None) not in (None, len(datas)):
            raise DecodeError("data count and data section have inconsistent lengths", self.pos)
        return Module(funcs=funcs, customs=tuple(customs), binary=data, **parts)  # type: ignore[arg-type]

    def types(self) -> object:
        return self.vec(self.rec_type)

    def imports(self) -> object:
        return self.vec(self.import_)

    def import_(self) -> Import:
        module = self.name()
        name = self.name()
        start = self.pos
        kind = self.byte()
        reads: tuple[Callable[[], ExternType], ...] = (
            lambda: FuncIndexType(self.u32()),
            self.table_type,
            self.mem_type,
            self.global_type,
            self.tag_type,
        )
        if kind > 4 or (kind == 4 and Features.EXCEPTIONS not in self.features):
            raise DecodeError("malformed import kind", start)
        return Import(module, name, reads[kind]())

    def func_types(self) -> object:
        return self.vec(self.u32)

    def tables(self) -> object:
        return self.vec(self.table)

    def table(self) -> Table:
        if self.peek() == 0x40 and Features.FUNCTION_REFERENCES in self.features:
            self.pos += 1
            self.zero()
            table_type = self.table_type()
            return Table(table_type, self.expr())
        return Table(self.table_type(), None)

    def mems(self) -> object:
        return self.vec(self.mem_type)

    def tags(self) -> object:
        return self.vec(self.tag_type)

    def globals(self) -> object:
        return self.vec(self.global_)

    def global_(self) -> Global:
        global_type = self.global_type()
        return Global(global_type, self.expr())

    def expr(self) -> Expr:
        start = self.pos
        skip_expr(self)
        return Expr(self.data, start, self.pos)

    def exports(self) -> object:
        return self.vec(self.export)

    def export(self) -> Export:
        name = self.name()
        start = self.pos
        kind = self.byte()
        if kind > 4 or (kind == 4 and Features.EXCEPTIONS not in self.features):
            raise DecodeError("malformed export kind", start)
        return Export(name, KINDS[kind], self.u32())

    def start(self) -> object:
        return self.u32()

    def elems(self) -> object:
        return self.vec(self.elem)

    def elem(self) -> Elem:
        start = self.pos
        flags = self.u32()
        if not self.features & (Features.BULK_MEMORY | Features.REFERENCE_TYPES):
            # version 1.0: the index of the table
            offset = self.expr()
            return Elem(RefType(False, FUNC), self.vec(self.u32), Active(flags, offset))
        if flags > 7:
            raise DecodeError("malformed elements segment kind", start)
        mode: str | Active
        if flags & 1:
            mode = "declarative" if flags & 2 else "passive"
        else:
            index = self.u32() if flags & 2 else 0
            mode = Active(index, self.expr())
        if flags & 4:
            ref = self.ref_type() if flags & 3 else FUNCREF
            return Elem(ref, self.vec(self.expr), mode)
        if flags & 3:
            self.zero("malformed element kind")
        return Elem(RefType(False, FUNC), self.vec(self.u32), mode)

    def data_count(self) -> object:
        return self.u32()

    def code(self) -> object:
        data = self.data
        funcs = []
        for _ in range(self.u32()):
            size = self.length()
            start = self.pos
            self.pos = start + size
            funcs.append(Func(0, data, start, self.pos))
        return tuple(funcs)

    def datas(self) -> object:
        return self.vec(self.data_segment)

    def data_segment(self) -> Data:
        start = self.pos
        flags = self.u32()
        if Features.BULK_MEMORY in self.features:
            if flags > 2:
                raise DecodeError("malformed data segment kind", start)
            if flags == 1:
                return Data(self.bytes(self.length()), "passive")
            if flags == 2:
                flags = self.u32()
        mode = Active(flags, self.expr())
        return Data(self.bytes(self.length()), mode)


_SECTIONS: "dict[int, tuple[str, Callable[[_Decoder], object]]]" = {
    1: ("types", _Decoder.types),
    2: ("imports", _Decoder.imports),
    3: ("type_indices", _Decoder.func_types),
    4: ("tables", _Decoder.tables),
    5: ("mems", _Decoder.mems),
    6: ("globals", _Decoder.globals),
    7: ("exports", _Decoder.exports),
    8: ("start", _Decoder.start),
    9: ("elems", _Decoder.elems),
    10: ("codes", _Decoder.code),
    11: ("datas", _Decoder.datas),
    12: ("data_count", _Decoder.data_count),
    13: ("tags", _Decoder.tags),
}
