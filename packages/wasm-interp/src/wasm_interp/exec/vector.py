"""The vector instructions as functions over Python ints (specification 3.0, section "Vector Operations").

A v128 is an int of 128 bits with lane 0 in the lowest ones, ``int.from_bytes(sixteen_bytes, "little")``.  i32 and i64
operands and results are unsigned ints, f32 and f64 as in ``runtime.values``.  Nothing here is written once per
instruction: a row says what an operation does, for lanes of any width, and functions are compiled from the rows when
they are first asked for.  There are two tables, for the two ways to be fast:

- ``_WHOLE``: expressions over the whole int, all lanes at once, with masks that keep carries inside their lanes;
- ``_LANES``: expressions over one lane, for what ``struct`` had better take apart and put together again.

Floating-point lanes follow the specification in what it leaves open as the processor does (an arithmetic NaN keeps the
payload of an operand); relaxed instructions behave as the deterministic profile says (appendix "Profiles").
"""

import struct
from math import ceil, copysign, floor, inf, nan, sqrt

from wasm_decoder.syntax.instructions import BY_NAME, OPS

from ..runtime.values import f32_from_bits, f32_to_bits, f64_from_bits, f64_to_bits, round_f32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Operands are a, b, c in the order of VECTOR's arguments; x and y are temporaries.  Capitals are constants of the lane
# width, see _constants.  All are single letters so that str.translate puts values in their place: no other word in an
# expression may contain a, b, c, x, y or a capital.
_SUM = "((a & L) + (b & L) ^ (a ^ b) & H)"
_DIFFERENCE = "((a | H) - (b & L) ^ (a ^ b ^ H) & H)"
_NOT_ZERO = "((a & L) + L | a)"  # in the sign bit of each lane
_GE_U = "((x := (a | H) - (b & L)) ^ (x ^ a) & (a ^ b))"  # in the sign bit of each lane; so are the next three
_GE_S = "((x := (a | H) - (b & L)) ^ (x ^ b) & (a ^ b))"
_LT_U = f"({_GE_U} ^ H)"
_LT_S = f"({_GE_S} ^ H)"
_LIMIT = "((a >> S & I) + L)"  # the greatest signed value where a is positive, else the least
_SWAP = str.maketrans("ab", "ba")


def _spread(sign_bits: str) -> str:
    """All ones in each lane whose sign bit is set in ``sign_bits``."""
    return f"({sign_bits} >> S & I) * M"


_WHOLE = {
    "not": "a ^ A",
    "and": "a & b",
    "andnot": "a ^ a & b",
    "or": "a | b",
    "xor": "a ^ b",
    "bitselect": "b ^ (a ^ b) & c",
    "relaxed_laneselect": "b ^ (a ^ b) & c",
    "any_true": "1 if a else 0",
    "all_true": f"1 if {_NOT_ZERO} & H == H else 0",
    "bitmask": "(a >> S & I) * G >> P & N",
    "i8x16.bitmask": "(((x := a >> 7 & I) | x >> 7) & J) * G >> P & N",  # pairs first, or the products overlap
    "eq": f"({_NOT_ZERO} >> S & I ^ I) * M".replace("a", "x").replace("x &", "(x := a ^ b) &", 1),
    "ne": _spread(_NOT_ZERO).replace("a", "x").replace("x &", "(x := a ^ b) &", 1),
    "ge_u": _spread(_GE_U),
    "ge_s": _spread(_GE_S),
    "lt_u": _spread(_LT_U),
    "lt_s": _spread(_LT_S),
    "le_u": _spread(_GE_U).translate(_SWAP),
    "le_s": _spread(_GE_S).translate(_SWAP),
    "gt_u": _spread(_LT_U).translate(_SWAP),
    "gt_s": _spread(_LT_S).translate(_SWAP),
    "min_u": f"b ^ (a ^ b) & {_spread(_LT_U)}",
    "min_s": f"b ^ (a ^ b) & {_spread(_LT_S)}",
    "max_u": f"b ^ (a ^ b) & {_spread(_GE_U)}",
    "max_s": f"b ^ (a ^ b) & {_spread(_GE_S)}",
    "abs": "(a ^ (x := a >> S & I) * M) + x",
    "neg": "H - (a & L) ^ (a & H ^ H)",
    "add": _SUM,
    "sub": _DIFFERENCE,
    "add_sat_u": "(x := (a & L) + (b & L)) ^ (a ^ b) & H | ((a & b | x & (a | b)) >> S & I) * M",
    "add_sat_s": f"(x := {_SUM}) ^ (x ^ {_LIMIT}) & {_spread('((a ^ x) & (b ^ x))')}",
    "sub_sat_u": f"{_DIFFERENCE} & {_spread(_GE_U)}",
    "sub_sat_s": f"(x := {_DIFFERENCE}) ^ (x ^ {_LIMIT}) & {_spread('((a ^ b) & (a ^ x))')}",
    "avgr_u": "(a | b) - ((a ^ b) >> 1 & L)",
    "shl": "(a & (M >> (x := b & S)) * I) << x",
    "shr_u": "a >> (x := b & S) & (M >> x) * I",
    "shr_s": "a >> (x := b & S) & (y := M >> x) * I | (a >> S & I) * (y ^ M)",
    "i32x4.mul": "(a & M) * (b & M) & M"
    " | ((a >> 32 & M) * (b >> 32 & M) & M) << 32"
    " | ((a >> 64 & M) * (b >> 64 & M) & M) << 64"
    " | ((a >> 96) * (b >> 96) & M) << 96",
    "i64x2.mul": "(a & M) * (b & M) & M | ((a >> 64) * (b >> 64) & M) << 64",
    "extadd_pairwise_u": "(a & E) + (a >> W // 2 & E)",
    "extadd_pairwise_s": "(((x := a ^ D) & E) + (x >> W // 2 & E) | H) - (I << W // 2) ^ H",  # biased to be unsigned
    "splat": "(a & M) * I",
    "extract_lane": "a >> b * W & M",
    "extract_lane_u": "a >> b * W & M",
    "extract_lane_s": "(a >> b * W & M ^ Q) - Q & F",
    "replace_lane": "a & (M << c * W ^ A) | (b & M) << c * W",
    "load_splat": "a * I",
    "load_zero": "a",
    "load_lane": "a & (M << b * W ^ A) | c << b * W",
    "store_lane": "a >> b * W & M",
    "float.abs": "a & L",
    "float.neg": "a ^ H",
}

# One row for each operation: the format of the operands' lanes (s and u: signed and unsigned ints, f: floats; "low" or
# "high" half of them), the value of a result lane from the same lane x, y, z of the operands, the format of the
# result's lanes, and what to take instead of a value r where not all values fit that format.  No other word may contain
# x, y, z or, in the last column, r.  In "pairs", u and v are the lanes after x and y; "both" makes one operand of two;
# "?" is a lane of ones or zeros; "pick" takes the lane of the second operand where the value is true, else the first.
_LANES = {
    "mul": ("u", "x * y & M", "u", ""),
    "q15mulr_sat_s": ("s", "x * y + 16384 >> 15", "s", "min(r, 32767)"),
    "dot_s": ("s pairs", "x * y + u * v", "s", "r if r < 2147483648 else -2147483648"),
    "relaxed_dot_s": ("s pairs", "x * y + u * v", "s", "min(r, 32767)"),
    "extend_low_s": ("s low", "x", "s", ""),
    "extend_low_u": ("u low", "x", "u", ""),
    "extend_high_s": ("s high", "x", "s", ""),
    "extend_high_u": ("u high", "x", "u", ""),
    "extmul_low_s": ("s low", "x * y", "s", ""),
    "extmul_low_u": ("u low", "x * y", "u", ""),
    "extmul_high_s": ("s high", "x * y", "s", ""),
    "extmul_high_u": ("u high", "x * y", "u", ""),
    "narrow_s": ("s both", "x", "s", "-1 - (M >> 1) if r < -1 - (M >> 1) else M >> 1 if r > M >> 1 else r"),
    "narrow_u": ("s both", "x", "u", "0 if r < 0 else M if r > M else r"),
    "float.eq": ("f", "x == y", "?", ""),
    "float.ne": ("f", "x != y", "?", ""),
    "float.lt": ("f", "x < y", "?", ""),
    "float.gt": ("f", "x > y", "?", ""),
    "float.le": ("f", "x <= y", "?", ""),
    "float.ge": ("f", "x >= y", "?", ""),
    "float.pmin": ("f", "y < x", "pick", ""),
    "float.pmax": ("f", "x < y", "pick", ""),
    "float.ceil": ("f", "ceil(x)", "f", ""),
    "float.floor": ("f", "floor(x)", "f", ""),
    "float.trunc": ("f", "trunc(x)", "f", ""),
    "float.nearest": ("f", "nearest(x)", "f", ""),
    "float.sqrt": ("f", "sqrt(x) if x >= 0.0 else root(x)", "f", ""),
    "float.add": ("f", "x + y", "f", "fit(r)"),
    "float.sub": ("f", "x - y", "f", "fit(r)"),
    "float.mul": ("f", "x * y", "f", "fit(r)"),
    "float.div": ("f", "x / y if y else to_inf(x, y)", "f", "fit(r)"),
    "float.min": ("f", "lesser(x, y)", "f", ""),
    "float.max": ("f", "greater(x, y)", "f", ""),
    "f32x4.relaxed_madd": ("f", "single(x * y) + z", "f", "fit(r)"),
    "f32x4.relaxed_nmadd": ("f", "z - single(x * y)", "f", "fit(r)"),
    "f64x2.relaxed_madd": ("f", "x * y + z", "f", ""),
    "f64x2.relaxed_nmadd": ("f", "z - x * y", "f", ""),
    "demote_zero": ("f", "x - 0.0", "f", "fit(r)"),  # subtracting makes a signalling NaN quiet
    "promote_low": ("f low", "x - 0.0", "f", ""),
    "convert_s": ("s", "x", "f", ""),
    "convert_u": ("u", "x", "f", ""),
    "convert_low_s": ("s low", "x", "f", ""),
    "convert_low_u": ("u low", "x", "f", ""),
    "trunc_sat_s": (
        "f",
        "int(x) if -2147483649.0 < x < 2147483648.0 else saturate(x, -2147483648, 2147483647)",
        "s",
        "",
    ),
    "trunc_sat_u": ("f", "int(x) if -1.0 < x < 2.0**32 else saturate(x, 0, 2**32 - 1)", "u", ""),
}

# The operations whose rows serve under another name too.
_SAME = {
    "float.relaxed_min": "float.min",
    "float.relaxed_max": "float.max",
    "relaxed_q15mulr_s": "q15mulr_sat_s",
    "relaxed_trunc_s": "trunc_sat_s",
    "relaxed_trunc_u": "trunc_sat_u",
    "relaxed_trunc_s_zero": "trunc_sat_s",
    "relaxed_trunc_u_zero": "trunc_sat_u",
    "trunc_sat_s_zero": "trunc_sat_s",
    "trunc_sat_u_zero": "trunc_sat_u",
    "load_s": "extend_low_s",
    "load_u": "extend_low_u",
}

_WIDTHS = {"i7x16": 8, "i8x16": 8, "i16x8": 16, "i32x4": 32, "i64x2": 64, "f32x4": 32, "f64x2": 64}


def _constants(width: int) -> dict[int, str]:
    """What the capitals in the expressions stand for where lanes have ``width`` bits, for str.translate."""
    count = 128 // width
    everything = (1 << 128) - 1
    mask = (1 << width) - 1
    ones = everything // mask
    high = ones << width - 1
    half = mask >> width // 2
    step, groups = (14, 8) if width == 8 else (width - 1, count)
    values = {
        "W": width,
        "S": width - 1,
        "M": mask,  # of one lane
        "Q": 1 << width - 1,  # the sign bit of one lane
        "I": ones,  # one in each lane
        "H": high,  # the sign bit of each lane
        "L": everything ^ high,  # all but those
        "A": everything,
        "E": ones * half,  # the lower half of each lane
        "D": ones * (half + 1 >> 1 | high >> width * (count - 1)),  # the sign bits of both halves
        "F": 0xFFFFFFFF,
        "N": (1 << count) - 1,  # one bit for each lane
        # gathers bits: those of group i, a whole lane (two of them for i8x16) above those of i - 1, end side by side
        "G": sum(1 << step * i for i in range(groups)),
        "P": step * (groups - 1),
        "J": everything // 0xFFFF * 3,
    }
    return {ord(letter): hex(value) if value > 255 else str(value) for letter, value in values.items()}


class _Row:
    """Where an instruction's row is and what it is to be compiled for, from its name alone."""

    __slots__ = ("key", "source", "width")

    def __init__(self, name: str) -> None:
        shape, _, operation = name.partition(".")
        words = operation.split("_")
        self.width = _WIDTHS.get(shape, 128)
        #: the width of the operands' lanes
        self.source = self.width
        if shape == "v128":
            head = words[0].rstrip("x0123456789")
            bits, wider, _ = words[0].removeprefix(head).partition("x")
            words[0] = head
            if bits:
                self.source = int(bits)
                self.width = self.source * 2 if wider else self.source
        for word in words:
            self.source = _WIDTHS.get(word, self.source)
        operation = "_".join([word for word in words if word not in _WIDTHS])
        #: the name of the row: the one of this instruction alone, of floats, or of all shapes
        self.key = operation
        for key in (name, "float." + operation if shape[0] == "f" else operation):
            key = _SAME.get(key, key)
            if key in _WHOLE or key in _LANES:
                self.key = key
                break


def _whole(row: _Row) -> "Callable[..., int]":
    expression = _WHOLE[row.key]
    operands = ", ".join([letter for letter in "abc" if letter in expression])
    function: Callable[..., int] = eval(f"lambda {operands}: {expression.translate(_constants(row.width))}")
    return function


def _lanes(row: _Row) -> "Callable[..., int]":
    operand, value, result, fitting = _LANES[row.key]
    kind, _, part = operand.partition(" ")
    count = 128 // row.source  # lanes taken from each operand
    arity = 1 + max(["xyz".find(letter) for letter in value])
    vectors = "ab" if part == "both" else "abc"[:arity]
    if part == "both":
        count *= 2
    elif part in ("low", "high"):
        count //= 2
    unpack = _format(kind, row.source, count)
    unpack = (f"8x{unpack}" if part == "high" else f"{unpack}8x" if part == "low" else unpack) * arity
    values = []
    step = 2 if part == "pairs" else 1
    for i in range(0, count, step):
        lane = {ord(letter): f"l{count * j + i}" for j, letter in enumerate("xyz")}
        if part == "pairs":
            lane |= {ord("u"): f"l{i + 1}", ord("v"): f"l{count + i + 1}"}
        values.append(value.translate(lane).translate(_constants(row.width)))
    bits = " | ".join([f"{vector} << {128 * i}" if i else vector for i, vector in enumerate(vectors)])
    taken = ", ".join([f"l{i}" for i in range(count * arity)])
    source = (
        f"def function({', '.join(vectors)}):\n    {taken} = unpack(({bits}).to_bytes({16 * len(vectors)}, 'little'))\n"
    )
    if result in ("?", "pick"):
        ones = (1 << row.width) - 1
        mask = " | ".join([f"({ones << row.width * i:#x} if {value} else 0)" for i, value in enumerate(values)])
        source += f"    return {mask if result == '?' else f'a ^ (a ^ b) & ({mask})'}\n"
        pack = ""
    else:
        pack = _format(result, row.width, len(values))
        make = "from_bytes(pack({}), 'little')"
        if fitting:
            fitted = [fitting.translate(_constants(row.width)).replace("r", f"({value})") for value in values]
            source += f"    try:\n        return {make.format(', '.join(values))}\n"
            source += f"    except unfit:\n        return {make.format(', '.join(fitted))}\n"
        else:
            source += f"    return {make.format(', '.join(values))}\n"
    names = dict(_LANE_NAMES, unpack=struct.Struct("<" + unpack).unpack, pack=struct.Struct("<" + pack).pack)
    exec(source, names)
    function: Callable[..., int] = names["function"]  # type: ignore[assignment]  # exec made it
    return function


def _format(kind: str, width: int, count: int) -> str:
    """The struct format of ``count`` lanes; ``kind`` is s, u or f."""
    letter = {8: "b", 16: "h", 32: "i", 64: "q"}[width] if kind != "f" else {32: "f", 64: "d"}[width]
    return f"{count}{letter.upper() if kind == 'u' else letter}"


_WHOLE_DOUBLES = 2.0**52  # from here on a double has no room for a fraction: a sum is rounded, ties to even


def _nearest(x: float) -> float:
    if -_WHOLE_DOUBLES < x < _WHOLE_DOUBLES:
        return copysign(abs(x) + _WHOLE_DOUBLES - _WHOLE_DOUBLES, x)
    return x - 0.0


def _floor(x: float) -> float:
    return copysign(floor(x), x) if -_WHOLE_DOUBLES < x < _WHOLE_DOUBLES else x - 0.0


def _ceil(x: float) -> float:
    return copysign(ceil(x), x) if -_WHOLE_DOUBLES < x < _WHOLE_DOUBLES else x - 0.0


def _trunc(x: float) -> float:
    return copysign(int(x), x) if -_WHOLE_DOUBLES < x < _WHOLE_DOUBLES else x - 0.0


def _root(x: float) -> float:
    """The square root of what ``math.sqrt`` raises ValueError for, or of a NaN."""
    return nan if x < 0.0 else x - 0.0


def _to_inf(x: float, y: float) -> float:
    """``x`` divided by zero."""
    return x * copysign(inf, y) if x else x * inf


def _lesser(x: float, y: float) -> float:
    if x < y:
        return x
    if y < x:
        return y
    return x + y if x != y else x if copysign(1.0, x) < 0.0 else y


def _greater(x: float, y: float) -> float:
    if x > y:
        return x
    if y > x:
        return y
    return x + y if x != y else y if copysign(1.0, x) < 0.0 else x


def _fit(x: float) -> float:
    """``x``, or the infinity that it rounds to in single precision."""
    return copysign(inf, x) if abs(x) >= 2.0**128 - 2.0**103 else x


def _saturate(x: float, least: int, greatest: int) -> int:
    """What becomes of a number outside the range of an integer."""
    return 0 if x != x else greatest if x > 0.0 else least


_LANE_NAMES: dict[str, object] = {
    "from_bytes": int.from_bytes,
    "unfit": (struct.error, OverflowError),
    "sqrt": sqrt,
    "nearest": _nearest,
    "floor": _floor,
    "ceil": _ceil,
    "trunc": _trunc,
    "root": _root,
    "to_inf": _to_inf,
    "lesser": _lesser,
    "greater": _greater,
    "fit": _fit,
    "single": round_f32,
    "saturate": _saturate,
}

_POPCOUNTS = bytes([i.bit_count() for i in range(256)])


def _popcnt(a: int) -> int:
    return int.from_bytes(a.to_bytes(16, "little").translate(_POPCOUNTS), "little")


def _swizzle(a: int, b: int) -> int:
    # as a table of 256 bytes, a has zeros where an index is out of range
    return int.from_bytes(b.to_bytes(16, "little").translate(a.to_bytes(256, "little")), "little")


def _shuffle(a: int, b: int, lanes: bytes) -> int:
    return int.from_bytes(lanes.translate((b << 128 | a).to_bytes(256, "little")), "little")


def _f32x4_splat(a: float) -> int:
    return f32_to_bits(a) * 0x1_00000001_00000001_00000001


def _f64x2_splat(a: float) -> int:
    return f64_to_bits(a) * 0x1_00000000_00000001


def _f32x4_extract_lane(a: int, lane: int) -> float:
    return f32_from_bits(a >> lane * 32 & 0xFFFFFFFF)


def _f64x2_extract_lane(a: int, lane: int) -> float:
    return f64_from_bits(a >> lane * 64 & 0xFFFFFFFF_FFFFFFFF)


def _f32x4_replace_lane(a: int, b: float, lane: int) -> int:
    return a & ~(0xFFFFFFFF << lane * 32) | f32_to_bits(b) << lane * 32


def _f64x2_replace_lane(a: int, b: float, lane: int) -> int:
    return a & ~(0xFFFFFFFF_FFFFFFFF << lane * 64) | f64_to_bits(b) << lane * 64


def _relaxed_dot_add(a: int, b: int, c: int) -> int:
    products = VECTOR["i16x8.relaxed_dot_i8x16_i7x16_s"](a, b)
    return VECTOR["i32x4.add"](VECTOR["i32x4.extadd_pairwise_i16x8_s"](products), c)  # type: ignore[return-value]


_FUNCTIONS: "dict[str, Callable[..., int | float]]" = {
    "i8x16.popcnt": _popcnt,
    "i8x16.swizzle": _swizzle,
    "i8x16.relaxed_swizzle": _swizzle,
    "i8x16.shuffle": _shuffle,
    "f32x4.splat": _f32x4_splat,
    "f64x2.splat": _f64x2_splat,
    "f32x4.extract_lane": _f32x4_extract_lane,
    "f64x2.extract_lane": _f64x2_extract_lane,
    "f32x4.replace_lane": _f32x4_replace_lane,
    "f64x2.replace_lane": _f64x2_replace_lane,
    "i32x4.relaxed_dot_i8x16_i7x16_add_s": _relaxed_dot_add,
}


class _Functions(dict[str, "Callable[..., int | float]"]):
    """Compiles a function when it is first asked for."""

    def __missing__(self, name: str) -> "Callable[..., int | float]":
        row = _Row(name)
        if name in _FUNCTIONS:
            function = _FUNCTIONS[name]
        elif BY_NAME[name].code >> 16 != 0xFD or name in ("v128.load", "v128.store", "v128.const"):
            raise KeyError(name)
        elif row.key in _WHOLE:
            function = _whole(row)
        else:
            function = _lanes(row)
        self[name] = function
        return function


def _inline() -> dict[str, str]:
    templates = {}
    for code, op in OPS.items():
        if code >> 16 == 0xFD and op.name not in _FUNCTIONS and (row := _Row(op.name)).key in _WHOLE:
            places = {ord(letter): f"{{{i}}}" for i, letter in enumerate("abc")} | {ord("x"): "_x", ord("y"): "_y"}
            templates[op.name] = f"({_WHOLE[row.key].translate(_constants(row.width) | places)})"
    return templates


#: Instruction name → function.  Arguments are the operands, then the lane, or (shuffle) the sixteen lanes as bytes.
#: Loads and stores leave the memory to the caller: a load takes the integer that was loaded, ``v128.load8_lane`` the
#: vector, the lane and the loaded integer; ``v128.store8_lane`` takes the vector and the lane and gives the integer to
#: be stored.  ``v128.load``, ``v128.store`` and ``v128.const`` have no function.  KeyError for a name that has none.
VECTOR: "dict[str, Callable[..., int | float]]" = _Functions()

#: Instruction name → the same as an expression in parentheses, for str.format with VECTOR's arguments; each must be a
#: name or a literal, as it may stand more than once.  The locals _x and _y are overwritten.  Instructions that take
#: more than an expression over ints are not here.
VECTOR_INLINE = _inline()
