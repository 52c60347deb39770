"""Options that several commands share, and how their values are read."""

from argparse import ArgumentParser, ArgumentTypeError
from os import environ

from wasm_decoder import Features

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any


def parser(command: str, description: str) -> ArgumentParser:
    """The argument parser of one command."""
    return ArgumentParser(prog=f"wazero {command}", description=description, allow_abbrev=False)


def features(text: str) -> Features:
    """A set of features from its words, from left to right.  Raises ArgumentTypeError for an unknown word."""
    result = Features.NONE
    for i, word in enumerate(text.split(",")):
        name = word.strip().lstrip("+-").upper().replace("-", "_").replace(".", "_")
        feature = getattr(Features, name, None)
        if not isinstance(feature, Features):
            known = [name.lower().replace("_", "-") for name in Features.__annotations__]
            raise ArgumentTypeError(f"unknown feature {word.strip()!r}; there are {', '.join(known)}")
        if i == 0 and (word.startswith("-") or not name.startswith("CORE_")):
            result = Features.CORE_3_0
        result = result - feature if word.strip().startswith("-") else result | feature
    return result


#: the option ``--features``, as the parser wants it
FEATURES: "dict[str, Any]" = {
    "type": features,
    "default": Features.CORE_3_0,
    "metavar": "SET",
    "help": "what modules may use: core-1.0, core-2.0 or core-3.0 (the default), then features to add or, "
    "after a minus, to take away, separated by commas: core-2.0,tail-call,-simd",
}

#: the option ``--cache``; ``cache`` reads it
CACHE: "dict[str, Any]" = {
    "metavar": "DIR",
    "help": "keep compiled code in this directory, for the next time; by default what WAZERO_CACHE says, if anything",
}


def cache(given: "Namespace") -> str | None:
    """The directory for compiled code, None for none."""
    directory: str | None = given.cache
    return directory or environ.get("WAZERO_CACHE") or None
