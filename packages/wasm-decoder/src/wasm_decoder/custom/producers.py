"""The producers section: which languages and tools made a module (tool conventions, "Producers Section")."""

from ..binary.leb128 import unsigned
from ..binary.reader import Reader
from ..binary.writer import name as write_name
from ..errors import DecodeError
from ..syntax.module import Custom, Module
from . import find

SECTION = "producers"


def producers(module: Module) -> dict[str, list[tuple[str, str]]]:
    """What the producers section says: (name, version) pairs by field, "language", "processed-by" or "sdk".

    As far as the section can be read; empty without one.
    """
    fields: dict[str, list[tuple[str, str]]] = {}
    section = find(module, SECTION)
    if section is not None:
        reader = Reader(section.data)
        try:
            for _ in range(reader.u32()):
                values = fields.setdefault(reader.name(), [])
                for _ in range(reader.u32()):
                    tool = reader.name()
                    values.append((tool, reader.name()))
        except DecodeError:
            pass  # what was found so far is kept
    return fields


def producers_section(fields: dict[str, list[tuple[str, str]]], after: int = 0) -> Custom:
    """A producers section; ``after`` is its place, as in ``Custom``."""
    content = unsigned(len(fields))
    for field, values in fields.items():
        content += write_name(field) + unsigned(len(values))
        content += b"".join([write_name(tool) + write_name(version) for tool, version in values])
    return Custom(SECTION, content, after)
