"""Timeouts: of an instance's calls, and of a block, in both engines."""

import asyncio
import math
import pickle
import threading
import time

import pytest
import wasm_jit
from wasm_decoder import WasmError
from wasm_interp import (
    Engine,
    Instance,
    Interpreter,
    Store,
    TimeoutExpired,
    Trap,
    UnsupportedError,
    function_of,
    time_left,
    timeout,
)

native = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))
ENGINES = pytest.mark.parametrize("engine", [pytest.param("compiler", marks=native), "interpreter"])

TEXT = """(module
    (import "h" "host" (func $host (result i32)))
    (memory 200)
    (table (export "table") 1 funcref)
    (elem (i32.const 0) $loop)
    (func $loop (export "loop") (loop $again (br $again)))
    (func (export "hosts") (loop $again (drop (call $host)) (br $again)))
    (func (export "fill") (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000)) (br $again)))
    (func $calls (export "calls") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
      (i32.add (call $calls (i32.sub (local.get 0) (i32.const 1))) (call $calls (i32.sub (local.get 0) (i32.const 1)))))
    (func (export "nested") (loop $outer (loop $inner (br_if $inner (i32.const 0)) (br $outer))))
    (func (export "table loop") (param $i i32) (block $a (block $b (block $c (loop $again
      (block $x (block $y (block $z (br_table $x $y $z $again (local.get $i))))) (br $again))))))
    (func (export "once") (result i32) (call $host))
    (func (export "quick") (result i32) (i32.const 7)))"""
ENDLESS = [("loop", ()), ("hosts", ()), ("fill", ()), ("calls", (60,)), ("nested", ()), ("table loop", (3,))]
#: Seconds that are far too many, in which everything here ends even on a busy machine.
LONG = 30.0


def engine_of(name: str) -> Engine:
    return wasm_jit.Compiler() if name == "compiler" else Interpreter()


def host() -> int:
    return 1


def instance(engine: str, seconds: "float | None" = None, call: object = host) -> Instance:
    return Store(engine_of(engine)).instantiate(TEXT, {"h": {"host": call}}, timeout=seconds)


@ENGINES
@pytest.mark.parametrize(("name", "args"), ENDLESS)
def test_every_call_of_an_instance_with_a_timeout_ends(engine: str, name: str, args: tuple[int, ...]) -> None:
    one = instance(engine, 0.02)
    for _ in range(3):
        start = time.monotonic()
        with pytest.raises(TimeoutExpired, match=r"timed out after 0\.02 seconds") as caught:
            one.exports[name](*args)
        assert 0.02 <= time.monotonic() - start < LONG
        assert caught.value.timeout == 0.02
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, WasmError)
        assert not isinstance(caught.value, Trap)
        assert caught.value.__notes__
    assert one.exports.quick() == 7
    assert time_left() is None


@ENGINES
def test_it_is_the_same_whichever_way_a_function_is_called(engine: str) -> None:
    one = instance(engine, 0.02)
    function = function_of(one.exports.loop)
    assert function is not None
    for call in (function, one.exports.table[0], one.function(function.index)):
        with pytest.raises(TimeoutExpired):
            call()


@ENGINES
def test_a_start_function_is_timed(engine: str) -> None:
    with pytest.raises(TimeoutExpired):
        Store(engine_of(engine)).instantiate("(func $f (loop $a (br $a))) (start $f)", timeout=0.02)


@pytest.mark.parametrize(("name", "args"), ENDLESS)
@native
def test_a_block_ends_calls_of_any_instance(name: str, args: tuple[int, ...]) -> None:
    one = instance("compiler")
    with pytest.raises(TimeoutExpired), timeout(0.02):
        one.exports[name](*args)
    with timeout(LONG):
        assert one.exports.quick() == 7
    with timeout(math.inf):
        assert one.exports.quick() == 7


def test_the_portable_engine_says_where_it_cannot() -> None:
    one = instance("interpreter")
    with timeout(LONG), pytest.raises(UnsupportedError, match="deadline"):
        one.exports.quick()
    assert one.exports.quick() == 7
    for limited in (instance("interpreter", math.inf), instance("interpreter", LONG)):
        with pytest.raises(TimeoutExpired), timeout(0.02):
            limited.exports.loop()
    with timeout(LONG):
        limited = instance("interpreter")
    assert limited.exports.quick() == 7
    with pytest.raises(TimeoutExpired), timeout(0.02):
        limited.exports.loop()


@ENGINES
def test_of_blocks_inside_each_other_the_earliest_end_counts(engine: str) -> None:
    one = instance(engine, LONG)
    for outer, inner in ((0.02, LONG), (LONG, 0.02), (0.02, math.inf)):
        with pytest.raises(TimeoutExpired) as caught, timeout(outer), timeout(inner):
            one.exports.loop()
        assert caught.value.timeout == 0.02
    with timeout(LONG):
        with pytest.raises(TimeoutExpired), timeout(0.02):
            one.exports.loop()
        assert one.exports.quick() == 7
    assert time_left() is None


@ENGINES
def test_a_host_function_that_takes_too_long_is_the_last(engine: str) -> None:
    calls = []

    def slow() -> int:
        calls.append(time.monotonic())
        time.sleep(0.05)
        return 1

    one = instance(engine, 0.02, slow)
    with pytest.raises(TimeoutExpired):
        one.exports.hosts()
    assert len(calls) <= (1 if engine == "compiler" else 40)  # the portable engine looks every now and then


@ENGINES
def test_a_host_function_that_calls_on_has_no_more_time_than_there_is(engine: str) -> None:
    inner = instance(engine, LONG)
    seen: list[BaseException] = []

    def call() -> int:
        try:
            inner.exports.loop()
        except TimeoutExpired as error:
            seen.append(error)  # and goes on as if nothing had been: it is too late for its caller as well
        return 1

    one = instance(engine, 0.05, call)
    with pytest.raises(TimeoutExpired) as caught:
        one.exports.hosts()
    assert seen
    assert caught.value.timeout == 0.05


@ENGINES
def test_threads_have_deadlines_of_their_own(engine: str) -> None:
    ended: list[float] = []

    def run(one: Instance, seconds: float) -> None:
        with pytest.raises(TimeoutExpired):
            one.exports.loop()
        ended.append(seconds)

    threads = []
    for seconds in (1.2, 0.6, 0.1):
        one = instance(engine, seconds)
        threads.append(threading.Thread(target=run, args=(one, seconds)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [0.1, 0.6, 1.2]


@ENGINES
def test_tasks_have_deadlines_of_their_own(engine: str) -> None:
    one = instance(engine, LONG)

    async def hurried() -> float:
        with timeout(0.1):
            await asyncio.sleep(0.02)
            left = time_left()
            assert left is not None
            return left

    async def patient() -> None:
        await asyncio.sleep(0.01)  # the other one is in its block now
        assert time_left() is None
        assert one.exports.quick() == 7

    async def both() -> float:
        left, _ = await asyncio.gather(hurried(), patient())
        return left

    assert 0 < asyncio.run(both()) < 0.1


@pytest.mark.parametrize("bad", [0, -1, math.nan, -0.0])
def test_what_is_no_timeout(bad: float) -> None:
    with pytest.raises(ValueError, match="seconds above 0"):
        timeout(bad)
    with pytest.raises(ValueError, match="seconds above 0"):
        Store().instantiate("(module)", timeout=bad)


def test_a_block_is_used_once_at_a_time() -> None:
    block = timeout(LONG)
    with block, pytest.raises(RuntimeError), block:
        pass
    with block:
        assert time_left() is not None
    assert time_left() is None


def test_host_functions_know_how_much_time_there_is() -> None:
    with timeout(LONG):
        left = time_left()
        assert left is not None
        assert 0 < left <= LONG
    with timeout(0.001):
        time.sleep(0.01)
        with pytest.raises(TimeoutExpired):
            time_left()


def test_the_exception_can_be_sent() -> None:
    again = pickle.loads(pickle.dumps(TimeoutExpired(1.5)))
    assert (type(again), again.timeout, str(again)) == (TimeoutExpired, 1.5, "timed out after 1.5 seconds")


@native
def test_a_program_that_is_mostly_compiled_ends_in_time() -> None:
    """A guest that calls ever new functions is in Python's hands nearly all the time."""
    count = 3000
    functions = "".join(f"(func $f{i} (result i32) (i32.add (i32.const {i}) (call $f{i + 1})))" for i in range(count))
    one = Store(wasm_jit.Compiler()).instantiate(
        f'(module {functions} (func $f{count} (result i32) (i32.const 0)) (export "f" (func $f0)))', timeout=0.05
    )
    with pytest.raises(TimeoutExpired):
        one.exports.f()
