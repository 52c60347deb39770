"""What takes several processor instructions: floating point minimum and maximum, and conversions to and from integers.

Each function appends a sequence that computes into the register ``d`` from the registers of its operands, which it
leaves as they are; ``d`` is none of them.  The scratch registers of ``convention`` are free.
"""

from .convention import SCRATCH, VECTOR_SCRATCH
from .registers import AE, NE, NO, A, E, P, S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .transfer import Transfer

_SUFFIX = {"f32": "ss", "f64": "sd"}
_SIGN = {"f32": (1 << 31).to_bytes(4, "little"), "f64": (1 << 63).to_bytes(8, "little")}
_TWO_63 = {"f32": (0x5F000000).to_bytes(4, "little"), "f64": (0x43E0000000000000).to_bytes(8, "little")}
_MINUS_TWO_63 = {"f32": (0xDF000000).to_bytes(4, "little"), "f64": (0xC3E0000000000000).to_bytes(8, "little")}
_INVALID, _OVERFLOW = "invalid conversion to integer", "integer overflow"


def emit(e: "Transfer", name: str, d: int, a: int, b: int, place: int) -> None:
    """The sequence of the WebAssembly instruction ``name``."""
    type_, _, operation = name.partition(".")
    if operation in ("min", "max"):
        _extremum(e, type_, operation, d, a, b)
    elif operation == "copysign":
        _copysign(e, type_, d, a, b)
    elif operation == "convert_i64_u":
        _convert_unsigned(e, type_, d, a)
    else:
        words = operation.split("_")
        _truncate(e, type_, words[-2], words[-1] == "s", "sat" in words, d, a, place)


def _extremum(e: "Transfer", type_: str, which: str, d: int, a: int, b: int) -> None:
    asm, out, op = e.asm, e.out, e.op
    suffix = _SUFFIX[type_]
    nan, equal, done = asm.label(), asm.label(), asm.label()
    out += ((op(f"{e.prefix}ucomi{suffix}_rr"), a, b), (asm.jcc, P, nan), (asm.jcc, E, equal))
    e.vector3(out, which + suffix, d, a, b)
    out.append((asm.bind, done))
    # zeros of both signs are equal: the minimum has either's sign, the maximum both's
    cold: list[tuple[object, ...]] = []
    e.vector3(cold, "orps" if which == "min" else "andps", d, a, b)
    cold.append((asm.jmp, done))
    e.cold.append((equal, cold))
    cold = []
    e.vector3(cold, "add" + suffix, d, a, b)  # a sum with a NaN is that NaN, quiet
    cold.append((asm.jmp, done))
    e.cold.append((nan, cold))


def _copysign(e: "Transfer", type_: str, d: int, a: int, b: int) -> None:
    width = 4 if type_ == "f32" else 8
    sign = _SIGN[type_] + bytes(16 - width)
    rest = bytes(byte ^ 255 for byte in _SIGN[type_]) + bytes(16 - width)
    e.vector_constant(e.out, "andps", VECTOR_SCRATCH, b, sign)
    e.vector_constant(e.out, "andps", d, a, rest)
    e.vector3(e.out, "orps", d, d, VECTOR_SCRATCH)


def _convert_unsigned(e: "Transfer", type_: str, d: int, a: int) -> None:
    asm, out, op = e.asm, e.out, e.op
    suffix = _SUFFIX[type_]
    large, odd, done = asm.label(), asm.label(), asm.label()
    convert = "cvtsi2" + suffix + "64"
    e.vector3(out, "xorps", d, d, d)
    out += ((op("test64_rr"), a, a), (asm.jcc, S, large))
    e.vector3(out, convert, d, d, a)
    out.append((asm.bind, done))
    # half of it, the lost bit kept so that rounding is right, then twice that
    cold: list[tuple[object, ...]] = [(op("mov64_rr"), SCRATCH, a), (op("shr64_ri"), SCRATCH, 1), (asm.jcc, AE, odd)]
    cold += [(op("or64_ri"), SCRATCH, 1), (asm.bind, odd)]
    e.vector3(cold, convert, d, d, SCRATCH)
    e.vector3(cold, "add" + suffix, d, d, d)
    cold.append((asm.jmp, done))
    e.cold.append((large, cold))


def _truncate(e: "Transfer", to: str, source: str, signed: bool, saturating: bool, d: int, a: int, place: int) -> None:
    """A conversion to an integer: the processor's own, and a look at whether the number was in range."""
    asm, out, op = e.asm, e.out, e.op
    suffix = _SUFFIX[source]
    convert = op(f"{e.prefix}cvtt{suffix}2si64_rr")
    compare = op(f"{e.prefix}ucomi{suffix}_rr")
    done, slow = asm.label(), asm.label()
    cold: list[tuple[object, ...]] = []
    if to == "i64" and not signed:
        large = asm.label()
        out.append((e.with_constant, f"{e.prefix}ucomi{suffix}_rl", (a,), _TWO_63[source]))
        if not saturating:
            out.append((asm.jcc, P, e.trap(_INVALID, place)))
            out += ((asm.jcc, AE, large), (convert, d, a), (op("test64_rr"), d, d))
            out.append((asm.jcc, S, e.trap(_OVERFLOW, place)))
        else:
            negative = asm.label()
            out += ((asm.jcc, AE, large), (convert, d, a), (op("test64_rr"), d, d), (asm.jcc, S, negative))
            e.cold.append((negative, [(op("xor32_rr"), d, d), (asm.jmp, done)]))
        out.append((asm.bind, done))
        e.vector_constant(cold, "sub" + suffix, VECTOR_SCRATCH, a, _TWO_63[source])
        cold += [(convert, d, VECTOR_SCRATCH), (op("test64_rr"), d, d), (asm.jcc, S, slow)]
        cold += [(op("btc64_ri"), d, 63), (asm.jmp, done)]
        e.cold.append((large, cold))
        if saturating:
            cold = [(op("mov64_ri"), d, 0xFFFFFFFFFFFFFFFF), (asm.jmp, done)]
        else:
            cold = [(asm.jmp, e.trap(_OVERFLOW, place))]
        # not a number is above nothing, so it did not come here
        e.cold.append((slow, cold))
        return
    out.append((convert, d, a))
    if to == "i64":
        out += ((op("cmp64_ri"), d, 1), (asm.jcc, NO ^ 1, slow))  # only the least number overflows here
        low, high = 1 << 63, (1 << 63) - 1
    elif signed:
        out += ((op("movsxd_rr"), SCRATCH, d), (op("cmp64_rr"), SCRATCH, d), (asm.jcc, NE, slow))
        low, high = 1 << 31, (1 << 31) - 1
    else:
        out += ((op("mov32_rr"), SCRATCH, d), (op("cmp64_rr"), SCRATCH, d), (asm.jcc, NE, slow))
        low, high = 0, (1 << 32) - 1
    if to == "i32" and signed:
        out.append((op("mov32_rr"), d, d))
    out.append((asm.bind, done))
    if saturating:
        above = asm.label()
        zero = asm.label()
        e.vector3(cold, "xorps", VECTOR_SCRATCH, VECTOR_SCRATCH, VECTOR_SCRATCH)
        cold += [(compare, a, VECTOR_SCRATCH), (asm.jcc, P, zero), (asm.jcc, A, above)]
        cold += [
            (op("mov64_ri"), d, low),
            (asm.jmp, done),
            (asm.bind, above),
            (op("mov64_ri"), d, high),
            (asm.jmp, done),
        ]
        cold += [(asm.bind, zero), (op("mov64_ri"), d, 0), (asm.jmp, done)]
    else:
        cold += [(compare, a, a), (asm.jcc, P, e.trap(_INVALID, place))]
        if to == "i64":
            cold += [(e.with_constant, f"{e.prefix}ucomi{suffix}_rl", (a,), _MINUS_TWO_63[source]), (asm.jcc, E, done)]
        cold.append((asm.jmp, e.trap(_OVERFLOW, place)))
    e.cold.append((slow, cold))
