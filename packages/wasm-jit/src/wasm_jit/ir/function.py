"""A function in static single assignment form: values and blocks are ints, their attributes parallel lists.

Compile time is the scarcest thing in Python, so there is no object for an instruction.  A value's operation is the
WebAssembly opcode that computes it (``0x6A`` is i32.add), with a few operations of our own below zero.  Control
flow is in the blocks: each has parameters, a list of the values it computes in order, and a terminator; an edge
passes one argument for each parameter of its target (block arguments instead of phi functions).
"""

from wasm_decoder.syntax.instructions import OPS
from wasm_decoder.syntax.types import F32, F64, I32, I64, V128

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wasm_decoder.syntax.types import ValType

# value types
T_I32, T_I64, T_F32, T_F64, T_V128, T_REF, T_NONE = range(7)
TYPE_NAMES = ("i32", "i64", "f32", "f64", "v128", "ref", "none")
_TYPE_CODES: "dict[object, int]" = {I32: T_I32, I64: T_I64, F32: T_F32, F64: T_F64, V128: T_V128}

# operations beside the WebAssembly opcodes
CONST = -1  # aux: the unsigned bit pattern (an int of the type's width), the same for floats and vectors
PARAM = -2  # aux: index of the function's parameter
BLOCK_PARAM = -3  # aux: the block
CALL = -4  # aux: (function index, arguments)
CALL_INDIRECT = -5  # x: the element; aux: (type index, table index, arguments)
RESULT = -6  # x: a call of several results; aux: which
EFFECT = -7  # any other instruction with effects: aux: (opcode, immediates, operands)
OWN_NAMES = {
    CONST: "const",
    PARAM: "param",
    BLOCK_PARAM: "block_param",
    CALL: "call",
    CALL_INDIRECT: "call_indirect",
    RESULT: "result",
    EFFECT: "effect",
}

# terminators: tuples that begin with one of these
JUMP = "jump"  # (JUMP, edge)
BRANCH = "br_if"  # (BRANCH, condition, edge if not zero, edge if zero)
SWITCH = "br_table"  # (SWITCH, index, edges; the last one is the default)
RETURN = "return"  # (RETURN, values)
UNREACHABLE = "unreachable"  # (UNREACHABLE, place)

#: A place tells where an instruction comes from: its offset in the module, and above these bits the number (from 1) of
#: the inlined call that it belongs to, 0 for the function itself.
PLACE_BITS = 32


def type_code(valtype: "ValType") -> int:
    """The small int that stands for a value type; every reference type is T_REF."""
    return _TYPE_CODES.get(valtype, T_REF)


class Edge:
    """A way from one block to another, with one value for each parameter of the target."""

    __slots__ = ("args", "target")

    def __init__(self, args: "list[int]", target: int = -1) -> None:
        self.target = target
        self.args = args


Terminator = tuple[object, ...]


class IRFunction:
    """The function: parallel lists indexed by value, parallel lists indexed by block.

    Attributes:
        op, x, y, z, aux, type: of each value its operation, operands (-1 for none), immediate, and type code.
        offset: for values that can trap or call, the place of their instruction; 0 if they cannot.
        inlined: of each call that was inlined the index of the function, and the place of the call.
        params, code, term: of each block its parameters, its values in order, and its terminator.
        loop: of each block the header of the innermost loop around it, -1 for none; of a header, itself.
        parent: of each loop header the header of the loop around it, -1 for none.
        results: type codes of the function's results.
    """

    def __init__(self) -> None:
        self.op: list[int] = []
        self.x: list[int] = []
        self.y: list[int] = []
        self.z: list[int] = []
        self.aux: list[Any] = []  # what it is depends on the operation
        self.type: list[int] = []
        self.offset: dict[int, int] = {}
        self.inlined: list[tuple[int, int]] = []
        self.params: list[list[int]] = []
        self.code: list[list[int]] = []
        self.term: list[Terminator] = []
        self.loop: list[int] = []
        self.parent: dict[int, int] = {}
        self.results: list[int] = []

    def value(self, op: int, type_: int, x: int = -1, y: int = -1, z: int = -1, aux: object = None) -> int:
        """A new value, in no block yet."""
        self.op.append(op)
        self.x.append(x)
        self.y.append(y)
        self.z.append(z)
        self.aux.append(aux)
        self.type.append(type_)
        return len(self.op) - 1

    def block(self, loop: int = -1) -> int:
        """A new, empty block inside ``loop`` (its header's number, -1 for none)."""
        self.params.append([])
        self.code.append([])
        self.term.append((UNREACHABLE, 0))
        self.loop.append(loop)
        return len(self.code) - 1

    def operands(self, value: int) -> "tuple[int, ...] | list[int]":
        """The values that ``value`` is computed from."""
        aux = self.aux[value]
        op = self.op[value]
        if op in (CALL, CALL_INDIRECT, EFFECT):
            assert isinstance(aux, tuple)
            args: tuple[int, ...] = aux[-1]
            return (self.x[value], *args) if op == CALL_INDIRECT else args
        return [v for v in (self.x[value], self.y[value], self.z[value]) if v >= 0]


def edges(term: Terminator) -> "list[Edge]":
    """The edges that leave a block with this terminator."""
    kind = term[0]
    if kind == JUMP:
        return [term[1]]  # type: ignore[list-item]  # the terminator's form says that it is an edge
    if kind == BRANCH:
        return [term[2], term[3]]  # type: ignore[list-item]
    if kind == SWITCH:
        return list(term[2])  # type: ignore[call-overload,no-any-return]
    return []


def term_operands(term: Terminator) -> "list[int]":
    """The values that the terminator itself uses; what its edges pass is not among them."""
    kind = term[0]
    if kind in (BRANCH, SWITCH):
        return [term[1]]  # type: ignore[list-item]
    if kind == RETURN:
        return list(term[1])  # type: ignore[call-overload,no-any-return]
    return []


def print_place(place: int) -> str:
    """A place as text: the offset, after the number of the inlined call, if it is in one."""
    site, offset = place >> PLACE_BITS, place & (1 << PLACE_BITS) - 1
    return f"{site}:{offset:#x}" if site else f"{offset:#x}"


def print_ir(f: IRFunction) -> str:
    """The function as text, one line a value, for people (``--dump ssa``)."""

    def name(v: int) -> str:
        if f.op[v] == CONST:
            return f"{f.aux[v]:#x}" if isinstance(f.aux[v], int) and f.aux[v] > 9 else str(f.aux[v])
        return f"v{v}"

    def target(e: Edge) -> str:
        return f"b{e.target}({', '.join(map(name, e.args))})"

    lines = [
        f"; call {site}: function {index} inlined at {print_place(place)}"
        for site, (index, place) in enumerate(f.inlined, 1)
    ]
    for b in range(len(f.code)):
        params = ", ".join(f"v{p}: {TYPE_NAMES[f.type[p]]}" for p in f.params[b])
        loop = f"  ; loop b{f.loop[b]}" if f.loop[b] >= 0 else ""
        lines.append(f"b{b}({params}):{loop}")
        for v in f.code[b]:
            op, aux = f.op[v], f.aux[v]
            if op in (CALL, CALL_INDIRECT, EFFECT):
                assert isinstance(aux, tuple)
                mnemonic = OWN_NAMES[op] if op != EFFECT else OPS[aux[0]].name
                immediates = [str(i) for i in (aux[1:-1] if op == EFFECT else aux[:-1])]
            else:
                mnemonic = OWN_NAMES[op] if op < 0 else OPS[op].name
                immediates = [] if aux is None else [str(aux)]
            operands = ", ".join(name(o) for o in f.operands(v))
            head = f"v{v}: {TYPE_NAMES[f.type[v]]} = " if f.type[v] != T_NONE else ""
            lines.append(f"    {head}{' '.join([mnemonic, *immediates])} {operands}".rstrip())
        term = f.term[b]
        words = [str(term[0]), *(name(v) for v in term_operands(term)), *(target(e) for e in edges(term))]
        lines.append("    " + " ".join(words))
    return "\n".join(lines)
