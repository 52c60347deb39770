"""Builtins whose code is machine code, host functions, traps and interrupts. The native bodies are written with the
assembler.
"""

import gc
import inspect
import math
import os
import random
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType

import pytest
from wasm_interp import Trap
from wasm_jit import native
from wasm_jit.amd64 import abi
from wasm_jit.amd64.assembler import Assembler
from wasm_jit.amd64.convention import CONTEXT, MEMORY, SCRATCH
from wasm_jit.amd64.registers import NE, RAX, RBX, RCX, RDI, RDX, RSI, RSP, B

pytestmark = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))

if native.unavailable() is None:
    from wasm_jit.cpython import executions
    from wasm_jit.cpython.builtin import make_builtin
    from wasm_jit.cpython.host import host_code
    from wasm_jit.cpython.support import plain_trap, support
    from wasm_jit.native.memory import GuardedMemory
    from wasm_jit.native.system import system

Body = Callable[[Assembler], None]


class World:
    """A context with function records: an instance in small. Its memory is never given back."""

    def __init__(self) -> None:
        self.context = system.allocate(1 << 16)
        support().prepare(self.context)
        self.next = self.context + abi.CONTEXT_HEAD
        self.kept: list[object] = []

    def record(self, code: int, python: object = None) -> int:
        """A function record."""
        record = self.next
        self.next += abi.FUNCTION_SIZE
        system.set_word(record + abi.F_CODE, code)
        system.set_word(record + abi.F_CONTEXT, self.context)
        system.set_word(record + abi.F_OBJECT, 0 if python is None else id(python))
        self.kept.append(python)
        return record

    def native(self, body: Body) -> int:
        """The record of a function with this body."""
        a = Assembler()
        body(a)
        block = support().code.place(a.finish().data)
        self.kept.append(block)
        return self.record(block.address)

    def function(self, params: str, results: str, body: Body, name: str = "f") -> BuiltinFunctionType:
        """A builtin with this body."""
        return make_builtin(name, params, results, self.native(body), self)

    def host(self, params: str, results: str, function: Callable[..., object]) -> BuiltinFunctionType:
        """A builtin that is nothing but a host function, so that values go into compiled code and out again."""
        return make_builtin("h", params, results, self.record(host_code(params, results), function), self)

    def memory(self, size: int) -> "GuardedMemory":
        """The context's memory."""
        memory = GuardedMemory(size)
        self.kept.append(memory)
        system.set_word(self.context + abi.MEMORY_BASE, memory.address)
        return memory


def identity(kind: str) -> BuiltinFunctionType:
    def body(a: Assembler) -> None:
        if kind not in "fdv":
            a.mov64_rr(RAX, RDI)
        a.ret()

    return World().function(kind, kind, body)


def returns(a: Assembler) -> None:
    a.ret()


def check_stack(a: Assembler) -> None:
    """What a function with a frame begins with."""
    again, good = a.here(), a.label()
    a.mov64_rm(SCRATCH, CONTEXT, abi.EXECUTION)
    a.cmp64_rm(RSP, SCRATCH, abi.LIMIT)
    a.jcc(B ^ 1, good)
    a.call_m(CONTEXT, abi.INTERRUPT)
    a.jmp(again)
    a.bind(good)


def trap(a: Assembler, message: str) -> None:
    a.call_m(CONTEXT, abi.TRAPS + 8 * abi.TRAP_MESSAGES.index(message))


def resting() -> bool:
    """Whether the calling thread's execution is as if nothing had been called."""
    execution = executions.current()
    return system.word(execution + abi.ACTIVE) == 0 and system.word(execution + abi.KEPT) == 0


class Int(int):
    pass


class Float(float):
    pass


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class AsFloat:
    def __float__(self) -> float:
        return 2.5


# values


@pytest.mark.parametrize("value", [
    0, 1, -1, 5, 256, 257, -6, 2**15, 2**30 - 1, 2**30, -(2**30), -(2**30) + 1, 2**31 - 1, -(2**31), 2**31, 2**32 - 1,
    True, False, Int(7), Int(-(2**31)), Int(2**32 - 1), Index(9), Index(-1),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["i", "l"])
def test_integers(kind: str, value: "int | Index") -> None:
    number = value.value if isinstance(value, Index) else int(value)
    bits = 32 if kind == "i" else 64
    expected = (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    result = identity(kind)(value)
    assert result == expected
    assert type(result) is int


@pytest.mark.parametrize(
    "value", [2**33, 2**60, -(2**60), 2**63 - 1, -(2**63), 2**63, 2**64 - 1, Int(2**64 - 1), Index(2**63)]
)
def test_long_integers(value: "int | Index") -> None:
    number = value.value if isinstance(value, Index) else int(value)
    assert identity("l")(value) == (number + 2**63) % 2**64 - 2**63


@pytest.mark.parametrize("bits", [32, 64])
def test_integers_of_any_size_as_arguments_and_as_results_of_host_functions(bits: int) -> None:
    kind = "i" if bits == 32 else "l"
    given: list[int] = []
    same, host = identity(kind), World().host("", kind, lambda: given[-1])
    chance = random.Random(bits)
    edges = [sign * 2**power + step for power in range(70) for sign in (1, -1) for step in (-1, 0, 1)]
    for number in [*edges, *(chance.randrange(-(2**size), 2**size) for size in range(1, 70) for _ in range(20))]:
        given.append(number)
        if -(2 ** (bits - 1)) <= number < 2**bits:
            expected = (number + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
            assert (same(number), host()) == (expected, expected)
        else:
            with pytest.raises(OverflowError, match="does not fit"):
                same(number)
            with pytest.raises(OverflowError, match="does not fit"):
                host()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (-0.0, -0.0), (1.5, 1.5), (math.inf, math.inf), (-math.inf, -math.inf), (3, 3.0), (True, 1.0),
     (Float(2.25), 2.25), (AsFloat(), 2.5), (Index(4), 4.0), (2**60, 2.0**60)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["f", "d"])
def test_floats(kind: str, value: float, expected: float) -> None:
    result = identity(kind)(value)
    assert (result, math.copysign(1, result)) == (expected, math.copysign(1, expected))
    assert type(result) is float


def test_f32_is_rounded_and_nan_stays_nan() -> None:
    assert identity("f")(0.1) == 0.10000000149011612
    assert identity("d")(0.1) == 0.1
    assert identity("f")(1e300) == math.inf
    assert math.isnan(identity("f")(math.nan))
    assert math.isnan(identity("d")(math.nan))


@pytest.mark.parametrize("value", [bytes(range(16)), bytearray(range(16)), memoryview(bytes(range(16)))])
def test_v128(value: bytes) -> None:
    result = identity("v")(value)
    assert result == bytes(range(16))
    assert type(result) is bytes


def test_references() -> None:
    same = identity("E")
    for thing in (object(), 5, "x", None, same):
        assert same(thing) is thing
    world = World()
    record = world.native(returns)
    function = make_builtin("g", "", "", record, world)
    system.set_word(record + abi.F_OBJECT, id(function))
    assert identity("F")(function) is function
    assert identity("F")(None) is None


def test_no_result_is_none_and_several_are_a_tuple() -> None:
    world = World()

    def swap(a: Assembler) -> None:
        a.mov64_rr(RAX, RSI)
        a.mov64_rr(RDX, RDI)
        a.ret()

    assert world.function("", "", returns)() is None
    assert world.function("ll", "ll", swap)(1, 2) == (2, 1)


def test_values_of_every_kind_in_every_place_pass_in_and_out() -> None:
    """Random signatures: a builtin that is a host function gives what it got, and returns what that returned."""
    chance = random.Random(5)
    things = [object() for _ in range(5)]
    makers: dict[str, Callable[[], object]] = {
        "i": lambda: chance.randrange(-(2**31), 2**31),
        "l": lambda: chance.choice((chance.randrange(-(2**63), 2**63), chance.randrange(-9, 9))),
        "f": lambda: float(chance.randrange(-(2**20), 2**20)) / 16,
        "d": lambda: chance.uniform(-1e9, 1e9),
        "v": lambda: chance.randbytes(16),
        "E": lambda: chance.choice([*things, None]),
    }
    for number in range(150):
        params = "".join(chance.choices("ilfdvE", k=chance.choice((0, 1, 2, 5, 9, 24))))
        results = "".join(chance.choices("ilfdvE", k=chance.choice((0, 1, 2, 5, 24, 60 if number % 10 == 0 else 3))))
        got: list[tuple[object, ...]] = []
        give = tuple(makers[kind]() for kind in results)
        give_it = None if not give else give[0] if len(give) == 1 else give

        def host(*args: object, got: list[tuple[object, ...]] = got, give_it: object = give_it) -> object:
            got.append(args)
            return give_it

        function = World().host(params, results, host)
        args = tuple(makers[kind]() for kind in params)
        assert function(*args) == give_it, (params, results)
        assert got == [args], (params, results)
        assert resting()


# errors

CONVERSION_ERRORS: list[tuple[str, object, type[Exception], str]] = [
    ("i", 2**32, OverflowError, "4294967296 does not fit in i32"),
    ("i", -(2**31) - 1, OverflowError, "-2147483649 does not fit in i32"),
    ("i", 2**100, OverflowError, f"{2**100} does not fit in i32"),
    ("i", 1.0, TypeError, "'float' object cannot be interpreted as an integer"),
    ("i", "1", TypeError, "'str' object cannot be interpreted as an integer"),
    ("i", None, TypeError, "'NoneType' object cannot be interpreted as an integer"),
    ("l", 2**64, OverflowError, f"{2**64} does not fit in i64"),
    ("l", -(2**63) - 1, OverflowError, f"{-(2**63) - 1} does not fit in i64"),
    ("l", 1.5, TypeError, "'float' object cannot be interpreted as an integer"),
    ("d", "1", TypeError, "must be real number, not str"),
    ("f", None, TypeError, "must be real number, not NoneType"),
    ("d", 10**400, OverflowError, "int too large to convert to float"),
    ("v", bytes(15), ValueError, "v128 must be 16 bytes, not 15"),
    ("v", 5, TypeError, "v128 must be 16 bytes, not int"),
    ("F", len, TypeError, "funcref must be a WebAssembly function or None, not builtin_function_or_method"),
    ("F", 3, TypeError, "funcref must be a WebAssembly function or None, not int"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "error", "message"), CONVERSION_ERRORS)
def test_wrong_arguments(kind: str, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        identity(kind)(value)
    assert str(caught.value) == message
    later = World().host("ll" + kind, "", lambda *args: pytest.fail("called with a wrong argument"))
    with pytest.raises(error):
        later(1, 2**62, value)
    assert resting()


@pytest.mark.parametrize(("kind", "value", "error", "message"), CONVERSION_ERRORS)
def test_wrong_results_of_host_functions_name_them(
    kind: str, value: object, error: type[Exception], message: str
) -> None:
    def gives() -> object:
        return value

    with pytest.raises(error) as caught:
        World().host("", kind, gives)()
    assert str(caught.value) == f"host function {gives.__qualname__}: result: {message}"
    assert resting()


@pytest.mark.parametrize(
    ("results", "value", "message"),
    [
        ("", 5, "has no result but returned int"),
        ("ii", 5, "must return a tuple of 2 results, not int"),
        ("ii", (1,), "must return a tuple of 2 results, not 1"),
        ("id", (1, "x"), ": result: must be real number, not str"),
    ],
)
def test_wrong_numbers_of_results(results: str, value: object, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        World().host("", results, lambda: value)()
    assert str(caught.value).endswith(message)
    assert "host function test_wrong_numbers_of_results" in str(caught.value)


@pytest.mark.parametrize("kind", ["i", "d"])
def test_an_error_of_the_arguments_own_comes_through(kind: str) -> None:
    class Bad:
        def __index__(self) -> int:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        identity(kind)(Bad())


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        ("", 1, "f() takes no arguments (1 given)"),
        ("i", 0, "f() takes exactly one argument (0 given)"),
        ("i", 2, "f() takes exactly one argument (2 given)"),
        ("ii", 3, "f() takes exactly 2 arguments (3 given)"),
    ],
)
def test_wrong_numbers_of_arguments(params: str, given: int, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        World().function(params, "", returns)(*[1] * given)
    assert str(caught.value) == message
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        World().function("i", "", returns)(p0=1)


# what kind of object it is


def test_a_builtin_tells_name_signature_and_documentation() -> None:
    world = World()
    f = make_builtin(
        "add", "ii", "i", world.native(returns), world, doc="Adds.", names=["left", "right"], module="calc"
    )
    assert type(f) is type(len)
    assert (f.__name__, f.__doc__, f.__module__, str(inspect.signature(f))) == (
        "add",
        "Adds.",
        "calc",
        "(left, right, /)",
    )
    assert "add" in repr(f)
    assert str(inspect.signature(make_builtin("g", "", "", world.native(returns), world))) == "()"
    assert str(inspect.signature(make_builtin("g", "l", "", world.native(returns), world))) == "(p0, /)"


@pytest.mark.parametrize("name", ["", "a b", "größe", "x" * 1000, "a(b", "--", "\U0001f600", "a\0b"])
def test_any_name_will_do(name: str) -> None:
    world = World()
    f = make_builtin(name, "i", "i", world.native(returns), world)
    assert f.__name__ == name.replace("\0", "\\0")
    f(1)
    with pytest.raises(TypeError, match=r"takes exactly one argument \(0 given\)"):
        f()


def test_a_builtin_keeps_its_owner_and_both_go_even_in_a_cycle() -> None:
    class Owner:
        pass

    world = World()
    record = world.native(returns)
    for cycle in (False, True):
        owner = Owner()
        gone = weakref.ref(owner)
        f = make_builtin("f", "", "", record, owner)
        if cycle:
            owner.exports = [f, f.__call__, {"f": f}]  # type: ignore[attr-defined]  # any attribute will do
        del owner
        gc.collect()
        assert gone() is not None
        f()
        del f
        gc.collect()
        assert gone() is None


# references are counted


def blocks(action: Callable[[], object], times: int) -> int:
    """By how many blocks of memory Python grows when this is done so often."""
    for _ in range(100):
        action()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        action()
    gc.collect()
    return sys.getallocatedblocks() - before


def failing(function: Callable[..., object], *args: object) -> Callable[[], None]:
    def action() -> None:
        try:
            function(*args)
        except (TypeError, OverflowError, ValueError, LookupError, RuntimeError):
            return
        raise AssertionError("did not fail")

    return action


def raises(*args: object) -> None:
    raise LookupError(args)


def test_nothing_leaks() -> None:
    thing = object()
    big = 2**40
    world = World()
    several = World().host("ildvE", "ildvE", lambda *args: args)
    returns_new = World().host("", "E", lambda: [1, 2, 3])
    broken = World().host("", "iE", lambda: ("wrong", []))
    kept_then_broken = World().host("", "Ei", lambda: ([], "wrong"))

    def traps(a: Assembler) -> None:
        trap(a, "unreachable")

    unreachable = world.function("", "", traps)

    def trapped() -> None:
        with pytest.raises(Exception, match="unreachable"):
            unreachable()

    actions: dict[str, Callable[[], object]] = {
        "small": partial(identity("l"), 5),
        "big": partial(identity("l"), big),
        "float": partial(identity("d"), 2.5),
        "v128": partial(identity("v"), bytes(16)),
        "extern": partial(identity("E"), thing),
        "none": partial(identity("E"), None),
        "nothing": World().function("", "", returns),
        "several": lambda: several(1, big, 2.5, bytes(16), thing),
        "new": returns_new,
        "index": partial(identity("i"), Index(5)),
        "wrong count": failing(identity("i")),
        "wrong type": failing(identity("i"), "x"),
        "too large": failing(identity("i"), 2**70),
        "second wrong": failing(World().host("Ei", "", raises), thing, None),
        "host raises": failing(World().host("Eli", "i", raises), thing, big, 5),
        "host returns wrong": failing(World().host("", "i", lambda: thing)),
        "host returns something": failing(World().host("", "", lambda: thing)),
        "one of several wrong": failing(broken),
        "a later one wrong": failing(kept_then_broken),
        "trap": trapped,
        "made": lambda: make_builtin("f", "i", "i", 0, thing),
    }
    counted = (thing, None, big, LookupError, TypeError, raises)
    for name, action in actions.items():
        times = 2_000 if name in ("trap", "made") else 20_000
        action()
        before = [sys.getrefcount(item) for item in counted]
        grown = blocks(action, times)
        after = [sys.getrefcount(item) for item in counted]
        assert grown < times // 4, name
        assert all(abs(b - a) < times // 4 for a, b in zip(before, after, strict=True)), (
            name,
            before,
            after,
        )
        assert resting(), name


def test_a_million_calls_leave_counts_as_they_were() -> None:
    thing = object()
    same = identity("E")
    host = World().host("E", "E", lambda x: x)
    counts = sys.getrefcount(thing), sys.getrefcount(host)
    for _ in range(500_000):
        same(thing)
        host(thing)
    assert (sys.getrefcount(thing), sys.getrefcount(host)) == counts


def test_what_a_host_function_returns_lives_until_the_outermost_call_ends() -> None:
    class Thing:
        pass

    made: list[weakref.ref[Thing]] = []
    world = World()

    def make() -> Thing:
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing

    def look() -> None:
        gc.collect()
        assert made[-1]() is not None

    maker = world.record(host_code("", "E"), make)
    looker = world.record(host_code("", ""), look)

    def body(a: Assembler) -> None:
        a.sub64_ri(RSP, 8)
        for record in (maker, looker):
            a.mov64_ri(SCRATCH, record)
            a.call_m(SCRATCH, abi.F_CODE)
        a.add64_ri(RSP, 8)
        a.ret()

    world.function("", "", body)()
    assert made[0]() is None
    assert resting()


def test_an_object_can_be_kept_until_the_calls_that_need_it_have_ended() -> None:
    class Thing:
        pass

    world, other = World(), World()
    gone: list[weakref.ref[Thing]] = []

    def drops() -> None:
        for context in (world.context, other.context):
            thing = Thing()
            gone.append(weakref.ref(thing))
            executions.keep_if_running(thing, context, context + 1)

    record = world.record(host_code("", ""), drops)

    def body(a: Assembler) -> None:
        a.push_r(CONTEXT)
        a.mov64_ri(SCRATCH, record)
        a.call_m(SCRATCH, abi.F_CODE)
        a.pop_r(CONTEXT)
        a.ret()

    def looks() -> None:
        call()
        assert [ref() is not None for ref in gone] == [True, False]

    call = world.function("", "", body)
    World().host("", "", looks)()
    assert [ref() for ref in gone] == [None, None]
    assert resting()
    drops()
    assert gone[-2]() is None


# exceptions and re-entrance


def test_an_exception_of_a_host_function_comes_out_unchanged() -> None:
    error = LookupError("mine")

    def fail() -> None:
        raise error

    host = World().host("", "", fail)
    with pytest.raises(LookupError) as caught:
        host()
    assert caught.value is error
    frames = [entry.name for entry in caught.traceback]
    assert frames[-1] == "fail"
    assert resting()


def test_python_and_compiled_code_call_each_other_in_any_depth() -> None:
    world = World()
    depth = 0

    def down(n: int) -> int:
        nonlocal depth
        depth = max(depth, n)
        if n == 60:
            raise KeyError("bottom")
        if n == 56:
            try:
                return int(str(recurse(n + 1)))
            except KeyError:
                return n
        return int(str(recurse(n + 1))) + 1

    recurse = world.host("i", "i", down)
    assert recurse(1) == 56 + 55
    assert depth == 60
    assert resting()


def test_coming_back_to_a_call_that_is_not_the_innermost_one_is_an_error() -> None:
    """What happens when a greenlet is changed in a host function, seen from here: another entry has not ended yet."""

    def overtakes() -> None:
        system.set_word(executions.current() + abi.ENTRY, 2**40)

    def overtakes_and_fails() -> None:
        overtakes()
        raise LookupError("mine")

    with pytest.raises(RuntimeError, match="overtaken by another one"):
        World().host("", "", overtakes)()
    assert resting()
    with pytest.raises(LookupError, match="mine"):
        World().host("", "", overtakes_and_fails)()
    assert resting()
    assert identity("i")(5) == 5


def test_endless_mutual_recursion_is_a_recursion_error() -> None:
    world = World()

    def again() -> None:
        recurse()

    recurse = world.host("", "", again)
    for _ in range(3):
        with pytest.raises(RecursionError):
            recurse()
    assert resting()


# traps


@pytest.mark.parametrize("message", abi.TRAP_MESSAGES)
def test_every_trap_is_its_exception(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # an engine in the same process has put its own in place, which knows more than the foundations do
    monkeypatch.setattr(support(), "trap_handler", plain_trap)
    world = World()

    def body(a: Assembler) -> None:
        a.push_r(RBX)
        trap(a, message)

    function = world.function("", "", body)
    for _ in range(2):
        with pytest.raises(Trap) as caught:
            function()
        assert str(caught.value) == message
        assert resting()


def test_the_handlers_get_kind_place_and_stack_pointer(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[int] = []
    seen: list[tuple[BaseException, int, int, int, int]] = []

    def trap_handler(kind: int, _: int) -> BaseException:
        inner(5)  # compiled code that runs meanwhile leaves the frames alone
        kinds.append(kind)
        return RuntimeError("handled")

    def raised_handler(error: BaseException, left: int, pc: int, sp: int) -> None:
        inner(5)
        seen.append((error, left, pc, sp, system.word(sp)))

    monkeypatch.setattr(support(), "trap_handler", trap_handler)
    monkeypatch.setattr(support(), "raised_handler", raised_handler)
    inner = World().host("i", "i", lambda x: x)
    world = World()
    places: list[int] = []

    def body(a: Assembler) -> None:
        a.mov64_ri(RCX, 0x1234567890AB)
        a.push_r(RCX)
        trap(a, "integer overflow")
        places.append(len(a.code))

    record = world.native(body)
    with pytest.raises(RuntimeError, match="handled") as caught:
        make_builtin("f", "", "", record, world)()
    assert [abi.TRAP_MESSAGES[kind] for kind in kinds] == ["integer overflow"]
    ((error, left, pc, sp, top),) = seen
    assert error is caught.value
    assert left == abi.AT
    assert pc == system.word(record + abi.F_CODE) + places[0]
    assert top == 0x1234567890AB
    assert sp % 16 == 0


def loads(world: World) -> BuiltinFunctionType:
    def body(a: Assembler) -> None:
        a.mov32_rx(RAX, MEMORY, RDI, 0, 0)
        a.ret()

    return world.function("i", "i", body)


def test_an_access_out_of_bounds_traps_without_a_check_in_the_code() -> None:
    world = World()
    memory = world.memory(65536)
    load = loads(world)
    memory.view()[65532:65536] = b"\x01\x02\x03\x04"
    assert load(65532) == 0x04030201
    for _ in range(100):
        for address in (65533, 65536, 2**31, 2**32 - 1, -1):
            with pytest.raises(Trap, match="out of bounds memory access"):
                load(address)
    memory.grow(131072)
    assert load(65536) == 0
    assert resting()


def recursion(world: World) -> BuiltinFunctionType:
    """f(n): itself for n − 1, until 0."""

    def body(a: Assembler) -> None:
        start, done = a.here(), a.label()
        check_stack(a)
        a.xor32_rr(RAX, RAX)
        a.test32_rr(RDI, RDI)
        a.jcc(NE ^ 1, done)
        a.sub64_ri(RSP, 56)
        a.dec32_r(RDI)
        a.call(start)
        a.add64_ri(RSP, 56)
        a.inc32_r(RAX)
        a.bind(done)
        a.ret()

    return world.function("i", "i", body)


def test_a_recursion_that_is_too_deep_traps() -> None:
    deep = recursion(World())
    assert deep(10_000) == 10_000

    def many() -> None:
        for _ in range(20):
            with pytest.raises(Trap, match="call stack exhausted"):
                deep(-1)
            assert deep(100) == 100

    many()
    threads = [threading.Thread(target=many) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert resting()


def test_a_memory_fault_with_a_nearly_full_stack_is_still_a_trap() -> None:
    world = World()
    world.memory(65536)

    def body(a: Assembler) -> None:  # as deep as the check allows, then a fault
        start, bottom = a.here(), a.label()
        a.mov64_rm(SCRATCH, CONTEXT, abi.EXECUTION)
        a.cmp64_rm(RSP, SCRATCH, abi.STACK_LIMIT)
        a.jcc(B, bottom)
        a.sub64_ri(RSP, 24)
        a.call(start)
        a.bind(bottom)
        a.mov32_ri(RCX, 0xFFFFFFF0)
        a.mov32_rx(RAX, MEMORY, RCX, 0, 0)
        a.ret()

    function = world.function("", "i", body)
    for _ in range(10):
        with pytest.raises(Trap, match="out of bounds memory access"):
            function()


# interrupts


def loop_until_set(a: Assembler) -> None:
    """f(): loops, looking at the first word of the memory at each turn; keeps all registers that it can and compares
    them in the end.
    """
    kept = [r for r in range(16) if r not in (RSP, SCRATCH, CONTEXT, MEMORY)]
    for r in kept:
        a.mov64_ri(r, 0x0101010101010101 * (r + 1))
    for r in range(16):
        a.movqx_rr(r, kept[r % len(kept)])
    head, done, good = a.here(), a.label(), a.label()
    check_stack(a)
    a.cmp32_mi(MEMORY, 0, 0)
    a.jcc(NE, done)
    a.jmp(head)
    a.bind(done)
    wrong = a.label()
    for r in kept:
        a.mov64_ri(SCRATCH, 0x0101010101010101 * (r + 1))
        a.cmp64_rr(r, SCRATCH)
        a.jcc(NE, wrong)
    for r in range(16):
        a.movxq_rr(SCRATCH, r)
        a.cmp64_rr(SCRATCH, kept[r % len(kept)])
        a.jcc(NE, wrong)
    a.jmp(good)
    a.bind(wrong)
    trap(a, "unreachable")
    a.bind(good)
    a.ret()


def test_other_threads_run_while_compiled_code_loops_and_no_register_changes() -> None:
    world = World()
    view = world.memory(65536).view()
    wait = world.function("", "", loop_until_set)
    turns = 0

    def ends_it() -> None:
        nonlocal turns
        for _ in range(30):  # enough to be interrupted many times
            turns += 1
            threading.Event().wait(0.01)
        view[0] = 1

    thread = threading.Thread(target=ends_it)
    thread.start()
    wait()
    thread.join()
    assert turns == 30
    assert resting()


def test_several_threads_loop_in_one_instance_at_once() -> None:
    world = World()
    view = world.memory(65536).view()
    wait = world.function("", "", loop_until_set)
    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.2)
    view[0] = 1
    for thread in threads:
        thread.join()
    wait()


@pytest.mark.parametrize("times", [1, 2])
def test_a_stack_check_that_fails_without_a_request_is_repeated_before_it_traps(times: int) -> None:
    def body(a: Assembler) -> None:
        a.sub64_ri(RSP, 8)
        for _ in range(times):
            a.call_m(CONTEXT, abi.INTERRUPT)
        a.add64_ri(RSP, 8)
        a.ret()

    checks = World().function("", "", body)
    if times == 1:
        checks()  # as after an interrupt between the comparison and the call
    else:
        with pytest.raises(Trap, match="call stack exhausted"):
            checks()
    assert resting()


def test_a_tick_can_end_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.memory(65536)
    wait = world.function("", "", loop_until_set)
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 5:
            raise TimeoutError("too long")

    monkeypatch.setattr(support(), "tick", tick)
    with pytest.raises(TimeoutError, match="too long"):
        wait()
    assert ticks == 5
    assert resting()


# in a process of its own


def child(source: str) -> "subprocess.CompletedProcess[str]":
    """Run a program that has this file's names in a new interpreter."""
    here = os.path.dirname(os.path.abspath(__file__))
    program = f"import sys\nsys.path.insert(0, {here!r})\nfrom test_jit_cpython import *\n" + textwrap.dedent(source)
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONDONTWRITEBYTECODE": "1"},
    )


PROGRAMS = {
    "Ctrl-C ends a loop, again and again": """
        import signal, time
        world = World()
        world.memory(65536)
        wait = world.function("", "", loop_until_set)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        for number in range(40):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.0003 * number)
                wait()
            except KeyboardInterrupt:
                pass
            assert resting()
        """,
    "Ctrl-C while the ticker starts": """
        import signal
        from wasm_jit.native.ticker import ticker
        world = World()
        world.memory(65536)
        wait = world.function("", "", loop_until_set)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        for number in range(200):
            ticker()._before_fork()  # stops it
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00002 + 0.000003 * number)
                wait()
            except KeyboardInterrupt:
                pass
            assert resting()
        """,
    "Ctrl-C in host functions and between them": """
        import signal
        world = World()
        world.memory(65536)
        again = world.record(host_code("", ""), lambda: None)
        def body(a):
            a.sub64_ri(RSP, 8)
            head = a.here()
            check_stack(a)
            a.mov64_ri(SCRATCH, again)
            a.call_m(SCRATCH, abi.F_CODE)
            a.jmp(head)
        forever = world.function("", "", body)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        for number in range(40):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.0003 * number)
                forever()
            except KeyboardInterrupt:
                pass
            assert resting()
        """,
    "a handler that only takes note": """
        import signal
        world = World()
        view = world.memory(65536).view()
        wait = world.function("", "", loop_until_set)
        seen = []
        def handler(number, frame):
            seen.append(number)
            if len(seen) == 3:
                view[0] = 1
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(seen) >= 3
        """,
    "recursion without Python's limit": """
        sys.setrecursionlimit(10**6)
        world = World()
        def again(): function()
        function = world.host("", "", again)
        for _ in range(3):
            try:
                function()
            except RecursionError:
                pass
            else:
                raise AssertionError
        assert resting()
        """,
    "mutual recursion in a thread with a small stack": """
        threading.stack_size(256 << 10)
        world = World()
        def again(): function()
        function = world.host("", "", again)
        failed = []
        def run():
            sys.setrecursionlimit(10**5)
            try:
                function()
            except RecursionError:
                failed.append(True)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert failed == [True]
        """,
    "fork in a host function": """
        import warnings
        warnings.simplefilter("error")
        pids = []
        def forks():
            pids.append(os.fork())
            return pids[-1] and 1
        world = World()
        world.memory(65536)
        warnings.simplefilter("ignore")  # here compiled code is under way, so the ticker is needed at once
        result = world.host("", "i", forks)()
        assert loads(world)(0) == 0
        try:
            loads(world)(65536)
        except Exception as error:
            assert str(error) == "out of bounds memory access"
        if not result:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
        """,
    "fork with other threads in compiled code": """
        import warnings
        warnings.simplefilter("ignore")
        world = World()
        view = world.memory(65536).view()
        wait = world.function("", "", loop_until_set)
        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads: thread.start()
        import time
        time.sleep(0.05)
        pid = os.fork()
        if not pid:
            assert identity("i")(5) == 5 and resting()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        view[0] = 1
        for thread in threads: thread.join()
        """,
    "a builtin called while the interpreter ends": """
        import atexit
        add = identity("i")
        host = World().host("i", "i", lambda x: x)
        class Late:
            def __del__(self, add=add, host=host):
                assert add(5) == 5 and host(6) == 6
        late = Late()
        loop = [late]; loop.append(loop)
        sys.late = late
        atexit.register(lambda: host(7))
        """,
    "a daemon thread in a loop while the interpreter ends": """
        world = World()
        world.memory(65536)
        threading.Thread(target=world.function("", "", loop_until_set), daemon=True).start()
        import time
        time.sleep(0.05)
        """,
    "the collector runs in calls": """
        gc.set_threshold(1, 1, 1)
        things = World().host("E", "E", lambda x: [x, {}, (x,)])
        for _ in range(2000):
            things([])
            gc.collect(0)
        assert resting()
        """,
    "an instance that goes while its code runs": """
        class Owner: pass
        owner = Owner()
        world = World()
        def drop():
            holder.clear()
            gc.collect()
        holder = [make_builtin("f", "", "", world.record(host_code("", ""), drop), owner)]
        gone = weakref.ref(owner)
        del owner
        holder[0]()
        gc.collect()
        assert gone() is None
        """,
    "no memory may become executable that was writable": """
        import ctypes
        ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE; an error before Linux 6.3
        assert identity("i")(5) == 5
        assert World().host("l", "l", lambda x: x + 1)(2**40) == 2**40 + 1
        """,
    "little address space": """
        import resource
        assert native.unavailable() is None
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        assert identity("i")(5) == 5
        try:
            World().memory(65536)
        except OSError as error:
            assert error.errno == 12
        else:
            raise AssertionError
        """,
    "no address space for another thread's stack": """
        assert identity("i")(5) == 5
        executions.stack_size = 1 << 60
        errors = []
        def run():
            try:
                identity("i")(5)
            except OSError as error:
                errors.append(error.errno)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert errors == [12]
        assert identity("i")(6) == 6
        """,
    "faulthandler and threads": """
        import faulthandler
        faulthandler.enable()
        world = World()
        world.memory(65536)
        load = loads(world)
        def many():
            for _ in range(300):
                try:
                    load(65536)
                except Exception as error:
                    assert str(error) == "out of bounds memory access"
                else:
                    raise AssertionError
        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end_as_they_should(name: str) -> None:
    done = child(textwrap.dedent(PROGRAMS[name]) + "\nprint('ok', flush=True)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
