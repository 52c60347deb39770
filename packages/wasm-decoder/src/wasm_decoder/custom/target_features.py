"""The target features section: what a compiler was allowed to use (tool conventions, "Target Features Section")."""

from ..binary.leb128 import unsigned
from ..binary.reader import Reader
from ..binary.writer import name as write_name
from ..errors import DecodeError
from ..syntax.module import Custom, Module
from . import find

SECTION = "target_features"


def target_features(module: Module) -> dict[str, str]:
    """The prefix of each feature: "+" used, "-" not used, "=" required of every part that is linked.

    As far as the section can be read; empty without one.
    """
    features: dict[str, str] = {}
    section = find(module, SECTION)
    if section is not None:
        reader = Reader(section.data)
        try:
            for _ in range(reader.u32()):
                prefix = chr(reader.byte())
                features[reader.name()] = prefix
        except DecodeError:
            pass  # what was found so far is kept
    return features


def target_features_section(features: dict[str, str], after: int = 0) -> Custom:
    """A target features section; ``after`` is its place, as in ``Custom``."""
    content = unsigned(len(features))
    content += b"".join([prefix.encode("latin-1") + write_name(feature) for feature, prefix in features.items()])
    return Custom(SECTION, content, after)
