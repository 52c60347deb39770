"""What instances share, with each other, with the portable engine and with Python; and that it goes when it is done."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable

import pytest
import wasm_jit
from wasm_decoder.syntax.types import I32, FuncType, Limits, MemType
from wasm_interp import Engine, HostFunction, Instance, Interpreter, LinkError, ResourceError, Store, Trap, function_of

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

if wasm_jit.unavailable() is None:
    from wasm_jit import Compiler

ONE_PAGE = MemType(Limits(1, None))

EXPORTER = """
    (memory (export "memory") 1 4) (table (export "table") 4 10 funcref)
    (global (export "i32") (mut i32) (i32.const 1)) (global (export "i64") (mut i64) (i64.const 2))
    (global (export "f32") (mut f32) (f32.const 3)) (global (export "f64") (mut f64) (f64.const 4))
    (global (export "v128") (mut v128) (v128.const i64x2 5 6)) (global (export "funcref") (mut funcref) (ref.null func))
    (global (export "externref") (mut externref) (ref.null extern)) (global (export "fixed") i32 (i32.const 77))
    (func $double (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "call") (param i32 i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 1) (local.get 0)))
    (elem (i32.const 0) $double)
"""
GLOBALS = ("i32", "i64", "f32", "f64", "v128", "funcref", "externref")
IMPORTER = (
    """(import "m" "memory" (memory 1)) (import "m" "table" (table $t 1 funcref))
    (import "m" "fixed" (global $fixed i32))
    (import "m" "double" (func $double (param i32) (result i32)))
    """
    + " ".join(f'(import "m" "{t}" (global ${t} (mut {t})))' for t in GLOBALS)
    + """
    (func $triple (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (elem (i32.const 1) $triple)
    (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "six") (param i32) (result i32) (call $triple (call $double (local.get 0))))
    (func (export "fixed") (result i32) (global.get $fixed))
    (func (export "table grow") (result i32) (table.grow $t (ref.func $triple) (i32.const 2)))
    (func (export "call") (param i32 i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 1) (local.get 0)))
    """
    + " ".join(
        f'(func (export "get {t}") (result {t}) (global.get ${t}))'
        f'(func (export "set {t}") (param {t}) (global.set ${t} (local.get 0)))'
        for t in GLOBALS
    )
)


def pair(from_: Engine, to: Engine) -> "tuple[Instance, Instance]":
    exporter = Store(from_).instantiate(EXPORTER)
    return exporter, Store(to).instantiate(IMPORTER, {"m": exporter})


def both(native: bool) -> Engine:
    return Compiler() if native else Interpreter()


@pytest.mark.parametrize("to_native", [True, False], ids=["native importer", "portable importer"])
class TestSharing:
    """A native instance exports; the importer is of either engine."""

    def test_memory(self, to_native: bool) -> None:
        a, b = pair(Compiler(), both(to_native))
        b.exports.store(100, 7)
        assert a.exports.load(100) == a.exports.memory[100] == 7
        with pytest.raises(Trap, match="out of bounds memory access"):
            b.exports.store(65536, 1)
        view = a.exports.memory.view()
        assert b.exports.grow(1) == 1
        assert (a.exports.size(), b.exports.size(), a.exports.memory.size) == (2, 2, 2)
        b.exports.store(65536, 9)
        assert a.exports.load(65536) == 9
        assert a.exports.grow(1) == 2
        b.exports.store(131072, 8)
        assert a.exports.memory[131072] == 8
        assert a.exports.memory.grow(1) == 3
        b.exports.store(200000, 5)
        assert a.exports.load(200000) == 5
        assert (a.exports.grow(1), b.exports.grow(1)) == (-1, -1)
        view[5] = 6
        assert a.exports.load(5) == 6

    def test_table(self, to_native: bool) -> None:
        a, b = pair(Compiler(), both(to_native))
        assert [a.exports.call(0, 5), a.exports.call(1, 5), b.exports.call(0, 5), b.exports.call(1, 5)] == [
            10,
            15,
            10,
            15,
        ]
        for x in (a, b):
            with pytest.raises(Trap, match="uninitialized element"):
                x.exports.call(2, 5)
            with pytest.raises(Trap, match="undefined element"):
                x.exports.call(4, 5)
        assert b.exports["table grow"]() == 4
        assert a.exports.call(5, 5) == b.exports.call(4, 5) == 15
        a.exports.table.set(2, b.exports.six)
        assert a.exports.call(2, 5) == b.exports.call(2, 5) == 30
        a.exports.table.set(2, None)
        with pytest.raises(Trap, match="uninitialized element 2"):
            a.exports.call(2, 5)
        assert a.exports.table[1](4) == 12

    def test_functions(self, to_native: bool) -> None:
        a, b = pair(Compiler(), both(to_native))
        assert b.exports.six(7) == 42
        assert function_of(a.exports.table[0]) is function_of(a.exports.double)

    @pytest.mark.parametrize(
        ("type_", "first", "second"),
        [
            ("i32", -5, 2**31 - 1),
            ("i64", -5, 2**63 - 1),
            ("f32", -0.5, 1024.0),
            ("f64", 1e300, -0.0),
            ("v128", bytes(range(16)), b"\xff" * 16),
            ("externref", "an object", None),
        ],
    )
    def test_globals(self, to_native: bool, type_: str, first: object, second: object) -> None:
        a, b = pair(Compiler(), both(to_native))
        cell = a.exports[type_]
        b.exports[f"set {type_}"](first)
        assert repr(cell.value) == repr(b.exports[f"get {type_}"]()) == repr(first)
        cell.value = second
        assert repr(cell.value) == repr(b.exports[f"get {type_}"]()) == repr(second)

    def test_globals_with_functions(self, to_native: bool) -> None:
        a, b = pair(Compiler(), both(to_native))
        b.exports["set funcref"](b.exports.six)
        assert a.exports.funcref.value(2) == 12
        a.exports.funcref.value = a.exports.double
        assert b.exports["get funcref"]()(2) == 4

    def test_an_immutable_global(self, to_native: bool) -> None:
        a, b = pair(Compiler(), both(to_native))
        assert b.exports.fixed() == a.exports.fixed.value == 77
        with pytest.raises(AttributeError, match="immutable"):
            a.exports.fixed.value = 5


@pytest.mark.parametrize(
    ("what", "wanted"), [("memory", "(memory 1)"), ("table", "(table 1 funcref)"), ("i32", "(global (mut i32))")]
)
def test_what_the_portable_engine_made_is_refused(what: str, wanted: str) -> None:
    portable = Store(Interpreter()).instantiate(EXPORTER)
    kind = "global" if what == "i32" else what
    with pytest.raises(LinkError, match=f'"m" "{what}".*a {kind} of the native engine') as caught:
        Store(Compiler()).instantiate(f'(import "m" "{what}" {wanted})', {"m": portable})
    assert (caught.value.module, caught.value.field) == ("m", what)


def test_functions_of_the_portable_engine_are_welcome() -> None:
    portable = Store(Interpreter()).instantiate(EXPORTER)
    native = Store(Compiler()).instantiate(
        """(import "m" "double" (func $d (param i32) (result i32))) (table (export "t") 1 funcref)
        (func (export "direct") (param i32) (result i32) (call $d (local.get 0)))
        (func (export "indirect") (param i32) (result i32)
            (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
        (func (export "wrong") (call_indirect (i32.const 0)))""",
        {"m": portable},
    )
    native.exports.t.set(0, portable.exports.double)
    assert native.exports.direct(4) == native.exports.indirect(4) == 8
    with pytest.raises(Trap, match="indirect call type mismatch"):
        native.exports.wrong()


# memory


@pytest.mark.parametrize("guarded", [True, False])
def test_views_outlive_growth_and_the_instance(guarded: bool) -> None:
    one = Store(Compiler(guarded=guarded)).instantiate(EXPORTER)
    memory = one.exports.memory
    first = memory.view()
    assert one.exports.grow(2) == 1
    second = memory.view()
    assert (len(first), len(second)) == (65536, 3 * 65536)
    first[10] = 1
    second[11] = 2
    assert memory.read(10, 2) == b"\1\2"
    gone = weakref.ref(one)
    del one, memory
    gc.collect()
    assert gone() is None
    second[65535] = 9
    assert (first[10], first[11], first[65535]) == (1, 2, 9)


def test_address_space_is_given_back() -> None:
    engine = Compiler()
    for _ in range(17_000):  # 8 GiB each: together they are more than there is
        memory = engine.memory(ONE_PAGE)
        memory.write(65535, b"x")
        assert memory[65535] == ord("x")


def test_a_memory_that_cannot_be_had() -> None:
    with pytest.raises(ResourceError, match="no room for a memory of 1048576 pages"):
        Compiler().memory(MemType(Limits(1 << 20, None)))


# lives

CYCLES = {
    "through a host closure": lambda: with_host(lambda box: lambda: len(box)),
    "through a host function that wants its caller": lambda: with_host(
        lambda box: HostFunction(FuncType((), (I32,)), lambda caller: len(box), caller=True)
    ),
    "through a table of its own": lambda: Store(Compiler()).instantiate(
        '(table (export "t") 2 externref) (func (export "f") (result i32) (i32.const 1))'
    ),
}


def with_host(make: "Callable[[list[object]], object]") -> Instance:
    box: list[object] = []
    one = Store(Compiler()).instantiate(
        """(import "h" "f" (func $h (result i32))) (memory 1) (table (export "t") 2 externref)
        (func (export "f") (result i32) (call $h))""",
        {"h": {"f": make(box)}},
    )
    box.append(one)
    box.append(one.exports.f)
    return one


@pytest.mark.parametrize("name", CYCLES)
@pytest.mark.parametrize("called", [True, False], ids=["called", "never called"])
def test_an_instance_in_a_cycle_is_collected(name: str, called: bool) -> None:
    one = CYCLES[name]()
    store_kept = one.engine
    if called:
        one.exports.f()
        one.exports.t.set(0, one)
        one.exports.t.set(1, one.exports.f)
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    assert store_kept.name == "compiler"


def test_instances_that_import_each_other_go_together() -> None:
    engine = Compiler()
    a = Store(engine).instantiate(EXPORTER)
    b = Store(engine).instantiate(IMPORTER, {"m": a})
    a.exports.table.set(3, b.exports.six)
    assert a.exports.call(3, 2) == 12
    gone = [weakref.ref(a), weakref.ref(b)]
    del b
    gc.collect()
    assert gone[1]() is not None
    assert a.exports.call(3, 2) == 12
    del a
    gc.collect()
    assert [each() for each in gone] == [None, None]


def test_an_export_keeps_its_instance() -> None:
    function = Store(Compiler()).instantiate(EXPORTER).exports.double
    gc.collect()
    assert function(4) == 8


def test_code_of_a_module_lives_as_long_as_an_instance() -> None:
    def twice() -> int:
        one = Store(Compiler()).instantiate(
            '(func (export "f") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))'
        )
        result: int = one.exports.f(21)
        return result

    for _ in range(200):
        assert twice() == 42
        gc.collect(0)


def test_threads_in_one_instance() -> None:
    calls: list[int] = []
    one = Store(Compiler()).instantiate(
        """(import "h" "f" (func $h (param i32) (result i32)))
        (func (export "f") (param i32) (result i32) (local i32)
            (loop (local.set 1 (i32.add (local.get 1) (call $h (local.get 0))))
                (br_if 0 (i32.lt_u (local.get 1) (i32.mul (local.get 0) (i32.const 500)))))
            (local.get 1))""",
        {"h": {"f": lambda n: n}},
    )
    threads = [threading.Thread(target=lambda n=n: calls.append(one.exports.f(n) - 500 * n)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [0] * 6


def test_a_finalizer_that_changes_the_table_has_the_last_word() -> None:
    store = Store(Compiler())
    one = store.instantiate("""(table (export "t") 2 funcref) (type $n (func (result i32)))
        (func (export "call") (param i32) (result i32) (call_indirect (type $n) (local.get 0)))
        (func (export "one") (result i32) (i32.const 1))""")
    table = one.exports.t
    other = store.instantiate('(func (export "five") (result i32) (i32.const 5))')
    table[0] = other.exports.five
    weakref.finalize(other, table.set, 0, one.exports.one)
    assert one.exports.call(0) == 5
    del other
    gc.collect()
    assert one.exports.call(0) == 5
    table[0] = None
    gc.collect()
    assert table[0]() == one.exports.call(0) == 1


def test_threads_that_change_a_table_leave_it_as_the_last_one_left_it() -> None:
    text = """(table (export "t") 4 funcref) (type $n (func (result i32)))
        (func (export "call") (param i32) (result i32) (call_indirect (type $n) (local.get 0)))
        (func (export "f0") (result i32) (i32.const 0)) (func (export "f1") (result i32) (i32.const 1))
        (func (export "f2") (result i32) (i32.const 2)) (func (export "f3") (result i32) (i32.const 3))"""
    one = Store(Compiler()).instantiate(text)
    table = one.exports.t
    functions = [one.exports[f"f{number}"] for number in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def change(number: int) -> None:
        for turn in range(300):
            table[turn % 4] = functions[(turn + number) % 4]

    try:
        threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert [one.exports.call(index) for index in range(4)] == [table[index]() for index in range(4)]
