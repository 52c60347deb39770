"""Functions seen from Python: arguments, results, host functions, exits."""

import operator
import threading
from copy import copy

import pytest
from wasm_decoder.syntax.types import F64, I32, I64, FuncType
from wasm_interp import ExitError, Function, HostFunction, Instance, Store, Trap


@pytest.fixture
def identity() -> Instance:
    return Store().instantiate("""
        (module
          (func (export "i32") (param i32) (result i32) (local.get 0))
          (func (export "i64") (param i64) (result i64) (local.get 0))
          (func (export "f32") (param f32) (result f32) (local.get 0))
          (func (export "f64") (param f64) (result f64) (local.get 0))
          (func (export "v128") (param v128) (result v128) (local.get 0))
          (func (export "funcref") (param funcref) (result funcref) (local.get 0))
          (func (export "externref") (param externref) (result externref) (local.get 0))
          (func (export "none"))
          (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0)))
        """)


class Index:
    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize("bits", [32, 64])
def test_integers_are_signed_outside_and_may_come_either_way(identity: Instance, bits: int) -> None:
    f = identity.exports[f"i{bits}"]
    top = 1 << bits - 1
    for given, back in [(0, 0), (-1, -1), (2 * top - 1, -1), (top, -top), (-top, -top), (top - 1, top - 1)]:
        assert f(given) == back
    assert f(True) == 1
    assert type(f(True)) is int
    assert f(Index()) == 7
    for outside in (2 * top, -top - 1, 1 << 200):
        with pytest.raises(OverflowError):
            f(outside)
    for wrong in (1.0, "1", None, b"1"):
        with pytest.raises(TypeError):
            f(wrong)


def test_floats(identity: Instance) -> None:
    assert identity.exports.f64(3) == 3.0
    assert identity.exports.f64(0.1) == 0.1
    assert identity.exports.f32(0.1) == 0.10000000149011612
    assert identity.exports.f32(1e300) == float("inf")
    for name in ("f32", "f64"):
        for wrong in ("1.0", None):
            with pytest.raises(TypeError):
                identity.exports[name](wrong)
    with pytest.raises(OverflowError):
        identity.exports.f64(10**400)


def test_vectors_are_sixteen_bytes(identity: Instance) -> None:
    data = bytes(range(16))
    assert identity.exports.v128(data) == data
    assert identity.exports.v128(bytearray(data)) == data
    with pytest.raises(ValueError, match="16 bytes"):
        identity.exports.v128(b"short")
    with pytest.raises(TypeError):
        identity.exports.v128(5)


def test_references(identity: Instance) -> None:
    thing = object()
    assert identity.exports.externref(thing) is thing
    assert identity.exports.externref(None) is None
    assert identity.exports.funcref(identity.exports.none) is identity.exports.none
    assert identity.exports.funcref(None) is None
    with pytest.raises(TypeError, match="function or None"):
        identity.exports.funcref(print)


def test_results(identity: Instance) -> None:
    assert identity.exports.none() is None
    assert identity.exports.swap(1, 2.5) == (2.5, 1)


def test_wrong_number_of_arguments(identity: Instance) -> None:
    for args in ((), (1, 2)):
        with pytest.raises(TypeError, match="i32"):
            identity.exports.i32(*args)


def test_a_function_knows_itself(identity: Instance) -> None:
    swap = identity.exports.swap
    assert isinstance(swap, Function)
    assert swap is identity.exports["swap"]
    assert swap.type == FuncType((I32, F64), (F64, I32))
    assert swap.name == "swap"
    assert repr(swap) == "<Function 8 swap: [i32 f64] -> [f64 i32]>"


def test_a_copy_of_exports_is_exports() -> None:
    exports = Store().instantiate('(module (func (export "f") (result i32) (i32.const 3)))').exports
    assert copy(exports).f() == 3


def test_exports_hide_no_name() -> None:
    instance = Store().instantiate("""
        (module (func (export "get") (result i32) (i32.const 1)) (func (export "keys") (result i32) (i32.const 2))
                (memory (export "memory") 1))""")
    assert instance.exports.get() + instance.exports.keys() == 3
    assert list(instance.exports) == ["get", "keys", "memory"]
    assert dir(instance.exports) == ["get", "keys", "memory"]
    assert len(instance.exports) == 3
    assert "get" in instance.exports
    assert "other" not in instance.exports
    with pytest.raises(AttributeError, match="no export 'other'"):
        _ = instance.exports.other
    with pytest.raises(KeyError):
        _ = instance.exports["other"]


HOST = """
    (module
      (import "h" "f" (func $f (param i32 i64 f64) (result i32)))
      (func (export "call") (param i32 i64 f64) (result i32) (call $f (local.get 0) (local.get 1) (local.get 2))))
    """
HOST_TYPE = FuncType((I32, I64, F64), (I32,))


def test_host_functions_get_python_values() -> None:
    seen: list[tuple[object, ...]] = []

    def f(*args: object) -> int:
        seen.append(args)
        return -5

    for given in (f, HostFunction(HOST_TYPE, f)):
        instance = Store().instantiate(HOST, {"h": {"f": given}})
        assert instance.exports.call(-1, -2, 0.5) == -5
    assert seen == [(-1, -2, 0.5)] * 2


def test_a_host_function_can_ask_who_calls() -> None:
    seen: list[object] = []

    def f(caller: Instance, *args: object) -> int:
        seen.append(caller)
        return 0

    host = HostFunction(HOST_TYPE, f, caller=True)
    instances = [Store().instantiate(HOST, {"h": {"f": host}}) for _ in range(2)]
    for instance in instances:
        instance.exports.call(1, 2, 3)
    assert seen == instances


@pytest.mark.parametrize(
    ("result", "error"),
    [("x", TypeError), (None, TypeError), (1.5, TypeError), ((1,), TypeError), (1 << 32, OverflowError)],
)
def test_what_a_host_function_returns_is_checked(result: object, error: type[Exception]) -> None:
    host = HostFunction(HOST_TYPE, lambda *args: result, name="answer")
    instance = Store().instantiate(HOST, {"h": {"f": host}})
    with pytest.raises(error, match="host function answer: result"):
        instance.exports.call(1, 2, 3)


def test_host_functions_without_and_with_several_results() -> None:
    text = """
        (module (import "h" "f" (func $f (result {}))) (func (export "call") (result {}) (call $f)))
        """
    none = Store().instantiate(text.format("", ""), {"h": {"f": lambda: 1}})
    with pytest.raises(TypeError, match="has no result but returned int"):
        none.exports.call()
    for result in ((1, 2.5), [1, 2.5]):
        both = Store().instantiate(text.format("i32 f64", "i32 f64"), {"h": {"f": lambda result=result: result}})
        assert both.exports.call() == (1, 2.5)
    for wrong, message in (((1,), "2 results, not 1"), (5, "2 results, not int"), ((1, "a"), "result 1")):
        both = Store().instantiate(text.format("i32 f64", "i32 f64"), {"h": {"f": lambda wrong=wrong: wrong}})
        with pytest.raises(TypeError, match=message):
            both.exports.call()


@pytest.mark.parametrize(
    "error", [IndexError("mine"), ZeroDivisionError("mine"), KeyboardInterrupt(), ValueError("mine")]
)
def test_exceptions_of_host_functions_pass_unchanged(error: BaseException) -> None:
    def f(*args: object) -> int:
        raise error

    instance = Store().instantiate(HOST, {"h": {"f": f}})
    with pytest.raises(type(error)) as caught:
        instance.exports.call(1, 2, 3)
    assert caught.value is error
    # builtins have no frame of their own: their errors are no traps either
    text = '(module (import "h" "f" (func $f (result i32))) (func (export "call") (result i32) (call $f)))'
    instance = Store().instantiate(text, {"h": {"f": [].pop}})
    with pytest.raises(IndexError, match="pop from empty list"):
        instance.exports.call()


def test_an_instance_that_exited_says_so() -> None:
    def leave(*args: object) -> int:
        raise ExitError(3)

    instance = Store().instantiate(HOST, {"h": {"f": leave}})
    with pytest.raises(ExitError, match="code 3"):
        instance.exports.call(1, 2, 3)
    assert instance.exited == 3
    with pytest.raises(ExitError, match="the instance has exited with code 3") as caught:
        instance.exports.call(1, 2, 3)
    assert caught.value.code == 3


def test_wasm_host_wasm() -> None:
    text = """
        (module
          (import "h" "f" (func $f (param i32) (result i32)))
          (func (export "down") (param i32) (result i32)
            (if (result i32) (local.get 0)
              (then (call $f (i32.sub (local.get 0) (i32.const 1))))
              (else (i32.const 42))))
          (func (export "zero") (result i32) (i32.div_u (i32.const 1) (i32.const 0))))
        """
    instances: list[Instance] = []
    instances.append(Store().instantiate(text, {"h": {"f": lambda n: instances[0].exports.down(n)}}))
    assert instances[0].exports.down(100) == 42
    instances[0] = Store().instantiate(text, {"h": {"f": lambda n: instances[0].exports.zero()}})
    with pytest.raises(Trap, match="integer divide by zero") as caught:
        instances[0].exports.down(1)
    assert [frame.name for frame in caught.value.frames] == ["zero", "down"]


def test_threads() -> None:
    instance = Store().instantiate("""
        (module (func $fac (export "fac") (param i64) (result i64)
          (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
            (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1))))))))""")
    found: list[int] = []

    def work() -> None:
        for _ in range(200):
            found.append(instance.exports.fac(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2432902008176640000] * 800


def test_any_callable_will_do() -> None:
    text = """(module (import "h" "f" (func $f (param i32 i32) (result i32)))
        (func (export "call") (result i32) (call $f (i32.const 6) (i32.const 7))))"""
    assert Store().instantiate(text, {"h": {"f": operator.mul}}).exports.call() == 42
