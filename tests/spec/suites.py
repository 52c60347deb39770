"""The suites: where their files are, which features each may use, how many assertions they hold."""

import os
import re
from pathlib import Path

from wasm_decoder import Features

_REPOSITORY = Path(__file__).parents[2]

#: What the modules of each suite may use.
FEATURES = {
    "core-1.0": Features.CORE_1_0,
    "core-2.0": Features.CORE_2_0,
    "core-3.0": Features.CORE_3_0,
    # the scripts of this proposal are those of version 1.0 with changes: a second table is invalid
    "proposals/threads": Features.CORE_1_0 | Features.THREADS,
    "proposals/custom-page-sizes": Features.CORE_3_0 | Features.CUSTOM_PAGE_SIZES,
    "proposals/wide-arithmetic": Features.CORE_3_0 | Features.WIDE_ARITHMETIC,
}

#: At least as many assertions must be in the files of a suite, lest a part of it be missing unnoticed.
ASSERTIONS = {"core-1.0": 18_000, "core-2.0": 52_000, "core-3.0": 62_000}

HOW_TO_GET_THEM = (
    "The official test suites are not there. Copy the .wast files of the specification's repositories to "
    "../shared/testsuite beside the repository (core-1.0, core-2.0, core-3.0, proposals), "
    "or let WASM_TESTSUITE name the folder that holds them."
)

_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|;;[^\n]*|\(;.*?;\)', re.DOTALL)


def root() -> Path | None:
    """The folder of the suites, None if it does not exist."""
    given = os.environ.get("WASM_TESTSUITE")
    folder = Path(given) if given else _REPOSITORY.parent / "shared" / "testsuite"
    return folder if folder.is_dir() else None


def scripts() -> list[tuple[str, str]]:
    """Every script, as its suite and its path in it."""
    folder = root()
    if folder is None:
        return []
    return [
        (suite, path.relative_to(folder / suite).as_posix())
        for suite in FEATURES
        for path in sorted((folder / suite).rglob("*.wast"))
    ]


def read(suite: str, script: str) -> bytes:
    """The text of a script."""
    folder = root()
    assert folder is not None
    return (folder / suite / script).read_bytes()


def count_assertions(text: bytes, kinds: str = r"\w+") -> int:
    """How many assertions there are, found without the parser: ``(assert_`` outside of strings and comments.

    ``kinds`` is a regular expression for what follows.
    """
    without = _COMMENT.sub(" ", text.decode())
    return len(re.findall(rf"\(\s*assert_{kinds}\b", without))
