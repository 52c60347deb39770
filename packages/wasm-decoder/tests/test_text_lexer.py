"""Tokens, comments, strings, annotations, and where an error is."""

import pytest
from wasm_decoder import ParseError, parse_wat
from wasm_decoder.text.lexer import Source


def _tokens(text: str) -> list[str]:
    return [token for token in Source(text).tokens if token]


def test_tokens() -> None:
    assert _tokens('(func $f(nop)"a b"\n0x1) ;; end') == ["(", "func", "$f", "(", "nop", ")", '"a b"', "0x1", ")"]


def test_what_touches_is_one_token() -> None:
    assert _tokens('a"b"c $"d e"') == ['a"b"c', '$"d e"']


def test_comments_nest_and_hide_strings() -> None:
    assert _tokens('a (; b (; c ;) ;) d ;; e (;\nf "(;" g') == ["a", "d", "f", '"(;"', "g"]


def test_annotations_are_skipped_with_what_is_in_them() -> None:
    assert _tokens('(@a (b) , ; ] ")" (@c)) (func (@"x y" 1))') == ["(", "func", ")"]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("(module\n  (func (nop)\n    (i32.foo)))", "unknown operator i32.foo", 3, 6),
        ("(module\r\n(func\r\nend))", "unexpected token end", 3, 1),
        ("(; é ;) (;\n (; ;)", "unclosed comment", 1, 9),
        ("(module", "unexpected token: the text ends", 1, 8),
        ('(func (export "é))', "unclosed string", 1, 15),
        ('(func $"a"b)', 'unknown operator $"a"b', 1, 7),
        ("(func $)", "empty identifier", 1, 7),
        ("(func \x00)", "illegal character '\\x00'", 1, 7),
        ("(module) ß", "illegal character 'ß'", 1, 10),
        ("(@a\n(b)", "unclosed annotation", 1, 1),
        ("(@ a)", "empty annotation id", 1, 1),
        ("( @a)", "unknown operator @a", 1, 3),
        ('(data "\\u{d800}")', "illegal escape \\u{d800}", 1, 7),
        ('(import "\\ff" "" (func))', "malformed UTF-8 encoding", 1, 9),
        ("(func (i32.const 1_))", "unknown operator 1_", 1, 18),
    ],
)
def test_errors_have_a_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse_wat(text)
    assert (caught.value.message, caught.value.line, caught.value.column) == (message, line, column)


def test_bytes_must_be_utf8() -> None:
    with pytest.raises(ParseError, match=r"malformed UTF-8 encoding \(line 2, column 3\)"):
        parse_wat(b'(module\n"a\xff")')


def test_a_place_behind_comments_and_annotations_counts_them() -> None:
    with pytest.raises(ParseError, match=r"unknown operator foo \(line 2, column 28\)"):
        parse_wat('(module (@a b) (;\n;) (@c (d "e")) (func (nop foo)))')


def test_a_long_token_does_not_make_a_long_message() -> None:
    with pytest.raises(ParseError) as caught:
        parse_wat(f"(func {'x' * 100_000})")
    assert len(caught.value.message) == 120


def test_string_escapes() -> None:
    (data,) = parse_wat(r'(data "\t\n\r\"\'\\\00\fFé\u{e9}\u{1F_600}" "next")').datas
    assert data.init == b"\t\n\r\"'\\\x00\xff" + "éé😀".encode() + b"next"
