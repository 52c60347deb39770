"""Values: equality, hashing, copies and how they are shown."""

import copy
import pickle

import pytest
from wasm_decoder import Module, ValidationError, encode_instrs
from wasm_decoder._record import Record
from wasm_decoder.syntax.instructions import BY_NAME, Instr
from wasm_decoder.syntax.module import Custom, Data, Expr, Func, Global, Import, Table
from wasm_decoder.syntax.types import (
    ABSTRACT_HEAP_TYPES,
    ANY,
    EXTERNREF,
    F64,
    FUNCREF,
    I8,
    I32,
    I64,
    NONE,
    V128,
    FieldType,
    FuncIndexType,
    FuncType,
    GlobalType,
    Limits,
    MemType,
    RecType,
    RefType,
    StructType,
    SubType,
    TableType,
    TagType,
)


class Point(Record):
    """An example."""

    __slots__ = ("x", "y")
    x: int
    y: int


class Place(Record):
    """Another with the same fields."""

    __slots__ = ("x", "y")
    x: int
    y: int


def test_a_record_is_its_fields() -> None:
    assert Point(1, 2) == Point(x=1, y=2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1, 2) != Point(1, 3)
    others: list[object] = [Place(1, 2), (1, 2)]
    assert Point(1, 2) not in others
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    assert {Point(1, 2): "here"}[Point(1, 2)] == "here"
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg]  # the mistake is the point


def test_a_record_can_be_matched() -> None:
    match Point(1, 2):
        case Point(x, 2):
            assert x == 1
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize("value", [I32, V128, I8, *ABSTRACT_HEAP_TYPES, BY_NAME["i32.add"]])
def test_copies_of_singletons_are_the_singletons(value: object) -> None:
    assert copy.deepcopy(value) is value
    assert pickle.loads(pickle.dumps(value)) is value


def test_types_can_be_pickled() -> None:
    sub = SubType(False, (1,), StructType((FieldType(I8, True), FieldType(RefType(False, ANY), False))))
    assert pickle.loads(pickle.dumps(RecType((sub,)))) == RecType((sub,))


def test_types_are_shown_as_in_the_text_format() -> None:
    types = (I32, FUNCREF, EXTERNREF, RefType(True, NONE), RefType(False, ANY), RefType(True, 3), RefType(False, 0))
    assert " ".join(map(repr, types)) == "i32 funcref externref nullref (ref any) (ref null 3) (ref 0)"
    assert repr(FuncType((I32, I64), ())) == "[i32 i64] -> []"
    assert repr(Limits(1, None)) == "{min 1}"
    assert repr(Limits(1, 2)) == "{min 1, max 2}"


def test_defaults() -> None:
    assert MemType(Limits(1, None)) == MemType(Limits(1, None), I32, False, 16)
    assert TableType(Limits(1, None), FUNCREF) == TableType(Limits(1, None), FUNCREF, I32)


def test_expressions_are_equal_however_they_are_encoded() -> None:
    short, long = Expr(b"\x41\0\x0b"), Expr(b"\xff\x41\x80\0\x0b\xff", 1, 5)
    assert short == long
    assert bytes(long) == b"\x41\x80\0\x0b"
    assert short != Expr(b"\x41\1\x0b")
    assert short != b"\x41\0\x0b"
    assert list(short) == [Instr(BY_NAME["i32.const"], (0,)), Instr(BY_NAME["end"])]


def test_functions_are_equal_however_they_are_encoded() -> None:
    assert Func(0, b"\0\x41\0\x1a\x0b") == Func(0, b"\x80\0\x41\x80\0\x1a\x0b")
    assert Func(0, b"\0\x0b") != Func(1, b"\0\x0b")
    assert Func(0, b"\1\1\x7f\x0b") != Func(0, b"\1\1\x7e\x0b")


def test_bytes_that_can_be_megabytes_are_shown_in_a_line() -> None:
    assert repr(Custom("a", b"\1", 0)) == r"Custom(name='a', data=b'\x01', after=0)"
    assert len(repr(Custom("a", bytes(1 << 20), 0))) < 120
    assert len(repr(Data(bytes(1 << 20), "passive"))) < 120


def test_index_spaces_count_imports_first() -> None:
    table, mem, glob, tag = (
        TableType(Limits(0, None), FUNCREF),
        MemType(Limits(0, None)),
        GlobalType(I32, True),
        TagType(1),
    )
    module = Module(
        types=(
            RecType((SubType(True, (), FuncType((), (F64,))), SubType(True, (), StructType(())))),
            RecType((SubType(True, (), FuncType((), ())),)),
        ),
        imports=tuple([Import("m", "n", kind) for kind in (FuncIndexType(2), table, mem, glob, tag)]),
        funcs=(Func(0, b"\0\0\x0b"),),
        tables=(Table(TableType(Limits(1, 1), EXTERNREF), None),),
        mems=(MemType(Limits(1, 1)),),
        globals=(Global(GlobalType(I64, False), Expr(encode_instrs([Instr(BY_NAME["end"])]))),),
        tags=(TagType(2),),
    )
    assert [len(module.subtypes), list(module.func_types)] == [3, [2, 0]]
    assert list(module.table_types) == [table, TableType(Limits(1, 1), EXTERNREF)]
    assert list(module.mem_types) == [mem, MemType(Limits(1, 1))]
    assert list(module.global_types) == [glob, GlobalType(I64, False)]
    assert list(module.tag_types) == [tag, TagType(2)]
    assert module.functype(2) == FuncType((), ())
    with pytest.raises(ValidationError, match="not a function type"):
        module.functype(1)
    with pytest.raises(ValidationError, match="unknown type 3"):
        module.functype(3)
    assert repr(module).startswith("<Module: 2 types, 5 imports, 1 funcs, ")
