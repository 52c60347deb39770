"""Threads: what they hold of the native engine and give back when they end, and calls without the GIL."""

import textwrap
from collections.abc import Callable

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

PRELUDE = """
import ctypes, gc, os, signal, sys, threading, time, weakref
from wasm_interp import HostFunction, Interpreter, LinkError, Store, Trap
from wasm_jit import Compiler
from wasm_jit.cpython import executions

def instance(text, imports=None, engine=None):
    return Store(engine or Compiler()).instantiate(text, imports)

def run(count, function, *args):
    failed = []
    def call(number):
        try:
            function(number, *args)
        except BaseException as error:
            failed.append(error)
    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert not failed, failed

def stacks():
    return len(executions._stacks)
"""

EXECUTIONS = {
    "a thread after the other needs one stack": """
        one = instance('(func (export "f") (param i32) (result i32) (local.get 0))')
        one.exports.f(0)
        for _ in range(2000):
            run(1, one.exports.f)
        assert stacks() == 2, stacks()
        """,
    "many threads at once, and what stays of them": """
        one = instance('(import "h" "f" (func $h)) (func (export "f") (call $h))',
            {"h": {"f": lambda: waits()}})
        def waits():
            barrier.wait()
            barrier.wait()
        for count in (100, 60):
            barrier = threading.Barrier(count + 1)
            def look():
                barrier.wait()
                seen.append(stacks())
                barrier.wait()
            seen = []
            watcher = threading.Thread(target=look)
            watcher.start()
            run(count, lambda _: one.exports.f())
            watcher.join()
            assert seen == [count], seen
            assert stacks() <= executions.SPARE
        before = len(executions._kept)
        run(100, lambda _: instance('(func (export "f"))').exports.f())
        assert len(executions._kept) == before == 100
        """,
    "finalizers of a thread's own objects call compiled code": """
        one = instance('(func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))')
        done = []
        class Late:
            def __init__(self, number): self.number = number
            def __del__(self): done.append(one.exports.f(self.number))
        own = threading.local()
        def call(number):
            own.first = Late(number)
            one.exports.f(number)
            own.last = Late(number)
            executions._own.later = Late(number)
        for _ in range(40):
            run(5, call)
        assert len(done) == 600
        run(5, lambda number: one.exports.f(number))
        assert len(executions._kept) < 20, len(executions._kept)
        """,
    "stacks of other sizes in threads with the same numbers": """
        one = instance('''(import "h" "f" (func $h (param i32))) (func (export "f") (param i32)
            (call $h (local.get 0)))''', {"h": {"f": lambda n: n and one.exports.f(n - 1)}})
        sys.setrecursionlimit(10**6)
        def fall(_):
            try:
                one.exports.f(10**5)
            except (RecursionError, MemoryError):
                return
            raise AssertionError
        for size in (16 << 20, 1 << 20, 4 << 20, 512 << 10) * 3:
            threading.stack_size(size)
            run(1, fall)
        """,
    "no address space for another thread's stack": """
        one = instance('(func (export "f") (result i32) (i32.const 5))')
        executions.stack_size = 1 << 60
        def call(_):
            try:
                one.exports.f()
            except OSError as error:
                assert error.errno == 12
            else:
                raise AssertionError
        one.exports.f() if stacks() else None
        """,
    "fork with threads": """
        one = instance('(import "h" "f" (func $h)) (func (export "f") (call $h))', {"h": {"f": lambda: wait()}})
        def wait():
            ready.wait()
            over.wait()
        ready, over = threading.Barrier(4), threading.Event()
        threads = [threading.Thread(target=one.exports.f) for _ in range(3)]
        for thread in threads: thread.start()
        ready.wait()
        import warnings
        warnings.simplefilter("ignore")
        child = os.fork()
        if not child:
            wait = lambda: None
            run(3, lambda _: one.exports.f())
            one.exports.f()
            assert len(executions._kept) <= 4
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        over.set()
        for thread in threads: thread.join()
        """,
}

RELEASED_PRELUDE = """
def released(text, imports=None):
    return instance(text, imports, Compiler(release_gil=True))

def raises(kind, message, call, *args):
    try:
        result = call(*args)
    except kind as error:
        assert message in str(error), error
        return error
    raise AssertionError(result)

TEXT = '(memory (export "memory") 1 100) (func (export "stop") (i32.store (i32.const 0) (i32.const 1)))' \\
    '(func (export "spin") (result i32) (loop (br_if 0 (i32.eqz (i32.load (i32.const 0))))) (i32.const 7))' \\
    '(func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))'
"""

RELEASED = {
    "other threads run meanwhile, and see what is written": """
        one = released(TEXT)
        results = []
        thread = threading.Thread(target=lambda: results.append(one.exports.spin()))
        thread.start()
        other = released(TEXT)
        for n in range(1000):
            assert other.exports.add(n) == n + 1
        assert one.memory.grow(3) == 1
        one.memory[0] = 1
        thread.join()
        assert results == [7]
        """,
    "values of all kinds, host functions, traps and exceptions": '''
        for host, kind in (
            (lambda *args: args, None), (lambda *args: 1 / 0, ZeroDivisionError), (lambda *args: None, TypeError)
        ):
            one = released("""(import "h" "f" (func $h (param i64 f32 v128 externref i32 f64 i64)
                (result i64 f32 v128 externref i32 f64 i64)))
                (func (export "f") (param i64 f32 v128 externref i32 f64 i64)
                (result i64 f32 v128 externref i32 f64 i64)
                (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
                (call $h))
                (func (export "div") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))""",
                {"h": {"f": host}})
            given = (-2**60, 1.5, bytes(range(16)), [], -5, 2.5, 2**40)
            for _ in range(300):
                if kind is None:
                    assert one.exports.f(*given) == given
                else:
                    raises(kind, "", one.exports.f, *given)
                raises(Trap, "divide by zero", one.exports.div, 0)
                raises(OverflowError, "", one.exports.div, 2**32)
                raises(TypeError, "", one.exports.div)
                assert one.exports.div(1) == 1
        ''',
    "one call at a time in an engine": '''
        inside = most = 0
        def host(n):
            global inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.0005)
            inside -= 1
            if n % 3 == 0:
                raise KeyError(n)
            return n
        one = released("""(import "h" "f" (func $h (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (i32.add (call $h (local.get 0)) (i32.const 1)))""",
            {"h": {"f": host}})
        done = []
        def many(number):
            for n in range(100 * number, 100 * number + 100):
                try:
                    assert one.exports.f(n) == n + 1 and n % 3
                except KeyError:
                    assert n % 3 == 0
                done.append(n)
        run(6, many)
        assert sorted(done) == list(range(600)) and most == 1, most
        ''',
    "who waits for its turn can be interrupted": """
        one = released(TEXT)
        thread = threading.Thread(target=one.exports.spin)
        thread.start()
        while not any(map(one.linked.turn.runs, [*executions._held.values()])): time.sleep(0.001)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        def late():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            one.exports.add(1)
        for n in range(10):
            raises(KeyboardInterrupt, "", late)
        one.memory[0] = 1
        assert one.exports.add(1) == 2
        thread.join()
        """,
    "KeyboardInterrupt in a loop without the GIL": """
        one = released(TEXT)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        busy = True
        def hog():
            while busy: pass
        thread = threading.Thread(target=hog)
        thread.start()
        def late(seconds):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            one.exports.spin()
        for n in range(30):
            raises(KeyboardInterrupt, "", late, 0.02 + 0.0007 * n)
            assert one.exports.add(1) == 2
        busy = False
        thread.join()
        """,
    "nested calls, of itself, of other engines, and deep": '''
        text = """(import "h" "f" (func $h (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $h (local.get 0)))"""
        a = released(text, {"h": {"f": lambda n: b.exports.f(n - 1) + 1 if n else 0}})
        b = instance(text, {"h": {"f": lambda n: c.exports.f(n - 1) + 1 if n else 0}})
        c = released(text, {"h": {"f": lambda n: a.exports.f(n - 1) + 1 if n else 0}})
        assert a.exports.f(60) == 60
        raises((RecursionError, Trap), "", a.exports.f, 10**6)
        assert c.exports.f(10) == 10
        ''',
    "functions, tables, globals and memories of others": '''
        ours = """(table (export "t") 4 funcref) (type $t (func (param i32) (result i32)))
            (global (export "g") (mut i32) (i32.const 5)) (memory (export "m") 1)
            (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "set") (param i32 funcref) (table.set (local.get 0) (local.get 1)))
            (func (export "get") (param i32) (result funcref) (table.get (local.get 0)))
            (func (export "call") (param i32 i32) (result i32) (call_indirect (type $t) (local.get 1) (local.get 0)))"""
        worlds = [released(ours), released(ours), instance(ours), instance(ours, engine=Interpreter())]
        for to in worlds:
            for i, from_ in enumerate(worlds[:3]):
                to.exports.set(i, from_.exports.double)
                assert to.exports.call(i, 21) == 42
                to.exports.set(3, to.exports.get(i))
                assert to.exports.call(3, 4) == 8
        importer = """(import "m" "double" (func $d (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $d (local.get 0)))"""
        for engine in (Compiler(), Compiler(release_gil=True), Interpreter()):
            for from_ in worlds:
                assert instance(importer, {"m": from_}, engine).exports.f(5) == 10
        shares = '(import "m" "g" (global (mut i32))) (import "m" "m" (memory 1)) (func (export "f") (global.set 0' \\
            '(i32.add (global.get 0) (i32.load8_u (i32.const 0)))))'
        worlds[0].exports.m[0] = 3
        for engine in (Compiler(), Compiler(release_gil=True)):
            instance(shares, {"m": worlds[0]}, engine).exports.f()
        assert worlds[0].exports.g.value == 11
        for engine in (Compiler(), Compiler(release_gil=True)):
            raises(LinkError, "without the GIL", instance, '(import "m" "t" (table 1 funcref))', {"m": worlds[0]},
                engine)
        del from_, to, worlds[1:]
        gc.collect()
        assert [worlds[0].exports.call(i, 1) for i in range(4)] == [2, 2, 2, 2]
        ''',
    "what runs without the GIL is not collected": '''
        gone = []
        def spin():
            one = released(TEXT)
            memory.append(one.memory)
            weakref.finalize(one, gone.append, 1)
            call = one.exports.spin
            del one
            call()
        memory = []
        thread = threading.Thread(target=spin)
        thread.start()
        while not memory: time.sleep(0.001)
        time.sleep(0.05)
        for _ in range(20):
            gc.collect()
            instance(TEXT).exports.add(1)
            released(TEXT).exports.add(1)
        assert not gone
        memory.pop()[0] = 1
        thread.join()
        gc.collect()
        assert gone
        ''',
    "a table and memory that a Python thread changes meanwhile": '''
        one = released("""(table (export "t") 2 funcref) (elem (i32.const 0) $a) (memory (export "memory") 1 1000)
            (func $a (export "a") (result i32) (i32.const 1)) (func $b (export "b") (result i32) (i32.const 1))
            (func (export "f") (param i32) (result i32) (local $sum i32)
              (loop (local.set $sum (i32.add (local.get $sum) (call_indirect (result i32) (i32.const 0))))
                (drop (i32.load (i32.const 65532)))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $sum))""")
        others = [instance('(func (export "f") (result i32) (i32.const 1))') for _ in range(5)]
        results = []
        thread = threading.Thread(target=lambda: results.append(one.exports.f(30_000_000)))
        thread.start()
        n = 0
        while thread.is_alive():
            n += 1
            one.exports.t[0] = (one.exports.a, one.exports.b)[n % 2]
            if n % 50 == 0:
                one.exports.t[0] = others[n % 5].exports.f
                others[n % 5] = instance('(func (export "f") (result i32) (i32.const 1))')
                one.exports.t[0] = one.exports.a
                one.exports.t.grow(1)
                gc.collect()
            if n % 100 == 0 and n < 10000:
                one.memory.grow(1)
        thread.join()
        assert results == [30_000_000] and n > 10
        ''',
    "fork while another thread runs without the GIL": """
        import warnings
        warnings.simplefilter("ignore")
        one, two = released(TEXT), released(TEXT)
        thread = threading.Thread(target=one.exports.spin)
        thread.start()
        time.sleep(0.02)
        child = os.fork()
        if not child:
            assert one.exports.add(1) == two.exports.add(1) == 2
            run(4, lambda n: one.exports.add(n))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        one.memory[0] = 1
        thread.join()
        """,
    "Python ends while threads run without the GIL": """
        import atexit
        ones = [released(TEXT) for _ in range(3)]
        for one in ones:
            threading.Thread(target=one.exports.spin, daemon=True).start()
        for _ in range(3):
            threading.Thread(target=ones[0].exports.add, args=(1,), daemon=True).start()
        time.sleep(0.05)
        class Late:
            def __del__(self, add=ones[0].exports.add, error=RuntimeError):
                try:
                    add(1)
                except error:
                    pass
        late = Late()
        """,
    "references are counted": '''
        kept = object()
        one = released("""(import "h" "f" (func $h (param externref) (result externref)))
            (func (export "f") (param externref) (result externref) (call $h (local.get 0)))
            (func (export "two") (param externref) (result externref i32) (call $h (local.get 0)) (i32.const 5000))
            (func (export "trap") (param externref) (drop (call $h (local.get 0))) unreachable)""",
            {"h": {"f": lambda item: item}})
        f, two, trap = one.exports.f, one.exports.two, one.exports.trap
        def all():
            for _ in range(2000):
                assert f(kept) is kept and two(kept)[0] is kept
                raises(Trap, "", trap, kept)
                raises(TypeError, "", f)
        all()
        counts = [sys.getrefcount(x) for x in (kept, f, two, trap, one)]
        all()
        assert counts == [sys.getrefcount(x) for x in (kept, f, two, trap, one)]
        ''',
}  # fmt: skip

PROGRAMS = {**EXECUTIONS, **{name: RELEASED_PRELUDE + textwrap.dedent(text) for name, text in RELEASED.items()}}


@pytest.mark.parametrize("name", PROGRAMS)
def test_threads(name: str, runs: Callable[[str, str], None]) -> None:
    runs(PRELUDE, PROGRAMS[name])
