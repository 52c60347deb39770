"""The crash table: nothing that a module, a caller or a host function does ends the process.

Each row is a program that runs in a child process of its own.  It must come to its end, with "ok" as its only output
and nothing on the error stream; a signal is a failure whatever was printed before.  Here: recursion, the end of
things, and what is denied; more in ``test_crash_boundary`` and ``test_crash_moments``.
"""

from collections.abc import Callable

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))


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

TABLE = {**RECURSION, **LIFE, **DENIED}


@pytest.mark.parametrize("name", TABLE)
def test_the_process_survives(name: str, survives: Callable[[str], None]) -> None:
    survives(TABLE[name])
