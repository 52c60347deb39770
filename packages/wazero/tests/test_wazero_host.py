"""``HostModule``: types from annotations, from text, from the import."""

import sys
from collections.abc import Callable

import pytest
import wazero
from wasm_decoder.syntax.types import F64, I32, I64, FuncType
from wazero.host import functype

ADD = '(module (import "env" "f" (func (param i32 i32) (result i32))) (export "f" (func 0)))'


def link(host: wazero.HostModule, text: str) -> wazero.Instance:
    return wazero.Runtime().instantiate(text, {"env": host})


def test_annotations_give_the_type() -> None:
    host = wazero.HostModule()

    @host.function
    def f(a: wazero.i32, b: wazero.i32) -> wazero.i32:
        return a + b

    offered = host["f"]
    assert isinstance(offered, wazero.HostFunction)
    assert offered.type == FuncType((I32, I32), (I32,))
    assert link(host, ADD).exports.f(40, 2) == 42
    assert f(1, 2) == 3  # the function itself is what it was
    with pytest.raises(wazero.LinkError, match=r"env.*f"):
        link(host, '(module (import "env" "f" (func (param i64) (result i32))))')


def test_annotations_may_be_strings_and_tuples() -> None:
    host = wazero.HostModule()

    @host.function
    def pair(a: "wazero.i64") -> "tuple[wazero.i64, wazero.f64]":
        return a, a / 2

    offered = host["pair"]
    assert isinstance(offered, wazero.HostFunction)
    assert offered.type == FuncType((I64,), (I64, F64))


def test_explicit_type_and_name() -> None:
    host = wazero.HostModule()

    @host.function(type="i32 i32 -> i32", name="f")
    def anything(*numbers: int) -> int:
        return max(numbers)

    assert link(host, ADD).exports.f(3, 9) == 9
    assert functype("->") == FuncType((), ())
    for wrong in ("i32", "i32 -> int", "() -> ()"):
        with pytest.raises(ValueError, match="type"):
            functype(wrong)


def test_a_plain_callable_takes_the_type_of_each_import() -> None:
    host = wazero.HostModule()
    host.function(lambda *numbers: sum(numbers), name="f")
    assert link(host, ADD).exports.f(3, 4) == 7
    wide = '(module (import "env" "f" (func (param i64) (result i64))) (export "f" (func 0)))'
    assert link(host, wide).exports.f(2**40) == 2**40
    assert wazero.Runtime().instantiate(ADD, {"env": {"f": max}}).exports.f(3, 4) == 4


def test_a_method_is_offered_without_its_self() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def tick(self, by: wazero.i32) -> None:
            self.count += by

    host, counter = wazero.HostModule(), Counter()
    host.function(counter.tick)
    instance = link(host, '(module (import "env" "tick" (func (param i32))) (export "tick" (func 0)))')
    assert instance.exports.tick(5) is None
    assert counter.count == 5


def test_the_calling_instance_is_passed_to_who_asks() -> None:
    host = wazero.HostModule()
    seen: list[bytes] = []

    @host.function
    def log(caller: wazero.Instance, at: wazero.i32, size: wazero.i32) -> None:
        assert caller.memory is not None
        seen.append(caller.memory.read(at, size))

    instance = link(
        host,
        """(module (import "env" "log" (func $log (param i32 i32)))
          (memory (export "memory") 1) (data (i32.const 8) "hello")
          (func (export "main") (call $log (i32.const 8) (i32.const 5))))""",
    )
    instance.exports.main()
    assert seen == [b"hello"]


def test_half_annotated_functions_are_refused() -> None:
    host = wazero.HostModule()

    def half(a: wazero.i32, b: int) -> wazero.i32:
        return a + b

    with pytest.raises(TypeError, match="every parameter"):
        host.function(half)

    def wants_instance(caller: wazero.Instance, size: int) -> int:
        return size

    with pytest.raises(TypeError, match="Instance"):
        host.function(wants_instance)


@pytest.mark.parametrize("annotation", ['"Elsewhere"', "Elsewhere"])
def test_a_name_that_only_type_checkers_see_is_no_type(annotation: str) -> None:
    if annotation == "Elsewhere" and sys.version_info < (3, 14):
        return  # earlier Pythons refuse the definition itself
    made: dict[str, Callable[[int], int]] = {}
    exec(f"def f(a: {annotation}) -> {annotation}: return a + 1", made)
    host = wazero.HostModule()
    host.function(made["f"])
    text = '(module (import "env" "f" (func (param i32) (result i32))) (export "f" (func 0)))'
    assert link(host, text).exports.f(1) == 2


def test_an_exception_comes_out_unchanged() -> None:
    class Refused(Exception):
        pass

    def f(a: int, b: int) -> int:
        raise Refused(a, b)

    with pytest.raises(Refused) as refused:
        wazero.Runtime().instantiate(ADD, {"env": {"f": f}}).exports.f(1, 2)
    assert refused.value.args == (1, 2)


def test_a_wrong_result_names_the_host_function() -> None:
    host = wazero.HostModule()

    @host.function(type="i32 i32 -> i32")
    def f(a: int, b: int) -> str:
        return "three"

    with pytest.raises(TypeError, match="f"):
        link(host, ADD).exports.f(1, 2)
