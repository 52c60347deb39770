"""Python expressions for WebAssembly values: what the translator's stack holds, and arithmetic on it.

An integer is represented by an expression whose value is *congruent* to it modulo 2^32 or 2^64 and lies in a known
range.  It is reduced (masked) only where a use needs the unsigned value itself, so a chain of additions is masked once,
and what is known to be small is not masked at all.
"""

# How tightly Python's operators bind
ATOM, LITERAL, UNARY, MUL, ADD, SHIFT, AND, XOR, OR, COMPARE, NOT, LOGICAL_AND, LOGICAL_OR, CONDITIONAL = range(
    15, 1, -1
)

# What an expression depends on besides local variables, as bits of Value.deps
MEMORY = 1  #: it reads a memory or table, and may trap while it does
TRAPS = 2  #: it may trap for another reason
GLOBALS = 4  #: it reads a mutable global
FIRST_VARIABLE = 8  #: the bits from here on stand for local variables

# Kinds of values
PLAIN = 0
CONDITION = 1  #: an i32 that is 0 or 1, written as something true or false
QUIET = 2  #: a float that is no signalling NaN
WIDE = 3  #: an f32 before it is rounded


class Value:
    """An expression.

    Attributes:
        text: Python source.
        prec: how tightly its outermost operator binds.
        deps: what it depends on, see above.
        depth: how many operators are nested in it.
        low, high: the range of an integer, both inclusive.
        kind: see above.
        inverse: for a condition, the source of its opposite.
    """

    __slots__ = ("deps", "depth", "high", "inverse", "kind", "low", "prec", "text")

    def __init__(
        self,
        text: str,
        prec: int = ATOM,
        deps: int = 0,
        depth: int = 0,
        low: int = 0,
        high: int = 0,
        kind: int = PLAIN,
        inverse: str = "",
    ) -> None:
        self.text = text
        self.prec = prec
        self.deps = deps
        self.depth = depth
        self.low = low
        self.high = high
        self.kind = kind
        self.inverse = inverse

    @property
    def constant(self) -> bool:
        """Whether it is an integer that is known."""
        return self.low == self.high and self.prec == LITERAL


def within(value: Value, prec: int) -> str:
    """The source of a value as an operand of an operator that binds with ``prec``."""
    return value.text if value.prec >= prec else f"({value.text})"


def literal(number: int) -> str:
    """The source of an integer."""
    return str(number) if -0x10000 < number < 0x10000 else hex(number)


def constant(number: int) -> Value:
    """A known integer."""
    return Value(literal(number), LITERAL if number >= 0 else UNARY, 0, 0, number, number)


def as_int(value: Value) -> Value:
    """A value whose source is an int, not a bool."""
    if value.kind == CONDITION:
        return Value(f"1 if {within(value, LOGICAL_OR)} else 0", CONDITIONAL, value.deps, value.depth + 1, 0, 1)
    return value


def unsigned(value: Value, bits: int) -> Value:
    """The value reduced to what the engine keeps in variables: 0 ... 2^bits - 1."""
    value = as_int(value)
    mask = (1 << bits) - 1
    if value.low >= 0 and value.high <= mask:
        return value
    if value.low == value.high and value.prec <= LITERAL and not value.deps:
        return constant(value.low & mask)
    return Value(f"{within(value, AND)} & {hex(mask)}", AND, value.deps, value.depth + 1, 0, mask)


def _is_signed(value: Value, bits: int) -> bool:
    """Whether the expression's value is the signed integer itself."""
    sign = 1 << bits - 1
    return -sign <= value.low and value.high < sign


def signed(value: Value, bits: int) -> Value:
    """The value as a signed integer."""
    value = as_int(value)
    sign = 1 << bits - 1
    if _is_signed(value, bits):
        return value
    value = unsigned(value, bits)
    if value.constant:
        return constant(value.low - (value.low >> bits - 1 << bits))
    text = f"({within(value, XOR)} ^ {hex(sign)}) - {hex(sign)}"
    return Value(text, ADD, value.deps, value.depth + 2, -sign, sign - 1)


def twice(value: Value) -> "tuple[str, str]":
    """The source for the first use of a value and for later uses, with a scratch variable unless it is short.

    Nothing that is evaluated between the uses may use the scratch variable ``t``: other operands have to be atoms.
    """
    if value.prec >= LITERAL and value.depth == 0:
        return value.text, value.text
    return f"(t := {value.text})", "t"


def _tame(value: Value, bits: int) -> Value:
    """The value, reduced if multiplying or shifting would make it unreasonably long."""
    limit = 2 << bits
    value = as_int(value)
    return value if -limit <= value.low and value.high <= limit else unsigned(value, bits)


def _short(value: Value, bits: int) -> Value:
    """The value, reduced if adding to it again and again would make it unreasonably long."""
    limit = 1 << 2 * bits + 8
    value = as_int(value)
    return value if -limit <= value.low and value.high <= limit else unsigned(value, bits)


def _binary(a: Value, operator: str, b: Value, prec: int, low: int, high: int) -> Value:
    depth = (a.depth if a.depth > b.depth else b.depth) + 1
    text = f"{within(a, prec)} {operator} {within(b, prec + 1)}"
    return Value(text, prec, a.deps | b.deps, depth, low, high)


# Integer instructions: each takes its operands and the number of bits


def add(a: Value, b: Value, bits: int) -> Value:
    a, b = _short(a, bits), _short(b, bits)
    if a.constant:
        a, b = b, a
    if b.constant:
        number = b.low
        if a.constant:
            return constant((a.low + number) & (1 << bits) - 1)
        if number == 0:
            return a
        if number >> bits - 1:  # a negative number: subtracting is on small ints
            number = (1 << bits) - number
            return _binary(a, "-", constant(number), ADD, a.low - number, a.high - number)
    return _binary(a, "+", b, ADD, a.low + b.low, a.high + b.high)


def sub(a: Value, b: Value, bits: int) -> Value:
    a, b = _short(a, bits), _short(b, bits)
    if b.constant:
        return add(a, constant(-b.low & (1 << bits) - 1), bits)
    if a.constant and a.low == 0:
        return Value(f"-{within(b, UNARY)}", UNARY, b.deps, b.depth + 1, -b.high, -b.low)
    return _binary(a, "-", b, ADD, a.low - b.high, a.high - b.low)


def mul(a: Value, b: Value, bits: int) -> Value:
    a, b = _tame(a, bits), _tame(b, bits)
    if a.constant and b.constant:
        return constant(a.low * b.low & (1 << bits) - 1)
    if b.constant and b.low >> bits - 1:
        b = constant(b.low - (1 << bits))
    corners = (a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
    return _binary(a, "*", b, MUL, min(corners), max(corners))


def div_u(a: Value, b: Value, bits: int) -> Value:
    a, b = unsigned(a, bits), unsigned(b, bits)
    found = _binary(a, "//", b, MUL, 0, a.high // b.low if b.low else a.high)
    if not b.low:
        found.deps |= TRAPS
    return found


def rem_u(a: Value, b: Value, bits: int) -> Value:
    a, b = unsigned(a, bits), unsigned(b, bits)
    found = _binary(a, "%", b, MUL, 0, min(a.high, max(b.high - 1, 0)))
    if not b.low:
        found.deps |= TRAPS
    return found


def _signed_division(a: Value, b: Value, bits: int, operator: str, helper: str) -> Value:
    sign = 1 << bits - 1
    depth = max(a.depth, b.depth) + 3
    if _is_signed(as_int(a), bits) and a.low >= 0 and _is_signed(as_int(b), bits) and b.low >= 0:
        return (div_u if operator == "//" else rem_u)(a, b, bits)
    if b.constant and 0 < b.low < sign:
        first, again = twice(unsigned(a, bits))
        negative = f"-(({hex(2 * sign)} - {again}) {operator} {b.text})"
        text = f"{again} {operator} {b.text} if {first} < {hex(sign)} else {negative}"
        return Value(text, CONDITIONAL, a.deps | b.deps, depth, -sign, sign - 1)
    text = f"{helper}{bits}({unsigned(a, bits).text}, {unsigned(b, bits).text})"
    return Value(text, ATOM, a.deps | b.deps | TRAPS, depth, -sign if operator == "%" else 0, 2 * sign - 1)


def div_s(a: Value, b: Value, bits: int) -> Value:
    return _signed_division(a, b, bits, "//", "div_s")


def rem_s(a: Value, b: Value, bits: int) -> Value:
    return _signed_division(a, b, bits, "%", "rem_s")


def _bit_range(a: Value, b: Value) -> "tuple[int, int]":
    bits = max(a.low.bit_length(), a.high.bit_length(), b.low.bit_length(), b.high.bit_length())
    return (0 if a.low >= 0 and b.low >= 0 else -1 << bits), (1 << bits) - 1


def and_(a: Value, b: Value, bits: int) -> Value:
    if a.kind == b.kind == CONDITION and not b.deps & (MEMORY | TRAPS):
        text = f"{within(a, LOGICAL_AND)} and {within(b, NOT)}"
        return Value(text, LOGICAL_AND, a.deps | b.deps, max(a.depth, b.depth) + 1, 0, 1, CONDITION)
    if a.kind == CONDITION and b.constant and b.low & 1:
        return a
    a, b = as_int(a), as_int(b)
    if a.constant:
        a, b = b, a
    if b.constant:
        if a.constant:
            return constant(a.low & b.low)
        kept = (1 << a.high.bit_length()) - 1
        if a.low >= 0 and b.low & kept == kept:
            return a
    if a.low < 0 and b.low < 0:
        low, high = _bit_range(a, b)
    else:
        low = 0
        high = min([v.high for v in (a, b) if v.low >= 0])
    return _binary(a, "&", b, AND, low, high)


def or_(a: Value, b: Value, bits: int) -> Value:
    if a.kind == b.kind == CONDITION and not b.deps & (MEMORY | TRAPS):
        text = f"{within(a, LOGICAL_OR)} or {within(b, LOGICAL_AND)}"
        return Value(text, LOGICAL_OR, a.deps | b.deps, max(a.depth, b.depth) + 1, 0, 1, CONDITION)
    a, b = as_int(a), as_int(b)
    if a.constant and b.constant:
        return constant(a.low | b.low)
    return _binary(a, "|", b, OR, *_bit_range(a, b))


def xor(a: Value, b: Value, bits: int) -> Value:
    a, b = as_int(a), as_int(b)
    if a.constant and b.constant:
        return constant(a.low ^ b.low)
    return _binary(a, "^", b, XOR, *_bit_range(a, b))


def _amount(b: Value, bits: int) -> Value:
    b = as_int(b)
    if b.low >= 0 and b.high < bits:
        return b
    if b.constant:
        return constant(b.low & bits - 1)
    return _binary(b, "&", constant(bits - 1), AND, 0, bits - 1)


def shl(a: Value, b: Value, bits: int) -> Value:
    a, b = _tame(a, bits), _amount(b, bits)
    if b.constant:
        if a.constant:
            return constant(a.low << b.low & (1 << bits) - 1)
        if b.low == 0:
            return a
    elif a.low < 0:
        a = unsigned(a, bits)
    return _binary(a, "<<", b, SHIFT, a.low << (b.low if a.low >= 0 else b.high), a.high << b.high)


def shr_u(a: Value, b: Value, bits: int) -> Value:
    a, b = unsigned(a, bits), _amount(b, bits)
    if b.constant and b.low == 0:
        return a
    if a.constant and b.constant:
        return constant(a.low >> b.low)
    return _binary(a, ">>", b, SHIFT, a.low >> b.high, a.high >> b.low)


def shr_s(a: Value, b: Value, bits: int) -> Value:
    a, b = signed(a, bits), _amount(b, bits)
    if b.constant and b.low == 0:
        return a
    return _binary(a, ">>", b, SHIFT, min(a.low, a.low >> b.low), max(a.high >> b.low, a.high))


def _rotate(a: Value, bits: int, left: str, right: str, deps: int, depth: int) -> Value:
    first, again = twice(unsigned(a, bits))
    return Value(f"{first} << {left} | {again} >> {right}", OR, a.deps | deps, depth + 2, 0, (1 << 2 * bits) - 1)


def rotl(a: Value, b: Value, bits: int) -> Value:
    b = as_int(b)
    depth = max(a.depth, b.depth)
    if b.constant:
        left = b.low & bits - 1
        return _rotate(a, bits, str(left), str(bits - left), 0, depth) if left else as_int(a)
    name = within(b, UNARY)
    return _rotate(a, bits, f"({name} & {bits - 1})", f"(-{name} & {bits - 1})", b.deps, depth)


def rotr(a: Value, b: Value, bits: int) -> Value:
    b = as_int(b)
    if b.constant:
        return rotl(a, constant(-b.low & bits - 1), bits)
    name = within(b, UNARY)
    return _rotate(a, bits, f"(-{name} & {bits - 1})", f"({name} & {bits - 1})", b.deps, max(a.depth, b.depth))


def clz(a: Value, bits: int) -> Value:
    a = unsigned(a, bits)
    return Value(f"{bits} - {within(a, ATOM)}.bit_length()", ADD, a.deps, a.depth + 1, 0, bits)


def ctz(a: Value, bits: int) -> Value:
    a = unsigned(a, bits)
    first, again = twice(a)
    text = f"({again} & -{again}).bit_length() - 1 if {first} else {bits}"
    return Value(text, CONDITIONAL, a.deps, a.depth + 2, 0, bits)


def popcnt(a: Value, bits: int) -> Value:
    a = unsigned(a, bits)
    return Value(f"{within(a, ATOM)}.bit_count()", ATOM, a.deps, a.depth + 1, 0, bits)


def extend(a: Value, source: int) -> Value:
    """Sign extension from the lowest ``source`` bits, as a signed integer."""
    a = as_int(a)
    if _is_signed(a, source):
        return a
    sign = 1 << source - 1
    low = and_(a, constant(2 * sign - 1), source)
    if low.high < sign:
        return low
    return Value(f"({within(low, XOR)} ^ {hex(sign)}) - {hex(sign)}", ADD, a.deps, a.depth + 3, -sign, sign - 1)


# Comparisons

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRROR = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def condition(text: str, prec: int, inverse: str, deps: int, depth: int) -> Value:
    """A condition."""
    return Value(text, prec, deps, depth, 0, 1, CONDITION, inverse)


def compare(a: Value, operator: str, b: Value) -> Value:
    """A comparison of ints as Python has it."""
    left, right = within(a, OR), within(b, OR)
    depth = (a.depth if a.depth > b.depth else b.depth) + 1
    inverse = f"{left} {_OPPOSITE[operator]} {right}"
    return condition(f"{left} {operator} {right}", COMPARE, inverse, a.deps | b.deps, depth)


def eqz(a: Value, bits: int) -> Value:
    if a.kind == CONDITION:
        inverse = a.inverse or f"not {within(a, COMPARE)}"
        prec = COMPARE if a.inverse and a.prec == COMPARE else NOT if not a.inverse else CONDITIONAL
        return condition(inverse, prec, a.text, a.deps, a.depth + 1)
    a = unsigned(a, bits)
    if a.prec == CONDITIONAL:
        return compare(a, "==", constant(0))
    return condition(f"not {within(a, COMPARE)}", NOT, a.text, a.deps, a.depth + 1)


def equal(a: Value, b: Value, bits: int, operator: str) -> Value:
    a, b = as_int(a), as_int(b)
    if a.constant:
        a, b = b, a
    if b.constant and a.low < 0 and _is_signed(a, bits):
        return compare(a, operator, signed(b, bits))
    if a.low < 0 and b.low < 0 and _is_signed(a, bits) and _is_signed(b, bits):
        return compare(a, operator, b)
    return compare(unsigned(a, bits), operator, unsigned(b, bits))


def compare_u(a: Value, b: Value, bits: int, operator: str) -> Value:
    return compare(unsigned(a, bits), operator, unsigned(b, bits))


def compare_s(a: Value, b: Value, bits: int, operator: str) -> Value:
    """A signed comparison; unless both operands have a known sign, the right one must be an atom."""
    sign = 1 << bits - 1
    a, b = as_int(a), as_int(b)
    if a.constant:
        a, b, operator = b, a, _MIRROR[operator]
    if b.constant:
        b = signed(b, bits)
    if _is_signed(a, bits) and _is_signed(b, bits):
        return compare(a, operator, b)
    a = unsigned(a, bits)
    if b.low == b.high and b.prec <= LITERAL and not b.deps:
        return _compare_with(a, operator, b.low, bits)
    b = unsigned(b, bits)
    first, again = twice(a)
    top = hex(sign)
    other = b.text
    deps, depth = a.deps | b.deps, max(a.depth, b.depth) + 3
    if a.high < sign:
        # b may be negative, and then is the lesser one
        if operator in ("<", "<="):
            return condition(f"{within(a, OR)} {operator} {other} < {top}", COMPARE, "", deps, depth)
    elif b.high < sign and operator in (">", ">="):
        return condition(f"{other} {_MIRROR[operator]} {within(a, OR)} < {top}", COMPARE, "", deps, depth)
    # equal signs compare as unsigned, different ones the other way round
    text = f"{again} {operator} {other} if {first} ^ {other} < {top} else {again} {_MIRROR[operator]} {other}"
    return condition(text, CONDITIONAL, "", deps, depth)


def _compare_with(a: Value, operator: str, number: int, bits: int) -> Value:
    """An unsigned value compared, as a signed one, with a signed number."""
    sign = 1 << bits - 1
    if operator == "<=":
        operator, number = "<", number + 1
    elif operator == ">":
        operator, number = ">=", number + 1
    # now a < number or a >= number, and number is in -2^(bits-1) ... 2^(bits-1)
    below = operator == "<"
    if number == sign:
        return _known(a, below)
    if number == -sign:
        return _known(a, not below)
    if number == 0:
        return compare(a, ">=" if below else "<", constant(sign))
    subject = within(a, OR)
    if number > 0:
        inside = f"{literal(number)} <= {subject} < {hex(sign)}"  # a >= number
        inside_is_below = False
        outside = f"{subject} < {literal(number)} or {subject} >= {hex(sign)}"
    else:
        inside = f"{hex(sign)} <= {subject} < {literal(number + 2 * sign)}"  # a < number
        inside_is_below = True
        outside = f"{subject} < {hex(sign)} or {subject} >= {literal(number + 2 * sign)}"
    if a.depth or a.prec < LITERAL:
        outside = f"not {inside}"
    if below is inside_is_below:
        return condition(inside, COMPARE, outside, a.deps, a.depth + 1)
    return condition(outside, LOGICAL_OR, inside, a.deps, a.depth + 1)


def _known(a: Value, truth: bool) -> Value:
    """A condition that does not depend on its operand, which still has to be computed if it may trap."""
    if not a.deps & (MEMORY | TRAPS):
        return constant(int(truth))
    return compare(a, ">=" if truth else "<", constant(0))
