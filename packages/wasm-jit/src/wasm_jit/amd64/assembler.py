"""The assembler: the innermost loop of the compiler, so an instruction is one call, one look-up, one append.

``Assembler.<mnemonic>_<form>(operands)`` appends an instruction. Mnemonics are the manual's, with the width in bits
where an instruction comes in several (``add32``, ``movzx8``); form and operands are those of ``encoding``, in the
order of the Intel syntax:

    a.add32_rr(RAX, RCX)                    add eax, ecx
    a.mov64_rm(RDX, RSP, 8)                 mov rdx, [rsp + 8]
    a.vaddsd_rrx(0, 1, RSI, RDI, 3, 16)     vaddsd xmm0, xmm1, [rsi + rdi*8 + 16]
    a.movaps_rl(2, a.constant(bytes(16)))   movaps xmm2, [rip + ...]
    a.cmov64_crr(NE, RAX, RBX)              cmovne rax, rbx

The methods are closures over the one buffer, made from the rows at first use. What an instruction with small operands
looks like is remembered for the whole process under an int that packs the operands, so emitting one does no encoding
at all.

Labels are ints. Everything whose place or size isn't known yet (jumps, labels, alignment, references to labels) is a
triple in one flat list, in the order of the code; ``finish`` walks it a fixed number of times, so it takes time
linear in the size of the code.
"""

from struct import Struct

from .encoding import ROWS, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# kinds of triples (position in the buffer, kind, argument); 0 to 15 are jcc, to a label
_JMP = 16
_BIND, _ALIGN, _MARK, _RELOCATION = 17, 18, 19, 20
_REFERENCE = 21  # to a label, from the four bytes that end here; + n: n bytes more follow before the instruction ends

_SHORT = 1 << 30  # a field of one byte

#: Kinds of relocations: four bytes, target − (address of the field + 4) + addend; eight bytes, target + addend; four
#: bytes, signed, target + addend.
PC32, ABS64, DISP32 = 0, 1, 2

_pack_signed = Struct("<i").pack
_pack_unsigned = Struct("<I").pack
_patch = Struct("<i").pack_into

#: No-operations of one to nine bytes (manual, volume 2B, NOP, table 4-12).
_NOPS = tuple(
    bytes.fromhex(text)
    for text in (
        "", "90", "66 90", "0f 1f 00", "0f 1f 40 00", "0f 1f 44 00 00", "66 0f 1f 44 00 00", "0f 1f 80 00 00 00 00",
        "0f 1f 84 00 00 00 00 00", "66 0f 1f 84 00 00 00 00 00",
    )
)  # fmt: skip


class Code:
    """What ``Assembler.finish`` returns: position-independent bytes, to be placed at an address that is a multiple of
    64.

    Attributes:
        data: code, then constants and jump tables.
        size: how many of the bytes are code.
        labels: offsets of the labels, by label.
        marks: (offset, value) of every ``Assembler.mark``, in order.
        relocations: (offset, PC32, ABS64 or DISP32, symbol, addend) of what depends on where other things are.
    """

    __slots__ = ("data", "labels", "marks", "relocations", "size")

    def __init__(
        self,
        data: bytes,
        size: int,
        labels: "list[int]",
        marks: "list[tuple[int, object]]",
        relocations: "list[tuple[int, int, object, int]]",
    ) -> None:
        self.data = data
        self.size = size
        self.labels = labels
        self.marks = marks
        self.relocations = relocations

    def link(self, address: int, resolve: "Callable[[object], int]") -> bytes:
        """The bytes for a place at ``address``, where symbols are at ``resolve(symbol)``.

        Raises ValueError if a target is out of reach of a PC32 relocation.
        """
        if not self.relocations:
            return self.data
        data = bytearray(self.data)
        for offset, kind, symbol, addend in self.relocations:
            target = resolve(symbol) + addend
            if kind == ABS64:
                data[offset : offset + 8] = target.to_bytes(8, "little")
            elif kind == DISP32:
                _patch(data, offset, target)
            else:
                distance = target - (address + offset + 4)
                if not -1 << 31 <= distance < 1 << 31:
                    raise ValueError(f"{symbol!r} is more than 2 GiB away")
                _patch(data, offset, distance)
        return bytes(data)


class Assembler:
    """Collects the code of one function, or of several that belong together; after ``finish`` it is empty again.

    Operands are trusted: a register number above 15 makes a wrong instruction, not an error. ValueError or
    ``struct.error`` tells of immediates and displacements that don't fit.
    """

    def __init__(self) -> None:
        self.code = bytearray()
        self._items: list[int] = []
        self._labels = 0
        self._constants: dict[bytes, int] = {}
        self._tables: list[tuple[int, list[int]]] = []
        self._values: list[object] = []

    def __getattr__(self, name: str) -> "Callable[..., None]":
        row, form = find(name)
        emit = _factory(row, form)(self.code, _near(row, form), _far(row, form), row.encode, self._items)
        setattr(self, name, emit)
        return emit

    # labels and jumps

    def label(self) -> int:
        """A new label, for ``bind`` to place."""
        self._labels += 1
        return self._labels - 1

    def bind(self, label: int) -> None:
        """Place the label here. A label is placed once."""
        self._items += (len(self.code), _BIND, label)

    def here(self) -> int:
        """A new label at this place."""
        self._labels += 1
        self._items += (len(self.code), _BIND, self._labels - 1)
        return self._labels - 1

    def jmp(self, label: int) -> None:
        """Jump; two bytes if the label turns out to be near, else five."""
        self._items += (len(self.code), _JMP, label)

    def jcc(self, condition: int, label: int) -> None:
        """Jump if the condition holds; two bytes or six."""
        self._items += (len(self.code), condition, label)

    def call(self, label: int) -> None:
        """Call the code at a label."""
        self.code += b"\xe8\0\0\0\0"
        self._items += (len(self.code), _REFERENCE, label)

    def align(self, boundary: int) -> None:
        """Fill with no-operations up to a multiple of ``boundary``, a power of two up to 64."""
        self._items += (len(self.code), _ALIGN, boundary)

    # data

    def constant(self, data: bytes) -> int:
        """The label of these bytes (4, 8 or 16 of them) among the constants after the code, aligned to their size."""
        label = self._constants.get(data)
        if label is None:
            label = self._constants[data] = self.label()
        return label

    def table(self, targets: "Iterable[int]") -> int:
        """The label of a table after the code: for each label, its distance from the start of the table, as i32."""
        self._tables.append((self.label(), list(targets)))
        return self._tables[-1][0]

    # what the world outside wants to know, and what it knows

    def mark(self, value: object) -> None:
        """Remember this place in ``Code.marks``: after a call, its return address; before a load, its fault address."""
        self._items += (len(self.code), _MARK, len(self._values))
        self._values.append(value)

    def call_symbol(self, symbol: object, addend: int = 0) -> None:
        """Call something within 2 GiB that ``Code.link`` will know."""
        self.code += b"\xe8\0\0\0\0"
        self._relocate(4, (PC32, symbol, addend))

    def jmp_symbol(self, symbol: object, addend: int = 0) -> None:
        """Jump to something within 2 GiB that ``Code.link`` will know."""
        self.code += b"\xe9\0\0\0\0"
        self._relocate(4, (PC32, symbol, addend))

    def mov64_symbol(self, register: int, symbol: object, addend: int = 0) -> None:
        """Load an address that ``Code.link`` will know."""
        self.code += bytes((0x48 | register >> 3, 0xB8 | register & 7, 0, 0, 0, 0, 0, 0, 0, 0))
        self._relocate(8, (ABS64, symbol, addend))

    def displacement(self, symbol: object, addend: int = 0) -> None:
        """Let ``Code.link`` decide on the far displacement that the last instruction ends with."""
        self._relocate(4, (DISP32, symbol, addend))

    def _relocate(self, size: int, value: "tuple[int, object, int]") -> None:
        self._items += (len(self.code) - size, _RELOCATION, len(self._values))
        self._values.append(value)

    # the end

    def finish(self) -> Code:
        """Lay out the code: sizes of jumps, padding, constants, references.

        Raises ValueError if a label is referred to and was not placed, or was placed twice.
        """
        items = self._items
        places, kinds, arguments = items[::3], items[1::3], items[2::3]
        sizes, labels = _relax(places, kinds, arguments, self._labels)
        raw = bytes(self.code)
        out = bytearray()
        values = self._values
        marks: list[tuple[int, object]] = []
        relocations: list[tuple[int, int, object, int]] = []
        fixups: list[tuple[int, int, int]] = []  # end of the field, how far the reference point is from there, label
        start = 0
        how: int
        symbol: object
        addend: int
        for place, kind, argument, size in zip(places, kinds, arguments, sizes, strict=True):
            if place != start:
                out += raw[start:place]
                start = place
            if kind < _BIND:
                if size == 2:
                    out += bytes((0xEB if kind == _JMP else 0x70 | kind, 0))
                    fixups.append((len(out), _SHORT, argument))
                else:
                    out += b"\xe9\0\0\0\0" if kind == _JMP else bytes((0x0F, 0x80 | kind, 0, 0, 0, 0))
                    fixups.append((len(out), 0, argument))
            elif kind == _BIND:
                labels[argument] = len(out)
            elif kind >= _REFERENCE:
                fixups.append((len(out), kind - _REFERENCE, argument))
            elif kind == _MARK:
                marks.append((len(out), values[argument]))
            elif kind == _ALIGN:
                fill = -len(out) % argument
                out += _NOPS[9] * (fill // 9) + _NOPS[fill % 9]
            else:
                how, symbol, addend = values[argument]  # type: ignore[misc]  # what _relocate appended
                relocations.append((len(out), how, symbol, addend))
        out += raw[start:]
        size = len(out)
        self._data(out, labels, fixups)
        for end, after, label in fixups:
            target = labels[label]
            if target < 0:
                raise ValueError(f"label {label} was not placed")
            if after == _SHORT:
                out[end - 1] = target - end & 255
            else:
                _patch(out, end - 4, target - end - after)
        self._reset()
        return Code(bytes(out), size, labels, marks, relocations)

    def _data(self, out: bytearray, labels: "list[int]", fixups: "list[tuple[int, int, int]]") -> None:
        """Constants, largest alignment first, then jump tables."""
        if self._constants:
            out += bytes(-len(out) % 16)
            for data in sorted(self._constants, key=len, reverse=True):
                labels[self._constants[data]] = len(out)
                out += data
        if self._tables:
            out += bytes(-len(out) % 4)
            for label, targets in self._tables:
                start = labels[label] = len(out)
                for target in targets:
                    out += bytes(4)
                    fixups.append((len(out), start - len(out), target))

    def _reset(self) -> None:
        # the emitters hold the buffer and the list of items themselves
        self.code.clear()
        self._items.clear()
        self._labels = 0
        self._constants = {}
        self._tables = []
        self._values = []


def _relax(
    places: "list[int]", kinds: "list[int]", arguments: "list[int]", count: int
) -> "tuple[list[int], list[int]]":
    """How many bytes each item takes, at most, and an empty list of labels' offsets.

    Starts with all jumps near and all padding as long as it can be. A jump that is short enough in that layout is so
    in every smaller one, so each round only improves; two find all but a few.
    """
    sizes = [5 if kind == _JMP else 6 if kind < _JMP else argument - 1 if kind == _ALIGN else 0
             for kind, argument in zip(kinds, arguments, strict=True)]  # fmt: skip
    jumps = [number for number, kind in enumerate(kinds) if kind <= _JMP]
    bound = [-1] * count
    for _ in range(2 if jumps else 1):
        offsets = []
        grown = 0
        bound = [-1] * count
        for place, kind, argument, size in zip(places, kinds, arguments, sizes, strict=True):
            offsets.append(place + grown)
            grown += size
            if kind == _BIND:
                if bound[argument] >= 0:
                    raise ValueError(f"label {argument} was placed twice")
                bound[argument] = offsets[-1]
        left = []
        for number in jumps:
            target = bound[arguments[number]]
            distance = target - offsets[number]
            if target >= 0 and -126 <= distance <= 127 + (sizes[number] if distance > 0 else 2):
                sizes[number] = 2
            else:
                left.append(number)
        jumps = left
    return sizes, [-1] * count


# making the emitters


def find(name: str) -> "tuple[Row, str]":
    """The row and the form of an emitter's name, such as ``add32_rr``. Raises AttributeError if there is none."""
    for mnemonic, form in ((name, ""), (name.rpartition("_")[0], name.rpartition("_")[2])):
        for row in ROWS[mnemonic]:
            if row.takes(form):
                return row, form
    raise AttributeError(f"there is no instruction {name}")


class _Memory(dict[int, bytes]):
    """Encodings by packed operands; encodes what it doesn't have yet."""

    __slots__ = ("_cut", "_form", "_row", "_tail")

    def __init__(self, row: Row, form: str, tail: "tuple[int, ...]", cut: int) -> None:
        super().__init__()
        self._row = row
        self._form = form
        self._tail = tail  # instead of the displacement or the immediate that the key doesn't have
        self._cut = cut

    def __missing__(self, key: int) -> bytes:
        rest = key
        values: list[int] = []
        tail = iter(self._tail)
        wide: list[int] = []  # where displacement and immediate are
        for kind in self._form:
            for width in _BITS[kind]:
                if width:
                    values.append(rest & (1 << width) - 1)
                    rest >>= width
                else:
                    wide.append(len(values))
                    values.append(0)
        for number, place in enumerate(wide):
            if self._tail:
                values[place] = next(tail)
            elif number == len(wide) - 1:
                values[place] = rest
            else:
                values[place] = (rest & 255 ^ 128) - 128
                rest >>= 8
        data = self._row.encode(self._form, tuple(values))
        self[key] = data = data[: len(data) - self._cut]
        return data


# how many bits of a key each part of an operand takes; 0 for what comes last in the key
_BITS = {"r": (4,), "c": (4,), "m": (4, 0), "x": (5, 4, 2, 0), "l": (0,), "i": (0,)}
_PARTS = {
    "r": ("r",),
    "c": ("cc",),
    "m": ("base", "disp"),
    "x": ("base", "index", "scale", "disp"),
    "l": ("label",),
    "i": ("imm",),
}

_memories: "dict[tuple[Row, str, bool], _Memory]" = {}
_factories: "dict[tuple[str, str, int], Callable[..., Callable[..., None]]]" = {}


def _near(row: Row, form: str) -> _Memory:
    """For operands that fit in eight bits."""
    key = (row, form, False)
    if key not in _memories:
        tail = (0,) * form.count("l") + (0,) * form.count("i") if "l" in form else ()
        if row.operands[-1:] == "q":
            _memories[key] = _Memory(row, form, (0,), 4)
        else:
            _memories[key] = _Memory(row, form, tail, 0)
    return _memories[key]


def _far(row: Row, form: str) -> "_Memory | None":
    """For a displacement or an immediate of 32 bits, which is cut off."""
    wide = sum(kind in "mxi" for kind in form)
    if wide != 1 or row.operands[-1:] in ("b", "w", "q", "L") or (row.width == 16 and "i" in form):
        return None
    key = (row, form, True)
    if key not in _memories:
        _memories[key] = _Memory(row, form, (0x7FFF_FFFF,), 4)
    return _memories[key]


def _factory(row: Row, form: str) -> "Callable[..., Callable[..., None]]":
    """A function that makes the emitter; its source depends on the form, the kind of immediate and the width only."""
    immediate = row.operands[-1:] if form.endswith("i") or row.operands.endswith("L") else ""
    width = row.width if immediate in ("s", "z") else 0
    factory = _factories.get((form, immediate, width))
    if factory is None:
        made: dict[str, Callable[..., Callable[..., None]]] = {}
        exec(_source(form, immediate, width), {"pack": _pack_signed, "pack_unsigned": _pack_unsigned}, made)
        factory = _factories[form, immediate, width] = made["make"]
    return factory


def _source(form: str, immediate: str, width: int) -> str:
    names: list[str] = []
    terms: list[str] = []
    shift = 0
    for number, kind in enumerate(form):
        for name, bits in zip(_PARTS[kind], _BITS[kind], strict=True):
            names.append(name if kind != "r" else f"r{number}")
            if bits:
                terms.append(f"{names[-1]} << {shift}" if shift else names[-1])
                shift += bits
    key = " | ".join(terms) or "0"
    memory = "m" in form or "x" in form
    everything = f"code += encode({form!r}, ({', '.join(names)},))"
    if not form:
        body = ["code += near[0]"]
    elif "l" in form:
        if immediate in ("s", "z"):
            body = [everything.replace("label", "0"),
                    f"after = 1 if -128 <= imm <= 127 and {immediate == 's'} else {min(width // 8, 4)}"]  # fmt: skip
            tail = "after"
        else:
            body = [everything.replace("label", "0") if immediate else f"code += near[{key}]"]
            tail = "1" if immediate else "0"
        body.append(f"items.extend((len(code) - {tail}, {_REFERENCE} + {tail}, label))")
    elif not memory and immediate in ("b", "w"):
        body = [f"code += near[{' | '.join([*terms, f'imm << {shift}'])}]"]
    elif not memory and immediate in ("", "L"):
        body = [f"code += near[{key}]"]
    elif immediate == "q":
        body = [f"if 0 <= imm <= 0xFFFFFFFF: code += near[{key}]; code += pack_unsigned(imm)", f"else: {everything}"]
    elif not memory:
        near = " | ".join([*terms, f"imm << {shift}"])
        body = []
        if immediate == "s":
            body.append(f"if -128 <= imm <= 127: code += near[{near}]; return")
        if width == 16:
            body.append(everything)
        else:
            if width == 32:
                body.append("if 0x7FFFFFFF < imm <= 0xFFFFFFFF: imm -= 0x100000000")
                if immediate == "s":
                    body.append(f"if -128 <= imm <= 127: code += near[{near}]; return")
            body.append(f"packed = pack(imm); code += far[{key}]; code += packed")
    elif immediate and immediate != "L":
        terms += [f"(disp & 255) << {shift}", f"imm << {shift + 8}"]
        small = "-128 <= disp <= 127" + ("" if immediate == "b" else " and -128 <= imm <= 127")
        body = [f"if {small}: code += near[{' | '.join(terms)}]", f"else: {everything}"]
    else:
        terms.append(f"disp << {shift}")
        far = f"packed = pack(disp); code += far[{key}]; code += packed" if immediate != "L" else everything
        body = [f"if -128 <= disp <= 127: code += near[{' | '.join(terms)}]",
                f"else: {far}"]  # fmt: skip
    indented = "".join(f"        {line}\n" for line in body)
    head = f"    def emit({', '.join(names)}):\n        nonlocal code\n"
    return f"def make(code, near, far, encode, items):\n{head}{indented}    return emit\n"
