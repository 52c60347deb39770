"""Sizes: bodies of any shape take time and memory in proportion, and end in a verdict."""

from random import Random

import pytest
from wasm_decoder import (
    DecodeError,
    Features,
    Module,
    ValidationError,
    WasmError,
    decode,
    encode,
    validate,
    validate_func,
)
from wasm_decoder.binary.leb128 import unsigned
from wasm_decoder.syntax.module import Func, Import
from wasm_decoder.syntax.types import F32, I32, I64, FuncIndexType, FuncType, RecType, SubType, ValType
from wasm_decoder.text.parser import parse_wat
from wasm_decoder.valid import stack
from wasm_decoder.valid.stack import MAX_REMEMBERED

ALL = Features(-1)
MANY = 100_000


def func_types(*types: FuncType) -> "tuple[RecType, ...]":
    return tuple([RecType((SubType(True, (), t),)) for t in types])


def check(code: bytes, *types: FuncType, locals: bytes = b"\0", imports: int = 0) -> None:
    """Validate a body of type [] -> []; further types are 1 and up, and there is an import for each of the first."""
    module = Module(
        types=func_types(FuncType((), ()), *types),
        imports=tuple([Import("m", "f", FuncIndexType(1 + i)) for i in range(imports)]),
        funcs=(Func(0, locals + code),),
    )
    validate(module, ALL)


@pytest.mark.parametrize(
    "code",
    [
        b"\x02\x40" * MANY + b"\x0b" * MANY,
        b"\x03\x40" * MANY + b"\x0b" * MANY,
        b"\x41\x00\x04\x40" * MANY + b"\x05\x0b" * MANY,
        b"\x02\x7f" * MANY + b"\x41\x00" + b"\x0b" * MANY + b"\x1a",
        b"\x41\x00\x03\x40" * MANY + b"\x0b\x1a" * MANY,
        b"\x1f\x40\x00" * MANY + b"\x0b" * MANY,
    ],
    ids=["block", "loop", "if", "block with result", "block above operands", "try_table"],
)
def test_deep_nesting(code: bytes) -> None:
    check(code + b"\x0b")
    with pytest.raises(DecodeError, match="unexpected end"):
        check(code)


def test_branches_out_of_deep_nesting() -> None:
    check(b"\x02\x40" * MANY + (b"\x41\x00\x0d" + unsigned(MANY - 1)) * 1000 + b"\x0b" * MANY + b"\x0b")
    with pytest.raises(ValidationError, match="unknown label 100001"):
        check(b"\x02\x40" * MANY + b"\x0c" + unsigned(MANY + 1) + b"\x0b" * MANY + b"\x0b")


def test_huge_br_table() -> None:
    table = b"\x41\x00\x0e" + unsigned(MANY)
    check(b"\x02\x40" + table + b"\x00\x01" * (MANY // 2) + b"\x00" + b"\x0b\x0b")
    with pytest.raises(ValidationError, match="unknown label 3"):
        check(b"\x02\x40" + table + b"\x01" * (MANY - 1) + b"\x03\x01" + b"\x0b\x0b")
    with pytest.raises(DecodeError, match="unexpected end"):
        check(b"\x41\x00\x0e\xff\xff\xff\xff\x0f" + b"\x00" * MANY)


def test_high_operand_stacks() -> None:
    check(b"\x41\x00" * MANY + b"\x1a" * MANY + b"\x0b")
    pushes = Random(1).choices([b"\x41\x00", b"\x42\x00", b"\x43\0\0\0\0"], k=MAX_REMEMBERED)
    check(b"".join(pushes) + b"\x1a" * len(pushes) + b"\x0b")


def test_the_operand_stack_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack.MAX_HEIGHT >= 1_000_000
    monkeypatch.setattr(stack, "MAX_HEIGHT", 10_000)
    check(b"\x41\x00" * 10_000 + b"\x00\x0b")
    with pytest.raises(ValidationError, match="operand stack too high: at most 10000 values"):
        check(b"\x41\x00" * 10_001 + b"\x00\x0b")
    # many results at a time do not fill the memory either
    with pytest.raises(ValidationError, match="operand stack too high"):
        check(b"\x10\x00" * MANY + b"\x00\x0b", FuncType((), (I32,) * 1000), imports=1)


def test_types_with_thousands_of_results() -> None:
    many: tuple[ValType, ...] = (I32, I64, F32) * 1000
    call = b"\x10\x00"
    block = b"\x02\x01" + call + b"\x41\x00\x0d\x00\x0c\x00\x0b"
    check((block + b"\x10\x01") * 5000 + b"\x0b", FuncType((), many), FuncType(many, ()), imports=2)
    with pytest.raises(
        ValidationError, match=r"^type mismatch: instruction requires \[\.\.\. f32 i32 i64 f32"
    ) as caught:
        check(b"\x41\x00" + b"\x10\x01\x0b", FuncType((), many), FuncType(many, ()), imports=2)
    assert len(str(caught.value)) < 500


def test_aggregates_of_any_size_take_no_memory() -> None:
    module = parse_wat("(type (func)) (type (array i32))")
    news = b"".join([b"\xfb\x08\x01" + unsigned((1 << 32) - 1 - i) + b"\x1a" for i in range(1000)])
    funcs = (Func(0, b"\0\x00" + news + b"\x0b"), Func(0, b"\0" + news + b"\x0b"))
    full = Module(types=module.types, funcs=funcs)
    validate(full, ALL, bodies=False)
    validate_func(full, 0, ALL)
    with pytest.raises(ValidationError, match="type mismatch"):
        validate_func(full, 1, ALL)


def test_many_locals() -> None:
    check(b"\x20\xcf\x86\x03\x1a\x0b", locals=b"\x01" + unsigned(50_000) + b"\x7f")
    check(b"\x20\x00\x1a\x0b", locals=unsigned(MANY) + b"\x00\x7f" * (MANY - 1) + b"\x01\x7f")


def test_what_is_remembered_is_bounded() -> None:
    # every body goes through stacks that no other has
    bodies = []
    for seed in range(200):
        pushes = Random(seed).choices([b"\x41\x00", b"\x42\x00", b"\x43\0\0\0\0"], k=1000)
        bodies.append(Func(0, b"\0" + b"".join(pushes) + b"\x1a" * 1000 + b"\x0b"))
    module = Module(types=func_types(FuncType((), ())), funcs=tuple(bodies))
    validate(module, ALL)
    context = module.__dict__[f"_context {int(ALL)}"]
    assert 0 < context.memory.remembered <= MAX_REMEMBERED


SEEDS = [
    """(type $f (func (param i32) (result i32))) (import "m" "f" (func (param i64 f32))) (memory 1) (table 2 funcref)
    (global (mut i64) (i64.const 0)) (elem (i32.const 0) $g 0) (data "abc")
    (func $g (export "g") (param $n i32) (result i32) (local i64 f32) (local $l i32)
      (block $out (loop $next
        (br_if $out (i32.eqz (local.get $n)))
        (local.set $l (i32.add (local.get $l) (i32.load offset=300 align=2 (local.get $n))))
        (i64.store (i32.const 8) (global.get 0)) (global.set 0 (i64.const 0x123456789))
        (call 0 (local.get 1) (f32.const 1.5))
        (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $next)))
      (drop (if (result i64) (local.get $n) (then (i64.const 1)) (else (i64.const 2))))
      (block (block (br_table 0 1 0 (local.get $n))) (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))
      (drop (select (f64.const 1) (f64.const 2) (i32.const 0)))
      (drop (v128.load8_lane offset=200 3 (i32.const 0) (v128.const i32x4 1 2 3 4)))
      (drop (i32.trunc_sat_f32_s (local.get 2)))
      (call_indirect (type $f) (local.get $l) (i32.const 0)))""",
    """(rec (type $s (sub (struct (field (mut i32)) (field (ref null $a))))) (type $a (array (mut (ref null $s)))))
    (type $t (sub final $s (struct (field (mut i32)) (field (ref null $a)) (field i8)))) (tag $e (param i32))
    (type $f (func (param (ref null $s)) (result (ref null $s)))) (memory i64 1) (memory 1)
    (func $x (type $f) (local $l (ref $s)) (local $b (ref eq))
      (local.set $l (struct.new $t (i32.const 1) (array.new $a (ref.null $s) (i32.const 3)) (i32.const 7)))
      (block $null (drop (br_on_null $null (local.get 0)))
        (struct.set $s 0 (local.get $l) (struct.get $s 0 (local.get $l))))
      (drop (block $h (result i32) (try_table (catch $e $h) (throw $e (i32.const 1))) (unreachable)))
      (local.set $b (ref.i31 (i32.const 5)))
      (drop (block $c (result (ref $t)) (br_on_cast $c (ref $s) (ref $t) (local.get $l)) (return)))
      (memory.copy 0 1 (i64.const 0) (i32.const 0) (i32.const 0))
      (drop (array.get $a (array.new_fixed $a 1 (local.get 0)) (i32.const 0)))
      (drop (ref.test (ref $t) (local.get 0)))
      (return_call_ref $f (local.get 0) (ref.func $x))) (elem declare func $x)""",
]


def verdict(module: Module, features: Features, lazily: bool) -> str:
    try:
        validate(module, features, bodies=not lazily)
        if lazily:
            for index in range(len(module.funcs)):
                validate_func(module, index, features)
    except WasmError as error:
        return f"{type(error).__name__} {error}"
    return "valid"


@pytest.mark.parametrize("text", SEEDS)
@pytest.mark.parametrize("features", [ALL, Features.CORE_3_0, Features.CORE_2_0, Features.CORE_1_0], ids=repr)
def test_mutations_get_a_verdict_early_or_late(text: str, features: Features) -> None:
    binary = encode(parse_wat(text))
    validate(decode(binary, ALL), ALL)
    random = Random(len(text))
    seen = set()
    for _ in range(1000):
        mutated = bytearray(binary)
        for _ in range(random.choice((1, 1, 1, 2, 5))):
            place = random.randrange(8, len(mutated))
            change = random.random()
            if change < 0.7:
                mutated[place] = random.choice((random.randrange(256), mutated[place] ^ 1 << random.randrange(8)))
            elif change < 0.85:
                del mutated[place]
            else:
                mutated.insert(place, random.randrange(256))
        try:
            modules = [decode(mutated, features) for _ in range(2)]
        except DecodeError:
            continue
        early, late = [verdict(module, features, lazily) for module, lazily in zip(modules, (False, True), strict=True)]
        assert early == late
        seen.add(early.split()[0])
    if features == ALL:
        assert seen == {"valid", "ValidationError", "DecodeError"}
