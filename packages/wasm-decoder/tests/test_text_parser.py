"""Modules in the text format become what the specification says; abbreviations above all."""

import pytest
from wasm_decoder import Module, ParseError, encode, names, parse_wat
from wasm_decoder.syntax.module import Active, Elem, Export, Expr
from wasm_decoder.syntax.types import (
    ANY,
    EXTERNREF,
    FUNC,
    FUNCREF,
    I8,
    I32,
    I64,
    ArrayType,
    FieldType,
    FuncType,
    Limits,
    MemType,
    RefType,
    StructType,
    SubType,
    TableType,
    TagType,
)


def _body(instructions: str, context: str = "") -> list[str]:
    """The instructions of a function, one string each."""
    func = parse_wat(f"(module (func {instructions}) {context})").funcs[0]
    return [" ".join(map(str, (instr.op, *instr.immediates))) for instr in func.body][:-1]


def _same(text: str, *others: str) -> bool:
    module = parse_wat(text)
    return all(parse_wat(other) == module for other in others)


def test_an_empty_text_is_an_empty_module() -> None:
    assert parse_wat("") == parse_wat("(module)") == Module()


def test_folded_instructions() -> None:
    assert _body("(i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3)))") == [
        "i32.const 1", "i32.const 2", "i32.const 3", "i32.mul", "i32.add",
    ]  # fmt: skip
    folded = "(block (result i32) (if (result i32) (i32.const 1) (then (i32.const 2)) (else i32.const 3)))"
    plain = "block (result i32) i32.const 1 if (result i32) i32.const 2 else i32.const 3 end end"
    assert _body(folded) == _body(plain)


def test_plain_instructions_cannot_be_operands() -> None:
    with pytest.raises(ParseError, match=r"unexpected token i32\.const"):
        parse_wat("(func (drop i32.const 0))")


@pytest.mark.parametrize(
    "body",
    ["(if (nop))", "(if (then) (nop))", "(if (then) (else) (else))", "(then)", "(else)", "end", "else", "(block end)",
     "block", "if else else end", "loop else end", "(block (then))", "(if (i32.const 1) (else))"],
)  # fmt: skip
def test_blocks_must_fit(body: str) -> None:
    with pytest.raises(ParseError, match="unexpected token"):
        parse_wat(f"(func {body})")


def test_labels() -> None:
    assert _body("block $a block $b block $a br $a br $b end br $a end br $a end")[3:] == [
        "br 0", "br 1", "end", "br 1", "end", "br 0", "end",
    ]  # fmt: skip
    with pytest.raises(ParseError, match=r"unknown label \$l"):
        parse_wat("(func (block $l) br $l)")
    with pytest.raises(ParseError, match=r"unknown label \$l"):
        parse_wat("(func (if $l (br_if $l (i32.const 1)) (then)))")
    for mismatch in ("block $a end $b", "block end $b", "if $a else $b end", "loop $a end $"):
        with pytest.raises(ParseError, match=r"mismatching label|empty identifier"):
            parse_wat(f"(func i32.const 0 {mismatch})")


def test_catch_clauses_are_outside_of_their_block() -> None:
    assert _body("(block $l (try_table $l (catch $e $l) (catch_all 0)))", "(tag $e)")[1] == (
        "try_table None ((0, 0, 0), (2, None, 0))"
    )


def test_locals_are_parameters_and_locals() -> None:
    assert _body("(param $a i32) (param i64 i64) (local f32) (local $b f64) local.get $b local.get $a local.get 2") == [
        "local.get 4", "local.get 0", "local.get 2",
    ]  # fmt: skip
    assert parse_wat("(func (local i32 i32) (local $x i32) (local i64))").funcs[0].locals == ((3, I32), (1, I64))
    with pytest.raises(ParseError, match=r"duplicate local \$x"):
        parse_wat("(func (param $x i32) (local $x i32))")


def test_type_uses_find_or_append_types() -> None:
    module = parse_wat(
        """(func (param i32)) (type $late (func (param i32))) (func (block (param i64) (result i64 i64)))
        (type (func)) (func (result i32))"""
    )
    assert [repr(t.comp) for t in module.subtypes] == [
        "[i32] -> []", "[] -> []", "[i64] -> [i64 i64]", "[] -> [i32]",
    ]  # fmt: skip
    assert module.func_types == [0, 1, 3]


def test_type_uses_do_not_find_what_is_not_final_or_in_a_group() -> None:
    module = parse_wat("(type (sub (func))) (rec (type (func)) (type (func))) (func)")
    assert module.func_types == [3]
    with pytest.raises(ParseError, match="inline function type"):
        parse_wat("(type (func)) (func (type 0) (param i32))")
    with pytest.raises(ParseError, match="unknown type 7"):
        parse_wat("(func (type 7) (param i32))")


def test_types() -> None:
    module = parse_wat(
        """(rec (type $a (sub $b (struct (field $x (mut i8)) (field i32 (ref null $a)))))
                (type $b (sub final (array (mut (ref any))))))
           (type (func (param externref) (result (ref $a) funcref)))"""
    )
    assert module.subtypes == (
        SubType(
            False, (1,), StructType((FieldType(I8, True), FieldType(I32, False), FieldType(RefType(True, 0), False)))
        ),
        SubType(True, (), ArrayType(FieldType(RefType(False, ANY), True))),
        SubType(True, (), FuncType((EXTERNREF,), (RefType(False, 0), FUNCREF))),
    )
    assert len(module.types) == 2


def test_memories_and_tables() -> None:
    module = parse_wat(
        """(import "m" "t" (table i64 1 2 externref)) (memory 1) (memory i64 1 0x1_0000_0000_0000)
        (memory 1 2 shared (pagesize 1)) (table 3 (ref null func) (ref.null func)) (memory (data "abc" "d"))
        (memory (pagesize 1) (data "abc"))"""
    )
    assert module.table_types == [TableType(Limits(1, 2), EXTERNREF, I64), TableType(Limits(3, None), FUNCREF)]
    assert module.mems == (
        MemType(Limits(1, None)),
        MemType(Limits(1, 1 << 48), I64),
        MemType(Limits(1, 2), shared=True, page_size_log2=0),
        MemType(Limits(1, 1)),
        MemType(Limits(3, 3), page_size_log2=0),
    )
    assert [(data.init, data.mode) for data in module.datas] == [
        (b"abcd", Active(3, Expr(b"\x41\0\x0b"))), (b"abc", Active(4, Expr(b"\x41\0\x0b"))),
    ]  # fmt: skip


def test_inline_imports_and_exports() -> None:
    assert _same(
        '(func $f (export "a") (export "b") (import "m" "n") (param i32)) (global (export "c") i32 (i32.const 1))',
        '(import "m" "n" (func $f (param i32))) (export "a" (func $f)) (export "b" (func 0)) (export "c" (global 0))'
        " (global i32 i32.const 1)",
    )
    module = parse_wat(
        '(tag (export "e") (import "m" "e") (param f32)) (memory (import "m" "m") 1) (export "f" (tag 0))'
    )
    assert [imported.type for imported in module.imports] == [TagType(0), MemType(Limits(1, None))]
    assert module.exports == (Export("e", "tag", 0), Export("f", "tag", 0))


@pytest.mark.parametrize("kind", ["func", "table 0 funcref", "memory 1", "global i32 (i32.const 0)", "tag"])
def test_imports_come_first(kind: str) -> None:
    with pytest.raises(ParseError, match=f"import after {'function' if kind == 'func' else kind.split()[0]}"):
        parse_wat(f'({kind}) (import "m" "n" (func))')


def test_segments() -> None:
    module = parse_wat(
        """(table $t 1 funcref) (table $u 1 funcref) (func $f)
        (elem (i32.const 0) $f 0) (elem (table $u) (offset i32.const 1) func $f) (elem func $f) (elem declare func 0)
        (elem funcref (ref.func $f) (item ref.null func)) (elem 1 (i32.const 0) $f)"""
    )
    functions = RefType(False, FUNC)
    zero = Expr(b"\x41\0\x0b")
    assert module.elems == (
        Elem(functions, (0, 0), Active(0, zero)),
        Elem(functions, (0,), Active(1, Expr(b"\x41\x01\x0b"))),
        Elem(functions, (0,), "passive"),
        Elem(functions, (0,), "declarative"),
        Elem(FUNCREF, (Expr(b"\xd2\0\x0b"), Expr(b"\xd0\x70\x0b")), "passive"),
        Elem(functions, (0,), Active(1, zero)),
    )
    assert _same('(memory 1) (data (i32.const 0) "a" "b")', '(memory 1) (data (memory 0) (offset (i32.const 0)) "ab")')


def test_a_table_with_its_elements() -> None:
    assert _same(
        "(func $f) (table funcref (elem $f $f))",
        "(func $f) (table 2 2 funcref) (elem (table 0) (i32.const 0) func $f $f)",
    )
    module = parse_wat("(type $t (func)) (func $f (type $t)) (table i64 (ref null $t) (elem $f))")
    assert module.elems == (Elem(RefType(True, 0), (Expr(b"\xd2\0\x0b"),), Active(0, Expr(b"\x42\0\x0b"))),)


def test_identifiers_of_segments_count_those_of_tables_and_memories() -> None:
    context = '(table funcref (elem)) (elem $e func) (memory (data "")) (data $d "")'
    assert _body("elem.drop $e data.drop $d", context) == ["elem.drop 1", "data.drop 1"]


def test_memory_arguments() -> None:
    context = "(memory $m 1) (memory $n 1) (data)"
    assert _body("i32.load offset=3 align=1 i64.load $n", context) == ["i32.load (0, 3, 0)", "i64.load (3, 0, 1)"]
    assert _body("v128.load8_lane 5 v128.load8_lane 1 5 v128.load8_lane $n 5", context) == [
        "v128.load8_lane (0, 0, 0) 5", "v128.load8_lane (0, 0, 1) 5",
        "v128.load8_lane (0, 0, 1) 5",
    ]  # fmt: skip
    assert _body("v128.load8_lane 1 offset=2 5 memory.copy $n $m memory.init 1 0 memory.init 0", context) == [
        "v128.load8_lane (0, 2, 1) 5", "memory.copy 1 0", "memory.init 0 1", "memory.init 0 0",
    ]  # fmt: skip
    for align in ("0", "3"):
        with pytest.raises(ParseError, match="alignment must be a power of two"):
            parse_wat(f"(func i32.load align={align})")


def test_instructions_that_share_a_mnemonic() -> None:
    instructions = (
        "select select (result i32) select (result) ref.test funcref ref.cast (ref 0) ref.cast (ref null any)"
    )
    assert _body(instructions) == [
        "select", "select t (i32,)", "select t ()", "ref.test null func", "ref.cast 0", "ref.cast null any",
    ]  # fmt: skip


def test_vector_constants() -> None:
    same = ["i8x16 1 0 0 0 2 0 0 0 3 0 0 0 255 -1 0xff -0x1", "i16x8 1 0 2 0 3 0 -1 0xffff", "i32x4 1 2 3 -1",
            "i64x2 0x200000001 -0xfffffffd"]  # fmt: skip
    assert len({str(_body(f"v128.const {shape}")) for shape in same}) == 1
    assert _body("v128.const f32x4 1 nan:0x1 -0 0x1p-149") == _body(
        "v128.const i32x4 0x3f800000 0x7f800001 0x80000000 1"
    )
    with pytest.raises(ParseError, match="wrong number of lane literals"):
        parse_wat("(func v128.const i32x4 1 2 3)")


def test_the_data_count_is_there_when_it_is_needed() -> None:
    assert parse_wat('(memory 1) (data "a")').data_count is None
    assert parse_wat('(memory 1) (data "a") (func data.drop 0)').data_count == 1
    assert parse_wat("(type (array i8)) (data) (func array.new_data 0 0)").data_count == 1
    assert parse_wat("(data) (@datacount)").data_count == 1


def test_identifiers_become_the_name_section() -> None:
    module = parse_wat(
        """(module $m (type $t (struct (field $x i32))) (import "" "" (func $imported (param $p i32)))
        (table $tab 0 funcref) (memory $mem 0) (global $g i32 (i32.const 0)) (tag $e) (elem $el func) (data $d)
        (func $"two words" (param $a i32) (local $b i32) (block) (loop $l) (if $i (local.get $a) (then))))"""
    )
    known = names(module)
    assert known.module == "m"
    assert dict(known.funcs) == {0: "imported", 1: "two words"}
    assert {index: dict(inner) for index, inner in known.locals.items()} == {0: {0: "p"}, 1: {0: "a", 1: "b"}}
    assert {index: dict(inner) for index, inner in known.labels.items()} == {1: {1: "l", 2: "i"}}
    assert {index: dict(inner) for index, inner in known.fields.items()} == {0: {0: "x"}}
    for part, name in {
        "types": "t",
        "tables": "tab",
        "mems": "mem",
        "globals": "g",
        "tags": "e",
        "elems": "el",
    }.items():
        assert dict(getattr(known, part)) == {0: name}
    assert module.customs[0].after == 11


def test_name_annotations() -> None:
    known = names(parse_wat('(module $m (@name "M") (func $f (@name "") (param (@name "p q") i32)))'))
    assert (known.module, dict(known.funcs), dict(known.locals[0])) == ("M", {0: ""}, {0: "p q"})


def test_quoted_identifiers_are_the_same_as_others() -> None:
    assert _body('(param $p i32) block $"\\61" br $a end $a local.get $"p"') == [
        "block None",
        "br 0",
        "end",
        "local.get 0",
    ]


def test_custom_sections() -> None:
    module = parse_wat(
        """(@custom "end" "1" "2") (@custom "start" (before first)) (@custom "t" (after type))
        (@custom "f" (before code))
        (func $f) (@custom "last" (after last) "3")"""
    )
    assert [(custom.name, custom.data, custom.after) for custom in module.customs if custom.name != "name"] == [
        ("start", b"", 0), ("t", b"", 1), ("f", b"", 3), ("end", b"12", 10), ("last", b"3", 10),
    ]  # fmt: skip
    assert [custom.name for custom in module.customs] == ["start", "t", "f", "name", "end", "last"]
    assert [custom.data for custom in parse_wat('(func $f) (@custom "name" "mine")').customs] == [b"mine"]


def test_branch_hints() -> None:
    hinted = '(@metadata.code.branch_hint "\\01")'
    module = parse_wat(
        f"""(func) (func (local i32) (block {hinted} (br_if 0 (i32.const 1)) {hinted} (if (local.get 0) (then nop))
        local.get 0 {hinted} br_if 0))"""
    )
    (custom,) = module.customs
    assert (custom.name, custom.after) == ("metadata.code.branch_hint", 3)
    offsets = [instr.offset for instr in module.funcs[1].body if instr.op.name in ("if", "br_if")]
    assert custom.data == bytes([1, 1, len(offsets), *(byte for offset in offsets for byte in (offset, 1, 1))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(func) (func $f) (func $f)", "duplicate func"),
        ("(start 0) (start 0)", "multiple start sections"),
        ("(func (param i32) (result i32) (param i32))", "unexpected token param: result before parameter"),
        ("(func (block (param $x i32)))", "unexpected token"),
        ("(memory 18446744073709551616)", "i64 constant out of range"),
        ("(memory 1 (pagesize 3))", "invalid custom page size"),
        ("(func i8x16.shuffle 1 2 3)", "invalid lane length"),
        ("(func i8x16.extract_lane_s 256)", "i8 constant out of range"),
        ("(func i32.const 4294967296)", "constant out of range"),
        ("(func call 4294967296)", "i32 constant out of range"),
        ("(func call $f)", "unknown function"),
        ("(func local.get $x)", "unknown local"),
        ("(type (struct (field $x i32) (field $x i32)))", "duplicate field"),
        ("(type $t (struct)) (func struct.get $t $x)", "unknown field"),
        ("(module) (module)", "unexpected token"),
        ("(foo)", "unknown operator foo"),
        ("(func (nop)", "unexpected token: the text ends"),
        ("(func get_local 0)", "unknown operator get_local"),
        ('(@custom "a" (after end))', "unexpected token end"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_wat(text)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    "text",
    ["(i32.eqz " * 100_000 + "(i32.const 0)" + ")" * 100_000, "(block " * 100_000 + ")" * 100_000,
     "block $l " * 100_000 + "br $l " + "end " * 100_000, "(if (i32.const 1) (then " * 100_000 + "))" * 100_000],
    ids=["operands", "folded blocks", "blocks", "ifs"],
)  # fmt: skip
def test_nesting_has_no_limit(text: str) -> None:
    module = parse_wat(f"(func {text})")
    assert len(encode(module)) > 100_000


def test_comments_and_annotations_nest_without_limit() -> None:
    text = "(;" * 100_000 + ";)" * 100_000 + "(@a " * 100_000 + ")" * 100_000
    assert parse_wat(text) == Module()
