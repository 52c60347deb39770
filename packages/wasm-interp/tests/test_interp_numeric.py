"""Arithmetic against a plain definition: with operands that are variables, constants, and things of known range."""

import math
import struct
from collections.abc import Callable

import pytest
from wasm_interp import Instance, Store, Trap

INTS = [0, 1, 2, 3, 5, 31, 32, 33, 63, 64, 127, 128, 255, 256, 32767, 32768, 65535]
EDGES = {
    bits: sorted({v & (1 << bits) - 1 for n in INTS for v in (n, -n)} | {(1 << bits - 1) + d for d in (-2, -1, 0, 1)})
    for bits in (32, 64)
}


def signed(n: int, bits: int) -> int:
    return n - (n >> bits - 1 << bits)


def quotient(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def by_signed(function: Callable[[int, int], int]) -> Callable[[int, int, int], int]:
    return lambda a, b, bits: function(signed(a, bits), signed(b, bits))


def divide(a: int, b: int) -> int:
    found = quotient(a, b)
    if found in (1 << 31, 1 << 63) and (a, b) in ((-(1 << 31), -1), (-(1 << 63), -1)):
        raise OverflowError
    return found


BINARY: dict[str, Callable[[int, int, int], int]] = {
    "add": lambda a, b, bits: a + b,
    "sub": lambda a, b, bits: a - b,
    "mul": lambda a, b, bits: a * b,
    "div_u": lambda a, b, bits: a // b,
    "rem_u": lambda a, b, bits: a % b,
    "div_s": by_signed(divide),
    "rem_s": by_signed(lambda a, b: a - b * quotient(a, b)),
    "and": lambda a, b, bits: a & b,
    "or": lambda a, b, bits: a | b,
    "xor": lambda a, b, bits: a ^ b,
    "shl": lambda a, b, bits: a << b % bits,
    "shr_u": lambda a, b, bits: a >> b % bits,
    "shr_s": lambda a, b, bits: signed(a, bits) >> b % bits,
    "rotl": lambda a, b, bits: a << b % bits | a >> (bits - b % bits),
    "rotr": lambda a, b, bits: a >> b % bits | a << (bits - b % bits),
    "eq": lambda a, b, bits: a == b,
    "ne": lambda a, b, bits: a != b,
    "lt_u": lambda a, b, bits: a < b,
    "gt_u": lambda a, b, bits: a > b,
    "le_u": lambda a, b, bits: a <= b,
    "ge_u": lambda a, b, bits: a >= b,
    "lt_s": by_signed(lambda a, b: a < b),
    "gt_s": by_signed(lambda a, b: a > b),
    "le_s": by_signed(lambda a, b: a <= b),
    "ge_s": by_signed(lambda a, b: a >= b),
}
UNARY: dict[str, Callable[[int, int], int]] = {
    "eqz": lambda a, bits: a == 0,
    "clz": lambda a, bits: bits - a.bit_length(),
    "ctz": lambda a, bits: (a & -a).bit_length() - 1 if a else bits,
    "popcnt": lambda a, bits: a.bit_count(),
    "extend8_s": lambda a, bits: signed(a & 255, 8),
    "extend16_s": lambda a, bits: signed(a & 65535, 16),
}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, bits: int) -> None:
    """Both operands variable, either constant, either a sum that is not reduced yet, either sign-extended."""
    t = f"i{bits}"
    result = "i32" if name[:2] in ("eq", "ne", "lt", "gt", "le", "ge") else t
    width = 32 if result == "i32" else bits
    values = EDGES[bits] if bits == 32 else EDGES[bits][::2]
    forms: list[tuple[str, Callable[[int], int], Callable[[int], int]]] = [
        (f"({t}.{name} (local.get 0) (local.get 1))", lambda a: a, lambda b: b),
        (f"({t}.{name} ({t}.add (local.get 0) (local.get 0)) (local.get 1))", lambda a: a + a, lambda b: b),
        (f"({t}.{name} (local.get 0) ({t}.sub ({t}.const 0) (local.get 1)))", lambda a: a, lambda b: -b),
        (
            f"({t}.{name} ({t}.extend8_s (local.get 0)) ({t}.extend16_s (local.get 1)))",
            lambda a: signed(a & 255, 8),
            lambda b: signed(b & 65535, 16),
        ),
        (
            f"({t}.{name} ({t}.and (local.get 0) ({t}.const 63)) ({t}.shr_u (local.get 1) ({t}.const 3)))",
            lambda a: a & 63,
            lambda b: b >> 3,
        ),
    ]
    source = "(module "
    for i, (text, _, _) in enumerate(forms):
        source += f'(func (export "v{i}") (param {t} {t}) (result {result}) {text})'
        truth = text if result == "i32" else f"(i64.ne (i64.const 0) {text})"
        source += f'(func (export "c{i}") (param {t} {t}) (result i32) (local i32)'
        source += f"(if {truth} (then (local.set 2 (i32.const 1)))) (local.get 2))"
    for c in values[::3]:
        source += f'(func (export "l{c}") (param {t}) (result {result}) ({t}.{name} ({t}.const {c}) (local.get 0)))'
        source += f'(func (export "r{c}") (param {t}) (result {result}) ({t}.{name} (local.get 0) ({t}.const {c})))'
    instance = Store().instantiate(source + ")")
    mask = (1 << bits) - 1

    def check(export: str, args: tuple[int, ...], a: int, b: int, truth: bool = False) -> None:
        try:
            expected: object = signed(int(BINARY[name](a & mask, b & mask, bits)) & (1 << width) - 1, width)
            expected = int(expected != 0) if truth else expected
        except ZeroDivisionError:
            expected = "integer divide by zero"
        except OverflowError:
            expected = "integer overflow"
        try:
            found: object = instance.exports[export](*args)
            assert type(found) is int
        except Trap as trap:
            found = trap.message
        assert found == expected, (export, args)

    for a in values:
        for b in values:
            for i, (_, left, right) in enumerate(forms):
                check(f"v{i}", (a, b), left(a), right(b))
            check("c0", (a, b), a, b, truth=True)
        for c in values[::3]:
            check(f"l{c}", (a,), c, a)
            check(f"r{c}", (a,), a, c)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, bits: int) -> None:
    t = f"i{bits}"
    result = "i32" if name == "eqz" else t
    instance = Store().instantiate(f"""
        (module
          (func (export "v") (param {t}) (result {result}) ({t}.{name} (local.get 0)))
          (func (export "s") (param {t}) (result {result}) ({t}.{name} ({t}.add (local.get 0) ({t}.const 5)))))""")
    for a in EDGES[bits]:
        for export, operand in (("v", a), ("s", a + 5 & (1 << bits) - 1)):
            expected = int(UNARY[name](operand, bits))
            assert instance.exports[export](a) == expected


def test_conditions_are_numbers_too() -> None:
    f = (
        Store()
        .instantiate("""
        (module (func (export "f") (param i32 i32 f64) (result i32) (local i32)
          (local.set 3 (i32.lt_s (local.get 0) (local.get 1)))
          (i32.add (local.get 3)
            (i32.add (i32.mul (i32.const 10) (i32.eqz (i32.eqz (local.get 0))))
              (i32.add (i32.mul (i32.const 100) (i32.and (f64.lt (local.get 2) (f64.const 1)) (i32.eqz (local.get 1))))
                (i32.shl (i32.or (i32.eqz (local.get 0)) (i32.eqz (f64.ge (local.get 2) (f64.const 0))))
                         (i32.const 10)))))))""")
        .exports.f
    )
    for a in (-1, 0, 5):
        for b in (-2, 0, 7):
            for c in (0.5, 2.0, math.nan):
                expected = (a < b) + 10 * (a != 0) + 100 * (c < 1 and b == 0) + 1024 * (a == 0 or not c >= 0)
                assert f(a, b, c) == expected
                assert type(f(a, b, c)) is int


def f32(value: float) -> float:
    found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return found


def bits32(value: float) -> int:
    found: int = struct.unpack("<I", struct.pack("<f", value))[0]
    return found


@pytest.fixture(scope="module")
def floats() -> Instance:
    return Store().instantiate("""
        (module (memory 1)
          (func (export "f32 through everything") (param i32) (result i32) (local f32)
            (i32.store (i32.const 0) (local.get 0))
            (local.set 1 (select (f32.load (i32.const 0)) (f32.const 0) (i32.const 1)))
            (f32.store offset=4 (i32.const 0) (local.get 1))
            (f32.store (i32.const 8) (f32.neg (f32.neg (f32.load (i32.const 4)))))
            (i32.reinterpret_f32 (f32.reinterpret_i32 (i32.load (i32.const 8)))))
          (func (export "f64 through everything") (param i64) (result i64) (local f64)
            (local.set 1 (f64.reinterpret_i64 (local.get 0)))
            (f64.store offset=1 (i32.const 0) (local.get 1))
            (i64.reinterpret_f64 (f64.abs (f64.copysign (f64.load (i32.const 1)) (f64.const -1)))))
          (func (export "promote") (param i32) (result i64)
            (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
          (func (export "demote") (param i64) (result i32)
            (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get 0)))))
          (func (export "constant") (result i32) (i32.reinterpret_f32 (f32.const -nan:0x200000)))
          (func (export "add") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))
          (func (export "chain") (param f32 f32) (result f32)
            (f32.mul (f32.add (local.get 0) (local.get 1)) (f32.sub (local.get 0) (local.get 1))))
          (func (export "convert_s") (param i64) (result f32) (f32.convert_i64_s (local.get 0)))
          (func (export "convert_u") (param i64) (result f32) (f32.convert_i64_u (local.get 0)))
          (func (export "div") (param f64 f64) (result f64) (f64.div (local.get 0) (local.get 1)))
          (func (export "min") (param f64 f64) (result f64) (f64.min (local.get 0) (local.get 1)))
          (func (export "max") (param f64 f64) (result f64) (f64.max (local.get 0) (local.get 1)))
          (func (export "nearest") (param f64) (result f64) (f64.nearest (local.get 0))))""")


@pytest.mark.parametrize("bits", [0x7F800001, 0xFFA00000, 0x7FC00000, 0xFFFFFFFF, 0x80000000, 1, 0x7F7FFFFF])
def test_f32_keeps_its_bits(floats: Instance, bits: int) -> None:
    assert floats.exports["f32 through everything"](bits) & 0xFFFFFFFF == bits


@pytest.mark.parametrize("bits", [0x7FF0000000000001, 0x7FF8000000000000, 0x7FFFFFFFFFFFFFFF, 0, 1])
def test_f64_keeps_its_bits(floats: Instance, bits: int) -> None:
    assert floats.exports["f64 through everything"](bits) == bits


def test_nans_become_quiet_where_they_are_converted(floats: Instance) -> None:
    assert floats.exports.constant() & 0xFFFFFFFF == 0xFFA00000
    assert floats.exports.promote(0x7F800001) == 0x7FF8000020000000
    assert floats.exports.demote(0x7FF0000020000000) == 0x7FC00001
    assert floats.exports.demote(0x7FF0000000000001) & 0x7FC00000 == 0x7FC00000


def test_f32_is_rounded_after_every_instruction(floats: Instance) -> None:
    for a, b in [(0.1, 0.2), (1e8, 1.0), (16777216.0, 1.0), (1e-45, 1e-45), (3.0, 1e-8)]:
        a, b = f32(a), f32(b)
        assert bits32(floats.exports.add(a, b)) == bits32(a + b)
        assert floats.exports.chain(a, b) == f32(f32(a + b) * f32(a - b))
    assert floats.exports.add(3.4e38, 3.4e38) == math.inf


def test_integers_are_rounded_once(floats: Instance) -> None:
    assert floats.exports.convert_s(0x7FFFFF4000000001) == float.fromhex("0x1.fffffep+62")
    assert floats.exports.convert_u(0xFFFFFE8000000001) == float.fromhex("0x1.fffffep+63")
    assert floats.exports.convert_s(-0x2000002000000001) == -float.fromhex("0x1.000002p+61")
    assert floats.exports.convert_s(16777217) == 16777216.0


def test_zeros_and_infinities(floats: Instance) -> None:
    for a, b in [(1.0, 0.0), (1.0, -0.0), (-1.0, 0.0), (-math.inf, -0.0)]:
        assert floats.exports.div(a, b) == math.copysign(math.inf, a) * math.copysign(1, b)
    assert math.isnan(floats.exports.div(0.0, 0.0))
    assert math.isnan(floats.exports.div(math.nan, 0.0))
    for a, b in [(0.0, -0.0), (-0.0, 0.0)]:
        assert math.copysign(1, floats.exports.min(a, b)) == -1
        assert math.copysign(1, floats.exports.max(a, b)) == 1
    for a, b in [(math.nan, 1.0), (1.0, math.nan)]:
        assert math.isnan(floats.exports.min(a, b))
        assert math.isnan(floats.exports.max(a, b))
    for a, b in [(2.5, 2.0), (-0.4, -0.0), (0.5, 0.0), (4503599627370495.5, 4503599627370496.0), (1e300, 1e300)]:
        assert floats.exports.nearest(a) == b
        assert math.copysign(1, floats.exports.nearest(a)) == math.copysign(1, b)


def test_a_literal_that_moved_into_a_variable_is_none_any_more() -> None:
    f = (
        Store()
        .instantiate("""
        (module (func (export "f") (param f32) (result f32)
          (local.get 0) (f32.const 0) (block (param f32 f32) (result f32) (f32.div))))""")
        .exports.f
    )
    assert f(1.0) == math.inf


def test_a_store_of_what_a_load_gives() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") 1)
          (func (export "f") (param i32)
            (f32.store (i32.add (local.get 0) (i32.const 16)) (f32.load (i32.add (local.get 0) (i32.const 8))))))""")
    instance.exports.memory.write(8, b"1234")
    instance.exports.f(0)
    assert instance.exports.memory.read(16, 4) == b"1234"


def test_a_store_whose_address_is_loaded() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") 1)
          (func (export "f") (param f32)
            (f32.store (i32.add (f32.eq (f32.const 0) (f32.load (i32.const 8))) (i32.const 3)) (local.get 0))))""")
    instance.exports.f(1.5)
    assert instance.exports.memory.read(4, 4) == struct.pack("<f", 1.5)


def test_the_float_that_pypy_takes_for_an_int() -> None:
    instance = Store().instantiate("""
        (module (func (export "f") (result f64) (f64.const -0x1p63))
                (func (export "g") (param f64) (result f64) (f64.div (local.get 0) (f64.const -0x1p63))))""")
    assert type(instance.exports.f()) is float
    assert instance.exports.f() == instance.exports.g(2.0**126) == -(2.0**63)


def test_a_store_rounds() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") 1)
          (func (export "f") (param f32) (f32.store (i32.const 0) (f32.add (local.get 0) (local.get 0)))))""")
    for value, stored in ((3e38, math.inf), (-3e38, -math.inf), (0.1, f32(0.2))):
        instance.exports.f(value)
        assert instance.exports.memory.read(0, 4) == struct.pack("<f", stored)
