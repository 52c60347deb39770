"""Instructions: every row of the table is read as it was written, and is gated by its feature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasm_decoder import DecodeError, Features, decode, decode_bodies, encode_func, encode_instrs, iterate
from wasm_decoder.binary.decode import decode_locals
from wasm_decoder.binary.leb128 import unsigned
from wasm_decoder.syntax.instructions import BY_NAME, OPS, Instr, Op
from wasm_decoder.syntax.module import Func, Module
from wasm_decoder.syntax.types import ANY, EXN, F64, FUNC, FUNCREF, I32, I64, V128, FuncType, RecType, RefType, SubType

ALL = Features.ALL
U32 = (0, 1, 127, 128, (1 << 32) - 1)

# immediates of every kind, the ends of their ranges among them
SAMPLES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("type", "func", "table", "mem", "global", "local", "elem", "data", "tag"), U32),
    **dict.fromkeys(("field", "label", "u32"), U32),
    "block": (None, I32, V128, FUNCREF, RefType(False, 3), RefType(False, ANY), 0, 63, 64, (1 << 32) - 1),
    "labels": ((), (0,), tuple(range(200)), ((1 << 32) - 1, 0)),
    "memarg": ((0, 0, 0), (2, 127, 0), (31, 128, 0), (2, 0, 1), (63, (1 << 64) - 1, (1 << 32) - 1), (5, 1 << 32, 0)),
    "i32": (0, 63, 64, -64, -65, (1 << 31) - 1, -1 << 31),
    "i64": (0, 63, 64, -64, -65, (1 << 63) - 1, -1 << 63),
    "f32": (0, 0x7FA00000, 0xFFFFFFFF),
    "f64": (0, 0x7FF4000000000000, (1 << 64) - 1),
    "v128": (bytes(16), bytes(range(240, 256))),
    "lanes": (bytes(16), bytes(range(16))),
    "lane": (0, 15, 255),
    "heap": (FUNC, EXN, 0, 63, 64, (1 << 32) - 1),
    "types": ((), (I32,), (I64, F64, RefType(True, 7))),
    "cast": ((0, RefType(True, ANY), RefType(False, 300)), ((1 << 32) - 1, RefType(False, 1), RefType(True, FUNC))),
    "catches": ((), ((0, 1, 2), (1, 200, 300), (2, None, 0), (3, None, (1 << 32) - 1))),
    "zero": (0,),
}


def samples(op: Op) -> list[Instr]:
    """Instructions with every sample of each immediate; short columns of samples start over."""
    columns = [SAMPLES[kind] for kind in op.immediates]
    return [
        Instr(op, tuple([column[i % len(column)] for column in columns]))
        for i in range(max(map(len, columns), default=1))
    ]


@pytest.mark.parametrize("name", BY_NAME)
def test_every_instruction_is_read_as_it_was_written(name: str) -> None:
    for instr in samples(BY_NAME[name]):
        encoded = encode_instrs([instr])
        assert list(iterate(b"\xff" + encoded, 1)) == [instr]
        for end in range(1, len(encoded)):
            with pytest.raises(DecodeError):
                list(iterate(encoded + encoded, 0, end))


@pytest.mark.parametrize("name", [name for name, op in BY_NAME.items() if op.feature])
def test_every_instruction_is_gated_by_its_feature(name: str) -> None:
    op = BY_NAME[name]
    with pytest.raises(DecodeError, match="illegal opcode") as caught:
        list(iterate(b"\1" + encode_instrs([samples(op)[0]]), 0, features=ALL - op.feature))
    assert caught.value.offset == 1


def test_every_other_opcode_is_illegal() -> None:
    for code in range(256):
        if code not in OPS and code not in (0xFB, 0xFC, 0xFD, 0xFE):
            with pytest.raises(DecodeError, match=f"illegal opcode {code:02x}"):
                list(iterate(bytes((code, 0, 0))))
    for prefix in (0xFB, 0xFC, 0xFD, 0xFE):
        for number in (*range(0x200), 0x10000, 0x10100, (1 << 32) - 1):
            if prefix << 16 | number not in OPS:
                with pytest.raises(DecodeError, match=f"illegal opcode {prefix:02x} {number:02x}"):
                    list(iterate(bytes((prefix,)) + unsigned(number) + bytes(20)))


def test_offsets_count_from_the_start_of_the_data() -> None:
    data = b"\xff\x01\x41\x80\x01\x0b"
    assert [(instr.op.name, instr.offset) for instr in iterate(data, 1)] == [("nop", 1), ("i32.const", 2), ("end", 5)]


@given(st.lists(st.sampled_from(list(OPS.values())).flatmap(lambda op: st.sampled_from(samples(op))), max_size=30))
def test_sequences(instrs: list[Instr]) -> None:
    assert list(iterate(encode_instrs(instrs))) == instrs


@pytest.mark.parametrize(
    ("code", "features", "message"),
    [
        ("02 0b", Features.CORE_1_0, "malformed value type"),  # a block type by index
        ("02 70", Features.CORE_1_0, "malformed value type"),
        ("02 7b", Features.CORE_1_0, "malformed value type"),
        ("02 5f", Features.CORE_3_0, "malformed block type"),
        ("3f 01", Features.CORE_2_0, "zero byte expected"),
        ("3f 80 00", Features.CORE_2_0, "zero byte expected"),
        ("11 00 01", Features.CORE_1_0, "zero byte expected"),
        ("28 40 00 00", Features.CORE_2_0, "malformed memop flags"),
        ("28 20 00", Features.CORE_2_0, "malformed memop flags"),
        ("28 80 01 00", Features.CORE_3_0, "malformed memop flags"),
        ("28 02 80 80 80 80 10", Features.CORE_2_0, "integer too large"),
        ("fb 18 04 00 6e 6e", Features.CORE_3_0, "malformed br_on_cast flags"),
        ("1f 40 01 04 00", Features.CORE_3_0, "malformed catch clause"),
        ("d0 6e", Features.CORE_2_0, "malformed heap type"),
        ("fe 03 01", ALL, "zero byte expected"),
    ],
)
def test_malformed_immediates(code: str, features: Features, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        list(iterate(bytes.fromhex(code), features=features))
    assert caught.value.message == message


def body(code: str, features: Features = ALL, *, data_count: int | None = None) -> None:
    """Walk a module of one function of type [] -> [] with that body, locals included."""
    void = RecType((SubType(True, (), FuncType((), ())),))
    module = Module(types=(void,), funcs=(Func(0, bytes.fromhex(code)),), data_count=data_count)
    decode_bodies(module, features)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("00", "unexpected end"),
        ("00 02 40 0b", "unexpected end"),
        ("00 0b 0b", "section size mismatch"),
        ("00 0b 01", "section size mismatch"),
        ("00 05 0b", "illegal opcode 05"),
        ("00 02 40 05 0b 0b", "illegal opcode 05"),
        ("00 04 40 05 05 0b 0b", "illegal opcode 05"),
        ("00 fc 09 00 0b", "data count section required"),
        ("00 41 00 41 00 fb 09 00 00 0b", "data count section required"),
        ("", "unexpected end"),
        ("01 01", "unexpected end"),
        ("02 ff ff ff ff 0f 7f 01 7e 0b", "too many locals"),
        ("ff ff ff ff 0f 01 7f 01 7f 0b", "unexpected end"),
        ("01 01 40 0b", "malformed value type"),
    ],
)
def test_malformed_bodies(code: str, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        body(code)
    assert caught.value.message.startswith(message)
    assert caught.value.offset is not None
    assert caught.value.offset <= len(bytes.fromhex(code))


def test_well_formed_bodies() -> None:
    body("00 0b")
    body("00 02 40 03 40 41 00 04 40 05 0b 0b 0b 0b")
    body("00 fc 09 00 0b", data_count=0)
    body("01 ff ff ff ff 0f 7f 0b")  # 2^32 - 1 locals


def test_nesting_a_hundred_thousand_deep_is_walked() -> None:
    depth = 100_000
    body("00" + "02 40" * depth + "0b" * (depth + 1))


def test_locals() -> None:
    runs = ((3, I32), (1, RefType(False, 200)), (0, V128), (300, FUNCREF))
    data = encode_func(runs, [Instr(BY_NAME["end"])])
    assert decode_locals(b"\xff" + data + b"\xff", 1, 1 + len(data)) == (runs, len(data))
    assert Func(0, data).locals == runs
    assert list(Func(0, data).body) == [Instr(BY_NAME["end"])]
    with pytest.raises(DecodeError, match="unexpected end"):
        decode_locals(data + data, 0, 4)


def test_locals_are_gated() -> None:
    with pytest.raises(DecodeError, match="malformed value type"):
        decode_locals(b"\1\1\x7b\x0b", features=Features.CORE_1_0)


def test_a_malformed_body_explains_what_is_malformed_behind_it() -> None:
    # whoever wrote this took the padded zero for one byte: the sizes of body and section are too small
    module = bytes.fromhex("0061736d 01000000 01 04 01 60 00 00 03 02 01 00 0a 08 01 06 00 41 80 80 80 80 80 00 1a 0b")
    with pytest.raises(DecodeError, match="integer representation too long") as caught:
        decode(module)
    assert caught.value.offset == 24
