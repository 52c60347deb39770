"""Sections: what is malformed in each, what a version of the specification does not have, what is kept."""

from collections.abc import Callable

import pytest
from wasm_decoder import DecodeError, Features, Module, decode, encode
from wasm_decoder.binary.decode import place
from wasm_decoder.binary.leb128 import unsigned
from wasm_decoder.binary.reader import MOST
from wasm_decoder.syntax.module import Active, Custom, Data, Elem, Expr, Func, Table
from wasm_decoder.syntax.types import (
    EXTERNREF,
    FUNC,
    FUNCREF,
    I32,
    I64,
    FuncType,
    Limits,
    MemType,
    RecType,
    RefType,
    SubType,
    TableType,
)  # fmt: skip

HEADER = b"\0asm\1\0\0\0"
VOID = "01 04 01 60 00 00"  # the type section with [] -> []
ALL = Features.ALL
MVP, V2, V3 = Features.CORE_1_0, Features.CORE_2_0, Features.CORE_3_0


def module(*sections: str) -> bytes:
    """A module of sections in hexadecimal."""
    return HEADER + b"".join(map(bytes.fromhex, sections))


def section(number: int, content: str) -> str:
    """A section in hexadecimal, its size filled in."""
    data = bytes.fromhex(content)
    return (bytes((number,)) + unsigned(len(data)) + data).hex()


def complaint(data: bytes, features: Features = V3) -> tuple[str, int | None]:
    """What decode says is wrong, and where."""
    with pytest.raises(DecodeError) as caught:
        decode(data, features)
    assert str(caught.value).startswith(caught.value.message)
    return caught.value.message, caught.value.offset


def test_the_empty_module() -> None:
    assert decode(HEADER) == Module()
    assert decode(HEADER).binary == HEADER
    assert encode(Module()) == HEADER


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_will_do(kind: type[bytes | bytearray | memoryview]) -> None:
    data = module(VOID)
    assert decode(kind(data)) == decode(data)


def test_what_is_not_bytes_is_no_module() -> None:
    with pytest.raises(TypeError):
        decode(10**12)  # type: ignore[arg-type]  # the mistake is the point
    with pytest.raises(TypeError):
        decode("(module)")  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        ("", "unexpected end of section or function", 0),
        ("00 61 73", "unexpected end of section or function", 0),
        ("01 61 73 6d 01 00 00 00", "magic header not detected", 0),
        ("00 61 73 6d 01 00", "unexpected end of section or function", 4),
        ("00 61 73 6d 0d 00 01 00", "unknown binary version", 4),
    ],
)
def test_header(data: str, message: str, offset: int) -> None:
    assert complaint(bytes.fromhex(data)) == (message, offset)


@pytest.mark.parametrize(
    ("sections", "message", "offset"),
    [
        (["0e 00"], "malformed section id", 8),
        (["80 00"], "malformed section id", 8),
        (["01"], "unexpected end of section or function", 9),
        (["01 05 01"], "length out of bounds", 9),
        (["01 01 01"], "unexpected end of section or function", 11),
        (["01 02 00 00"], "section size mismatch", 11),
        (["01 00"], "unexpected end of section or function", 10),
        (["01 01 00", "01 01 00"], "unexpected content after last section", 11),
        (["03 01 00", "01 01 00"], "unexpected content after last section", 11),
        (["0a 01 00", "0c 01 00"], "unexpected content after last section", 11),
        (["06 01 00", "0d 01 00"], "unexpected content after last section", 11),
        (["00 00"], "unexpected end of section or function", 10),
        (["00 00", "00 01 00"], "unexpected end of section or function", 10),
        (["00 01 01 61"], "unexpected end of section or function", 11),
        (["00 02 01 ff"], "malformed UTF-8 encoding", 11),
        (["00 03 05 61 62"], "length out of bounds", 10),
        ([VOID, "03 02 01 00"], "function and code section have inconsistent lengths", 18),
        ([VOID, "0a 04 01 02 00 0b"], "function and code section have inconsistent lengths", 20),
        (["0c 01 01"], "data count and data section have inconsistent lengths", 11),
        (["0c 01 00", "0b 03 01 01 00"], "data count and data section have inconsistent lengths", 16),
        (["01 02 01 e0"], "integer representation too long", 11),
        (["01 02 01 61"], "malformed composite type", 11),
        (["01 04 01 60 01 40"], "malformed value type", 13),
        (["01 05 01 5f 01 7f 02"], "malformed mutability", 14),
        (["02 08 01 01 61 01 62 05 00 00"], "malformed import kind", 15),
        (["02 08 01 01 61 01 62 03 7f 02"], "malformed mutability", 17),
        (["02 05 01 02 61 ff 00"], "malformed UTF-8 encoding", 13),
        (["04 04 01 7f 00 00"], "malformed reference type", 11),
        (["04 04 01 70 08 00"], "malformed limits flags", 12),
        (["04 05 01 40 01 70 00"], "zero byte expected", 12),
        (["05 03 01 08 00"], "malformed limits flags", 11),
        (["0d 03 01 01 00"], "zero byte expected", 11),
        (["06 05 01 7f 00 41 00"], "unexpected end of section or function", 15),
        (["07 05 01 01 61 05 00"], "malformed export kind", 13),
        (["09 02 01 08"], "malformed elements segment kind", 11),
        (["09 04 01 01 01 00"], "malformed element kind", 12),
        (["09 04 01 05 7f 00"], "malformed reference type", 12),
        (["0b 02 01 03"], "malformed data segment kind", 11),
        (["0b 04 01 01 02 61"], "unexpected end of section or function", 14),
    ],
)
def test_malformed_sections(sections: list[str], message: str, offset: int) -> None:
    assert complaint(module(*sections)) == (message, offset)


# What the versions of the specification do not have yet, and the oldest set of features that has it
GATED = [
    (V2, section(12, "00")),
    (V2, section(1, "01 60 01 7b 00")),
    (V2, section(1, "01 60 01 6f 00")),
    (V2, section(4, "01 6f 00 00")),
    (V2, section(9, "01 03 00 00")),
    (V2, section(11, "01 01 00")),
    (V3, section(13, "00")),
    (V3, section(1, "01 60 01 69 00")),
    (V3, section(1, "01 60 01 6e 00")),
    (V3, section(1, "01 60 01 63 00 00")),
    (V3, section(1, "01 60 01 64 00 00")),
    (V3, section(1, "01 5f 00")),
    (V3, section(1, "01 5e 78 00")),
    (V3, section(1, "01 4e 00")),
    (V3, section(1, "01 50 00 60 00 00")),
    (V3, section(1, "01 4f 01 00 60 00 00")),
    (V3, section(2, "01 00 00 04 00 00")),
    (V3, section(4, "01 40 00 70 00 00 d0 70 0b")),
    (V3, section(4, "01 70 04 00")),
    (V3, section(5, "01 04 00")),
    (V3, section(5, "01 05 00 80 80 80 80 10")),
    (V3, section(7, "01 00 04 00")),
    (V3 | Features.THREADS, section(5, "01 03 00 01")),
    (V3 | Features.CUSTOM_PAGE_SIZES, section(5, "01 08 00 00")),
    (ALL, section(5, "01 0f 00 01 00")),
]


@pytest.mark.parametrize(("features", "content"), GATED)
def test_what_a_version_has(features: Features, content: str) -> None:
    data = module(content)
    decoded = decode(data, features)
    assert encode(decoded) in (data, HEADER)  # canonical; a section without elements is left out
    assert decode(data, ALL) == decoded
    for version in (MVP, V2, V3):
        if features not in version:
            complaint(data, version)


def test_in_version_1_the_first_number_of_a_segment_is_an_index() -> None:
    elems, datas = section(9, "01 01 41 00 0b 00"), section(11, "01 01 41 00 0b 00")
    decoded = decode(module(elems, datas), MVP)
    offset = Expr(b"\x41\0\x0b")
    assert decoded.elems == (Elem(RefType(False, FUNC), (), Active(1, offset)),)
    assert decoded.datas == (Data(b"", Active(1, offset)),)


def test_limits_are_32_bits_wide_before_memory64() -> None:
    assert complaint(module(section(5, "01 00 80 80 80 80 10")), V2)[0] == "integer too large"
    assert decode(module(section(5, "01 00 80 80 80 80 10"))).mems == (MemType(Limits(1 << 32, None)),)
    assert complaint(module(section(5, "01 04 00")), V2)[0] == "integer too large"
    assert complaint(module(section(5, "01 81 00 00")), V2)[0] == "integer representation too long"


def test_a_page_has_less_than_two_to_the_64_bytes() -> None:
    small = decode(module(section(5, "01 08 00 3f")), ALL)
    assert small.mems == (MemType(Limits(0, None), I32, False, 63),)
    assert complaint(module(section(5, "01 08 00 40")), ALL)[0] == "invalid custom page size"


def test_custom_sections_keep_their_place() -> None:
    data = module("00 02 01 61", "01 01 00", "00 03 01 62 ff", "00 02 01 63", "0b 01 00")
    decoded = decode(data + bytes.fromhex("00 01 00"))
    assert decoded.customs == (Custom("a", b"", 0), Custom("b", b"\xff", 1), Custom("c", b"", 1), Custom("", b"", 11))
    assert encode(decoded) == data + bytes.fromhex("00 01 00")  # the empty sections that they stand behind are kept
    for custom in decoded.customs:
        assert custom.span is not None
        start, end = custom.span
        assert data[start:end] == custom.data
    assert Custom("a", b"", 0).span is None


def test_bodies_are_slices_that_nobody_looks_into() -> None:
    data = module(VOID, "03 03 02 00 00", "0a 07 02 02 00 0b 02 ff ff")
    decoded = decode(data)
    assert decoded.funcs == (Func(0, b"\x00\x0b"), Func(0, b"\xff\xff"))
    assert all(func.data is data for func in decoded.funcs)
    assert encode(decoded) == data


def test_segments_in_all_forms_are_written_as_they_were() -> None:
    offset, func = "41 00 0b", "d2 00 0b"
    data = module(
        section(
            9,
            f"08 00 {offset} 02 00 01  01 00 01 00  02 01 {offset} 00 01 00  03 00 01 00"
            f"04 {offset} 01 {func}  05 70 01 {func}  06 01 {offset} 64 70 01 {func}  07 6f 01 d0 6f 0b",
        ),
        section(12, "03"),
        section(11, f"03 00 {offset} 01 61  01 02 62 63  02 01 {offset} 00"),
    )
    decoded = decode(data)
    assert encode(decoded) == data
    assert [(elem.type, elem.init if elem.init == (0, 1) else len(elem.init)) for elem in decoded.elems] == [
        (RefType(False, FUNC), (0, 1)),
        (RefType(False, FUNC), 1),
        (RefType(False, FUNC), 1),
        (RefType(False, FUNC), 1),
        (FUNCREF, 1),
        (FUNCREF, 1),
        (RefType(False, FUNC), 1),
        (EXTERNREF, 1),
    ]
    assert [elem.mode if isinstance(elem.mode, str) else elem.mode.index for elem in decoded.elems] == [
        0, "passive", 1, "declarative", 0, "passive", 1, "declarative",
    ]  # fmt: skip


def test_what_is_padded_is_written_in_its_shortest_form() -> None:
    padded = module("01 88 80 00 81 80 00 60 81 00 7f 00")
    assert encode(decode(padded)) == module(section(1, "01 60 01 7f 00"))


def test_a_group_of_one_is_written_without_ceremony() -> None:
    decoded = decode(module(section(1, "02 4e 01 4f 00 60 00 00 50 00 60 00 00")))
    assert decoded.types == (
        RecType((SubType(True, (), FuncType((), ())),)),
        RecType((SubType(False, (), FuncType((), ())),)),
    )
    assert encode(decoded) == module(section(1, "02 60 00 00 50 00 60 00 00"))


def test_function_indices_need_a_type_of_functions() -> None:
    with pytest.raises(ValueError, match="no way to write"):
        encode(Module(elems=(Elem(EXTERNREF, (0,), "passive"),)))


def test_tables_of_64_bits_with_a_first_value() -> None:
    tables = (Table(TableType(Limits(1 << 40, 1 << 41), EXTERNREF, I64), Expr(b"\xd0\x6f\x0b")),)
    assert decode(encode(Module(tables=tables))).tables == tables


def test_where_the_parts_of_a_module_are() -> None:
    data = module(
        "00 02 01 61", section(1, "02 60 00 00 60 00 00"), section(2, "02 00 00 00 00 01 61 00 00 00"),
        section(3, "01 00"), section(8, "00"), section(10, "01 02 00 0b"), section(11, "02 00 41 00 0b 00 01 01 61"),
    )  # fmt: skip
    decoded = decode(data)
    assert place(decoded, "types", 0) == 15
    assert place(decoded, "types", 1) == 18
    assert place(decoded, "types", 2) is None
    assert place(decoded, "imports", 1) == data.index(b"\1a\0\0\0", 12)
    assert place(decoded, "start") == data.index(b"\x08\1\0") + 2
    assert place(decoded, "funcs", 0) == decoded.funcs[0].start
    assert place(decoded, "funcs", 1) is None
    assert place(decoded, "datas", 1) == len(data) - 3
    assert place(decoded, "globals", 0) is None
    assert place(Module(start=1), "start") is None


HUGE = "ff ff ff ff 0f"


def most_memory(work: Callable[[], object]) -> int:
    """The most bytes that were allocated at a time; 0 on PyPy, which does not say."""
    try:
        import tracemalloc
    except ImportError:
        work()
        return 0
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13])
def test_a_section_that_announces_four_billion_entries(number: int) -> None:
    data = module(section(number, HUGE + "00 00 00"))
    assert most_memory(lambda: complaint(data)) < 100_000


@pytest.mark.parametrize(
    "content",
    [
        section(1, f"01 60 {HUGE} 7f 7f"),
        section(1, f"01 4e {HUGE} 5f"),
        section(1, f"01 50 {HUGE} 00"),
        section(1, f"01 5f {HUGE} 7f 00"),
        section(2, f"01 {HUGE} 61"),
        section(6, f"01 7f 00 41 00 0e {HUGE} 00"),
        section(9, f"01 00 41 00 0b {HUGE} 00"),
        section(9, f"01 05 70 {HUGE} d2 00 0b"),
        section(11, f"01 01 {HUGE} 00"),
        f"00 {HUGE} 00",
        f"00 06 {HUGE} 00",
    ],
)
def test_a_vector_that_announces_four_billion_elements(content: str) -> None:
    data = module(content)
    assert most_memory(lambda: complaint(data)) < 100_000


def test_a_vector_has_at_most_a_million_structured_elements() -> None:
    data = module(section(1, (unsigned(MOST + 1) + b"\x5f\0" * (MOST + 1)).hex()))
    assert complaint(data) == (f"too many elements: {MOST + 1}, where at most {MOST} are supported", 12)


def test_as_many_functions_as_the_limit_allows() -> None:
    count = unsigned(MOST)
    types = b"\1" + unsigned(4) + b"\1\x60\0\0"
    funcs = b"\3" + unsigned(len(count) + MOST) + count + bytes(MOST)
    code = b"\x0a" + unsigned(len(count) + MOST * 3) + count + b"\2\0\x0b" * MOST
    assert len(decode(HEADER + types + funcs + code).funcs) == MOST
