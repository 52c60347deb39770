"""The order of blocks: loops in one piece, what is left for good at the end; and which block belongs to which loop.

A block belongs to a loop if control can get from it back to the loop's head.  What stands between the head and the
end of a loop in the source and never goes back, as the way out of a search that has found something, is put behind
the loop; what traps or returns from there goes to the end of the function.  The order stays topological: every edge
but those back to a loop's head leads to a later block.
"""

from heapq import heappop, heappush

from .function import UNREACHABLE, IRFunction, edges


def order(f: IRFunction) -> None:
    """Number the blocks anew, and set ``loop`` and ``parent`` to the loops that there are."""
    targets = [[edge.target for edge in edges(term)] for term in f.term]
    loop, outer, size = _loops(targets)
    cold = {b for b, term in enumerate(f.term) if b and term[0] == UNREACHABLE}
    sequence = _sequence(targets, loop, outer, size, cold) if size or cold else []
    f.loop, f.parent = loop, outer
    if not sequence or sequence == list(range(len(loop))):
        return
    numbers = [0] * len(sequence)
    for number, b in enumerate(sequence):
        numbers[b] = number
    numbers.append(-1)  # no loop is still none
    f.loop = [numbers[loop[b]] for b in sequence]
    f.parent = {numbers[b]: numbers[around] for b, around in outer.items()}
    f.params = [f.params[b] for b in sequence]
    f.code = [f.code[b] for b in sequence]
    f.term = [f.term[b] for b in sequence]
    for b, params in enumerate(f.params):
        if b:
            for p in params:
                f.aux[p] = b
    for term in f.term:
        for edge in set(edges(term)):
            edge.target = numbers[edge.target]


def _loops(targets: "list[list[int]]") -> "tuple[list[int], dict[int, int], dict[int, int]]":
    """Of each block the head of the innermost loop that it belongs to; of each head that of the loop around it; and
    how many blocks a loop has.

    Last block first: a block belongs to the loops that its successors belong to, and to those it branches back to.
    """
    loop = [-1] * len(targets)
    outer: dict[int, int] = {}
    size: dict[int, int] = {}
    around: dict[
        int, list[int]
    ] = {}  # of each head a heap of −heads around it, as far as they do not follow from others
    for b in range(len(targets) - 1, -1, -1):
        if not targets[b]:
            continue
        heads = [t if t <= b else outer.get(t, loop[t]) for t in targets[b]]
        inner = max(heads)
        if inner < 0:
            continue
        loop[b] = inner
        size[inner] = size.get(inner, 0) + 1
        heap = around.setdefault(inner, [])
        for head in heads:
            if 0 <= head < inner:
                heappush(heap, -head)
        if inner == b:  # all that belongs to it has been seen
            del around[b]
            parent = outer[b] = -heap[0] if heap else -1
            if parent >= 0:
                size[parent] = size.get(parent, 0) + size[b]
                while heap and heap[0] == -parent:
                    heappop(heap)
                smaller, larger = sorted((heap, around.get(parent, [])), key=len)
                for head in smaller:
                    heappush(larger, head)
                around[parent] = larger
    return loop, outer, size


def _sequence(
    targets: "list[list[int]]", loop: "list[int]", outer: "dict[int, int]", size: "dict[int, int]", cold: "set[int]"
) -> "list[int]":
    sequence: list[int] = []
    last: list[int] = []
    left = dict(size)  # blocks of a loop that are still to come
    open_: list[int] = []  # heads of the loops that have begun and not ended
    depth = {-1: -1}  # where these are in the list
    delayed: dict[int, list[int]] = {}  # what is to stand behind a loop
    behind: dict[int, int] = {}  # of the loops among that, behind which
    work = [iter(range(len(targets)))]
    while work:
        b = next(work[-1], -1)
        if b < 0:
            work.pop()
            continue
        head = loop[b]
        around = outer[b] if head == b else head
        if b in cold:
            last.append(b)
        elif open_ and open_[-1] != around:
            if targets[b]:
                loop_ = open_[depth[around] + 1] if around in depth else behind[around]
                delayed.setdefault(loop_, []).append(b)
                behind[b] = loop_
            else:
                last.append(b)
        else:
            sequence.append(b)
            if head == b:
                depth[b] = len(open_)
                open_.append(b)
            if head >= 0:
                left[head] -= 1
            while open_ and not left[open_[-1]]:
                ended = open_.pop()
                del depth[ended]
                if open_:
                    left[open_[-1]] -= size[ended]
                if ended in delayed:
                    work.append(iter(delayed.pop(ended)))
    return sequence + last
