"""Scripts: their commands, their values, their modules."""

import pytest
from wasm_decoder import DecodeError, Features, ParseError, parse_script, parse_wat
from wasm_decoder.text.script import (
    AssertFailure,
    AssertModule,
    AssertReturn,
    Const,
    Define,
    Either,
    Get,
    Instantiate,
    Invoke,
    Lanes,
    Nan,
    Ref,
    Register,
    Thread,
    Wait,
)


def test_commands_know_their_lines() -> None:
    commands = parse_script(
        """(module $m (func (export "f")))
        (register "M" $m) (invoke "f")
        (assert_trap (invoke $m "f" (i32.const 0x1_0)) "unreachable")
        (; two
        lines ;)
        (assert_return (get "g") (i64.const -1))
        (module definition $d) (module instance $i $d)
        (assert_exhaustion (invoke "f") "call stack exhausted") (assert_exception (invoke "f"))"""
    )
    assert [command.line for command in commands] == [1, 2, 2, 3, 6, 7, 7, 8, 8]
    define, *others, definition, instance, exhaustion, exception = commands
    assert isinstance(define, Define)
    assert define.instantiate
    assert define.source.name == "$m"
    assert define.source.module() == parse_wat('(module $m (func (export "f")))')
    assert others == [
        Register(2, "M", "$m"),
        Invoke(2, None, "f", ()),
        AssertFailure(3, "trap", Invoke(3, "$m", "f", (Const("i32", 16),)), "unreachable"),
        AssertReturn(6, Get(6, None, "g"), (Const("i64", -1),)),
    ]
    assert isinstance(definition, Define)
    assert not definition.instantiate
    assert instance == Instantiate(7, "$i", "$d")
    assert isinstance(exhaustion, AssertFailure)
    assert (exhaustion.kind, exhaustion.message) == ("exhaustion", "call stack exhausted")
    assert isinstance(exception, AssertFailure)
    assert (exception.kind, exception.message) == ("exception", "")


def test_values() -> None:
    (command,) = parse_script(
        """(assert_return
        (invoke "f" (f32.const -nan:0x1) (f64.const 1) (v128.const i64x2 1 -1) (ref.null func) (ref.extern 7))
        (f32.const nan:canonical) (v128.const f32x4 1 nan:arithmetic 0 0)
        (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
        (either (i32.const 1) (i32.const 2)) (ref.null) (ref.func) (ref.i31) (ref.host 3))"""
    )
    assert isinstance(command, AssertReturn)
    assert isinstance(command.action, Invoke)
    assert command.action.args == (
        Const("f32", 0xFF800001), Const("f64", 0x3FF0000000000000), Const("v128", b"\1" + bytes(7) + b"\xff" * 8),
        Ref("null", "func"), Ref("extern", 7),
    )  # fmt: skip
    one = Const("f32", 0x3F800000), Nan("f32", "arithmetic"), Const("f32", 0), Const("f32", 0)
    assert command.results == (
        Nan("f32", "canonical"), Lanes(one), Const("v128", bytes(range(16))),
        Either((Const("i32", 1), Const("i32", 2))), Ref("null", None), Ref("func", None), Ref("i31", None),
        Ref("host", 3),
    )  # fmt: skip


def test_modules_that_are_there_to_be_refused_are_read_when_asked_for() -> None:
    quoted, binary, invalid, trap, unlinkable = parse_script(
        """(assert_malformed (module quote "(func" " end)") "unexpected token")
        (assert_malformed (module binary "\\00asm" "\\01") "unexpected end")
        (assert_invalid (module (func (result i32))) "type mismatch")
        (assert_trap (module $m (func $f unreachable) (start $f)) "unreachable")
        (assert_unlinkable (module (import "a" "b" (func))) "unknown import")"""
    )
    assert isinstance(quoted, AssertModule)
    assert (quoted.kind, quoted.source.form, quoted.source.content) == ("malformed", "quote", b"(func end)")
    with pytest.raises(ParseError, match="unexpected token end"):
        quoted.source.module()
    assert isinstance(binary, AssertModule)
    with pytest.raises(DecodeError):
        binary.source.module(Features.CORE_1_0)
    assert [(c.kind, c.message) for c in (invalid, trap, unlinkable) if isinstance(c, AssertModule)] == [
        ("invalid", "type mismatch"), ("uninstantiable", "unreachable"), ("unlinkable", "unknown import"),
    ]  # fmt: skip


def test_a_script_can_be_one_module_without_its_parentheses() -> None:
    (command,) = parse_script('(func) (memory 0) (func (export "f"))')
    assert isinstance(command, Define)
    assert command.source.module() == parse_wat('(module (func) (memory 0) (func (export "f")))')


def test_version_1_0_does_not_write_the_type_of_a_nan() -> None:
    (command,) = parse_script('(assert_return_canonical_nan (invoke "f"))')
    assert command == AssertReturn(1, Invoke(1, None, "f", ()), (Nan("", "canonical"),))


def test_threads() -> None:
    assert parse_script('(thread $t (shared (module $m)) (invoke "f"))\n(wait $t)') == [
        Thread(1, "$t", ("$m",), (Invoke(1, None, "f", ()),)),
        Wait(2, "$t"),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("(assert_nothing)", "unknown operator assert_nothing (line 1, column 2)"),
        ('(invoke "f"\n(i32.const x))', "unknown operator x (line 2, column 12)"),
        ('(invoke "f"\n(f32.const nan:canonical))', "unexpected token"),
        ('(invoke "f" (ref.extern x))', "unknown operator x (line 1, column 25)"),
        ('(invoke "f" (ref.extern 4294967296))', "i32 constant out of range"),
        ('(invoke "f" (v128.const i32x4 1 2 3))', "unexpected token )"),
        ("(module", "unexpected token: the text ends (line 1, column 8)"),
        ('(register "a")\n)', "unexpected token ) (line 2, column 1)"),
    ],
)
def test_errors(text: str, place: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_script(text)
    assert str(caught.value).startswith(place)


def test_a_module_in_a_script_is_wrong_where_it_stands_in_the_script() -> None:
    (command,) = parse_script("\n (module\n  (func foo))")
    assert isinstance(command, Define)
    with pytest.raises(ParseError, match=r"unknown operator foo \(line 3, column 9\)"):
        command.source.module()
