"""What version 3.0 added: tail calls, typed references, exceptions, several and large memories."""

import pytest
from wasm_interp import (
    HostFunction,
    Instance,
    MemoryOutOfBounds,
    NullReference,
    Store,
    Tag,
    Trap,
    UndefinedElement,
    WasmException,
)


def test_tail_calls_take_no_stack() -> None:
    instance = Store().instantiate("""
        (module
          (type $t (func (param i64) (result i32)))
          (table funcref (elem $even $odd))
          (elem declare func $even)
          (func $even (export "even") (param i64) (result i32)
            (if (result i32) (i64.eqz (local.get 0))
              (then (i32.const 1))
              (else (return_call $odd (i64.sub (local.get 0) (i64.const 1))))))
          (func $odd (export "odd") (type $t)
            (if (result i32) (i64.eqz (local.get 0))
              (then (i32.const 0))
              (else (return_call_indirect (type $t) (i64.sub (local.get 0) (i64.const 1)) (i32.const 0)))))
          (func $ref (export "ref") (type $t)
            (if (result i32) (i64.lt_u (local.get 0) (i64.const 5))
              (then (return_call_ref $t (local.get 0) (ref.func $even)))
              (else (return_call $ref (i64.sub (local.get 0) (i64.const 1))))))
          (func (export "sum") (param i64) (result i32) (i32.add (call $even (local.get 0)) (call $ref (local.get 0))))
          (func (export "none") (return_call_indirect (i32.const 7))))""")
    assert [instance.exports.even(n) for n in (0, 1, 60_000, 60_001)] == [1, 0, 1, 0]
    assert [instance.exports.odd(n) for n in (0, 1, 60_000, 60_001)] == [0, 1, 0, 1]
    assert instance.exports.ref(60_000) == 1
    assert instance.exports.sum(100) == 2
    with pytest.raises(UndefinedElement):
        instance.exports.none()


def test_typed_references() -> None:
    instance = Store().instantiate("""
        (module
          (type $t (func (param i32) (result i32)))
          (elem declare func $double)
          (func $double (type $t) (i32.mul (local.get 0) (i32.const 2)))
          (func $apply (param (ref null $t)) (result i32)
            (block $null
              (return (call_ref $t (i32.const 21) (br_on_null $null (local.get 0)))))
            (i32.const -1))
          (func (export "some") (result i32) (call $apply (ref.func $double)))
          (func (export "none") (result i32) (call $apply (ref.null $t)))
          (func (export "non-null") (result i32)
            (call_ref $t (i32.const 4) (block $l (result (ref $t)) (br_on_non_null $l (ref.func $double)) unreachable)))
          (func (export "call null") (drop (call_ref $t (i32.const 1) (ref.null $t))))
          (func (export "as null") (drop (ref.as_non_null (ref.null $t)))))""")
    assert (instance.exports.some(), instance.exports.none(), instance.exports["non-null"]()) == (42, -1, 8)
    for name, message in (("call null", "null function reference"), ("as null", "null reference")):
        with pytest.raises(NullReference, match=message):
            instance.exports[name]()


EXCEPTIONS = """
    (module
      (import "h" "f" (func $host (param i32)))
      (tag $a (export "a") (param i32 f32)) (tag $b (export "b"))
      (func $throw (export "throw") (param i32)
        (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 7) (f32.const 0.5))))
        (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b)))
        (call $host (local.get 0)))
      (func (export "catch") (param i32) (result i32)
        (block $all
          (block $caught (result i32 f32)
            (try_table (catch $a $caught) (catch_all $all) (call $throw (local.get 0)))
            (return (i32.const 100)))
          (drop) (return))
        (i32.const 200))
      (func (export "rethrow") (param i32) (result i32) (local exnref)
        (block $caught (result exnref)
          (try_table (catch_all_ref $caught) (call $throw (local.get 0)))
          (return (i32.const 100)))
        (local.set 1)
        (throw_ref (local.get 1)))
      (func (export "loop") (param i32) (result i32) (local i32)
        (loop $again
          (block $caught
            (try_table (catch $b $caught)
              (local.set 1 (i32.add (local.get 1) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get 1) (i32.const 3)))
              (throw $b))
            unreachable)
          (br_if $again (i32.lt_u (local.get 1) (local.get 0))))
        (local.get 1))
      (func (export "null") (throw_ref (ref.null exn)))
      (func (export "no clause") (param i32) (result i32)
        (try_table (result i32) (call $throw (local.get 0)) (i32.const 5))))
    """


def throwing() -> Instance:
    def host(kind: int) -> None:
        if kind == 3:
            raise WasmException(instances[0].exports.a, (-1, 0.25))
        if kind == 4:
            raise ValueError("the host's own")

    instances: list[Instance] = []
    instances.append(Store().instantiate(EXCEPTIONS, {"h": {"f": host}}))
    return instances[0]


def test_exceptions_are_caught() -> None:
    instance = throwing()
    assert [instance.exports.catch(kind) for kind in range(4)] == [100, 7, 200, -1]
    with pytest.raises(ValueError, match="the host's own"):
        instance.exports.catch(4)
    assert instance.exports.loop(9) == 9
    assert instance.exports["no clause"](0) == 5
    with pytest.raises(WasmException):
        instance.exports["no clause"](2)


def test_exceptions_reach_python() -> None:
    instance = throwing()
    for export in ("throw", "rethrow"):
        with pytest.raises(WasmException, match="unhandled exception with tag") as caught:
            instance.exports[export](1)
        assert caught.value.tag is instance.exports.a
        assert caught.value.values == (7, 0.5)
        with pytest.raises(WasmException) as caught:
            instance.exports[export](2)
        assert caught.value.tag is instance.exports.b
        assert caught.value.values == ()
    with pytest.raises(NullReference, match="null exception reference"):
        instance.exports.null()
    tag = instance.exports.a
    assert isinstance(tag, Tag)
    with pytest.raises(TypeError, match="2 values, not 1"):
        WasmException(tag, (1,))


def test_several_memories() -> None:
    instance = Store().instantiate("""
        (module
          (memory $a (export "a") 1) (memory $b (export "b") 1)
          (func (export "copy") (memory.copy $b $a (i32.const 8) (i32.const 0) (i32.const 4)))
          (func (export "store") (i32.store $b offset=4 (i32.const 0) (i32.load $a (i32.const 0))))
          (func (export "grow") (result i32) (memory.grow $b (i32.const 2)) (i32.add (memory.size $a))))""")
    instance.exports.a.write(0, b"abcd")
    instance.exports.copy()
    instance.exports.store()
    assert instance.exports.b.read(0, 12) == b"\0\0\0\0abcdabcd"
    assert instance.exports.grow() == 2
    assert (instance.exports.a.size, instance.exports.b.size) == (1, 3)


def test_large_memories() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") i64 1)
          (func (export "load") (param i64) (result i32) (i32.load offset=4 (local.get 0)))
          (func (export "size") (result i64) (memory.size))
          (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))""")
    instance.exports.memory[4] = 5
    assert instance.exports.load(0) == 5
    assert (instance.exports.size(), instance.exports.grow(1), instance.exports.grow(-1)) == (1, 1, -1)
    for address in (131072, -1, -4, 1 << 40):
        with pytest.raises(MemoryOutOfBounds):
            instance.exports.load(address)


def test_a_host_function_is_any_function_type() -> None:
    from wasm_decoder.syntax.types import EXTERNREF, FuncType

    seen: list[object] = []
    host = HostFunction(FuncType((EXTERNREF,), ()), seen.append)
    instance = Store().instantiate(
        """(module (import "h" "f" (func $f (param externref)))
             (func (export "g") (param externref) (return_call $f (local.get 0))))""",
        {"h": {"f": host}},
    )
    instance.exports.g("anything")
    assert seen == ["anything"]


def test_instances_are_freed() -> None:
    import gc
    import weakref

    store = Store()
    instance = store.instantiate("""
        (module (memory (export "memory") 1) (table funcref (elem $f))
          (func $f (export "f") (result i32) (i32.load (i32.const 0))))""")
    assert instance.exports.f() == 0
    ghost = weakref.ref(instance)
    view = instance.exports.memory.view()
    del instance
    for _ in range(3):
        gc.collect()
    assert ghost() is None
    view[0] = 1
    assert view[0] == 1


def test_structures_and_arrays() -> None:
    instance = Store().instantiate("""
        (module
          (type $point (sub (struct (field $x (mut i32)) (field $y (mut i8)))))
          (type $deep (sub $point (struct (field $x (mut i32)) (field $y (mut i8)) (field $z (mut f64)))))
          (type $bytes (array (mut i8)))
          (type $points (array (mut (ref null $point))))
          (data $d "abcdef")
          (global $origin (ref $point) (struct.new $point (i32.const 1) (i32.const 0x1ff)))
          (func (export "y") (param i32) (result i32 i32)
            (local $p (ref null $point))
            (local.set $p (struct.new $point (i32.const 3) (i32.const 4)))
            (struct.set $point $y (local.get $p) (local.get 0))
            (struct.get_s $point $y (local.get $p)) (struct.get_u $point $y (local.get $p)))
          (func (export "origin") (result i32)
            (i32.add (struct.get $point $x (global.get $origin)) (struct.get_u $point $y (global.get $origin))))
          (func (export "sum") (param i32 i32) (result i32) (local $a (ref $bytes)) (local $i i32) (local $sum i32)
            (local.set $a (array.new_data $bytes $d (local.get 0) (local.get 1)))
            (array.set $bytes (local.get $a) (i32.const 0) (i32.const -1))
            (loop $again
              (local.set $sum (i32.add (local.get $sum) (array.get_u $bytes (local.get $a) (local.get $i))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $a)))))
            (local.get $sum))
          (func (export "kind") (param i32) (result i32) (local $r anyref)
            (if (i32.eq (local.get 0) (i32.const 0)) (then (local.set $r (struct.new_default $point))))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (local.set $r (struct.new_default $deep))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (local.set $r (ref.i31 (i32.const -5)))))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (local.set $r (array.new_default $points (i32.const 2)))))
            (i32.add (ref.test (ref $point) (local.get $r))
              (i32.add (i32.mul (i32.const 10) (ref.test (ref $deep) (local.get $r)))
                (i32.add (i32.mul (i32.const 100) (ref.test (ref null i31) (local.get $r)))
                  (i32.add (i32.mul (i32.const 1000) (ref.test (ref array) (local.get $r)))
                    (i32.mul (i32.const 10000)
                      (ref.eq (ref.cast (ref null eq) (local.get $r)) (ref.i31 (i32.const -5)))))))))
          (func (export "cast") (drop (ref.cast (ref $deep) (struct.new_default $point))))
          (func (export "null") (drop (struct.get $point $x (ref.null $point))))
          (func (export "beyond")
            (drop (array.get_s $bytes (array.new_default $bytes (i32.const 3)) (i32.const 3)))))""")
    assert instance.exports.y(0xFE) == (-2, 0xFE)
    assert instance.exports.origin() == 1 + 0xFF
    assert instance.exports.sum(1, 3) == 255 + ord("c") + ord("d")
    assert [instance.exports.kind(k) for k in range(5)] == [1, 11, 10100, 1000, 100]
    for name, message in (
        ("cast", "cast failure"), ("null", "null structure reference"), ("beyond", "out of bounds array access"),
    ):  # fmt: skip
        with pytest.raises(Trap, match=message):
            instance.exports[name]()
    with pytest.raises(MemoryOutOfBounds):
        instance.exports.sum(4, 3)


@pytest.mark.parametrize("depth", [3, 14, 15, 30, 300])
def test_exception_handlers_in_one_another(depth: int) -> None:
    """Each catches one tag; the last one that is thrown is counted down on the way out."""
    tags = "".join([f"(tag $t{k})" for k in range(depth)])
    throw = "".join([f"(if (i32.eq (local.get 0) (i32.const {k})) (then (throw $t{k})))" for k in range(depth)])
    body = "(call $throw (local.get 0)) (local.set 1 (i32.const 1000))"
    for k in range(depth):
        body = f"""(block $b{k} (try_table (catch $t{k} $b{k}) {body})
                     (local.set 1 (i32.add (local.get 1) (i32.const 1))))
                   (local.set 1 (i32.add (local.get 1) (i32.const 10000)))"""
    instance = Store().instantiate(f"""
        (module {tags} (tag $other)
          (func $throw (param i32) {throw} (if (i32.eq (local.get 0) (i32.const -1)) (then (throw $other))))
          (func (export "f") (param i32) (result i32) (local i32) {body} (local.get 1)))""")
    for k in {0, 1, depth // 2, depth - 1}:
        # handlers inside the one that catches are left without a trace
        assert instance.exports.f(k) == (depth - 1 - k) + 10000 * (depth - k)
    assert instance.exports.f(depth) == 1000 + depth + 10000 * depth
    with pytest.raises(WasmException):
        instance.exports.f(-1)


def test_references_from_python_are_of_the_declared_type() -> None:
    instance = (
        Store()
        .instantiate("""
        (module
          (type $t (func (param i32) (result i32))) (type $s (struct (field i32))) (type $other (struct (field i64)))
          (func (export "one") (type $t) (local.get 0))
          (func (export "two"))
          (func (export "s") (result (ref $s)) (struct.new $s (i32.const 5)))
          (func (export "other") (result (ref $other)) (struct.new $other (i64.const 5)))
          (func (export "call") (param (ref null $t)) (result i32) (call_ref $t (i32.const 3) (local.get 0)))
          (func (export "field") (param (ref $s)) (result i32) (struct.get $s 0 (local.get 0)))
          (func (export "i31") (param i31ref)) (func (export "exn") (param exnref)))""")
        .exports
    )
    assert instance.call(instance.one) == 3
    assert instance.field(instance.s()) == 5
    instance.i31(None)
    for function, wrong in (
        (instance.call, instance.two), (instance.call, print), (instance.field, instance.other()),
        (instance.field, None), (instance.i31, 5), (instance.exn, ValueError()),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="must be a"):
            function(wrong)
