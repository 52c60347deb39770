"""References that host functions gave to compiled code: it has what it needs, and what it does not need goes."""

from collections.abc import Callable

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

PRELUDE = """
import gc, sys, threading, time
from wasm_jit.native import ticker
from wasm_jit.cpython import executions
ticker.PERIOD = 50_000
executions.MANY = MANY
from wasm_interp import Store
from wasm_jit import Compiler

class Thing:
    alive = most = made = 0
    def __init__(self):
        Thing.made += 1
        self.number = Thing.made
        Thing.alive += 1
        Thing.most = max(Thing.most, Thing.alive)
        self.mark = [self]  # a cycle would be found, too, if it were gone: the list is checked
        self.mark.clear()
    def __del__(self):
        Thing.alive -= 1
        self.number = -1

def instance(text, imports):
    return Store(Compiler()).instantiate(text, imports)

# what is given back must be what was given: an object that was dropped has another number, or is another object
def same(thing, number):
    assert type(thing) is Thing and thing.number == number, (thing, number)
"""

PROGRAMS = {
    "a million objects need little room": '''
        one = instance("""(import "h" "new" (func $new (result externref)))
            (func (export "f") (param $n i32) (result externref) (local $x externref) (local.set $x (call $new))
              (loop $again
                (drop (call $new))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (local.get $x))""", {"h": {"new": Thing}})
        same(one.exports.f(1_000_000), 1)
        assert Thing.made == 1_000_001 and Thing.alive == 0, (Thing.made, Thing.alive)
        assert Thing.most < 500_000, Thing.most
        ''',
    "objects in locals, on the operand stack, across calls": '''
        names = [f"$x{i}" for i in range(40)]
        checks = " ".join(f"(call $same (local.get {name}) (i32.add (local.get $base) (i32.const {i})))"
                          for i, name in enumerate(names))
        one = instance(f"""
            (import "h" "new" (func $new (result externref)))
            (import "h" "same" (func $same (param externref i32)))
            (import "h" "number" (func $number (result i32)))
            (func $deep (param $x externref) (param $number i32) (param $n i32)
              (if (local.get $n) (then
                (call $spin)
                (call $deep (local.get $x) (local.get $number) (i32.sub (local.get $n) (i32.const 1)))))
              (call $same (local.get $x) (local.get $number)))
            (func $spin (local $i i32)
              (loop $again
                (drop (call $new))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20)))))
            (func (export "f") (param $n i32) (local $base i32)
              {" ".join(f"(local {name} externref)" for name in names)}
              (loop $again
                (local.set $base (i32.add (call $number) (i32.const 1)))
                {" ".join(f"(local.set {name} (call $new))" for name in names)}
                (call $spin)
                {checks}
                ;; on the operand stack, in registers as far as they reach
                (call $new) (call $number)
                (call $new) (call $number)
                (call $new) (call $number)
                (call $spin)
                (call $same) (call $same) (call $same)
                (call $deep (call $new) (call $number) (i32.const 10))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""",
            {"h": {"new": Thing, "same": same, "number": lambda: Thing.made}})
        one.exports.f(300)
        assert Thing.alive == 0, Thing.alive
        ''',
    "many results, more than registers": '''
        one = instance(f"""
            (import "h" "new" (func $new (result {"externref " * 20})))
            (import "h" "same" (func $same (param {"externref " * 20})))
            (func $own (result {"externref " * 20}) (call $new))
            (table 1 funcref) (elem (i32.const 0) $own)
            (func (export "f") (param $n i32)
              (loop $again
                (call $same (call $new))
                (call $same (call $own))
                (call $same (call_indirect (result {"externref " * 20}) (i32.const 0)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""",
            {"h": {"new": lambda: tuple([Thing() for _ in range(20)]),
                   "same": lambda *things: [same(thing, things[0].number + i)
                                           for i, thing in enumerate(things)] and None}})
        one.exports.f(5000)
        assert Thing.made == 300_000 and Thing.alive == 0
        ''',
    "calls from inside host functions": '''
        def host(n):
            thing = one.exports.give()
            if n:
                one.exports.f(n - 1, 30)
            return thing
        one = instance("""
            (import "h" "new" (func $new (result externref)))
            (import "h" "host" (func $host (param i32) (result externref)))
            (import "h" "same" (func $same (param externref i32)))
            (import "h" "of" (func $of (param externref) (result i32)))
            (func (export "give") (result externref) (local $x externref) (local $i i32)
              (local.set $x (call $new))
              (loop $again
                (drop (call $new))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
              (local.get $x))
            (func (export "f") (param $depth i32) (param $n i32)
              (local $a externref) (local $b externref) (local $an i32) (local $bn i32)
              (loop $again
                (local.set $a (call $new)) (local.set $an (call $of (local.get $a)))
                (local.set $b (call $host (local.get $depth))) (local.set $bn (call $of (local.get $b)))
                (call $same (local.get $a) (local.get $an))
                (drop (call $host (local.get $depth)))
                (call $same (local.get $b) (local.get $bn))
                (call $same (local.get $a) (local.get $an))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""",
            {"h": {"new": Thing, "host": host, "same": same, "of": lambda thing: thing.number}})
        one.exports.f(2, 3)
        one.exports.f(1, 300)
        assert Thing.alive == 0, Thing.alive
        ''',
    "results on their way when finalizers run compiled code": '''
        class Last:
            def __index__(self):  # converts a result while the reference before it is on its way already
                one.exports.churn(300)
                return 5
            def __del__(self):
                one.exports.churn(300)
        one = instance("""
            (import "h" "new" (func $new (result externref)))
            (import "h" "two" (func $two (result externref i32)))
            (import "h" "same" (func $same (param externref i32)))
            (import "h" "of" (func $of (param externref) (result i32)))
            (func (export "churn") (param $n i32)
              (loop $again
                (drop (call $new))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
            (func (export "f") (param $n i32) (local $x externref) (local $i i32)
              (loop $again
                (call $two) (local.set $i) (local.set $x)
                (call $same (local.get $x) (call $of (local.get $x)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""",
            {"h": {"new": Thing, "two": lambda: (Thing(), Last()), "same": same, "of": lambda thing: thing.number}})
        one.exports.f(300)
        assert Thing.alive == 0, Thing.alive
        ''',
    "references in globals and tables": '''
        one = instance("""
            (import "h" "new" (func $new (result externref)))
            (import "h" "same" (func $same (param externref i32)))
            (global $g (mut externref) (ref.null extern))
            (table $t 10 externref)
            (func (export "f") (param $n i32) (local $i i32)
              (global.set $g (call $new))
              (table.set $t (i32.const 3) (call $new))
              (loop $again
                (drop (global.get $g)) (drop (table.get $t (i32.const 3))) (drop (call $new))
                (call $same (global.get $g) (i32.const 1))
                (call $same (table.get $t (i32.const 3)) (i32.const 2))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""",
            {"h": {"new": Thing, "same": same}})
        one.exports.f(100_000)
        assert Thing.alive == 2, Thing.alive
        kept, = executions._kept.values()
        assert len(kept) == 0
        ''',
    "several threads": '''
        one = instance("""(import "h" "new" (func $new (result externref)))
            (import "h" "same" (func $same (param externref i32)))
            (import "h" "of" (func $of (param externref) (result i32)))
            (func (export "f") (param $n i32) (local $x externref) (local $number i32)
              (local.set $x (call $new)) (local.set $number (call $of (local.get $x)))
              (loop $again
                (drop (call $new))
                (call $same (local.get $x) (local.get $number))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""",
            {"h": {"new": Thing, "same": same, "of": lambda thing: thing.number}})
        errors = []
        def run():
            try:
                one.exports.f(30_000)
            except BaseException as error:
                errors.append(error)
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not errors, errors
        ''',
}


@pytest.mark.parametrize("many", [1, 1000])
@pytest.mark.parametrize("name", PROGRAMS)
def test_references_are_there_as_long_as_they_are_needed(
    name: str, many: int, runs: Callable[[str, str], None]
) -> None:
    runs(PRELUDE.replace("= MANY", f"= {many}"), PROGRAMS[name])
