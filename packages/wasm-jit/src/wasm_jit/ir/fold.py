"""Simplification of one operation whose operands are known: constants folded, identities removed, cheaper forms taken.

Integers are unsigned bit patterns throughout.  Floating point is left alone: an exact fold would have to repeat the
processor's rules for NaNs, and compilers to WebAssembly have folded what can be.
"""

from wasm_decoder.syntax.instructions import BY_NAME

from .divide import divide
from .function import CONST, T_I32, T_I64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from .function import IRFunction

    class Builder(Protocol):
        """What makes new values."""

        f: IRFunction

        def constant(self, type_: int, bits: int) -> int: ...

        def pure(self, op: int, type_: int, x: int, y: int = -1, z: int = -1, aux: object = None) -> int: ...


_SELECT = BY_NAME["select"].code


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _rows(bits: int) -> "dict[str, Callable[[int, int], int]]":
    """What each integer operation computes; the caller masks the result."""
    s = _signed

    def divide(a: int, b: int) -> int:
        quotient = abs(s(a, bits)) // abs(s(b, bits))
        return -quotient if (s(a, bits) < 0) != (s(b, bits) < 0) else quotient

    def remainder(a: int, b: int) -> int:
        rest = abs(s(a, bits)) % abs(s(b, bits))
        return -rest if s(a, bits) < 0 else rest

    return {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div_s": divide,
        "div_u": lambda a, b: a // b,
        "rem_s": remainder,
        "rem_u": lambda a, b: a % b,
        "and": lambda a, b: a & b,
        "or": lambda a, b: a | b,
        "xor": lambda a, b: a ^ b,
        "shl": lambda a, b: a << b % bits,
        "shr_u": lambda a, b: a >> b % bits,
        "shr_s": lambda a, b: s(a, bits) >> b % bits,
        "rotl": lambda a, b: a << b % bits | a >> (bits - b % bits),
        "rotr": lambda a, b: a >> b % bits | a << (bits - b % bits),
        "eq": lambda a, b: a == b,
        "ne": lambda a, b: a != b,
        "lt_u": lambda a, b: a < b,
        "gt_u": lambda a, b: a > b,
        "le_u": lambda a, b: a <= b,
        "ge_u": lambda a, b: a >= b,
        "lt_s": lambda a, b: s(a, bits) < s(b, bits),
        "gt_s": lambda a, b: s(a, bits) > s(b, bits),
        "le_s": lambda a, b: s(a, bits) <= s(b, bits),
        "ge_s": lambda a, b: s(a, bits) >= s(b, bits),
        "eqz": lambda a, _: a == 0,
        "clz": lambda a, _: bits - a.bit_length(),
        "ctz": lambda a, _: (a & -a).bit_length() - 1 if a else bits,
        "popcnt": lambda a, _: a.bit_count(),
        "extend8_s": lambda a, _: _signed(a & 0xFF, 8),
        "extend16_s": lambda a, _: _signed(a & 0xFFFF, 16),
        "extend32_s": lambda a, _: _signed(a & 0xFFFFFFFF, 32),
        "wrap_i64": lambda a, _: a & 0xFFFFFFFF,
        "extend_i32_s": lambda a, _: _signed(a, 32),
        "extend_i32_u": lambda a, _: a,
    }


_FOLD: "dict[int, Callable[[int, int], int]]" = {
    BY_NAME[f"{prefix}.{name}"].code: function
    for prefix, bits in (("i32", 32), ("i64", 64))
    for name, function in _rows(bits).items()
    if f"{prefix}.{name}" in BY_NAME
}
_COMMUTATIVE = {
    BY_NAME[f"{prefix}.{name}"].code
    for prefix in ("i32", "i64")
    for name in ("add", "mul", "and", "or", "xor", "eq", "ne")
}
_OPPOSITES = (("eq", "ne"), ("lt_s", "ge_s"), ("lt_u", "ge_u"), ("gt_s", "le_s"), ("gt_u", "le_u"))
#: The comparison that holds exactly when the other one does not (integers only: floats have NaNs).
NEGATED = {
    BY_NAME[f"{prefix}.{a}"].code: BY_NAME[f"{prefix}.{b}"].code
    for prefix in ("i32", "i64")
    for pair in _OPPOSITES
    for a, b in (pair, pair[::-1])
}
# the comparison of the operands the other way round
_SWAPPED = {
    BY_NAME[f"{prefix}.{a}_{sign}"].code: BY_NAME[f"{prefix}.{b}_{sign}"].code
    for prefix in ("i32", "i64")
    for a, b in (("lt", "gt"), ("gt", "lt"), ("le", "ge"), ("ge", "le"))
    for sign in "su"
}
# op, constant on the right → the left operand
_RIGHT_IDENTITY = {
    (BY_NAME[f"{prefix}.{name}"].code, constant)
    for prefix, mask in (("i32", 0xFFFFFFFF), ("i64", 0xFFFFFFFFFFFFFFFF))
    for names, constant in (
        (("add", "sub", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"), 0),
        (("mul", "div_s", "div_u"), 1),
        (("and",), mask),
    )
    for name in names
}
# op, constant on the right → that constant
_RIGHT_ZERO = {
    (BY_NAME[f"{prefix}.{name}"].code, constant)
    for prefix, mask in (("i32", 0xFFFFFFFF), ("i64", 0xFFFFFFFFFFFFFFFF))
    for name, constant in (("mul", 0), ("and", 0), ("or", mask))
}
_ASSOCIATIVE = {
    BY_NAME[f"{prefix}.{name}"].code for prefix in ("i32", "i64") for name in ("add", "mul", "and", "or", "xor")
}
_SUB = {BY_NAME["i32.sub"].code: BY_NAME["i32.add"].code, BY_NAME["i64.sub"].code: BY_NAME["i64.add"].code}
_MUL = {BY_NAME["i32.mul"].code: BY_NAME["i32.shl"].code, BY_NAME["i64.mul"].code: BY_NAME["i64.shl"].code}
# with the same operand twice these give what they give for two zeros
_SAME_IS_CONSTANT = {BY_NAME[f"{prefix}.{name}"].code for prefix in ("i32", "i64") for name in ("sub", "xor")} | {
    *NEGATED
}
_SAME_IS_SAME = {BY_NAME[f"{prefix}.{name}"].code for prefix in ("i32", "i64") for name in ("and", "or")}
_I32_EQZ = BY_NAME["i32.eqz"].code
_NOT_ZERO = {BY_NAME[f"{t}.eqz"].code: (BY_NAME[f"{t}.ne"].code, code) for t, code in (("i32", T_I32), ("i64", T_I64))}
_WRAP = BY_NAME["i32.wrap_i64"].code
_EXTENDED = {BY_NAME["i64.extend_i32_s"].code, BY_NAME["i64.extend_i32_u"].code}


def simplify(builder: "Builder", op: int, type_: int, x: int, y: int, z: int, aux: object) -> int:
    """A value that equals this operation and costs less, or −1."""
    f = builder.f
    ops, constants = f.op, f.aux
    if op == _SELECT:
        if ops[z] == CONST:
            return x if constants[z] else y
        return x if x == y else -1
    fold = _FOLD.get(op)
    if fold is None:
        return -1
    if ops[x] == CONST:
        a = constants[x]
        assert isinstance(a, int)
        if y < 0:
            return builder.constant(type_, fold(a, 0) & (0xFFFFFFFF if type_ == T_I32 else 0xFFFFFFFFFFFFFFFF))
        if ops[y] == CONST:
            b = constants[y]
            assert isinstance(b, int)
            return builder.constant(type_, fold(a, b) & (0xFFFFFFFF if type_ == T_I32 else 0xFFFFFFFFFFFFFFFF))
        if op in _COMMUTATIVE or op in _SWAPPED:
            return builder.pure(_SWAPPED.get(op, op), type_, y, x)
        return -1
    if y < 0:
        if op == _I32_EQZ and ops[x] in NEGATED:
            return builder.pure(NEGATED[ops[x]], T_I32, f.x[x], f.y[x])
        if op == _I32_EQZ and ops[x] in _NOT_ZERO:
            not_zero, operand = _NOT_ZERO[ops[x]]
            return builder.pure(not_zero, T_I32, f.x[x], builder.constant(operand, 0))
        if op == _WRAP and ops[x] in _EXTENDED:
            return f.x[x]
        return -1
    if ops[y] == CONST:
        b = constants[y]
        assert isinstance(b, int)
        if (op, b) in _RIGHT_IDENTITY:
            return x
        if (op, b) in _RIGHT_ZERO:
            return y
        bits = 64 if type_ == T_I64 else 32
        quotient = divide(builder, op, x, y)
        if quotient >= 0:
            return quotient
        if op in _SUB:
            return builder.pure(_SUB[op], type_, x, builder.constant(type_, -b & ((1 << bits) - 1)))
        if op in _MUL and b & (b - 1) == 0:
            return builder.pure(_MUL[op], type_, x, builder.constant(type_, b.bit_length() - 1))
        if op in _ASSOCIATIVE and ops[x] == op and ops[f.y[x]] == CONST:
            inner = constants[f.y[x]]
            assert isinstance(inner, int)
            return builder.pure(op, type_, f.x[x], builder.constant(type_, fold(inner, b) & ((1 << bits) - 1)))
        return -1
    if x == y:
        if op in _SAME_IS_CONSTANT:
            return builder.constant(type_, fold(0, 0))
        if op in _SAME_IS_SAME:
            return x
    return -1
