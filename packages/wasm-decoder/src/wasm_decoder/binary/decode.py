"""From bytes to a module (specification, section "Binary Format, Modules")."""

from ..errors import DecodeError
from ..features import Features
from ..syntax.module import Active, Custom, Elem, Export, Expr, Func, Global, Import, Module, Table
from ..syntax.types import FUNC, FUNCREF, ExternType, FuncIndexType, RefType, ValType
from .code import ELSE, END, IF, iterate
from .datas import DataSegments, constant
from .functions import Functions
from .leb128 import UNEXPECTED_END, read_unsigned
from .reader import Reader, grammar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _T = TypeVar("_T")
    Runs = tuple[tuple[int, ValType], ...]

MAGIC = b"\0asm"
VERSION = b"\1\0\0\0"

#: What an import or an export can be, by its code.
KINDS = ("func", "table", "memory", "global", "tag")

#: The ids of the sections in the order in which they stand.
ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)

#: The type of the elements of a segment that is written as function indices.
_FUNC_INDICES = RefType(False, FUNC)


def decode(data: "bytes | bytearray | memoryview", features: Features = Features.CORE_3_0) -> Module:
    """Decode a module in the binary format.

    Function bodies stay slices of ``data`` that nobody has looked into: ``decode_bodies`` does, and validation does.

    Args:
        data: the whole module.
        features: what the module may use; anything else is as malformed as if it did not exist.

    Raises:
        DecodeError: the bytes are not a module: something outside the bodies is malformed.  If a body before it is as
            well, the error is about the body, which is then the likely reason.
    """
    decoder = _Decoder(data if isinstance(data, bytes) else bytes(memoryview(data)), features)
    try:
        return decoder.module()
    except DecodeError:
        for func in decoder.funcs:
            _walk(func, features, "data_count" in decoder.parts)
        raise


def decode_bodies(module: Module, features: Features = Features.CORE_3_0) -> None:
    """Walk the bodies of all functions, for those who decode without validating.

    Raises DecodeError if one is malformed: its locals or instructions are, its blocks are not properly nested, or it
    needs a data count section that is missing.
    """
    for func in module.funcs:
        _walk(func, features, module.data_count is not None)


def decode_locals(
    data: bytes, start: int = 0, end: int | None = None, features: Features = Features.ALL
) -> "tuple[Runs, int]":
    """The (count, type) runs of locals at the start of a function body, and where its first instruction is.

    The counts may add up to anything below 2^32: whoever allocates locals needs a limit of its own.

    Raises DecodeError.
    """
    if end is None:
        end = len(data)
    try:
        count = data[start]
        pos = start + 1
        if count >= 0x80:
            count, pos = read_unsigned(data, start)
        known = grammar(features).val_types
        total = 0
        runs = []
        for _ in range(count):
            repeat = data[pos]
            if repeat < 0x80:
                pos += 1
            else:
                repeat, pos = read_unsigned(data, pos)
            val_type = known.get(data[pos])
            if val_type is None:
                reader = Reader(data, pos, features)
                val_type = reader.val_type()
                pos = reader.pos
            else:
                pos += 1
            if pos > end:
                break
            total += repeat
            if total >= 1 << 32:
                raise DecodeError("too many locals", pos)
            runs.append((repeat, val_type))
    except IndexError:
        raise DecodeError(UNEXPECTED_END, end) from None
    if pos > end:
        raise DecodeError(UNEXPECTED_END, end)
    return tuple(runs), pos


def place(module: Module, part: str, index: int = 0, features: Features = Features.CORE_3_0) -> int | None:
    """Where an element of a part of the module begins, in bytes from its start.

    Args:
        module: a module that ``decode`` has made.
        part: one of ``Module.PARTS`` but "customs".
        index: the element's, from 0; not used where the part is a number.
        features: those that the module was decoded with.

    Returns:
        The offset; None if the module does not come from bytes, or has no such element.
    """
    if part == "funcs":
        return module.funcs[index].start if index < len(module.funcs) else None
    if part == "datas":
        datas = module.datas
        return datas.place(index) if isinstance(datas, DataSegments) and index < len(datas) else None
    decoder = _Decoder(module.binary or b"", features)
    decoder.pos = len(MAGIC + VERSION)
    while decoder.pos < len(decoder.data):
        row = _SECTIONS.get(decoder.byte())
        end = decoder.size() + decoder.pos
        if row is not None and row[0] == part:
            _, _, read, is_vec = row
            if is_vec:
                if index >= decoder.u32():
                    return None
                for _ in range(index):
                    read(decoder)
            return decoder.pos
        decoder.pos = end
    return None


def missing_end(data: bytes, end: int) -> DecodeError:
    """The error for a body that stops at ``end`` without its ``end`` instruction.

    The official suite's words depend on what a decoder finds that reads on.
    """
    if end >= len(data):
        return DecodeError(UNEXPECTED_END, end)
    return DecodeError("section size mismatch" if data[end] == END else "END opcode expected", end)


def _walk(func: Func, features: Features, has_data_count: bool) -> None:
    """Walk one body.  Raises DecodeError if it is malformed."""
    data, end = func.data, func.end
    _, pos = decode_locals(data, func.start, end, features)
    blocks = [END]  # the opcodes of the blocks that are open, the body's own being none
    for instr in iterate(data, pos, end, features):
        if not blocks:
            raise DecodeError("section size mismatch", instr.offset)
        op = instr.op
        if op.code == END:
            blocks.pop()
        elif op.code == ELSE:
            if blocks[-1] != IF:
                raise DecodeError("illegal opcode 05", instr.offset)
            blocks[-1] = ELSE
        elif op.immediates:
            if op.immediates[0] == "block":
                blocks.append(op.code)
            elif not has_data_count and "data" in op.immediates:
                raise DecodeError("data count section required", instr.offset)
    if blocks:
        raise missing_end(data, end)


class _Decoder(Reader):
    """Reads sections, each into one part of the module."""

    __slots__ = ("funcs", "parts")

    def __init__(self, data: bytes, features: Features) -> None:
        super().__init__(data, 0, features)
        #: the content of the sections so far
        self.parts: dict[str, Any] = {}
        #: the functions so far
        self.funcs = Functions(data)

    def module(self) -> Module:
        """The whole module."""
        data = self.data
        for expected, message in (MAGIC, "magic header not detected"), (VERSION, "unknown binary version"):
            found = data[self.pos : self.pos + 4]
            if found != expected:
                raise DecodeError(message if len(found) == 4 else UNEXPECTED_END, self.pos)
            self.pos += 4
        parts = self.parts
        customs = []
        last = place = 0
        while self.pos < len(data):
            start = self.pos
            number = self.byte()
            row = _SECTIONS.get(number)
            if number and (row is None or (row[1] and row[1] not in self.features)):
                raise DecodeError("malformed section id", start)
            size = self.size()
            end = self.pos + size
            if row is None:
                customs.append(self.custom(end, last))
            else:
                if ORDER.index(number) < place:
                    raise DecodeError("unexpected content after last section", start)
                place = ORDER.index(number) + 1
                last = number
                part, _, read, is_vec = row
                parts[part] = self.vec(lambda: read(self)) if is_vec else read(self)  # noqa: B023 - called at once
            if self.pos != end:
                raise DecodeError("section size mismatch", min(self.pos, end))
        if len(self.funcs) != len(parts.pop("type_indices", ())):
            raise DecodeError("function and code section have inconsistent lengths", len(data))
        datas = len(parts.get("datas", ()))
        if parts.get("data_count", datas) != datas:
            raise DecodeError("data count and data section have inconsistent lengths", len(data))
        return Module(**parts, customs=tuple(customs), binary=data)

    def custom(self, end: int, after: int) -> Custom:
        """The content of a custom section."""
        name = self.name()
        if self.pos > end:
            raise DecodeError(UNEXPECTED_END, end)
        content = Custom(name, self.data, after, self.pos, end)
        self.pos = end
        return content

    def kind(self, message: str) -> int:
        """The code of what is imported or exported."""
        code = self.byte()
        if code > (4 if self.grammar.exceptions else 3):
            raise DecodeError(message, self.pos - 1)
        return code

    def import_(self) -> Import:
        """An import."""
        module = self.name()
        name = self.name()
        return Import(module, name, _EXTERN_TYPES[self.kind("malformed import kind")](self))

    def table(self) -> Table:
        """A table, with or without an initial value."""
        if self.peek() == 0x40 and self.grammar.typed_references:
            self.pos += 1
            self.zero()
            table_type = self.table_type()
            return Table(table_type, self.expr())
        return Table(self.table_type(), None)

    def global_(self) -> Global:
        """A global with its initial value."""
        global_type = self.global_type()
        return Global(global_type, self.expr())

    def expr(self) -> Expr:
        """A constant expression."""
        return constant(self)

    def export(self) -> Export:
        """An export."""
        name = self.name()
        kind = KINDS[self.kind("malformed export kind")]
        return Export(name, kind, self.u32())

    def elem(self) -> Elem:
        """An element segment."""
        mode: str | Active
        start = self.pos
        flags = self.u32()
        if not (self.grammar.bulk_memory or self.grammar.reference_types):
            # in version 1.0 this is the index of the table
            mode = Active(flags, self.expr())
            return Elem(_FUNC_INDICES, self.indices(), mode)
        if flags > 7:
            raise DecodeError("malformed elements segment kind", start)
        if flags & 1:
            mode = "declarative" if flags & 2 else "passive"
        else:
            table = self.u32() if flags & 2 else 0
            mode = Active(table, self.expr())
        if flags & 4:
            ref = self.ref_type() if flags & 3 else FUNCREF
            return Elem(ref, self.vec(self.expr), mode)
        if flags & 3:
            self.zero("malformed element kind")
        return Elem(_FUNC_INDICES, self.indices(), mode)

    def code(self) -> Functions:
        """The code section: where each body begins and ends."""
        self.funcs = Functions(self.data, self.parts.get("type_indices", ()))
        self.funcs.read(self)
        return self.funcs


_EXTERN_TYPES: "tuple[Callable[[_Decoder], ExternType], ...]" = (
    lambda self: FuncIndexType(self.u32()),
    _Decoder.table_type,
    _Decoder.mem_type,
    _Decoder.global_type,
    _Decoder.tag_type,
)


# Every section: the part of the module that it holds, the feature that brought it, what reads it, and whether that
# reads one element of a vector.
_SECTIONS: "dict[int, tuple[str, Features, Callable[[_Decoder], object], bool]]" = {
    1: ("types", Features.NONE, _Decoder.rec_type, True),
    2: ("imports", Features.NONE, _Decoder.import_, True),
    3: ("type_indices", Features.NONE, _Decoder.indices, False),
    4: ("tables", Features.NONE, _Decoder.table, True),
    5: ("mems", Features.NONE, _Decoder.mem_type, True),
    6: ("globals", Features.NONE, _Decoder.global_, True),
    7: ("exports", Features.NONE, _Decoder.export, True),
    8: ("start", Features.NONE, _Decoder.u32, False),
    9: ("elems", Features.NONE, _Decoder.elem, True),
    10: ("funcs", Features.NONE, _Decoder.code, False),
    11: ("datas", Features.NONE, DataSegments, False),
    12: ("data_count", Features.BULK_MEMORY, _Decoder.u32, False),
    13: ("tags", Features.EXCEPTIONS, _Decoder.tag_type, True),
}
