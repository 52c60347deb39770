"""Instruction selection: values become machine instructions on virtual registers, last block first, last value first.

Walking backwards, a value is computed only if something after it wants it, and a consumer can take its operand's
whole tree: a load that is used once becomes a memory operand, a shift part of an address, a comparison a branch's
condition. On the way it becomes known where each virtual register is used for the last time, which is all of
liveness that the allocator (``regalloc``) asks for.

A virtual register is the number of its value; constants that no immediate can hold get fresh ones where they are
used.

A machine instruction is a tuple (kind, d, a, b, c, x, ends): the virtual register it defines and those it reads (-1
for none), what else the kind needs, and which of a (1), b (2), c (4) are not read again after it, and whether d
never is (8). An i32 in a general register always has zeros above it.
"""

from wasm_decoder.syntax.instructions import BY_NAME

from ..ir.function import (
    BRANCH,
    CALL,
    CALL_INDIRECT,
    CONST,
    EFFECT,
    RESULT,
    RETURN,
    SWITCH,
    T_F32,
    T_F64,
    T_I32,
    T_I64,
    T_NONE,
    T_REF,
    T_V128,
    IRFunction,
    edges,
)
from ..ir.prune import ROOTS
from . import convention, vectors
from . import registers as cc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    Machine = tuple[Any, ...]

# Kinds of machine instructions and what x is.  In "d = a op b" d and a are one register where the encoding wants it so.
BIN = 0  # d = a op b; x: (mnemonic, commutative)
BINI = 1  # d = a op immediate; x: (mnemonic, immediate)
BINM = 2  # d = a op [memory + b + offset]; x: (mnemonic, offset, place)
LEA = 3  # d = a + (b << scale) + displacement; x: (width, scale, displacement); a may be -1
MOVI = 4  # d = constant; x: (type, bits)
UN = 5  # d = op a, two registers; x: (mnemonic, immediate or None)
NEG = 6  # d = -a; x: mnemonic
LOAD = 7  # d = [memory + a + offset]; x: (mnemonic, offset, place)
STORE = 8  # [memory + a + offset] = b; x: (mnemonic, offset, place)
STOREI = 9  # [memory + a + offset] = immediate; x: (mnemonic, offset, place, immediate)
SHIFT = 10  # d = a op b, the count in b; x: (mnemonic of the three-operand form or None, mnemonic of the form by CL)
DIVIDE = 11  # d = a op b; x: (width, signed, remainder, place)
CMP = 12  # flags of a and b; x: mnemonic
CMPI = 13  # flags of a and an immediate; x: (mnemonic, immediate)
CMPM = 14  # flags of a and [memory + b + offset]; x: (mnemonic, offset, place)
SETCC = 15  # d = condition; x: the condition
CMOV = 16  # d = condition ? a : b; x: (condition, width)
FBIN = 17  # d = a op b, vector registers; x: (mnemonic, commutative)
FBINM = 18  # d = a op [memory + b + offset]; x: (mnemonic, offset, place)
FBINC = 19  # d = a op constant; x: (mnemonic, the constant's 16 bytes)
SEQUENCE = (
    20  # d = a, b, c by several instructions; x: (what, general scratch registers, vector scratch registers, more)
)
CALLS = 21  # a call; x: (what, arguments, which of them end)
RESULTS = 22  # d = a further result of the call just made; x: which
GLOBAL_GET = 23  # x: index
GLOBAL_SET = 24  # a; x: (index, type)
COPY = 25  # d = a
SWITCHES = 26  # the jump table's index in a
RETURNS = 27  # x: (None, results, which of them end)
LOAD_LANE = 28  # d = a with a lane from [memory + b + offset]; x: (mnemonic, offset, place, lane)
SIZE = 30  # d = size of a memory or a table; x: ("memory" or "table", index)
STORE_LANE = 29  # [memory + a + offset] = a lane of b; x: (mnemonic, offset, place, lane)

#: Conditions beyond the processor's: floating point equality has to look at two flags.
FLOAT_EQ, FLOAT_NE = 16, 17


def _code(name: str) -> int:
    return BY_NAME[name].code


_INTS = (("i32", "32", T_I32), ("i64", "64", T_I64))
_ADD = {_code("i32.add"): "32", _code("i64.add"): "64"}
_SHL = {_code("i32.shl"): 32, _code("i64.shl"): 64}
_AND = {_code("i32.and"): "32", _code("i64.and"): "64"}
_BINARY = {
    _code(f"{t}.{name}"): (mnemonic + w, commutative)
    for t, w, _ in _INTS
    for name, mnemonic, commutative in (
        ("sub", "sub", False),
        ("mul", "imul", True),
        ("and", "and", True),
        ("or", "or", True),
        ("xor", "xor", True),
    )
}
_SHIFTS = {
    _code(f"{t}.{name}"): (immediate + w, three + w if three else None, immediate + "cl" + w, int(w) - 1)
    for t, w, _ in _INTS
    for name, immediate, three in (
        ("shl", "shl", "shlx"),
        ("shr_s", "sar", "sarx"),
        ("shr_u", "shr", "shrx"),
        ("rotl", "rol", None),
        ("rotr", "ror", None),
    )
}
_DIVISIONS = {
    _code(f"{t}.{name}_{sign}"): (int(w), sign == "s", name == "rem")
    for t, w, _ in _INTS
    for name in ("div", "rem")
    for sign in "su"
}
_COMPARISONS = {
    _code(f"{t}.{name}"): (w, condition)
    for t, w, _ in _INTS
    for name, condition in (
        ("eq", cc.E), ("ne", cc.NE), ("lt_s", cc.L), ("lt_u", cc.B), ("gt_s", cc.G), ("gt_u", cc.A),
        ("le_s", cc.LE), ("le_u", cc.BE), ("ge_s", cc.GE), ("ge_u", cc.AE),
    )
}  # fmt: skip
#: Less than zero, not less than zero: the sign.
_SIGNS = {cc.L: cc.S, cc.GE: cc.NS}
_EQZ = {_code("i32.eqz"): "32", _code("i64.eqz"): "64"}
# mnemonic, condition, whether the operands change places: "less" must not hold for NaNs, so it is asked as "greater"
_FLOAT_COMPARISONS = {
    _code(f"{t}.{name}"): (mnemonic, condition, swap)
    for t, mnemonic in (("f32", "ucomiss"), ("f64", "ucomisd"))
    for name, condition, swap in (
        ("eq", FLOAT_EQ, False), ("ne", FLOAT_NE, False), ("gt", cc.A, False), ("ge", cc.AE, False),
        ("lt", cc.A, True), ("le", cc.AE, True),
    )
}  # fmt: skip
_UNARY: "dict[int, tuple[str, int | None]]" = {
    _code(name): (mnemonic, immediate)
    for name, mnemonic, immediate in (
        ("i32.clz", "lzcnt32", None),
        ("i64.clz", "lzcnt64", None),
        ("i32.ctz", "tzcnt32", None),
        ("i64.ctz", "tzcnt64", None),
        ("i32.popcnt", "popcnt32", None),
        ("i64.popcnt", "popcnt64", None),
        ("i32.extend8_s", "movsx8_32", None),
        ("i32.extend16_s", "movsx16_32", None),
        ("i64.extend8_s", "movsx8_64", None),
        ("i64.extend16_s", "movsx16_64", None),
        ("i64.extend32_s", "movsxd", None),
        ("i64.extend_i32_s", "movsxd", None),
        ("i32.wrap_i64", "mov32", None),
        ("f32.sqrt", "sqrtss", None),
        ("f64.sqrt", "sqrtsd", None),
        ("f32.ceil", "roundss", 10),
        ("f64.ceil", "roundsd", 10),
        ("f32.floor", "roundss", 9),
        ("f64.floor", "roundsd", 9),
        ("f32.trunc", "roundss", 11),
        ("f64.trunc", "roundsd", 11),
        ("f32.nearest", "roundss", 8),
        ("f64.nearest", "roundsd", 8),
        ("f32.convert_i32_s", "cvtsi2ss32", None),
        ("f32.convert_i64_s", "cvtsi2ss64", None),
        ("f64.convert_i32_s", "cvtsi2sd32", None),
        ("f64.convert_i64_s", "cvtsi2sd64", None),
        # an i32 has zeros above it, so as a 64-bit number it is the unsigned one
        ("f32.convert_i32_u", "cvtsi2ss64", None),
        ("f64.convert_i32_u", "cvtsi2sd64", None),
        ("f64.promote_f32", "cvtss2sd", None),
        ("f32.demote_f64", "cvtsd2ss", None),
        ("i32.reinterpret_f32", "movd_from", None),
        ("i64.reinterpret_f64", "movq_from", None),
        ("f32.reinterpret_i32", "movd_to", None),
        ("f64.reinterpret_i64", "movq_to", None),
    )
}
_EXTEND_U = _code("i64.extend_i32_u")
_WRAP = _code("i32.wrap_i64")
_SHR_U64 = _code("i64.shr_u")
_FLOATS = {
    _code(f"{t}.{name}"): (mnemonic + suffix, commutative)
    for t, suffix in (("f32", "ss"), ("f64", "sd"))
    for name, mnemonic, commutative in (
        ("add", "add", True), ("sub", "sub", False), ("mul", "mul", True), ("div", "div", False),
    )
}  # fmt: skip
_SIGN = {"f32": 1 << 31, "f64": 1 << 63}
_MASKS = {  # by a bit operation with a constant
    _code("f32.neg"): ("xorps", _SIGN["f32"]),
    _code("f64.neg"): ("xorps", _SIGN["f64"]),
    _code("f32.abs"): ("andps", _SIGN["f32"] - 1),
    _code("f64.abs"): ("andps", _SIGN["f64"] - 1),
}
_SEQUENCES = {
    _code(name): name
    for name in (
        *(f"{t}.{name}" for t in ("f32", "f64") for name in ("min", "max", "copysign", "convert_i64_u")),
        *(
            f"{t}.trunc{sat}_{source}_{sign}"
            for t in ("i32", "i64")
            for sat in ("", "_sat")
            for source in ("f32", "f64")
            for sign in "su"
        ),
    )
}
_LOADS = {
    _code(name): mnemonic
    for name, mnemonic in (
        ("i32.load", "mov32"), ("i64.load", "mov64"), ("f32.load", "movss"), ("f64.load", "movsd"),
        ("i32.load8_u", "movzx8"), ("i32.load8_s", "movsx8_32"), ("i32.load16_u", "movzx16"),
        ("i32.load16_s", "movsx16_32"), ("i64.load8_u", "movzx8"), ("i64.load8_s", "movsx8_64"),
        ("i64.load16_u", "movzx16"), ("i64.load16_s", "movsx16_64"), ("i64.load32_u", "mov32"),
        ("i64.load32_s", "movsxd"), ("v128.load", "movups"),
        ("v128.load8x8_s", "pmovsxbw"), ("v128.load8x8_u", "pmovzxbw"), ("v128.load16x4_s", "pmovsxwd"),
        ("v128.load16x4_u", "pmovzxwd"), ("v128.load32x2_s", "pmovsxdq"), ("v128.load32x2_u", "pmovzxdq"),
        ("v128.load8_splat", "vpbroadcastb"), ("v128.load16_splat", "vpbroadcastw"),
        ("v128.load32_splat", "vbroadcastss"), ("v128.load64_splat", "movddup"),
        ("v128.load32_zero", "movss"), ("v128.load64_zero", "movsd"),
    )
}  # fmt: skip
_STORES = {
    _code(name): mnemonic
    for name, mnemonic in (
        ("i32.store", "mov32"), ("i64.store", "mov64"), ("f32.store", "movss"), ("f64.store", "movsd"),
        ("i32.store8", "mov8"), ("i32.store16", "mov16"), ("i64.store8", "mov8"), ("i64.store16", "mov16"),
        ("i64.store32", "mov32"), ("v128.store", "movups"),
    )
}  # fmt: skip
_FULL_LOADS = {_code("i32.load"): "32", _code("i64.load"): "64"}
_FULL_FLOAT_LOADS = {_code("f32.load"), _code("f64.load")}
_SELECT_CODE = _code("select")
_GLOBAL_GET_CODE, _GLOBAL_SET_CODE = _code("global.get"), _code("global.set")
_SIZE_OF = {_code("memory.size"): "memory", _code("table.size"): "table"}
_WITHOUT_EFFECT = {
    _code(name) for name in ("global.get", "memory.size", "table.size", "ref.null", "ref.func", "ref.is_null")
}
#: Operations that no load may be moved across.
BARRIERS = ROOTS - set(_LOADS)
_SIZES = {T_I32: "32", T_I64: "64"}


_VECTOR_DIRECT = {_code(name): row for name, row in vectors.DIRECT.items()}
_VECTOR_SEQUENCES = {_code(name): name for name in vectors.SEQUENCES}
_VECTOR_SHIFTS = {
    _code(f"{t}.{name}") for t in ("i8x16", "i16x8", "i32x4", "i64x2") for name in ("shl", "shr_s", "shr_u")
}
_VECTOR_LOAD = {_code("v128.load")}
_LANE_LOADS = {_code(f"v128.load{n}_lane"): f"pinsr{c}" for n, c in ((8, "b"), (16, "w"), (32, "d"), (64, "q"))}
_LANE_STORES = {_code(f"v128.store{n}_lane"): f"pextr{c}" for n, c in ((8, "b"), (16, "w"), (32, "d"), (64, "q"))}


def fits(bits: int, width: int) -> "int | None":
    """The constant as an immediate that the processor sign-extends from 32 bits, or None if it does not fit."""
    if width == 32:
        return bits - (1 << 32) if bits >> 31 else bits
    signed = bits - (1 << 64) if bits >> 63 else bits
    return signed if -(1 << 31) <= signed < 1 << 31 else None


class Selected:
    """The function as machine instructions on virtual registers.

    Attributes:
        code: of each block its instructions in order.
        condition: of each block that ends in a branch, the condition on which it is taken.
        live_in: of each block the virtual registers that hold something wanted when it begins, without its parameters.
        start: of each block the place of its first instruction; places count up through the function, and one more a
            block is for the edges at its end.
        uses: where each virtual register is read, last place first.
        starts, ends: where each virtual register is computed, and the ends of the loops around which it lives.
        loop_end: of each loop's head the place where the loop ends.
        calls: the places of calls, in order.
        types: the type code of each virtual register.
        wants: registers that would spare a move, for a few virtual registers.
    """

    __slots__ = (
        "calls",
        "code",
        "condition",
        "ends",
        "live_in",
        "loop_end",
        "start",
        "starts",
        "types",
        "uses",
        "wants",
    )

    def __init__(self, f: IRFunction) -> None:
        blocks = len(f.code)
        self.code: list[list[Machine]] = [[] for _ in range(blocks)]
        self.condition = [-1] * blocks
        self.live_in: list[set[int]] = [set() for _ in range(blocks)]
        self.start = [0] * blocks
        self.uses: dict[int, list[int]] = {}
        self.types = f.type
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.loop_end: dict[int, int] = {}
        self.calls: list[int] = []
        self.wants: dict[int, int] = {}


def select(f: IRFunction, counts: "list[int]", *, avx: bool = True) -> Selected:
    """Select instructions for ``f``; ``counts`` tells of each value how often it is used."""
    return _Selector(f, counts, avx).run()


class _Selector:
    def __init__(self, f: IRFunction, counts: "list[int]", avx: bool) -> None:
        self.f = f
        self.avx = avx  # without it memory operands of vector instructions have to be aligned
        self.counts = counts
        self.result = Selected(f)
        self.color = [0] * len(f.op)
        self.live: set[int] = set()
        self.taken: set[int] = set()  # loads that are memory operands of their users
        self.out: list[Machine] = []
        self.pending: list[tuple[int, int, object]] = []
        self.place = 0
        self.now = 0  # the color of the instruction being selected
        self.first_color = 0  # of its block

    def run(self) -> Selected:
        f, result = self.f, self.result
        color = self.color
        colors = []  # of each block the first and the last
        tint = 0
        ops = f.op
        barriers = BARRIERS
        taken = self.taken
        for code in f.code:
            tint += 1
            first = tint
            for v in code:
                color[v] = tint
                if ops[v] in barriers:
                    tint += 1
            colors.append((first, tint))
        loop_end: dict[int, int] = {}  # of each loop's head its last block
        for b in range(len(f.code) - 1, -1, -1):
            head = f.loop[b]
            if head >= 0:
                loop_end.setdefault(head, b)
                if head == b and f.parent[b] >= 0:
                    loop_end.setdefault(f.parent[b], loop_end[b])
        for b in range(len(f.code) - 1, -1, -1):
            self.out = out = result.code[b]
            live = self.live = set()
            self.place -= 1  # where edges read what they pass
            for edge in edges(f.term[b]):
                live |= result.live_in[edge.target]
                live.update([v for v in edge.args if ops[v] != CONST])
                for v in edge.args:
                    result.uses.setdefault(v, []).append(self.place)
            self.first_color, self.now = colors[b]
            self.terminate(b)
            for v in reversed(f.code[b]):
                op = ops[v]
                if v in live or (op in ROOTS and v not in taken):
                    self.now = color[v]
                    if op != EFFECT or v in live or f.aux[v][0] not in _WITHOUT_EFFECT:
                        self.value(v, op)
            live.difference_update(f.params[b])
            result.live_in[b] = live
            result.start[b] = self.place
            for p in f.params[b]:
                result.starts[p] = self.place
            out.reverse()
            if b in loop_end:
                last = loop_end[b]
                end = result.loop_end[b] = result.start[last] + len(result.code[last])
                for v in live:
                    result.ends[v] = max(result.ends.get(v, end), end)
        for b, head in enumerate(f.loop):  # what is wanted at a loop's head is wanted all around the loop
            if head == b:
                head = f.parent[b]
            if head >= 0:
                result.live_in[b] |= result.live_in[head]
        result.calls.reverse()
        return result

    # emitting, backwards

    def emit(self, kind: int, d: int, a: int = -1, b: int = -1, c: int = -1, x: object = None) -> None:
        """Put an instruction before all that were put so far, then the constants it reads before it."""
        live, uses = self.live, self.result.uses
        ends = 0
        if d >= 0:
            if d in live:
                live.discard(d)
            else:
                ends = 8
        self.place = place = self.place - 1
        if d >= 0:
            self.result.starts[d] = place
        for bit, v in ((1, a), (2, b), (4, c)):
            if v >= 0:
                if v not in live:
                    ends |= bit
                if v in uses:
                    uses[v].append(place)
                else:
                    uses[v] = [place]
        if a >= 0:
            live.add(a)
            if b >= 0:
                live.add(b)
                if c >= 0:
                    live.add(c)
        elif b >= 0:
            live.add(b)
        self.out.append((kind, d, a, b, c, x, ends))
        if self.pending:
            pending, self.pending = self.pending, []
            for temporary, type_, what in pending:
                if type_ < 0:
                    a, b = what  # type: ignore[misc]  # a sum of two registers
                    self.emit(LEA, temporary, a, b, x=("64", 0, 0))
                else:
                    self.emit(MOVI, temporary, x=(type_, what))

    def register(self, v: int) -> int:
        """The virtual register that holds a value: its own, its operand's, or a fresh one for a constant."""
        f = self.f
        op = f.op[v]
        if op != CONST:
            if op == _EXTEND_U or (op == _WRAP and self.short(f.x[v])):
                return self.register(f.x[v])
            return v
        types = self.result.types
        temporary = len(types)
        types.append(f.type[v])
        self.pending.append((temporary, f.type[v], f.aux[v]))
        return temporary

    def short(self, v: int) -> bool:
        """Whether the upper half of an i64 is known to be zero."""
        f = self.f
        op, y = f.op[v], f.y[v]
        if op == _SHR_U64:
            return f.op[y] == CONST and f.aux[y] & 63 >= 32
        if op in _AND:
            return f.op[y] == CONST and f.aux[y] >> 32 == 0
        return op == _EXTEND_U

    def immediate(self, v: int) -> "int | None":
        """The value as a sign-extended 32-bit immediate, or None if it is not a constant that fits."""
        f = self.f
        if f.op[v] != CONST:
            return None
        return fits(f.aux[v], 64 if f.type[v] == T_I64 else 32)

    def single(self, v: int) -> bool:
        """Whether a value is used once, and computed in this block: its tree can become part of its user's."""
        return self.counts[v] == 1 and self.color[v] >= self.first_color and v not in self.live

    def load(self, v: int, wanted: "Container[int]") -> bool:
        """Whether the value is a load that can be an operand of the instruction being selected."""
        return self.f.op[v] in wanted and self.counts[v] == 1 and self.color[v] == self.now and v not in self.live

    def address(self, v: int) -> "tuple[int, int, int]":
        """Of a load or store: index register (-1 for none), displacement, offset of the instruction in the module."""
        f = self.f
        self.taken.add(v)
        return self.address_of(f.x[v], f.aux[v], f.offset[v])

    def address_of(self, x: int, offset: int, place: int) -> "tuple[int, int, int]":
        f = self.f
        if f.op[x] == CONST:
            total = offset + f.aux[x]
            if total < 1 << 31:
                return -1, total, place
        if offset < 1 << 31:
            return self.register(x), offset, place
        far, sum_ = self.temporary(T_I64), self.temporary(T_I64)
        place_of_sum = len(self.pending)  # what is appended first stands last
        index = self.register(x)
        self.pending[place_of_sum:place_of_sum] = [(sum_, -1, (index, far)), (far, T_I64, offset)]
        return sum_, 0, place

    def temporary(self, type_: int) -> int:
        """A fresh virtual register."""
        self.result.types.append(type_)
        return len(self.result.types) - 1

    # one value

    def value(self, v: int, op: int) -> None:
        """The instruction that computes ``v``."""
        f = self.f
        x, y = f.x[v], f.y[v]
        if op in _ADD:
            self.add(v, x, y, _ADD[op])
        elif op in _BINARY:
            self.binary(v, x, y, op)
        elif op in _LOADS:
            a, offset, place = self.address(v)
            self.emit(LOAD, v, a, x=(_LOADS[op], offset, place))
        elif op in _STORES:
            self.store(v, y, op)
        elif op in _SHIFTS:
            immediate, three, by_cl, mask = _SHIFTS[op]
            if f.op[y] == CONST:
                self.emit(BINI, v, self.register(x), x=(immediate, f.aux[y] & mask))
            else:
                self.emit(SHIFT, v, self.register(x), self.register(y), x=(three, by_cl))
        elif op in _COMPARISONS or op in _EQZ or op in _FLOAT_COMPARISONS:
            condition = self.condition_of(v, op)
            self.emit(SETCC, v, x=condition)
            self.compare(v, op)
        elif op in _FLOATS:
            self.float_binary(v, x, y, *_FLOATS[op])
        elif op == _SELECT_CODE:
            self.choose(v, x, y, f.z[v])
        elif op == _EXTEND_U or (op == _WRAP and self.short(x)):
            a = self.register(x)
            if v in self.result.wants:
                self.result.wants.setdefault(a, self.result.wants[v])
            self.emit(COPY, v, a)
        elif op in _UNARY:
            self.emit(UN, v, self.register(x), x=_UNARY[op])
        elif op in _DIVISIONS:
            self.emit(DIVIDE, v, self.register(x), self.register(y), x=(*_DIVISIONS[op], f.offset.get(v, 0)))
        elif op in _MASKS:
            mnemonic, mask = _MASKS[op]
            self.emit(FBINC, v, self.register(x), x=(mnemonic, mask.to_bytes(16, "little")))
        elif op in _SEQUENCES:
            b = self.register(y) if y >= 0 else -1
            self.emit(SEQUENCE, v, self.register(x), b, x=(_SEQUENCES[op], f.offset.get(v, 0), None))
        elif op in _VECTOR_DIRECT:
            mnemonic, commutative, swap = _VECTOR_DIRECT[op]
            if swap:
                x, y = y, x
            self.float_binary(v, x, y, mnemonic, commutative, _VECTOR_LOAD if self.avx else ())
        elif op in _VECTOR_SEQUENCES:
            z = f.z[v]
            aux = f.aux[v]
            if op in _VECTOR_SHIFTS and f.op[y] == CONST:
                aux, y = f.aux[y], -1
            a = self.register(x)
            b = self.register(y) if y >= 0 else -1
            self.emit(SEQUENCE, v, a, b, self.register(z) if z >= 0 else -1, (_VECTOR_SEQUENCES[op], 0, aux))
        elif op in (CALL, CALL_INDIRECT):
            self.call(v, op)
        elif op == RESULT:
            self.emit(RESULTS, v, x=f.aux[v])
        elif op == EFFECT:
            self.effect(v)
        else:
            raise Unsupported(op)

    def add(self, v: int, x: int, y: int, width: str) -> None:
        """An addition: as an address if that takes a shift or a further term in."""
        f = self.f
        displacement = self.immediate(y)
        if displacement is not None:
            if self.single(x):
                inner = f.op[x]
                if inner in _ADD:
                    a, b, scale = self.scaled(f.x[x], f.y[x])
                    self.emit(LEA, v, a, b, x=(width, scale, displacement))
                    return
                scale = self.scale(x)
                if scale:
                    self.emit(LEA, v, -1, self.register(f.x[x]), x=(width, scale, displacement))
                    return
            self.emit(LEA, v, self.register(x), x=(width, 0, displacement))
        elif self.load(y, _FULL_LOADS) or self.load(x, _FULL_LOADS):
            if not self.load(y, _FULL_LOADS):
                x, y = y, x
            b, offset, place = self.address(y)
            self.emit(BINM, v, self.register(x), b, x=("add" + width, offset, place))
        else:
            displacement = 0
            for base, other in ((x, y), (y, x)):  # (base + constant) + other
                if f.op[base] in _ADD and self.single(base):
                    displacement = self.immediate(f.y[base]) or 0
                    if displacement:
                        x, y = f.x[base], other
                        break
            a, b, scale = self.scaled(x, y)
            self.emit(LEA, v, a, b, x=(width, scale, displacement))

    def scale(self, v: int) -> int:
        """How far a value used once is shifted left, if an address can do it (1 to 3), else 0."""
        f = self.f
        if f.op[v] in _SHL and f.op[f.y[v]] == CONST and self.single(v):
            count = f.aux[f.y[v]] & (_SHL[f.op[v]] - 1)
            return count if count < 4 else 0
        return 0

    def scaled(self, x: int, y: int) -> "tuple[int, int, int]":
        """Base, index and scale of the sum of two values."""
        f = self.f
        for base, index in ((x, y), (y, x)):
            scale = self.scale(index)
            if scale:
                return self.register(base), self.register(f.x[index]), scale
        return self.register(x), self.register(y), 0

    def binary(self, v: int, x: int, y: int, op: int) -> None:
        f = self.f
        mnemonic, commutative = _BINARY[op]
        immediate = self.immediate(y)
        if immediate is not None:
            if op in _AND and immediate in (0xFF, 0xFFFF):
                self.emit(UN, v, self.register(x), x=("movzx8" if immediate == 0xFF else "movzx16", None))
            else:
                self.emit(BINI, v, self.register(x), x=(mnemonic, immediate))
        elif op in _AND and f.op[y] == CONST and f.aux[y] == 0xFFFFFFFF:
            self.emit(UN, v, self.register(x), x=("mov32", None))
        elif f.op[x] == CONST and not f.aux[x] and mnemonic[0] == "s":
            self.emit(NEG, v, self.register(y), x="neg" + mnemonic[3:])
        else:
            if commutative and self.load(x, _FULL_LOADS):
                x, y = y, x
            if self.load(y, _FULL_LOADS):
                b, offset, place = self.address(y)
                self.emit(BINM, v, self.register(x), b, x=(mnemonic, offset, place))
            else:
                self.emit(BIN, v, self.register(x), self.register(y), x=(mnemonic, commutative))

    def float_binary(
        self, v: int, x: int, y: int, mnemonic: str, commutative: bool, loads: "Container[int]" = _FULL_FLOAT_LOADS
    ) -> None:
        f = self.f
        if commutative and (f.op[x] == CONST or self.load(x, loads)):
            x, y = y, x
        if f.op[y] == CONST:
            bits: int = f.aux[y]
            self.emit(FBINC, v, self.register(x), x=(mnemonic, bits.to_bytes(16, "little")))
        elif self.load(y, loads):
            b, offset, place = self.address(y)
            self.emit(FBINM, v, self.register(x), b, x=(mnemonic, offset, place))
        else:
            self.emit(FBIN, v, self.register(x), self.register(y), x=(mnemonic, commutative))

    def store(self, v: int, y: int, op: int) -> None:
        f = self.f
        a, offset, place = self.address(v)
        mnemonic = _STORES[op]
        if f.op[y] == CONST and f.type[y] in (T_I32, T_I64):
            immediate = self.immediate(y)
            if immediate is not None:
                width = int(mnemonic[3:])
                if width < 32:
                    immediate = (immediate & ((1 << width) - 1) ^ (1 << (width - 1))) - (1 << (width - 1))
                self.emit(STOREI, -1, a, x=(mnemonic, offset, place, immediate))
                return
        self.emit(STORE, -1, a, self.register(y), x=(mnemonic, offset, place))

    # conditions

    def condition_of(self, v: int, op: int) -> int:
        """The condition on which a comparison's value is 1, after ``compare``."""
        if op in _EQZ:
            return cc.E
        if op in _COMPARISONS:
            condition = _COMPARISONS[op][1]
            if condition in _SIGNS and self.immediate(self.f.y[v]) == 0:
                return _SIGNS[condition]
            return condition
        return _FLOAT_COMPARISONS[op][1]

    def compare(self, v: int, op: int) -> None:
        """Set the flags for a comparison."""
        f = self.f
        x, y = f.x[v], f.y[v]
        if op in _EQZ:
            self.test(x, _EQZ[op])
        elif op in _FLOAT_COMPARISONS:
            mnemonic, _, swap = _FLOAT_COMPARISONS[op]
            if swap:
                x, y = y, x
            self.emit(CMP, -1, self.register(x), self.register(y), x=mnemonic)
        else:
            width, condition = _COMPARISONS[op]
            immediate = self.immediate(y)
            if immediate == 0 and condition in (cc.E, cc.NE, cc.L, cc.GE):
                self.test(x, width)
            elif immediate is not None:
                self.emit(CMPI, -1, self.register(x), x=("cmp" + width, immediate))
            elif self.load(y, _FULL_LOADS):
                b, offset, place = self.address(y)
                self.emit(CMPM, -1, self.register(x), b, x=("cmp" + width, offset, place))
            else:
                self.emit(CMP, -1, self.register(x), self.register(y), x="cmp" + width)

    def test(self, v: int, width: str) -> None:
        """Set the flags for a value compared with zero."""
        f = self.f
        if f.op[v] in _AND and self.single(v):
            immediate = self.immediate(f.y[v])
            if immediate is not None:
                self.emit(CMPI, -1, self.register(f.x[v]), x=("test" + width, immediate))
            else:
                self.emit(CMP, -1, self.register(f.x[v]), self.register(f.y[v]), x="test" + width)
        else:
            a = self.register(v)
            self.emit(CMP, -1, a, a, x="test" + width)

    def flags(self, v: int) -> "tuple[int, int]":
        """(condition on which v is not zero, the comparison to be made or -1 to test v itself)."""
        op = self.f.op[v]
        if (op in _COMPARISONS or op in _EQZ or op in _FLOAT_COMPARISONS) and self.single(v):
            return self.condition_of(v, op), v
        return cc.NE, -1

    def set_flags(self, v: int, comparison: int) -> None:
        if comparison >= 0:
            self.compare(comparison, self.f.op[comparison])
        else:
            self.test(v, "32")

    def choose(self, v: int, x: int, y: int, z: int) -> None:
        """A select: a conditional move, or a jump over one for vectors and floats."""
        condition, comparison = self.flags(z)
        type_ = self.f.type[v]
        width = _SIZES.get(type_, "64")
        if type_ in (T_F32, T_F64, T_V128):
            width = "vector"
        self.emit(CMOV, v, self.register(x), self.register(y), x=(condition, width))
        self.set_flags(z, comparison)

    # control and effects

    def terminate(self, b: int) -> None:
        """What the terminator of the block needs computed: flags, an index, results."""
        f = self.f
        term = f.term[b]
        if term[0] == BRANCH:
            condition: int = term[1]  # type: ignore[assignment]
            self.result.condition[b], comparison = self.flags(condition)
            self.set_flags(condition, comparison)
        elif term[0] == SWITCH:
            index: int = term[1]  # type: ignore[assignment]
            self.emit(SWITCHES, -1, self.register(index))
        elif term[0] == RETURN:
            self.calling(RETURNS, -1, -1, None, term[1])  # type: ignore[arg-type]

    def call(self, v: int, op: int) -> None:
        f = self.f
        aux: Any = f.aux[v]
        self.calling(CALLS, v, f.x[v], (op, *aux[:-1], f.offset[v]), aux[-1])

    def calling(self, kind: int, v: int, a: int, what: object, args: "tuple[int, ...]") -> None:
        """An instruction of any number of operands; constants among them stay what they are."""
        f, live = self.f, self.live
        d = v if v >= 0 and f.type[v] != T_NONE else -1
        if kind == CALLS:
            self.result.calls.append(self.place - 1)
            general, vector = iter(convention.PARAMETERS), iter(convention.VECTOR_PARAMETERS)
        else:
            general, vector = iter(convention.RESULTS), iter(convention.VECTOR_RESULTS)
        wants = self.result.wants
        ends = []
        for arg in args:
            is_vector = T_F32 <= f.type[arg] <= T_V128
            place = next(vector if is_vector else general, -1)
            if f.op[arg] != CONST:
                if arg not in live and arg != d:
                    ends.append(arg)
                    if place >= 0:
                        wants[arg] = place + 16 * is_vector
                self.result.uses.setdefault(arg, []).append(self.place - 1)
        self.emit(kind, d, self.register(a) if a >= 0 else -1, x=(what, args, ends))
        live.update([arg for arg in args if f.op[arg] != CONST])

    def effect(self, v: int) -> None:
        f = self.f
        aux: Any = f.aux[v]
        code, immediate, args = aux
        if code == _GLOBAL_GET_CODE and f.type[v] != T_REF:  # references stay with Python, which counts them
            self.emit(GLOBAL_GET, v, x=immediate)
        elif code == _GLOBAL_SET_CODE and f.type[args[0]] != T_REF:
            self.emit(GLOBAL_SET, -1, self.register(args[0]), x=(immediate, f.type[args[0]]))
        elif code in _SIZE_OF:
            self.emit(SIZE, v, x=(_SIZE_OF[code], immediate))
        elif code in _LANE_LOADS:
            b, offset, place = self.address_of(args[0], immediate[0], f.offset[v])
            self.emit(LOAD_LANE, v, self.register(args[1]), b, x=(_LANE_LOADS[code], offset, place, immediate[1]))
        elif code in _LANE_STORES:
            a, offset, place = self.address_of(args[0], immediate[0], f.offset[v])
            self.emit(STORE_LANE, -1, a, self.register(args[1]), x=(_LANE_STORES[code], offset, place, immediate[1]))
        else:
            self.calling(CALLS, v, -1, (EFFECT, code, immediate, f.offset.get(v, 0)), args)


class Unsupported(Exception):
    """An operation that there is no rule for yet."""
