"""Division by a constant without a division: a multiplication by its reciprocal, exact for every dividend.

The reciprocal is m / 2^(32+s), rounded up; the quotient is right if m·c − 2^(32+s), which is the error of m as a
multiple of the divisor c, is at most 2^s (Granlund and Montgomery, "Division by Invariant Integers using
Multiplication", 1994).
"""

from wasm_decoder.syntax.instructions import BY_NAME

from .function import CONST, T_I32, T_I64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .fold import Builder

_OPS = {
    BY_NAME[f"{prefix}.{name}_{sign}"].code: (prefix, name == "rem", sign == "s")
    for prefix in ("i32", "i64")
    for name in ("div", "rem")
    for sign in "su"
}


class _Arithmetic:
    """Makes the values of one type."""

    def __init__(self, builder: "Builder", prefix: str) -> None:
        self.builder = builder
        self.prefix = prefix
        self.type = T_I32 if prefix == "i32" else T_I64
        self.bits = 32 if prefix == "i32" else 64

    def constant(self, bits: int) -> int:
        return self.builder.constant(self.type, bits & ((1 << self.bits) - 1))

    def __call__(self, name: str, x: int, y: int) -> int:
        return self.builder.pure(BY_NAME[f"{self.prefix}.{name}"].code, self.type, x, y)

    def by(self, name: str, x: int, constant: int) -> int:
        return self(name, x, self.constant(constant))


def divide(builder: "Builder", op: int, x: int, y: int) -> int:
    """A value that equals this division by a constant, or −1 if that is no division or has no cheaper form."""
    if op not in _OPS or builder.f.op[y] != CONST:
        return -1
    prefix, remainder, signed = _OPS[op]
    a = _Arithmetic(builder, prefix)
    bits = a.bits
    divisor: int = builder.f.aux[y]
    if signed and divisor >> (bits - 1):
        divisor -= 1 << bits
    magnitude = abs(divisor)
    if magnitude == 0:
        return -1
    if magnitude & (magnitude - 1) == 0:
        shift = magnitude.bit_length() - 1
        if not signed:
            return a.by("and", x, magnitude - 1) if remainder else a.by("shr_u", x, shift)
        if shift == 0:
            quotient = x
        else:  # rounding towards zero: negative numbers get almost one divisor more
            more = a.by("shr_u", a.by("shr_s", x, bits - 1), bits - shift)
            quotient = a.by("shr_s", a("add", x, more), shift)
    elif bits == 64:
        return -1  # the upper half of a product of 64-bit numbers has no instruction in WebAssembly
    elif signed:
        quotient = _signed(a, x, magnitude)
    else:
        quotient = _unsigned(a, x, magnitude)
    if divisor < 0:
        quotient = a("sub", a.constant(0), quotient)
    if remainder:
        return a("sub", x, a.by("mul", quotient, divisor))
    return quotient


def _product(a: _Arithmetic, x: int, multiplier: int, shift: int, signed: bool) -> int:
    """x · multiplier >> shift, the product taken in 64 bits."""
    builder = a.builder
    wide = _Arithmetic(builder, "i64")
    extended = builder.pure(BY_NAME[f"i64.extend_i32_{'s' if signed else 'u'}"].code, T_I64, x)
    product = wide.by("shr_s" if signed else "shr_u", wide.by("mul", extended, multiplier), shift)
    return builder.pure(BY_NAME["i32.wrap_i64"].code, T_I32, product)


def _signed(a: _Arithmetic, x: int, c: int) -> int:
    s = (c - 1).bit_length() - 1
    quotient = _product(a, x, (1 << (32 + s)) // c + 1, 32 + s, True)
    return a("add", quotient, a.by("shr_u", x, 31))  # towards zero


def _unsigned(a: _Arithmetic, x: int, c: int) -> int:
    before = (c & -c).bit_length() - 1
    for zeros in (0, before):  # an even divisor's twos can be taken out of both first: then fewer bits have to be right
        odd = c >> zeros
        for s in range(32):
            m = -((-1 << (32 + s)) // odd)
            if m < 1 << 32 and m * odd - (1 << (32 + s)) <= 1 << (s + zeros):
                return _product(a, a.by("shr_u", x, zeros) if zeros else x, m, 32 + s, False)
    s = (c - 1).bit_length()
    m = -((-1 << (32 + s)) // c) - (1 << 32)  # the multiplier has 33 bits: its top one is added apart
    upper = _product(a, x, m, 32, False)
    return a.by("shr_u", a("add", a.by("shr_u", a("sub", x, upper), 1), upper), s - 1)
