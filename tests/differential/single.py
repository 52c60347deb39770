"""One instruction at a time: a module that executes it on many operands, which lie in its memory."""

import random
import struct
from collections.abc import Iterator

from wasm_decoder.syntax.instructions import ADDR, Op

from . import binary
from .binary import CODE, s, u, vector
from .bodies import INTERESTING, NONDETERMINISTIC

#: bytes between one case and the next: three operands and the result
STRIDE = 64
SIZE = {"v128": 16, "i32": 4, "i64": 8, "f32": 4, "f64": 8, ADDR: 4}
_LOAD = {"v128": b"\xfd\0\0", "i32": b"\x28\0", "i64": b"\x29\0", "f32": b"\x2a\0", "f64": b"\x2b\0", ADDR: b"\x28\0"}
_STORE = {"v128": b"\xfd\x0b\0", "i32": b"\x36\0", "i64": b"\x37\0", "f32": b"\x38\0", "f64": b"\x39\0"}


def module(op: Op, immediate: bytes, cases: int) -> bytes:
    """A module that does the instruction for cases in its memory: "one" for the case at an address, "all" for all."""
    assert op.params is not None
    assert op.results is not None
    get = CODE["local.get"] + b"\0"
    operands = b"".join([get + _LOAD[str(t)] + u(16 * i) for i, t in enumerate(op.params)])
    store = _STORE[str(op.results[0])] + u(48) if op.results else b""
    one = b"\0" + (get if store else b"") + operands + CODE[op.name] + immediate + store + CODE["end"]
    every = (
        b"\1\1\x7f" + CODE["loop"] + b"\x40" + get + CODE["call"] + b"\0"
        + get + CODE["i32.const"] + s(STRIDE) + CODE["i32.add"] + CODE["local.tee"] + b"\0"
        + CODE["i32.const"] + s(STRIDE * cases) + CODE["i32.lt_u"] + CODE["br_if"] + b"\0"
        + CODE["end"] + CODE["end"]
    )  # fmt: skip
    sections = {
        1: vector([b"\x60\1\x7f\0", b"\x60\0\0"]),
        3: vector([b"\0", b"\1"]),
        5: vector([b"\0" + u(_pages(cases))]),
        7: vector([binary.name("one") + b"\0\0", binary.name("all") + b"\0\1", binary.name("memory") + b"\2\0"]),
        10: vector([u(len(one)) + one, u(len(every)) + every]),
    }
    return binary.module(sections)


def _pages(cases: int) -> int:
    """For the cases, and a page that stores go to."""
    return STRIDE * cases // 65536 + 2


def vectors(rng: random.Random) -> Iterator[bytes]:
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


def memory(op: Op, rng: random.Random, cases: int) -> bytes:
    """What the memory holds: so many cases (edges of types, random operands, and vectors as above), then zeros."""
    assert op.params is not None
    source = vectors(rng)

    def operand(kind: str) -> bytes:
        if kind == "v128":
            return next(source)
        if kind == ADDR:
            beyond = 0 if op.results else (_pages(cases) - 1) * 65536
            return (beyond + rng.randrange(STRIDE * cases) % 65000).to_bytes(16, "little")
        width = 8 * SIZE[kind]
        if rng.randrange(4):
            return rng.choice(INTERESTING[-width if kind[0] == "f" else width]).to_bytes(16, "little")
        if rng.randrange(2) and kind[0] == "f":
            value = rng.uniform(-4, 4) * 2.0 ** rng.choice((0, 3, 20, 31, 62, -20, -100))
            return struct.pack("<f" if kind == "f32" else "<d", value).ljust(16, b"\0")
        return rng.getrandbits(width).to_bytes(16, "little")

    kinds = [str(t) for t in op.params]
    operands = [b"".join([operand(kind) for kind in kinds]).ljust(STRIDE, b"\0") for _ in range(cases)]
    return b"".join(operands).ljust(_pages(cases) * 65536, b"\0")


def immediates(op: Op, rng: random.Random) -> list[bytes]:
    """What may stand behind the opcode; all lanes, some offsets, some shuffles."""
    if op.immediates[:1] == ("memarg",):
        lanes = [bytes([lane]) for lane in range(op.lanes)] or [b""]
        return [
            u(rng.randrange(op.align + 1)) + u(offset) + lane
            for offset, lane in zip((0, 3, 40) * 6, lanes * 3, strict=False)
        ]
    if op.lanes:
        return [bytes([lane]) for lane in range(op.lanes)]
    if op.immediates == ("lanes",):
        return [bytes(rng.randrange(32) for _ in range(16)) for _ in range(8)]
    return [b""]


_QUIET = {32: (0x7FFFFFFF, 0x7FC00000), 64: (0x7FFFFFFFFFFFFFFF, 0x7FF8000000000000)}


def nans_alike(op: Op, data: bytes) -> bytes:
    """A result with every NaN the same, where the instruction leaves open which arithmetic NaN it is."""
    shape = op.name.partition(".")[0]
    if shape[0] != "f" or (op.name not in NONDETERMINISTIC and "relaxed" not in op.name):
        return data
    size = 4 if shape.startswith("f32") else 8
    mask, quiet = _QUIET[8 * size]
    lanes = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
    return b"".join([(quiet if lane & mask >= quiet else lane).to_bytes(size, "little") for lane in lanes])
