"""Closed types: identity across modules, and subtyping."""

import gc

import pytest
from wasm_decoder import Module, ValidationError
from wasm_decoder.syntax.types import (
    ABSTRACT_HEAP_TYPES,
    ANY,
    ARRAY,
    EQ,
    EXN,
    EXTERN,
    EXTERNREF,
    FUNC,
    FUNCREF,
    I8,
    I16,
    I31,
    I32,
    I64,
    NOEXN,
    NOEXTERN,
    NOFUNC,
    NONE,
    STRUCT,
    V128,
    AbsHeapType,
    ArrayType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemType,
    RefType,
    StructType,
    TableType,
)
from wasm_decoder.text.parser import parse_wat
from wasm_decoder.valid import matching
from wasm_decoder.valid.matching import (
    BOT,
    BOT_HEAP,
    DefType,
    close,
    deftype,
    deftypes,
    matches_comp,
    matches_def,
    matches_field,
    matches_global,
    matches_heap,
    matches_limits,
    matches_mem,
    matches_ref,
    matches_table,
    matches_tag,
    matches_val,
    matches_vals,
    ref,
    top_of,
)


def types(text: str) -> "tuple[DefType, ...]":
    return deftypes(parse_wat(text))


def test_the_same_structure_is_the_same_object_in_every_module() -> None:
    text = "(type (func (param i32) (result i64))) (type (struct (field (mut i8)) (field (ref null 0))))"
    assert types(text)[0] is types(text)[0]
    assert types(text)[1] is types("(type (array i32))" + text.replace("null 0", "null 1"))[2]


def test_a_type_may_be_written_twice_in_a_module() -> None:
    first, second, other = types("(type (func)) (type (func)) (type (func (result i32)))")
    assert first is second
    assert first is not other


def test_groups_are_the_same_if_they_refer_to_themselves_alike() -> None:
    text = "(rec (type $a (struct (field (ref null $b)))) (type $b (struct (field (ref null $a)))))"
    a, b, c, d = types(text + text.replace("$a", "$c").replace("$b", "$d"))
    assert (a, b) == (c, d)
    # each refers to the other: the same shape, another member
    assert a is not b


def test_a_member_is_not_the_lone_type_of_the_same_shape() -> None:
    lone, member, _ = types("(type (struct)) (rec (type (struct)) (type (func)))")
    assert lone is not member


def test_a_reference_into_the_group_is_not_one_out_of_it() -> None:
    own, outer = types("(type $a (struct (field (ref null $a)))) (type (struct (field (ref null $a))))")
    assert own is not outer


def test_finality_and_supertypes_are_part_of_a_type() -> None:
    final, open_, below = types("(type (func)) (type $o (sub (func))) (type (sub final $o (func)))")
    assert len({final, open_, below}) == 3


def test_expansion_closes_and_unrolls() -> None:
    (a,) = types("(type $a (struct (field (mut (ref null $a))) (field funcref)))")
    comp = a.expand()
    assert isinstance(comp, StructType)
    assert comp.fields[0] == FieldType(a.ref(True), True)
    assert comp.fields[0].storage is a.ref(True)
    assert comp.fields[1].storage is FUNCREF
    assert a.expand() is comp


def test_func_is_for_function_types() -> None:
    func, struct = types("(type (func (param i32))) (type (struct))")
    assert func.func() is func.expand()
    with pytest.raises(ValidationError, match=r"^type mismatch: \(struct\) is not a function type"):
        struct.func()


def test_a_lone_composite_type_is_the_type_that_a_module_writes() -> None:
    (written,) = types("(type (func (param i32 externref) (result v128)))")
    assert deftype(FuncType((I32, EXTERNREF), (V128,))) is written
    assert written.expand() == FuncType((I32, EXTERNREF), (V128,))


def test_closed_reference_types_are_interned() -> None:
    known = types("(type (func))")
    assert close(RefType(False, 0), known) is known[0].ref(False)
    assert close(RefType(True, FUNC), known) is FUNCREF
    assert close(RefType(False, ANY), known) is ref(False, ANY)
    assert close(I32, known) is I32


def test_the_closed_types_of_a_module_are_remembered() -> None:
    module = parse_wat("(type (func))")
    assert deftypes(module) is deftypes(module)


def test_types_that_nobody_uses_are_forgotten() -> None:
    fields = " ".join(["(field i64)"] * 37)
    module: Module | None = parse_wat(f"(rec (type $a (struct {fields} (field (ref null $a)))) (type (func)))")
    assert module is not None
    before = len(matching._groups)
    deftypes(module)[0].expand()
    assert len(matching._groups) == before + 1
    module = None
    gc.collect()
    gc.collect()
    assert len(matching._groups) <= before


@pytest.mark.parametrize(
    "text",
    [
        "(type (func (param (ref 1)))) (type (func))",
        "(type (struct (field (ref null 7))))",
        "(type (sub 0 (func)))",
        "(rec (type (sub 1 (func))) (type (sub (func))))",
    ],
)
def test_a_type_must_be_defined_before_another_group_uses_it(text: str) -> None:
    with pytest.raises(ValidationError, match=r"^unknown type"):
        types(text)


def test_chains_of_supertypes_have_a_limit() -> None:
    def chain(length: int) -> str:
        return "(type (sub (func)))" + "".join(f"(type (sub {i} (func)))" for i in range(length))

    assert types(chain(63))[-1].depth == 63
    with pytest.raises(ValidationError, match=r"^sub type: more than 63 supertypes"):
        types(chain(64))


def test_repr_is_short() -> None:
    a, b = types("(type (array (mut i8))) (type (func (param (ref null 0))))")
    assert repr(a) == "(array (mut i8))"
    assert repr(b) == "(func [(ref null array ...)] -> [])"
    assert repr(b.ref(False)) == "(ref (func [(ref null array ...)] -> []))"
    (many,) = types(f"(type (struct {'(field i32)' * 100}))")
    assert repr(many) == "(struct i32 i32 i32 i32 i32 i32 i32 i32 ...)"
    (own,) = types("(type $a (struct (field (ref null $a))))")
    assert repr(own) == "(struct (ref null rec.0))"
    doubled = "(type (struct))" + "".join(f"(type (struct (field (ref {i}) (ref {i}))))" for i in range(100))
    assert repr(types(doubled)[-1]) == "(struct (ref struct ...) (ref struct ...))"


HIERARCHY: dict[AbsHeapType, set[AbsHeapType]] = {
    ANY: set(),
    EQ: {ANY},
    I31: {EQ, ANY},
    STRUCT: {EQ, ANY},
    ARRAY: {EQ, ANY},
    NONE: {I31, STRUCT, ARRAY, EQ, ANY},
    FUNC: set(),
    NOFUNC: {FUNC},
    EXTERN: set(),
    NOEXTERN: {EXTERN},
    EXN: set(),
    NOEXN: {EXN},
}


@pytest.mark.parametrize("lower", ABSTRACT_HEAP_TYPES)
def test_abstract_heap_types(lower: AbsHeapType) -> None:
    above = {heap for heap in ABSTRACT_HEAP_TYPES if matches_heap(lower, heap)}
    assert above == HIERARCHY[lower] | {lower}
    assert matches_heap(BOT_HEAP, lower)
    assert not matches_heap(lower, BOT_HEAP)
    assert top_of(lower) in (ANY, FUNC, EXTERN, EXN)
    assert matches_heap(lower, top_of(lower))


def test_defined_heap_types() -> None:
    func, struct, array = types("(type (func)) (type (struct)) (type (array i8))")
    above = {ANY, EQ, STRUCT}, {ANY, EQ, ARRAY}, {FUNC}
    for defined, expected, bottom in zip((struct, array, func), above, (NONE, NONE, NOFUNC), strict=True):
        assert {heap for heap in ABSTRACT_HEAP_TYPES if matches_heap(defined, heap)} == expected
        assert {heap for heap in ABSTRACT_HEAP_TYPES if matches_heap(heap, defined)} == {bottom}
        assert matches_heap(defined, defined)
        assert matches_heap(BOT_HEAP, defined)
    assert not matches_heap(struct, array)


def test_declared_supertypes_are_what_counts() -> None:
    a, b, c, other = types(
        "(type $a (sub (struct))) (type $b (sub $a (struct (field i32)))) (type $c (sub $b (struct (field i32))))"
        "(type (sub (struct (field i32))))"
    )
    assert matches_def(c, a)
    assert matches_def(c, b)
    assert not matches_def(a, c)
    assert not matches_def(other, a)
    assert b.ancestors == {a, b}
    assert c.supers == (b,)


def test_reference_types() -> None:
    assert matches_ref(ref(False, EQ), ref(True, ANY))
    assert matches_ref(ref(False, EQ), ref(False, ANY))
    assert not matches_ref(ref(True, EQ), ref(False, ANY))
    assert not matches_ref(ref(True, ANY), ref(True, EQ))


def test_value_types() -> None:
    assert matches_val(I32, I32)
    assert not matches_val(I32, I64)
    assert matches_val(BOT, I32)
    assert matches_val(BOT, FUNCREF)
    assert not matches_val(I32, BOT)
    assert not matches_val(I32, FUNCREF)
    assert matches_vals((I32, ref(False, I31)), (I32, ref(True, EQ)))
    assert not matches_vals((I32,), (I32, I32))


def test_fields() -> None:
    eq, any_ = ref(True, EQ), ref(True, ANY)
    assert matches_field(FieldType(eq, False), FieldType(any_, False))
    assert not matches_field(FieldType(eq, True), FieldType(any_, True))
    assert matches_field(FieldType(eq, True), FieldType(eq, True))
    assert not matches_field(FieldType(eq, True), FieldType(eq, False))
    assert matches_field(FieldType(I8, True), FieldType(I8, True))
    assert not matches_field(FieldType(I8, False), FieldType(I16, False))


def test_composite_types() -> None:
    eq, any_ = ref(True, EQ), ref(True, ANY)
    assert matches_comp(FuncType((any_,), (eq,)), FuncType((eq,), (any_,)))
    assert not matches_comp(FuncType((eq,), ()), FuncType((any_,), ()))
    assert not matches_comp(FuncType((), (any_,)), FuncType((), (eq,)))
    wide, narrow = (StructType((FieldType(I32, False),) * n) for n in (2, 1))
    assert matches_comp(wide, narrow)
    assert not matches_comp(narrow, wide)
    assert matches_comp(ArrayType(FieldType(eq, False)), ArrayType(FieldType(any_, False)))
    assert not matches_comp(ArrayType(FieldType(I32, False)), StructType(()))
    assert not matches_comp(StructType(()), FuncType((), ()))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1, None), (1, None), True),
        ((1, None), (2, None), False),
        ((3, None), (2, None), True),
        ((3, 5), (2, None), True),
        ((3, 5), (2, 5), True),
        ((3, 5), (2, 4), False),
        ((3, None), (2, 9), False),
    ],
)
def test_limits(a: "tuple[int, int | None]", b: "tuple[int, int | None]", expected: bool) -> None:
    assert matches_limits(Limits(*a), Limits(*b)) is expected
    assert matches_mem(MemType(Limits(*a)), MemType(Limits(*b))) is expected
    assert matches_table(TableType(Limits(*a), FUNCREF), TableType(Limits(*b), FUNCREF)) is expected


def test_external_types() -> None:
    limits = Limits(1, 2)
    assert not matches_mem(MemType(limits, I64), MemType(limits))
    assert not matches_mem(MemType(limits, shared=True), MemType(limits))
    assert not matches_mem(MemType(limits, page_size_log2=0), MemType(limits))
    assert not matches_table(TableType(limits, FUNCREF, I64), TableType(limits, FUNCREF))
    assert not matches_table(TableType(limits, ref(False, FUNC)), TableType(limits, FUNCREF))
    assert matches_global(GlobalType(ref(False, FUNC), False), GlobalType(FUNCREF, False))
    assert not matches_global(GlobalType(ref(False, FUNC), True), GlobalType(FUNCREF, True))
    assert not matches_global(GlobalType(I32, True), GlobalType(I32, False))
    a, b = types("(type (func (param i32))) (type (func))")
    assert matches_tag(a, a)
    assert not matches_tag(a, b)
