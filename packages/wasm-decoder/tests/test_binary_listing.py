"""The disassembly listing says where every instruction stands, its bytes, and what they mean."""

import pytest
from wasm_decoder import DecodeError, Module, Names, decode, disassemble, encode, encode_func, name_section
from wasm_decoder.syntax.instructions import BY_NAME, Instr
from wasm_decoder.syntax.module import Func, Import
from wasm_decoder.syntax.types import F64, FUNC, I32, FuncIndexType, FuncType, RecType, RefType, SubType

TYPES = (
    RecType((SubType(True, (), FuncType((I32, F64), (I32,))),)),
    RecType((SubType(True, (), FuncType((), ())),)),
)
SOME = {0: "zero", 1: "one"}


def listing(*code: tuple[str, *tuple[object, ...]]) -> list[str]:
    """What stands behind the bytes in the listing of a function, without its first line."""
    instrs = [Instr(BY_NAME[name], tuple(immediates)) for name, *immediates in code]
    names = Names(
        funcs=SOME, types=SOME, tables=SOME, mems=SOME, globals=SOME, elems=SOME, datas=SOME, tags=SOME,
        locals={1: SOME}, fields={1: SOME},
    )  # fmt: skip
    module = Module(
        types=TYPES,
        imports=(Import("env", "f", FuncIndexType(1)),),
        funcs=(Func(0, encode_func((), [*instrs, Instr(BY_NAME["end"])])),),
        customs=(name_section(names, 10),),
    )
    return [line[36:] for line in disassemble(module, 1)][1:]


def test_a_whole_listing() -> None:
    body = [
        Instr(BY_NAME["local.get"], (0,)),
        Instr(BY_NAME["if"], (I32,)),
        Instr(BY_NAME["i64.const"], (-1 << 63,)),
        Instr(BY_NAME["drop"]),
        Instr(BY_NAME["else"]),
        Instr(BY_NAME["i32.load"], ((2, 8, 0),)),
        Instr(BY_NAME["end"]),
        Instr(BY_NAME["end"]),
    ]
    module = Module(types=TYPES, funcs=(Func(0, encode_func(((1, I32), (3, F64)), body)),))
    module.customs = (name_section(Names(funcs={0: "f"}, locals={0: {2: "counter"}}), 10),)
    assert list(disassemble(decode(encode(module)), 0)) == [
        "func 0 $f (type 0) [i32 f64] -> [i32]",
        "                                    (local 2 $counter i32)",
        "                                    (local 3..5 f64)",
        "00000021  20 00                       local.get 0",
        "00000023  04 7f                       if (result i32)",
        "00000025  42 80 80 80 80 80 80 80+      i64.const -9223372036854775808",
        "00000030  1a                            drop",
        "00000031  05                          else",
        "00000032  28 02 08                      i32.load offset=8",
        "00000035  0b                          end",
        "00000036  0b                        end",
    ]


def test_indices_are_shown_with_their_names() -> None:
    assert listing(
        ("local.get", 1),
        ("local.set", 7),
        ("global.get", 1),
        ("call", 0),
        ("call_indirect", 1, 0),
        ("call_indirect", 0, 1),
        ("table.copy", 1, 0),
        ("memory.size", 0),
        ("memory.size", 1),
        ("data.drop", 1),
        ("elem.drop", 0),
        ("throw", 1),
        ("struct.get", 1, 0),
        ("struct.get", 0, 0),
        ("ref.null", 1),
        ("block", 1),
    ) == [
        "  local.get 1 $one",
        "  local.set 7",
        "  global.get 1 $one",
        "  call 0 $zero",
        "  call_indirect (type 1 $one)",
        "  call_indirect (type 0 $zero) 1 $one",
        "  table.copy 1 $one",
        "  memory.size",
        "  memory.size 1 $one",
        "  data.drop 1 $one",
        "  elem.drop 0 $zero",
        "  throw 1 $one",
        "  struct.get (type 1 $one) 0 $zero",
        "  struct.get (type 0 $zero) 0",
        "  ref.null 1 $one",
        "  block (type 1 $one)",
        "  end",
    ]


def test_other_immediates() -> None:
    assert listing(
        ("i32.const", -1),
        ("f32.const", 0x3FC00000),
        ("f64.const", 0x7FF4000000000000),
        ("f64.const", 0x8000000000000000),
        ("v128.const", bytes(range(16))),
        ("i8x16.shuffle", bytes(range(16))),
        ("i8x16.extract_lane_s", 15),
        ("i64.load", (0, 0, 1)),
        ("i64.load", (3, 1, 0)),
        ("br_table", (0, 1), 2),
        ("select t", (I32,)),
        ("ref.test null", FUNC),
        ("br_on_cast", (3, RefType(True, FUNC), RefType(False, 0))),
        ("try_table", None, ((0, 1, 2), (3, None, 4))),
        ("atomic.fence", 0),
    )[:-1] == [
        "  i32.const -1",
        "  f32.const 1.5",
        "  f64.const nan:0x7ff4000000000000",
        "  f64.const -0.0",
        "  v128.const i32x4 0x03020100 0x07060504 0x0b0a0908 0x0f0e0d0c",
        "  i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
        "  i8x16.extract_lane_s 15",
        "  i64.load 1 $one align=1",
        "  i64.load offset=1",
        "  br_table 0 1 2",
        "  select (result i32)",
        "  ref.test func",
        "  br_on_cast 3 funcref (ref 0)",
        "  try_table (catch 1 $one 2) (catch_all_ref 4)",
        "    atomic.fence",
    ]


def test_a_name_cannot_control_a_terminal() -> None:
    module = Module(
        types=TYPES, funcs=(Func(1, b"\0\x0b"),), customs=(name_section(Names(funcs={0: "a\x1b[2Jä\n"}), 10),)
    )
    assert next(disassemble(module, 0)) == r"func 0 $a\x1b[2J\xe4\n (type 1) [] -> []"


def test_functions_that_have_no_listing() -> None:
    module = Module(types=TYPES, imports=(Import("env", "f", FuncIndexType(1)),))
    with pytest.raises(ValueError, match="function 0 is imported"):
        disassemble(module, 0)
    for index in (1, -1):
        with pytest.raises(ValueError, match=f"there is no function {index}"):
            disassemble(module, index)


def test_what_is_malformed_is_shown_as_far_as_it_goes() -> None:
    lines = disassemble(Module(funcs=(Func(9, b"\0\x01\xff"),)), 0)
    assert [next(lines), next(lines)] == ["func 0 (type 9)", "00000001  01                          nop"]
    with pytest.raises(DecodeError, match="illegal opcode ff"):
        next(lines)
