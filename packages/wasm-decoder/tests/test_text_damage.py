"""Any text is a module or a ParseError; and what is a module can be printed and read again."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from wasm_decoder import DecodeError, ParseError, parse_script, parse_wat, print_wat
from wasm_decoder.text.lexer import Source

_TEXT = r"""
(module $m (type $s (struct (field $x (mut i8)) (field i32))) (rec (type $f (sub (func (param i32) (result i32)))))
  (import "a" "b" (func $i (param $p i32))) (tag $e (export "e") (param i32)) (global $g (mut f32) (f32.const nan:0x1))
  (table $t 1 funcref) (table funcref (elem $i)) (memory $n i64 1 2) (memory (data "a\00\u{e9}"))
  (elem $el (table $t) (offset i32.const 0) func $i $h) (elem declare funcref (ref.func $h) (item ref.null func))
  (data $d (memory $n) (i64.const 0) "x" "y") (export "h" (func $h)) (start $i) (@custom "c" (after type) "z")
  (func $h (@name "hh") (export "k") (type $f) (param $a i32) (result i32) (local $l v128) (local i64 f64)
    (block $b (result i32) (@metadata.code.branch_hint "\01") (if (i32.const -0x1_0) (then (br $b (i32.const 1))))
      loop $c (param) try_table (catch $e $b) (catch_all $c) end br_table $b $c 0 end $c
      (i32.load $n offset=1 align=1 (i64.const 0xffff_ffff_ffff_ffff)) (drop)
      (call_indirect $t (type $f) (local.get $a))
      (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
      (f64.const -0x1.8p-3) (f32.const 1e-3) select (result i32) ref.null $s struct.get_s $s $x
      (br_on_cast 0 (ref null any) (ref $s)) (memory.init $n $d) data.drop $d)))
"""
_TOKENS = [token for token in Source(_TEXT).tokens if token]
_WORDS = sorted(
    {
        *_TOKENS,
        "(@",
        '"',
        "$",
        '$"a"',
        '"\\ff"',
        "0x",
        "1e400",
        "-1",
        "18446744073709551616",
        "(;",
        ";;",
        ";",
        "\0",
        "é",
    }
)

_EDITS = st.lists(
    st.tuples(st.integers(0, len(_TOKENS)), st.integers(0, 3), st.lists(st.sampled_from(_WORDS), max_size=3)),
    min_size=1,
    max_size=4,
)


def _survives(text: str) -> None:
    try:
        module = parse_wat(text)
    except ParseError:
        return
    try:
        printed = print_wat(module)
    except DecodeError:
        raise AssertionError("a parsed module is well-formed") from None
    assert parse_wat(printed) == module


@settings(max_examples=1000, deadline=None)
@given(_EDITS)
def test_other_tokens(edits: list[tuple[int, int, list[str]]]) -> None:
    tokens = list(_TOKENS)
    for at, removed, inserted in edits:
        tokens[at : at + removed] = inserted
    _survives(" ".join(tokens))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(_TEXT)), st.integers(0, 20), st.text('()";$@0x1.e_ \\n\n\u202e\ud800é', max_size=5))
def test_other_characters(at: int, removed: int, inserted: str) -> None:
    _survives(_TEXT[:at] + inserted + _TEXT[at + removed :])


_SCRIPT_TEXT = """
( assert_return ( invoke $m "f" ( f32.const nan ) ( ref.extern 1 ) ) ( either ( i32.const 1 ) ( ref.null ) )
( v128.const f64x2 nan:canonical 1 ) ) ( module instance $i $m ) ( register "a" $m ) ( wait $t )
( thread $t ( shared ( module $m ) ) ( get "g" ) ) ( assert_trap ( module binary "a" ) "b" )
( module definition quote "(func)" )
"""
_SCRIPT = _SCRIPT_TEXT.split()


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(_SCRIPT)), st.integers(0, 3), st.lists(st.sampled_from([*_SCRIPT, *_WORDS]), max_size=3))
def test_damaged_scripts(at: int, removed: int, inserted: list[str]) -> None:
    tokens = [*_SCRIPT[:at], *inserted, *_SCRIPT[at + removed :]]
    with suppress(ParseError):
        parse_script(" ".join(tokens))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    for parse in (parse_wat, parse_script):
        with suppress(ParseError):
            parse(data)


def test_the_undamaged_text_is_accepted() -> None:
    assert parse_wat(print_wat(parse_wat(_TEXT))) == parse_wat(_TEXT)
