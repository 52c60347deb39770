"""The branch hints section: which conditional branches are likely taken (proposal "Branch Hinting")."""

from ..binary.reader import Reader
from ..errors import DecodeError
from ..syntax.module import Module
from . import find

SECTION = "metadata.code.branch_hint"


def branch_hints(module: Module) -> dict[int, dict[int, bool]]:
    """Whether a branch is likely taken, by function index, then by where its ``if`` or ``br_if`` stands: in bytes from
    the start of the function's locals (``Func.start``).

    As far as the section can be read; empty without one.
    """
    hints: dict[int, dict[int, bool]] = {}
    section = find(module, SECTION)
    if section is not None:
        reader = Reader(section.data)
        try:
            for _ in range(reader.u32()):
                func = hints.setdefault(reader.u32(), {})
                for _ in range(reader.u32()):
                    offset = reader.u32()
                    value = reader.take(reader.u32())
                    if value in (b"\0", b"\1"):
                        func[offset] = value == b"\1"
        except DecodeError:
            pass  # what was found so far is kept
    return hints
