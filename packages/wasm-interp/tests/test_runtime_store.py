"""Stores: linking, instantiation, segments, shared parts."""

import pytest
from wasm_decoder import DecodeError, Features, ParseError, ValidationError
from wasm_decoder.syntax.types import I32, FuncType
from wasm_interp import (
    HostFunction,
    LinkError,
    Memory,
    MemoryOutOfBounds,
    ResourceError,
    Store,
    Table,
    TableOutOfBounds,
    Trap,
    Unreachable,
)

IMPORT_FUNC = '(module (import "m" "f" (func (param i32))))'


@pytest.mark.parametrize(
    ("text", "imports", "message"),
    [
        (IMPORT_FUNC, {}, 'unknown import: "m" "f" (function [i32] -> []): no such module'),
        (IMPORT_FUNC, {"m": {}}, 'unknown import: "m" "f" (function [i32] -> []): module "m" has no "f"'),
        (
            IMPORT_FUNC,
            {"m": {"f": 5}},
            'incompatible import type: "m" "f": the module imports a function [i32] -> [], '
            "it was given a Python object of type int",
        ),
        (
            IMPORT_FUNC,
            {"m": {"f": HostFunction(FuncType((), (I32,)), lambda: 0)}},
            'incompatible import type: "m" "f": the module imports a function [i32] -> [], '
            "it was given a function [] -> [i32]",
        ),
    ],
)
def test_link_errors_say_what_was_wanted_and_given(text: str, imports: dict[str, object], message: str) -> None:
    with pytest.raises(LinkError) as caught:
        Store().instantiate(text, imports)  # type: ignore[arg-type]  # some are wrong
    assert str(caught.value) == message
    assert (caught.value.module, caught.value.field) == ("m", "f")


PROVIDER = """
    (module
      (memory (export "mem") 1 2)
      (table (export "tab") 3 5 funcref)
      (global (export "const") i32 (i32.const 1))
      (global (export "var") (mut i32) (i32.const 2))
      (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "grow") (result i32) (memory.grow (i32.const 1)))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
      (func (export "var") (result i32) (global.get 1)))
    """.replace('(func (export "var")', '(func (export "get")')


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ('"mem" (memory 2)', "a memory {min 1, max 2}"),
        ('"mem" (memory 1 1)', "a memory {min 1, max 2}"),
        ('"tab" (table 4 funcref)', "a table of funcref {min 3, max 5}"),
        ('"tab" (table 3 externref)', "a table of funcref {min 3, max 5}"),
        ('"const" (global i64)', "a global i32"),
        ('"const" (global (mut i32))', "a global i32"),
        ('"f" (func)', "a function [i32] -> [i32]"),
        ('"f" (memory 1)', "a function [i32] -> [i32]"),
        ('"mem" (func)', "a memory {min 1, max 2}"),
    ],
)
def test_types_must_match(declared: str, given: str) -> None:
    store = Store()
    store.register("p", store.instantiate(PROVIDER))
    name, rest = declared.split(" ", 1)
    with pytest.raises(LinkError, match=r"incompatible import type.*it was given " + given.replace("[", r"\[")):
        store.instantiate(f'(module (import "p" {name} {rest}))')


def test_instances_share_what_they_import() -> None:
    store = Store()
    provider = store.instantiate(PROVIDER)
    user = store.instantiate(
        """
        (module
          (import "p" "mem" (memory 1))
          (import "p" "tab" (table 3 funcref))
          (import "p" "var" (global $var (mut i32)))
          (import "p" "f" (func $f (param i32) (result i32)))
          (elem (i32.const 1) func $seven)
          (data (i32.const 10) "*")
          (func $seven (result i32) (i32.const 7))
          (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "set") (param i32) (global.set $var (call $f (local.get 0)))))
        """,
        {"p": provider},
    )
    assert provider.exports.peek(10) == 42
    assert provider.exports.call(1) == 7
    user.exports.set(9)
    assert provider.exports.get() == provider.exports.var.value == 10
    provider.exports.var.value = -3
    assert provider.exports.get() == -3
    with pytest.raises(MemoryOutOfBounds):
        user.exports.peek(70_000)
    assert provider.exports.grow() == 1
    assert user.exports.peek(70_000) == 0
    provider.exports.mem[70_000] = 5
    assert user.exports.peek(70_000) == 5
    assert user.memory is provider.memory is provider.exports.mem


def test_one_instance_twice_is_two() -> None:
    store = Store()
    text = """(module (global $n (mut i32) (i32.const 0))
        (func (export "next") (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
    one, other = store.instantiate(text), store.instantiate(text)
    assert [one.exports.next(), one.exports.next(), other.exports.next()] == [1, 2, 1]


def test_what_was_written_before_a_segment_failed_stays() -> None:
    store = Store()
    provider = store.instantiate(PROVIDER)
    with pytest.raises(MemoryOutOfBounds):
        store.instantiate(
            """(module (import "p" "mem" (memory 1)) (import "p" "tab" (table 3 funcref))
                 (elem (i32.const 2) func $f) (func $f (result i32) (i32.const 8))
                 (data (i32.const 3) "x") (data (i32.const 65536) "y"))""",
            {"p": provider},
        )
    assert provider.exports.peek(3) == ord("x")
    assert provider.exports.call(2) == 8
    with pytest.raises(TableOutOfBounds):
        store.instantiate(
            """(module (import "p" "mem" (memory 1)) (import "p" "tab" (table 3 funcref))
                 (elem (i32.const 3) func $f) (func $f) (data (i32.const 3) "z"))""",
            {"p": provider},
        )
    assert provider.exports.peek(3) == ord("x")


def test_version_1_checks_all_segments_first() -> None:
    store = Store(features=Features.CORE_1_0)
    provider = store.instantiate('(module (memory (export "mem") 1))')
    with pytest.raises(LinkError, match="data segment does not fit"):
        store.instantiate(
            '(module (import "p" "mem" (memory 1)) (data (i32.const 3) "x") (data (i32.const 65536) "y"))',
            {"p": provider},
        )
    assert provider.exports.mem[3] == 0


def test_start_function() -> None:
    heard: list[int] = []
    text = '(module (import "h" "say" (func $say (param i32))) (start $s) (func $s (call $say (i32.const 5)) {}))'
    Store().instantiate(text.format(""), {"h": {"say": heard.append}})
    with pytest.raises(Unreachable):
        Store().instantiate(text.format("unreachable"), {"h": {"say": heard.append}})
    assert heard == [5, 5]


def test_lazy_validation_finds_a_bad_body_at_its_first_call() -> None:
    text = '(module (func (export "good") (result i32) (i32.const 1)) (func (export "bad") (result i32) (i64.const 1)))'
    with pytest.raises(ValidationError):
        Store().instantiate(text)
    instance = Store().instantiate(text, validate="lazy")
    assert instance.exports.good() == 1
    for _ in range(2):
        with pytest.raises(ValidationError, match="type mismatch"):
            instance.exports.bad()
    with pytest.raises(ValueError, match="eager"):
        Store().instantiate(text, validate="never")  # type: ignore[arg-type]  # that is the point


def test_bad_modules() -> None:
    with pytest.raises(DecodeError):
        Store().instantiate(b"\0asm")
    with pytest.raises(ParseError):
        Store().instantiate("(module")


def test_what_the_host_cannot_provide() -> None:
    with pytest.raises(ResourceError, match="4000000000 elements"):
        Store().instantiate("(module (table 4000000000 funcref))")


def test_segments_can_be_dropped() -> None:
    instance = Store().instantiate("""
        (module (memory 1) (data $d "abc") (table 2 funcref) (elem $e func $f) (func $f)
          (func (export "data") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)) (data.drop $d))
          (func (export "elem") (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e)))""")
    instance.exports.data()
    instance.exports.elem()
    assert instance.memory is not None
    assert instance.memory.read(0, 4) == b"abc\0"
    with pytest.raises(MemoryOutOfBounds):
        instance.exports.data()
    with pytest.raises(TableOutOfBounds):
        instance.exports.elem()


def test_host_made_parts_can_be_imported() -> None:
    from wasm_decoder.syntax.types import FUNCREF, Limits, MemType, TableType

    memory, table = Memory(MemType(Limits(1, 3))), Table(TableType(Limits(2, None), FUNCREF))
    memory[0] = 77
    instance = Store().instantiate(
        """(module (import "h" "m" (memory 1)) (import "h" "t" (table 1 funcref))
             (func (export "peek") (result i32) (i32.load8_u (i32.const 0)))
             (func (export "call") (result i32) (call_indirect (result i32) (i32.const 1))))""",
        {"h": {"m": memory, "t": table}},
    )
    assert instance.exports.peek() == 77
    with pytest.raises(Trap, match="uninitialized element 1"):
        instance.exports.call()
    table[1] = instance.exports.peek
    assert instance.exports.call() == 77
    with pytest.raises(TypeError):
        table[0] = print
    with pytest.raises(TableOutOfBounds):
        table[2] = None
    assert table.grow(2, instance.exports.peek) == 2
    assert [table.get(i) for i in range(4)] == [None] + [instance.exports.peek] * 3
    assert repr(table.type) == "TableType(limits={min 4}, ref=funcref, addr=i32)"
