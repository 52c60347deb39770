"""The modules of the official test suites, as material to be damaged."""

import os
from functools import cache
from pathlib import Path

from wasm_decoder import WasmError, encode, parse_script


def folder() -> Path:
    """Where the suites are: WASM_TESTSUITE, or beside the repository."""
    default = Path(__file__).parents[2].parent / "shared" / "testsuite"
    return Path(os.environ.get("WASM_TESTSUITE", default))


@cache
def binaries(suite: str, limit: int = 4000) -> tuple[bytes, ...]:
    """The modules of a suite of up to ``limit`` bytes, sound and unsound ones; none if the suites are not there."""
    found = set()
    for path in sorted((folder() / suite).rglob("*.wast")):
        for command in parse_script(path.read_bytes()):
            source = getattr(command, "source", None)
            if source is None or source.form == "quote":
                continue
            try:
                data = source.content if source.form == "binary" else encode(source.module())
            except WasmError:
                continue
            if len(data) <= limit:
                found.add(data)
    return tuple(sorted(found))
