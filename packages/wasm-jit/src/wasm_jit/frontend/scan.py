"""The first look at a function body: instructions as flat lists, blocks with their ends and the locals they assign.

The second pass (``build``) makes values of them.  It has to know at a loop's head which locals the loop assigns,
because these need a parameter there; that, skipping unreachable code without reading it, and marking what is to be
inlined (``inline``) is what this pass is for. The body is valid: nothing is checked.
"""

from wasm_decoder.binary.decode import decode_locals
from wasm_decoder.syntax.instructions import OPS

from ..ir.function import type_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.module import Func, Module

    from .inline import Callees

#: Stands for a call in ``Body.codes`` whose callee's body is to be read in its place; the immediate is a ``Callee``.
INLINED = -0x10

# how to read the immediates of an opcode
_NONE, _INDEX, _CONST32, _CONST64, _MEMARG, _BLOCK, _END, _ASSIGN, _CALL, _REST = range(10)


def _kind(code: int) -> int:
    op = OPS.get(code)
    if op is None:
        return _REST
    if code in (0x02, 0x03, 0x04):
        return _BLOCK
    if code in (0x05, 0x0B):
        return _END
    if code == 0x10:
        return _CALL
    if code in (0x21, 0x22):
        return _ASSIGN
    simple: dict[tuple[str, ...], int] = {
        (): _NONE,
        ("i32",): _CONST32,
        ("i64",): _CONST64,
        ("memarg",): _MEMARG,
    }
    if op.immediates in simple:
        return simple[op.immediates]
    if len(op.immediates) == 1 and op.immediates[0] in (
        "label", "func", "table", "mem", "global", "local", "elem", "data",
    ):  # fmt: skip
        return _INDEX
    return _REST


_KINDS = [_kind(code) for code in range(256)]


class Block:
    """What the scan finds out of a block, loop or if.

    Attributes:
        params, results: type codes.
        end, else_: index of the matching ``end`` and ``else`` (-1 without one) in the list of instructions.
        assigned: the locals that are assigned between here and the end, as a bit set.
    """

    __slots__ = ("assigned", "else_", "end", "params", "results")

    def __init__(self, params: "list[int]", results: "list[int]") -> None:
        self.params = params
        self.results = results
        self.end = self.else_ = -1
        self.assigned = 0


class Body:
    """A scanned body: ``codes[i]``, ``immediates[i]`` and ``offsets[i]`` are of the i-th instruction.

    ``locals`` are the type codes of parameters and locals, the first ``params`` of them the parameters'.
    """

    __slots__ = ("codes", "immediates", "locals", "offsets", "outer", "params")

    def __init__(self, local_types: "list[int]", params: int, outer: Block) -> None:
        self.codes: list[int] = []
        self.immediates: list[object] = []
        self.offsets: list[int] = []
        self.locals = local_types
        self.params = params
        self.outer = outer


def scan(module: "Module", func: "Func", callees: "Callees | None" = None) -> Body:
    """Read the body of ``func``, which is valid.  ``callees`` knows what can be inlined; without it nothing is."""
    data = func.data
    runs, pos = decode_locals(data, func.start, func.end)
    functype = module.functype(func.type)
    local_types = [type_code(t) for t in functype.params]
    for count, valtype in runs:
        local_types += [type_code(valtype)] * count
    outer = Block([], [type_code(t) for t in functype.results])
    body = Body(local_types, len(functype.params), outer)
    kinds = _KINDS
    add_code, add_immediate, add_offset = body.codes.append, body.immediates.append, body.offsets.append
    count = 0  # of instructions so far
    opened: list[Block] = []
    current = outer
    end = func.end
    room = callees.room(end - pos) if callees is not None else 0  # for instructions of inlined functions
    while pos < end:
        add_offset(pos)
        code = data[pos]
        pos += 1
        kind = kinds[code]
        immediate: object = None
        if kind == _NONE:
            pass
        elif kind <= _CONST64:
            value = data[pos]
            pos += 1
            if value >= 0x80:
                value &= 0x7F
                shift = 7
                while True:
                    byte = data[pos]
                    pos += 1
                    value |= (byte & 0x7F) << shift
                    shift += 7
                    if byte < 0x80:
                        break
                if kind != _INDEX:
                    if byte & 0x40:
                        value -= 1 << shift
                    value &= 0xFFFFFFFF if kind == _CONST32 else 0xFFFFFFFFFFFFFFFF
            elif kind != _INDEX and value & 0x40:
                value += 0xFFFFFF80 if kind == _CONST32 else 0xFFFFFFFFFFFFFF80
            immediate = value
        elif kind in (_ASSIGN, _MEMARG):
            value = data[pos]
            pos += 1
            if value >= 0x80:
                value, pos = _u(data, pos - 1)
            if kind == _ASSIGN:
                current.assigned |= 1 << value
                immediate = value
            else:
                offset = data[pos]
                pos += 1
                if offset >= 0x80:
                    offset, pos = _u(data, pos - 1)
                immediate = offset  # the alignment is a hint that no processor of ours needs
        elif kind == _END:
            if code == 0x05:
                current.else_ = count
                immediate = current
            else:
                current.end = count
                immediate = current
                if opened:
                    inner = current
                    current = opened.pop()
                    current.assigned |= inner.assigned
        elif kind == _BLOCK:
            opened.append(current)
            params, results, pos = _block_type(module, data, pos)
            immediate = current = Block(params, results)
        elif kind == _CALL:
            immediate, pos = _u(data, pos)
            callee = callees.find(immediate) if callees is not None else None
            if callee is not None and callee.cost <= room:
                room -= callee.cost
                code, immediate = INLINED, callee
        else:
            code, immediate, pos = _rest(data, pos, code)
        add_code(code)
        add_immediate(immediate)
        count += 1
    return body


def _u(data: bytes, pos: int) -> "tuple[int, int]":
    """An unsigned LEB128 number and where it ends."""
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7


_VALUE_TYPES = {0x7F: 0, 0x7E: 1, 0x7D: 2, 0x7C: 3, 0x7B: 4}


def _block_type(module: "Module", data: bytes, pos: int) -> "tuple[list[int], list[int], int]":
    byte = data[pos]
    if byte == 0x40:
        return [], [], pos + 1
    if byte in _VALUE_TYPES:
        return [], [_VALUE_TYPES[byte]], pos + 1
    if byte & 0xC0 == 0x40:  # another negative number of one byte: a reference type
        return [], [5], _skip_reference(data, pos)
    index, pos = _u(data, pos)
    functype = module.functype(index)
    return [type_code(t) for t in functype.params], [type_code(t) for t in functype.results], pos


def _skip_reference(data: bytes, pos: int) -> int:
    if data[pos] in (0x63, 0x64):  # (ref null ht) and (ref ht): the heap type follows
        return _u(data, pos + 1)[1]
    return pos + 1


def _rest(data: bytes, pos: int, code: int) -> "tuple[int, object, int]":
    """The rarer immediates, read from the table of instructions: (opcode, immediates, where they end)."""
    if code >= 0xFB:
        number, pos = _u(data, pos)
        code = code << 16 | number
    op = OPS[code]
    values: list[object] = []
    for kind in op.immediates:
        value: object
        if kind == "memarg":
            align, pos = _u(data, pos)
            if align & 0x40:
                _, pos = _u(data, pos)
            value, pos = _u(data, pos)
        elif kind == "labels":
            length, pos = _u(data, pos)
            labels = []
            for _ in range(length):
                label, pos = _u(data, pos)
                labels.append(label)
            value = labels
        elif kind in ("v128", "lanes"):
            value = int.from_bytes(data[pos : pos + 16], "little")
            pos += 16
        elif kind == "f32":
            value = int.from_bytes(data[pos : pos + 4], "little")
            pos += 4
        elif kind == "f64":
            value = int.from_bytes(data[pos : pos + 8], "little")
            pos += 8
        elif kind == "types":
            length, pos = _u(data, pos)
            for _ in range(length):
                pos = _skip_reference(data, pos)
            value = None
        elif kind == "lane":
            value = data[pos]
            pos += 1
        else:
            value, pos = _u(data, pos)
        values.append(value)
    return code, values[0] if len(values) == 1 else tuple(values), pos
