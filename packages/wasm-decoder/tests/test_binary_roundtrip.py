"""Whatever a module is made of: decoding what was encoded gives it back."""

from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from wasm_decoder import Features, Module, decode, encode, encode_func, encode_instrs
from wasm_decoder.binary.encode import last_section
from wasm_decoder.syntax.instructions import BY_NAME, Instr
from wasm_decoder.syntax.module import Active, Custom, Data, Elem, Export, Expr, Func, Global, Import, Table
from wasm_decoder.syntax.types import (
    ABSTRACT_HEAP_TYPES,
    F32,
    F64,
    FUNC,
    I32,
    I64,
    PACKED_TYPES,
    V128,
    ArrayType,
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

T = TypeVar("T")
END = Instr(BY_NAME["end"])


def tuples(elements: st.SearchStrategy[T], least: int = 0) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(elements, min_size=least, max_size=4).map(lambda found: tuple(found))


index = st.integers(0, (1 << 32) - 1)
heaps = st.one_of(st.sampled_from(ABSTRACT_HEAP_TYPES), index)
refs = st.builds(RefType, st.booleans(), heaps)
vals = st.one_of(st.sampled_from((I32, I64, F32, F64, V128)), refs)
fields = st.builds(FieldType, st.one_of(vals, st.sampled_from(PACKED_TYPES)), st.booleans())
funcs = st.builds(FuncType, tuples(vals), tuples(vals))
comps = st.one_of(funcs, st.builds(StructType, tuples(fields)), st.builds(ArrayType, fields))
subs = st.builds(SubType, st.booleans(), tuples(index), comps)
recs = st.builds(RecType, tuples(subs))
sizes = st.builds(Limits, st.integers(0, (1 << 64) - 1), st.none() | st.integers(0, (1 << 64) - 1))
mems = st.builds(MemType, sizes, st.sampled_from((I32, I64)), st.booleans(), st.integers(0, 63))
table_types = st.builds(TableType, sizes, refs, st.sampled_from((I32, I64)))
global_types = st.builds(GlobalType, vals, st.booleans())
tags = st.builds(TagType, index)
constants = st.one_of(
    st.integers(-1 << 31, (1 << 31) - 1).map(lambda n: Instr(BY_NAME["i32.const"], (n,))),
    st.integers(-1 << 63, (1 << 63) - 1).map(lambda n: Instr(BY_NAME["i64.const"], (n,))),
    index.map(lambda n: Instr(BY_NAME["ref.func"], (n,))),
    heaps.map(lambda heap: Instr(BY_NAME["ref.null"], (heap,))),
    st.just(Instr(BY_NAME["i32.add"])),
)
exprs = st.lists(constants, max_size=3).map(lambda instrs: Expr(encode_instrs([*instrs, END])))
externs = st.one_of(st.builds(FuncIndexType, index), table_types, mems, global_types, tags)
imports = st.builds(Import, st.text(), st.text(), externs)
tables = st.builds(Table, table_types, st.none() | exprs)
modes = st.one_of(st.just("passive"), st.builds(Active, index, exprs))
elems = st.one_of(
    st.builds(Elem, st.just(RefType(False, FUNC)), tuples(index), modes | st.just("declarative")),
    st.builds(Elem, refs, tuples(exprs, least=1), modes | st.just("declarative")),
)
kinds = st.sampled_from(("func", "table", "memory", "global", "tag"))
bodies = st.builds(
    lambda runs, instrs: encode_func(runs, [*instrs, END]),
    st.lists(st.tuples(st.integers(0, 1 << 29), vals), max_size=4),
    st.lists(constants, max_size=4),
)


@st.composite
def modules(draw: st.DrawFn) -> Module:
    start = draw(st.none() | index)
    datas = draw(tuples(st.builds(Data, st.binary(max_size=4), modes)))
    data_count = draw(st.sampled_from((None, len(datas))))
    places = [0, 1, 2, 3, 4, 5, 13, 6, 7, 9, 10, 11]
    customs = draw(tuples(st.builds(Custom, st.text(max_size=4), st.binary(max_size=4), st.sampled_from(places))))
    order = [0, 1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]
    return Module(
        types=draw(tuples(recs)),
        imports=draw(tuples(imports)),
        funcs=draw(tuples(st.builds(Func, index, bodies))),
        tables=draw(tuples(tables)),
        mems=draw(tuples(mems)),
        tags=draw(tuples(tags)),
        globals=draw(tuples(st.builds(Global, global_types, exprs))),
        exports=draw(tuples(st.builds(Export, st.text(), kinds, index))),
        start=start,
        elems=draw(tuples(elems)),
        data_count=data_count,
        datas=datas,
        customs=tuple(sorted(customs, key=lambda custom: order.index(custom.after))),
    )


@given(modules())
@settings(max_examples=200, deadline=None)
def test_decoding_gives_back_what_was_encoded(module: Module) -> None:
    data = encode(module)
    decoded = decode(data, Features.ALL)
    assert decoded == module
    assert encode(decoded) == data


@given(modules())
@settings(max_examples=50, deadline=None)
def test_a_custom_section_behind_the_last_section_stands_at_the_end(module: Module) -> None:
    last = Custom("last", b"", last_section(module))
    extended = Module(**{part: getattr(module, part) for part in Module.PARTS if part != "customs"}, customs=(last,))
    assert encode(extended).endswith(b"\0\5\4last")
