"""The crash table: nothing that a module, a caller or a host function does ends the process.

Each row is a program that runs in a child process of its own.  It must come to its end, with "ok" as its only output
and nothing on the error stream; a signal is a failure whatever was printed before.
"""

import os
import subprocess
import sys
import textwrap

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

PRELUDE = """
import gc, os, signal, sys, threading, time, warnings, weakref
from wasm_decoder import WasmError
from wasm_interp import ExitError, HostFunction, Interpreter, LinkError, Memory, Store, Trap, function_of
from wasm_jit import Compiler

def instance(text, imports=None, engine=None, **options):
    return Store(engine or Compiler()).instantiate(text, imports, **options)

def interrupt():
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sys.unraisablehook = lambda *_: None  # an interrupt in a finalizer is nobody's exception

def raises(kind, message, call, *args):
    try:
        result = call(*args)
    except kind as error:
        assert message in str(error), error
        return error
    raise AssertionError(f"{call} returned {result!r}")
"""

#: What the programs below say about values that cross the boundary, and about whose functions and memories they are.
BOUNDARY = {
    "v128 in and out, through host functions and globals": '''
        one = instance("""
            (import "h" "id" (func $id (param v128 i32 v128) (result v128)))
            (global $g (export "g") (mut v128) (v128.const i64x2 1 2))
            (func (export "f") (param v128 v128) (result v128 v128)
                (global.set $g (call $id (local.get 0) (i32.const 7) (local.get 1)))
                (global.get $g) (local.get 0))""", {"h": {"id": lambda a, n, b: b}})
        a, b = bytes(range(16)), bytes(range(16, 32))
        for _ in range(300):
            assert one.exports.f(a, b) == (b, a)
        assert one.exports.g.value == b
        one.exports.g.value = a
        wrong_type = [(bad, TypeError) for bad in ("0" * 16, None, 5, [0] * 16)]
        for bad, kind in ((b"", ValueError), (bytes(17), ValueError), *wrong_type):
            raises(kind, "", one.exports.f, bad, b)
            raises(kind, "", one.exports.f, a, bad)
            returns = '(import "h" "f" (func $f (result v128))) (func (export "f") (result v128) (call $f))'
            raises(kind, "", instance(returns,
                {"h": {"f": lambda: bad}}).exports.f)
        ''',
    "many vectors as arguments and results": '''
        params = " ".join(["v128"] * 40)
        gets = " ".join(f"(local.get {39 - i})" for i in range(40))
        one = instance(f"""(import "h" "f" (func $h (param {params}) (result {params})))
            (func (export "f") (param {params}) (result {params}) {gets} (call $h))""",
            {"h": {"f": lambda *args: args[::-1]}})
        given = tuple(bytes([i]) * 16 for i in range(40))
        assert one.exports.f(*given) == given
        ''',
    "a function of another store": '''
        text = """(table (export "t") 4 funcref) (type $t (func (param i32) (result i32)))
            (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "set") (param i32 funcref) (table.set (local.get 0) (local.get 1)))
            (func (export "get") (param i32) (result funcref) (table.get (local.get 0)))
            (func (export "call") (param i32 i32) (result i32) (call_indirect (type $t) (local.get 1) (local.get 0)))"""
        one, two, portable = instance(text), instance(text), instance(text, engine=Interpreter())
        worlds = (one, two, portable)
        for to in worlds:
            for i, from_ in enumerate(worlds):
                to.exports.set(i, from_.exports.double)
                assert function_of(to.exports.get(i)) is function_of(from_.exports.double)
                assert to.exports.call(i, 21) == 42
                to.exports.t[3] = from_.exports.double
                assert to.exports.call(3, 4) == 8
        importer = """(import "m" "double" (func $d (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $d (local.get 0)))"""
        for engine in (Compiler(), Interpreter()):
            for from_ in worlds:
                assert instance(importer, {"m": from_}, engine).exports.f(5) == 10
        del one, two, portable, from_
        gc.collect()
        for to in worlds:
            assert [to.exports.call(i, 1) for i in range(3)] == [2, 2, 2]
        ''',
    "functions that are no WebAssembly functions": '''
        one = instance("""(table 1 funcref) (func (export "f") (param funcref) (table.set (i32.const 0) (local.get 0)))
            (func (export "c") (call_indirect (i32.const 0)))""")
        for bad in (print, len, lambda: 1, 0, "f", object(), one, type):
            raises(TypeError, "funcref", one.exports.f, bad)
        raises(Trap, "uninitialized element", one.exports.c)
        returns = '(import "h" "f" (func $f (result funcref))) (func (export "f") (result funcref) (call $f))'
        raises(TypeError, "", instance(returns,
            {"h": {"f": lambda: print}}).exports.f)
        ''',
    "stale views": """
        one = instance('''(memory (export "memory") 1 3)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))''')
        memory = one.memory
        old = memory.view()
        assert one.exports.grow(1) == 1 and len(old) == 65536 and len(memory.view()) == 131072
        old[5] = 7
        assert memory[5] == 7
        new = memory.view()
        new[131071] = 1
        del one, memory
        gc.collect()
        assert old[5] == 7 and new[131071] == 1
        old[65535] = 3
        assert new[65535] == 3
        raises(IndexError, "", lambda: new[131072])
        """,
    "integers and objects of every size": """
        one = instance('''(func (export "f") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
            (local.get 0) (local.get 1) (local.get 2) (local.get 3))''')
        f = one.exports.f
        assert f(2**32 - 1, -2**63, 1, True) == (-1, -2**63, 1.0, 1.0)
        class Evil:
            def __index__(self): gc.collect(); return 5
            def __float__(self): gc.collect(); return 2.5
        assert f(Evil(), Evil(), Evil(), Evil()) == (5, 5, 2.5, 2.5)
        for bad in (2**32, -2**31 - 1, 10**1000):
            raises(OverflowError, "", f, bad, 0, 0, 0)
        for bad in (2**64, -2**63 - 1, -10**1000):
            raises(OverflowError, "", f, 0, bad, 0, 0)
        raises(OverflowError, "", f, 0, 0, 0, 10**1000)
        for args in ((), (1,), (1, 2, 3), (1, 2, 3, 4, 5), tuple(range(1000))):
            raises(TypeError, "arguments", f, *args)
        for bad in (None, "1", b"1", [], 1j):
            for i in range(4):
                args = [0] * 4
                args[i] = bad
                raises(TypeError, "", f, *args)
        raises(TypeError, "", lambda: f(1, 2, 3, 4, x=5))
        """,
    "arguments that call back": """
        holder = []
        class Evil:
            def __init__(self, depth): self.depth = depth
            def __index__(self):
                return self.depth and holder[0].exports.f(Evil(self.depth - 1)) + 1
        holder.append(instance('(func (export "f") (param i32) (result i32) (local.get 0))'))
        assert holder[0].exports.f(Evil(50)) == 50
        raises(RecursionError, "", holder[0].exports.f, Evil(10**6))
        """,
}

INTERRUPTS = {
    "exceptions in host functions from several threads": '''
        def host(n):
            if n % 3 == 0:
                raise KeyError(n)
            return n
        one = instance("""(import "h" "f" (func $h (param i32) (result i32)))
            (func $inner (param i32) (result i32) (i32.add (call $h (local.get 0)) (i32.const 1)))
            (func (export "f") (param i32) (result i32) (call $inner (local.get 0)))""", {"h": {"f": host}})
        failed = []
        def run(start):
            for n in range(start, start + 600):
                try:
                    if one.exports.f(n) != n + 1 or n % 3 == 0:
                        failed.append(n)
                except KeyError as error:
                    if error.args != (n,):
                        failed.append(n)
        threads = [threading.Thread(target=run, args=(10000 * i,)) for i in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not failed
        ''',
    "KeyboardInterrupt anywhere in a loop that calls a host function": '''
        calls = 0
        def host(x):
            global calls
            calls += 1
            return x + 1
        one = instance("""(import "h" "f" (func $h (param i32) (result i32))) (memory (export "memory") 1)
            (func $g (param i32) (result i32) (call $h (local.get 0)))
            (func (export "f") (local i32)
                (loop (local.set 0 (call $g (local.get 0))) (i32.store (i32.const 8) (local.get 0)) (br 0)))
            (func (export "twice") (param i32) (result i32) (call $g (call $g (local.get 0))))""", {"h": {"f": host}})
        interrupt()
        interrupted = 0
        for n in range(50):
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.00013 * n)
            try:
                one.exports.f()
            except KeyboardInterrupt:
                interrupted += 1
            assert one.exports.twice(1) == 3
        assert interrupted == 50 and calls
        ''',
    "KeyboardInterrupt while functions are compiled at their first call": '''
        text = " ".join(f"""(func (export "f{i}") (param i32) (result i32) (local i64)
            {"(local.set 1 (i64.add (local.get 1) (i64.extend_i32_u (local.get 0))))" * 40}
            (i32.wrap_i64 (local.get 1)))""" for i in range(60))
        from wasm_decoder import parse_wat
        module = parse_wat(text)
        one = instance(module)
        interrupt()
        interrupted = 0
        for n in range(60):
            f = one.exports[f"f{n}"]
            while True:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.00011 * (n + interrupted % 50))
                    f(1)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    break
                except KeyboardInterrupt:
                    interrupted += 1
            assert f(2) == 80
        ''',
    "KeyboardInterrupt in a pure loop, in nested calls": '''
        def again():
            raises(KeyboardInterrupt, "", spin)
            raise KeyboardInterrupt
        one = instance("""(import "h" "f" (func $h)) (func (export "outer") (call $h)) (func (export "spin") (loop
            (br 0)))""", {"h": {"f": again}})
        spin, outer = one.exports.spin, one.exports.outer
        interrupt()
        for n in range(20):
            signal.setitimer(signal.ITIMER_REAL, 0.002 + 0.0002 * n)
            raises(KeyboardInterrupt, "", outer)
        ''',
    "signal handlers that call compiled code": '''
        one = instance("""(global $n (mut i32) (i32.const 0)) (memory 1)
            (func (export "spin") (param f64) (result f64) (local i32)
                (loop (local.set 0 (f64.add (local.get 0) (f64.const 1))) (local.set 1 (i32.add (local.get 1)
                (i32.const 1)))
                    (br_if 0 (i32.lt_u (global.get $n) (i32.const 5))))
                (f64.sub (local.get 0) (f64.convert_i32_u (local.get 1))))
            (func (export "bump") (param i32) (result i32) (global.set $n (i32.add (global.get $n) (local.get 0)))
            (global.get $n))
            (func (export "trap") (drop (i32.load (i32.const -1))))""")
        def handler(*_):
            raises(Trap, "out of bounds memory access", one.exports.trap)
            one.exports.bump(1)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        assert one.exports.spin(2.5) == 2.5
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert one.exports.bump(0) >= 5
        ''',
    "a signal when the stack is nearly full": '''
        seen = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append(len(seen)))
        one = instance("""(memory 1) (global $d (mut i32) (i32.const 0))
            (func $down (param i32) (result i32) (local i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (local.set 1 (i32.const 300000)) (loop (br_if 0 (local.tee 1 (i32.sub (local.get 1)
                    (i32.const 1))))) (i32.const 0))
                    (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
            (func $fall (param i32) (result i32) (global.set $d (local.get 0)) (i32.add (i32.const 1) (call $fall
            (i32.add (local.get 0) (i32.const 1)))))
            (func (export "down") (param i32) (result i32) (call $down (local.get 0)))
            (func (export "fall") (result i32) (call $fall (i32.const 0)))
            (func (export "depth") (result i32) (global.get $d))""")
        raises(Trap, "call stack exhausted", one.exports.fall)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        deepest = one.exports.depth() // 2
        step = deepest
        while step > 20:  # the deepest that works: there the signals arrive
            try:
                assert one.exports.down(deepest) == deepest
                deepest += step
            except Trap:
                deepest -= step
            step //= 2
        for _ in range(3):
            raises(Trap, "call stack exhausted", one.exports.fall)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert seen
        ''',
    "other threads make and drop instances meanwhile": '''
        text = """(memory (export "memory") 1) (table 3 funcref) (elem (i32.const 0) $f)
            (func $f (param i32) (result i32) (i32.store (i32.const 0) (local.get 0)) (i32.load (i32.const 0)))
            (func (export "f") (param i32) (result i32) (call_indirect (param i32) (result i32) (local.get 0)
            (i32.const 0)))
            (func (export "g") (result i32) (i32.load (i32.const 65536)))"""
        failed = []
        def run(number):
            try:
                for n in range(25):
                    one = instance(text)
                    assert one.exports.f(number * 1000 + n) == number * 1000 + n
                    raises(Trap, "out of bounds memory access", one.exports.g)
            except BaseException as error:
                failed.append(error)
        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not failed, failed
        ''',
    "one instance in several threads, growing": '''
        one = instance("""(memory (export "memory") 1 200)
            (func (export "f") (param i32) (result i32) (local i32)
                (local.set 1 (i32.const 20000))
                (loop (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1)))
                    (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
                (drop (memory.grow (i32.const 1)))
                (i32.load (local.get 0)))""")
        def run(i):
            for _ in range(20):
                one.exports.f(4 * i)
        threads = [threading.Thread(target=run, args=(i,)) for i in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert [int.from_bytes(one.memory.read(4 * i, 4), "little") for i in range(5)] == [400000] * 5
        assert one.memory.size == 101
        ''',
}

RECURSION = {
    "direct, indirect, through globals of state, with large frames": '''
        locals_ = " ".join(["i64"] * 150)
        uses = " ".join(
            f"(local.set {i} (i64.add (local.get {i}) (i64.extend_i32_u (call $id (i32.const {i})))))"
            for i in range(1, 150))
        sums = " ".join(f"(local.set 1 (i64.add (local.get 1) (local.get {i})))" for i in range(2, 150))
        one = instance(f"""(table 2 funcref) (elem (i32.const 0) $b $a)
            (func $id (param i32) (result i32) (local.get 0))
            (func $direct (export "direct") (call $direct) (call $direct))
            (func $a (export "a") (call_indirect (i32.const 0)))
            (func $b (call_indirect (i32.const 1)) (call $a))
            (func $large (export "large") (param i32) (result i64) (local {locals_})
                {uses} (call $large (local.get 0)) (local.set 1) {sums} (local.get 1))
            (func $vectors (export "vectors") (param v128) (result v128) (i8x16.add (call $vectors (local.get 0))
            (local.get 0)))
            """)
        for _ in range(5):
            raises(Trap, "call stack exhausted", one.exports.direct)
            raises(Trap, "call stack exhausted", one.exports.a)
            raises(Trap, "call stack exhausted", one.exports.large, 1)
            raises(Trap, "call stack exhausted", one.exports.vectors, bytes(16))
        ''',
    "through many parameters and results on the stack": '''
        types = " ".join(["i64"] * 500)
        gets = " ".join(f"(local.get {i})" for i in range(500))
        one = instance(f"""(func $f (export "f") (param {types}) (result {types}) {gets} (call $f))""")
        for _ in range(3):
            raises(Trap, "call stack exhausted", one.exports.f, *range(500))
        ''',
    "through host functions": '''
        one = instance("""(import "h" "f" (func $h)) (func $g (export "g") (call $h)
            (call $h))""", {"h": {"f": lambda: one.exports.g()}})
        for _ in range(3):
            error = raises((RecursionError, Trap), "", one.exports.g)
        sys.setrecursionlimit(10**6)
        for _ in range(3):
            error = raises((RecursionError, Trap), "", one.exports.g)
        ''',
    "through host functions, in threads with small stacks": '''
        threading.stack_size(256 << 10)
        sys.setrecursionlimit(10**6)
        one = instance("""(import "h" "f" (func $h)) (func $g (export "g") (call $h)
            (call $h))""", {"h": {"f": lambda: one.exports.g()}})
        kinds = []
        def run():
            kinds.append(type(raises((RecursionError, Trap), "", one.exports.g)))
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(kinds) == 3
        ''',
    "between two instances and two engines": '''
        a = instance("""(table (export "t") 2 funcref) (elem (i32.const 0) $f)
            (func $f (export "f") (call_indirect (i32.const 1)))""")
        for engine in (Compiler(), Interpreter()):
            b = instance("""(import "a" "t" (table 2 funcref)) (import "a" "f" (func $f)) (elem (i32.const 1) $g)
                (func $g (export "g") (call $f) (call $f))""",
                {"a": a}, engine)
            for _ in range(2):
                raises((Trap, RecursionError), "", a.exports.f)
                raises((Trap, RecursionError), "", b.exports.g)
        ''',
    "deep wasm, then Python, then deep wasm": '''
        def host(n):
            return n and one.exports.f(n - 1)
        one = instance("""(import "h" "f" (func $h (param i32) (result i32)))
            (func $down (param i32 i32) (result i32)
                (if (result i32) (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
                (else (call $h (local.get 1)))))
            (func (export "f") (param i32) (result i32) (call $down (i32.const 500)
            (local.get 0)))""", {"h": {"f": host}})
        assert one.exports.f(10) == 0
        raises((RecursionError, Trap), "", one.exports.f, 100000)
        assert one.exports.f(10) == 0
        ''',
    "tracebacks and frames of a deep trap": '''
        import traceback
        one = instance("""(func $f (export "f") (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0)
            (i32.const 1)))) (else unreachable)))""")
        error = raises(Trap, "unreachable", one.exports.f, 3000)
        assert len(error.frames) == 3001 and len("".join(traceback.format_exception(error))) < 20000
        ''',
}

LIFE = {
    "fork in a host function": '''
        warnings.simplefilter("ignore")
        pids = []
        def forks():
            pids.append(os.fork())
            return pids[-1] != 0
        one = instance("""(import "h" "f" (func $h (result i32))) (memory (export "memory") 1)
            (func $late (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export "f") (result i32) (local i32)
                (local.set 0 (call $h)) (i32.store (i32.const 0) (local.get 0)) (call $late (i32.load (i32.const 0))))
            (func (export "bad") (drop (i32.load (i32.const -1))))""", {"h": {"f": forks}})
        result = one.exports.f()
        raises(Trap, "out of bounds memory access", one.exports.bad)
        assert instance('(func (export "f") (result i32) (i32.const 5))').exports.f() == 5
        if result == 1:
            os._exit(0)
        assert result == 2
        assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
        ''',
    "garbage collection at every allocation": '''
        gc.set_threshold(1, 1, 1)
        def host(x, r):
            return [x, r]
        one = instance("""(import "h" "f" (func $h (param f64 externref) (result externref))) (table $t 3 externref)
            (func (export "f") (param f64 externref) (result externref)
                (table.set $t (i32.const 1) (call $h (local.get 0) (local.get 1)))
                (drop (table.grow $t (local.get 1) (i32.const 1)))
                (table.get $t (i32.const 1)))""", {"h": {"f": host}})
        for n in range(300):
            key = {"n": n}
            assert one.exports.f(n / 2, key) == [n / 2, key]
            gc.collect()
        ''',
    "an instance that goes while its export runs": '''
        def drop():
            holder.clear()
            gc.collect()
        holder = [instance("""(import "h" "f" (func $h)) (memory (export "memory") 1)
            (func $g (result i32) (call $h) (i32.store (i32.const 8) (i32.const 5)) (i32.load (i32.const 8)))
            (func (export "f") (result i32) (i32.add (call $g) (call $late)))
            (func $late (result i32) (i32.const 2))""", {"h": {"f": drop}})]
        gone = weakref.ref(holder[0])
        assert holder[0].exports.f() == 7
        gc.collect()
        assert gone() is None
        ''',
    "an instance that goes while its function runs through a table": '''
        def drop():
            a.exports.t.set(0, None)
            b.clear()
            gc.collect()
            instance('(memory 1) (func (export "f"))').exports.f()
        a = instance("""(table (export "t") 1 funcref)
            (func (export "f") (result i32) (call_indirect (result i32) (i32.const 0)))""")
        b = [instance("""(import "a" "t" (table 1 funcref)) (import "h" "f" (func $h)) (memory 1) (elem
            (i32.const 0) $g)
            (func $g (result i32) (call $h) (i32.store (i32.const 8) (i32.const 5)) (i32.add (i32.load (i32.const 8))
            (call $late)))
            (func $late (result i32) (i32.const 2))""", {"a": a, "h": {"f": drop}})]
        gone = weakref.ref(b[0])
        assert a.exports.f() == 7
        gc.collect()
        assert gone() is None
        ''',
    "a reference to a function that goes while it is held": '''
        def drop():
            a.exports.t.set(0, None)
            b.clear()
            gc.collect()
            return None
        a = instance("""(import "h" "f" (func $h)) (table $t (export "t") 2 funcref)
            (func (export "f") (result funcref) (local funcref)
                (local.set 0 (table.get $t (i32.const 0))) (call $h) (table.set $t (i32.const 1) (local.get 0))
                (local.get 0))
            (func (export "call") (result i32) (call_indirect (result i32) (i32.const 1)))""", {"h": {"f": drop}})
        b = [instance("""(import "a" "t" (table 1 funcref)) (elem (i32.const 0) $g) (func $g (result i32)
            (i32.const 42))""", {"a": a})]
        assert a.exports.f()() == 42
        gc.collect()
        assert a.exports.call() == 42
        ''',
    "a function that a host function returns and nobody else has": '''
        def fresh():
            made = instance('(func (export "f") (result i32) (i32.const 42))').exports.f
            return made
        def collect():
            gc.collect()
            instance('(memory 1) (func (export "f"))').exports.f()
        one = instance("""(import "h" "fresh" (func $fresh (result funcref))) (import "h" "collect" (func $collect))
            (table $t 1 funcref)
            (func (export "f") (result i32) (local funcref) (local.set 0 (call $fresh)) (call $collect)
                (table.set $t (i32.const 0) (local.get 0)) (call_indirect (result i32)
                (i32.const 0)))""", {"h": {"fresh": fresh, "collect": collect}})
        for _ in range(5):
            assert one.exports.f() == 42
        ''',
    "interpreter shutdown with live instances": '''
        import atexit
        one = instance("""(import "h" "f" (func $h (param i32) (result i32))) (memory (export "memory") 1)
            (func (export "f") (param i32) (result i32) (call $h (i32.load
            (local.get 0))))""", {"h": {"f": lambda x: x}})
        one.exports.f(0)
        view = one.memory.view()
        class Late:
            def __del__(self, one=one):
                assert one.exports.f(8) == 0
        sys.late = Late()
        loop = [Late()]; loop.append(loop)
        atexit.register(one.exports.f, 4)
        ''',
    "interpreter shutdown with threads in compiled code": '''
        one = instance("""(import "h" "f" (func $h)) (func (export "spin") (loop (br 0))) (func (export "call") (loop
            (call $h) (br 0)))""", {"h": {"f": lambda: None}})
        for f in (one.exports.spin, one.exports.call, one.exports.spin):
            threading.Thread(target=f, daemon=True).start()
        time.sleep(0.05)
        ''',
    "an exit in a host function, and calls afterwards": '''
        def leave(caller, code):
            raise ExitError(code)
        from wasm_decoder.syntax.types import I32, FuncType
        one = instance("""(import "h" "exit" (func $exit (param i32))) (func $f (export "f") (call $exit (i32.const 3)))
            (func (export "g") (result i32) (call $f) (i32.const 1)) (func (export "h") (result i32) (i32.const 1))""",
            {"h": {"exit": HostFunction(FuncType((I32,), ()), leave, caller=True)}})
        assert one.exports.h() == 1
        assert raises(ExitError, "3", one.exports.g).code == 3
        for name in "fgh":
            assert raises(ExitError, "3", one.exports[name]).code == 3
        ''',
    "generators and coroutines between calls": '''
        one = instance("""(import "h" "f" (func $h (result i32))) (func (export "f") (result i32)
            (call $h))""", {"h": {"f": lambda: next(steps)}})
        def generate():
            for n in range(5):
                yield n if n < 3 else one2.exports.f()
        one2 = instance("""(func (export "f") (result i32) (i32.const 99))""")
        steps = generate()
        assert [one.exports.f() for _ in range(5)] == [0, 1, 2, 99, 99]
        raises(StopIteration, "", one.exports.f)
        def self_call():
            yield one.exports.f()
        steps = self_call()
        raises(ValueError, "already executing", one.exports.f)
        ''',
    "faulthandler is on": '''
        import faulthandler
        faulthandler.enable()
        one = instance("""(memory 1) (func $f (export "f") (param i32) (result i32) (i32.load (local.get 0))) (func $r
            (export "r") (call $r) (call $r))""")
        for _ in range(300):
            raises(Trap, "out of bounds memory access", one.exports.f, -1)
        raises(Trap, "call stack exhausted", one.exports.r)
        faulthandler.disable()
        raises(Trap, "out of bounds memory access", one.exports.f, 65536)
        ''',
    "tracing and profiling": '''
        events = []
        one = instance("""(import "h" "f" (func $h)) (func (export "f") (call $h)) (func
            (export "t") unreachable)""", {"h": {"f": lambda: None}})
        sys.setprofile(lambda frame, event, arg: events.append(event))
        sys.settrace(lambda frame, event, arg: None)
        one.exports.f()
        try:
            one.exports.t()
        except Trap:
            pass
        sys.settrace(None)
        sys.setprofile(None)
        assert "c_call" in events and "c_exception" in events
        def bad(*_):
            raise LookupError("tracing")
        for n in range(20):
            fresh = instance("""(import "h" "f" (func $h)) (func (export "f") (call $h) (call $g))
                (func $g)""", {"h": {"f": lambda: None}}).exports.f
            count = 0
            def later(frame, *_):
                global count
                count += "wasm_jit" in frame.f_code.co_filename
                if count > n and "wasm_jit" in frame.f_code.co_filename:
                    raise LookupError("tracing")
            sys.setprofile(later)
            try:
                fresh()
            except LookupError:
                pass
            sys.setprofile(None)
            fresh()
        ''',
}

LIMITS = {
    "a guest that grows its memory to the limit": '''
        one = instance("""(memory (export "memory") 0)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "poke") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
            (func (export "size") (result i32) (memory.size))""")
        grow = one.exports.grow
        raises(Trap, "out of bounds memory access", one.exports.poke, 0)
        size = 0
        while size < 65536 and grow(4096) == size:
            size += 4096
            one.exports.poke(size * 65536 - 1)
            if size < 65536:
                raises(Trap, "out of bounds memory access", one.exports.poke, size * 65536)
        assert one.exports.size() == size == one.memory.size
        if size == 65536:
            assert grow(1) == -1 and grow(-1) == -1 and grow(65536) == -1
        assert grow(0) == size
        ''',
    "memory growth beyond the address space that is allowed": '''
        import resource
        one = instance("""(memory (export "memory") 1) (func (export "grow") (param i32) (result i32) (memory.grow
            (local.get 0)))
            (func (export "f") (param i32) (result i32) (i32.load (local.get 0)))""")
        assert one.exports.f(0) == 0 and one.exports.grow(0) == 1
        resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))
        assert one.exports.grow(1) in (1, -1)
        assert one.exports.f(65532) == 0
        raises(WasmError, "no room for", instance, "(memory 1)")
        raises(Trap, "out of bounds memory access", one.exports.f, -4)
        ''',
    "little address space from the start": '''
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
        assert instance('(func (export "f") (param i32) (result i32) (local.get 0))').exports.f(7) == 7
        one = instance("""(memory (export "memory") 1) (func (export "grow") (param i32) (result i32) (memory.grow
            (local.get 0)))
            (func (export "f") (param i32) (result i32) (i32.load offset=8 (local.get 0)))""")
        one.memory.write(65528, b"\\x05")
        assert one.exports.f(65520) == 5
        for address in (65525, 65536, -1, -8, -9, -2**31):
            raises(Trap, "out of bounds memory access", one.exports.f, address)
        while one.exports.grow(100) > 0:
            pass
        assert one.exports.f(len(one.memory) - 12) == 0
        raises(Trap, "out of bounds memory access", one.exports.f, len(one.memory) - 11)
        raises(WasmError, "no room for a memory", instance, "(memory 30000)")
        ''',
    "no memory left in a host function": '''
        import resource
        one = instance("""(import "h" "f" (func $h (result i32))) (func (export "f") (result i32) (call $h))""",
            {"h": {"f": lambda: len(bytearray(1 << 40))}})
        raises(MemoryError, "", one.exports.f)
        ''',
    "huge memory offsets": """
        loads = ("i32.load", "i64.load", "f32.load", "f64.load", "i32.load8_s", "i64.load32_u", "v128.load",
            "v128.load8x8_u", "v128.load64_splat")
        stores = {"i32.store": "i32.const 0", "i64.store": "i64.const 0", "f64.store": "f64.const 0",
            "i64.store8": "i64.const 0", "v128.store": "v128.const i64x2 0 0"}
        for offset in (65533, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff):
            one = instance('(memory 1)' + " ".join(
                [f'(func (export "{name}") (param i32) (drop ({name} offset={offset} (local.get 0))))'
                 f'(func (export "{name} const") (drop ({name} offset={offset} (i32.const 3))))' for name in loads] +
                [f'(func (export "{name}") (param i32) ({name} offset={offset} (local.get 0) ({value})))'
                 for name, value in stores.items()]))
            for name in one.exports:
                for address in ((3, 0x7fffffff, -1, -65536) if "const" not in name else (None,)):
                    args = [] if address is None else [address]
                    raises(Trap, "out of bounds memory access", one.exports[name], *args)
        """,
    "unaligned accesses at the end of memory": """
        sizes = {"i32.load": 4, "i64.load": 8, "f32.load": 4, "f64.load": 8, "i32.load8_u": 1, "i32.load16_s": 2,
            "i64.load32_s": 4, "v128.load": 16,
            "v128.load32x2_s": 8, "v128.load16_splat": 2, "v128.load64_zero": 8}
        one = instance('(memory 1 2) (func (export "grow") (drop (memory.grow (i32.const 1))))' +
            " ".join(f'''(func (export "{n}") (param i32) (drop ({n} (local.get 0))))
            (func (export "{n} 7") (param i32) (drop ({n} offset=7 (local.get 0))))''' for n in sizes))
        for end in (65536, 131072):
            for name, size in sizes.items():
                for offset, suffix in ((0, ""), (7, " 7")):
                    one.exports[name + suffix](end - size - offset)
                    for beyond in range(1, size + 1):
                        first = end - size - offset + beyond
                        raises(Trap, "out of bounds memory access", one.exports[name + suffix], first)
            one.exports.grow()
        """,
    "a store across the end writes nothing": '''
        one = instance("""(memory (export "memory") 1) (func (export "f") (param i32) (i64.store (local.get 0)
            (i64.const -1)))
            (func (export "v") (param i32) (v128.store (local.get 0) (v128.const i64x2 -1 -1)))""")
        for address in range(65529, 65536):
            raises(Trap, "out of bounds memory access", one.exports.f, address)
        for address in range(65521, 65536):
            raises(Trap, "out of bounds memory access", one.exports.v, address)
        assert one.memory.read(65500, 36) == bytes(36)
        ''',
    "bulk operations at every edge": '''
        one = instance("""(memory (export "memory") 1) (data $d "12345678") (table $t 8 funcref) (elem $e funcref
            (ref.null func) (ref.null func))
            (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
            (func (export "init") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tcopy") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tinit") (param i32 i32 i32) (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tfill") (param i32 i32 i32) (table.fill $t (local.get 0) (ref.null func) (local.get 2)))
            (func (export "tget") (param i32 i32 i32) (drop (table.get $t (local.get 0))))""")
        edges = (0, 1, 7, 8, 9, 65535, 65536, 65537, 0x7fffffff, -0x80000000, -65536, -2, -1)
        traps = 0
        for name in ("copy", "fill", "init", "tcopy", "tinit", "tfill", "tget"):
            for a in edges:
                for b in edges:
                    for c in edges:
                        try:
                            one.exports[name](a, b, c)
                        except Trap as trap:
                            traps += 1
                            assert "out of bounds" in str(trap)
        assert traps > 5000
        assert len(one.memory) == 65536
        ''',
    "tables of the maximum size": '''
        raises(WasmError, "no room for a table", instance, "(table 0xffffffff funcref)")
        one = instance("""(table $t (export "t") 1000000 funcref) (elem (i32.const 999999) $f) (func $f (result i32)
            (i32.const 5))
            (func (export "f") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
            (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))""")
        assert one.exports.f(999999) == 5
        raises(Trap, "uninitialized element", one.exports.f, 0)
        for index in (1000000, -1, 0x7fffffff, -0x80000000):
            raises(Trap, "undefined element", one.exports.f, index)
        assert one.exports.grow(-1) == -1 and one.exports.grow(0x7fffffff) == -1
        assert one.exports.grow(1) == 1000000
        raises(Trap, "uninitialized element", one.exports.f, 1000000)
        ''',
    "huge functions, deep nesting, wide jump tables": '''
        depth = 400
        labels = " ".join(str(i % depth) for i in range(20000))
        one = instance(f"""(func (export "f") (param i32) (result i32) {"(block " * depth}
            (br_table {labels} 0 (local.get 0)) {")" * depth} (i32.const 9))""")
        for index in (0, 19999, 20000, -1):
            assert one.exports.f(index) == 9
        ''',
    "every processor exception is a trap": '''
        one = instance("""(func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
            (func (export "rem") (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
            (func (export "ldiv") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
            (func (export "urem") (param i32 i32) (result i32) (i32.rem_u (local.get 0) (local.get 1)))
            (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
            (func (export "utrunc") (param f32) (result i64) (i64.trunc_f32_u (local.get 0)))""")
        e = one.exports
        raises(Trap, "integer overflow", e.div, -2**31, -1)
        raises(Trap, "integer overflow", e.ldiv, -2**63, -1)
        for f in (e.div, e.rem, e.ldiv, e.urem):
            raises(Trap, "integer divide by zero", f, 1, 0)
        assert e.rem(-2**63, -1) == 0
        raises(Trap, "invalid conversion to integer", e.trunc, float("nan"))
        for x in (2.0**31, -2.0**31 - 1, float("inf"), -float("inf"), 1e300):
            raises(Trap, "integer overflow", e.trunc, x)
        for x in (2.0**64, -1.0, float("inf")):
            raises(Trap, "integer overflow", e.utrunc, x)
        ''',
}

MOMENTS = {
    "references to functions on their way to Python": '''
        a = instance("""(table $t (export "t") 1 funcref)
            (func (export "one") (result funcref) (local funcref) (local.set 0 (table.get $t (i32.const 0)))
                (table.set $t (i32.const 0) (ref.null func)) (local.get 0))
            (func (export "three") (result f64 funcref funcref) (local funcref)
                (local.set 0 (table.get $t (i32.const 0))) (table.set $t (i32.const 0) (ref.null func))
                (f64.const 1) (local.get 0) (local.get 0))
            (func (export "many") (result""" + " f64 funcref" * 20 + """) (local funcref)
                (local.set 0 (table.get $t (i32.const 0))) (table.set $t (i32.const 0) (ref.null func))
            """ + "(f64.const 1) (local.get 0) " * 20 + ")")
        def fill():
            b = instance('(memory 1) (func (export "f") (result i32) (i32.const 42))')
            a.exports.t.set(0, b.exports.f)
        fill()
        a.exports.one()
        fill()
        a.exports.three()
        gc.set_threshold(1, 1, 1)
        for _ in range(30):
            fill()
            assert a.exports.one()() == 42
            fill()
            assert a.exports.three()[2]() == 42
            fill()
            assert a.exports.many()[39]() == 42
        ''',
    "objects on their way through tables and globals": '''
        class Thing:
            pass
        def collect():
            gc.collect()
        one = instance("""(import "h" "f" (func $h)) (table $t (export "t") 1 externref)
            (global $g (export "g") (mut externref) (ref.null extern))
            (func (export "f") (result externref externref) (local externref externref)
                (local.set 0 (table.get $t (i32.const 0))) (local.set 1 (global.get $g))
                (table.set $t (i32.const 0) (ref.null extern)) (global.set $g (ref.null extern)) (call $h)
                (local.get 0) (local.get 1))""", {"h": {"f": collect}})
        for _ in range(50):
            one.exports.t.set(0, Thing())
            one.exports.g.value = Thing()
            first, second = one.exports.f()
            assert type(first) is type(second) is Thing
            gone = weakref.ref(first), weakref.ref(second)
            del first, second
            assert gone[0]() is gone[1]() is None
        ''',
    "exceptions of every kind in host functions": '''
        class Mine(BaseException):
            pass
        def host():
            raise kind
        one = instance("""(import "h" "f" (func $h)) (func $g (call $h)) (func (export "f")
            (call $g))""", {"h": {"f": host}})
        for kind in (Mine, Mine(), SystemExit(3), GeneratorExit, StopIteration(5), StopAsyncIteration,
                KeyboardInterrupt, MemoryError, RecursionError, Trap("mine"), ExceptionGroup("g", [ValueError()])):
            try:
                one.exports.f()
            except BaseException as error:
                assert error is kind or type(error) is kind
            else:
                raise AssertionError(kind)
        ''',
    "exceptions that other threads send": '''
        import ctypes
        one = instance("""(import "h" "f" (func $h)) (func (export "spin") (loop (br 0))) (func (export "call") (loop
            (call $h) (br 0)))""",
            {"h": {"f": lambda: None}})
        for f in (one.exports.call, one.exports.spin):
            ended = []
            def run():
                try:
                    f()
                except LookupError:
                    ended.append(True)
            thread = threading.Thread(target=run)
            thread.start()
            time.sleep(0.02)
            while thread.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(LookupError))
                thread.join(0.05)
            assert ended == [True]
        ''',
    "first calls where Python's stack ends": '''
        text = """(import "h" "f" (func $h)) (memory 1) (table $t 2 externref)
            (func $g (result i32) (drop (table.grow $t (ref.null extern) (i32.const 1))) (drop (memory.grow
            (i32.const 0)))
                (i32.add (table.size $t) (i32.const 40)))
            (func (export "f") (result i32) (call $h) (call $g))"""
        from wasm_decoder import parse_wat
        def deep(n, f):
            return deep(n - 1, f) if n else f()
        def room():
            n = 0
            def count():
                nonlocal n
                n += 1
                count()
            try:
                count()
            except RecursionError:
                return n
        free = room()
        gc.set_threshold(10)  # finalizers run there, too
        failed = 0
        for margin in range(1, 60):
            fresh = instance(parse_wat(text), {"h": {"f": lambda: None}})
            try:
                deep(free - margin, lambda: fresh.exports.f())
            except RecursionError:
                failed += 1
            assert fresh.exports.f() in (43, 44, 45)
        assert failed
        ''',
    "allocations that fail": '''
        try:
            import _testcapi
        except ImportError:
            _testcapi = None
        one = instance("""(import "h" "f" (func $h (param i64 f64 v128 externref) (result i64 f64 v128 externref)))
            (func (export "f") (param i64 f64 v128 externref) (result i64 f64 v128 externref)
                (local.get 0) (local.get 1) (local.get 2) (local.get 3) (call $h))
            (func (export "t") (param i64) (result i64) (drop (i64.div_s (local.get 0) (i64.const 0)))
            (local.get 0))""",
            {"h": {"f": lambda *args: args}})
        f, t = one.exports.f, one.exports.t
        args = (2**60, 1.5, bytes(16), [])
        assert f(*args) == args
        raises(Trap, "divide by zero", t, 2**62)
        failed = 0
        for n in range(40 if _testcapi else 0):
            result = None
            _testcapi.set_nomemory(n, n + 1)
            try:
                result = f(*args)
            except MemoryError:
                failed += 1
            finally:
                _testcapi.remove_mem_hooks()
            assert result is None or result == args
        # (CPython 3.12 and 3.13 themselves crash then, in a generator expression)
        for n in range(40 if _testcapi and sys.version_info[:2] not in ((3, 12), (3, 13)) else 0):
            _testcapi.set_nomemory(n, n + 1)
            try:
                t(2**62)
            except (MemoryError, Trap):
                pass
            finally:
                _testcapi.remove_mem_hooks()
        assert f(*args) == args and (failed > 3 or not _testcapi)
        ''',
    "finalizers that call compiled code": '''
        calls = 0
        class Late:
            def __del__(self):
                global calls
                calls += 1
                assert one.exports.add(calls) == calls + 1
                raises(Trap, "unreachable", one.exports.trap)
        def host(x):
            cycle = [Late()]
            cycle.append(cycle)
            Late()
            if x % 50 == 0:
                gc.collect()
            return x
        one = instance("""(import "h" "f" (func $h (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (i32.add (i32.mul (call $h (local.get 0)) (i32.const 3))
            (call $h (local.get 0))))
            (func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export "trap") unreachable)""", {"h": {"f": host}})
        for n in range(200):
            assert one.exports.f(n) == 4 * n
        gc.collect()
        assert calls == 800
        ''',
    "threads that come and go": '''
        one = instance("""(import "h" "f" (func $h (param i32) (result i32))) (memory 1)
            (func (export "f") (param i32) (result i32) (i32.add (call $h (local.get 0)) (i32.load (i32.const 8))))
            (func (export "bad") (drop (i32.load
            (i32.const -1))))""", {"h": {"f": lambda n: (time.sleep(0.001), n)[1]}})
        sys.setswitchinterval(1e-6)
        results = []
        def run(n):
            results.append(one.exports.f(n) - n)
            raises(Trap, "out of bounds", one.exports.bad)
        for _ in range(6):
            threads = [threading.Thread(target=run, args=(n,)) for n in range(50)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        assert results == [0] * 300
        ''',
    "more memories than there is room for": """
        from wasm_decoder.syntax.types import Limits, MemType
        engine = Compiler()
        kind = MemType(Limits(1, 2))
        kept = []
        try:
            while len(kept) < 40000 and (not kept or kept[-1].guarded):
                kept.append(engine.memory(kind))
                kept[-1].write(0, b"x")
        except (WasmError, MemoryError, OSError):
            pass
        assert len(kept) > 5000 and kept[-1][0] == 120
        kept.clear()
        gc.collect()
        assert instance('(memory 1) (func (export "f") (result i32) (i32.load (i32.const 0)))').exports.f() == 0
        """,
    "copies, pickles and other looks at what there is": """
        import copy, pickle, inspect
        one = instance('(memory (export "memory") 1) (func (export "f") (param i32) (result i32) (local.get 0))')
        f = one.exports.f
        acts = (pickle.dumps, copy.copy, copy.deepcopy, hash, repr, inspect.signature, dir, str, bool, vars, iter, len)
        for act in acts:
            for thing in (f, one, one.exports, one.memory, one.memory.view(), f.__self__):
                try:
                    act(thing)
                except Exception:
                    pass
        raises(TypeError, "can't be copied", copy.deepcopy, one.linked)
        assert f(5) == 5
        assert list(map(f, range(5))) == [0, 1, 2, 3, 4] and sorted([3, 1, 2], key=f) == [1, 2, 3]
        f.__call__(1)
        f.__reduce__
        type(f).__call__(f, 7)
        """,
}

DENIED = {
    "executable memory is denied": """
        from wasm_jit.native.system import system
        def denied(*_):
            raise PermissionError(13, "denied")
        system.map_twice = system.protect = denied
        import wasm_jit
        assert "executable memory is denied" in wasm_jit.unavailable()
        raises(OSError, "executable memory is denied", Compiler)
        assert Store(Interpreter()).instantiate('(func (export "f") (result i32) (i32.const 1))').exports.f() == 1
        try:
            from wazero import Runtime
        except ImportError:  # this package alone
            sys.exit(print("ok", flush=True))
        runtime = Runtime()
        assert (runtime.engine, runtime.engine_reason) == ("interpreter", wasm_jit.unavailable())
        assert runtime.instantiate('(func (export "f") (result i32) (i32.const 2))').exports.f() == 2
        """,
    "only files in memory are denied": '''
        from wasm_jit.native.system import system
        def denied(*_):
            raise PermissionError(13, "denied")
        system.map_twice = denied
        import wasm_jit
        assert wasm_jit.unavailable() is None
        one = instance("""(memory 1) (func $f (export "f") (param i32) (result i32) (i32.load (local.get 0)))""")
        assert one.exports.f(0) == 0
        raises(Trap, "out of bounds memory access", one.exports.f, 65536)
        ''',
    "another system": """
        sys.platform = "plan9"
        import wasm_jit
        assert "plan9" in wasm_jit.unavailable()
        raises(OSError, "plan9", Compiler)
        """,
    "sub-interpreters": '''
        import wasm_jit
        assert wasm_jit.unavailable() is None
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        warnings.simplefilter("ignore")
        source = """if True:
            import sys
            sys.path[:] = PATH
            import wasm_interp
            try:
                import wasm_jit
                reason = wasm_jit.unavailable()
            except ImportError as error:
                reason = str(error)
            assert reason, reason
            try:
                from wasm_jit import Compiler
                Compiler()
            except (ImportError, OSError) as error:
                pass
            else:
                raise AssertionError("a native engine in a sub-interpreter")
            store = wasm_interp.Store()
            assert store.instantiate('(func (export "f") (result i32) (i32.const 7))').exports.f() == 7
            """
        one = instance("""(import "h" "f" (func $h (result i32))) (func (export "f") (result i32)
            (call $h))""", {"h": {"f": lambda: run()}})
        def run():
            for config in ((), ("legacy",)):
                try:
                    made = interpreters.create(*config)
                except Exception:
                    continue
                run_in = getattr(interpreters, "exec", None) or interpreters.run_string
                failure = run_in(made, source.replace("PATH", repr(sys.path)))
                assert failure is None, failure
                interpreters.destroy(made)
            return 5
        run()
        assert one.exports.f() == 5
        ''',
}

TABLE = {**BOUNDARY, **INTERRUPTS, **RECURSION, **LIFE, **LIMITS, **MOMENTS, **DENIED}


@pytest.mark.parametrize("name", TABLE)
def test_the_process_survives(name: str) -> None:
    program = PRELUDE + textwrap.dedent(TABLE[name]) + "\nprint('ok', flush=True)\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
