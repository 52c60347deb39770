"""Producers, target features and branch hints are read as far as they can be, and written."""

import pytest
from wasm_decoder import Module
from wasm_decoder.custom import find
from wasm_decoder.custom.branch_hints import branch_hints
from wasm_decoder.custom.producers import producers, producers_section
from wasm_decoder.custom.target_features import target_features, target_features_section
from wasm_decoder.syntax.module import Custom


def with_section(name: str, content: str) -> Module:
    """A module with a custom section in hexadecimal."""
    return Module(customs=(Custom("other", b"\xff", 0), Custom(name, bytes.fromhex(content), 0)))


def test_the_first_section_of_a_name_counts() -> None:
    first, second = Custom("name", b"", 0), Custom("name", b"\0", 1)
    assert find(Module(customs=(first, second)), "name") is first
    assert find(Module(), "name") is None


def test_producers() -> None:
    fields = {"language": [("C11", ""), ("Rust", "1.90")], "processed-by": [("clang", "21.1.0")]}
    section = producers_section(fields, 11)
    assert section.after == 11
    assert producers(Module(customs=(section,))) == fields
    assert producers(Module()) == {}


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("01 01 61 01 01 62 01 63", {"a": [("b", "c")]}),
        ("01 01 61 02 01 62 01 63", {"a": [("b", "c")]}),
        ("01 01 61 01 01 62 05 63", {"a": []}),
        ("02 01 61 01 01 62 01 63 01 ff", {"a": [("b", "c")]}),
        ("ff ff ff ff 0f", {}),
    ],
)
def test_malformed_producers(content: str, fields: dict[str, list[tuple[str, str]]]) -> None:
    assert producers(with_section("producers", content)) == fields


def test_target_features() -> None:
    features = {"simd128": "+", "atomics": "-", "shared-mem": "="}
    section = target_features_section(features)
    assert section.data[:10] == b"\3+\x07simd128"
    assert target_features(Module(customs=(section,))) == features
    assert target_features(with_section("target_features", "02 2b 01 61 2b")) == {"a": "+"}
    assert target_features(Module()) == {}


@pytest.mark.parametrize(
    ("content", "hints"),
    [
        ("01 07 02 04 01 01 80 01 01 00", {7: {4: True, 128: False}}),
        ("01 07 02 04 01 01 05 02 01 00", {7: {4: True}}),  # a hint of two bytes
        ("01 07 01 04 01 02", {7: {}}),  # neither likely nor unlikely
        ("02 07 01 04 01 01 08", {7: {4: True}, 8: {}}),
        ("01", {}),
    ],
)
def test_branch_hints(content: str, hints: dict[int, dict[int, bool]]) -> None:
    found = branch_hints(with_section("metadata.code.branch_hint", content))
    assert {func: value for func, value in found.items() if value} == {f: value for f, value in hints.items() if value}
    assert branch_hints(Module()) == {}
