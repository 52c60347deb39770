"""Takes out block parameters that nobody needs, and values that nobody uses.

The builder gives a loop a parameter for each local that the loop assigns, and a join one for each local that
differs, whether or not anybody reads it later.  Most of these are dead; some always get the same value.
"""

from wasm_decoder.syntax.instructions import OPS

from .function import BRANCH, CALL, CALL_INDIRECT, EFFECT, RETURN, SWITCH, IRFunction, edges, term_operands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .function import Edge

#: Rounds of replacing parameters that always get one value; what a further round would find is rare.
_ROUNDS = 3

#: Operations that run even if nobody uses their result: they change something or may trap.
ROOTS = {CALL, CALL_INDIRECT, EFFECT} | {
    code
    for code, op in OPS.items()
    if op.immediates[:1] == ("memarg",)
    or (op.name[4:7] in ("div", "rem") and op.name[0] == "i")
    or (".trunc_f" in op.name and op.name[3] == ".")
}


def prune(f: IRFunction) -> "list[int]":
    """Remove what is trivial or dead, and count of each value how often it is used.  Linear in the function's size."""
    incoming: list[list[Edge]] = [[] for _ in f.code]
    for term in f.term:
        for edge in edges(term):
            incoming[edge.target].append(edge)
    _replace_trivial(f, incoming)
    live = _count(f, incoming)
    for b, params in enumerate(f.params):
        if b and params and not all(map(live.__getitem__, params)):
            keep = [i for i, p in enumerate(params) if live[p]]
            f.params[b] = [params[i] for i in keep]
            for edge in dict.fromkeys(incoming[b]):  # a jump table may name one edge many times
                edge.args = [edge.args[i] for i in keep]
    for b, code in enumerate(f.code):
        f.code[b] = [v for v in code if live[v] or f.op[v] in ROOTS]
    return live


def _replace_trivial(f: IRFunction, incoming: "list[list[Edge]]") -> None:
    """A parameter that every edge gives the same value, or itself, is that value."""
    same: dict[int, int] = {}

    def resolve(v: int) -> int:
        while v in same:
            v = same[v]
        return v

    for _ in range(_ROUNDS):
        before = len(same)
        for b, params in enumerate(f.params):
            for position, p in enumerate(params):
                if b and p not in same:
                    values = {resolve(edge.args[position]) for edge in incoming[b]} - {p}
                    if len(values) == 1:
                        same[p] = values.pop()
        if len(same) == before:
            break
    if not same:
        return
    for operands in (f.x, f.y, f.z):
        for v, operand in enumerate(operands):
            if operand in same:
                operands[v] = resolve(operand)
    for v, op in enumerate(f.op):
        if op in (CALL, CALL_INDIRECT, EFFECT):
            aux = f.aux[v]
            assert isinstance(aux, tuple)
            f.aux[v] = (*aux[:-1], tuple(map(resolve, aux[-1])))
    for b, term in enumerate(f.term):
        for edge in edges(term):
            edge.args = list(map(resolve, edge.args))
        f.term[b] = _resolve_term(term, resolve)


def _resolve_term(term: "tuple[Any, ...]", resolve: "Callable[[int], int]") -> "tuple[Any, ...]":
    kind = term[0]
    if kind in (BRANCH, SWITCH):
        return (kind, resolve(term[1]), *term[2:])
    if kind == RETURN:
        return kind, tuple(map(resolve, term[1]))
    return term


def _count(f: IRFunction, incoming: "list[list[Edge]]") -> "list[int]":
    """Of each value, how often something that runs uses it."""
    count = [0] * len(f.op)
    work: list[int] = []
    for b, code in enumerate(f.code):
        for v in code:
            if f.op[v] in ROOTS:
                work += f.operands(v)
        work += term_operands(f.term[b])
    position = {p: (b, i) for b, params in enumerate(f.params) for i, p in enumerate(params)}
    while work:
        v = work.pop()
        count[v] += 1
        if count[v] == 1 and f.op[v] not in ROOTS:
            if v in position:
                b, i = position[v]
                work += [edge.args[i] for edge in incoming[b]]
            else:
                work += f.operands(v)
    return count
