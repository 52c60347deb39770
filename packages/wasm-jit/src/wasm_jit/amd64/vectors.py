"""The vector instructions: those that the processor has are rows of a table, the others sequences.

``DIRECT`` gives the processor's instruction for a WebAssembly instruction of two operands.  The rest are functions
that append a sequence computing into ``d``, a register that is none of the operands'; ``SEQUENCES`` finds them by
name. AVX2 is not needed; without AVX the two-operand forms are used (see ``Transfer.vector3``).
"""

from .convention import SCRATCH, VECTOR_SCRATCH, VECTOR_SCRATCH_2
from .registers import NE, E

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .transfer import Transfer

    Sequence = Callable[[Transfer, int, int, int, int, Any], None]

_LETTERS = (("i8x16", "b", 8), ("i16x8", "w", 16), ("i32x4", "d", 32), ("i64x2", "q", 64))
_FLOATS = (("f32x4", "ps"), ("f64x2", "pd"))
_T, _U = VECTOR_SCRATCH, VECTOR_SCRATCH_2

#: name → (mnemonic, whether the operands may change places, whether they have to)
DIRECT: "dict[str, tuple[str, bool, bool]]" = {
    **{f"{shape}.add": (f"padd{c}", True, False) for shape, c, _ in _LETTERS},
    **{f"{shape}.sub": (f"psub{c}", False, False) for shape, c, _ in _LETTERS},
    **{f"{shape}.eq": (f"pcmpeq{c}", True, False) for shape, c, _ in _LETTERS},
    **{f"{shape}.gt_s": (f"pcmpgt{c}", False, False) for shape, c, _ in _LETTERS},
    **{f"{shape}.lt_s": (f"pcmpgt{c}", False, True) for shape, c, _ in _LETTERS},
    **{
        f"{shape}.{which}_{sign}": (f"p{which}{sign}{c}", True, False)
        for shape, c, _ in _LETTERS[:3]
        for which in ("min", "max")
        for sign in "su"
    },
    **{f"{shape}.avgr_u": (f"pavg{c}", True, False) for shape, c, _ in _LETTERS[:2]},
    **{
        f"{shape}.{which}_sat_{sign}": (f"p{which}{'us' if sign == 'u' else 's'}{c}", which == "add", False)
        for shape, c, _ in _LETTERS[:2]
        for which in ("add", "sub")
        for sign in "su"
    },
    "i16x8.mul": ("pmullw", True, False),
    "i32x4.mul": ("pmulld", True, False),
    "i32x4.dot_i16x8_s": ("pmaddwd", True, False),
    "i8x16.narrow_i16x8_s": ("packsswb", False, False),
    "i8x16.narrow_i16x8_u": ("packuswb", False, False),
    "i16x8.narrow_i32x4_s": ("packssdw", False, False),
    "i16x8.narrow_i32x4_u": ("packusdw", False, False),
    "v128.and": ("pand", True, False),
    "v128.or": ("por", True, False),
    "v128.xor": ("pxor", True, False),
    "v128.andnot": ("pandn", False, True),
    **{f"{shape}.{n}": (f"{n}{s}", True, False) for shape, s in _FLOATS for n in ("add", "mul")},
    **{f"{shape}.{n}": (f"{n}{s}", False, False) for shape, s in _FLOATS for n in ("sub", "div")},
    # the processor's minimum is its second operand unless the first is less: the pseudo-minimum with operands exchanged
    **{f"{shape}.p{n}": (f"{n}{s}", False, True) for shape, s in _FLOATS for n in ("min", "max")},
}  # fmt: skip

SEQUENCES: "dict[str, Sequence]" = {}


def _sequence(*names: str) -> "Callable[[Sequence], Sequence]":
    def register(function: "Sequence") -> "Sequence":
        for name in names:
            SEQUENCES[name] = function
        return function

    return register


def _splat(lanes: int, bits: int) -> bytes:
    """A constant with the same lane everywhere."""
    return (bits & ((1 << 128 // lanes) - 1)).to_bytes(16 // lanes, "little") * lanes


def emit(e: "Transfer", name: str, d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Append the sequence of an instruction."""
    e.vector_name = name
    SEQUENCES[name](e, d, a, b, c, aux)


def _shape(e: "Transfer") -> "tuple[str, str, int]":
    """Of the instruction being emitted: the operation, the letter of its lanes, their width in bits."""
    shape, _, operation = e.vector_name.partition(".")
    return next((operation, letter, width) for known, letter, width in _LETTERS if known == shape)


def _float(e: "Transfer") -> "tuple[str, str, int]":
    """As _shape, for floats: the operation, the suffix, the width."""
    shape, _, operation = e.vector_name.partition(".")
    return operation, ("ps" if shape == "f32x4" else "pd"), (32 if shape == "f32x4" else 64)


def _two(e: "Transfer", name: str, d: int, a: int) -> None:
    """d = op a."""
    e.out.append((e.op(f"{e.prefix}{name}_rr"), d, a))


def _imm(e: "Transfer", name: str, d: int, a: int, immediate: int) -> None:
    """d = a op immediate, for shifts, which have no other source."""
    if e.avx:
        e.out.append((e.op(f"v{name}_rri"), d, a, immediate))
    else:
        if d != a:
            e.out.append((e.op("movaps_rr"), d, a))
        e.out.append((e.op(f"{name}_ri"), d, immediate))


def _shuffle2(e: "Transfer", name: str, d: int, a: int, immediate: int) -> None:
    """d = permuted a, for the instructions of two registers and an immediate."""
    e.out.append((e.op(f"{e.prefix}{name}_rri"), d, a, immediate))


def _three_imm(e: "Transfer", name: str, d: int, a: int, b: int, immediate: int) -> None:
    """d = a op b with an immediate; without AVX d is not b."""
    if e.avx:
        e.out.append((e.op(f"v{name}_rrri"), d, a, b, immediate))
    else:
        if d != a:
            e.out.append((e.op("movaps_rr"), d, a))
        e.out.append((e.op(f"{name}_rri"), d, b, immediate))


def _ones(e: "Transfer", d: int) -> None:
    e.vector3(e.out, "pcmpeqd", d, d, d)


def _zero(e: "Transfer", d: int) -> None:
    e.vector3(e.out, "pxor", d, d, d)


def _invert(e: "Transfer", d: int) -> None:
    _ones(e, _T)
    e.vector3(e.out, "pxor", d, d, _T)


# comparisons


@_sequence(*(f"{shape}.ne" for shape, _, _ in _LETTERS))
def _ne(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    e.vector3(e.out, f"pcmpeq{_shape(e)[1]}", d, a, b)
    _invert(e, d)


@_sequence(*(f"{shape}.{n}_{s}" for shape, _, _ in _LETTERS[:3] for n in ("le", "ge") for s in "su"))
def _ordered(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Not above is being the minimum, not below the maximum."""
    operation, letter, _ = _shape(e)
    which = "min" if operation[:2] == "le" else "max"
    e.vector3(e.out, f"p{which}{operation[-1]}{letter}", d, a, b)
    e.vector3(e.out, f"pcmpeq{letter}", d, d, a)


@_sequence(*(f"{shape}.{n}_u" for shape, _, _ in _LETTERS[:3] for n in ("lt", "gt")))
def _strict(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    operation, letter, _ = _shape(e)
    which = "max" if operation[:2] == "lt" else "min"
    e.vector3(e.out, f"p{which}u{letter}", d, a, b)
    e.vector3(e.out, f"pcmpeq{letter}", d, d, a)
    _invert(e, d)


@_sequence("i64x2.le_s", "i64x2.ge_s")
def _ordered64(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    if e.vector_name.endswith("ge_s"):
        a, b = b, a
    e.vector3(e.out, "pcmpgtq", d, a, b)
    _invert(e, d)


_PREDICATES = {"eq": (0, False), "ne": (4, False), "lt": (1, False), "le": (2, False), "gt": (1, True), "ge": (2, True)}


@_sequence(*(f"{shape}.{n}" for shape, _ in _FLOATS for n in _PREDICATES))
def _compare_floats(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    operation, suffix, _ = _float(e)
    predicate, swap = _PREDICATES[operation]
    if swap:
        a, b = b, a
    _three_imm(e, "cmp" + suffix, d, a, b, predicate)


# bits


@_sequence("v128.not")
def _not(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _ones(e, d)
    e.vector3(e.out, "pxor", d, d, a)


@_sequence("v128.bitselect")
def _bitselect(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    e.vector3(e.out, "pand", _T, a, c)
    e.vector3(e.out, "pandn", d, c, b)
    e.vector3(e.out, "por", d, d, _T)


@_sequence("v128.any_true")
def _any_true(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, "ptest", a, a)
    e.out += ((e.op("set_cr"), NE, d), (e.op("movzx8_rr"), d, d))


@_sequence(*(f"{shape}.all_true" for shape, _, _ in _LETTERS))
def _all_true(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _zero(e, _T)
    e.vector3(e.out, f"pcmpeq{_shape(e)[1]}", _T, _T, a)
    _two(e, "ptest", _T, _T)
    e.out += ((e.op("set_cr"), E, d), (e.op("movzx8_rr"), d, d))


@_sequence(*(f"{shape}.bitmask" for shape, _, _ in _LETTERS))
def _bitmask(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    width = _shape(e)[2]
    if width == 16:
        _zero(e, _T)
        e.vector3(e.out, "packsswb", _U, a, _T)
        _two(e, "pmovmskb", d, _U)
    else:
        _two(e, {8: "pmovmskb", 32: "movmskps", 64: "movmskpd"}[width], d, a)


# integers


@_sequence("i8x16.abs", "i16x8.abs", "i32x4.abs")
def _abs(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, f"pabs{_shape(e)[1]}", d, a)


@_sequence("i64x2.abs")
def _abs64(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _shuffle2(e, "pshufd", _T, a, 0xF5)  # the upper halves, twice
    _imm(e, "psrad", _T, _T, 31)
    e.vector3(e.out, "pxor", d, a, _T)
    e.vector3(e.out, "psubq", d, d, _T)


@_sequence(*(f"{shape}.neg" for shape, _, _ in _LETTERS))
def _neg(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _zero(e, d)
    e.vector3(e.out, f"psub{_shape(e)[1]}", d, d, a)


@_sequence("i8x16.popcnt")
def _popcnt(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """By a table of sixteen, for either half of each byte."""
    table = bytes(n.bit_count() for n in range(16))
    low = b"\x0f" * 16
    e.vector_constant(e.out, "pand", _T, a, low)
    _imm(e, "psrlw", _U, a, 4)
    e.vector_constant(e.out, "pand", _U, _U, low)
    e.load_bytes(d, table)
    e.vector3(e.out, "pshufb", d, d, _T)
    e.load_bytes(_T, table)
    e.vector3(e.out, "pshufb", _T, _T, _U)
    e.vector3(e.out, "paddb", d, d, _T)


@_sequence("i16x8.q15mulr_sat_s")
def _q15(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """The one product out of range comes out as its negative: it is flipped."""
    e.vector3(e.out, "pmulhrsw", d, a, b)
    e.vector_constant(e.out, "pcmpeqw", _T, d, _splat(8, 0x8000))
    e.vector3(e.out, "pxor", d, d, _T)


def _count(e: "Transfer", b: int, width: int, aux: "Any") -> None:
    """The shift count, in the first vector scratch register."""
    e.out += ((e.op("mov32_rr"), SCRATCH, b), (e.op("and32_ri"), SCRATCH, width - 1))
    e.out.append((e.op("movqx_rr"), _T, SCRATCH))


@_sequence(*(f"{s}.{n}" for s in ("i16x8", "i32x4", "i64x2") for n in ("shl", "shr_u")), "i16x8.shr_s", "i32x4.shr_s")
def _shift(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    operation, letter, width = _shape(e)
    name = {"shl": "psll", "shr_u": "psrl", "shr_s": "psra"}[operation] + letter
    if b < 0:
        _imm(e, name, d, a, aux & (width - 1))
    else:
        _count(e, b, width, aux)
        e.vector3(e.out, name, d, a, _T)


@_sequence("i64x2.shr_s")
def _shift64(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Shifted as if unsigned, with the sign moved back to the top by exclusive or and subtraction."""
    sign = _splat(2, 1 << 63)
    if b < 0:
        _imm(e, "psrlq", d, a, aux & 63)
        e.load_bytes(_U, _splat(2, 1 << 63 - (aux & 63)))
    else:
        _count(e, b, 64, aux)
        e.vector3(e.out, "psrlq", d, a, _T)
        e.load_bytes(_U, sign)
        e.vector3(e.out, "psrlq", _U, _U, _T)
    e.vector3(e.out, "pxor", d, d, _U)
    e.vector3(e.out, "psubq", d, d, _U)


@_sequence("i8x16.shl", "i8x16.shr_u")
def _shift8(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """As sixteen bits each, without what came over from the neighbour."""
    left = e.vector_name.endswith("shl")
    name = "psllw" if left else "psrlw"
    if b < 0:
        count = aux & 7
        mask = 0xFF << count & 0xFF if left else 0xFF >> count
        _imm(e, name, d, a, count)
        e.vector_constant(e.out, "pand", d, d, bytes([mask]) * 16)
        return
    _count(e, b, 8, aux)
    e.vector3(e.out, name, d, a, _T)
    _ones(e, _U)
    if left:  # 0xFF << count in the low bytes of words, then in all bytes
        e.vector3(e.out, "psllw", _U, _U, _T)
    else:
        e.vector3(e.out, "psrlw", _U, _U, _T)
        _imm(e, "psrlw", _U, _U, 8)
    _zero(e, _T)
    e.vector3(e.out, "pshufb", _U, _U, _T)
    e.vector3(e.out, "pand", d, d, _U)


@_sequence("i8x16.shr_s")
def _shift8_s(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Each byte as the upper one of a word, shifted eight further and packed again."""
    if b < 0:
        e.vector3(e.out, "punpckhbw", _T, a, a)
        e.vector3(e.out, "punpcklbw", d, a, a)
        _imm(e, "psraw", _T, _T, 8 + (aux & 7))
        _imm(e, "psraw", d, d, 8 + (aux & 7))
        e.vector3(e.out, "packsswb", d, d, _T)
        return
    e.out += ((e.op("mov32_rr"), SCRATCH, b), (e.op("and32_ri"), SCRATCH, 7), (e.op("add32_ri"), SCRATCH, 8))
    e.out.append((e.op("movqx_rr"), _T, SCRATCH))
    e.vector3(e.out, "punpcklbw", d, a, a)
    e.vector3(e.out, "psraw", d, d, _T)
    e.vector3(e.out, "punpckhbw", _U, a, a)
    e.vector3(e.out, "psraw", _U, _U, _T)
    e.vector3(e.out, "packsswb", d, d, _U)


@_sequence("i64x2.mul")
def _mul64(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """From products of halves: the two mixed ones, added and moved up, and the lower ones'."""
    _imm(e, "psrlq", _T, a, 32)
    e.vector3(e.out, "pmuludq", _T, _T, b)
    _imm(e, "psrlq", d, b, 32)
    e.vector3(e.out, "pmuludq", d, d, a)
    e.vector3(e.out, "paddq", d, d, _T)
    _imm(e, "psllq", d, d, 32)
    e.vector3(e.out, "pmuludq", _T, a, b)
    e.vector3(e.out, "paddq", d, d, _T)


_NEXT = {"i16x8": ("bw", "i8x16"), "i32x4": ("wd", "i16x8"), "i64x2": ("dq", "i32x4")}


def _extend(e: "Transfer", d: int, a: int, letters: str, sign: str, high: bool) -> None:
    if high:
        _shuffle2(e, "pshufd", d, a, 0xEE)
        a = d
    _two(e, f"pmov{'sx' if sign == 's' else 'zx'}{letters}", d, a)


@_sequence(*(f"{to}.extend_{half}_{of}_{s}" for to, (_, of) in _NEXT.items() for half in ("low", "high") for s in "su"))
def _extend_half(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    shape, _, operation = e.vector_name.partition(".")
    _extend(e, d, a, _NEXT[shape][0], operation[-1], "_high_" in operation)


@_sequence(*(f"{to}.extmul_{half}_{of}_{s}" for to, (_, of) in _NEXT.items() for half in ("low", "high") for s in "su"))
def _extmul(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    shape, _, operation = e.vector_name.partition(".")
    sign, high = operation[-1], "_high_" in operation
    if shape == "i64x2":  # the processor multiplies the even lanes
        order = 0xFA if high else 0x50
        _shuffle2(e, "pshufd", _T, a, order)
        _shuffle2(e, "pshufd", d, b, order)
        e.vector3(e.out, "pmuldq" if sign == "s" else "pmuludq", d, d, _T)
    else:
        _extend(e, _T, a, _NEXT[shape][0], sign, high)
        _extend(e, d, b, _NEXT[shape][0], sign, high)
        e.vector3(e.out, "pmullw" if shape == "i16x8" else "pmulld", d, d, _T)


@_sequence("i16x8.extadd_pairwise_i8x16_s", "i16x8.extadd_pairwise_i8x16_u")
def _extadd8(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Multiply and add in pairs, with ones; one operand of that is signed, the other is not."""
    if e.vector_name.endswith("s"):
        e.load_bytes(d, _splat(16, 1))
        e.vector3(e.out, "pmaddubsw", d, d, a)
    else:
        e.vector_constant(e.out, "pmaddubsw", d, a, _splat(16, 1))


@_sequence("i32x4.extadd_pairwise_i16x8_s", "i32x4.extadd_pairwise_i16x8_u")
def _extadd16(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    if e.vector_name.endswith("s"):
        e.vector_constant(e.out, "pmaddwd", d, a, _splat(8, 1))
    else:
        _imm(e, "psrld", _T, a, 16)
        e.vector_constant(e.out, "pand", d, a, _splat(4, 0xFFFF))
        e.vector3(e.out, "paddd", d, d, _T)


# lanes


@_sequence("i8x16.swizzle")
def _swizzle(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """An index above 15 is made one with the top bit, for which the processor gives zero."""
    e.load_bytes(_T, b"\x70" * 16)
    e.vector3(e.out, "paddusb", _T, _T, b)
    e.vector3(e.out, "pshufb", d, a, _T)


@_sequence("i8x16.shuffle")
def _shuffle(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    lanes = aux.to_bytes(16, "little")
    if a == b:
        lanes = bytes(lane & 15 for lane in lanes)
    if all(lane < 16 for lane in lanes) or all(lane >= 16 for lane in lanes):
        source = a if lanes[0] < 16 else b
        words = [lanes[i] & 15 for i in range(0, 16, 4)]
        if all(
            lanes[i + j] & 15 == words[i // 4] + j and words[i // 4] % 4 == 0 for i in (0, 4, 8, 12) for j in range(4)
        ):
            _shuffle2(e, "pshufd", d, source, sum(word // 4 << 2 * i for i, word in enumerate(words)))
        else:
            e.vector_constant(e.out, "pshufb", d, source, bytes(lane & 15 for lane in lanes))
        return
    for start in range(1, 16):
        if lanes == bytes(range(start, start + 16)):
            _three_imm(e, "palignr", d, b, a, start)
            return
    for name, size in (("bw", 1), ("wd", 2), ("dq", 4), ("qdq", 8)):
        for half, first in (("l", 0), ("h", 8)):
            pairs = [
                place
                for i in range(0, 8, size)
                for operand in (0, 16)
                for place in range(operand + first + i, operand + first + i + size)
            ]
            if lanes == bytes(pairs):
                e.vector3(e.out, f"punpck{half}{name}", d, a, b)
                return
    e.vector_constant(e.out, "pshufb", _T, a, bytes(lane if lane < 16 else 0x80 for lane in lanes))
    e.vector_constant(e.out, "pshufb", d, b, bytes(lane - 16 if lane >= 16 else 0x80 for lane in lanes))
    e.vector3(e.out, "por", d, d, _T)


@_sequence("i8x16.splat", "i16x8.splat", "i32x4.splat", "i64x2.splat", "f32x4.splat", "f64x2.splat")
def _splats(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    shape = e.vector_name[:5]
    if shape[0] == "i":
        e.out.append((e.op("movqx_rr"), d, a))
    if shape == "i8x16":
        _zero(e, _T)
        e.vector3(e.out, "pshufb", d, d, _T)
    elif shape == "i16x8":
        _shuffle2(e, "pshuflw", d, d, 0)
        _shuffle2(e, "pshufd", d, d, 0)
    elif shape == "i32x4":
        _shuffle2(e, "pshufd", d, d, 0)
    elif shape == "i64x2":
        _shuffle2(e, "pshufd", d, d, 0x44)
    elif shape == "f32x4":
        _shuffle2(e, "pshufd", d, a, 0)
    else:
        _two(e, "movddup", d, a)


@_sequence(
    "i8x16.extract_lane_s", "i8x16.extract_lane_u", "i16x8.extract_lane_s", "i16x8.extract_lane_u",
    "i32x4.extract_lane", "i64x2.extract_lane",
)  # fmt: skip
def _extract(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    operation, letter, width = _shape(e)
    e.out.append((e.op(f"{e.prefix}pextr{letter}_rri"), d, a, aux))
    if operation.endswith("s"):
        e.out.append((e.op(f"movsx{width}_32_rr"), d, d))


@_sequence("f32x4.extract_lane", "f64x2.extract_lane")
def _extract_float(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    if e.vector_name[1] == "3":
        _shuffle2(e, "pshufd", d, a, aux)
    else:
        _shuffle2(e, "pshufd", d, a, 0xEE if aux else 0xE4)


@_sequence("i8x16.replace_lane", "i16x8.replace_lane", "i32x4.replace_lane", "i64x2.replace_lane")
def _replace(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _three_imm(e, f"pinsr{_shape(e)[1]}", d, a, b, aux)


@_sequence("f32x4.replace_lane", "f64x2.replace_lane")
def _replace_float(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    if e.vector_name[1] == "3":
        _three_imm(e, "insertps", d, a, b, aux << 4)
    elif aux:
        e.vector3(e.out, "unpcklpd", d, a, b)
    else:
        _three_imm(e, "blendpd", d, a, b, 1)


# floats


@_sequence(*(f"{shape}.{n}" for shape, _ in _FLOATS for n in ("abs", "neg")))
def _signs(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    operation, _, width = _float(e)
    sign = 1 << (width - 1)
    if operation == "neg":
        e.vector_constant(e.out, "xorps", d, a, _splat(128 // width, sign))
    else:
        e.vector_constant(e.out, "andps", d, a, _splat(128 // width, sign - 1))


@_sequence(*(f"{shape}.sqrt" for shape, _ in _FLOATS))
def _sqrt(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, "sqrt" + _float(e)[1], d, a)


_ROUNDING = {"nearest": 8, "floor": 9, "ceil": 10, "trunc": 11}


@_sequence(*(f"{shape}.{n}" for shape, _ in _FLOATS for n in _ROUNDING))
def _round(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    operation, suffix, _ = _float(e)
    _shuffle2(e, "round" + suffix, d, a, _ROUNDING[operation])


@_sequence("f32x4.min", "f64x2.min")
def _min(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Both ways round: the results differ for zeros of different signs and for NaNs, and then "or" has what is wanted.

    A NaN of that is made quiet and its payload cleared below the sign, which the specification allows.
    """
    _, suffix, width = _float(e)
    e.vector3(e.out, "min" + suffix, _T, a, b)
    e.vector3(e.out, "min" + suffix, d, b, a)
    e.vector3(e.out, "orps", _T, _T, d)
    _three_imm(e, "cmp" + suffix, _U, d, _T, 3)  # unordered
    e.vector3(e.out, "orps", _T, _T, _U)
    _imm(e, "psrld" if width == 32 else "psrlq", _U, _U, 10 if width == 32 else 13)
    e.vector3(e.out, "andnps", d, _U, _T)


@_sequence("f32x4.max", "f64x2.max")
def _max(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """As ``_min``; of zeros of different signs the one without sign, by a subtraction of what differs."""
    _, suffix, width = _float(e)
    e.vector3(e.out, "max" + suffix, _T, a, b)
    e.vector3(e.out, "max" + suffix, d, b, a)
    e.vector3(e.out, "xorps", d, d, _T)  # what differs: the sign of zero, or a NaN's bits
    e.vector3(e.out, "orps", _T, _T, d)
    e.vector3(e.out, "sub" + suffix, _T, _T, d)
    _three_imm(e, "cmp" + suffix, _U, d, _T, 3)
    _imm(e, "psrld" if width == 32 else "psrlq", _U, _U, 10 if width == 32 else 13)
    e.vector3(e.out, "andnps", d, _U, _T)


@_sequence("f32x4.convert_i32x4_s")
def _convert(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, "cvtdq2ps", d, a)


@_sequence("f32x4.convert_i32x4_u")
def _convert_u(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """The lower sixteen bits; the others, halved so that they are no sign, and doubled: both exact, rounded once."""
    e.vector_constant(e.out, "pand", _T, a, _splat(4, 0xFFFF))
    e.vector3(e.out, "psubd", _U, a, _T)
    _two(e, "cvtdq2ps", _T, _T)
    _imm(e, "psrld", _U, _U, 1)
    _two(e, "cvtdq2ps", _U, _U)
    e.vector3(e.out, "addps", _U, _U, _U)
    e.vector3(e.out, "addps", d, _U, _T)


@_sequence("f64x2.convert_low_i32x4_s")
def _convert_low(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, "cvtdq2pd", d, a)


@_sequence("f64x2.convert_low_i32x4_u")
def _convert_low_u(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """The number in the low bits of 2⁵², minus 2⁵²."""
    e.load_bytes(_T, _splat(4, 0x43300000))
    e.vector3(e.out, "unpcklps", d, a, _T)
    e.vector_constant(e.out, "subpd", d, d, _splat(2, 0x4330000000000000))


@_sequence("f32x4.demote_f64x2_zero")
def _demote(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, "cvtpd2ps", d, a)


@_sequence("f64x2.promote_low_f32x4")
def _promote(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _two(e, "cvtps2pd", d, a)


@_sequence("i32x4.trunc_sat_f32x4_s")
def _trunc_sat_s(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """NaNs become zero first; what is too large comes out as the least number and is flipped to the greatest."""
    _three_imm(e, "cmpps", _T, a, a, 0)
    e.vector3(e.out, "andps", d, a, _T)
    _two(e, "cvttps2dq", _U, d)
    e.vector3(e.out, "pandn", _T, d, _U)  # negative, though the number was not
    _imm(e, "psrad", _T, _T, 31)
    e.vector3(e.out, "pxor", d, _U, _T)


@_sequence("i32x4.trunc_sat_f32x4_u")
def _trunc_sat_u(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """The number up to 2³¹, and how much more it is, at most 2³¹ − 1, both converted as signed."""
    two_31 = _splat(4, 0x4F000000)
    _zero(e, _U)
    e.vector3(e.out, "maxps", d, a, _U)  # for a NaN the second operand
    e.vector_constant(e.out, "subps", _T, d, two_31)
    e.load_bytes(_U, two_31)
    _three_imm(e, "cmpps", _U, _U, _T, 2)
    _two(e, "cvttps2dq", _T, _T)
    e.vector3(e.out, "pxor", _T, _T, _U)
    _zero(e, _U)
    e.vector3(e.out, "pmaxsd", _T, _T, _U)
    _two(e, "cvttps2dq", d, d)
    e.vector3(e.out, "paddd", d, d, _T)


@_sequence("i32x4.trunc_sat_f64x2_s_zero")
def _trunc_sat64_s(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    _three_imm(e, "cmppd", _T, a, a, 0)
    e.vector_constant(e.out, "andps", _T, _T, _splat(2, 0x41DFFFFFFFC00000))  # 2³¹ − 1, or zero for a NaN
    e.vector3(e.out, "minpd", d, a, _T)  # for a NaN the second operand
    _two(e, "cvttpd2dq", d, d)


@_sequence("i32x4.trunc_sat_f64x2_u_zero")
def _trunc_sat64_u(e: "Transfer", d: int, a: int, b: int, c: int, aux: "Any") -> None:
    """Between 0 and 2³² − 1 and whole; then the low bits of that number plus 2⁵²."""
    _zero(e, _U)
    e.vector3(e.out, "maxpd", d, a, _U)
    e.vector_constant(e.out, "minpd", d, d, _splat(2, 0x41EFFFFFFFE00000))
    _shuffle2(e, "roundpd", d, d, 11)
    e.vector_constant(e.out, "addpd", d, d, _splat(2, 0x4330000000000000))
    _three_imm(e, "shufps", d, d, _U, 0x88)
