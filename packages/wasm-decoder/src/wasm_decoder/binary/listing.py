"""A function body as people read it: offsets, bytes, mnemonics, immediates with the names of what they mean."""

from struct import pack, unpack

from ..custom.names import names
from ..errors import DecodeError, ValidationError
from ..features import Features
from ..syntax.instructions import Instr, Op
from ..syntax.module import Module
from ..syntax.types import RefType, ValType
from .code import ELSE, END, iterate
from .decode import decode_locals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_SHOWN = 8  # as many bytes of an instruction are shown
_CATCHES = ("catch", "catch_ref", "catch_all", "catch_all_ref")


def disassemble(module: Module, index: int, features: Features = Features.ALL) -> "Iterator[str]":
    """The listing of a function, line by line.

    The first line is about the function; then there is one for each run of locals and for each instruction: where it
    stands, in bytes from the start of the module, its first bytes, and what they mean.  Names are the name section's.

    Args:
        module: any module; what is invalid is shown as well.
        index: in the function index space.
        features: what is an instruction at all.

    Raises:
        ValueError: there is no such function, or it is imported.
        DecodeError: what follows the last line is malformed.
    """
    imported = len(module.func_types) - len(module.funcs)
    if not imported <= index < len(module.func_types):
        raise ValueError(f"function {index} is imported" if 0 <= index < imported else f"there is no function {index}")
    return _lines(module, index, index - imported, features)


def _lines(module: Module, index: int, number: int, features: Features) -> "Iterator[str]":
    func = module.funcs[number]
    show = _Immediates(module, index)
    try:
        func_type = module.functype(func.type)
        signature, local = f" {func_type}", len(func_type.params)
    except ValidationError:
        signature, local = "", 0
    yield f"func {show.index('funcs', index)} (type {show.index('types', func.type)}){signature}"
    data = func.data
    runs, pos = decode_locals(data, func.start, func.end, features)
    for count, val_type in runs:
        last = "" if count == 1 else f"..{local + count - 1}"
        yield f"{'':8}  {'':{3 * _SHOWN}}  (local {show.index('locals', local)}{last} {val_type})"
        local += count
    depth = 1
    for instr, following in _spans(data, pos, func.end, features):
        op = instr.op
        if op.code in (ELSE, END):
            depth -= 1
        shown = data[instr.offset : min(following, instr.offset + _SHOWN)].hex(" ")
        more = "+" if following - instr.offset > _SHOWN else " "
        indent = "  " * max(0, min(depth, 40))
        yield f"{instr.offset:08x}  {shown:<{3 * _SHOWN - 1}}{more}  {indent}{op.mnemonic}{show.all(instr)}"
        if op.code == ELSE or op.immediates[:1] == ("block",):
            depth += 1


def _spans(data: bytes, start: int, end: int, features: Features) -> "Iterator[tuple[Instr, int]]":
    """Each instruction with where the next one stands."""
    last = None
    try:
        for instr in iterate(data, start, end, features):
            if last is not None:
                yield last, instr.offset
            last = instr
    except DecodeError as error:
        if last is not None:
            yield last, error.offset or end
        raise
    if last is not None:
        yield last, end


class _Immediates:
    """Shows the immediates of a function's instructions."""

    def __init__(self, module: Module, func: int) -> None:
        self.names = names(module)
        self.maps: dict[str, Mapping[int, str]] = {
            part: getattr(self.names, part)
            for part in ("funcs", "types", "tables", "mems", "globals", "elems", "datas", "tags")
        }
        self.maps["locals"] = self.names.locals.get(func, {})

    def all(self, instr: Instr) -> str:
        """The immediates of an instruction, each after a space."""
        op = instr.op
        parts = []
        for i, (kind, value) in enumerate(zip(op.immediates, instr.immediates, strict=True)):
            if kind == "field":
                name = self.names.fields.get(_int(instr.immediates[i - 1]), {}).get(_int(value))
                parts.append(_named(_int(value), name))
            else:
                parts.append(_SHOW[kind](self, value, op))
        return "".join([f" {part}" for part in parts if part])

    def index(self, part: str, index: int) -> str:
        """An index with the name that it has in that part of the module."""
        return _named(index, self.maps[part].get(index))


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _named(index: int, name: str | None) -> str:
    if name is None:
        return str(index)
    # a name is anything that the module's author likes, control sequences of a terminal included
    return f"{index} ${name if name.isprintable() else ascii(name)[1:-1]}"


def _index(part: str) -> "Callable[[_Immediates, Any, Op], str]":
    return lambda show, index, op: show.index(part, index)


def _nonzero(part: str) -> "Callable[[_Immediates, Any, Op], str]":
    """Table or memory 0 goes without saying, as in the text format."""
    return lambda show, index, op: show.index(part, index) if index else ""


def _block(show: _Immediates, block: "ValType | int | None", op: Op) -> str:
    if block is None:
        return ""
    return f"(type {show.index('types', block)})" if isinstance(block, int) else f"(result {block})"


def _memarg(show: _Immediates, memarg: "tuple[int, int, int]", op: Op) -> str:
    align, offset, mem = memarg
    parts = [show.index("mems", mem)] if mem else []
    if offset:
        parts.append(f"offset={offset}")
    if align != op.align:
        parts.append(f"align={1 << align}")
    return " ".join(parts)


def _float(float_format: str, int_format: str, bits: int) -> str:
    """A float as Python shows it; with its bits if it is not a number."""
    (value,) = unpack(float_format, pack(int_format, bits))
    return repr(value) if value == value else f"nan:{bits:#x}"


def _cast(show: _Immediates, cast: "tuple[int, RefType, RefType]", op: Op) -> str:
    label, source, target = cast
    return f"{label} {source} {target}"


def _catches(show: _Immediates, catches: "tuple[tuple[int, int | None, int], ...]", op: Op) -> str:
    clauses = [
        f"({_CATCHES[kind]} {label})" if tag is None else f"({_CATCHES[kind]} {show.index('tags', tag)} {label})"
        for kind, tag, label in catches
    ]
    return " ".join(clauses)


def _plain(show: _Immediates, value: object, op: Op) -> str:
    return str(value)


def _numbers(show: _Immediates, values: "tuple[int, ...] | bytes", op: Op) -> str:
    return " ".join(map(str, values))


_SHOW: "dict[str, Callable[[_Immediates, Any, Op], str]]" = {
    "type": lambda show, index, op: f"(type {show.index('types', index)})",
    "func": _index("funcs"),
    "global": _index("globals"),
    "local": _index("locals"),
    "elem": _index("elems"),
    "data": _index("datas"),
    "tag": _index("tags"),
    "table": _nonzero("tables"),
    "mem": _nonzero("mems"),
    "label": _plain,
    "u32": _plain,
    "lane": _plain,
    "zero": lambda show, zero, op: "",
    "block": _block,
    "labels": _numbers,
    "memarg": _memarg,
    "i32": _plain,
    "i64": _plain,
    "f32": lambda show, bits, op: _float("<f", "<I", bits),
    "f64": lambda show, bits, op: _float("<d", "<Q", bits),
    "v128": lambda show, lanes, op: "i32x4 " + " ".join([f"{lane:#010x}" for lane in unpack("<4I", lanes)]),
    "lanes": _numbers,
    "heap": lambda show, heap, op: show.index("types", heap) if isinstance(heap, int) else str(heap),
    "types": lambda show, types, op: f"(result {' '.join(map(str, types))})",
    "cast": _cast,
    "catches": _catches,
}
