"""The native engine as a store sees it: calls, references, values, laziness, traps and their frames."""

import struct
import sys
from collections.abc import Callable

import pytest
import wasm_jit
from wasm_decoder import ValidationError, encode, parse_wat
from wasm_decoder.syntax.types import I32, FuncType
from wasm_interp import ExitError, Function, HostFunction, Instance, Interpreter, Store, Trap, function_of

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

if wasm_jit.unavailable() is None:
    from wasm_jit import Compiler, engine


def instance(text: str, imports: "dict[str, dict[str, object] | Instance] | None" = None) -> Instance:
    return Store(Compiler()).instantiate(text, imports)


def compiled(one: Instance) -> "set[int]":
    """Which of the functions that its module defines have been compiled."""
    assert isinstance(one.linked, engine.Linked)
    return {number for number, _ in one.linked.code.compiled}


# laziness


def test_a_function_is_compiled_at_its_first_call() -> None:
    one = instance("""(table 1 funcref) (elem (i32.const 0) $d)
        (func $a (export "a") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $b)) (else (i32.const 1))))
        (func $b (result i32) (call_indirect (result i32) (i32.const 0)))
        (func $c (export "c"))
        (func $d (result i32) (i32.const 7))""")
    assert compiled(one) == set()
    assert one.exports.a(0) == 1
    assert compiled(one) == {0}
    assert one.exports.a(1) == 7
    assert compiled(one) == {0, 1, 3}


def test_instances_of_a_module_share_their_code_and_nothing_else() -> None:
    module = parse_wat("""(global $g (mut i32) (i32.const 0)) (memory (export "memory") 1)
        (func (export "next") (result i32) (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (i32.store8 (global.get $g) (i32.const 9)) (global.get $g))""")
    store = Store(Compiler())
    one, two = store.instantiate(module), Store(Compiler()).instantiate(module)
    assert [one.exports.next(), one.exports.next(), two.exports.next()] == [1, 2, 1]
    assert isinstance(one.linked, engine.Linked)
    assert isinstance(two.linked, engine.Linked)
    assert one.linked.code is two.linked.code
    assert bytes(one.exports.memory[0:4]) == b"\0\x09\x09\0"
    assert bytes(two.exports.memory[0:4]) == b"\0\x09\0\0"


def test_a_body_is_validated_before_it_first_runs_if_that_is_asked_for() -> None:
    good = parse_wat(
        '(func (export "good") (result i32) (i32.const 1)) (func (export "bad") (result i32) (i64.const 1))'
    )
    binary = encode(good)
    with pytest.raises(ValidationError):
        Store(Compiler()).instantiate(binary)
    one = Store(Compiler()).instantiate(binary, validate="lazy")
    assert one.exports.good() == 1
    for _ in range(2):
        with pytest.raises(ValidationError):
            one.exports.bad()
    assert one.exports.good() == 1


# what an export is


def test_an_export_is_a_builtin_and_a_function() -> None:
    one = instance(
        '(func $add (export "add") (param $x i32) (param $y i32) (result i32) (i32.add (local.get 0) (local.get 1)))'
    )
    add = one.exports.add
    assert type(add).__name__ == "builtin_function_or_method"
    assert add.__name__ == "add"
    function = function_of(add)
    assert isinstance(function, Function)
    assert function.type == FuncType((I32, I32), (I32,))
    assert function.name == "add"
    assert function is one.function(0)
    assert one.exports.add is add
    assert function(2, 3) == add(2, 3) == 5
    assert function.code(2, 3) == 5
    assert add(2**31 - 1, 1) == -(2**31)
    assert add(2**32 - 1, 2) == 1


def test_values_of_every_type() -> None:
    types = ["i32", "i64", "f32", "f64", "v128", "externref", "funcref"]
    gets = " ".join(f"(local.get {i})" for i in range(7))
    one = instance(f'(func $f (export "f") (param {" ".join(types)}) (result {" ".join(types)}) {gets})')
    thing = object()
    assert one.exports.f(2**32 - 1, 2**64 - 1, 1, 2, b"\1" * 16, thing, one.exports.f) == (
        -1, -1, 1.0, 2.0, b"\1" * 16, thing, one.function(0),
    )  # fmt: skip
    assert one.exports.f(0, 0, 0.1, -0.0, bytearray(16), None, None) == (
        0, 0, struct.unpack("<f", struct.pack("<f", 0.1))[0], 0.0, bytes(16), None, None,
    )  # fmt: skip
    single = {t: instance(f'(func (export "f") (param {t}) (result {t}) (local.get 0))').exports.f for t in types}
    assert single["externref"](thing) is thing
    assert single["externref"](None) is None
    assert single["funcref"](one.exports.f) is one.function(0)
    assert single["funcref"](None) is None
    assert instance('(func (export "f"))').exports.f() is None


def test_external_references_live_in_tables_and_globals() -> None:
    one = instance("""(table $t (export "t") 2 externref) (global $g (export "g") (mut externref) (ref.null extern))
        (func (export "put") (param externref) (table.set $t (i32.const 1) (local.get 0)) (global.set $g (local.get 0)))
        (func (export "get") (result externref externref) (table.get $t (i32.const 1)) (global.get $g))
        (func (export "null") (result i32) (ref.is_null (table.get $t (i32.const 0))))""")
    things = [object() for _ in range(3)]
    counts = [sys.getrefcount(thing) for thing in things]
    for thing in things:
        one.exports.put(thing)
        assert one.exports.get() == (thing, thing)
        assert one.exports.t[1] is thing
        assert one.exports.g.value is thing
    assert one.exports.null() == 1
    one.exports.put(None)
    assert one.exports.get() == (None, None)
    thing = None
    assert [sys.getrefcount(each) for each in things] == counts


def test_references_to_functions_call_each_other() -> None:
    one = instance("""(table $t (export "t") 3 funcref) (elem declare func $five)
        (global (export "g") funcref (ref.func $five))
        (func $five (result i32) (i32.const 5))
        (func (export "five") (result funcref) (ref.func $five))
        (func (export "put") (param i32 funcref) (table.set $t (local.get 0) (local.get 1)))
        (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))""")
    five = one.exports.five()
    assert five() == 5
    assert five is one.exports.g.value is one.function(0)
    portable = Store(Interpreter()).instantiate('(func (export "f") (result i32) (i32.const 6))')
    hosted = instance('(import "h" "f" (func $f (result i32))) (export "f" (func $f))', {"h": {"f": lambda: 7}})
    for i, function in enumerate((five, portable.exports.f, hosted.exports.f)):
        one.exports.put(i, function)
        assert one.exports.t[i] is function_of(function)
    assert [one.exports.call(i) for i in range(3)] == [5, 6, 7]


# host functions


def test_an_exception_of_a_host_function_comes_out_unchanged() -> None:
    error = LookupError("mine")

    def fail() -> None:
        raise error

    one = instance('(import "h" "f" (func $f)) (func $g (call $f)) (func (export "f") (call $g))', {"h": {"f": fail}})
    with pytest.raises(LookupError) as caught:
        one.exports.f()
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("result", "value", "message"),
    [
        ("(result i32)", "x", "teller"),
        ("(result i32)", None, "teller"),
        ("(result i32)", 2**32, "teller"),
        ("(result i64)", 1.5, "teller"),
        ("(result f64)", "1", "teller"),
        ("(result v128)", b"", "teller"),
        ("(result funcref)", print, "teller"),
        ("(result i32 i32)", (1,), "teller"),
        ("(result i32 i32)", 5, "teller"),
        ("", 5, "teller"),
    ],
)
def test_a_wrong_result_names_the_host_function(result: str, value: object, message: str) -> None:
    def teller() -> object:
        return value

    one = instance(f'(import "h" "f" (func $f {result})) (func (export "f") {result} (call $f))', {"h": {"f": teller}})
    with pytest.raises((TypeError, OverflowError, ValueError), match=message):
        one.exports.f()


def test_the_calling_instance_is_passed_on_request() -> None:
    seen: list[object] = []

    def host(caller: Instance, x: int) -> int:
        seen.append(caller)
        return x + len(caller.exports)

    function = HostFunction(FuncType((I32,), (I32,)), host, caller=True)
    text = (
        '(import "h" "f" (func $f (param i32) (result i32))) (func (export "f") (result i32) (call $f (i32.const 5)))'
    )
    one, two = instance(text, {"h": {"f": function}}), instance(text, {"h": {"f": function}})
    assert (one.exports.f(), two.exports.f()) == (6, 6)
    assert seen == [one, two]


def test_an_exit_marks_the_instance() -> None:
    def leave(caller: Instance) -> None:
        raise ExitError(42)

    one = instance(
        """(import "h" "exit" (func $exit)) (func $f (export "f") (call $exit))
        (func (export "g") (result i32) (i32.const 1))
        (func (export "h") (call $f))""",
        {"h": {"exit": HostFunction(FuncType((), ()), leave, caller=True)}},
    )
    assert one.exports.g() == 1
    assert one.exited is None
    with pytest.raises(ExitError) as caught:
        one.exports.h()
    assert caught.value.code == one.exited == 42
    for name in one.exports:
        with pytest.raises(ExitError, match="42"):
            one.exports[name]()


# traps

SHOWN = 26  # lines of a note, whatever the depth

TRAPS: "list[tuple[str, str]]" = [
    ("unreachable", "unreachable"),
    ("out of bounds memory access", "(drop (i32.load (i32.const 65533)))"),
    ("out of bounds memory access", "(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7))"),
    ("out of bounds memory access", "(memory.copy (i32.const 0) (i32.const 1) (i32.const -1))"),
    ("out of bounds memory access", "(memory.init 0 (i32.const 0) (i32.const 2) (i32.const 2))"),
    ("integer divide by zero", "(drop (i32.div_s (local.get 0) (local.get 1)))"),
    ("integer divide by zero", "(drop (i64.rem_u (i64.const 1) (i64.extend_i32_u (local.get 1))))"),
    ("integer overflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get 1) (i32.const 1))))"),
    ("integer overflow", "(drop (i32.trunc_f64_s (f64.const 1e10)))"),
    ("invalid conversion to integer", "(drop (i64.trunc_f32_u (f32.const nan)))"),
    ("call stack exhausted", "(call $f (local.get 0) (local.get 1))"),
    ("indirect call type mismatch", "(call_indirect (param i64) (i64.const 1) (i32.const 0))"),
    ("undefined element", "(call_indirect (i32.const 2))"),
    ("uninitialized element", "(call_indirect (i32.const 1))"),
    ("out of bounds table access", "(drop (table.get 0 (i32.const 2)))"),
    ("out of bounds table access", "(table.set 0 (i32.const -1) (ref.null func))"),
    ("out of bounds table access", "(table.fill 0 (i32.const 1) (ref.null func) (i32.const 2))"),
    ("out of bounds table access", "(table.copy 0 0 (i32.const 0) (i32.const 2) (i32.const 1))"),
    ("out of bounds table access", "(table.init 0 0 (i32.const 0) (i32.const 1) (i32.const 1))"),
]


@pytest.mark.parametrize("before", ["", "(loop)"], ids=["inlined", "called"])  # one with a loop is not inlined
@pytest.mark.parametrize(("message", "body"), TRAPS, ids=[f"{i} {row[0]}" for i, row in enumerate(TRAPS)])
def test_every_trap_has_its_class_message_and_frames(message: str, body: str, before: str) -> None:
    text = f"""(memory 1) (data "abc") (table 2 funcref) (elem (i32.const 0) $f)
        (func $f (param i32 i32) {before} {body})
        (func $outer (export "run") (param i32) (call $f (local.get 0) (i32.const 0)))"""
    traps = []
    for engine_ in (Compiler(), Interpreter()):
        one = Store(engine_).instantiate(encode(parse_wat(text)), name="mine")
        with pytest.raises(Trap, match=message) as caught:
            one.exports.run(1)
        traps.append(caught.value)
    native, portable = traps
    assert type(native) is type(portable)
    assert native.message == portable.message
    if message != "call stack exhausted":
        assert [(f.module, f.name, f.index) for f in native.frames] == [("mine", "f", 0), ("mine", "outer", 1)]
        assert [(f.module, f.name, f.index) for f in portable.frames] == [("mine", "f", 0), ("mine", "outer", 1)]
        (note,), (portable_note,) = native.__notes__, portable.__notes__
        assert note.splitlines()[::2] == portable_note.splitlines()[::2]  # offsets of the innermost may differ
        assert str(native.frames[0]) in note
    else:
        assert native.frames[-1].index == 1
        assert {frame.index for frame in native.frames[:-1]} == {0}
        assert len(native.frames) > 1000
        assert len(native.__notes__[0].splitlines()) == len(portable.__notes__[0].splitlines()) == SHOWN


def test_frames_name_function_and_offset() -> None:
    module = parse_wat("""(memory 1) (func $inner (param i32) (result i32) (nop) (i32.load offset=4 (local.get 0)))
        (func $middle (param i32) (result i32) (i32.add (i32.const 1) (call $inner (local.get 0))))
        (func (export "run") (param i32) (result i32) (call $middle (local.get 0)))""")
    binary = encode(module)
    one = Store(Compiler()).instantiate(binary)
    with pytest.raises(Trap) as caught:
        one.exports.run(65536)
    frames = caught.value.frames
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.name for frame in frames] == ["inner", "middle", "run"]
    offsets = [frame.offset for frame in frames]
    assert None not in offsets
    assert [binary[offset] for offset in offsets if offset is not None] == [0x28, 0x10, 0x10]


def test_frames_are_found_wherever_the_code_ends() -> None:
    """The last call of a function that traps does not return to where the next function begins."""
    lengths = [[*range(n % 8), *range(1000, 1000 + n // 8)] for n in range(64)]
    funcs = [
        "".join(f"(drop (i64.load offset={offset} (local.get 0)))" for offset in offsets) + " unreachable"
        for offsets in lengths
    ]
    one = instance("(memory 1)" + "".join(f'(func (export "f{n}") (param i32) {f})' for n, f in enumerate(funcs)))
    for _ in range(2):  # the code of each is followed by that of the next one
        for n in range(64):
            with pytest.raises(Trap, match="unreachable") as caught:
                one.exports[f"f{n}"](0)
            assert [frame.index for frame in caught.value.frames] == [n]


def test_a_trap_leaves_everything_usable() -> None:
    one = instance("""(memory (export "memory") 1) (global $g (export "g") (mut i32) (i32.const 0))
        (func (export "f") (param i32) (global.set $g (local.get 0)) (i32.store (i32.const 0) (local.get 0))
            (i32.store (local.get 0) (i32.const 5)) (global.set $g (i32.const -1)))""")
    for n in (65536, 70000, 2**31 - 1):
        with pytest.raises(Trap):
            one.exports.f(n)
        assert one.exports.g.value == n
        assert int.from_bytes(one.exports.memory[0:4], "little") == n
    one.exports.f(8)
    assert one.exports.g.value == -1


@pytest.mark.parametrize("depth", [1, 10, 40])
def test_traps_and_exceptions_pass_through_python_and_back(depth: int) -> None:
    def host(n: int) -> int:
        if n == 0:
            raise KeyError("deep")
        return down(n - 1)

    one = instance(
        """(import "h" "f" (func $h (param i32) (result i32)))
        (func (export "f") (param i32) (result i32) (i32.add (call $h (local.get 0)) (i32.const 1)))""",
        {"h": {"f": host}},
    )
    down: Callable[[int], int] = one.exports.f
    with pytest.raises(KeyError, match="deep"):
        down(depth)
    assert instance('(func (export "f") (result i32) (i32.const 3))').exports.f() == 3


def test_a_start_function_runs_and_may_trap() -> None:
    seen: list[int] = []
    text = '(import "h" "f" (func $h (param i32))) (start $s) (func $s (call $h (i32.const 5)) {})'
    instance(text.format(""), {"h": {"f": seen.append}})
    with pytest.raises(Trap, match="unreachable"):
        instance(text.format("unreachable"), {"h": {"f": seen.append}})
    assert seen == [5, 5]
