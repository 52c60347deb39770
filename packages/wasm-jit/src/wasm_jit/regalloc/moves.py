"""Parallel moves: many locations get their new contents as if all at once.

A location is an int: 0 to 15 a general register, 16 to 31 a vector register, from 32 on a stack slot.  A source may
also be a constant, which is anything that is not an int.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Source = int | tuple[int, int]

FIRST_SLOT = 32


def sequential(
    moves: "Iterable[tuple[int, Source]]", spare: int, general_spare: int = -1
) -> "list[tuple[int, Source]]":
    """The moves (target, source) in an order that never overwrites what is still to be read; constants come last.

    Targets are distinct.  A cycle is broken by way of ``spare``, a location that is neither source nor target of any,
    or if there is one in a general register, by way of ``general_spare``, if that is one.
    """
    todo: dict[int, int] = {}
    constants: list[tuple[int, Source]] = []
    readers: dict[int, int] = {}
    for target, source in moves:
        if not isinstance(source, int):
            constants.append((target, source))
        elif target != source:
            todo[target] = source
            readers[source] = readers.get(source, 0) + 1
    ordered: list[tuple[int, Source]] = []
    ready = [target for target in todo if not readers.get(target)]
    while todo:
        while ready:
            target = ready.pop()
            source = todo.pop(target)
            ordered.append((target, source))
            readers[source] -= 1
            if not readers[source] and source in todo:
                ready.append(source)
        if todo:  # only cycles are left: one of a cycle's contents waits in the spare location
            target = next(iter(todo))
            place = general_spare if target < 16 and general_spare >= 0 else spare
            ordered.append((place, target))
            for reader, source in todo.items():
                if source == target:
                    todo[reader] = place
                    readers[place] = readers.get(place, 0) + 1
            readers[target] = 0
            ready.append(target)
    return ordered + constants
