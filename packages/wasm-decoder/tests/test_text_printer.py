"""The text of a module: what it looks like, and that it is read as the same module."""

import pytest
from wasm_decoder import DecodeError, Module, parse_wat, print_wat
from wasm_decoder.custom.names import Names, name_section
from wasm_decoder.syntax.module import Custom, Func
from wasm_decoder.syntax.types import FuncType, RecType, SubType

_TEXT = """\
(module $m
  (type $p (struct (field $x (mut i8)) (field i32)))
  (rec
    (type $a (sub (func)))
    (type $b (sub final $a (func (param i32 (ref null $p)) (result funcref (ref any)))))
  )
  (type (;3;) (func (param i32)))
  (type (;4;) (func (param i32 i64) (result i32)))
  (type (;5;) (func))
  (import "env" "log" (func $log (type 3) (param $what i32)))
  (import "env" "\\00é\\u{202e}\\"" (global (;0;) (mut i64)))
  (func $f (type 4) (param $n i32) (param i64) (result i32)
    (local $t f32)
    (local f64 f64)
    block $out (result i32)
      local.get $n
      (@metadata.code.branch_hint "\\01")
      if $i
        i32.const -1
        br $out
      else
        br 2
      end
      try_table (catch $e $out) (;@2;)
        i32.const 0
        throw $e
      end
      i32.const 4
      i32.load offset=8 align=1
      call_indirect $t (type $b)
      i64.const 0
      i64.load $n
      drop
      block (;@2;)
        br 0 (;@2;)
      end
      f32.const 0.1
      f64.const -nan:0x123
      v128.const i32x4 0x04030201 0x08070605 0x0c0b0a09 0xffffffff
    end
    ref.null $p
    struct.get_s $p $x
    br_on_cast 0 anyref (ref $p)
    br_table 0 0
  )
  (func $"two words" (type 5))
  (table $s 2 2 funcref)
  (table $t i64 0 (ref null $p) (ref.null $p))
  (memory $m 1 2)
  (memory $n i64 1)
  (tag $e (type 3) (param i32))
  (global $g (mut i32) i32.const 1 i32.const 2 i32.add)
  (export "f" (func $f))
  (export "e" (memory $n))
  (start $"two words")
  (elem (;0;) (i32.const 0) func $f $log)
  (elem (;1;) declare funcref (ref.func $f) (item i32.const 0 drop ref.null func))
  (data $d (memory $n) (offset i64.const 1 i64.const 2 i64.add) "hello\\n\\00\\ff\\"\\\\")
  (@custom "foo" (after type) "bar")
)
"""


def test_the_text_is_as_it_was() -> None:
    assert print_wat(parse_wat(_TEXT)) == _TEXT


def test_names_that_cannot_be_identifiers_are_kept() -> None:
    text = print_wat(
        parse_wat('(func $x) (func (@name "x")) (func (@name "")) (func $x.1 (param $p i32) (param (@name "p") i32))')
    )
    assert [line.strip() for line in text.splitlines() if "(func $" in line] == [
        "(func $x (type 0))",
        '(func $x.2 (@name "x") (type 0))',
        '(func $.2 (@name "") (type 0))',
        '(func $x.1 (type 1) (param $p i32) (param $p.1 (@name "p") i32))',
    ]
    assert print_wat(parse_wat(text)) == text


def test_a_label_that_is_hidden_is_a_number() -> None:
    text = print_wat(parse_wat("(func block $l block $l br 1 br 0 end br 0 end)"))
    assert [line.strip() for line in text.splitlines() if "br" in line] == ["br 1", "br $l", "br $l"]
    assert parse_wat(text) == parse_wat("(func block $l block $l br 1 br 0 end br 0 end)")


@pytest.mark.parametrize(
    "custom",
    [
        Custom("name", b"\xff\xff", 0),
        name_section(Names(funcs={7: "nobody"}), 0),
        name_section(Names("m"), 1),
        Custom("metadata.code.branch_hint", b"\1\0\1\3\1\1", 3),
    ],
    ids=["malformed", "out of range", "elsewhere", "hints that hit nothing"],
)
def test_sections_that_would_not_come_out_the_same_are_printed_as_they_are(custom: Custom) -> None:
    module = parse_wat("(type (func)) (func)")
    module.customs = (custom,)
    text = print_wat(module)
    assert f'(@custom "{custom.name}"' in text
    assert parse_wat(text) == module


def test_names_of_what_does_not_exist_are_not_referred_to() -> None:
    module = parse_wat("(type (struct)) (func call 7 global.get 7 local.get 7 struct.get 0 7)")
    ghosts = {7: "ghost"}
    module.customs = (name_section(Names(funcs=ghosts, globals=ghosts, locals={0: ghosts}, fields={0: ghosts}), 10),)
    text = print_wat(module)
    assert "$ghost" not in text
    assert parse_wat(text) == module


def test_a_data_count_that_is_not_needed_is_kept() -> None:
    module = parse_wat('(memory 1) (data "a")')
    module.data_count = 1
    assert "(@datacount)" in print_wat(module)
    assert parse_wat(print_wat(module)) == module


def test_locals_are_the_same_however_they_are_counted() -> None:
    types = (RecType((SubType(True, (), FuncType((), ())),)),)
    module = Module(types=types, funcs=(Func(0, bytes.fromhex("04 01 7f 00 7e 02 7f 01 7d 0b")),))
    text = print_wat(module)
    assert "(local i32 i32 i32 f32)" in text
    assert parse_wat(text) == module


@pytest.mark.parametrize(
    "body", ["00 01", "00 0b 0b", "00 05 0b", "00 02 40 0b", "00 ff 0b", "00", "01 80 80 80 01 7f 0b"]
)
def test_what_is_no_body_has_no_text(body: str) -> None:
    with pytest.raises(DecodeError):
        print_wat(Module(types=parse_wat("(type (func))").types, funcs=(Func(0, bytes.fromhex(body)),)))


def test_long_data_is_printed_on_several_lines() -> None:
    module = parse_wat(f'(data "{"x" * 1000}")')
    assert max(map(len, print_wat(module).splitlines())) < 100
    assert parse_wat(print_wat(module)) == module


def test_deep_nesting_does_not_grow_with_the_square() -> None:
    module = parse_wat("(func " + "block " * 100_000 + "end " * 100_000 + ")")
    text = print_wat(module)
    assert len(text) < 50_000_000
    assert parse_wat(text) == module
