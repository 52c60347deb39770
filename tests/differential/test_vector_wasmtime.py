"""Each vector instruction as wasmtime executes it, against the portable engine's function of the same name."""

import atexit
import random

import pytest
import wasmtime
from wasm_decoder.syntax.instructions import OPS, Op
from wasm_interp.exec.vector import VECTOR
from wasm_interp.runtime.values import f32_from_bits, f32_to_bits, f64_from_bits, f64_to_bits

from .single import SIZE, STRIDE, immediates, memory, module, nans_alike

CASES = 600
# wasmtime rounds a relaxed_madd once, we twice, as the deterministic profile says (specification 3.0, section
# "Relaxed Operations"): that is for the reference in the package's own tests.
WITHOUT_MEMORY = [
    op for code, op in OPS.items()
    if code >> 16 == 0xFD and op.params and "memarg" not in op.immediates and not op.name.endswith("madd")
]  # fmt: skip


def engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_relaxed_simd = True
    config.wasm_relaxed_simd_deterministic = True
    return wasmtime.Engine(config)


ENGINE = engine()
atexit.register(ENGINE.close)  # at the interpreter's end it would be too late


def execute(op: Op, immediate: bytes, before: bytes) -> bytes:
    """The memory after wasmtime did the instruction for all cases."""
    store = wasmtime.Store(ENGINE)
    code = wasmtime.Module(ENGINE, module(op, immediate, CASES))
    exports = wasmtime.Instance(store, code, []).exports(store)
    content, run = exports["memory"], exports["all"]
    assert isinstance(content, wasmtime.Memory)
    assert isinstance(run, wasmtime.Func)
    content.write(store, before)
    run(store)
    return bytes(content.read(store, 0, len(before)))


def to_argument(kind: str, data: bytes) -> int | float:
    number = int.from_bytes(data[: SIZE[kind]], "little")
    return f32_from_bits(number) if kind == "f32" else f64_from_bits(number) if kind == "f64" else number


def to_bytes(kind: str, value: int | float) -> bytes:
    if kind == "f32":
        value = f32_to_bits(value)
    elif kind == "f64":
        value = f64_to_bits(value)
    assert isinstance(value, int)
    return value.to_bytes(SIZE[kind], "little")


@pytest.mark.parametrize("op", WITHOUT_MEMORY, ids=repr)
def test_function_equals_wasmtime(op: Op) -> None:
    assert op.params is not None
    assert op.results is not None
    rng = random.Random(op.name)
    function = VECTOR[op.name]
    kinds, result = [str(t) for t in op.params], str(op.results[0])
    for immediate in immediates(op, rng):
        before = memory(op, rng, CASES)
        after = execute(op, immediate, before)
        last: list[int | bytes] = [immediate[0]] if op.lanes else [immediate] if immediate else []
        for at in range(0, STRIDE * CASES, STRIDE):
            given = [before[at + 16 * i : at + 16 * i + SIZE[kind]] for i, kind in enumerate(kinds)]
            expected = after[at + 48 : at + 48 + SIZE[result]]
            actual = to_bytes(result, function(*[to_argument(k, d) for k, d in zip(kinds, given, strict=True)], *last))
            assert nans_alike(op, actual) == nans_alike(op, expected), [d.hex() for d in given]
