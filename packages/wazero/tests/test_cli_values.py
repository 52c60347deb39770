"""Numbers and other values as words of a command line."""

import math

import pytest
from wasm_decoder.syntax.types import EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, ValType
from wazero.cli.values import BadValue, read, write


@pytest.mark.parametrize(
    ("word", "type", "value"),
    [
        ("7", I32, 7),
        ("-1", I32, -1),
        ("0xFFFF_FFFF", I32, 2**32 - 1),
        ("-0x8000000000000000", I64, -(2**63)),
        ("0b101", I64, 5),
        ("1e3", F64, 1000.0),
        ("0x1.8p1", F32, 3.0),
        ("-0x1p-1", F64, -0.5),
        ("-inf", F64, -math.inf),
        ("3", F32, 3.0),
        ("000102030405060708090a0b0c0d0e0f", V128, bytes(range(16))),
        ("0x000102030405060708090a0b0c0d0e0f", V128, bytes(range(16))),
        ("null", EXTERNREF, None),
        ("null", FUNCREF, None),
    ],
)
def test_words_become_values(word: str, type: ValType, value: object) -> None:
    assert read(word, type) == value


def test_nan() -> None:
    value = read("nan", F64)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("word", "type"),
    [
        ("", I32),
        ("1.0", I32),
        ("4294967296", I32),
        ("-2147483649", I32),
        ("18446744073709551616", I64),
        ("x", F64),
        ("0x", F64),
        ("00", V128),
        ("null", I32),
        ("7", EXTERNREF),
    ],
)
def test_other_words_are_refused_with_the_type(word: str, type: ValType) -> None:
    with pytest.raises(BadValue, match=repr(type)):
        read(word, type)


@pytest.mark.parametrize(
    ("value", "type", "text"),
    [
        (-1, I32, "-1"),
        (0.1, F64, "0.1"),
        (0.10000000149011612, F32, "0.1"),
        (16777216.0, F32, "16777216.0"),
        (3.4028234663852886e38, F32, "3.4028235e+38"),
        (-0.0, F32, "-0.0"),
        (math.inf, F32, "inf"),
        (math.nan, F32, "nan"),
        (bytes(range(16)), V128, "0x000102030405060708090a0b0c0d0e0f"),
        (None, EXTERNREF, "null"),
    ],
)
def test_values_become_words_that_read_understands(value: object, type: ValType, text: str) -> None:
    assert write(value, type) == text
    again = read(text, type)
    if isinstance(value, float) and isinstance(again, float):
        assert again == pytest.approx(value, rel=1e-7, nan_ok=True)
    else:
        assert again == value
