"""Each vector instruction against a slow reference: one lane after the other, exact arithmetic, rounded at the end."""

import math
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import pytest
from wasm_decoder.syntax.instructions import OPS
from wasm_interp.exec.vector import VECTOR, VECTOR_INLINE

WIDTHS = {"i8x16": 8, "i16x8": 16, "i32x4": 32, "i64x2": 64, "f32x4": 32, "f64x2": 64}
NAMES = [op.name for code, op in OPS.items() if code >> 16 == 0xFD]
WITHOUT_FUNCTION = {"v128.load", "v128.store", "v128.const"}


# Lanes


def split(v: int, width: int) -> list[int]:
    return [v >> i & (1 << width) - 1 for i in range(0, 128, width)]


def join(lanes: Sequence[int], width: int) -> int:
    return sum((lane & (1 << width) - 1) << i * width for i, lane in enumerate(lanes))


def signed(x: int, width: int) -> int:
    return x - (1 << width) if x >> width - 1 else x


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(x, high))


# Floats: bits to and from exact numbers. A number is a Fraction, or a float for what is no fraction: inf, nan, -0.0.

FRACTION_BITS = {32: 23, 64: 52}
BIAS = {32: 127, 64: 1023}
Number = Fraction | float


def number(bits: int, width: int) -> Number:
    size, bias = FRACTION_BITS[width], BIAS[width]
    sign = -1 if bits >> width - 1 else 1
    exponent = bits >> size & 2 * bias + 1
    fraction = bits & (1 << size) - 1
    if exponent == 2 * bias + 1:
        return math.nan if fraction else sign * math.inf
    if exponent == 0:
        return -0.0 if sign < 0 and not fraction else sign * Fraction(fraction, 1 << bias - 1 + size)
    return sign * Fraction((1 << size) + fraction) * Fraction(2) ** (exponent - bias - size)


def bits_of(x: Number, width: int) -> int:
    """Rounded to nearest, ties to even; every NaN is the positive canonical one."""
    size, bias = FRACTION_BITS[width], BIAS[width]
    infinity = 2 * bias + 1 << size
    if isinstance(x, float):
        if x != x:
            return infinity | 1 << size - 1
        return (math.copysign(1.0, x) < 0) << width - 1 | (infinity if x else 0)
    sign = (x < 0) << width - 1
    x = abs(x)
    if not x:
        return 0
    exponent = max(x.numerator.bit_length() - x.denominator.bit_length(), 1 - bias)
    if x < Fraction(2) ** exponent and exponent > 1 - bias:
        exponent -= 1
    steps = round(x / Fraction(2) ** (exponent - size))  # Python rounds fractions to nearest, ties to even
    return sign | min((exponent + bias - 1 << size) + steps, infinity)


def negative(x: Number) -> bool:
    return math.copysign(1.0, x) < 0 if isinstance(x, float) else x < 0


def infinite(x: Number) -> bool:
    return isinstance(x, float) and math.isinf(x)


def special(x: Number) -> bool:
    """No fraction and not zero either."""
    return isinstance(x, float) and x != 0


def float_add(x: Number, y: Number) -> Number:
    if special(x) or special(y):
        return float(x if special(x) else 0) + float(y if special(y) else 0)
    total = Fraction(x) + Fraction(y)
    return -0.0 if not total and negative(x) and negative(y) and x == y == 0 else total


def float_neg(x: Number) -> Number:
    return -0.0 if isinstance(x, Fraction) and not x else Fraction(0) if x == 0 else -x


def float_mul(x: Number, y: Number) -> Number:
    if x != x or y != y:
        return math.nan
    sign = -1.0 if negative(x) != negative(y) else 1.0
    if special(x) or special(y):
        return math.nan if x == 0 or y == 0 else sign * math.inf
    product = Fraction(x) * Fraction(y)
    return product or sign * 0.0


def float_div(x: Number, y: Number) -> Number:
    if x != x or y != y or (infinite(x) and infinite(y)) or (x == 0 and y == 0):
        return math.nan
    sign = -1.0 if negative(x) != negative(y) else 1.0
    if infinite(x) or y == 0:
        return sign * math.inf
    if infinite(y) or x == 0:
        return sign * 0.0
    return Fraction(x) / Fraction(y)


def float_sqrt(x: Number) -> Number:
    if x == 0 or x != x or x == math.inf:
        return x
    if x < 0:
        return math.nan
    # 80 bits after the binary point of a number scaled to be large, with a last bit that says whether the root is exact
    x = Fraction(x)
    shift = 2 * (80 + abs(x.denominator.bit_length()))
    scaled = (x.numerator << shift + 160) // x.denominator
    root = math.isqrt(scaled)
    exact = root * root == scaled and not (x.numerator << shift + 160) % x.denominator
    return Fraction(2 * root + (not exact), 1 << (shift + 160) // 2 + 1)


def float_min(x: Number, y: Number) -> Number:
    if x != x or y != y:
        return math.nan
    return (x if negative(x) else y) if x == y else min(x, y)


def float_max(x: Number, y: Number) -> Number:
    if x != x or y != y:
        return math.nan
    return (y if negative(x) else x) if x == y else max(x, y)


def rounding(toward: Callable[[Fraction], int]) -> Callable[[Number], Number]:
    def rounded(x: Number) -> Number:
        if isinstance(x, float):
            return x
        return Fraction(toward(x)) or (-0.0 if x < 0 else Fraction(0))

    return rounded


def truncated(x: Number, low: int, high: int) -> int:
    if x != x:
        return 0
    return (high if x > 0 else low) if infinite(x) else clamp(math.trunc(x), low, high)


FLOAT: dict[str, Callable[..., Number]] = {
    "add": float_add,
    "sub": lambda x, y: float_add(x, float_neg(y)),
    "mul": float_mul,
    "div": float_div,
    "sqrt": float_sqrt,
    "min": float_min,
    "max": float_max,
    "relaxed_min": float_min,
    "relaxed_max": float_max,
    "ceil": rounding(math.ceil),
    "floor": rounding(math.floor),
    "trunc": rounding(math.trunc),
    "nearest": rounding(round),
}

COMPARE: dict[str, Callable[[Number, Number], bool]] = {
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "gt": lambda x, y: x > y,
    "le": lambda x, y: x <= y,
    "ge": lambda x, y: x >= y,
}

# Integer operations on lanes; w is their width, low to high the range of results that saturate
INTEGER: dict[str, Callable[..., int]] = {
    "abs": lambda w, low, high, x: abs(x),
    "neg": lambda w, low, high, x: -x,
    "popcnt": lambda w, low, high, x: (x & (1 << w) - 1).bit_count(),
    "add": lambda w, low, high, x, y: x + y,
    "sub": lambda w, low, high, x, y: x - y,
    "mul": lambda w, low, high, x, y: x * y,
    "add_sat": lambda w, low, high, x, y: clamp(x + y, low, high),
    "sub_sat": lambda w, low, high, x, y: clamp(x - y, low, high),
    "min": lambda w, low, high, x, y: min(x, y),
    "max": lambda w, low, high, x, y: max(x, y),
    "avgr": lambda w, low, high, x, y: (x + y + 1) // 2,
    "q15mulr_sat": lambda w, low, high, x, y: clamp((x * y + 0x4000) >> 15, low, high),
    "relaxed_q15mulr": lambda w, low, high, x, y: clamp((x * y + 0x4000) >> 15, low, high),
}


def reference(name: str, *args: int) -> int:
    """The result of an instruction on vectors, with every NaN the canonical one."""
    shape, _, operation = name.partition(".")
    width = WIDTHS.get(shape, 128)
    words = operation.split("_")
    sources = [WIDTHS[word] for word in words if word in WIDTHS]
    source = sources[0] if sources else width
    words = [word for word in words if word not in WIDTHS and word != "i7x16"]
    sign = words[-1] if words[-1] in "su" else "s"

    def ints(v: int, width: int = source) -> list[int]:
        return [signed(x, width) if sign == "s" else x for x in split(v, width)]

    key = "_".join([word for word in words if word not in ("s", "u")])
    low, high = (-1 << width - 1, (1 << width - 1) - 1) if sign == "s" else (0, (1 << width) - 1)
    half = slice(64 // source) if "low" in words or words[0] == "promote" else slice(64 // source, None)
    if shape == "v128" or "laneselect" in key:
        a = args[0]
        b = args[1] if len(args) > 1 else 0
        return {
            "not": lambda: ~a & (1 << 128) - 1,
            "and": lambda: a & b,
            "andnot": lambda: a & ~b,
            "or": lambda: a | b,
            "xor": lambda: a ^ b,
            "any_true": lambda: int(a != 0),
        }.get(key, lambda: a & args[2] | b & ~args[2])()
    if key == "all_true":
        return int(all(split(args[0], width)))
    if key == "bitmask":
        return sum((x >> width - 1) << i for i, x in enumerate(split(args[0], width)))
    if key in ("swizzle", "relaxed_swizzle"):
        return join([split(args[0], 8)[i] if i < 16 else 0 for i in split(args[1], 8)], 8)
    if key in ("shl", "shr"):
        by = args[1] % width
        return join([x << by if key == "shl" else x >> by for x in ints(args[0])], width)
    if key.startswith("extend"):
        return join(ints(args[0])[half], width)
    if key.startswith("extmul"):
        return join([x * y for x, y in zip(ints(args[0])[half], ints(args[1])[half], strict=True)], width)
    if key.startswith("narrow"):
        lanes = [signed(x, source) for v in args for x in split(v, source)]
        return join([clamp(x, low, high) for x in lanes], width)
    if key == "extadd_pairwise":
        lanes = ints(args[0])
        return join([x + y for x, y in zip(lanes[::2], lanes[1::2], strict=True)], width)
    if "dot" in words:
        products = [x * y for x, y in zip(ints(args[0]), ints(args[1]), strict=True)]
        sums = [x + y for x, y in zip(products[::2], products[1::2], strict=True)]
        if words[0] == "relaxed":
            sums = [clamp(x, -32768, 32767) for x in sums]
        if "add" in words:
            sums = [x + y + z for x, y, z in zip(sums[::2], sums[1::2], split(args[2], 32), strict=True)]
        return join(sums, width)
    if words[0] == "convert":
        lanes = ints(args[0])[half] if "low" in words else ints(args[0])
        return join([bits_of(Fraction(x), width) for x in lanes], width)
    if shape[0] == "f" or words[0] == "trunc" or "trunc" in words:
        numbers = [[number(x, source) for x in split(v, source)] for v in args]
        if "trunc" in words and shape[0] == "i":
            sign = "s" if "s" in words else "u"
            low, high = (-(2**31), 2**31 - 1) if sign == "s" else (0, 2**32 - 1)
            return join([truncated(x, low, high) for x in numbers[0]], width)
        if words[0] in ("promote", "demote"):
            return join([bits_of(x, width) for x in (numbers[0][half] if "low" in words else numbers[0])], width)
        if key in ("relaxed_madd", "relaxed_nmadd"):
            result = []
            for x, y, z in zip(*numbers, strict=True):
                product = number(bits_of(float_mul(float_neg(x) if "nmadd" in key else x, y), width), width)
                result.append(bits_of(float_add(product, z), width))
            return join(result, width)
        if key in COMPARE:
            return join([-COMPARE[key](x, y) for x, y in zip(*numbers, strict=True)], width)
        if key in ("pmin", "pmax"):
            picked = []
            for i, (x, y) in enumerate(zip(*numbers, strict=True)):
                second = y < x if key == "pmin" else x < y
                picked.append(split(args[second], width)[i])
            return join(picked, width)
        if key in ("abs", "neg"):
            top = 1 << width - 1
            return join([x & ~top if key == "abs" else x ^ top for x in split(args[0], width)], width)
        return join([bits_of(FLOAT[key](*lanes), width) for lanes in zip(*numbers, strict=True)], width)
    operands = [ints(v) for v in args]
    if key in COMPARE:
        return join([-COMPARE[key](Fraction(x), Fraction(y)) for x, y in zip(*operands, strict=True)], width)
    return join([INTEGER[key](width, low, high, *lanes) for lanes in zip(*operands, strict=True)], width)


# Operands: lanes that are at an edge of their type, and any bits at all

EDGES = {
    8: [0, 1, 2, 0x3F, 0x40, 0x7E, 0x7F, 0x80, 0x81, 0xC0, 0xFE, 0xFF],
    16: [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x4000, 0x7FFF, 0x8000, 0x8001, 0xFF7F, 0xFF80, 0xFFFF],
    32: [0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFF7FFF, 0xFFFF8000, 0xFFFFFFFF],
    64: [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 1],
}
FLOAT_EDGES = [
    0.0, 1.0, 0.5, 1.5, 2.5, 0.49999997, 3.0, 1e-45, 1.1754944e-38, 3.4028235e38, 1.7e38, 8388607.5, 8388608.0,
    2147483647.0, 2147483648.0, 2147483520.0, 4294967295.0, 4294967296.0, 4294967040.0, 4294967295.5, 2147483647.5,
    5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 4503599627370495.5, 9007199254740992.0, 0.1, 1e38, 1e-30,
    3.4028235677973366e38, 3.402823567797336e38, math.inf,
]  # fmt: skip
F32_NAN_BITS = [0x7FC00000, 0x7FC12345, 0x7F800001, 0x7FFFFFFF]
F64_NAN_BITS = [0x7FF8000000000000, 0x7FF8000012345678, 0x7FF0000000000001, 0x7FFFFFFFFFFFFFFF]


def single_bits(x: float) -> int:
    return bits_of(Fraction(x) if math.isfinite(x) else x, 32)


EDGES[-32] = [single_bits(x) for x in FLOAT_EDGES] + F32_NAN_BITS
EDGES[-64] = [struct.unpack("<Q", struct.pack("<d", x))[0] for x in FLOAT_EDGES] + F64_NAN_BITS
EDGES[-32] += [x | 1 << 31 for x in EDGES[-32]]
EDGES[-64] += [x | 1 << 63 for x in EDGES[-64]]


def vectors(name: str, rng: random.Random) -> Iterator[int]:
    """Endless operands for that instruction."""
    widths = [width if shape[0] == "i" else -width for shape, width in WIDTHS.items() if shape in name] or [64]
    while True:
        kind = rng.randrange(4)
        width = rng.choice(widths)
        if kind == 0:
            yield rng.getrandbits(128)
        elif kind == 1 and width < 0:  # numbers of like size, so that sums round and cancel
            size = FRACTION_BITS[-width]
            lanes = [rng.getrandbits(-width) for _ in range(128 // -width)]
            exponent = BIAS[-width] + rng.choice([-3, 0, 3, 30, -BIAS[-width] + 1, BIAS[-width] // 2])
            mask = (1 << size) - 1 | 1 << -width - 1
            yield join([x & mask | exponent + rng.randrange(-1, 2) << size & ~(1 << -width - 1) for x in lanes], -width)
        else:
            yield join([rng.choice(EDGES[width]) for _ in range(128 // abs(width))], abs(width))


def without_nans(v: int, name: str) -> int:
    """The vector with every NaN made the canonical one, if the instruction's results are floats that it computed."""
    shape, _, operation = name.partition(".")
    if shape[0] != "f" or operation in ("abs", "neg", "pmin", "pmax", *COMPARE):
        return v
    width = WIDTHS[shape]
    return join(
        [bits_of(math.nan, width) if number(x, width) != number(x, width) else x for x in split(v, width)], width
    )


PURE = [
    name for name in NAMES
    if name not in WITHOUT_FUNCTION and not any(word in name for word in ("lane", "splat", "load", "store", "shuffle"))
] + [name for name in NAMES if "laneselect" in name]  # fmt: skip


@pytest.mark.parametrize("name", PURE)
def test_vector_function_equals_reference(name: str) -> None:
    rng = random.Random(name)
    op = next(op for op in OPS.values() if op.name == name)
    assert op.params is not None
    source = vectors(name, rng)
    for _ in range(300):
        args = [rng.randrange(1 << 32) if repr(t) == "i32" else next(source) for t in op.params]
        result = VECTOR[name](*args)
        assert isinstance(result, int)
        assert without_nans(result, name) == without_nans(reference(name, *args), name), [hex(arg) for arg in args]


@pytest.mark.parametrize("name", sorted(VECTOR_INLINE))
def test_inline_expression_equals_function(name: str) -> None:
    rng = random.Random(name)
    template = VECTOR_INLINE[name]
    arity = 1 + max(i for i in range(3) if f"{{{i}}}" in template)
    for _ in range(20):
        if "lane" in name and "laneselect" not in name:
            width = WIDTHS.get(name.partition(".")[0]) or int("".join(filter(str.isdigit, name))[3:])
            lane, scalar = rng.randrange(128 // width), rng.getrandbits(width)
            vector = rng.getrandbits(128)
            args = [vector, scalar, lane] if "replace" in name else [vector, lane, scalar][:arity]
        else:
            args = [rng.getrandbits(64 if "load" in name or "splat" in name else 128) for _ in range(arity)]
        assert eval(template.format(*args)) == VECTOR[name](*args)


@pytest.mark.parametrize("shape", ["i8x16", "i16x8", "i32x4", "i64x2"])
def test_lanes_of_integers(shape: str) -> None:
    rng = random.Random(shape)
    width = WIDTHS[shape]
    for _ in range(100):
        v = rng.getrandbits(128)
        x = rng.getrandbits(max(width, 32))
        lane = rng.randrange(128 // width)
        lanes = split(v, width)
        assert VECTOR[f"{shape}.splat"](x) == join([x] * (128 // width), width)
        if width < 32:
            assert VECTOR[f"{shape}.extract_lane_u"](v, lane) == lanes[lane]
            assert VECTOR[f"{shape}.extract_lane_s"](v, lane) == signed(lanes[lane], width) % (1 << 32)
        else:
            assert VECTOR[f"{shape}.extract_lane"](v, lane) == lanes[lane]
        lanes[lane] = x
        assert VECTOR[f"{shape}.replace_lane"](v, x, lane) == join(lanes, width)


@pytest.mark.parametrize("shape", ["f32x4", "f64x2"])
def test_lanes_of_floats_keep_every_bit(shape: str) -> None:
    width = WIDTHS[shape]
    for bits in EDGES[-width]:
        v = join([bits] * (128 // width), width)
        x = VECTOR[f"{shape}.extract_lane"](v, 1)
        assert isinstance(x, float)
        assert VECTOR[f"{shape}.splat"](x) == v
        assert VECTOR[f"{shape}.replace_lane"](0, x, 1) == bits << width


def test_shuffle_takes_lanes_of_both() -> None:
    rng = random.Random(1)
    for _ in range(100):
        a, b = rng.getrandbits(128), rng.getrandbits(128)
        lanes = bytes(rng.randrange(32) for _ in range(16))
        both = split(a, 8) + split(b, 8)
        assert VECTOR["i8x16.shuffle"](a, b, lanes) == join([both[i] for i in lanes], 8)


@pytest.mark.parametrize("width", [8, 16, 32])
@pytest.mark.parametrize("sign", ["s", "u"])
def test_widening_loads(width: int, sign: str) -> None:
    rng = random.Random(width)
    for _ in range(100):
        x = rng.getrandbits(64)
        lanes = [signed(lane, width) if sign == "s" else lane for lane in split(x, width)[: 64 // width]]
        assert VECTOR[f"v128.load{width}x{64 // width}_{sign}"](x) == join(lanes, 2 * width)


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_loads_and_stores_of_one_lane(width: int) -> None:
    rng = random.Random(width)
    for _ in range(100):
        x, v, lane = rng.getrandbits(width), rng.getrandbits(128), rng.randrange(128 // width)
        lanes = split(v, width)
        assert VECTOR[f"v128.load{width}_splat"](x) == join([x] * (128 // width), width)
        assert VECTOR[f"v128.store{width}_lane"](v, lane) == lanes[lane]
        lanes[lane] = x
        assert VECTOR[f"v128.load{width}_lane"](v, lane, x) == join(lanes, width)


@pytest.mark.parametrize("width", [32, 64])
def test_loads_with_zeros_are_the_integer_itself(width: int) -> None:
    assert VECTOR[f"v128.load{width}_zero"](0x1234) == 0x1234


# NaNs: an operand's, made quiet, or the canonical one where the operands have none (section "NaN Propagation")


@pytest.mark.parametrize("shape", ["f32x4", "f64x2"])
@pytest.mark.parametrize(
    "operation", ["add", "sub", "mul", "div", "min", "max", "sqrt", "ceil", "floor", "trunc", "nearest"]
)
def test_nan_results_are_arithmetic(shape: str, operation: str) -> None:
    width = WIDTHS[shape]
    quiet = bits_of(math.nan, width)
    unary = operation in ("sqrt", "ceil", "floor", "trunc", "nearest")
    for bits in F32_NAN_BITS if width == 32 else F64_NAN_BITS:
        for other in (0, bits, bits_of(Fraction(3), width)):
            args = [join([bits] * (128 // width), width), join([other] * (128 // width), width)]
            for order in (args, args[::-1]):
                result = VECTOR[f"{shape}.{operation}"](*(args[:1] if unary else order))
                for lane in split(int(result), width):
                    assert lane & quiet == quiet, hex(lane)
                    if bits == quiet and other & quiet in (0, quiet):
                        assert lane & ~(1 << width - 1) == quiet, hex(lane)


@pytest.mark.parametrize("name", ["f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4"])
def test_conversion_makes_nans_quiet(name: str) -> None:
    source, width = (64, 32) if "demote" in name else (32, 64)
    quiet = bits_of(math.nan, width)
    for bits in F32_NAN_BITS if source == 32 else F64_NAN_BITS:
        assert int(VECTOR[name](bits)) & quiet == quiet


def test_every_instruction_has_a_function() -> None:
    assert {name for name in NAMES if name in WITHOUT_FUNCTION or callable(VECTOR[name])} == set(NAMES)


def test_another_name_has_none() -> None:
    for name in ("i8x16.mul", "v128.load", "i32.add", "i64x2.frobnicate"):
        with pytest.raises(KeyError):
            VECTOR[name]
