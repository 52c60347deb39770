"""Threads: what they hold of the native engine, and give back when they end."""

import os
import subprocess
import sys
import textwrap

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

PROGRAMS = EXECUTIONS


@pytest.mark.parametrize("name", PROGRAMS)
def test_threads(name: str) -> None:
    program = PRELUDE + textwrap.dedent(PROGRAMS[name]) + "\nprint('ok', flush=True)\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
