"""The name section: what is written is read, lazily, and nothing in it is ever an error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasm_decoder import Module, Names, decode, encode, name_section, names
from wasm_decoder.syntax.module import Custom

PLAIN = ("funcs", "types", "tables", "mems", "globals", "elems", "datas", "tags")
INDIRECT = ("locals", "labels", "fields")

index = st.integers(0, (1 << 32) - 1)
maps = st.dictionaries(index, st.text(max_size=6), max_size=4)
all_names = st.builds(
    lambda module, plain, indirect: Names(module, **plain, **indirect),
    st.none() | st.text(min_size=1),
    st.fixed_dictionaries(dict.fromkeys(PLAIN, maps)),
    st.fixed_dictionaries(dict.fromkeys(INDIRECT, st.dictionaries(index, maps, max_size=3))),
)


def read(content: str) -> Names:
    """The names in a section in hexadecimal."""
    return names(Module(customs=(Custom("name", bytes.fromhex(content), 0),)))


@given(all_names)
def test_what_is_written_is_read(written: Names) -> None:
    module = decode(encode(Module(customs=(name_section(written),))))
    assert names(module) == written
    assert name_section(names(module)) == module.customs[0]


def test_the_numbers_of_the_subsections() -> None:
    written = Names("m", **{part: {1: "a"} for part in PLAIN}, **{part: {2: {1: "a"}} for part in INDIRECT})
    one, two = "04 01 01 01 61", "06 01 02 01 01 01 61"
    assert name_section(written).data == bytes.fromhex(
        f"00 02 01 6d 01 {one} 02 {two} 03 {two} 04 {one} 05 {one} 06 {one} 07 {one} 08 {one} 09 {one}0a {two} 0b {one}"
    )


def test_without_a_section_there_are_no_names() -> None:
    nothing = names(Module())
    assert nothing == Names()
    assert not nothing
    assert nothing.module is None
    assert nothing.funcs.get(0) is None
    assert name_section(nothing).data == b""


def test_names_are_read_once() -> None:
    module = Module(customs=(name_section(Names("m")),))
    assert names(module) is names(module)
    assert names(module)


def test_a_module_has_no_other_names() -> None:
    with pytest.raises(TypeError, match="colours"):
        Names(colours={0: "red"})


@pytest.mark.parametrize(
    ("content", "funcs"),
    [
        ("01 04 01 01 01 61", {1: "a"}),
        ("01 07 02 01 01 61 02 01 62", {1: "a", 2: "b"}),
        ("01 04 02 01 01 61", {1: "a"}),  # one name is missing
        ("01 7f 02 01 01 61 02 01 62", {1: "a", 2: "b"}),  # the subsection is longer than the section
        ("01 06 02 01 01 61 02 05 62", {1: "a"}),  # the second name is longer than the subsection
        ("01 05 01 01 02 61 ff", {1: "a\ufffd"}),  # not UTF-8
        ("01 04 01 01 01 61 80 80 80 80 80 80", {1: "a"}),
        ("01 08 ff ff ff ff 0f 01 01 61", {1: "a"}),  # four billion names are announced
        ("01 01 80", {}),
        ("ff 02 01 61 01 04 01 01 01 61", {1: "a"}),  # a subsection that nobody knows
        ("02 02 ff 00 01 04 01 01 01 61", {1: "a"}),  # a malformed subsection before
        ("80", {}),
    ],
)
def test_what_can_be_read_is_read(content: str, funcs: dict[int, str]) -> None:
    found = read(content)
    assert dict(found.funcs) == funcs
    assert [index in found.funcs for index in (0, 1)] == [False, 1 in funcs]
    assert not found.labels
    assert dict(found.locals) == {} or content.startswith("02")


def test_malformed_indirect_maps() -> None:
    assert read("02 08 02 07 01 00 01 61 08 01").locals == {7: {0: "a"}, 8: {}}
    assert read("02 03 01 07 80").locals == {7: {}}
    assert read("02 05 ff ff ff ff 0f").locals == {}
    assert repr(read("02 07 01 07 01 00 01 61").locals) == "<1 maps of names>"
    assert repr(read("01 04 01 01 01 61").funcs) == "<1 names>"


def test_names_are_not_read_until_they_are_asked_for() -> None:
    class Watched(bytes):
        """Bytes that count how often somebody looks at them."""

        looks = 0

        def __getitem__(self, key: Any) -> Any:  # as bytes has it: a number or bytes
            Watched.looks += 1
            return super().__getitem__(key)

    section = name_section(Names("m", funcs={i: f"function number {i}" for i in range(2000)}))
    found = names(Module(customs=(Custom("name", Watched(section.data), 0),)))
    assert Watched.looks < 20  # the headers of two subsections, and the name of the module
    assert found.funcs[1234] == "function number 1234"
    assert len(found.funcs) == 2000
    looks = Watched.looks
    assert found.funcs[1999] == "function number 1999"
    assert Watched.looks < looks + 5  # where a name is is known by now
