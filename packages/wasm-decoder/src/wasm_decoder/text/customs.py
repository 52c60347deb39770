"""Custom sections in the text format (specification, appendix "Custom Sections and Annotations").

Two of them are not written as such, the name section and the branch hints: their contents stand where they belong.
"""

from .._record import Record
from ..binary.leb128 import unsigned
from ..custom.branch_hints import SECTION as BRANCH_HINTS
from ..custom.names import SECTION as NAME
from ..custom.names import Names, name_section
from ..syntax.module import Custom, Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: The sections in binary order: id, name in ``(@custom "…" (after name))``, part of Module.
SECTIONS = (
    (1, "type", "types"),
    (2, "import", "imports"),
    (3, "func", "funcs"),
    (4, "table", "tables"),
    (5, "memory", "mems"),
    (13, "tag", "tags"),
    (6, "global", "globals"),
    (7, "export", "exports"),
    (8, "start", "start"),
    (9, "elem", "elems"),
    (12, "datacount", "data_count"),
    (10, "code", "funcs"),
    (11, "data", "datas"),
)
_NEVER_EMPTY = (8, 12)

#: How many sections come before each place that can be named.
PLACES = {
    "before": {"first": 0, **{name: number for number, (_, name, _) in enumerate(SECTIONS)}},
    "after": {"last": len(SECTIONS), **{name: number for number, (_, name, _) in enumerate(SECTIONS, 1)}},
}


class Placed(Record):
    """A custom section as the text has it, with its place: ``(@custom "name" (side section) "content")``."""

    __slots__ = ("side", "section", "name", "content")
    side: str
    section: str
    name: str
    content: bytes


def place_of(after: int) -> tuple[str, str]:
    """The place of a custom section whose ``Custom.after`` is that."""
    return ("after", next(name for number, name, _ in SECTIONS if number == after)) if after else ("before", "first")


def custom_sections(
    module: Module, given: "Iterable[Placed]", names: Names, hints: dict[int, list[tuple[int, bytes]]]
) -> tuple[Custom, ...]:
    """The custom sections of a text.

    Args:
        module: what else is in the module.
        given: the sections that are written as such.
        names: the contents of the name section, unless it is among those.
        hints: the contents of the branch hint section, unless it is among those: by function index the offset of each
            hint in the body, and its value.
    """
    sections = [*given]
    titles = {section.name for section in sections}
    if hints and BRANCH_HINTS not in titles:
        sections.append(Placed("before", "code", BRANCH_HINTS, _hint_section(hints)))
    sections.sort(key=lambda section: PLACES[section.side][section.section])
    present = [getattr(module, part) not in (None, ()) for _, _, part in SECTIONS]
    customs = []
    for section in sections:
        number = PLACES[section.side][section.section] - 1
        # a section that has nothing in it can still be there for another one to follow it
        exact = section.side == "after" and section.section != "last" and SECTIONS[number][0] not in _NEVER_EMPTY
        while number >= 0 and not present[number] and not exact:
            number -= 1
        customs.append(Custom(section.name, section.content, SECTIONS[number][0] if number >= 0 else 0))
    if names and NAME not in titles:
        last = max([0, *(number for number, there in enumerate(present, 1) if there)])
        after = SECTIONS[last - 1][0] if last else 0
        # before the others at the end, as compilers have it
        place = next((number for number, custom in enumerate(customs) if custom.after == after), len(customs))
        customs.insert(place, name_section(names, after))
    return tuple(customs)


def _hint_section(hints: dict[int, list[tuple[int, bytes]]]) -> bytes:
    out = bytearray(unsigned(len(hints)))
    for func, places in sorted(hints.items()):
        out += unsigned(func) + unsigned(len(places))
        for offset, value in sorted(places):
            out += unsigned(offset) + unsigned(len(value)) + value
    return bytes(out)
