"""Traps say what happened and where."""

from collections.abc import Callable

import pytest
from wasm_decoder import Features, encode, parse_wat
from wasm_interp import (
    DivideByZero,
    Frame,
    IndirectCallTypeMismatch,
    Instance,
    IntegerOverflow,
    InvalidConversion,
    MemoryOutOfBounds,
    Store,
    TableOutOfBounds,
    Trap,
    UndefinedElement,
    UninitializedElement,
    Unreachable,
    UnsupportedError,
)

KINDS: list[tuple[str, type[Trap], str]] = [
    ("(unreachable)", Unreachable, "unreachable"),
    ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", DivideByZero, "integer divide by zero"),
    ("(drop (i64.rem_u (i64.const 1) (i64.const 0)))", DivideByZero, "integer divide by zero"),
    ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", IntegerOverflow, "integer overflow"),
    ("(drop (i32.trunc_f64_s (f64.const 2147483648)))", IntegerOverflow, "integer overflow"),
    ("(drop (i64.trunc_f32_u (f32.const inf)))", IntegerOverflow, "integer overflow"),
    ("(drop (i64.trunc_f32_s (f32.const nan)))", InvalidConversion, "invalid conversion to integer"),
    ("(drop (i32.load (i32.const 65533)))", MemoryOutOfBounds, "out of bounds memory access"),
    ("(i64.store offset=4294967295 (i32.const -1) (i64.const 0))", MemoryOutOfBounds, "out of bounds memory access"),
    ("(memory.fill (i32.const 65530) (i32.const 0) (i32.const 7))", MemoryOutOfBounds, "out of bounds memory access"),
    ("(drop (table.get $t (i32.const 3)))", TableOutOfBounds, "out of bounds table access"),
    ("(table.set $t (i32.const 3) (ref.null func))", TableOutOfBounds, "out of bounds table access"),
    ("(call_indirect (i32.const 3))", UndefinedElement, "undefined element"),
    ("(call_indirect (i32.const -1))", UndefinedElement, "undefined element"),
    ("(call_indirect (i32.const 2))", UninitializedElement, "uninitialized element 2"),
    ("(call_indirect (i32.const 1))", IndirectCallTypeMismatch, "indirect call type mismatch"),
]

MODULE = """
    (module $m
      (memory 1) (table $t 3 funcref) (elem (i32.const 0) func $inner $other)
      (func $other (param i32))
      (func $inner {body})
      (func $middle (call_indirect (i32.const 0)))
      (func (export "outer") (call $middle)))
    """


@pytest.mark.parametrize(("body", "kind", "message"), KINDS)
def test_each_kind(body: str, kind: type[Trap], message: str) -> None:
    instance = Store().instantiate(encode(parse_wat(MODULE.format(body=body))), name="me")
    for _ in range(2):
        with pytest.raises(kind) as caught:
            instance.exports.outer()
        trap = caught.value
        assert type(trap) is kind
        assert str(trap) == message
        assert message.startswith(kind.message)
        assert [frame.index for frame in trap.frames] == [1, 2, 3]
        assert trap.frames[2].name == "outer"
        assert all(frame.offset for frame in trap.frames)
        assert trap.__notes__[0].startswith("WebAssembly calls, innermost first:\n  me!")


def test_frames_read_well() -> None:
    assert repr(Frame(3, "f", 0x1A, "m")) == "m!f (function 3 at 0x1a)"
    assert repr(Frame(3)) == "? (function 3)"


def test_a_trap_in_another_instance_names_both() -> None:
    store = Store()
    one = store.instantiate('(module (func (export "f") unreachable))', name="one")
    two = store.instantiate('(module (import "o" "f" (func $f)) (func (export "g") (call $f)))', {"o": one}, name="two")
    with pytest.raises(Unreachable) as caught:
        two.exports.g()
    assert [(frame.module, frame.name) for frame in caught.value.frames] == [("one", "f"), ("two", "g")]


def test_errors_in_the_host_are_no_traps_and_traps_of_the_host_are() -> None:
    def fail(kind: int) -> None:
        if kind == 0:
            raise Trap("made by the host")
        _ = [][kind]

    instance = Store().instantiate(
        '(module (import "h" "f" (func $f (param i32))) (func (export "g") (param i32) (call $f (local.get 0))))',
        {"h": {"f": fail}},
    )
    with pytest.raises(IndexError):
        instance.exports.g(1)
    with pytest.raises(Trap, match="made by the host") as caught:
        instance.exports.g(0)
    assert [frame.name for frame in caught.value.frames] == ["g"]


def _order(body: str) -> Callable[[], object]:
    instance: Instance = Store().instantiate(f'(module (memory 1) (func (export "f") (local i32) {body}))')
    f: Callable[[], object] = instance.exports.f
    return f


DIVIDE = "(i32.div_u (i32.const 1) (local.get 0))"
LOAD = "(i32.load (i32.const 65536))"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (f"(i32.store {DIVIDE} {LOAD})", DivideByZero),
        (f"(i32.store {LOAD} {DIVIDE})", MemoryOutOfBounds),
        (f"(drop (i32.add {DIVIDE} {LOAD}))", DivideByZero),
        (f"(drop (select {LOAD} {DIVIDE} (i32.const 0)))", MemoryOutOfBounds),
        (f"(drop (select {DIVIDE} {LOAD} (i32.const 1)))", DivideByZero),
        (f"{DIVIDE} (local.set 0 {LOAD}) (drop)", DivideByZero),
        (f"{LOAD} (unreachable)", MemoryOutOfBounds),
        (f"{DIVIDE} (if {LOAD} (then)) (drop)", DivideByZero),
        (f"(block (result i32) {DIVIDE} (br_if 0 {LOAD})) (drop)", DivideByZero),
        (f"(drop (i32.rotl {LOAD} {DIVIDE}))", MemoryOutOfBounds),
        (f"(drop (i32.div_s {LOAD} {DIVIDE}))", MemoryOutOfBounds),
        (f"(drop (i32.lt_s {DIVIDE} {LOAD}))", DivideByZero),
        (f"(memory.fill {DIVIDE} {LOAD} (i32.const 0))", DivideByZero),
        (f"(v128.store {DIVIDE} (v128.load (i32.const 65521)))", DivideByZero),
        (f"(f32.store {LOAD} (f32.convert_i32_u {DIVIDE}))", MemoryOutOfBounds),
    ],
)
def test_the_first_trap_is_the_one(body: str, kind: type[Trap]) -> None:
    with pytest.raises(kind):
        _order(body)()


def test_nothing_is_written_where_a_store_does_not_fit() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") 1)
          (func (export "f") (v128.store (i32.const 65521) (v128.const i64x2 -1 -1))))""")
    with pytest.raises(MemoryOutOfBounds):
        instance.exports.f()
    assert instance.exports.memory.read(65520, 16) == bytes(16)


def test_a_memory_and_a_table_side_by_side() -> None:
    instance = Store().instantiate("""
        (module (table 1 funcref) (memory 1)
          (func (export "memory") (i32.load (i32.const 65536)) (table.get 0 (i32.const 0)) (drop) (drop))
          (func (export "table") (i32.load (i32.const 0)) (table.get 0 (i32.const 1)) (drop) (drop))
          (func (export "index") (call_indirect (i32.load (i32.const 65536)))))""")
    for name, kind in (("memory", MemoryOutOfBounds), ("table", TableOutOfBounds), ("index", MemoryOutOfBounds)):
        with pytest.raises(kind):
            instance.exports[name]()


def test_an_instruction_that_the_engine_lacks_is_named() -> None:
    store = Store(features=Features.CORE_3_0 | Features.THREADS)
    instance = store.instantiate(
        '(module (memory 1 1 shared) (func (export "f") (drop (i32.atomic.load (i32.const 0)))))'
    )
    with pytest.raises(UnsupportedError, match=r"i32.atomic.load in function 0 is not supported"):
        instance.exports.f()
