"""Numbers of the text format: what is read, rounded and refused, and that floats are written so that they come back."""

import re
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasm_decoder.text.numbers import float_bits, float_text, integer, signed, unsigned


@pytest.mark.parametrize(
    ("token", "value"),
    [("0", 0), ("-0", 0), ("+7", 7), ("0x1F", 31), ("-0xff", -255), ("1_000", 1000), ("0xa_b", 0xAB), ("007", 7)],
)
def test_integers(token: str, value: int) -> None:
    assert integer(token) == value


@pytest.mark.parametrize(
    "token", ["", "_1", "1_", "1__0", "0x", "0x_1", "0X1", "1a", "a", "--1", "0b1", "0o7", "1.0", "٣"]
)
def test_what_is_no_integer(token: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(token)}$"):
        integer(token)


def test_integers_fill_their_range_signed_and_unsigned() -> None:
    assert signed("4294967295", 32) == -1
    assert signed("-2147483648", 32) == signed("0x80000000", 32) == -(1 << 31)
    assert unsigned("255", 8) == 255
    for token in ("4294967296", "-2147483649"):
        with pytest.raises(OverflowError):
            signed(token, 32)
    with pytest.raises(OverflowError):
        unsigned("256", 8)
    with pytest.raises(ValueError, match=r"\+1"):
        unsigned("+1", 8)


def test_thousands_of_digits_are_out_of_range_and_leading_zeros_are_not() -> None:
    with pytest.raises(OverflowError):
        integer("9" * 10_000)
    assert integer("0" * 10_000 + "9") == 9


@pytest.mark.parametrize(
    ("token", "bits"),
    [
        ("0", 0), ("-0", 0x80000000), ("1", 0x3F800000), ("1.", 0x3F800000), ("0x1p-149", 1), ("-0x1.8p+1", 0xC0400000),
        ("inf", 0x7F800000), ("-inf", 0xFF800000), ("nan", 0x7FC00000), ("-nan", 0xFFC00000), ("nan:0x1", 0x7F800001),
        ("-nan:0x7f_ffff", 0xFFFFFFFF), ("1e-50", 0), ("0x1p-150", 0), ("0x1.000001p-150", 1),
        ("1_0.0_1e0_1", 0x42C83333),
    ],
)  # fmt: skip
def test_f32(token: str, bits: int) -> None:
    assert float_bits(token, 32) == bits


def test_f32_is_rounded_once() -> None:
    # Each lies a little beside the middle between two singles, closer to it than a double can tell.
    assert float_bits("0x1.00000100000000001p0", 32) == 0x3F800001
    assert float_bits("0x1.000000fffffffffffp0", 32) == 0x3F800000
    assert float_bits("1.00000005960464477539062500000000000000000001", 32) == 0x3F800001
    assert float_bits("1.00000005960464477539062499999999999999999999", 32) == 0x3F800000
    assert float_bits("1.000000059604644775390625", 32) == 0x3F800000  # the middle: to even
    assert float_bits("1.000000178813934326171875", 32) == 0x3F800002
    # the middle between the greatest single and what would be the next
    assert float_bits("0x1.fffffefffffffffffffp127", 32) == 0x7F7FFFFF
    with pytest.raises(OverflowError):
        float_bits("0x1.ffffffp127", 32)


@pytest.mark.parametrize("token", ["nan:0x0", "nan:0x800000", "1e39", "0x1p128", "1e99999999999999999999"])
def test_f32_out_of_range(token: str) -> None:
    with pytest.raises(OverflowError):
        float_bits(token, 32)


@pytest.mark.parametrize(
    "token",
    ["", ".5", "1e", "1e+", "0x1.p", "0x1p", "0x.8", "1_.0", "1._0", "infinity", "nan:1", "nan:canonical", "0x1e+1"],
)
def test_what_is_no_float(token: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(token)}$"):
        float_bits(token, 64)


def _nearest_single(value: Fraction) -> int:
    """The bits of the single nearest to a positive number, found by bisection over all singles."""

    def single(bits: int) -> Fraction:
        return Fraction(struct.unpack("<f", struct.pack("<I", bits))[0]) if bits < 0x7F800000 else Fraction(2) ** 128

    low, high = 0, 0x7F800000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if single(middle) <= value else (low, middle)
    below, above = value - single(low), single(high) - value
    return low if below < above or (below == above and low % 2 == 0) else high


@given(st.integers(1, (1 << 24) - 1), st.integers(-175, 100), st.integers(-2, 2), st.integers(30, 90))
def test_f32_hexadecimal_is_the_nearest(mantissa: int, exponent: int, beside: int, digits: int) -> None:
    # around the middle between two singles, where a second rounding would show
    exact = (2 * mantissa + 1 << digits) + beside
    token = f"{exact:#x}p{exponent - digits - 1}"
    value = Fraction(exact) * Fraction(2) ** (exponent - digits - 1)
    assert float_bits(token, 32) == _nearest_single(value)


@given(st.integers(1, 10**30), st.integers(-70, 8))
def test_f32_decimal_is_the_nearest(mantissa: int, exponent: int) -> None:
    assert float_bits(f"{mantissa}e{exponent}", 32) == _nearest_single(mantissa * Fraction(10) ** exponent)


@given(st.integers(0, (1 << 32) - 1))
def test_f32_comes_back(bits: int) -> None:
    assert float_bits(float_text(bits, 32), 32) == bits


@given(st.integers(0, (1 << 64) - 1))
def test_f64_comes_back(bits: int) -> None:
    assert float_bits(float_text(bits, 64), 64) == bits


def test_floats_are_written_short() -> None:
    assert float_text(float_bits("0.1", 32), 32) == "0.1"
    assert float_text(float_bits("-2", 64), 64) == "-2"
    assert float_text(0x7FC00000, 32) == "nan"
    assert float_text(0xFF800001, 32) == "-nan:0x1"
