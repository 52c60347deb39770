"""Machine code of every numeric instruction, its operands in registers, slots, memory and constants, with and without
AVX and BMI, with guarded and checked memories: all must do what the portable engine does.
"""

import math
import random
import struct
from itertools import product

import pytest
import wasm_jit
from wasm_decoder import decode, encode, parse_wat
from wasm_decoder.syntax.instructions import ADDR, BY_NAME, Op
from wasm_interp import Instance, Interpreter, Store, Trap

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

if wasm_jit.unavailable() is None:
    from wasm_jit import Compiler
    from wasm_jit.amd64 import processor

FORMAT = {"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}
VALUES: "dict[str, list[object]]" = {
    "i32": [0, 1, -1, 2, 7, 31, 32, 127, 128, 255, 0x8000, 0x12345678, 2**31 - 1, -(2**31)],
    "i64": [0, 1, -1, 3, 63, 64, 0x80000000, 0xFFFFFFFF, 0x123456789ABCDEF0, 2**63 - 1, -(2**63)],
    "f32": [0.0, -0.0, 1.0, -1.5, 2.5, 3.5, 1e-40, 3.4e38, 2147483648.0, math.inf, -math.inf, math.nan],
    "f64": [0.0, -0.0, 1.0, -1.5, 2.5, 1e-310, 1.7e308, 2147483647.0, 9.3e18, math.inf, -math.inf, math.nan],
}
_rng = random.Random(1)
VALUES["v128"] = [
    bytes(16),
    b"\xff" * 16,
    bytes(range(16)),
    struct.pack("<8h", 0x7FFF, -0x8000, 1, -1, 255, 256, -129, 127),
    struct.pack("<4f", 1.5, -0.0, math.inf, -2.5e9),
    struct.pack("<4f", math.nan, 0.0, -1.0, 3e38),
    struct.pack("<2d", -1.5, 2147483647.5),
    struct.pack("<2d", math.nan, -math.inf),
    _rng.randbytes(16),
    _rng.randbytes(16),
]


def literal(type_: str, value: object) -> str:
    if isinstance(value, bytes):
        return f"(v128.const i8x16 {' '.join(map(str, value))})"
    if isinstance(value, float):
        sign = "-" if math.copysign(1, value) < 0 else ""
        text = "nan" if math.isnan(value) else "inf" if math.isinf(value) else value.hex().lstrip("-")
        if type_ == "f32" and math.isfinite(value):
            text = struct.unpack("<f", struct.pack("<f", value))[0].hex().lstrip("-")
        return f"({type_}.const {sign}{text})"
    return f"({type_}.const {value})"


def pack(type_: str, value: object) -> bytes:
    return value if isinstance(value, bytes) else struct.pack(FORMAT[type_], value)


def normal(op: Op, value: object) -> object:
    """A result in terms that compare equal whatever the bits of NaNs are."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    if isinstance(value, tuple):
        return tuple(normal(op, item) for item in value)
    if isinstance(value, bytes) and op.name[0] == "f":
        lanes = struct.unpack("<4f" if op.name.startswith("f32x4") else "<2d", value)
        if any(map(math.isnan, lanes)):
            return [normal(op, lane) for lane in lanes]
    return value


NUMERIC = [
    op
    for op in BY_NAME.values()
    if op.params
    and op.results
    and len(op.results) == 1
    and all(str(t) in VALUES for t in (*op.params, *op.results))
    and op.immediates in ((), ("lane",), ("lanes",))
    and "relaxed" not in op.name
    and op.name != "select"
]
LOADS = [op for op in BY_NAME.values() if op.immediates == ("memarg",) and op.results and op.params == (ADDR,)]
STORES = [
    op
    for op in BY_NAME.values()
    if op.immediates == ("memarg",) and not op.results and op.params and op.params[0] == ADDR
]
LOADS = [op for op in LOADS if "atomic" not in op.name and str((op.results or ("",))[0]) in VALUES]
STORES = [op for op in STORES if "atomic" not in op.name and len(op.params or ()) == 2]
LANES = [op for op in BY_NAME.values() if op.immediates == ("memarg", "lane")]


def written(op: Op, rng: random.Random) -> str:
    """The instruction with its immediates."""
    if op.immediates == ("lane",):
        return f"{op.name} {rng.randrange({'i8': 16, 'i1': 8, 'i3': 4, 'f3': 4, 'i6': 2, 'f6': 2}[op.name[:2]])}"
    if op.immediates == ("lanes",):
        lanes = rng.choice([range(16), range(16, 32), range(31, 15, -1), [0] * 16, rng.choices(range(32), k=16)])
        return f"{op.name} {' '.join(map(str, lanes))}"
    return op.name


PRESSURE = ["i64"] * 13 + ["v128"] * 14


def forms(op: Op, rng: random.Random) -> "tuple[str, list[tuple[str, list[str]]]]":
    """A module with the instruction in many surroundings: its text, and the exports with their parameters."""
    assert op.params is not None
    assert op.results is not None
    types = [str(t) for t in op.params]
    result = str(op.results[0])
    gets = [f"(local.get {i})" for i in range(len(types))]
    loads = [f"({t}.load offset={16 * i} (local.get 0))" for i, t in enumerate(types)]
    found: list[tuple[str, list[str]]] = []
    text = ['(memory (export "memory") 2)']

    def function(params: list[str], results: list[str], body: str, locals_: str = "") -> None:
        name = f"f{len(found)}"
        text.append(
            f'(func (export "{name}") (param {" ".join(params)}) (result {" ".join(results)}) {locals_} {body})'
        )
        found.append((name, params))

    def apply(operands: list[str]) -> str:
        return f"({written(op, rng)} {' '.join(operands)})"

    function(types, [result], apply(gets))
    function(["i32"], [result], apply(loads))
    function(["i32", *types], [result], apply([f"(local.get {i + 1})" for i in range(len(types) - 1)] + [loads[-1]]))
    if len(types) > 1:
        function(["i32", *types], [result], apply([loads[0]] + [f"(local.get {i + 1})" for i in range(1, len(types))]))
        for value in rng.sample(VALUES[types[-1]], 3):
            function(types, [result], apply([*gets[:-1], literal(types[-1], value)]))
        for value in rng.sample(VALUES[types[0]], 2):
            function(types, [result], apply([literal(types[0], value), *gets[1:]]))
    constants = [literal(t, rng.choice(VALUES[t])) for t in types]
    function(types, [result], apply(constants))
    if len(set(types)) == 1:
        function(types[:1], [result], apply([gets[0]] * len(types)))
    if result in ("i32", "i64"):
        value = apply(gets)
        condition = value if result == "i32" else f"(i32.wrap_i64 {value})"
        arms = "(then (i32.const 5)) (else (i32.const 6))"
        function(types, ["i32"], f"(if (result i32) ({result}.eqz {value}) {arms})")
        function(types, ["i32"], f"(if (result i32) {condition} {arms})")
        function(types, ["i32"], f"(select (i32.const 5) (i32.const 6) {condition})")
    # everything lives on, and there is not room for all of it in registers
    rest = " ".join(f"(local.get {i})" for i in range(len(types) + len(PRESSURE)))
    function([*types, *PRESSURE], [result, *types, *PRESSURE], f"{apply(gets)} {rest}")
    function(
        [*PRESSURE, *types],
        [*PRESSURE, result],
        " ".join(f"(local.get {i})" for i in range(len(PRESSURE)))
        + apply([f"(local.get {len(PRESSURE) + i})" for i in range(len(types))]),
    )
    return "".join(text), found


def call(instance: Instance, op: Op, name: str, args: "list[object]") -> object:
    try:
        return normal(op, instance.exports[name](*args))
    except Trap as trap:
        return trap.message


def both(text: str, config: str, monkeypatch: pytest.MonkeyPatch) -> "tuple[Instance, Instance]":
    """An instance of the portable engine and one of the native engine, as the configuration says."""
    binary = encode(parse_wat(text))
    if config in ("base", "checked"):
        monkeypatch.setattr(processor, "features", lambda: processor.BASE)
    engine = Compiler(guarded=config != "checked")
    return Store(Interpreter()).instantiate(decode(binary)), Store(engine).instantiate(decode(binary))


CONFIGS = ["best", "base", "checked"]


@pytest.mark.parametrize("config", ["best", "checked"])
@pytest.mark.parametrize("op", NUMERIC, ids=repr)
def test_instruction(op: Op, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(op.name)
    text, exports = forms(op, rng)
    portable, native = both(text, config, monkeypatch)
    types = [str(t) for t in op.params or ()]
    pairs = list(product(*[VALUES[t] for t in types]))
    memories = [instance.exports["memory"] for instance in (portable, native)]
    for name, params in exports:
        for values in rng.sample(pairs, min(len(pairs), 7)):
            address = rng.choice([8, 65536, 131072 - 16 * len(types)])
            data = b"".join(pack(t, v).ljust(16, b"\xa5") for t, v in zip(types, values, strict=True))
            for memory in memories:
                memory.write(address, data)
            if params == types:
                args = list(values)
            elif params[:1] == ["i32"] and params[1:] in ([], types):
                args = [address, *values][: len(params)]
            else:
                args = [rng.choice(VALUES[t]) for t in params]
            assert call(native, op, name, args) == call(portable, op, name, args), (name, args, text[:3000])


def test_no_instruction_is_left_out() -> None:
    assert len(NUMERIC) > 320
    assert len(LOADS) >= 25
    assert len(STORES) >= 10
    assert len(LANES) == 8


def accesses(op: Op, rng: random.Random) -> "tuple[str, list[tuple[str, bool]]]":
    """A module that accesses memory with the instruction: its text, the exports, and whether the address is given."""
    value = "" if op.results and op.immediates == ("memarg",) else " (local.get 1)"
    type_ = str((op.results or op.params or ("",))[-1])
    lane = f" {rng.randrange(2)}" if "lane" in op.immediates else ""
    result = f"(result {type_})" if op.results else ""
    text = ['(memory (export "memory") 1)']
    found = []
    for offset in (0, 1, 9, 65500, 0x7FFFFFFF, 0xFFFFFFFF):
        at = f" offset={offset}"
        bodies = {
            "given": f"({op.name}{at}{lane} (local.get 0){value})",
            "sum": f"({op.name}{at}{lane} (i32.add (local.get 0) (i32.const 4)){value})",
            "scaled": f"({op.name}{at}{lane} (i32.add (i32.shl (local.get 0) (i32.const 2)) (local.get 0)){value})",
            "fixed": f"({op.name}{at}{lane} (i32.const 16){value})",
            "twice": f"(drop (i32.load8_u offset={offset} (local.get 0))) ({op.name}{at}{lane} (local.get 0){value})",
        }
        for kind, body in bodies.items():
            name = f"{kind} {offset}"
            text.append(f'(func (export "{name}") (param i32 {type_}) {result} {body})')
            found.append((name, kind != "fixed"))
    return "".join(text), found


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("op", [*LOADS, *STORES, *LANES], ids=repr)
def test_access(op: Op, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(op.name)
    text, exports = accesses(op, rng)
    portable, native = both(text, config, monkeypatch)
    type_ = str((op.results or op.params or ("",))[-1])
    data = rng.randbytes(65536)
    memories = [instance.exports["memory"] for instance in (portable, native)]
    for memory in memories:
        memory.write(0, data)
    for name, takes_address in exports:
        offset = int(name.split()[1])
        addresses = [
            0,
            3,
            65520 - offset,
            65535 - offset,
            65536 - offset,
            65528 - offset,
            -1,
            -offset,
            -4,
            13106,
            2**31 - 1,
        ]
        for address in addresses if takes_address else [0]:
            if not -(2**31) <= address < 2**32:
                continue
            args = [address, rng.choice(VALUES[type_])]
            assert call(native, op, name, args) == call(portable, op, name, args), (name, args)
    assert memories[0].read(0, 65536) == memories[1].read(0, 65536)
