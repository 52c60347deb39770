"""The order of blocks, and which of them belong to which loop.  Pure Python: runs everywhere."""

import random

import pytest
from wasm_decoder import parse_wat, validate
from wasm_jit.frontend.build import build
from wasm_jit.frontend.scan import scan
from wasm_jit.ir.function import RETURN, UNREACHABLE, IRFunction, edges
from wasm_jit.ir.order import order
from wasm_jit.ir.prune import prune


def graph(body: str) -> IRFunction:
    """The blocks of a function of one i32 parameter, in order."""
    module = parse_wat(f"(module (func $f (param i32) {body}))")
    validate(module)
    f = build(module, scan(module, module.funcs[0]))
    prune(f)
    order(f)
    return f


def successors(f: IRFunction, b: int) -> "set[int]":
    return {edge.target for edge in edges(f.term[b])}


def members(f: IRFunction, head: int) -> "set[int]":
    """The blocks from which control gets back to the head without passing through it."""
    found = {head}
    work = [b for b in range(len(f.term)) if head in successors(f, b) and b >= head]
    while work:
        b = work.pop()
        if b not in found:
            found.add(b)
            work += [a for a in range(len(f.term)) if b in successors(f, a)]
    return found


def check(f: IRFunction) -> None:
    """The order is topological but for ways back, loops are in one piece, and are what ``loop`` and ``parent`` say."""
    heads = {t for b in range(len(f.term)) for t in successors(f, b) if t <= b}
    loops = {head: members(f, head) for head in heads}
    for head, loop in loops.items():
        assert loop == set(range(head, head + len(loop)))
    for b in range(len(f.term)):
        around = [head for head in heads if b in loops[head]]
        assert f.loop[b] == max(around, default=-1)
        assert {t for t in successors(f, b) if t <= b} <= set(around)
    assert f.parent == {head: max((h for h in heads if h < head and head in loops[h]), default=-1) for head in heads}


class Bodies:
    """Writes bodies of blocks, loops, conditions and branches to any of the labels around."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def statements(self, depth: int, labels: int) -> str:
        return " ".join(self.statement(depth, labels) for _ in range(self.rng.randrange(1, 5)))

    def statement(self, depth: int, labels: int) -> str:
        rng = self.rng
        kind = rng.randrange(12 if depth else 5)
        label = rng.randrange(labels + 1)
        if kind == 0:
            return f"(br_if {label} (local.get 0))"
        if kind == 1:
            return f"(br_table {label} {rng.randrange(labels + 1)} {rng.randrange(labels + 1)} (local.get 0))"
        if kind == 2:
            return rng.choice([f"(br {label})", "return", "unreachable"])
        if kind in (3, 4):
            return "(local.set 0 (i32.add (local.get 0) (i32.const 1)))"
        if kind in (5, 6):
            return f"(if (local.get 0) (then {self.statements(depth - 1, labels + 1)}))"
        if kind == 7:
            arms = self.statements(depth - 1, labels + 1), self.statements(depth - 1, labels + 1)
            return f"(if (local.get 0) (then {arms[0]}) (else {arms[1]}))"
        return f"({'loop' if kind > 8 else 'block'} {self.statements(depth - 1, labels + 1)})"


@pytest.mark.parametrize("seed", range(300))
def test_loops_are_in_one_piece(seed: int) -> None:
    check(graph(Bodies(seed).statements(5, 0)))


def test_a_way_out_stands_behind_the_loop() -> None:
    f = graph("""
      (block $found
        (loop $next
          (if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 0 (i32.const 1)) (br $found)))
          (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        unreachable)
      (drop (local.get 0))""")
    check(f)
    (head,) = f.parent
    last = max(b for b, loop in enumerate(f.loop) if loop == head)
    assert head in successors(f, last)
    assert f.term[-1][0] == UNREACHABLE


def test_what_traps_or_returns_from_a_loop_stands_at_the_end() -> None:
    f = graph("""
      (if (i32.eqz (local.get 0)) (then unreachable))
      (loop $next
        (if (i32.eq (local.get 0) (i32.const 7)) (then return))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))""")
    check(f)
    assert [term[0] for term in f.term[-3:]] == [RETURN, UNREACHABLE, RETURN]
    assert f.loop[-3:] == [-1, -1, -1]


def test_a_loop_that_nothing_goes_back_to_is_none() -> None:
    f = graph("(loop (drop (i32.clz (local.get 0))))")
    assert f.parent == {}
    assert set(f.loop) == {-1}
