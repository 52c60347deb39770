"""Parallel moves in an order that never overwrites what is still to be read.  Pure Python: runs everywhere."""

from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st
from wasm_jit.regalloc.moves import FIRST_SLOT, sequential

Source = int | tuple[int, int]
SPARE = 31


def check(moves: "list[tuple[int, Source]]") -> int:
    """Carry the moves out in the order that comes back; how many they were."""
    ordered = sequential(moves, SPARE)
    content: dict[int, object] = {}

    def read(source: Source) -> object:
        return content.get(source, ("old", source)) if isinstance(source, int) else source

    for target, source in ordered:
        content[target] = read(source)
    for target, source in moves:
        assert content.get(target, ("old", target)) == (source if not isinstance(source, int) else ("old", source))
    touched = {target for target, _ in moves}
    assert set(content) <= touched | {SPARE}
    return len(ordered)


registers = st.integers(0, 12)
locations = st.one_of(registers, st.integers(16, 24), st.integers(FIRST_SLOT, FIRST_SLOT + 8))
constants = st.tuples(st.integers(0, 4), st.integers(0, 3))


@given(st.dictionaries(locations, st.one_of(locations, constants)))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_moves_end_with_the_contents_that_were_asked_for(moves: "dict[int, Source]") -> None:
    count = check(list(moves.items()))
    needed = sum(target != source for target, source in moves.items())
    assert needed <= count <= needed + len(moves) // 2


@given(st.permutations(range(10)), st.lists(st.integers(0, 9), max_size=4), st.integers(0, 9))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_cycles_with_tails_and_constants(order: "list[int]", readers: "list[int]", constant: int) -> None:
    moves: list[tuple[int, Source]] = [(i, source) for i, source in enumerate(order) if i != constant]
    moves.append((constant, (0, 7)))
    moves += [(FIRST_SLOT + i, source) for i, source in enumerate(readers)]
    check(moves)


def test_every_assignment_of_four_locations() -> None:
    for sources in product(range(4), repeat=4):
        check(list(enumerate(sources)))


def test_one_move_more_for_a_cycle_and_none_more_for_anything_else() -> None:
    for order in permutations(range(5)):
        cycles, seen = 0, set()
        for start in range(5):
            if start not in seen and order[start] != start:
                cycles += 1
            at = start
            while at not in seen:
                seen.add(at)
                at = order[at]
        moved = sum(i != source for i, source in enumerate(order))
        assert check(list(enumerate(order))) == moved + cycles


def test_a_move_to_itself_is_none() -> None:
    assert sequential([(3, 3), (40, 40)], SPARE) == []
