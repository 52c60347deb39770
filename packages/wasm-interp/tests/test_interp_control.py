"""Structured control, in every shape and size."""

import itertools
import sys
import threading
from collections.abc import Callable

import pytest
from wasm_decoder.syntax.module import Export, Func, Module
from wasm_decoder.syntax.types import I32, FuncType, RecType, SubType
from wasm_interp import CallStackExhausted, Instance, Interpreter, Store, Unreachable


def function(text: str) -> Callable[..., object]:
    """The one function of a module: parameters, results and body as text."""
    f: Callable[..., object] = Store().instantiate(f'(module (func (export "f") {text}))').exports.f
    return f


def body(code: bytes, locals: int = 0) -> Callable[[int], object]:
    """The same from the bytes of a body that takes and returns an i32."""
    declared = b"\1" + leb(locals) + b"\x7f" if locals else b"\0"
    module = Module(
        types=(RecType((SubType(True, (), FuncType((I32,), (I32,))),)),),
        funcs=(Func(0, declared + code + b"\x0b"),),
        exports=(Export("f", "func", 0),),
    )
    f: Callable[[int], object] = Store().instantiate(module).exports.f
    return f


def leb(n: int) -> bytes:
    found = b""
    while n > 127:
        found += bytes([n & 127 | 128])
        n >>= 7
    return found + bytes([n])


def test_branches_to_every_level() -> None:
    # which block a branch leaves is seen in the sum of what comes after each
    depths = 6
    text = "(param i32) (result i32) (local i32) " + "(block (loop (block " * (depths // 2)
    ends = [k for k in range(depths // 2 * 3) if k % 3 != 1]
    text += "".join([f"(br_if {k} (i32.eq (local.get 0) (i32.const {k}))) " for k in ends])
    text += "unreachable "
    for k in range(depths // 2 * 3):
        text += f") (local.set 1 (i32.add (local.get 1) (i32.const {1 << k}))) "
    text += "(local.get 1)"
    f = function(text)
    for k in ends:
        assert f(k) == sum(1 << i for i in range(k, depths // 2 * 3))
    with pytest.raises(Unreachable):
        f(100)


def test_loops_continued_from_inside_others() -> None:
    f = function("""
        (param $n i32) (result i32) (local $i i32) (local $j i32) (local $sum i32)
        (loop $outer
          (local.set $j (i32.const 0))
          (loop $inner
            (local.set $sum (i32.add (local.get $sum) (local.get $j)))
            (local.set $j (i32.add (local.get $j) (i32.const 1)))
            (if (i32.gt_u (local.get $j) (local.get $i))
              (then
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $outer (i32.lt_u (local.get $i) (local.get $n)))
                (return (local.get $sum))))
            (br $inner))
          unreachable)
        (local.get $sum)""")
    assert f(5) == sum(j for i in range(5) for j in range(i + 1))


def test_operands_below_a_block_keep_their_values() -> None:
    f = function("""
        (param i32) (result i32)
        (local.get 0)
        (block (local.set 0 (i32.const 100)) (br_if 0 (local.get 0)) unreachable)
        (if (i32.const 1) (then (local.set 0 (i32.add (local.get 0) (i32.const 1)))))
        (i32.add (local.get 0))""")
    assert f(7) == 108


def test_operands_keep_the_order_of_effects() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") 1) (global $g (mut i32) (i32.const 1))
          (func $bump (result i32)
            (global.set $g (i32.mul (global.get $g) (i32.const 10)))
            (i32.store (i32.const 0) (global.get $g)) (global.get $g))
          (func (export "f") (param i32) (result i32)
            (i32.sub (i32.add (global.get $g) (i32.load (i32.const 0)))
                     (i32.add (call $bump) (i32.add (global.get $g) (i32.load (i32.const 0))))))
          (func (export "tee") (param i32) (result i32)
            (i32.add (i32.mul (local.get 0) (i32.const 100))
                     (i32.add (local.tee 0 (i32.const 3)) (local.get 0))))
          (func (export "store") (param i32) (result i32)
            (i32.load (i32.const 8)) (i32.store (i32.const 8) (local.get 0)) (i32.add (i32.load (i32.const 8)))))""")
    assert instance.exports.f(0) == 1 + 0 - (10 + 10 + 10)
    assert instance.exports.tee(5) == 506
    assert instance.exports.store(6) == 6
    assert instance.exports.store(7) == 13


def test_blocks_with_parameters_and_several_results() -> None:
    f = function("""
        (param i32) (result i32 i32)
        (local.get 0) (i32.const 2)
        (loop (param i32 i32) (result i32 i32)
          (local.set 0) (i32.sub (i32.const 1)) (local.get 0)
          (block (param i32 i32) (result i32 i32)
            (br_if 1 (i32.gt_s (local.get 0) (i32.const 3)))
            (if (param i32 i32) (result i32 i32) (i32.const 1)
              (then (i32.mul (i32.const 10))) (else (i32.add (i32.const 1))))))""")
    assert f(9) == (8, 20)


def test_selects_compute_both_sides() -> None:
    f = function(
        "(param i32) (result i32) (select (i32.const 7) (i32.div_u (i32.const 1) (local.get 0)) (i32.const 1))"
    )
    assert f(1) == 7
    with pytest.raises(Exception, match="divide by zero"):
        f(0)


@pytest.mark.parametrize("count", [2, 5, 8, 40])
def test_switches(count: int) -> None:
    text = "(param i32) (result i32) " + "(block " * count
    text += f"(br_table {' '.join(map(str, range(count)))} (local.get 0))"
    text += "".join([f") (return (i32.const {k}))" for k in range(100, 100 + count - 1)]) + ") (i32.const 99)"
    f = function(text)
    assert [f(k) for k in range(count + 2)] == [*range(100, 100 + count - 1), 99, 99, 99]
    assert f(-1) == 99


def test_an_interpreter_loop() -> None:
    # a switch in a loop, cases that fall through and go on, an inner loop in one of them
    cases = 12
    text = "(param $n i32) (result i32) (local $acc i32) (local $k i32) (loop $next " + "(block " * cases
    text += f"(br_table {' '.join(map(str, range(cases)))} (i32.rem_u (local.get $n) (i32.const {cases})))"
    for k in range(cases):
        text += f") (local.set $acc (i32.add (local.get $acc) (i32.const {1 << k}))) "
        if k == 3:
            text += """(local.set $k (i32.const 5))
              (loop $in (local.set $acc (i32.add (local.get $acc) (i32.const 65536)))
                (br_if $in (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))"""
        if k % 2:
            text += """(local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $next (i32.gt_s (local.get $n) (i32.const 0)))"""
    text += ") (local.get $acc)"

    def expected(n: int) -> int:
        acc = 0
        while True:
            for k in range(n % cases, cases):
                acc += (1 << k) + (5 * 65536 if k == 3 else 0)
                if k % 2:
                    n -= 1
                    if n > 0:
                        break
            else:
                return acc

    f = function(text)
    for n in range(1, 30):
        assert f(n) == expected(n)


def test_100_000_nested_blocks() -> None:
    n = 100_000
    assert body(b"\x02\x40" * n + b"\x0c" + leb(n - 1) + b"\x0b" * n + b"\x41\x07")(0) == 7
    assert body(b"\x02\x40" * n + b"\x0b" * n + b"\x41\x07")(0) == 7


def test_deep_ifs_and_loops() -> None:
    n = 1000
    nested = body(b"\x20\0\x04\x40" * n + b"\x41\x09\x0f" + b"\x0b" * n + b"\x41\x07")
    assert (nested(1), nested(0)) == (9, 7)
    # a countdown in the innermost of many loops, continued from the outermost
    code = b"\x03\x40" * n + b"\x20\0\x41\1\x6b\x22\0\x0d" + leb(n - 1) + b"\x0b" * n + b"\x20\0"
    assert body(code)(5) == 0


def test_a_switch_with_10_000_targets() -> None:
    n = 10_000
    code = b"\x02\x40" * n + b"\x20\0\x0e" + leb(n - 1) + b"".join(map(leb, range(n))) + b"\x0b"
    code += b"".join([b"\x20\0\x41\1\x6a\x0f\x0b"] * (n - 1)) + b"\x41\x08"
    f = body(code)
    assert [f(0), f(77), f(n - 2), f(n - 1), f(-1)] == [1, 78, n - 1, 8, 8]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (b"\x20\0" + b"\x41\x01\x6a" * 25_000, 25_005),
        (b"\x41\x01" * 25_000 + b"\x6a" * 24_999, 25_000),
        (b"\x20\0" * 25_001 + b"\x73" * 25_000, 5),
        (b"\x02\x40" + b"\x20\0\x41\x05\x46\x0d\0" * 10_000 + b"\x0b\x41\x01", 1),
        (b"\x20\0\x04\x40\x20\0\x41\x01\x6a\x21\0\x0b" * 5_000 + b"\x20\0", 5_005),
        (b"\x20\0" + b"\x41\x03\x20\0\x1b" * 5_000, 5),
    ],
)
def test_long_bodies(code: bytes, result: int) -> None:
    assert body(code)(5) == result


def test_many_locals() -> None:
    n = 20_000
    code = b"".join([b"\x20" + leb(i) + b"\x21" + leb(i + 1) for i in range(n)]) + b"\x20" + leb(n)
    assert body(code, n)(9) == 9
    # declared and not used costs nothing
    assert body(b"\x20" + leb(45_000), 49_000)(9) == 0


RECURSION = """
    (module
      (import "h" "f" (func $host (param i32) (result i32)))
      (func $count (export "count") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $count (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0))))
      (func $forever (export "forever") (call $forever))
      (type $v (func))
      (table funcref (elem $indirect))
      (func $indirect (export "indirect") (call_indirect (type $v) (i32.const 0)))
      (func (export "host") (param i32) (result i32) (call $host (local.get 0))))
    """


def recursing(host: Callable[[int], int]) -> Instance:
    return Store().instantiate(RECURSION, {"h": {"f": host}})


def test_recursion_is_deep_and_ends_in_a_trap() -> None:
    instance = recursing(lambda n: n)
    limit = sys.getrecursionlimit()
    assert instance.exports.count(5000) == 5000
    for name in ("forever", "indirect"):
        for _ in range(2):
            with pytest.raises(CallStackExhausted, match="call stack exhausted") as caught:
                instance.exports[name]()
            assert len(caught.value.frames) == 1000
    assert instance.exports.count(10) == 10
    assert sys.getrecursionlimit() == limit


def test_recursion_through_the_host_ends_in_a_trap() -> None:
    instances: list[Instance] = []
    depth = itertools.count()

    def host(n: int) -> int:
        next(depth)
        found: int = instances[0].exports.host(n + 1)
        return found

    instances.append(recursing(host))
    limit = sys.getrecursionlimit()
    for _ in range(2):
        with pytest.raises(CallStackExhausted):
            instances[0].exports.host(0)
    assert next(depth) >= 100
    assert sys.getrecursionlimit() == limit


def test_recursion_of_the_host_is_its_own_affair() -> None:
    class Endless:
        def __getattr__(self, name: str) -> object:
            return getattr(self, name)

        def __add__(self, other: object) -> object:
            return self + other

    def plain(n: int) -> int:
        return plain(n + 1)

    hosts: list[Callable[[int], int]] = [plain, lambda n: Endless().a, lambda n: Endless() + 1]  # type: ignore[return-value, list-item]  # they do not return
    for host in hosts:
        with pytest.raises(RecursionError):
            recursing(host).exports.host(0)


def test_recursion_in_threads() -> None:
    instance = recursing(lambda n: n)
    limit = sys.getrecursionlimit()
    found: list[object] = []

    def work() -> None:
        try:
            instance.exports.forever()
        except CallStackExhausted as error:
            found.append(error)
        found.append(instance.exports.count(2000))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(2000) == 3
    assert len(found) == 6
    assert sys.getrecursionlimit() == limit


def test_an_interrupt_leaves_everything_usable() -> None:
    def host(n: int) -> int:
        if n == 3:
            raise KeyboardInterrupt
        return n

    instance = recursing(host)
    limit = sys.getrecursionlimit()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            instance.exports.host(3)
        assert instance.exports.host(4) == 4
    assert instance.exports.count(2000) == 2000
    assert sys.getrecursionlimit() == limit


def test_the_source_can_be_read() -> None:
    instance = recursing(lambda n: n)
    assert Interpreter.source(instance, 1).splitlines()[0] == "def f1(l0):"
    for index in (0, 5, 6, -1):
        with pytest.raises(IndexError):
            Interpreter.source(instance, index if index != 5 else 99)
