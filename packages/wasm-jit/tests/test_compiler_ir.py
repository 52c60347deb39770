"""From a body to values and blocks: the scan, the builder, simplification, pruning.  Pure Python: runs everywhere.

What the passes make is run by the little machine below, one instruction at a time, and must do what the portable engine
does with the same module.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from wasm_decoder import parse_wat, validate
from wasm_decoder.syntax.instructions import BY_NAME, OPS
from wasm_interp import Interpreter, Store, Trap
from wasm_jit.frontend.build import build
from wasm_jit.frontend.scan import scan
from wasm_jit.ir.fold import NEGATED
from wasm_jit.ir.function import (
    BLOCK_PARAM,
    BRANCH,
    CALL,
    CONST,
    EFFECT,
    JUMP,
    PARAM,
    RETURN,
    SWITCH,
    T_I32,
    Edge,
    IRFunction,
    edges,
    print_ir,
    term_operands,
)
from wasm_jit.ir.prune import prune

BITS = {"i32": 32, "i64": 64}
STORE = Store(Interpreter())
_known: dict[str, Callable[..., int]] = {}


def operation(name: str) -> Callable[..., int]:
    """An integer instruction as the portable engine runs it, on signed ints."""
    found = _known.get(name)
    if found is None:
        op = BY_NAME[name]
        assert op.params is not None
        gets = " ".join(f"(local.get {i})" for i in range(len(op.params)))
        params = " ".join(map(str, op.params))
        text = f'(func (export "f") (param {params}) (result {op.results[0] if op.results else ""}) {gets} {name})'
        found = _known[name] = STORE.instantiate(text).exports.f
    return found


def signed(value: int, bits: int) -> int:
    return (value + (1 << bits - 1) & (1 << bits) - 1) - (1 << bits - 1)


def graph(text: str, number: int = 0, *, pruned: bool = True, guarded: bool = True) -> IRFunction:
    """A function of a module in text form, after the passes."""
    module = parse_wat(text)
    validate(module)
    f = build(module, scan(module, module.funcs[number]), guarded=guarded)
    if pruned:
        prune(f)
    well_formed(f)
    return f


def names(f: IRFunction) -> list[str]:
    """The mnemonics of everything that is computed, in order."""
    found = []
    for code in f.code:
        for v in code:
            op = OPS[f.aux[v][0]].name if f.op[v] == EFFECT else OPS[f.op[v]].name if f.op[v] >= 0 else str(f.op[v])
            found.append(op)
    return found


def well_formed(f: IRFunction) -> None:
    """Each value is computed once, before it is read on every way, and each edge passes what its target takes."""
    where: dict[int, int] = {}
    for b, code in enumerate(f.code):
        for v in (*f.params[b], *code):
            assert v not in where, f"v{v} is computed twice"
            where[v] = b
    before: list[set[int] | None] = [None] * len(f.code)
    before[0] = set()
    work = [0]
    while work:
        b = work.pop()
        known = before[b]
        assert known is not None
        have = known | set(f.params[b])

        def check(v: int, have: set[int] = have) -> None:
            assert v in have or f.op[v] == CONST, f"v{v} is read where it may not be computed\n{print_ir(f)}"

        for v in f.code[b]:
            for operand in f.operands(v):
                check(operand)
            have.add(v)
        for operand in term_operands(f.term[b]):
            check(operand)
        for edge in edges(f.term[b]):
            assert len(edge.args) == len(f.params[edge.target])
            for arg, param in zip(edge.args, f.params[edge.target], strict=True):
                check(arg)
                assert f.type[arg] == f.type[param]
            old = before[edge.target]
            new = set(have) if old is None else old & have
            if new != old:
                before[edge.target] = new
                work.append(edge.target)


def run(f: IRFunction, *args: int, steps: int = 100_000) -> tuple[int, ...]:
    """Run a function of integers.  Its instructions are numeric, select, or calls of function 0, which is x → x + 1."""
    values: dict[int, int] = {}

    def get(v: int) -> int:
        if f.op[v] == CONST:
            return signed(f.aux[v], 32 if f.type[v] == T_I32 else 64)
        return values[v]

    for p in f.params[0]:
        assert f.op[p] == PARAM
        values[p] = args[f.aux[p]]
    b = 0
    while steps:
        steps -= 1
        for v in f.code[b]:
            op = f.op[v]
            if op == CALL:
                values[v] = signed(get(f.aux[v][-1][0]) + 1, 32)
            elif OPS[op].name == "select":
                values[v] = get(f.x[v]) if get(f.z[v]) else get(f.y[v])
            else:
                values[v] = operation(OPS[op].name)(*[get(o) for o in f.operands(v)])
        term: Any = f.term[b]
        edge: Edge
        if term[0] == RETURN:
            return tuple(get(v) for v in term[1])
        if term[0] == JUMP:
            edge = term[1]
        elif term[0] == BRANCH:
            edge = term[2] if get(term[1]) else term[3]
        elif term[0] == SWITCH:
            index = get(term[1]) & 0xFFFFFFFF
            edge = term[2][min(index, len(term[2]) - 1)]
        else:
            raise Trap("unreachable")
        given = [get(arg) for arg in edge.args]
        b = edge.target
        for p, value in zip(f.params[b], given, strict=True):
            assert f.op[p] == BLOCK_PARAM
            values[p] = value
    raise TimeoutError(print_ir(f))


# divisions by constants

DIVIDENDS = {
    32: [0, 1, 2, 3, 5, 6, 7, 9, 10, 99, 100, 641, 65535, 65536, 2**30, 2**31 - 2, 2**31 - 1],
    64: [0, 1, 2, 3, 7, 10, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 2, 2**63 - 1],
}


def _divisors(bits: int) -> list[int]:
    rng = random.Random(bits)
    powers = [1 << i for i in range(bits)]
    near = [p + d for p in powers for d in (-1, 1)]
    some = [rng.randrange(1, 1 << rng.randrange(2, bits)) for _ in range(40)]
    positive = {*range(1, 30), *powers, *near, *some, 641, 6700417, 1_000_000_007, 0xAAAAAAAB, 0x80000001}
    return sorted({signed(c, bits) for c in positive} | {signed(-c, bits) for c in positive} - {0})


def reference(name: str, x: int, y: int, bits: int) -> int:
    """A division as the specification defines it."""
    if name.endswith("_u"):
        x, y = x & (1 << bits) - 1, y & (1 << bits) - 1
    quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    return signed(quotient if "div" in name else x - quotient * y, bits)


@pytest.mark.parametrize("name", [f"{t}.{d}_{s}" for t in BITS for d in ("div", "rem") for s in "su"])
def test_a_division_by_a_constant_is_exact(name: str) -> None:
    type_ = name[:3]
    bits = BITS[type_]
    rng = random.Random(name)
    for divisor in _divisors(bits):
        if divisor == 0:
            continue
        f = graph(f"(func (param {type_}) (result {type_}) ({name} (local.get 0) ({type_}.const {divisor})))")
        multiples = [divisor * k + d for k in (1, 2, 3, (1 << bits - 1) // divisor) for d in (-1, 0, 1)]
        for x in (*DIVIDENDS[bits], *multiples, *[rng.getrandbits(bits) for _ in range(8)]):
            for dividend in (signed(x, bits), signed(-x, bits), signed(~x, bits)):
                if name.endswith("div_s") and dividend == -1 << bits - 1 and divisor == -1:
                    continue
                assert run(f, dividend) == (reference(name, dividend, divisor, bits),), (dividend, divisor)


@pytest.mark.parametrize("name", ["i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u"])
def test_a_division_by_a_constant_leaves_no_division(name: str) -> None:
    for divisor in (1, 2, 3, 7, 10, 641, 65536, 0x7FFFFFFF, -2, -3, -10, -(2**31)):
        f = graph(f"(func (param i32) (result i32) ({name} (local.get 0) (i32.const {divisor})))")
        assert not any("div" in n or "rem" in n for n in names(f)), (name, divisor)


@pytest.mark.parametrize("name", ["i32.div_s", "i64.div_s", "i64.rem_u"])
def test_a_division_that_traps_stays(name: str) -> None:
    t = name[:3]
    f = graph(f"(func (param {t}) (drop ({name} (local.get 0) ({t}.const 0))))")
    assert names(f) == [name]
    f = graph(f"(func (param {t}) (drop ({name} (local.get 0) (local.get 0))))")
    assert names(f) == [name]


def test_the_quotient_by_minus_one_stays_because_it_can_overflow() -> None:
    assert names(graph("(func (param i32) (drop (i32.div_s (local.get 0) (i32.const -1))))")) == ["i32.div_s"]
    # the remainder cannot
    assert names(graph("(func (param i32) (drop (i32.rem_s (local.get 0) (i32.const -1))))")) == []


# folding

EDGES = {
    32: (0, 1, 2, 5, 31, 32, 33, 0xFF, 0x80, 0x8000, 0xFFFF, 2**31 - 1, -(2**31), -1, -2),
    64: (0, 1, 5, 32, 63, 64, 65, 0x80, 0x8000, 2**31, 2**32, 2**63 - 1, -(2**63), -1, -2),
}
FOLDED = [
    name
    for name, op in BY_NAME.items()
    if op.params
    and op.results
    and len(op.results) == 1
    and not op.immediates
    and all(str(t) in BITS for t in (*op.params, *op.results))
    and name[4:7] not in ("div", "rem")
]


@pytest.mark.parametrize("name", FOLDED)
def test_constants_are_folded_and_identities_hold(name: str) -> None:
    op = BY_NAME[name]
    assert op.params is not None
    assert op.results is not None
    type_, result = str(op.params[0]), str(op.results[0])
    edges_ = EDGES[BITS[type_]]
    direct = operation(name)
    if len(op.params) == 1:
        for a in edges_:
            f = graph(f"(func (result {result}) ({name} ({type_}.const {a})))")
            assert not names(f)
            assert run(f) == (direct(a),)
        return
    for b in edges_:
        right = graph(f"(func (param {type_}) (result {result}) ({name} (local.get 0) ({type_}.const {b})))")
        left = graph(f"(func (param {type_}) (result {result}) ({name} ({type_}.const {b}) (local.get 0)))")
        again = graph(
            f"(func (param {type_}) (result {result})"
            f" ({name} ({name if result == type_ else f'{type_}.add'} (local.get 0) ({type_}.const {b})) "
            f"({type_}.const 3)))"
        )
        for a in edges_:
            f = graph(f"(func (result {result}) ({name} ({type_}.const {a}) ({type_}.const {b})))")
            assert not names(f)
            assert run(f) == (direct(a, b),)
            assert run(right, a) == (direct(a, b),)
            assert run(left, a) == (direct(b, a),)
            inner = direct(a, b) if result == type_ else operation(f"{type_}.add")(a, b)
            assert run(again, a) == (direct(inner, 3),)
    same = graph(f"(func (param {type_}) (result {result}) ({name} (local.get 0) (local.get 0)))")
    for a in edges_:
        assert run(same, a) == (direct(a, a),)


@pytest.mark.parametrize("code", sorted(NEGATED))
def test_the_negation_of_a_comparison(code: int) -> None:
    name, negated = OPS[code].name, OPS[NEGATED[code]].name
    t = name[:3]
    f = graph(f"(func (param {t} {t}) (result i32) (i32.eqz ({name} (local.get 0) (local.get 1))))")
    assert names(f) == [negated]
    for a in EDGES[BITS[t]]:
        for b in EDGES[BITS[t]]:
            assert run(f, a, b) == (1 - operation(name)(a, b),)


SIMPLER = [
    ("i32.lt_s", "(i32.gt_s (i32.const 5) (local.get 0))"),
    ("i32.ge_u", "(i32.le_u (i32.const 5) (local.get 0))"),
    ("i32.ne", "(i32.eqz (i32.eqz (local.get 0)))"),
    ("i64.ne", "(i32.eqz (i64.eqz (local.get 1)))"),
    ("", "(i32.wrap_i64 (i64.extend_i32_s (local.get 0)))"),
    ("", "(i32.wrap_i64 (i64.extend_i32_u (local.get 0)))"),
    ("i32.and", "(i32.and (i32.and (local.get 0) (i32.const 0xFF0)) (i32.const 0xFF))"),
    ("i32.mul", "(i32.mul (i32.mul (local.get 0) (i32.const 3)) (i32.const 5))"),
    ("", "(i32.le_s (local.get 0) (local.get 0))"),
    ("", "(i32.ne (local.get 0) (local.get 0))"),
]


@pytest.mark.parametrize(("left", "body"), SIMPLER, ids=[row[1] for row in SIMPLER])
def test_what_is_simpler(left: str, body: str) -> None:
    text = f'(func (export "f") (param i32 i64) (result i32) {body})'
    f = graph(text)
    assert names(f) == ([left] if left else [])
    portable = STORE.instantiate(text).exports.f
    for x in EDGES[32]:
        assert run(f, x, x * 3) == (portable(x, x * 3),)


# value numbering and memory

LOADS = [
    ("an expression is computed once", "i32.mul", 1,
        "(i32.add (i32.mul (local.get 0) (local.get 1)) (i32.mul (local.get 0) (local.get 1)))"),
    ("a load is done once", "i32.load", 1,
        "(i32.add (i32.load (local.get 0)) (i32.load (local.get 0)))"),
    ("other offsets are other loads", "i32.load", 2,
        "(i32.add (i32.load (local.get 0)) (i32.load offset=4 (local.get 0)))"),
    ("a store changes memory", "i32.load", 2,
        "(i32.load (local.get 0)) (i32.store (local.get 1) (i32.const 1)) (i32.load (local.get 0)) i32.add"),
    ("what was stored is known", "i32.load", 0,
        "(i32.store (local.get 0) (local.get 1)) (i32.load (local.get 0))"),
    ("a part of what was stored is not", "i32.load8_u", 1,
        "(i32.store (local.get 0) (local.get 1)) (i32.load8_u (local.get 0))"),
    ("nor what a narrow store wrote", "i32.load", 1,
        "(i32.store8 (local.get 0) (local.get 1)) (i32.load (local.get 0))"),
    ("a call changes memory", "i32.load", 2,
        "(i32.load (local.get 0)) (call 0) (i32.load (local.get 0)) i32.add"),
    ("growing changes memory", "memory.size", 2,
        "(memory.size) (drop (memory.grow (i32.const 1))) (memory.size) i32.add"),
    ("a global is read once", "global.get", 1,
        "(i32.add (global.get 0) (global.get 0))"),
    ("a global that is set is known", "global.get", 0,
        "(global.set 0 (local.get 1)) (global.get 0)"),
    ("a call changes globals", "global.get", 2,
        "(global.get 0) (call 0) (global.get 0) i32.add"),
    ("an arm does not tell the other", "i32.load", 2,
        "(if (result i32) (local.get 0) (then (i32.load (local.get 1))) (else (i32.load (local.get 1))))"),
    ("nor what follows", "i32.load", 2,
        "(if (local.get 0) (then (drop (i32.load (local.get 1))))) (i32.load (local.get 1))"),
    ("what came before holds in both", "i32.load", 1,
        "(drop (i32.load (local.get 1))) (if (result i32) (local.get 0) (then (i32.load (local.get 1))) (else "
        "(i32.load (local.get 1))))"),
    ("a store in one arm is forgotten after it", "i32.load", 2,
        "(drop (i32.load (local.get 1))) (if (local.get 0) (then (i32.store (local.get 0) (i32.const 5)))) "
        "(i32.load (local.get 1))"),
    ("a loop forgets what its end changes", "i32.load", 2,
        "(drop (i32.load (local.get 1))) (loop (drop (i32.load (local.get 1))) (i32.store (local.get 0) "
        "(i32.const 1)) (br_if 0 (local.get 0))) (i32.const 0)"),
    ("a load that nobody wants may trap and stays", "i32.load", 1,
        "(drop (i32.load (local.get 0))) (i32.const 0)"),
    ("after a branch away nothing is taken back", "i32.load", 1,
        "(block (drop (i32.load (local.get 1))) (br_if 0 (local.get 0)) (drop (i32.load (local.get 1)))) "
        "(i32.load (local.get 1))"),
    ("what a branch may jump over is", "i32.load", 2,
        "(block (br_if 0 (local.get 0)) (drop (i32.load (local.get 1)))) (i32.load (local.get 1))"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "name", "count", "body"), LOADS, ids=[row[0] for row in LOADS])
def test_value_numbering(title: str, name: str, count: int, body: str) -> None:
    text = f"(memory 1) (global (mut i32) (i32.const 0)) (func) (func (param i32 i32) (result i32) {body})"
    assert names(graph(text, 1)).count(name) == count


# how many accesses are checked where nothing guards memory, of how many
CHECKS = [
    ("a store before it reached as far", 1, 2,
        "(i32.store offset=4 (local.get 0) (local.get 1)) (i32.load (local.get 0))"),
    ("as far and no further", 1, 2,
        "(i64.store (local.get 0) (i64.const 1)) (i32.load offset=4 (local.get 0))"),
    ("a byte too far", 2, 2,
        "(i64.store (local.get 0) (i64.const 1)) (i32.load offset=5 (local.get 0))"),
    ("another address", 2, 2,
        "(i32.store offset=4 (local.get 1) (local.get 1)) (i32.load (local.get 0))"),
    ("a load before a store reached as far", 1, 2,
        "(i32.load offset=4 (local.get 0)) (i32.store (local.get 0) (local.get 1))"),
    ("a load may be put down behind another one", 2, 2,
        "(i32.load offset=4 (local.get 0)) (i32.load (local.get 0)) i32.add"),
    ("but not behind what changes memory", 2, 3,
        "(i32.load offset=4 (local.get 0)) (i32.store (local.get 1) (i32.const 1)) (i32.load (local.get 0)) i32.add"),
    ("nor into another block", 1, 2,
        "(i32.load offset=4 (local.get 0)) (if (result i32) (local.get 1) (then (i32.load (local.get 0))) (else "
        "(i32.const 1))) i32.add"),
    ("one arm does not check for the other, nor for what follows", 3, 3,
        "(if (local.get 1) (then (i32.store offset=8 (local.get 0) (i32.const 1))) (else (i32.store offset=8 "
        "(local.get 0) (i32.const 2)))) (i32.load offset=4 (local.get 0))"),
    ("what was checked before a loop needs no check in it", 1, 2,
        "(i32.store offset=4 (local.get 0) (local.get 1)) (loop (result i32) (i32.load (local.get 0)) (br_if 0 "
        "(local.get 1)))"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "checked", "all_", "body"), CHECKS, ids=[row[0] for row in CHECKS])
def test_bounds_are_checked_once(title: str, checked: int, all_: int, body: str) -> None:
    text = f"(memory 1) (func (param i32 i32) (result i32) {body})"
    for guarded, wanted in ((False, checked), (True, all_)):
        f = graph(text, guarded=guarded)
        accesses = [v for code in f.code for v in code if OPS[f.op[v]].immediates == ("memarg",)]
        places = [f.offset[v] for v in accesses]
        assert sum(place > 0 for place in places) == wanted
        assert len(places) == all_


def test_dear_computations_leave_loops_and_those_that_trap_do_not() -> None:
    body = """(param i32 i32) (result i32) (local i32)
        (loop
            (local.set 2 (i32.add (local.get 2) (i32.mul (local.get 0) (local.get 1))))
            (loop (local.set 2 (i32.xor (local.get 2) (i32.mul (local.get 0) (local.get 0))))
                (local.set 2 (i32.add (local.get 2) (i32.div_s (local.get 0) (local.get 1))))
                (br_if 0 (i32.lt_u (local.get 2) (i32.const 50))))
            (br_if 0 (i32.lt_u (local.get 2) (i32.const 100))))
        (local.get 2)"""
    f = graph(f"(func {body})")
    places = {OPS[f.op[v]].name: f.loop[b] for b, code in enumerate(f.code) for v in code if f.op[v] >= 0}
    assert places["i32.mul"] == -1
    assert places["i32.div_s"] >= 0
    assert run(f, 7, 3) == (STORE.instantiate(f'(func (export "f") {body})').exports.f(7, 3),)


def test_a_loop_keeps_parameters_for_what_it_changes_only() -> None:
    f = graph("""(func (param i32 i32 i32) (result i32) (local i32 i32)
        (loop
            (local.set 1 (i32.add (local.get 1) (local.get 2)))  ;; changes and is read
            (local.set 3 (local.get 0))                          ;; always the same
            (local.set 4 (i32.add (local.get 4) (i32.const 1)))  ;; read by nobody else
            (br_if 0 (i32.lt_u (local.get 1) (i32.const 10))))
        (i32.add (local.get 1) (local.get 3)))""")
    headers = [b for b in range(len(f.code)) if f.loop[b] == b]
    assert [len(f.params[b]) for b in headers] == [1]
    assert run(f, 5, 0, 3) == (17,)


def test_unreachable_code_is_not_read() -> None:
    f = graph("""(func (result i32) (block (result i32) (br 0 (i32.const 7)) (i32.div_s (i32.const 1) (i32.const 0))
        (loop (br 0)) (if (then (unreachable)) (else (nop))) drop drop (i32.const 9)))""")
    assert not names(f)
    assert run(f) == (7,)


# whole programs, on the little machine and on the portable engine

PROGRAMS = {
    "fibonacci": """(param i32) (result i32) (local i32 i32 i32) (local.set 2 (i32.const 1))
        (block (loop (br_if 1 (i32.eqz (local.get 0)))
            (local.set 3 (i32.add (local.get 1) (local.get 2))) (local.set 1 (local.get 2)) (local.set 2 (local.get 3))
            (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0))) (local.get 1)""",
    "a loop with parameters and results": """(param i32) (result i32 i64) (local i64 i32) (i32.const 1) (i64.const 1)
        (loop $l (param i32 i64) (result i32 i64)
            (local.set 1) (i32.mul (i32.const 3)) (local.set 2)
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (local.get 2) (i64.add (local.get 1) (i64.extend_i32_u (local.get 2)))
            (br_if $l (i32.gt_s (local.get 0) (i32.const 0))))""",
    "parameters that swap around a loop": """(param i32) (result i32 i32) (local i32 i32 i32)
        (local.set 1 (i32.const 10)) (local.set 2 (i32.const 20))
        (loop (local.get 1) (local.set 1 (local.get 2)) (local.set 2)
            (br_if 0 (local.tee 0 (i32.and (i32.sub (local.get 0) (i32.const 1)) (i32.const 15)))))
        (local.get 1) (local.get 2)""",
    "a jump table": """(param i32) (result i32) (local i32)
        (block (block (block (block (br_table 0 1 2 3 0 2 (local.get 0)))
            (local.set 1 (i32.const 10)) (br 2)) (local.set 1 (i32.const 20))) (local.set 1 (i32.add (local.get 1)
            (i32.const 5))))
        (i32.add (local.get 1) (local.get 0))""",
    "a jump table with values, into a loop too": """(param i32) (result i32)
        (local.get 0) (loop (param i32) (result i32)
            (block (param i32) (result i32) (i32.sub (i32.const 1)) (local.tee 0) (local.get 0)
                (br_table 0 0 1 1 1 0 (i32.sub (local.get 0) (i32.const 0)))) (i32.mul (i32.const 7)))""",
    "conditions without else": """(param i32) (result i32) (local i32)
        (local.set 1 (local.get 0))
        (if (i32.and (local.get 0) (i32.const 1)) (then (local.set 1 (i32.add (local.get 1) (i32.const 100)))))
        (if (i32.and (local.get 0) (i32.const 2)) (then (return (local.get 1))))
        (if (param) (i32.and (local.get 0) (i32.const 4)) (then (local.set 0 (i32.const 9))) (else (local.set 1
        (local.get 0))))
        (i32.add (local.get 0) (local.get 1))""",
    "select": """(param i32) (result i32) (select (select (i32.const 1) (local.get 0) (i32.const 0)) (i32.const 3)
        (i32.lt_s (local.get 0) (i32.const 4)))""",
    "loops in loops that end early": """(param i32) (result i32) (local i32 i32 i32)
        (block $out (loop $a (local.set 1 (i32.const 0))
            (loop $b (local.set 2 (i32.add (local.get 2) (i32.mul (local.get 0) (local.get 1))))
                (br_if $out (i32.gt_u (local.get 2) (i32.const 500)))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $a (i32.eq (local.get 1) (local.tee 3 (i32.add (local.get 3) (i32.const 3)))))
                (br_if $b (i32.lt_u (local.get 1) (i32.const 20))))
            (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $a (i32.lt_u (local.get 0) (i32.const 40)))))
        (i32.add (local.get 2) (i32.add (local.get 1) (local.get 0)))""",
    "remainders": """(param i32) (result i32) (local i32) (local.set 1 (i32.const 48))
        (block (loop (br_if 1 (i32.eqz (local.get 0))) (local.get 0)
            (local.set 0 (i32.rem_u (local.get 1) (local.get 0))) (local.set 1) (br 0))) (local.get 1)""",
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("pruned", [True, False], ids=["pruned", "as built"])
def test_programs(name: str, pruned: bool) -> None:
    body = PROGRAMS[name]
    f = graph(f"(func {body})", pruned=pruned)
    direct = STORE.instantiate(f'(func (export "f") {body})').exports.f
    for n in (0, 1, 2, 3, 4, 5, 6, 7, 13, 21):
        expected = direct(n)
        assert run(f, n) == (expected if isinstance(expected, tuple) else (expected,)), n


def expression(rng: random.Random, type_: str, depth: int) -> str:
    """A random expression of parameters 0 and 1 (i32), 2 and 3 (i64), constants and what is computed again."""
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.5:
            return f"({type_}.const {rng.choice(EDGES[BITS[type_]])})"
        return f"(local.get {rng.randrange(2) + (0 if type_ == 'i32' else 2)})"
    if rng.random() < 0.1:
        arms = [expression(rng, type_, depth - 1) for _ in range(2)]
        return f"(select {arms[0]} {arms[1]} {expression(rng, 'i32', depth - 1)})"
    if rng.random() < 0.1:
        arms = [expression(rng, type_, depth - 1) for _ in range(2)]
        condition = expression(rng, "i32", depth - 1)
        return f"(if (result {type_}) {condition} (then {arms[0]}) (else {arms[1]}))"
    op = BY_NAME[rng.choice([name for name in FOLDED if str((BY_NAME[name].results or ())[0]) == type_])]
    operands = " ".join(expression(rng, str(t), depth - 1) for t in op.params or ())
    return f"({op.name} {operands})"


@pytest.mark.parametrize("seed", range(25))
def test_random_expressions(seed: int) -> None:
    rng = random.Random(seed)
    text = expression(rng, "i64", 7)
    f = graph(f"(func (param i32 i32 i64 i64) (result i64) {text})")
    direct = STORE.instantiate(f'(func (export "f") (param i32 i32 i64 i64) (result i64) {text})').exports.f
    for _ in range(12):
        args = [rng.choice(EDGES[32]), rng.choice(EDGES[32]), rng.choice(EDGES[64]), rng.choice(EDGES[64])]
        assert run(f, *args) == (direct(*args),)


# sizes: operations are counted, not seconds

_BUMP = "(local.set 1 (i32.add (local.get 1) (i32.const 3)))"
GROWING = {
    "straight code": ("", "(local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 7)) (local.get 0)))", ""),
    "branches": ("(block ", f"(br_if 0 (i32.eq (local.get 0) (local.get 1))) {_BUMP}", ")"),
    "conditions": ("", f"(if (i32.and (local.get 0) (local.get 1)) (then {_BUMP}))", ""),
    "loops": ("", f"(loop {_BUMP} (br_if 0 (i32.lt_u (local.get 1) (i32.const 9))))", ""),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_is_made_grows_with_the_function(name: str) -> None:
    sizes = []
    for n in (100, 200, 400):
        before, body, after = GROWING[name]
        f = graph(f"(func (param i32 i32) {before}{body * n}{after})", pruned=False)
        arguments = sum(len(edge.args) for term in f.term for edge in edges(term))
        sizes.append(len(f.op) + len(f.code) + arguments)
    assert sizes[2] - sizes[1] <= 2.2 * (sizes[1] - sizes[0])


def test_the_text_of_a_function() -> None:
    loop = "(loop (br_if 0 (local.get 0)))"
    text = print_ir(graph(f"(func (param i32) (result i32) {loop} (i32.add (local.get 0) (i32.const 5)))"))
    assert "b0(v0: i32):" in text
    assert "i32.add v0, 5" in text
    assert "br_if v0" in text
    assert "; loop b1" in text
