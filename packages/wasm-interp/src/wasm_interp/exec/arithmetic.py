"""Numeric instructions: constants, arithmetic, comparisons and conversions."""

from wasm_decoder.syntax.types import I64

from ..runtime.values import f32_from_bits, f64_from_bits
from . import expr as x
from .expr import GLOBALS, QUIET, TRAPS, WIDE, Value, twice, unsigned, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .operands import Operands


def _unary(function: "Callable[[Value, int], Value]", bits: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        o.push(function(o.stack.pop(), bits))

    return translate


def _binary(function: "Callable[[Value, Value, int], Value]", bits: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        b = o.stack.pop()
        o.push(function(o.stack.pop(), b, bits))

    return translate


def _binary_atom(function: "Callable[[Value, Value, int], Value]", bits: int) -> "Callable[[Operands], None]":
    """As ``_binary``, for what uses its right operand more than once."""

    def translate(o: "Operands") -> None:
        o.make_atom(-1)
        b = o.stack.pop()
        o.push(function(o.stack.pop(), b, bits))

    return translate


def _comparison(
    function: "Callable[[Value, Value, int, str], Value]", operator: str, bits: int
) -> "Callable[[Operands], None]":
    signed = function is x.compare_s

    def translate(o: "Operands") -> None:
        if signed:
            b = o.stack[-1]
            if b.high >= 1 << bits - 1 or b.low < -1 << bits - 1:
                o.stack[-1] = unsigned(b, bits)
            o.make_atom(-1)
        b = o.stack.pop()
        o.push(function(o.stack.pop(), b, bits, operator))

    return translate


def _float_binary(operator: str, prec: int, kind: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        b = o.pop()
        a = o.pop()
        text = f"{within(a, prec)} {operator} {within(b, prec + 1)}"
        o.push(Value(text, prec, a.deps | b.deps, max(a.depth, b.depth) + 1, 0, 0, kind))

    return translate


def _float_divide(kind: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        b = o.stack[-1]
        by_constant = b.kind == QUIET and b.low == 1 and float(b.text) != 0
        if not by_constant:
            o.make_atom(-2)
            o.make_atom(-1)
        b = o.pop()
        a = o.pop()
        deps, depth = a.deps | b.deps, max(a.depth, b.depth) + 1
        if by_constant:
            o.push(Value(f"{within(a, x.MUL)} / {within(b, x.UNARY)}", x.MUL, deps, depth, 0, 0, kind))
            return
        text = f"{a.text} / {b.text} if {b.text} else divide({a.text}, {b.text})"
        o.push(Value(text, x.CONDITIONAL, deps, depth + 1, 0, 0, kind))

    return translate


def _float_compare(operator: str, inverse: str) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        b = o.pop()
        a = o.pop()
        left, right = within(a, x.OR), within(b, x.OR)
        opposite = f"{left} {inverse} {right}" if inverse else f"not {left} {operator} {right}"
        depth = max(a.depth, b.depth) + 1
        o.push(Value(f"{left} {operator} {right}", x.COMPARE, a.deps | b.deps, depth, 0, 1, x.CONDITION, opposite))

    return translate


def _float_helper(helper: str, arity: int, kind: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        values = [o.pop() for _ in range(arity)]
        values.reverse()
        deps = depth = 0
        for value in values:
            deps |= value.deps
            depth = max(depth, value.depth)
        o.push(Value(f"{helper}({', '.join([v.text for v in values])})", x.ATOM, deps, depth + 1, 0, 0, kind))

    return translate


def _float_pick(operator: str, helper: str) -> "Callable[[Operands], None]":
    """min and max: the helper is for NaNs and zeros."""

    def translate(o: "Operands") -> None:
        o.make_atom(-2)
        o.make_atom(-1)
        b = o.pop().text
        a = o.pop()
        deps = a.deps | (o.bit(b) if b[0] in "ls" else GLOBALS)
        text = f"{a.text} if {a.text} {operator} {b} else {b} if {b} {operator} {a.text} else {helper}({a.text}, {b})"
        o.push(Value(text, x.CONDITIONAL, deps, 3, 0, 0, QUIET))

    return translate


def _float_negate(o: "Operands") -> None:
    a = o.pop()
    o.push(Value(f"-{within(a, x.UNARY)}", x.UNARY, a.deps, a.depth + 1, 0, 0, a.kind))


def _float_abs(o: "Operands") -> None:
    a = o.pop()
    o.push(Value(f"abs({a.text})", x.ATOM, a.deps, a.depth + 1, 0, 0, a.kind))


def _float_copysign(o: "Operands") -> None:
    b = o.pop()
    a = o.pop()
    o.push(Value(f"copysign({a.text}, {b.text})", x.ATOM, a.deps | b.deps, max(a.depth, b.depth) + 1, 0, 0, a.kind))


def _float_root(kind: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        a = o.pop()
        first, again = twice(a)
        text = f"sqrt({again}) if {first} >= 0.0 else root({again})"
        o.push(Value(text, x.CONDITIONAL, a.deps, a.depth + 1, 0, 0, kind))

    return translate


def _to_int(helper: str, bits: int, deps: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        a = o.pop()
        o.push(Value(f"{helper}({a.text})", x.ATOM, a.deps | deps, a.depth + 1, 0, (1 << bits) - 1))

    return translate


def _from_int(bits: int, sign: bool, kind: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        a = o.stack.pop()
        a = x.signed(a, bits) if sign else unsigned(a, bits)
        o.push(Value(f"{within(x.as_int(a), x.ADD)} + 0.0", x.ADD, a.deps, a.depth + 1, 0, 0, kind))

    return translate


def _f32_from_i64(sign: bool) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        a = o.stack.pop()
        a = x.signed(a, 64) if sign else unsigned(a, 64)
        o.push(Value(f"f32_from_int({x.as_int(a).text})", x.ATOM, a.deps, a.depth + 1, 0, 0, QUIET))

    return translate


def _wrap(o: "Operands") -> None:
    pass  # congruent modulo 2^64 is congruent modulo 2^32


def _extend_u(o: "Operands") -> None:
    o.push(unsigned(o.stack.pop(), 32))


def _extend_s(source: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        o.push(x.extend(o.stack.pop(), source))

    return translate


def _demote(o: "Operands") -> None:
    a = o.pop()
    o.push(Value(a.text, a.prec, a.deps, a.depth, 0, 0, WIDE))


def _promote(o: "Operands") -> None:
    a = o.pop()
    if a.kind != QUIET:
        first, again = twice(a)
        a = Value(f"{again} if {first} == {again} else quiet({again})", x.CONDITIONAL, a.deps, a.depth + 1, 0, 0, QUIET)
    o.push(a)


def _reinterpret_from(helper: str, bits: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        a = unsigned(o.stack.pop(), bits)
        o.push(Value(f"{helper}({a.text})", x.ATOM, a.deps, a.depth + 1))

    return translate


def _f32_const(o: "Operands") -> None:
    bits = int.from_bytes(o.data[o.pos : o.pos + 4], "little")
    o.pos += 4
    _float_literal(o, f32_from_bits(bits), bits, "nan32")


def _f64_const(o: "Operands") -> None:
    bits = int.from_bytes(o.data[o.pos : o.pos + 8], "little")
    o.pos += 8
    _float_literal(o, f64_from_bits(bits), bits, "nan64")


def _float_literal(o: "Operands", value: float, bits: int, nan: str) -> None:
    if value != value:
        o.push(Value(f"{nan}_{bits:x}"))
        return
    text = repr(value).replace("inf", "1e999")
    if value == -(2.0**63):  # PyPy takes the plain literal for an int
        o.push(Value(f"0.0 - {-value!r}", x.ADD, 0, 1, 0, 0, QUIET))
        return
    # the range says that it is a literal
    o.push(Value(text, x.UNARY if text[0] == "-" else x.ATOM, 0, 0, 1, 1, QUIET))


def _wide(helper: str, operands: int) -> "Callable[[Operands], None]":
    def translate(o: "Operands") -> None:
        values = [x.as_int(unsigned(value, 64)).text for value in o.stack[-operands:]]
        del o.stack[-operands:]
        o.results(f"{helper}({', '.join(values)})", (I64, I64))

    return translate


def _table() -> "dict[str, Callable[[Operands], None]]":
    table: dict[str, Callable[[Operands], None]] = {}
    for prefix, bits in (("i32.", 32), ("i64.", 64)):
        for name, unary in (("eqz", x.eqz), ("clz", x.clz), ("ctz", x.ctz), ("popcnt", x.popcnt)):
            table[prefix + name] = _unary(unary, bits)
        for name, binary in (
            ("add", x.add), ("sub", x.sub), ("mul", x.mul), ("div_u", x.div_u), ("rem_u", x.rem_u), ("and", x.and_),
            ("or", x.or_), ("xor", x.xor), ("shl", x.shl), ("shr_u", x.shr_u), ("shr_s", x.shr_s),
        ):  # fmt: skip
            table[prefix + name] = _binary(binary, bits)
        for name, binary in (("div_s", x.div_s), ("rem_s", x.rem_s), ("rotl", x.rotl), ("rotr", x.rotr)):
            table[prefix + name] = _binary_atom(binary, bits)
        for word, operator in (("lt", "<"), ("gt", ">"), ("le", "<="), ("ge", ">=")):
            table[f"{prefix}{word}_u"] = _comparison(x.compare_u, operator, bits)
            table[f"{prefix}{word}_s"] = _comparison(x.compare_s, operator, bits)
        for word, operator in (("eq", "=="), ("ne", "!=")):
            table[prefix + word] = _comparison(x.equal, operator, bits)
        for source in (8, 16, 32):
            if source < bits:
                table[f"{prefix}extend{source}_s"] = _extend_s(source)
        for float_, sign in [(f, s) for f in ("f32", "f64") for s in "su"]:
            table[f"{prefix}trunc_{float_}_{sign}"] = _to_int(f"trunc{bits}_{sign}", bits, TRAPS)
            table[f"{prefix}trunc_sat_{float_}_{sign}"] = _to_int(f"trunc_sat{bits}_{sign}", bits, 0)
    for prefix, kind in (("f32.", WIDE), ("f64.", QUIET)):
        for name, operator, prec in (("add", "+", x.ADD), ("sub", "-", x.ADD), ("mul", "*", x.MUL)):
            table[prefix + name] = _float_binary(operator, prec, kind)
        table[prefix + "div"] = _float_divide(kind)
        for name, operator, inverse in (
            ("eq", "==", "!="), ("ne", "!=", "=="), ("lt", "<", ""), ("gt", ">", ""), ("le", "<=", ""),
            ("ge", ">=", ""),
        ):  # fmt: skip
            table[prefix + name] = _float_compare(operator, inverse)
        for name in ("ceil", "floor", "trunc", "nearest"):
            table[prefix + name] = _float_helper("float_" + name, 1, QUIET)
        table[prefix + "min"] = _float_pick("<", "float_min")
        table[prefix + "max"] = _float_pick(">", "float_max")
        table[prefix + "neg"] = _float_negate
        table[prefix + "abs"] = _float_abs
        table[prefix + "copysign"] = _float_copysign
        table[prefix + "sqrt"] = _float_root(kind)
    for sign in "su":
        table[f"f64.convert_i32_{sign}"] = _from_int(32, sign == "s", QUIET)
        table[f"f64.convert_i64_{sign}"] = _from_int(64, sign == "s", QUIET)
        table[f"f32.convert_i32_{sign}"] = _from_int(32, sign == "s", WIDE)
        table[f"f32.convert_i64_{sign}"] = _f32_from_i64(sign == "s")
    table["i32.wrap_i64"] = _wrap
    table["i64.extend_i32_u"] = _extend_u
    table["i64.extend_i32_s"] = _extend_s(32)
    table["f32.demote_f64"] = _demote
    table["f64.promote_f32"] = _promote
    table["i32.reinterpret_f32"] = _to_int("f32_to_bits", 32, 0)
    table["i64.reinterpret_f64"] = _to_int("f64_to_bits", 64, 0)
    table["f32.reinterpret_i32"] = _reinterpret_from("f32_from_bits", 32)
    table["f64.reinterpret_i64"] = _reinterpret_from("f64_from_bits", 64)
    for name, operands in (("add128", 4), ("sub128", 4), ("mul_wide_s", 2), ("mul_wide_u", 2)):
        table[f"i64.{name}"] = _wide(name, operands)
    table["f32.const"] = _f32_const
    table["f64.const"] = _f64_const
    return table


#: Instruction → what translates it.
NUMERIC = _table()
