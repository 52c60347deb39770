"""Modules, all but their function bodies: what is valid, by rule and by feature set."""

import pytest
from wasm_decoder import Features, ValidationError, decode, encode, validate
from wasm_decoder.syntax.module import Elem, Module
from wasm_decoder.syntax.types import FUNCREF, FuncType, RecType, SubType
from wasm_decoder.text.parser import parse_wat
from wasm_decoder.valid import VALIDATED, digest, validate_once

V1, V2, V3 = Features.CORE_1_0, Features.CORE_2_0, Features.CORE_3_0
ALL = Features(-1)

VALID = [
    (V1, ""),
    (V1, '(import "m" "f" (func)) (func (export "g")) (start 1)'),
    (V1, '(import "m" "g" (global i32)) (global i32 (global.get 0)) (memory 1 65536) (data (global.get 0) "a")'),
    (V1, '(import "m" "g" (global (mut i32))) (table 1 2 funcref) (elem (i32.const 0) 0) (func)'),
    (V1, '(global f64 (f64.const 1)) (export "a" (global 0)) (export "b" (global 0))'),
    (V1, "(table 4294967295 funcref)"),
    (V2, "(type (func (result i32 i64))) (table 0 externref) (table 0 funcref) (elem declare func 0) (func)"),
    (V2, '(global v128 (v128.const i64x2 0 0)) (global funcref (ref.func 0)) (func) (data "passive") (elem funcref)'),
    (V3, "(global i32 (i32.const 1)) (global i32 (i32.add (global.get 0) (i32.const 2)))"),
    (V3, "(memory 0) (memory i64 0 0x1000000000000) (table i64 0 0xffffffffffffffff funcref)"),
    (V3, "(type $t (func)) (func $f) (table 1 (ref $t) (ref.func $f)) (tag (param i32))"),
    (
        V3,
        "(type (array i8)) (global (ref 0) (array.new_default 0 (i32.const 3)))",
    ),
    (V3, "(global anyref (ref.i31 (i32.const 0)))"),
    (V3, "(global externref (extern.convert_any (ref.null none)))"),
    (V3, "(rec (type (sub (struct (field (ref null 1))))) (type (sub 0 (struct (field (ref null 1)) (field i8)))))"),
    (V3, "(table 0 funcref) (elem (ref func) (ref.func 0)) (elem (i32.const 0) (ref func) (ref.func 0)) (func)"),
    (ALL, "(memory 1 1 shared) (memory 0xffffffff (pagesize 1)) (memory i64 0 (pagesize 1))"),
]

INVALID = [
    # types
    (V1, "(type (func (result i32 i32)))", "invalid result arity"),
    (V3, "(type (sub final (func))) (type (sub 0 (func)))", "sub type"),
    (V3, "(type (sub (func))) (type (sub 0 (func (param i32))))", "sub type"),
    (V3, "(type (sub (struct (field i32)))) (type (sub 0 (struct)))", "sub type"),
    (V3, "(type (sub (func))) (type (sub (func))) (type (sub 0 1 (func)))", "sub type"),
    (V3, "(type (sub (array (ref eq)))) (type (sub 0 (array (ref any))))", "sub type"),
    # imports
    (V1, '(import "m" "f" (func (type 1)))', "unknown type 1"),
    (V3, '(import "m" "g" (global (ref 3)))', "unknown type 3"),
    (V3, '(type (struct)) (import "m" "f" (func (type 0)))', "type mismatch: (struct"),
    (V3, '(import "m" "t" (tag (result i32)))', "non-empty tag result type"),
    # tables and memories
    (V1, "(table 0 funcref) (table 0 funcref)", "multiple tables"),
    (V1, '(import "m" "t" (table 0 funcref)) (table 0 funcref)', "multiple tables"),
    (V2, "(memory 0) (memory 0)", "multiple memories"),
    (V1, "(table 2 1 funcref)", "size minimum must not be greater than maximum"),
    (V1, "(memory 2 1)", "size minimum must not be greater than maximum"),
    (V1, "(memory 65537)", "memory size must be at most 65536 pages (4GiB)"),
    (V1, "(memory 0 65537)", "memory size must be at most 65536 pages (4GiB)"),
    (V3, "(memory i64 0x1000000000001)", "memory size"),
    (V3, "(table 0x1_0000_0000 funcref)", "table size"),
    (ALL, "(memory 0 shared)", "shared memory must have maximum"),
    (ALL, "(memory 0 (pagesize 2))", "invalid custom page size"),
    (ALL, "(memory 0x1_0000_0000 (pagesize 1))", "memory size must be at most"),
    (V3, "(table 0 (ref func))", "type mismatch"),
    (V3, "(table 0 (ref 5))", "unknown type 5"),
    (V3, "(table 0 funcref (i32.const 0))", "type mismatch"),
    (V3, "(global funcref (ref.null func)) (table 0 funcref (global.get 0))", "unknown global 0"),
    # globals and constant expressions
    (V1, "(global i32 (i64.const 0))", "type mismatch: constant expression requires [i32] but stack has [i64]"),
    (V1, "(global i32)", "type mismatch: constant expression requires [i32] but stack has []"),
    (V1, "(global i32 (i32.const 0) (i32.const 0))", "type mismatch"),
    (V1, "(global i32 (nop))", "constant expression required: nop"),
    (V1, "(global i32 (i32.add (i32.const 0) (i32.const 0)))", "constant expression required: i32.add"),
    (V1, "(global i32 (i32.const 0)) (global i32 (global.get 0))", "unknown global 0"),
    (V3, "(global i32 (global.get 1)) (global i32 (i32.const 0))", "unknown global 1"),
    (V3, "(global i32 (global.get 0))", "unknown global 0"),
    (V1, '(import "m" "g" (global (mut i32))) (global i32 (global.get 0))', "constant expression required: global 0"),
    (V3, "(global i32 (i32.div_s (i32.const 0) (i32.const 1)))", "constant expression required"),
    (V3, "(global funcref (ref.func 3))", "unknown function 3"),
    # tags
    (V3, "(tag (result i32))", "non-empty tag result type [i32]"),
    (V3, "(tag (type 2))", "unknown type 2"),
    # exports and the start function
    (V1, '(func (export "a") (export "a"))', "duplicate export name 'a'"),
    (V1, '(memory (export "a") 0) (func (export "a"))', "duplicate export name 'a'"),
    (V1, '(export "a" (func 0))', "unknown function 0"),
    (V1, '(export "a" (table 0))', "unknown table 0"),
    (V1, '(export "a" (memory 0))', "unknown memory 0"),
    (V1, '(export "a" (global 0))', "unknown global 0"),
    (V3, '(export "a" (tag 0))', "unknown tag 0"),
    (V1, "(start 0)", "unknown function 0"),
    (V1, "(func (param i32)) (start 0)", "start function: function 0 has type [i32] -> []"),
    (V1, "(func (result i32) (i32.const 0)) (start 0)", "start function"),
    # segments
    (V1, '(data (i32.const 0) "")', "unknown memory 0"),
    (V1, '(memory 0) (data (i64.const 0) "")', "type mismatch"),
    (V1, '(memory 0) (data (nop) "")', "constant expression required"),
    (V3, '(memory i64 0) (data (i32.const 0) "")', "type mismatch"),
    (V1, "(func) (elem (i32.const 0) 0)", "unknown table 0"),
    (V1, "(table 0 funcref) (elem (i32.const 0) 0)", "unknown function 0"),
    (V1, "(table 0 funcref) (func) (elem (f32.const 0) 0)", "type mismatch"),
    (V2, "(table 0 externref) (func) (elem (i32.const 0) 0)", "type mismatch: table 0 holds externref"),
    (V2, "(elem funcref (ref.null extern))", "type mismatch"),
    (V3, "(elem (ref func) (ref.null func))", "type mismatch"),
    (V2, "(global i32 (i32.const 0)) (table 0 funcref) (elem (global.get 0) funcref)", "unknown global 0"),
]


def outcome(module: Module, features: Features) -> str:
    try:
        validate(module, features)
    except ValidationError as error:
        return error.message
    return "valid"


@pytest.mark.parametrize(("features", "text"), VALID)
def test_valid(features: Features, text: str) -> None:
    module = parse_wat(text)
    assert outcome(module, features) == "valid"
    assert outcome(decode(encode(module), features), features) == "valid"


@pytest.mark.parametrize(("features", "text", "message"), INVALID)
def test_invalid(features: Features, text: str, message: str) -> None:
    assert outcome(parse_wat(text), features).startswith(message)


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        (Features.MULTI_VALUE, "(type (func (result i32 i32)))"),
        (Features.REFERENCE_TYPES, "(table 0 funcref) (table 0 funcref)"),
        (Features.REFERENCE_TYPES, "(table 0 externref)"),
        (Features.REFERENCE_TYPES, "(type (func (param funcref)))"),
        (Features.REFERENCE_TYPES, "(global funcref (ref.null func))"),
        (Features.BULK_MEMORY, '(data "")'),
        (Features.SIMD, "(type (func (param v128)))"),
        (Features.SIMD, "(global v128 (v128.const i64x2 0 0))"),
        (Features.EXTENDED_CONST, "(global i32 (i32.mul (i32.const 0) (i32.const 0)))"),
        (Features.FUNCTION_REFERENCES, "(type (func)) (type (func (param (ref 0))))"),
        (Features.FUNCTION_REFERENCES, "(type (func (param (ref extern))))"),
        (Features.FUNCTION_REFERENCES, "(table 0 funcref (ref.null func))"),
        (Features.GC, "(type (struct))"),
        (Features.GC, "(rec (type (func)) (type (func)))"),
        (Features.GC, "(type (sub (func)))"),
        (Features.GC, "(type (func (param anyref)))"),
        (Features.GC, "(global i32 (i32.const 0)) (global i32 (global.get 0))"),
        (Features.EXCEPTIONS, "(tag)"),
        (Features.EXCEPTIONS, "(type (func (param exnref)))"),
        (Features.MULTI_MEMORY, "(memory 0) (memory 0)"),
        (Features.MEMORY64, "(memory i64 0)"),
        (Features.MEMORY64, "(table i64 0 funcref)"),
        (Features.THREADS, "(memory 0 1 shared)"),
        (Features.CUSTOM_PAGE_SIZES, "(memory 0 (pagesize 1))"),
    ],
)
def test_a_feature_is_needed(feature: Features, text: str) -> None:
    module = parse_wat(text)
    assert outcome(module, ALL) == "valid"
    assert outcome(module, ALL - feature) != "valid"


def test_segments_that_are_not_active_need_their_features() -> None:
    module = Module(elems=(Elem(FUNCREF, (), "passive"),))
    assert outcome(module, V2) == "valid"
    assert "BULK_MEMORY" in outcome(module, V1)


def test_an_error_in_a_constant_expression_has_a_place() -> None:
    binary = encode(parse_wat("(global i32 (i32.const 0)) (global i32 (i64.const 0))"))
    with pytest.raises(ValidationError) as caught:
        validate(decode(binary))
    assert caught.value.instruction == "end"
    assert caught.value.offset == len(binary) - 1
    assert caught.value.function is None


def test_wording_of_assignments_depends_on_the_version() -> None:
    module = parse_wat("(global i32 (i32.const 0)) (func (global.set 0 (i32.const 1)))")
    assert outcome(module, V1).startswith("global is immutable")
    assert outcome(module, V2).startswith("global is immutable")
    assert outcome(module, V3).startswith("immutable global")


def test_a_valid_module_is_remembered_by_its_bytes_and_features() -> None:
    seen: set[bytes] = set()
    module = decode(encode(parse_wat("(global i32 (i32.const 77)) (func)")))
    assert module.binary is not None
    validate_once(module, V2, validated=seen)
    assert seen == {digest(module.binary, V2)}
    assert digest(module.binary, V3) not in seen
    # the store decides: what it holds is not looked at again
    broken = decode(encode(parse_wat("(func (drop))")))
    assert broken.binary is not None
    with pytest.raises(ValidationError):
        validate_once(broken, validated=seen)
    assert digest(broken.binary, V3) not in seen
    validate_once(broken, validated={digest(broken.binary, V3)})


def test_modules_without_bytes_are_validated_each_time() -> None:
    module = Module(types=(RecType((SubType(True, (), FuncType((), ())),)),))
    before = len(VALIDATED)  # type: ignore[arg-type]  # it is a set, which its declared type need not be
    validate_once(module)
    validate_once(module)
    assert len(VALIDATED) == before  # type: ignore[arg-type]  # as above
