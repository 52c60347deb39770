"""The official suites' modules in the binary format: what is malformed is refused in the official words, by each
version of the specification on its own; everything else is decoded, and written as an equal module."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from wasm_decoder import DecodeError, Features, Module, decode, decode_bodies, encode
from wasm_decoder.text.script import AssertModule, Define, parse_script

ROOT = Path(os.environ.get("WASM_TESTSUITE", Path(__file__).parents[4] / "shared" / "testsuite"))

V3 = Features.CORE_3_0
SUITES = {
    "core-1.0": Features.CORE_1_0,
    "core-2.0": Features.CORE_2_0,
    "core-3.0": V3,
    "proposals/threads": V3 | Features.THREADS,
    "proposals/custom-page-sizes": V3 | Features.CUSTOM_PAGE_SIZES,
    "proposals/wide-arithmetic": V3 | Features.WIDE_ARITHMETIC,
}

# What the suite of version 1.0 says, and what all later ones say of the same modules
OLDER_WORDS = {
    "invalid UTF-8 encoding": ["malformed UTF-8 encoding"],
    "invalid mutability": ["malformed mutability"],
    "invalid section id": ["malformed section id"],
    "invalid value type": ["malformed value type"],
    "unexpected end": ["length out of bounds"],
    "unexpected end of section or function": ["length out of bounds"],
    "zero flag expected": ["zero byte expected"],
}

FILES = [
    pytest.param(path, features, id=path.relative_to(ROOT).as_posix())
    for suite, features in SUITES.items()
    for path in sorted((ROOT / suite).rglob("*.wast"))
]

pytestmark = [
    pytest.mark.spec,
    pytest.mark.skipif(not ROOT.is_dir(), reason="the official suites are not here: see WASM_TESTSUITE"),
]


def binaries(path: Path) -> "Iterator[tuple[int, bytes, str | None]]":
    """The binary modules of a script: line, bytes, and what is malformed about it."""
    for command in parse_script(path.read_bytes()):
        if isinstance(command, (Define, AssertModule)) and command.source.form == "binary":
            complaint = command.message if isinstance(command, AssertModule) and command.kind == "malformed" else None
            yield command.line, command.source.content, complaint


def well_formed(data: bytes, features: Features) -> Module:
    module = decode(data, features)
    decode_bodies(module, features)
    return module


@pytest.mark.parametrize(("path", "features"), FILES)
def test_binary_modules(path: Path, features: Features) -> None:
    older = path.relative_to(ROOT).parts[0] == "core-1.0"
    for line, data, complaint in binaries(path):
        if complaint is None:
            module = well_formed(data, features)
            assert decode(encode(module), features) == module, line
            continue
        with pytest.raises(DecodeError) as caught:
            well_formed(data, features)
        words = (complaint, *(OLDER_WORDS.get(complaint, ()) if older else ()))
        assert caught.value.message.startswith(words), f"line {line}: {complaint}"
        assert caught.value.offset is not None


@pytest.mark.parametrize(("path", "features"), FILES)
def test_text_modules(path: Path, features: Features) -> None:
    for command in parse_script(path.read_bytes()):
        if isinstance(command, Define) and command.source.form == "text":
            module = command.source.module()
            data = encode(module)
            decoded = well_formed(data, features)
            assert decoded == module, command.line
            assert encode(decoded) == data, command.line
