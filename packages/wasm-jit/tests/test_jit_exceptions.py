"""Whatever leaves compiled code as an exception comes out as it is, and says in notes through which calls it came."""

import pickle
from collections.abc import Callable

import pytest
import wasm_jit
from wasm_decoder import parse_wat
from wasm_interp import Engine, ExitError, Frame, Instance, Interpreter, Store, Trap, UnsupportedError
from wasm_interp.runtime.traps import add_frames

native = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))
ENGINES = pytest.mark.parametrize("engine", [pytest.param("compiler", marks=native), "interpreter"])

CALLS = """(module
    (import "h" "host" (func $host (param i32)))
    (func $inner (param i32) (call $host (local.get 0)) (call $host (i32.const 99)))
    (func (export "outer") (param i32) (call $inner (local.get 0)) (call $host (i32.const 98)))
    (func (export "other") (param i32) (call $host (local.get 0)) (call $host (i32.const 97)))
    (func (export "trap") (drop (i32.div_u (i32.const 1) (global.get $zero))))
    (global $zero (mut i32) (i32.const 0)))"""
OUTER = "WebAssembly calls, innermost first:\n  inner (function 1)\n  outer (function 2)"
OTHER = "WebAssembly calls, innermost first:\n  other (function 3)"
TRAP = "WebAssembly calls, innermost first:\n  trap (function 4)"


class Refused(Exception):
    """It takes no attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class NoNotes(Exception):
    __notes__ = 5  # type: ignore[assignment]  # which no exception should have


def engine_of(name: str) -> Engine:
    return wasm_jit.Compiler() if name == "compiler" else Interpreter()


def instance(engine: str, host: Callable[[int], object]) -> Instance:
    return Store(engine_of(engine)).instantiate(CALLS, {"h": {"host": host}})


def raised_by(call: Callable[..., object], *args: object) -> BaseException:
    try:
        call(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


@ENGINES
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, OSError, MemoryError, GeneratorExit])
def test_an_exception_of_a_host_function_comes_out_with_the_frames(engine: str, kind: type[BaseException]) -> None:
    error = kind("mine")

    def host(_: int) -> None:
        raise error

    one = instance(engine, host)
    assert raised_by(one.exports.outer, 1) is error
    assert notes(error) == [OUTER]
    traceback = error.__traceback__
    assert traceback is not None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    assert traceback.tb_frame.f_code is host.__code__


@ENGINES
def test_each_stretch_is_added_where_the_exception_passes_it(engine: str) -> None:
    seen: list[list[str]] = []

    def host(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        try:
            one.exports.outer(depth - 1) if depth % 2 else one.exports.other(depth - 1)
        except ValueError as error:
            seen.append(notes(error))
            raise

    one = instance(engine, host)
    error = raised_by(one.exports.other, 3)
    assert notes(error) == [OUTER, OTHER, OUTER, OTHER]
    assert seen == [[OUTER], [OUTER, OTHER], [OUTER, OTHER, OUTER]]


@ENGINES
def test_one_object_that_is_raised_again_and_again_gathers_no_notes(engine: str) -> None:
    error = ValueError("the only one")

    def host(depth: int) -> None:
        if depth == 0:
            raise error
        one.exports.outer(depth - 1)

    one = instance(engine, host)
    for _ in range(10):
        assert raised_by(one.exports.other, 1) is error
        assert notes(error) == [OUTER, OTHER]
        assert raised_by(one.exports.outer, 0) is error
        assert notes(error) == [OUTER, OTHER]
        error.__traceback__ = None


@ENGINES
@pytest.mark.parametrize("kind", [Refused, NoNotes])
def test_what_takes_no_notes_comes_out_without(engine: str, kind: type[Exception]) -> None:
    def host(_: int) -> None:
        raise kind("mine")

    error = raised_by(instance(engine, host).exports.outer, 1)
    assert type(error) is kind
    assert error.args == ("mine",)


@ENGINES
def test_a_trap_has_the_frames_beyond_host_functions(engine: str) -> None:
    one = instance(engine, lambda depth: one.exports.outer(depth - 1) if depth else one.exports.trap())
    error = raised_by(one.exports.other, 1)
    assert isinstance(error, Trap)
    assert error.message == "integer divide by zero"
    assert [frame.name for frame in error.frames] == ["trap", "inner", "outer", "other"]
    assert notes(error) == [TRAP, OUTER, OTHER]


@native
@pytest.mark.parametrize(("first", "second"), [("compiler", "interpreter"), ("interpreter", "compiler")])
def test_a_trap_passes_from_one_engine_to_the_other(first: str, second: str) -> None:
    inner = instance(first, lambda _: None)
    outer = instance(second, lambda _: inner.exports.trap())
    error = raised_by(outer.exports.outer, 0)
    assert isinstance(error, Trap)
    assert [frame.name for frame in error.frames] == ["trap", "inner", "outer"]
    assert notes(error) == [TRAP, OUTER]


@ENGINES
def test_the_end_of_a_program_is_no_failure(engine: str) -> None:
    def host(_: int) -> None:
        raise ExitError(3)

    error = raised_by(instance(engine, host).exports.outer, 1)
    assert isinstance(error, ExitError)
    assert notes(error) == []


@native
def test_an_error_of_compilation_has_the_frames_of_the_caller() -> None:
    module = parse_wat("""(module (func $new (param i32) (result i32) (return_call $new (local.get 0)))
        (func (export "f") (result i32) (i32.add (call $new (i32.const 1)) (i32.const 1)))
        (func (export "g") (result i32) (call $new (i32.const 1))))""")
    one = Store(wasm_jit.Compiler()).instantiate(module, validate="lazy")
    error = raised_by(one.exports.f)
    assert isinstance(error, UnsupportedError)
    assert notes(error) == ["WebAssembly calls, innermost first:\n  f (function 1)"]


@ENGINES
def test_endless_recursion_through_the_host_ends_in_what_it_always_did(engine: str) -> None:
    one = instance(engine, lambda _: one.exports.outer(1))
    error = raised_by(one.exports.outer, 1)
    assert isinstance(error, RecursionError) or (isinstance(error, Trap) and error.message == "call stack exhausted")
    assert set(notes(error)) <= {OUTER}


@ENGINES
def test_of_a_deep_stack_the_note_shows_both_ends(engine: str) -> None:
    def host(_: int) -> None:
        raise ValueError

    one = Store(engine_of(engine)).instantiate(
        """(module (import "h" "host" (func $host (param i32)))
        (func $f (export "f") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (call $host (i32.const 0))))
          (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))))""",
        {"h": {"host": host}},
    )
    (note,) = notes(raised_by(one.exports.f, 99))
    assert note.splitlines()[1:] == [*["  f (function 1)"] * 12, "  ... 76 more ...", *["  f (function 1)"] * 12]


@native
def test_what_happens_while_frames_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from wasm_jit.cpython.support import support

    def host(_: int) -> None:
        raise ValueError("mine")

    one = instance("compiler", host)
    raised: list[BaseException] = []

    def handler(error: BaseException, left: int, pc: int, sp: int) -> None:
        assert str(error) == "mine"
        raise raised[0]

    monkeypatch.setattr(support(), "raised_handler", handler)
    # there is no room to look: the exception comes out without
    for no_room in (RecursionError(), MemoryError()):
        raised[:] = [no_room]
        error = raised_by(one.exports.outer, 1)
        assert type(error) is ValueError
        assert notes(error) == []
    # a signal came, and its handler raises: nothing may take that away
    for other in (KeyboardInterrupt(), ZeroDivisionError()):
        raised[:] = [other]
        assert raised_by(one.exports.outer, 1) is other


def test_a_note_is_plain_text_wherever_it_is_sent() -> None:
    error = ValueError("x")
    add_frames(error, [Frame(1, "f")], 1)
    again = pickle.loads(pickle.dumps(error))
    assert [type(note) for note in again.__notes__] == [str]
    assert again.__notes__ == error.__notes__ == ["WebAssembly calls, innermost first:\n  f (function 1)"]


PRELUDE = """
import random, signal, sys, threading, time
from wasm_jit.native import ticker
ticker.PERIOD = 30_000
from wasm_jit.cpython.support import support
from wasm_interp import Store, Trap
from wasm_jit import Compiler

def notes(error):
    return [note.splitlines()[1:] for note in getattr(error, "__notes__", [])]

class Stop(Exception): pass
"""

PROGRAMS = {
    "an interrupt between any two instructions finds the frames": '''
        # functions with frames of all sizes (none, small, larger than a byte tells, larger than is not checked)
        def body(values):
            names = [f"$x{i}" for i in range(values)]
            return (" ".join(f"(local {name} i64)" for name in names)
                + " ".join(f"(local.set {name} (i64.add (local.get $a) (i64.const {i * 77})))"
                           for i, name in enumerate(names))
                + " (local.set $a (call $leaf (local.get $a)))"
                + " ".join(f"(local.set $a (i64.xor (i64.mul (local.get $a) (i64.const 31)) (local.get {name})))"
                           for name in names) + "(local.get $a)")
        text = f"""(module (memory 1)
            (func $leaf (param $a i64) (result i64) (local $i i32)
              (loop $again
                (local.set $a (i64.mul (i64.add (local.get $a) (i64.const 3)) (i64.load (i32.const 8))))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
              (local.get $a))
            (func $small (param $a i64) (result i64) {body(3)})
            (func $middle (param $a i64) (result i64) {body(30)})
            (func $large (param $a i64) (result i64) {body(700)})
            (func $deep (param $n i64) (result i64)
              (if (result i64) (i64.eqz (local.get $n)) (then (i64.const 1))
                (else (i64.xor (local.get $n) (call $deep (i64.sub (local.get $n) (i64.const 1)))))))
            (func $run (export "run") (param $a i64) (result i64) (local $i i32)
              (loop $again
                (loop $deeply
                  (local.set $a (i64.add (local.get $a) (call $deep (i64.const 15))))
                  (br_if $deeply (i32.and (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 31))))
                (local.set $a (call $small (local.get $a)))
                (local.set $a (call $middle (local.get $a)))
                (local.set $a (call $large (local.get $a)))
                (br $again))
              (local.get $a)))"""
        from wasm_jit import traces
        from wasm_jit.amd64 import linkage
        def tick():
            if random.random() < 0.5:
                raise Stop
        support().tick = tick
        places = set()
        walk = traces.walk
        def noting_walk(pc, sp, top, left):
            code = traces.find(pc)
            places.add((code.index, pc - code.block.address, code.height(pc, left)))
            return walk(pc, sp, top, left)
        traces.walk = noting_walk
        names = {"leaf (function 0)", "small (function 1)", "middle (function 2)", "large (function 3)"}
        for checks in True, False:  # the second time only signals can interrupt
            if not checks:
                linkage._check = lambda e, frame: None
            one = Store(Compiler()).instantiate(text)
            places.clear()
            seen = set()
            for _ in range(5000):
                try:
                    one.exports.run(1)
                except Stop as error:
                    (frames,) = notes(error)
                    frames = [frame.strip() for frame in frames]
                    seen.add(tuple(frames))
                    assert frames.pop() == "run (function 5)", frames
                    if frames and frames[0] == "deep (function 4)":
                        assert len(frames) <= 16 and set(frames) == {"deep (function 4)"}, frames
                        continue
                    assert set(frames) <= names and len(frames) <= 2, frames
                    assert len(frames) < 2 or frames[0] == "leaf (function 0)", frames
                else:
                    raise AssertionError("it has no end")
        # leaf, which has no frame, was interrupted below others, and deep also where its frame was not there
        assert len(seen) >= 4, seen
        assert len(places) > 50 and {height > 0 for index, _, height in places if index == 4} == {True, False}, places
        ''',
    "a signal handler's exception has the frames": '''
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        one = Store(Compiler()).instantiate("""(func $spin (loop $a (br $a))) (func (export "f") (call $spin))
            (func (export "g"))""")
        one.exports.g()
        for _ in range(30):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                one.exports.f()
            except KeyboardInterrupt as error:
                found = [[frame.strip() for frame in note] for note in notes(error)]
                assert found in ([["spin (function 0)", "f (function 1)"]], [["f (function 1)"]]), found
            else:
                raise AssertionError
        ''',
    "an interrupt while it is noted where code is": """
        from wasm_jit import traces
        body = "(result i32) (i32.div_u (i32.const 1) (i32.const 0))"
        text = " ".join(f'(func (export "f{i}") {body})' for i in range(60))
        one = Store(Compiler()).instantiate(text)
        lines = 0
        def trace(frame, event, arg):
            # raises at ever another line of the function
            global lines
            if frame.f_code is not traces.watch.__code__:
                return None
            def local(frame, event, arg):
                global lines
                if event == "line":
                    lines += 1
                    if lines % 11 == 0:
                        raise KeyboardInterrupt
                return local
            return local
        interrupted = 0
        for i in range(60):
            sys.settrace(trace)
            try:
                one.exports[f"f{i}"]()
            except KeyboardInterrupt:
                interrupted += 1
            except Trap as error:
                assert [frame.name for frame in error.frames] == [f"f{i}"]
            sys.settrace(None)
            for each in range(i + 1):
                try:
                    one.exports[f"f{each}"]()
                except Trap as error:
                    assert [frame.name for frame in error.frames] == [f"f{each}"]
        assert interrupted > 10, interrupted
        """,
    "deep recursion of Python and compiled code at the limit": '''
        def host(n):
            one.exports.f(n)
        one = Store(Compiler()).instantiate(
            """(import "h" "f" (func $h (param i32))) (func (export "f") (param i32) (call $h (local.get 0)))""",
            {"h": {"f": host}})
        for limit in (*range(60, 90), 1000):
            sys.setrecursionlimit(limit)
            try:
                one.exports.f(1)
            except RecursionError as error:
                found = notes(error)
            sys.setrecursionlimit(1000)
            assert all(each == ["  f (function 1)"] for each in found), found
        ''',
}


@native
@pytest.mark.parametrize("name", PROGRAMS)
def test_exceptions_at_any_moment(name: str, runs: Callable[[str, str], None]) -> None:
    runs(PRELUDE, PROGRAMS[name])
