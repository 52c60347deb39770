"""Each instruction of Core 2.0 that takes or gives numbers, on edges of its operands, in every engine and wasmtime."""

import random

import pytest
import wasmtime
from wasm_decoder import Features
from wasm_decoder.syntax.instructions import Op
from wasm_interp import Engine, Memory, Store, Trap

from .bodies import LOADS, SIMPLE, STORES, TRAPPING
from .engines import ENGINE, ENGINES, kind, trap_name
from .single import SIZE, STRIDE, immediates, memory, module, nans_alike

CASES = 250
NUMERIC = [*SIMPLE, *LOADS, *STORES]


def with_wasmtime(op: Op, code: bytes, before: bytes) -> tuple[bytes, list[str]]:
    """The memory afterwards, and what each case trapped with if the instruction can trap."""
    store = wasmtime.Store(ENGINE)
    exports = wasmtime.Instance(store, wasmtime.Module(ENGINE, code), []).exports(store)
    content, every, one = exports["memory"], exports["all"], exports["one"]
    assert isinstance(content, wasmtime.Memory)
    assert isinstance(every, wasmtime.Func)
    assert isinstance(one, wasmtime.Func)
    content.write(store, before)
    traps = []
    if op in TRAPPING:
        for at in range(0, STRIDE * CASES, STRIDE):
            try:
                one(store, at)
            except wasmtime.Trap as trap:
                traps.append(f"{at} {trap_name(trap)}")
    else:
        every(store)
    return bytes(content.read(store, 0, len(before))), traps


def with_ours(op: Op, code: bytes, before: bytes, engine: Engine) -> tuple[bytes, list[str]]:
    exports = Store(engine, features=Features.CORE_2_0).instantiate(code).exports
    content, every, one = exports["memory"], exports["all"], exports["one"]
    assert isinstance(content, Memory)
    content.write(0, before)
    traps = []
    if op in TRAPPING:
        for at in range(0, STRIDE * CASES, STRIDE):
            try:
                one(at)
            except Trap as trap:
                traps.append(f"{at} {kind(trap)}")
    else:
        every()
    return content.read(0, len(before)), traps


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("op", NUMERIC, ids=repr)
def test_instruction(op: Op, name: str) -> None:
    rng = random.Random(op.name)
    engine = ENGINES[name]()
    for immediate in immediates(op, rng):
        before = memory(op, rng, CASES)
        code = module(op, immediate, CASES)
        expected, expected_traps = with_wasmtime(op, code, before)
        actual, traps = with_ours(op, code, before, engine)
        assert traps == expected_traps
        if not op.results or expected == actual:
            assert expected == actual
            continue
        size = SIZE[str(op.results[0])]
        for at in range(0, STRIDE * CASES, STRIDE):
            results = [nans_alike(op, after[at + 48 : at + 48 + size]).hex() for after in (actual, expected)]
            assert results[0] == results[1], before[at : at + 48].hex()
