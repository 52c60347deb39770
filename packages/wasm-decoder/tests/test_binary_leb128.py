"""LEB128: what is read is what was written, and nothing else is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasm_decoder import DecodeError
from wasm_decoder.binary.leb128 import read_signed, read_u32s, read_unsigned, signed, unsigned


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=3))
def test_unsigned_round_trip(value: int, rest: bytes) -> None:
    encoded = unsigned(value)
    assert read_unsigned(encoded + rest, 0, 64) == (value, len(encoded))


@given(st.sampled_from([32, 33, 64]), st.data())
def test_signed_round_trip(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-1 << bits - 1, (1 << bits - 1) - 1))
    encoded = signed(value)
    assert read_signed(b"\xff" + encoded, 1, bits) == (value, 1 + len(encoded))


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 4))
def test_unsigned_may_be_padded_up_to_five_bytes(value: int, padding: int) -> None:
    encoded = bytearray(unsigned(value))
    for _ in range(min(padding, 5 - len(encoded))):
        encoded[-1] |= 0x80
        encoded.append(0)
    assert read_unsigned(bytes(encoded), 0, 32) == (value, len(encoded))


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 300, 1 << 31, (1 << 64) - 1])
def test_unsigned_is_shortest(value: int) -> None:
    assert len(unsigned(value)) == max(1, -(-value.bit_length() // 7))


@pytest.mark.parametrize(("value", "size"), [(0, 1), (63, 1), (64, 2), (-64, 1), (-65, 2), (-(1 << 63), 10)])
def test_signed_is_shortest(value: int, size: int) -> None:
    assert len(signed(value)) == size


@pytest.mark.parametrize(
    ("encoded", "bits", "message", "offset"),
    [
        ("", 32, "unexpected end", 0),
        ("80", 32, "unexpected end", 1),
        ("80 80 80 80 80 00", 32, "integer representation too long", 0),
        ("80 80 80 80 10", 32, "integer too large", 0),
        ("ff ff ff ff 1f", 32, "integer too large", 0),
        ("80 80 80 80 80 80 80 80 80 02", 64, "integer too large", 0),
        ("80 80 80 80 80 80 80 80 80 80 00", 64, "integer representation too long", 0),
    ],
)
def test_malformed_unsigned(encoded: str, bits: int, message: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        read_unsigned(bytes.fromhex(encoded), 0, bits)
    assert caught.value.message.startswith(message)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("encoded", "bits", "message"),
    [
        ("", 32, "unexpected end"),
        ("ff", 32, "unexpected end"),
        ("80 80 80 80 80 00", 32, "integer representation too long"),
        ("80 80 80 80 08", 32, "integer too large"),
        ("ff ff ff ff 77", 32, "integer too large"),
        ("80 80 80 80 10", 33, "integer too large"),
        ("80 80 80 80 80 80 80 80 80 01", 64, "integer too large"),
        ("ff ff ff ff ff ff ff ff ff 7e", 64, "integer too large"),
    ],
)
def test_malformed_signed(encoded: str, bits: int, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_signed(bytes.fromhex(encoded), 0, bits)
    assert caught.value.message.startswith(message)


@given(st.lists(st.one_of(st.integers(0, 127), st.integers(0, (1 << 32) - 1)), max_size=20), st.binary(max_size=3))
def test_vectors_of_numbers(values: list[int], rest: bytes) -> None:
    encoded = b"".join(map(unsigned, values))
    assert read_u32s(b"\x80" + encoded + rest, 1, len(values)) == (values, 1 + len(encoded))


def test_a_vector_of_four_billion_numbers_ends_with_the_bytes() -> None:
    with pytest.raises(DecodeError, match="unexpected end"):
        read_u32s(b"\1\x80\1", 0, (1 << 32) - 1)
