"""Large and awkward functions: many live values, calls, loops in loops, wide jump tables, thousands of parts.

Each is run by the native engine as the processor allows, without AVX and BMI, and with checked memories, and must give
what the portable engine gives.
"""

import random
import re
import sys
from collections.abc import Callable
from types import FrameType

import pytest
import wasm_jit
from wasm_decoder import decode, encode, parse_wat
from wasm_interp import Interpreter, Store, Trap

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

if wasm_jit.unavailable() is None:
    from wasm_jit import Compiler
    from wasm_jit.amd64 import processor
    from wasm_jit.compile import compile_function
    from wasm_jit.layout import Layout

CONFIGS = ["best", "base", "checked"]
ZERO = {"i32": 0, "i64": 0, "f32": 0.0, "f64": 0.0, "v128": bytes(16)}
# small enough to be inlined
HELPERS = """
    (memory (export "memory") 1) (table 4 funcref) (elem (i32.const 0) $mix $mix2 $mix)
    (global $g (mut i64) (i64.const 3)) (global $v (mut v128) (v128.const i32x4 1 2 3 4))
    (func $mix (param i32 i64 f32 f64) (result i64)
        (global.set $g (i64.add (global.get $g) (i64.const 1)))
        (i64.add (i64.xor (i64.extend_i32_s (local.get 0)) (local.get 1))
            (i64.add (i64.trunc_sat_f32_s (local.get 2)) (i64.trunc_sat_f64_s (local.get 3)))))
    (func $mix2 (param i32 i64 f32 f64) (result i64) (i64.sub (local.get 1) (i64.extend_i32_u (local.get 0))))
    (func $vmix (param v128 v128) (result v128) (i8x16.add (local.get 0) (i32x4.mul (local.get 1) (global.get $v))))
    (func $two (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
"""


def agree(text: str, calls: "list[tuple[object, ...]]", config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both engines give the same results for "f", or the same trap, and leave the same memory."""
    if config != "best":
        monkeypatch.setattr(processor, "features", lambda: processor.BASE)
    binary = encode(parse_wat(text))
    seen = []
    for engine in (Interpreter(), Compiler(guarded=config != "checked")):
        instance = Store(engine).instantiate(decode(binary))
        results: list[object] = []
        for args in calls:
            try:
                results.append(repr(instance.exports.f(*args)))
            except Trap as trap:
                results.append(trap.message)
        if instance.memory is not None:
            results.append(instance.memory.read(0, len(instance.memory)))
        seen.append(results)
    assert seen[0] == seen[1]


class Writer:
    """Writes random functions that keep many values alive.  ``a`` are locals of each type that hold values."""

    def __init__(self, seed: int, locals_: int) -> None:
        self.rng = random.Random(seed)
        self.inlined = seed % 3 == 0  # what it calls; a function with a loop is not
        self.types = ["i32", "i64", "f64"]  # parameters
        self.types += [self.rng.choice(["i32", "i64", "f32", "f64", "v128"]) for _ in range(locals_)]
        self.of = {t: [i for i, u in enumerate(self.types) if u == t] for t in ZERO}
        self.counters = 0
        self.out: list[str] = []

    def get(self, type_: str) -> str:
        if not self.of[type_]:
            return f"({type_}.const {'i32x4 1 2 3 4' if type_ == 'v128' else 7})"
        return f"(local.get {self.rng.choice(self.of[type_])})"

    def value(self, type_: str) -> str:
        get, rng = self.get, self.rng
        address = f"(i32.and {get('i32')} (i32.const 0xfff8))"
        choices = {
            "i32": [
                lambda: f"(i32.{rng.choice(['add', 'sub', 'mul', 'and', 'rotl', 'shr_s'])} {get('i32')} {get('i32')})",
                lambda: f"(i32.wrap_i64 {get('i64')})",
                lambda: f"(f64.{rng.choice(['lt', 'eq', 'ge'])} {get('f64')} {get('f64')})",
                lambda: f"(i32.load offset=3 {address})",
                lambda: f"(i8x16.extract_lane_u 5 {get('v128')})",
                lambda: f"(i32.div_u {get('i32')} (i32.or {get('i32')} (i32.const 1)))",
            ],
            "i64": [
                lambda: f"(i64.{rng.choice(['add', 'sub', 'mul', 'xor', 'rotr', 'shl'])} {get('i64')} {get('i64')})",
                lambda: f"(i64.extend_i32_s {get('i32')})",
                lambda: f"(call $mix {get('i32')} {get('i64')} {get('f32')} {get('f64')})",
                lambda: (
                    f"(call_indirect (param i32 i64 f32 f64) (result i64) {get('i32')} {get('i64')} {get('f32')}"
                    f" {get('f64')} (i32.and {get('i32')} (i32.const 1)))"
                ),
                lambda: f"(i64.rem_s {get('i64')} (i64.or {get('i64')} (i64.const 4)))",
                lambda: f"(i64.load32_s {address})",
                lambda: f"(select {get('i64')} {get('i64')} {get('i32')})",
            ],
            "f32": [
                lambda: f"(f32.{rng.choice(['add', 'sub', 'mul', 'min'])} {get('f32')} {get('f32')})",
                lambda: f"(f32.convert_i32_s {get('i32')})",
                lambda: f"(select {get('f32')} {get('f32')} {get('i32')})",
            ],
            "f64": [
                lambda: f"(f64.{rng.choice(['add', 'sub', 'mul', 'max'])} {get('f64')} {get('f64')})",
                lambda: f"(f64.promote_f32 {get('f32')})",
                lambda: f"(f64.convert_i64_u {get('i64')})",
            ],
            "v128": [
                lambda: f"(i16x8.{rng.choice(['add', 'sub', 'mul', 'min_s'])} {get('v128')} {get('v128')})",
                lambda: f"(i32x4.splat {get('i32')})",
                lambda: f"(call $vmix {get('v128')} {get('v128')})",
                lambda: f"(v128.bitselect {get('v128')} {get('v128')} {get('v128')})",
                lambda: f"(i64x2.replace_lane 1 {get('v128')} {get('i64')})",
                lambda: f"(v128.load {address})",
                lambda: f"(i8x16.shuffle 0 17 2 19 4 21 6 23 31 30 29 28 1 1 1 1 {get('v128')} {get('v128')})",
            ],
        }
        return rng.choice(choices[type_])()

    def statements(self, count: int, depth: int) -> str:
        return " ".join(self.statement(depth) for _ in range(count))

    def statement(self, depth: int) -> str:
        rng = self.rng
        kind = rng.random()
        if depth and kind < 0.12:
            # a loop of a few rounds, with ways out of it, counted in a local of its own
            counter = len(self.types) + self.counters
            self.counters += 1
            return (
                f"(local.set {counter} (i32.const {rng.randrange(1, 4)})) (block (loop {self.statements(3, depth - 1)} "
                f"(br_if 1 {self.value('i32')}) {self.statements(2, depth - 1)} (br_if 0 (local.tee {counter} "
                f"(i32.sub (local.get {counter}) (i32.const 1))))))"
            )
        if depth and kind < 0.24:
            arms = [self.statements(count, depth - 1) for count in (3, 2)]
            return f"(if {self.value('i32')} (then {arms[0]}) (else {arms[1]}))"
        if depth and kind < 0.3:
            return (
                f"(block (block (block (br_table 0 1 2 1 0 (i32.and {self.value('i32')} (i32.const 7)))) "
                f"{self.statements(2, depth - 1)} (br 1)) {self.statements(2, depth - 1)})"
            )
        if kind < 0.4:
            target = f"(i32.and {self.get('i32')} (i32.const 0xfff0))"
            if rng.random() < 0.2:  # not the float itself: a NaN's bits are not defined
                return f"(i32.store offset=1 {target} (i32.trunc_sat_f32_u {self.value('f32')}))"
            t = rng.choice(["i32", "i64", "v128"])
            return f"({t}.store offset=1 {target} {self.value(t)})"
        if kind < 0.44 and self.of["f64"] and self.of["i64"]:
            return (
                f"(call $two {self.value('i64')} {self.value('f64')}) (local.set {rng.choice(self.of['i64'])})"
                f" (local.set {rng.choice(self.of['f64'])})"
            )
        i = rng.randrange(len(self.types))
        return f"(local.set {i} {self.value(self.types[i])})"

    def module(self, count: int) -> str:
        body = self.statements(count, 3)
        locals_ = " ".join(self.types[3:] + ["i32"] * self.counters)
        results = " ".join(self.types)
        gets = " ".join(f"(local.get {i})" for i in range(len(self.types)))
        helpers = HELPERS if self.inlined else re.sub(r"(\(func .*\(result [^)]*\))", r"\1 (loop)", HELPERS)
        return f'{helpers} (func (export "f") (param i32 i64 f64) (result {results}) (local {locals_}) {body} {gets})'


ARGUMENTS: "list[tuple[object, ...]]" = [(0, 0, 0.0), (1, -1, 1.5), (-77, 2**40, -2.25), (123456, -(2**60), 1e30)]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("seed", range(16))
def test_many_values_across_calls_and_loops(seed: int, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Writer(seed, (6, 20, 45, 90)[seed % 4]).module((20, 40, 60)[seed % 3])
    agree(text, ARGUMENTS, config, monkeypatch)


def gets(count: int) -> str:
    return " ".join(f"(local.get {i})" for i in range(count))


TYPES = ["i32", "i64", "f32", "f64", "v128"]


@pytest.mark.parametrize("config", CONFIGS)
def test_three_hundred_parameters_and_results_of_all_types(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    types = [TYPES[i * i % 5] for i in range(300)]
    signature = f"(param {' '.join(types)}) (result {' '.join(types)})"
    backwards = " ".join(f"(local.get {i})" for i in reversed(range(300)))
    reverse = " ".join(reversed(types))
    text = f"""(type $t (func {signature})) (table 1 funcref) (elem (i32.const 0) $same)
        (func $same {signature} {gets(300)})
        (func $back (param {" ".join(types)}) (result {reverse}) {backwards})
        (func $forth (param {reverse}) (result {" ".join(types)}) {backwards})
        (func (export "f") {signature}
            {gets(300)} (call $same) (call_indirect (type $t) (i32.const 0)) (call $back) (call $forth))"""
    rng = random.Random(5)
    some: dict[str, Callable[[], object]] = {
        "i32": lambda: rng.randrange(-(2**31), 2**31),
        "i64": lambda: rng.randrange(-(2**63), 2**63),
        "f32": lambda: rng.randrange(-1000, 1000) / 8,
        "f64": rng.random,
        "v128": lambda: rng.randbytes(16),
    }
    given = tuple(some[t]() for t in types)
    agree(text, [given], config, monkeypatch)
    native = Store(Compiler()).instantiate(text)
    assert native.exports.f(*given) == given


@pytest.mark.parametrize("config", CONFIGS)
def test_a_thousand_locals(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    types = [TYPES[i % 4] for i in range(1000)]
    kinds = {"i32": "i32.mul", "i64": "i64.add", "f32": "f32.add", "f64": "f64.sub"}
    convert = {"i32": "", "i64": "i64.extend_i32_s", "f32": "f32.convert_i32_s", "f64": "f64.convert_i32_s"}
    sets = " ".join(
        f"(local.set {i + 1} ({kinds[t]} (local.get {max(i - 3, 1) if i > 3 else i + 1})"
        f" {f'({convert[t]} (local.get 0))' if convert[t] else '(local.get 0)'}))"
        for i, t in enumerate(types)
    )
    last = " ".join(f"(local.get {i})" for i in range(900, 1001))
    text = f"""(func (export "f") (param i32) (result {" ".join(types[899:])}) (local {" ".join(types)}) (local i32)
        (loop {sets} (br_if 0 (i32.lt_u (local.tee 1001 (i32.add (local.get 1001) (i32.const 1))) (i32.const 3))))
        {last})"""
    agree(text, [(3,), (-7,)], config, monkeypatch)


def test_a_wide_jump_table_with_values() -> None:
    depth, width = 60, 5000
    rng = random.Random(8)
    labels = [rng.randrange(depth) for _ in range(width)]
    inner = f"(br_table {' '.join(map(str, labels))} {depth - 1} (i32.const 0) (local.get 0))"
    for level in range(depth):
        # the value that arrives at level n says how many ends it has passed
        inner = f"(block (result i32) {inner}) (i32.const {level}) i32.add"
    text = f'(func (export "f") (param i32) (result i32) {inner})'
    native = Store(Compiler()).instantiate(text).exports.f
    for index in (0, 1, 2, 77, width - 1, width, width + 1, 2**31 - 1, -1):
        label = labels[index] if 0 <= index < width else depth - 1
        assert native(index) == sum(range(label, depth))


@pytest.mark.parametrize("config", CONFIGS)
def test_loops_in_loops(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = 18
    text = "(local.set 1 (i32.add (local.get 1) (i32.const 1)))"
    for level in range(depth):
        n = 2 + level
        text = (
            f"(local.set {n} (i32.const 0)) (block (loop {text} (br_if 1 (i32.ge_u (local.get 1) (local.get 0)))"
            f"(br_if 0 (i32.lt_u (local.tee {n} (i32.add (local.get {n}) (i32.const 1))) (i32.const 2)))))"
        )
    locals_ = " ".join(["i32"] * (depth + 1))
    text = f'(func (export "f") (param i32) (result i32) (local {locals_}) {text} (local.get 1))'
    agree(text, [(0,), (1,), (10,), (500,)], config, monkeypatch)


_MANY: "dict[str, Callable[[int], str]]" = {
    "arithmetic": lambda n: "(local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 7)) (local.get 0)))" * (n // 6),
    "memory": lambda n: "(i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))" * (n // 6),
    "calls": lambda n: "(local.set 1 (call $h (local.get 1) (local.get 0)))" * (n // 4),
    "inlined calls": lambda n: "(local.set 1 (call $small (local.get 1) (local.get 0)))" * (n // 4),
    "conditions": lambda n: (
        "(if (i32.and (local.get 0) (local.get 1)) (then (local.set 1 (i32.add (local.get 1) (i32.const 3)))))"
        * (n // 9)
    ),
    "loops": lambda n: (
        "(local.set 2 (i32.const 2)) (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))"
        " (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))" * (n // 12)
    ),
    "early exits": lambda n: (
        "(block "
        + "(br_if 0 (i32.eq (local.get 0) (local.get 1))) (local.set 1 (i32.add (local.get 1) (i32.const 1)))"
        * (n // 8)
        + ")"
    ),
    "many live values": lambda n: (
        "".join(f"(local.set {3 + i % 80} (i32.xor (local.get {3 + i * 7 % 80}) (local.get 0)))" for i in range(n // 4))
        + "".join(f"(local.set 1 (i32.add (local.get 1) (local.get {3 + i})))" for i in range(80))
    ),
}


def large(name: str, size: int) -> str:
    xor = "(i32.xor (local.get 0) (local.get 1))"
    return f"""(memory (export "memory") 1) (func $h (param i32 i32) (result i32) (loop) {xor})
        (func (export "f") (param i32 i32) (result i32) (local {" ".join(["i32"] * 90)})
            {_MANY[name](size)} (local.get 1))
        (func $small (param i32 i32) (result i32) {xor})"""


@pytest.mark.parametrize("name", _MANY)
def test_large_functions_give_what_the_portable_engine_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    agree(large(name, 1500), [(0, 0), (1, 2), (-5, 77), (2**31 - 1, 3)], "best", monkeypatch)


def work(text: str) -> "tuple[int, int]":
    """How many calls of functions and methods the compilation of the second function takes; the size of its code."""
    module = parse_wat(text)
    layout = Layout(module)
    compile_function(module, layout, 1)  # everything is imported and cached now
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        code, _, _ = compile_function(module, layout, 1)
    finally:
        sys.setprofile(before)
    return count, len(code.data)


@pytest.mark.parametrize("name", _MANY)
def test_the_work_grows_as_the_function_does(name: str) -> None:
    (small, _), (middle, _), (big, _) = (work(large(name, size)) for size in (1000, 2000, 4000))
    assert big - middle <= 2.3 * (middle - small), (small, middle, big)


def test_a_function_of_fifty_thousand_instructions() -> None:
    native = Store(Compiler()).instantiate(large("arithmetic", 50_000))
    x, y = 5, 3
    for _ in range(50_000 // 6):
        y = (y * 7 + x) & 0xFFFFFFFF
    assert native.exports.f(x, 3) & 0xFFFFFFFF == y


def test_code_beyond_the_reach_of_short_jumps() -> None:
    load = "(i32.load (i32.and (local.get 1) (i32.const 1020)))"
    body = f"(local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 7)) {load}))"
    native = Store(Compiler()).instantiate(
        f"""(memory 1) (func (export "f") (param i32) (result i32) (local i32)
        (block (loop (br_if 1 (i32.eqz (local.get 0))) {body * 900}
            (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))
        (if (local.get 1) (then unreachable)) (i32.const 6))"""
    )
    assert native.exports.f(0) == native.exports.f(3) == 6
