"""Data segments: those that are read for their numbers only are the same as those that are read one by one."""

import pickle

import pytest
from wasm_decoder import DecodeError, Features, Module, ValidationError, decode, encode, validate
from wasm_decoder.binary.datas import DataSegments
from wasm_decoder.binary.decode import place
from wasm_decoder.binary.leb128 import signed, unsigned
from wasm_decoder.syntax.module import Active, Data, Expr

HEADER = b"\0asm\1\0\0\0"
MEMORY = b"\5\3\1\0\1"
TAIL = b"\0\x09\1after it"  # a segment that ends less than eight bytes before the file does is no plain one
#: addresses at all borders between lengths of their encoding
ADDRESSES = sorted(
    {near for bits in (0, 6, 7, 13, 14, 20, 21, 27, 28, 31) for near in ((1 << bits) - 1, 1 << bits, -1 << bits)}
    - {1 << 31}
)


def section(*segments: bytes) -> bytes:
    """A module with a memory and these segments."""
    content = unsigned(len(segments)) + b"".join(segments)
    return HEADER + MEMORY + b"\x0b" + unsigned(len(content)) + content + TAIL


def plain(address: int, content: bytes, *, padding: int = 0) -> bytes:
    """A segment for memory 0; the address may be encoded in more bytes than it needs."""
    number = bytearray(signed(address))
    for _ in range(padding):
        number[-1] |= 0x80
        number.append(0x7F if address < 0 else 0)
    return b"\0\x41" + number + b"\x0b" + unsigned(len(content)) + content


def read(data: bytes, features: Features = Features.CORE_3_0) -> DataSegments:
    datas = decode(data, features).datas
    assert isinstance(datas, DataSegments)
    return datas


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 16383, 16384, 70000])
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_and_every_size(address: int, size: int) -> None:
    content = bytes([size & 0xFF]) * size
    for padding in range(6 - len(signed(address))):
        datas = read(section(plain(address, content, padding=padding), plain(1, b"x")))
        assert datas.addresses == [address & 0xFFFFFFFF if len(signed(address)) + padding < 5 else -1, 1]
        offset = Expr(b"\x41" + signed(address) + b"\x0b")
        assert tuple(datas) == (Data(content, Active(0, offset)), Data(b"x", Active(0, Expr(b"\x41\1\x0b"))))
        if datas.addresses[0] >= 0:
            assert datas.binary[datas.starts[0] : datas.ends[0]] == content


def test_all_kinds_in_one_section() -> None:
    others = [
        b"\1\2ab",  # passive
        b"\2\0\x41\5\x0b\1c",  # of memory 0, which it says
        b"\2\1\x41\5\x0b\1c",  # of another memory
        b"\0\x23\0\x0b\1d",  # where a global says
        b"\0\x41\1\x41\2\x6a\x0b\1e",  # where a sum says
    ]
    data = section(plain(7, b"first"), *others, plain(9, b"last"))
    datas = read(data)
    assert datas.addresses == [7, -1, -1, -1, -1, -1, 9]
    assert [number for number, _ in datas.others()] == [1, 2, 3, 4, 5]
    assert [each.init for each in datas] == [b"first", b"ab", b"c", b"c", b"d", b"e", b"last"]
    assert [each.mode.index if isinstance(each.mode, Active) else each.mode for each in datas] == [
        0,
        "passive",
        0,
        1,
        0,
        0,
        0,
    ]
    assert datas[-1] == datas[6] == Data(b"last", Active(0, Expr(b"\x41\x09\x0b")))
    assert datas[1:3] == (datas[1], datas[2])
    with pytest.raises(IndexError):
        datas[7]
    module = decode(data)
    assert [place(module, "datas", i) for i in range(8)] == [*[datas.place(i) for i in range(7)], None]
    assert data[datas.place(6) :] == plain(9, b"last") + TAIL


def test_they_are_a_sequence_like_any_other() -> None:
    data = section(plain(7, b"first"), b"\1\2ab")
    module = decode(data)
    same = tuple(module.datas)
    assert module.datas == same
    assert same == module.datas
    assert module.datas == decode(data).datas
    assert module.datas != same[:1]
    assert module.datas != (same[0], same[0])
    assert module.datas.__eq__([*same]) is NotImplemented  # as of a tuple
    assert module == Module(mems=module.mems, datas=same, customs=module.customs)
    assert pickle.loads(pickle.dumps(module.datas)) == same
    assert encode(module) == data
    assert "2 datas" in repr(module)
    assert repr(module.datas) == "<DataSegments: 2>"
    assert not decode(HEADER).datas


def test_thirty_thousand_segments() -> None:
    many = [plain(3 * n, b"%d" % (n % 10)) for n in range(30_000)]
    datas = read(section(*many))
    assert len(datas) == 30_000
    assert datas.addresses == [3 * n for n in range(30_000)]
    assert list(datas.others()) == []
    validate(decode(section(*many)), bodies=False)
    broken = section(*many[:29_999], b"\0\x41\0\x41\0\x0b\0")
    with pytest.raises(ValidationError):
        validate(decode(broken), bodies=False)


def test_no_cut_and_no_changed_byte_is_read_differently() -> None:
    """What the quick way accepts is what the reader of single segments does."""
    whole = section(plain(1 << 20, b"abc"), plain(5, b"", padding=2), b"\1\1z", plain(-1, bytes(200)), plain(64, b"q"))
    beginning = len(HEADER + MEMORY) + 3
    for at in range(beginning, len(whole) - len(TAIL)):
        for value in (0, 1, 0x0B, 0x40, 0x41, 0x7F, 0x80, 0xFF):
            data = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                datas = decode(data).datas
            except DecodeError:
                continue
            assert isinstance(datas, DataSegments)
            for i, address in enumerate(datas.addresses):
                if address >= 0:
                    segment = datas[i]
                    assert isinstance(segment.mode, Active)
                    (number, end) = segment.mode.offset
                    assert (number.op.name, end.op.name, segment.mode.index) == ("i32.const", "end", 0)
                    assert [n & 0xFFFFFFFF for n in number.immediates if isinstance(n, int)] == [address]
                    assert segment.init == data[datas.starts[i] : datas.ends[i]]
    for cut in range(beginning, len(whole) - len(TAIL)):
        with pytest.raises(DecodeError):
            decode(whole[:cut])


@pytest.mark.parametrize(
    ("segment", "complaint"),
    [
        (b"\0\x41\0\x0b\x40abc", "unexpected end"),
        (b"\0\x41\0\x0b\xff\xff\xff\xff\x0f", "unexpected end"),
        (b"\0\x41\0\x0b\xff\xff\xff\xff\x1f", "integer too large"),
        (b"\0\x41\x80\x80\x80\x80\x80\0\x0b\0", "integer representation too long"),
        (b"\3\x41\0\x0b\0", "malformed data segment kind"),
    ],
)
def test_malformed_segments(segment: bytes, complaint: str) -> None:
    for data in (section(segment), section(plain(1, b"x"), segment)):
        with pytest.raises(DecodeError, match=complaint):
            decode(data)


@pytest.mark.parametrize(
    ("memory", "features", "complaint"),
    [
        (b"", Features.CORE_3_0, "unknown memory 0"),
        (b"\5\3\1\4\1", Features.CORE_3_0, "type mismatch"),
    ],
)
def test_a_plain_segment_needs_a_memory_of_32_bits(memory: bytes, features: Features, complaint: str) -> None:
    data = section(plain(0, b"x")).replace(MEMORY, memory)
    with pytest.raises(ValidationError, match=complaint):
        validate(decode(data, features), features)
