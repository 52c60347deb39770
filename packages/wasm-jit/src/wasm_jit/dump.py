"""What becomes of a function on its way to machine code, as text (``wazero compile --dump``)."""

from .amd64 import linkage
from .amd64.assembler import Assembler, find
from .amd64.listing import instruction
from .amd64.registers import CONDITIONS
from .compile import compile_function
from .ir.function import PLACE_BITS, print_ir, print_place
from .layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wasm_decoder import Module

    from .amd64.assembler import Code
    from .amd64.encoding import Row
    from .ir.function import IRFunction

#: The stages in order: as it was built; optimised; machine code beside the instructions that it came from.
STAGES = ("ssa", "opt", "asm")

_PLACES = {linkage.ENTRY: "no stack left, or an interrupt"}
_SHOWN = 10  # how many bytes of an instruction are shown on its line


def dump(module: "Module", number: int, stages: "Sequence[str]" = STAGES, *, guarded: bool = True) -> "Iterator[str]":
    """The stages of a function, line by line.

    Arguments:
        module: a valid module.
        number: which of the functions that it defines.
        stages: some of ``STAGES``.
        guarded: whether the processor checks the bounds of memories.
    """
    observer = _Observer()
    code, frame, inlined = compile_function(module, Layout(module), number, observer=observer, guarded=guarded)
    imports = len(module.func_types) - len(module.funcs)
    index = number + imports
    for stage in stages:
        yield f"; function {index}, {stage}"
        if stage == "asm":
            yield f"; {code.size} bytes of code, {len(code.data) - code.size} of data, frame of {frame} bytes"
            instructions = _instructions(module, number)
            for site, (callee, place) in enumerate(inlined, 1):
                yield f"; call {site}: function {callee} inlined at {print_place(place)}"
                for offset, text in _instructions(module, callee - imports).items():
                    instructions[site << PLACE_BITS | offset] = text
            yield from observer.tracer.listing(code, observer.blocks, instructions)
        else:
            yield from observer.texts[stage].splitlines()


class _Observer:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.tracer = Tracer()
        self.blocks = 0

    def ssa(self, f: "IRFunction") -> None:
        self.texts["ssa"] = print_ir(f)

    def opt(self, f: "IRFunction") -> None:
        self.texts["opt"] = print_ir(f)
        self.blocks = len(f.code)

    def assembler(self) -> Assembler:
        return self.tracer


def _instructions(module: "Module", number: int) -> "dict[int, str]":
    """The instructions of a function by their offsets in the module."""
    from wasm_decoder import disassemble

    lines = disassemble(module, number + len(module.func_types) - len(module.funcs))
    next(lines)
    found = {}
    for line in lines:
        offset, _, rest = line.partition("  ")
        if offset.strip():
            found[int(offset, 16)] = rest[_COLUMN:].strip()
    return found


#: Where the listing of ``wasm_decoder.disassemble`` has what an instruction means, behind its offset.
_COLUMN = 26


class _Line:
    """Something that was emitted, and what is to be said about it.

    Attributes:
        text: the instruction, as soon as all labels have a place.
        place: the mark that belongs to it.
        note: the helper that it loads.
    """

    __slots__ = ("note", "place", "text")

    def __init__(self, text: "Callable[[Callable[[int], str]], str]", place: "int | None") -> None:
        self.text = text
        self.place = place
        self.note = ""


class Tracer(Assembler):
    """An assembler that remembers what it was told.  The code is the same; each instruction has a mark."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[_Line] = []
        self._returns = -1  # where the last instruction ends, if it is a call
        self._pending: int | None = None  # a mark for the next instruction
        self._data_labels: dict[int, str] = {}

    def __getattr__(self, name: str) -> "Callable[..., None]":
        row, form = find(name)
        emit = super().__getattr__(name)

        def traced(*operands: int) -> None:
            self._trace(lambda label: _text(row, form, operands, label))
            emit(*operands)
            self._returns = len(self.code) if row.mnemonic == "call" else -1

        setattr(self, name, traced)
        return traced

    def _trace(self, text: "Callable[[Callable[[int], str]], str]") -> None:
        line = _Line(text, self._pending)
        self._pending = None
        self._returns = -1
        self._lines.append(line)
        super().mark(line)

    def mark(self, value: object) -> None:
        """As ``Assembler.mark``; the mark is of the call that ends here, else of what comes next."""
        assert isinstance(value, int)
        if self._returns == len(self.code):
            self._lines[-1].place = value
        else:
            self._pending = value
        super().mark(value)

    def jmp(self, label: int) -> None:
        """As ``Assembler.jmp``."""
        self._trace(lambda place: f"jmp {place(label)}")
        super().jmp(label)

    def jcc(self, condition: int, label: int) -> None:
        """As ``Assembler.jcc``."""
        self._trace(lambda place: f"j{CONDITIONS[condition]} {place(label)}")
        super().jcc(condition, label)

    def call(self, label: int) -> None:
        """As ``Assembler.call``."""
        self._trace(lambda place: f"call {place(label)}")
        super().call(label)
        self._returns = len(self.code)

    def align(self, boundary: int) -> None:
        """As ``Assembler.align``."""
        self._trace(lambda _: f".align {boundary}")
        super().align(boundary)

    def displacement(self, symbol: object, addend: int = 0) -> None:
        """As ``Assembler.displacement``."""
        from wasm_decoder.syntax.instructions import OPS

        key: tuple[int, object] = symbol  # type: ignore[assignment]  # it names a helper
        opcode, immediates = key
        self._lines[-1].note = f"helper {OPS[opcode].name} {'' if immediates is None else immediates}".rstrip()
        super().displacement(symbol, addend)

    def finish(self) -> "Code":
        """As ``Assembler.finish``."""
        self._data_labels = {
            **{label: f"constant of {len(data)} bytes" for data, label in self._constants.items()},
            **{label: f"table of {len(targets)} jumps" for label, targets in self._tables},
        }
        return super().finish()

    def listing(self, code: "Code", blocks: int, instructions: "dict[int, str]") -> "Iterator[str]":
        """The code line by line: offset, bytes, instruction, and the WebAssembly instruction that can trap there.

        Arguments:
            code: what ``finish`` has returned.
            blocks: how many of the first labels stand for blocks of the same number.
            instructions: the WebAssembly instructions by their places.
        """
        names = {offset: f"b{block}" for block, offset in reversed(list(enumerate(code.labels[:blocks])))}
        heads: dict[int, list[str]] = {}
        for block, offset in enumerate(code.labels[:blocks]):
            heads.setdefault(offset, []).append(f"b{block}:")

        def place(label: int) -> str:
            offset = code.labels[label]
            return f"b{label}" if label < blocks else names.get(offset, f"{offset:#x}")

        lines = [(offset, line) for offset, line in code.marks if isinstance(line, _Line)]
        ends = [offset for offset, _ in lines[1:]] + [code.size]
        shown: set[int] = set()
        for (start, line), end in zip(lines, ends, strict=True):
            text = line.text(place)
            if text[0] == "." and start == end:
                continue  # nothing had to be filled
            if start not in shown and text[0] != ".":
                shown.add(start)
                yield from heads.get(start, ())
            notes = [line.note] if line.note else []
            if line.place is not None:
                notes.append(
                    _PLACES[line.place]
                    if line.place in _PLACES
                    else f"{print_place(line.place)} {instructions.get(line.place, '')}".rstrip()
                )
            yield _row(start, code.data[start:end], text, "; ".join(notes))
        for label, what in sorted(self._data_labels.items(), key=lambda item: code.labels[item[0]]):
            yield f"{code.labels[label]:6x}  {what}"


def _row(offset: int, data: bytes, text: str, note: str) -> str:
    more = "+" if len(data) > _SHOWN else " "
    line = f"{offset:6x}  {data[:_SHOWN].hex(' '):<{3 * _SHOWN - 1}}{more} {text}"
    return f"{line:<88} ; {note}" if note else line


def _text(row: "Row", form: str, operands: "tuple[int, ...]", place: "Callable[[int], str]") -> str:
    return instruction(row, form, operands, lambda label: f"rip+{place(label)}")
