"""Each vector instruction as wasmtime executes it, against the portable engine's function of the same name."""

import atexit
import math
import random
import struct
from collections.abc import Iterator

import pytest
import wasmtime
from wasm_decoder.syntax.instructions import OPS, Op
from wasm_interp.exec.vector import VECTOR
from wasm_interp.runtime.values import f32_from_bits, f32_to_bits, f64_from_bits, f64_to_bits

from . import binary
from .binary import CODE, s, u, vector
from .bodies import INTERESTING

CASES = 600
#: bytes between one case and the next: three operands and the result
STRIDE = 64
# wasmtime rounds a relaxed_madd once, we twice, as the deterministic profile says (specification 3.0, section
# "Relaxed Operations"): that is for the reference in the package's own tests.
WITHOUT_MEMORY = [
    op for code, op in OPS.items()
    if code >> 16 == 0xFD and op.params and "memarg" not in op.immediates and not op.name.endswith("madd")
]  # fmt: skip
COMPUTED = {"add", "sub", "mul", "div", "sqrt", "min", "max", "ceil", "floor", "trunc", "nearest", "demote", "promote",
            "relaxed"}  # fmt: skip

_LOAD = {"v128": b"\xfd\0\0", "i32": b"\x28\0", "i64": b"\x29\0", "f32": b"\x2a\0", "f64": b"\x2b\0"}
_STORE = {"v128": b"\xfd\x0b\0", "i32": b"\x36\0", "i64": b"\x37\0", "f32": b"\x38\0", "f64": b"\x39\0"}
SIZE = {"v128": 16, "i32": 4, "i64": 8, "f32": 4, "f64": 8}


def engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_relaxed_simd = True
    config.wasm_relaxed_simd_deterministic = True
    return wasmtime.Engine(config)


ENGINE = engine()
atexit.register(ENGINE.close)  # at the interpreter's end it would be too late


def module(op: Op, immediate: bytes) -> bytes:
    """A module whose function "run" does the instruction for each of CASES in its memory."""
    assert op.params is not None
    assert op.results is not None
    get = CODE["local.get"] + b"\0"
    operands = b"".join([get + _LOAD[str(t)] + u(16 * i) for i, t in enumerate(op.params)])
    store = _STORE[str(op.results[0])] + u(48)
    body = (
        b"\1\1\x7f" + CODE["loop"] + b"\x40"
        + get + operands + binary.opcode(op.code) + immediate + store
        + get + CODE["i32.const"] + s(STRIDE) + CODE["i32.add"] + CODE["local.tee"] + b"\0"
        + CODE["i32.const"] + s(STRIDE * CASES) + CODE["i32.lt_u"] + CODE["br_if"] + b"\0"
        + CODE["end"] + CODE["end"]
    )  # fmt: skip
    sections = {
        1: vector([b"\x60\0\0"]),
        3: vector([b"\0"]),
        5: vector([b"\0" + u(STRIDE * CASES // 65536 + 1)]),
        7: vector([binary.name("run") + b"\0\0", binary.name("memory") + b"\2\0"]),
        10: vector([u(len(body)) + body]),
    }
    return binary.module(sections)


def execute(op: Op, immediate: bytes, memory: bytes) -> bytes:
    """The memory after wasmtime did the instruction."""
    store = wasmtime.Store(ENGINE)
    exports = wasmtime.Instance(store, wasmtime.Module(ENGINE, module(op, immediate)), []).exports(store)
    content, run = exports["memory"], exports["run"]
    assert isinstance(content, wasmtime.Memory)
    assert isinstance(run, wasmtime.Func)
    content.write(store, memory)
    run(store)
    return bytes(content.read(store, 0, len(memory)))


def operands(rng: random.Random) -> Iterator[bytes]:
    """Endless vectors of interesting lanes, of random ones, and of floats near each other."""
    while True:
        kind = rng.randrange(6)
        if kind == 0:
            yield rng.randbytes(16)
        elif kind == 1:
            yield struct.pack("<4f", *[rng.uniform(-4, 4) * 2.0 ** rng.randrange(-20, 20) for _ in range(4)])
        elif kind == 2:
            yield struct.pack("<2d", *[rng.uniform(-4, 4) * 2.0 ** rng.randrange(-60, 60) for _ in range(2)])
        else:
            width = rng.choice((8, 32, 64, -32, -64))
            values = [rng.choice(INTERESTING[width]) for _ in range(128 // abs(width))]
            yield b"".join([value.to_bytes(abs(width) // 8, "little") for value in values])


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


def nans_alike(name: str, data: bytes) -> bytes:
    """The bytes with every NaN lane the same, where the instruction computes floats."""
    shape, _, operation = name.partition(".")
    if shape not in ("f32x4", "f64x2") or operation.split("_")[0] not in COMPUTED:
        return data
    lanes = "<4f" if shape == "f32x4" else "<2d"
    return struct.pack(lanes, *[math.nan if x != x else x for x in struct.unpack(lanes, data)])


@pytest.mark.parametrize("op", WITHOUT_MEMORY, ids=repr)
def test_function_equals_wasmtime(op: Op) -> None:
    assert op.params is not None
    assert op.results is not None
    rng = random.Random(op.name)
    if op.lanes:
        immediates = [bytes([lane]) for lane in range(op.lanes)]
    elif op.immediates == ("lanes",):
        immediates = [bytes(rng.randrange(32) for _ in range(16)) for _ in range(8)]
    else:
        immediates = [b""]
    function = VECTOR[op.name]
    kinds, result = [str(t) for t in op.params], str(op.results[0])
    for immediate in immediates:
        source = operands(rng)
        memory = b"".join([next(source) + next(source) + next(source) + bytes(16) for _ in range(CASES)])
        after = execute(op, immediate, memory)
        last: list[int | bytes] = [immediate[0]] if op.lanes else [immediate] if immediate else []
        for at in range(0, len(memory), STRIDE):
            given = [memory[at + 16 * i : at + 16 * i + SIZE[kind]] for i, kind in enumerate(kinds)]
            expected = after[at + 48 : at + 48 + SIZE[result]]
            actual = to_bytes(result, function(*[to_argument(k, d) for k, d in zip(kinds, given, strict=True)], *last))
            assert nans_alike(op.name, actual) == nans_alike(op.name, expected), [d.hex() for d in given]
