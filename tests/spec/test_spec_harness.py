"""The harness fails what is wrong: a harness that passes everything would pass its suites too."""

import pytest
from wasm_decoder import Features
from wasm_decoder.text.script import Const, Either, Lanes, Nan, Ref

from .engines import ENGINES, make
from .runner import Runner
from .values import Host, argument, from_bits, matches, to_bits

_MODULE = """(module
  (func (export "one") (result i32) (i32.const 1))
  (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2))
  (func (export "none"))
  (func (export "f32") (param f32) (result f32) (local.get 0))
  (func (export "trap") unreachable)
  (func $loop (export "loop") (call $loop))
  (global (export "g") f64 (f64.const -0)))
"""


@pytest.fixture(params=ENGINES)
def runner(request: pytest.FixtureRequest) -> Runner:
    return Runner(make(request.param), Features.CORE_2_0)


@pytest.mark.parametrize(
    "command",
    [
        '(assert_return (invoke "one") (i32.const 1))',
        '(assert_return (invoke "two") (i32.const 1) (i64.const 2))',
        '(assert_return (invoke "none"))',
        '(assert_return (invoke "f32" (f32.const nan:0x200001)) (f32.const nan:0x200001))',
        '(assert_return (get "g") (f64.const -0))',
        '(assert_trap (invoke "trap") "unreachable")',
        '(assert_trap (module (func $f unreachable) (start $f)) "unreachable")',
        '(assert_exhaustion (invoke "loop") "call stack exhausted")',
        '(assert_unlinkable (module (import "a" "b" (func))) "unknown import")',
        '(assert_invalid (module (func (result i32))) "type mismatch")',
        '(assert_malformed (module quote "(foo)") "unknown operator")',
        '(module definition $d (func (export "f") (result i32) (i32.const 3))) (module instance $a $d)'
        ' (register "A" $a) (module (import "A" "f" (func $f (result i32))) (export "g" (func $f)))'
        ' (assert_return (invoke "g") (i32.const 3)) (assert_return (invoke $a "f") (i32.const 3))',
    ],
)
def test_what_is_right_passes(runner: Runner, command: str) -> None:
    runner.run((_MODULE + command).encode())
    assert runner.failures == []
    assert runner.assertions >= 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ('(assert_return (invoke "one") (i32.const 2))', "expected"),
        ('(assert_return (invoke "one") (i64.const 2))', "expected"),
        ('(assert_return (invoke "one"))', "expected"),
        ('(assert_return (invoke "none") (i32.const 0))', "expected"),
        ('(assert_return (invoke "two") (i32.const 1))', "expected"),
        ('(assert_return (invoke "two") (i32.const 1) (i64.const 1))', "expected"),
        ('(assert_return (get "g") (f64.const 0))', "expected"),
        ('(assert_return (invoke "f32" (f32.const nan:0x1)) (f32.const nan:canonical))', "expected"),
        ('(assert_return (invoke "nowhere"))', "nowhere"),
        ('(assert_return (invoke $M "one") (i32.const 1))', "no instance $M"),
        ('(assert_trap (invoke "one") "unreachable")', "expected 'unreachable'"),
        ('(assert_trap (invoke "trap") "integer overflow")', "expected 'integer overflow'"),
        ('(assert_exhaustion (invoke "trap") "call stack exhausted")', "expected"),
        ('(assert_unlinkable (module) "unknown import")', "expected"),
        ('(assert_unlinkable (module (import "a" "b" (func))) "incompatible import type")', "expected"),
        ('(assert_invalid (module) "type mismatch")', "accepted"),
        ('(assert_invalid (module (func (result i32))) "unknown type")', "expected 'unknown type'"),
        ('(assert_malformed (module quote "(func)") "unknown operator")', "accepted"),
        ('(invoke "trap")', "unreachable"),
        ("(module (func (result i32)))", "type mismatch"),
        ("(module (func foo))", "unknown operator"),
        ('(module (import "a" "b" (func)))', "unknown import"),
        ('(register "a" $M)', "no instance $M"),
        ("(thread $t) (wait $t)", "threads"),
        ('(assert_malformed_custom (module quote "(func)") "unknown operator")', "accepted"),
    ],
)
def test_what_is_wrong_fails(runner: Runner, command: str, why: str) -> None:
    runner.run((_MODULE + command).encode())
    assert runner.failures
    assert why in runner.failures[0]


def test_a_module_that_fails_leaves_none_for_the_next_commands(runner: Runner) -> None:
    runner.run((_MODULE + '(module (func foo))\n(assert_return (invoke "one") (i32.const 1))').encode())
    assert len(runner.failures) == 2


@pytest.mark.parametrize("bits", [0, 1 << 31, 1, 0x7F800000, 0xFF800001, 0x7FC00000, 0x7FBFFFFF, 0x3DCCCCCD])
def test_bits_of_32_survive_as_a_float(bits: int) -> None:
    assert to_bits("f32", from_bits("f32", bits)) == bits


def test_patterns() -> None:
    quiet, payload, signaling = (from_bits("f32", bits) for bits in (0xFFC00000, 0x7FC00001, 0x7FA00000))
    assert [matches(value, Nan("f32", "canonical")) for value in (quiet, payload, signaling)] == [True, False, False]
    assert [matches(value, Nan("f32", "arithmetic")) for value in (quiet, payload, signaling)] == [True, True, False]
    assert not matches(1.0, Nan("f32", "arithmetic"))
    lanes = Lanes((Nan("f64", "canonical"), Const("f64", 1)))
    assert matches(bytes.fromhex("000000000000f87f 0100000000000000"), lanes)
    assert not matches(bytes.fromhex("000000000000f87f 0200000000000000"), lanes)
    assert not matches(bytes.fromhex("010000000000f87f 0100000000000000"), lanes)
    assert matches(2, Either((Const("i32", 1), Const("i32", 2))))
    assert not matches(3, Either((Const("i32", 1), Const("i32", 2))))
    assert not matches(1.0, Const("i32", 1))
    assert not matches(True, Const("i32", 1))


def test_references() -> None:
    assert argument(Ref("null", "extern")) is None
    assert matches(argument(Ref("extern", 3)), Ref("extern", 3))
    assert not matches(Host(3), Ref("extern", 4))
    assert not matches(None, Ref("extern", None))
    assert matches(None, Ref("null", None))
    assert not matches(Host(3), Ref("func", None))
