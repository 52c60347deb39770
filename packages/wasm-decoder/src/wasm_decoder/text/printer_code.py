"""Instructions in the text format, from what the iterator over the binary format gives."""

from ..errors import DecodeError
from ..syntax.instructions import Instr
from ..syntax.types import RefType
from .literals import identifier, string
from .numbers import float_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .printer import Identifiers, Printer

    Show = Callable[["CodePrinter", Any], str]

_BLOCKS = ("block", "loop", "if", "try_table")
_CATCHES = ("catch", "catch_ref", "catch_all", "catch_all_ref")
_MAX_INDENTATION = 60  # deeper blocks are not indented further: text may not grow with the square of the depth


class CodePrinter:
    """Prints the instructions of one body and keeps track of its blocks.

    ``labels`` are the names of the blocks by their numbers; those that are printed are noted in ``printed``.
    """

    __slots__ = ("_blocks", "_ended", "_innermost", "_labels", "_open", "_printed", "locals", "printer")

    def __init__(
        self, printer: "Printer", locals: "Identifiers", labels: "Mapping[int, str]", printed: dict[int, str]
    ) -> None:
        self.printer = printer
        self.locals = locals
        self._labels = labels
        self._printed = printed
        self._blocks = 0
        #: of the blocks around: mnemonic, label, and depth of the next one further out with the same label
        self._open: list[tuple[str, str | None, int | None]] = []
        self._innermost: dict[str, int | None] = {}
        self._ended = False

    @property
    def indentation(self) -> str:
        """What comes before the next instruction on its line."""
        return "  " * (min(len(self._open), _MAX_INDENTATION) + 2)

    def line(self, instr: Instr) -> str | None:
        """The line of the next instruction, None for the ``end`` of the body.

        Raises DecodeError if it cannot stand there.
        """
        if self._ended:
            raise DecodeError("unexpected instruction after the end", instr.offset)
        name = instr.op.name
        if name == "end":
            if not self._open:
                self._ended = True
                return None
            self._leave()
            return f"{self.indentation}end"
        if name == "else":
            kind, label, shadowed = self._open.pop() if self._open else ("", None, None)
            if kind != "if":
                raise DecodeError("unexpected else", instr.offset)
            line = f"{self.indentation}else"
            self._open.append(("else", label, shadowed))
            return line
        if name in _BLOCKS:
            return self._enter(name, instr.immediates)
        op, immediates = instr.op, instr.immediates
        show = _SHOW.get(name) or _SHOW.get(op.immediates)
        text = op.mnemonic
        if show is not None:
            text += show(self, *immediates)
        elif immediates:
            text += _memarg(self, op.align, immediates)
        return self.indentation + text

    def finish(self, end: int) -> None:
        """Raises DecodeError unless the body has come to its ``end``; ``end`` is where it should be."""
        if not self._ended:
            raise DecodeError("END opcode expected", end)

    def _enter(self, kind: str, immediates: "tuple[Any, ...]") -> str:
        indentation = self.indentation
        block, *catches = immediates
        after = self._block_type(block)
        for clause in catches[0] if catches else ():
            after += self._catch(*clause)
        name = self._labels.get(self._blocks)
        before = ""
        label = None
        if name is not None:
            self._printed[self._blocks] = name
            label = identifier(name) if name else None
            before = f" {label}" if label else f" (@name {string(name)})"
        self._blocks += 1
        if label is None:
            self._open.append((kind, None, None))
            after += f" (;@{len(self._open)};)"
        else:
            self._open.append((kind, label, self._innermost.get(label)))
            self._innermost[label] = len(self._open)
        return f"{indentation}{kind}{before}{after}"

    def _leave(self) -> None:
        _, label, shadowed = self._open.pop()
        if label is not None:
            self._innermost[label] = shadowed

    def _block_type(self, block: object) -> str:
        if block is None:
            return ""
        if isinstance(block, int):
            return f" (type {self.printer.types[block]})"
        return f" (result {self.printer.val_type(block)})"  # type: ignore[arg-type]  # immediates are objects

    def _catch(self, kind: int, tag: int | None, label: int) -> str:
        return f" ({_CATCHES[kind]}{'' if tag is None else f' {self.printer.tags[tag]}'}{self.label(label)})"

    def label(self, index: int) -> str:
        """A label index, with a blank before it; by its name unless an inner block has the same."""
        depth = len(self._open) - index
        if depth <= 0:
            return f" {index}"
        label = self._open[depth - 1][1]
        if label is None:
            return f" {index} (;@{depth};)"
        return f" {label}" if self._innermost[label] == depth else f" {index}"


def _labels(code: CodePrinter, labels: tuple[int, ...], default: int) -> str:
    return "".join(map(code.label, labels)) + code.label(default)


def _memarg(code: CodePrinter, natural: int, immediates: "tuple[Any, ...]") -> str:
    (align, offset, mem), *lane = immediates
    text = f" {code.printer.mems[mem]}" if mem else ""
    if offset:
        text += f" offset={offset}"
    if align != natural:
        text += f" align={1 << align}"
    return f"{text} {lane[0]}" if lane else text


def _data(code: CodePrinter, index: int) -> str:
    code.printer.uses_data = True
    return f" {code.printer.datas[index]}"


def _v128(_: CodePrinter, value: bytes) -> str:
    lanes = [int.from_bytes(value[at : at + 4], "little") for at in range(0, 16, 4)]
    return " i32x4" + "".join([f" 0x{lane:08x}" for lane in lanes])


def _two(first: str, second: str, code: CodePrinter, one: int, other: int) -> str:
    """Two indices that are left out if both are 0."""
    space, other_space = getattr(code.printer, first), getattr(code.printer, second)
    return f" {space[one]} {other_space[other]}" if one or other else ""


def _index(space: str) -> "Callable[[CodePrinter, int], str]":
    return lambda code, index: f" {getattr(code.printer, space)[index]}"


def _optional_index(space: str) -> "Callable[[CodePrinter, int], str]":
    return lambda code, index: f" {getattr(code.printer, space)[index]}" if index else ""


def _ref_type(nullable: bool) -> "Show":
    return lambda code, heap: f" {code.printer.val_type(RefType(nullable, heap))}"


_type, _elem, _table, _mem = _index("types"), _index("elems"), _optional_index("tables"), _optional_index("mems")

#: How the immediates are shown, with a blank before each, by instruction or by their kinds; memory arguments apart.
_SHOW: "dict[str | tuple[str, ...], Callable[..., str]]" = {
    "ref.test": _ref_type(False),
    "ref.test null": _ref_type(True),
    "ref.cast": _ref_type(False),
    "ref.cast null": _ref_type(True),
    ("type",): _type,
    ("func",): _index("funcs"),
    ("global",): _index("globals"),
    ("tag",): _index("tags"),
    ("elem",): _elem,
    ("data",): _data,
    ("table",): _table,
    ("mem",): _mem,
    ("local",): lambda code, index: f" {code.locals[index]}",
    ("label",): CodePrinter.label,
    ("labels", "label"): _labels,
    ("type", "field"): lambda code, index, field: f"{_type(code, index)} {code.printer.fields(index)[field]}",
    ("type", "table"): lambda code, index, table: f"{_table(code, table)} (type {code.printer.types[index]})",
    ("type", "u32"): lambda code, index, number: f"{_type(code, index)} {number}",
    ("type", "data"): lambda code, index, data: _type(code, index) + _data(code, data),
    ("type", "elem"): lambda code, index, elem: _type(code, index) + _elem(code, elem),
    ("type", "type"): lambda code, index, other: _type(code, index) + _type(code, other),
    ("data", "mem"): lambda code, data, mem: _mem(code, mem) + _data(code, data),
    ("elem", "table"): lambda code, elem, table: _table(code, table) + _elem(code, elem),
    ("mem", "mem"): lambda code, one, other: _two("mems", "mems", code, one, other),
    ("table", "table"): lambda code, one, other: _two("tables", "tables", code, one, other),
    ("zero",): lambda code, zero: "",
    ("i32",): lambda code, value: f" {value}",
    ("i64",): lambda code, value: f" {value}",
    ("f32",): lambda code, value: f" {float_text(value, 32)}",
    ("f64",): lambda code, value: f" {float_text(value, 64)}",
    ("v128",): _v128,
    ("lane",): lambda code, lane: f" {lane}",
    ("lanes",): lambda code, lanes: "".join([f" {lane}" for lane in lanes]),
    ("heap",): lambda code, heap: f" {code.printer.heap_type(heap)}",
    ("types",): lambda code, types: f" (result{''.join([f' {code.printer.val_type(t)}' for t in types])})",
    ("cast",): lambda code, cast: code.label(cast[0]) + "".join([f" {code.printer.val_type(t)}" for t in cast[1:]]),
}
