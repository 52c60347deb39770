"""Compiled code can be interrupted after any instruction, and goes on as if nothing had been.

The programs run in processes of their own, with a ticker that ticks as often as it can.
"""

from collections.abc import Callable

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

PRELUDE = """
import os, signal, sys, threading, time
from wasm_jit.native import ticker
ticker.PERIOD = PERIOD
from wasm_jit.cpython.support import support
from wasm_interp import Store
from wasm_jit import Compiler

def instance(text, imports=None):
    return Store(Compiler()).instantiate(text, imports)

class Ticks:
    def __init__(self, function=lambda: None):
        self.function = function
    def __enter__(self):
        self.count = 0
        support().tick = self.tick
        return self
    def tick(self):
        self.count += 1
        support().tick = None
        self.function()
        support().tick = self.tick
    def __exit__(self, *_):
        support().tick = None
    def enough(self, run):
        # again and again until there were some; what came out
        results = set()
        end = time.monotonic() + 60
        while self.count < 10:
            assert time.monotonic() < end, self.count
            results.add(run())
        return results
"""

PROGRAMS = {
    "registers and flags": '''
        # a hash over many values that are alive at once, comparisons that are used later, and divisions
        names = [f"$x{i}" for i in range(14)]
        floats = [f"$y{i}" for i in range(16)]
        text = f"""(func (export "f") (param $n i32) (result i64)
            {" ".join(f"(local {name} i64)" for name in names)} {" ".join(f"(local {name} f64)" for name in floats)}
            {" ".join(f"(local.set {name} (i64.const {i * 7919 + 1}))" for i, name in enumerate(names))}
            (loop $again
              {" ".join(f"(local.set {a} (i64.add (i64.rotl (local.get {b}) (i64.const 7)) (i64.mul (local.get {a}) "
                        f"(i64.const 6364136223846793005))))" for a, b in zip(names, names[1:] + names[:1]))}
              (local.set $x0 (i64.xor (local.get $x0) (i64.extend_i32_u (i32.lt_s (i32.rem_u (local.get $n)
                (i32.const 11)) (i32.const 5)))))
              (local.set $x1 (i64.add (local.get $x1) (i64.div_u (local.get $x2) (i64.or (local.get $x3)
                (i64.const 1)))))
              {" ".join(f"(local.set {a} (f64.add (f64.mul (local.get {b}) (f64.const 0.5)) (f64.convert_i32_s "
                        f"(local.get $n))))" for a, b in zip(floats, floats[1:] + floats[:1]))}
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $again (local.get $n)))
            {" ".join(f"(local.set $x0 (i64.xor (local.get $x0) (local.get {name})))" for name in names[1:])}
            {" ".join(f"(local.set $x0 (i64.add (local.get $x0) (i64.reinterpret_f64 (local.get {name}))))"
                      for name in floats)}
            (local.get $x0))"""
        f = instance(text).exports.f
        f(1)
        with Ticks() as ticks:
            results = ticks.enough(lambda: f(1_000_000))
        assert len(results) == 1, results
        from wasm_interp import Interpreter
        assert f(300) == Store(Interpreter()).instantiate(text).exports.f(300)
        ''',
    "results that find no register": '''
        one = instance("""
            (func $many (param $n i64) (result i64 i64 i64 i64 i64 i64)
              (i64.add (local.get 0) (i64.const 1)) (i64.add (local.get 0) (i64.const 2))
              (i64.add (local.get 0) (i64.const 3)) (i64.add (local.get 0) (i64.const 4))
              (i64.add (local.get 0) (i64.const 5)) (i64.add (local.get 0) (i64.const 6)))
            (func (export "many") (param i64) (result i64 i64 i64 i64 i64 i64) (call $many (local.get 0)))
            (table 1 funcref) (elem (i32.const 0) $many)
            (func (export "f") (param $n i32) (result i32) (local $bad i32) (local $sum i64)
              (loop $again
                (call_indirect (param i64) (result i64 i64 i64 i64 i64 i64)
                  (i64.extend_i32_u (local.get $n)) (i32.const 0))
                (local.set $sum (i64.add (i64.add (i64.add (i64.add (i64.add))))))
                (local.set $bad (i32.add (local.get $bad) (i64.ne (local.get $sum)
                  (i64.add (i64.mul (i64.extend_i32_u (local.get $n)) (i64.const 6)) (i64.const 21)))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (local.get $bad))""")
        one.exports.many(1)
        with Ticks(lambda: one.exports.many(-10**15)) as ticks:
            assert ticks.enough(lambda: one.exports.f(2_000_000)) == {0}
        ''',
    "calls from one instance to another": '''
        store = Store(Compiler())
        other = store.instantiate("""(memory 1) (func (export "add") (param i32) (result i32)
              (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (local.get 0))) (i32.load (i32.const 4)))""")
        one = store.instantiate("""(import "o" "add" (func $add (param i32) (result i32))) (memory 1)
            (table 1 funcref) (elem (i32.const 0) $add)
            (func (export "f") (param $n i32) (result i32)
              (i32.store (i32.const 4) (i32.const 0))
              (loop $again
                (drop (call $add (i32.const 1)))
                (drop (call_indirect (param i32) (result i32) (i32.const -1) (i32.const 0)))
                (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (i32.sub (i32.load (i32.const 4)) (call $add (i32.const 0))))""", {"o": other})
        n = 1_000_000
        def others():
            # in both instances from another thread as well: their contexts show another execution meanwhile
            assert other.exports.add(0) in (0, 1)
        stop = False
        def run():
            while not stop:
                others()
                time.sleep(0)
        thread = threading.Thread(target=run)
        thread.start()
        with Ticks(others) as ticks:
            assert ticks.enough(lambda: one.exports.f(n)) == {n}
        stop = True
        thread.join()
        ''',
    "a table that grows": '''
        one = instance("""(table (export "t") 1 100000 funcref) (elem (i32.const 0) $one)
            (func $one (result i32) (i32.const 1))
            (func (export "f") (param $n i32) (result i32) (local $sum i32)
              (loop $again
                (local.set $sum (i32.add (local.get $sum) (call_indirect (result i32) (i32.const 0))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (local.get $sum))""")
        table = one.exports.t
        with Ticks(lambda: table.grow(1 + table.size // 50)) as ticks:
            assert ticks.enough(lambda: one.exports.f(1_000_000)) == {1_000_000}
        assert table.size >= 10
        ''',
    "a loop over memory.fill": '''
        one = instance("""(memory (export "memory") 200)
            (func (export "f") (loop $again
              (memory.fill (i32.const 0) (i32.const 7) (i32.const 13000000)) (br $again)))""")
        class Enough(Exception): pass
        count = 0
        def tick():
            global count
            count += 1
            if count == 5:
                raise Enough
        support().tick = tick
        try:
            one.exports.f()
        except Enough:
            pass
        assert count == 5
        ''',
    "a user's own handler of the same signal": '''
        got = []
        signal.signal(signal.SIGURG, lambda *_: got.append(1))
        one = instance("""(global $stop (mut i32) (i32.const 0)) (func (export "stop") (global.set $stop (i32.const 1)))
            (func (export "f") (loop $again (br_if $again (i32.eqz (global.get $stop)))))""")
        def send():
            for _ in range(5):
                before = len(got)
                os.kill(os.getpid(), signal.SIGURG)
                while len(got) == before:
                    time.sleep(0.001)
            one.exports.stop()
        thread = threading.Thread(target=send)
        thread.start()
        one.exports.f()
        thread.join()
        assert len(got) == 5, got
        assert signal.getsignal(signal.SIGURG).__name__ == "<lambda>"
        signal.signal(signal.SIGURG, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGURG)
        signal.signal(signal.SIGURG, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGURG)
        ''',
    "a thread with the number of one that has ended": '''
        one = instance("""(global $stop (mut i32) (i32.const 0)) (func (export "stop") (global.set $stop (i32.const 1)))
            (func (export "f") (global.set $stop (i32.const 0))
              (loop $again (br_if $again (i32.eqz (global.get $stop)))))""")
        numbers = set()
        for _ in range(5):
            thread = threading.Thread(target=one.exports.f)
            thread.start()
            numbers.add(thread.ident)
            time.sleep(0.05)
            one.exports.stop()
            thread.join()
        assert len(numbers) < 5  # else this shows nothing
        ''',
    "a thread that blocks all signals": '''
        one = instance("""(global $stop (mut i32) (i32.const 0)) (func (export "stop") (global.set $stop (i32.const 1)))
            (func (export "f") (loop $again (br_if $again (i32.eqz (global.get $stop)))))""")
        def run():
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            one.exports.f()
        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.05)
        one.exports.stop()
        thread.join()
        ''',
    "threads that the end of the process finds in compiled code": '''
        one = instance("""(import "h" "f" (func $h)) (func (export "f") (loop (call $h) (br 0)))
            (func (export "g") (loop (br 0)))""", {"h": {"f": lambda: None}})
        for i in range(24):  # more stacks than the C library keeps: the first ones are unmapped
            threading.Thread(target=one.exports.f if i % 2 else one.exports.g, daemon=True).start()
        time.sleep(0.2)
        class Slow:
            def __del__(self, sleep=time.sleep):
                sleep(0.01)
        sys.slow = [Slow() for _ in range(50)]  # the end takes a while
        ''',
    "a host function that waits is hardly ever disturbed": '''
        import select
        ends = os.pipe()
        interrupted = 0
        def wait():
            # below Python's own repetition of system calls that a signal ended
            import ctypes
            libc = ctypes.PyDLL(None, use_errno=True)
            global interrupted
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                if libc.poll(None, 0, 50) < 0:
                    interrupted += 1
        one = instance("""(import "h" "wait" (func $wait)) (func (export "f") (call $wait))""", {"h": {"wait": wait}})
        one.exports.f()
        assert interrupted < 10, interrupted
        ''',
}

#: Nanoseconds between ticks, where that isn't as short as possible.
PERIODS = {"a host function that waits is hardly ever disturbed": 4_000_000, "registers and flags": 20_000}


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_code_goes_on_after_interrupts(name: str, runs: Callable[[str, str], None]) -> None:
    runs(PRELUDE.replace("= PERIOD", f"= {PERIODS.get(name, 100_000)}"), PROGRAMS[name])
