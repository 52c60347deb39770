"""Function bodies: what is valid, what is malformed, and what an error tells."""

import pytest
from wasm_decoder import DecodeError, Features, Module, ValidationError, decode, encode, validate, validate_func
from wasm_decoder.binary.leb128 import unsigned
from wasm_decoder.syntax.instructions import OPS, Op
from wasm_decoder.syntax.module import Func
from wasm_decoder.syntax.types import FuncType, RecType, SubType
from wasm_decoder.text.parser import parse_wat

V1, V2, V3 = Features.CORE_1_0, Features.CORE_2_0, Features.CORE_3_0
ALL = Features(-1)

#: What the bodies below refer to.
PRELUDE = """
(type $t (func)) (type $i (func (param i32) (result i32))) (type $s (struct (field (mut i32)) (field i8)))
(type $a (array (mut i16))) (type $r (array (mut (ref null eq)))) (type $c (array i32))
(import "m" "f" (func $f (param i32 i64) (result f32))) (import "m" "m" (memory $m 1))
(import "m" "n" (memory $n i64 1))
(global $g (mut i32) (i32.const 0)) (global $k i64 (i64.const 0)) (table $u 1 funcref) (table $e 1 externref)
(table $w i64 1 funcref) (tag $x (param i32)) (elem $p funcref (ref.func $f)) (elem $o externref) (data $d "")
"""

VALID = [
    "(drop (local.get 0)) (local.set 1 (i64.const -1)) (drop (local.tee 1 (i64.const 0x7fffffffffffffff)))",
    "(drop (i32.const 0x80000000)) (drop (i32.const -64)) (drop (i32.const 0x12345))",
    "(drop (f32.const nan)) (drop (f64.const 0x1p-1074))",
    "(if (i32.const 1) (then (nop)) (else (nop)))",
    "(if (i32.const 1) (then))",
    "(drop (if (result i32) (i32.const 1) (then (i32.const 2)) (else (i32.const 3))))",
    "(i32.const 1) (if (param i32) (result i32) (i32.const 1) (then)) (drop)",
    "(i32.const 1) (loop (param i32) (result i32) (br_if 0 (i32.const 0))) (drop)",
    "(block (br_table 0 1 0 (i32.const 1)))",
    "(drop (block (result i32) (br_table 0 0 (i32.const 1) (i32.const 2))))",
    "(block (result i32) (unreachable)) (drop)",
    "(unreachable) (i32.add) (drop)",
    "(unreachable) (select) (drop)",
    "(return) (drop) (drop) (i64.add) (drop)",
    "(block (result f32) (block (result i64) (br 1 (f32.const 0))) (drop) (f32.const 0)) (drop)",
    "(block (result f32) (block (result i64) (unreachable) (br_table 0 1 1)) (drop) (f32.const 0)) (drop)",
    "(drop (call $f (i32.const 1) (i64.const 2)))",
    "(drop (call_indirect (type $i) (i32.const 1) (i32.const 2)))",
    "(drop (call_indirect $w (type $i) (i32.const 1) (i64.const 2)))",
    "(drop (select (i32.const 0) (i32.const 0) (i32.const 0)))",
    "(drop (select (result externref) (ref.null extern) (ref.null extern) (i32.const 0)))",
    "(global.set $g (i32.wrap_i64 (global.get $k)))",
    "(i64.store offset=4294967295 align=1 (i32.const 0) (i64.load (i32.const 0)))",
    "(i64.store $n offset=0xffffffffffffffff (i64.const 0) (i64.load $n (i64.const 0)))",
    "(drop (memory.grow $n (memory.size $n)))",
    "(memory.copy $m $n (i32.const 0) (i64.const 0) (i32.const 0))",
    "(memory.copy $n $n (i64.const 0) (i64.const 0) (i64.const 0))",
    "(memory.init $m $d (i32.const 0) (i32.const 0) (i32.const 0))",
    "(data.drop $d) (memory.fill $n (i64.const 0) (i32.const 0) (i64.const 0))",
    "(table.init $u $p (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $p)",
    "(table.copy $u $w (i32.const 0) (i64.const 0) (i32.const 0))",
    "(table.set $e (i32.const 0) (table.get $e (i32.const 1))) (drop (table.grow $w (ref.null func) (table.size $w)))",
    "(table.fill $u (i32.const 0) (ref.func $f) (i32.const 0))",
    "(drop (ref.is_null (ref.func $f))) (drop (ref.is_null (ref.null extern)))",
    "(drop (i8x16.shuffle 0 31 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    "(drop (v128.load8_lane offset=200 15 (i32.const 0) (v128.const i64x2 0 0)))",
    "(drop (i64x2.extract_lane 1 (v128.const i64x2 0 0)))",
    "(drop (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    "(drop (i32.trunc_sat_f32_s (f32.const 0))) (drop (i64.extend8_s (i64.const 0)))",
    "(return_call_ref $t (ref.null $t))",
    "(drop (call_ref $i (i32.const 0) (ref.null $i)))",
    "(drop (block (result (ref $t)) (br_on_non_null 0 (ref.null $t)) (unreachable)))",
    "(block (br_on_null 0 (ref.null $t)) (drop))",
    "(drop (ref.as_non_null (ref.null any)))",
    "(unreachable) (ref.as_non_null) (ref.is_null) (drop)",
    "(drop (ref.eq (ref.i31 (i32.const 0)) (ref.null eq)))",
    "(drop (struct.get $s 0 (struct.new $s (i32.const 1) (i32.const 2))))",
    "(drop (struct.get_u $s 1 (struct.new_default $s)))",
    "(struct.set $s 0 (ref.null none) (i32.const 1))",
    "(drop (array.new_fixed $a 2 (i32.const 1) (i32.const 2))) (drop (array.len (array.new_default $a (i32.const 1))))",
    "(array.fill $a (ref.null $a) (i32.const 0) (i32.const 1) (i32.const 2))",
    "(array.copy $r $r (ref.null $r) (i32.const 0) (ref.null $r) (i32.const 0) (i32.const 0))",
    "(drop (array.new_data $c $d (i32.const 0) (i32.const 0)))",
    "(array.init_data $a $d (ref.null $a) (i32.const 0) (i32.const 0) (i32.const 0))",
    "(drop (ref.test (ref $s) (ref.null any))) (drop (ref.cast (ref null $s) (ref.null any)))",
    "(drop (block (result (ref $s)) (br_on_cast 0 anyref (ref $s) (ref.null any)) (unreachable)))",
    "(drop (block (result anyref) (drop (br_on_cast_fail 0 anyref (ref $s) (ref.null any))) (unreachable)))",
    "(drop (any.convert_extern (extern.convert_any (ref.null none))))",
    "(throw $x (i32.const 1))",
    "(throw_ref (ref.null exn))",
    "(drop (block (result i32) (try_table (catch $x 0)) (i32.const 0)))",
    "(block (result i32 (ref exn)) (try_table (catch_ref $x 0)) (unreachable)) (drop) (drop)",
    "(block (result exnref) (try_table (catch_all_ref 0) (catch_all 1)) (unreachable)) (drop)",
    "(drop (i32.atomic.rmw.add align=4 (i32.const 0) (i32.const 1))) (atomic.fence)",
    "(i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) (drop) (drop)",
]

INVALID = [
    ("(drop)", "type mismatch: instruction requires [value] but stack has []"),
    ("(i32.const 0)", "type mismatch: function requires [] but stack has [i32]"),
    (
        "(i32.const 0) (i64.const 0) (i32.add) (drop)",
        "type mismatch: instruction requires [i32 i32] but stack has [i32 i64]",
    ),
    ("(drop (i32.add (i32.const 0)))", "type mismatch: instruction requires [i32 i32] but stack has [i32]"),
    ("(block (i32.const 0))", "type mismatch: block requires [] but stack has [i32]"),
    ("(i32.const 0) (block (drop))", "type mismatch: instruction requires [value] but stack has []"),
    ("(drop (block (result i32)))", "type mismatch: block requires [i32] but stack has []"),
    ("(drop (block (result i32) (i64.const 0)))", "type mismatch: block requires [i32] but stack has [i64]"),
    ("(drop (if (result i32) (i32.const 0) (then (i32.const 0))))", "type mismatch: if without else requires [i32]"),
    ("(drop (if (result i32) (i32.const 0) (then) (else (i32.const 0))))", "type mismatch: block requires [i32]"),
    ("(if (i64.const 0) (then))", "type mismatch: instruction requires [i32] but stack has [i64]"),
    ("(unreachable) (i32.const 0)", "type mismatch: function requires [] but stack has [i32]"),
    (
        "(unreachable) (i64.const 0) (i32.add) (drop)",
        "type mismatch: instruction requires [i32 i32] but stack has [i64]",
    ),
    ("(unreachable) (select)", "type mismatch"),
    ("(br 1)", "unknown label 1"),
    ("(block (br_if 2 (i32.const 0)))", "unknown label 2"),
    ("(block (br_table 0 1 17 2 (i32.const 0)))", "unknown label 17"),
    ("(block (br_table 0 5 (i32.const 0)))", "unknown label 5"),
    ("(br_on_null 4 (ref.null any))", "unknown label 4"),
    ("(try_table (catch $x 3))", "unknown label 3"),
    ("(block (result i32) (br_table 0 1 (i32.const 0) (i32.const 0))) (drop)", "type mismatch: br_table has labels"),
    (
        "(drop (block (result i32) (br_if 0 (i64.const 0) (i32.const 1))))",
        "type mismatch: instruction requires [i32 i32]",
    ),
    ("(local.get 2) (drop)", "unknown local 2"),
    ("(local.set 300 (i32.const 0))", "unknown local 300"),
    ("(local.tee 2 (i32.const 0)) (drop)", "unknown local 2"),
    ("(global.get 2) (drop)", "unknown global 2"),
    ("(global.set 9 (i32.const 1))", "unknown global 9"),
    ("(global.set $k (i64.const 1))", "immutable global: global 1"),
    ("(call 20)", "unknown function 20"),
    ("(call 200)", "unknown function 200"),
    ("(call_indirect (type 99) (i32.const 0))", "unknown type 99"),
    ("(call_indirect 7 (type $t) (i32.const 0))", "unknown table 7"),
    ("(call_indirect $e (type $t) (i32.const 0))", "type mismatch: table 1 holds externref, not functions"),
    ("(call_indirect $u (type $s) (i32.const 0))", "type mismatch: (struct"),
    ("(return_call $f (i32.const 0) (i64.const 0))", "type mismatch: the function returns [] but the callee"),
    ("(drop (i32.load align=8 (i32.const 0)))", "alignment must not be larger than natural"),
    ("(drop (v128.load32_zero align=8 (i32.const 0)))", "alignment must not be larger than natural"),
    ("(drop (i32.atomic.load align=2 (i32.const 0)))", "alignment"),
    ("(drop (i32.load 5 (i32.const 0)))", "unknown memory 5"),
    ("(drop (i32.load offset=0x100000000 (i32.const 0)))", "offset out of range"),
    ("(drop (i32.load $n (i32.const 0)))", "type mismatch: instruction requires [i64] but stack has [i32]"),
    ("(drop (memory.size 3))", "unknown memory 3"),
    ("(memory.init $m 4 (i32.const 0) (i32.const 0) (i32.const 0))", "unknown data segment 4"),
    ("(data.drop 4)", "unknown data segment 4"),
    ("(elem.drop 4)", "unknown elem segment 4"),
    ("(table.init $u $o (i32.const 0) (i32.const 0) (i32.const 0))", "type mismatch: table 0 holds funcref"),
    ("(table.copy $u $e (i32.const 0) (i32.const 0) (i32.const 0))", "type mismatch: table 0 holds funcref"),
    ("(drop (table.get 3 (i32.const 0)))", "unknown table 3"),
    ("(drop (ref.func 1))", "undeclared function reference 1"),
    ("(drop (ref.func 9))", "unknown function 9"),
    ("(drop (ref.is_null (i32.const 0)))", "type mismatch: instruction requires a reference but stack has [i32]"),
    ("(drop (select (ref.null any) (ref.null any) (i32.const 0)))", "type mismatch: select without a type"),
    ("(select (result i32 i32) (i32.const 0) (i32.const 0) (i32.const 0))", "invalid result arity"),
    ("(drop (i8x16.extract_lane_s 16 (v128.const i64x2 0 0)))", "invalid lane index"),
    (
        "(drop (i8x16.shuffle 0 32 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        "invalid lane index",
    ),
    ("(drop (v128.load64_lane 2 (i32.const 0) (v128.const i64x2 0 0)))", "invalid lane index"),
    ("(call_ref $t (ref.null $i))", "type mismatch"),
    ("(drop (struct.get $s 1 (ref.null $s)))", "type mismatch: i8 is packed"),
    ("(drop (struct.get_s $s 0 (ref.null $s)))", "type mismatch: i32 is not packed"),
    ("(drop (struct.get $s 2 (ref.null $s)))", "unknown field 2"),
    ("(drop (struct.get $a 0 (ref.null none)))", "type mismatch: type 3 is not a structure type"),
    ("(struct.set $s 1 (ref.null $s) (i32.const 0))", "immutable field 1"),
    ("(array.set $c (ref.null $c) (i32.const 0) (i32.const 0))", "immutable array"),
    (
        "(array.copy $a $c (ref.null $a) (i32.const 0) (ref.null $c) (i32.const 0) (i32.const 0))",
        "array types do not match",
    ),
    ("(drop (array.new_data $r $d (i32.const 0) (i32.const 0)))", "array type is not numeric or vector"),
    ("(drop (array.new_elem $r $p (i32.const 0) (i32.const 0)))", "type mismatch: the array holds eqref"),
    ("(drop (array.new_fixed $a 3 (i32.const 1) (i32.const 2)))", "type mismatch"),
    ("(drop (array.get $a (ref.null $a) (i32.const 0)))", "type mismatch: i16 is packed"),
    ("(drop (ref.test (ref $s) (ref.null func)))", "type mismatch"),
    (
        "(drop (block (result (ref $s)) (br_on_cast 0 eqref anyref (ref.null eq)) (unreachable)))",
        "type mismatch: anyref is no subtype",
    ),
    ("(block (br_on_cast 0 anyref eqref (ref.null any)) (drop))", "type mismatch: instruction requires a label"),
    ("(block (br_on_non_null 0 (ref.null any)))", "type mismatch: the label of br_on_non_null"),
    ("(throw 3)", "unknown tag 3"),
    ("(throw $x)", "type mismatch: instruction requires [i32] but stack has []"),
    ("(block (try_table (catch $x 0)))", "type mismatch: catch clause has [i32] but its label takes []"),
    ("(block (try_table (catch_all_ref 0)))", "type mismatch: catch clause has [(ref exn)]"),
]


def module_of(body: str, locals: str = "") -> Module:
    return parse_wat(f"{PRELUDE} (func (param i32) {locals or '(local i64)'} {body})")


def outcome(module: Module, features: Features) -> str:
    try:
        validate(module, features)
    except ValidationError as error:
        return error.message
    return "valid"


@pytest.mark.parametrize("body", VALID)
def test_valid(body: str) -> None:
    assert outcome(module_of(body), ALL) == "valid"


@pytest.mark.parametrize(("body", "message"), INVALID)
def test_invalid(body: str, message: str) -> None:
    assert outcome(module_of(body), ALL).startswith(message)


def body_module(code: bytes, locals: bytes = b"\0", before: bytes = b"") -> Module:
    """A module with the function type [i32] -> [] and one function with this body."""
    body = locals + code
    section = unsigned(1) + unsigned(len(body)) + body
    return decode(b"\0asm\1\0\0\0\1\5\1\x60\1\x7f\0\3\2\1\0" + before + b"\x0a" + unsigned(len(section)) + section, ALL)


BLAME = [
    ("(nop) (i32.const 1) (drop) (drop)", "drop", 4),
    ("(local.set 0 (i64.const 12345678901))", "local.set", 6),
    ("(drop (f64.load offset=1000 align=8 (i64.const 0)))", "f64.load", 2),
    ("(block (block (br_table 0 1 9 (i32.const 1))))", "br_table", 6),
    ("(drop (f32x4.extract_lane 1 (i32.const 1)))", "f32x4.extract_lane", 2),
]


@pytest.mark.parametrize(("body", "instruction", "distance"), BLAME)
def test_an_error_says_where(body: str, instruction: str, distance: int) -> None:
    text = f'(import "m" "f" (func)) (memory 1) (func) (func $guilty {body})'
    module = decode(encode(parse_wat(text)))
    # a text's identifiers are its name section
    func = module.funcs[1]
    with pytest.raises(ValidationError) as caught:
        validate(module)
    error = caught.value
    assert error.instruction == instruction
    assert error.function == 2
    assert error.name == "guilty"
    assert error.offset == func.start + 1 + distance
    assert str(error).endswith(f"(in function 2 $guilty, {instruction}, offset {error.offset:#x})")
    with pytest.raises(ValidationError) as lazily:
        validate_func(module, 1)
    assert str(lazily.value) == str(error)
    validate_func(module, 0)


MALFORMED = [
    (b"", "unexpected end of section or function"),
    (b"\x01", "unexpected end of section or function"),
    (b"\x02\x40\x0b", "unexpected end of section or function"),
    (b"\x0b\x0b", "section size mismatch"),
    (b"\x0b\x01", "section size mismatch"),
    (b"\x05\x0b", "illegal opcode"),
    (b"\x02\x40\x05\x0b\x0b", "illegal opcode"),
    (b"\x20\x00\x04\x40\x05\x05\x0b\x0b", "illegal opcode"),
    (b"\xff\x0b", "illegal opcode ff"),
    (b"\x27\x0b", "illegal opcode 27"),
    (b"\xfc\x7f\x0b", "illegal opcode fc"),
    (b"\xfd\xff\xff\xff\xff\x1f\x0b", "integer"),
    (b"\x41\x80\x80\x80\x80\x80\x00\x1a\x0b", "integer representation too long"),
    (b"\x41\x80\x80\x80\x80\x10\x1a\x0b", "integer too large"),
    (b"\x41\xff\xff\xff\xff\x0f\x1a\x0b", "integer too large"),
    (b"\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x1a\x0b", "integer representation too long"),
    (b"\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e\x1a\x0b", "integer too large"),
    (b"\x20\x80\x80\x80\x80\x80\x00\x1a\x0b", "integer representation too long"),
    (b"\x20\x80\x80\x80\x80\x10\x1a\x0b", "integer too large"),
    (b"\x43\x00\x00\x00", "unexpected end of section or function"),
    (b"\x44\x00\x00\x00\x00\x00\x00\x00", "unexpected end of section or function"),
    (b"\x02\x50\x0b\x0b", "malformed"),
    (b"\x02\xc0\x7f\x0b\x0b", "malformed"),
    (b"\x41\x00\x0e\xff\xff\xff\xff\x0f\x00\x0b", "unexpected end of section or function"),
    (b"\xfc\x08\x00\x00\x0b", "data count section required"),
    (b"\xfc\x09\x00\x0b", "data count section required"),
]


@pytest.mark.parametrize(("code", "message"), MALFORMED)
def test_malformed(code: bytes, message: str) -> None:
    module = body_module(code)
    with pytest.raises(DecodeError) as caught:
        validate(module, ALL)
    assert caught.value.message.startswith(message)
    assert caught.value.offset is not None
    assert module.funcs[0].start <= caught.value.offset <= module.funcs[0].end
    with pytest.raises(DecodeError):
        validate_func(module, 0, ALL)


@pytest.mark.parametrize(
    "code",
    [
        b"\x20\x80\x80\x80\x80\x00\x1a\x0b",
        b"\x41\xff\xff\xff\xff\x07\x1a\x0b",
        b"\x41\x80\x80\x80\x80\x78\x1a\x0b",
        b"\x41\xff\xff\xff\xff\x7f\x1a\x0b",
        b"\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f\x1a\x0b",
        b"\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x1a\x0b",
        b"\x20\x00\x02\x80\x80\x00\x1a\x0b\x0b",
        b"\xfd\x8c\x80\x00" + bytes(16) + b"\x1a\x0b",
    ],
)
def test_integers_may_be_longer_than_they_need(code: bytes) -> None:
    validate(body_module(code), ALL)


def test_locals() -> None:
    validate(body_module(b"\x20\x03\x1a\x0b", b"\x03\x00\x7f\x02\x7d\x01\x7e"), ALL)
    validate(body_module(b"\x20\xcf\x86\x03\x1a\x0b", b"\x01" + unsigned(49_999) + b"\x7f"), ALL)
    with pytest.raises(ValidationError, match="too many locals: 50001, at most 50000"):
        validate(body_module(b"\x0b", b"\x01" + unsigned(50_000) + b"\x7f"), ALL)
    with pytest.raises(DecodeError, match="too many locals"):
        validate(body_module(b"\x0b", b"\x02" + unsigned((1 << 32) - 1) + b"\x7f\x01\x7f"), ALL)
    with pytest.raises(DecodeError):
        validate(body_module(b"\x0b", b"\x01\x01\x00"), ALL)


def test_what_is_malformed_is_not_merely_invalid() -> None:
    # drop of nothing, then a byte that is no instruction
    with pytest.raises(DecodeError, match="illegal opcode ff"):
        validate(body_module(b"\x1a\xff\x0b"), ALL)


UNSET = "(local $l (ref any)) (local $n (ref null any))"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("(drop (local.get $n)) (local.set $l (ref.i31 (i32.const 0))) (drop (local.get $l))", "valid"),
        ("(drop (local.tee $l (ref.i31 (i32.const 0)))) (block (drop (local.get $l)))", "valid"),
        ("(drop (local.get $l))", "uninitialized local 1"),
        ("(block (local.set $l (ref.i31 (i32.const 0)))) (drop (local.get $l))", "uninitialized local 1"),
        (
            "(loop (drop (local.tee $l (ref.i31 (i32.const 0)))) (br_if 0 (i32.const 0))) (drop (local.get $l))",
            "uninit",
        ),
        (
            "(if (i32.const 0) (then (local.set $l (ref.i31 (i32.const 0)))) (else (drop (local.get $l))))",
            "uninitialized local 1",
        ),
        ("(unreachable) (drop (local.get $l))", "uninitialized local 1"),
        ("(try_table (local.set $l (ref.i31 (i32.const 0)))) (drop (local.get $l))", "uninitialized local 1"),
        ("(local.set $l (ref.i31 (i32.const 0))) (block (local.set $l (local.get $l))) (drop (local.get $l))", "valid"),
    ],
)
def test_locals_without_default_are_set_first(body: str, message: str) -> None:
    assert outcome(module_of(body, UNSET), ALL).startswith(message)


def test_parameters_need_no_default() -> None:
    assert outcome(parse_wat("(func (param (ref any)) (drop (local.get 0)))"), V3) == "valid"


def test_br_table_of_version_1_wants_the_same_types() -> None:
    text = "(func (block (result f32) (block (result i64) (unreachable) (br_table 0 1)) (drop) (f32.const 0)) (drop))"
    assert outcome(parse_wat(text), V2) == "valid"
    assert outcome(parse_wat(text), V1).startswith("type mismatch: br_table has labels that take [f32] and [i64]")


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.feature], ids=repr)
def test_an_instruction_belongs_to_its_feature(op: Op) -> None:
    code = bytes((op.code,)) if op.code < 256 else bytes((op.code >> 16,)) + unsigned(op.code & 0xFFFF)
    with pytest.raises(DecodeError, match="illegal opcode"):
        validate(body_module(b"\x00" + code + bytes(20) + b"\x0b"), ALL - op.feature)


def test_immediates_belong_to_features() -> None:
    for text, feature in (
        ("(memory 0) (func (drop (i32.load offset=0x100000000 (i32.const 0))))", Features.MEMORY64),
        ("(table 0 funcref) (table 0 funcref) (func (call_indirect 1 (i32.const 0)))", Features.REFERENCE_TYPES),
        ("(func (block (param) (result i32 i32) (unreachable)) (unreachable))", Features.MULTI_VALUE),
        ("(func (block (result v128) (unreachable)) (drop))", Features.SIMD),
        ("(func (local v128))", Features.SIMD),
    ):
        with pytest.raises((DecodeError, ValidationError)):
            validate(parse_wat(text), ALL - feature)


def test_a_body_may_stand_anywhere_in_its_data() -> None:
    types = (RecType((SubType(True, (), FuncType((), ())),)),)
    data = b"junk\x00\x01\x0bjunk"
    validate(Module(types=types, funcs=(Func(0, data, 4, 7),)))
    with pytest.raises(DecodeError) as caught:
        validate(Module(types=types, funcs=(Func(0, data, 4, 6),)))
    assert caught.value.offset is not None
    assert 4 <= caught.value.offset <= 6
