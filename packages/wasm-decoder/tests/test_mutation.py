"""Bad input of any kind ends in an error of ours, with an offset, soon.

``WASM_MUTATIONS`` is how many mutations are tried, ``WASM_MUTATION_CORPUS`` a folder with further modules to mutate.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasm_decoder import (
    DecodeError,
    Features,
    Module,
    ValidationError,
    decode,
    decode_bodies,
    encode,
    encode_func,
    names,
    validate,
)
from wasm_decoder.binary.encode import last_section
from wasm_decoder.binary.leb128 import unsigned
from wasm_decoder.binary.listing import disassemble
from wasm_decoder.binary.writer import sized
from wasm_decoder.custom.branch_hints import branch_hints
from wasm_decoder.custom.names import Names, name_section
from wasm_decoder.custom.producers import producers
from wasm_decoder.custom.target_features import target_features
from wasm_decoder.syntax.instructions import BY_NAME, OPS, Instr
from wasm_decoder.syntax.module import Active, Custom, Data, Elem, Export, Expr, Func, Global, Import, Table
from wasm_decoder.syntax.types import (
    EXTERNREF,
    F64,
    FUNC,
    FUNCREF,
    I8,
    I32,
    I64,
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

COUNT = int(os.environ.get("WASM_MUTATIONS", "3000"))
CORPUS = os.environ.get("WASM_MUTATION_CORPUS")

IMMEDIATES: dict[str, object] = {
    **dict.fromkeys(("type", "func", "table", "mem", "global", "local", "elem", "data", "tag"), 1),
    **dict.fromkeys(("field", "label", "u32", "lane", "zero"), 0),
    **dict.fromkeys(("i32", "i64"), -1),
    **dict.fromkeys(("f32", "f64"), 1),
    **dict.fromkeys(("v128", "lanes"), bytes(16)),
    "block": 0,
    "labels": (0, 1, 200),
    "memarg": (1, 300, 1),
    "heap": FUNC,
    "types": (I32, EXTERNREF),
    "cast": (0, RefType(True, FUNC), RefType(False, 1)),
    "catches": ((0, 0, 0), (3, None, 1)),
}


def everything() -> Module:
    """A module with something in every section, and every instruction in its code."""
    end = Instr(BY_NAME["end"])
    zero = Expr(b"\x41\0\x0b")
    body = []
    for op in OPS.values():
        if op.name not in ("else", "end"):
            body.append(Instr(op, tuple([IMMEDIATES[kind] for kind in op.immediates])))
        if op.name == "if":
            body.append(Instr(BY_NAME["else"]))
        if "block" in op.immediates:
            body.append(end)
    types = (
        RecType((SubType(True, (), FuncType((I32, I64), (F64,))),)),
        RecType((
            SubType(False, (), StructType((FieldType(I8, True), FieldType(RefType(True, 2), False)))),
            SubType(True, (1,), ArrayType(FieldType(V128, True))),
        )),
    )  # fmt: skip
    module = Module(
        types=types,
        imports=(
            Import("env", "f", FuncIndexType(0)),
            Import("env", "m", MemType(Limits(1, 2), I64, True, 0)),
            Import("env", "t", TableType(Limits(1, None), FUNCREF)),
            Import("env", "g", GlobalType(RefType(False, 1), True)),
            Import("env", "e", TagType(0)),
        ),
        funcs=(
            Func(0, encode_func(((3, I32), (200, RefType(True, 1))), [*body, end])),
            Func(0, encode_func((), [Instr(BY_NAME["unreachable"]), end])),
        ),
        tables=(Table(TableType(Limits(0, 10), EXTERNREF, I64), None), Table(TableType(Limits(1, 1), FUNCREF), zero)),
        mems=(MemType(Limits(0, None)),),
        tags=(TagType(0),),
        globals=(Global(GlobalType(I32, False), zero),),
        exports=(Export("f", "func", 1), Export("größer", "memory", 0)),
        start=1,
        elems=(
            Elem(RefType(False, FUNC), tuple(range(200)), Active(0, zero)),
            Elem(FUNCREF, (Expr(b"\xd2\0\x0b"),), "declarative"),
        ),
        data_count=2,
        datas=(Data(b"passive", "passive"), Data(b"active" * 9, Active(1, zero))),
    )
    some = {1: "one", 2: "two"}
    name = name_section(
        Names(
            "m", funcs=some, types=some, tables=some, mems=some, globals=some, elems=some, datas=some, tags=some,
            locals={1: some}, labels={1: some}, fields={1: some},
        ),
        last_section(module),
    )  # fmt: skip
    module.customs = (
        Custom("metadata.code.branch_hint", b"\1\1\2\4\1\1\x81\1\1\0", 12),
        name,
        Custom("producers", b"\1\x08language\2\1C\x0217\4Rust\0", name.after),
        Custom("target_features", b"\2+\4simd-\3abc", name.after),
    )
    return module


def corpus() -> list[bytes]:
    found = [encode(everything()), encode(Module())]
    if CORPUS:
        found += [path.read_bytes() for path in sorted(Path(CORPUS).rglob("*.wasm"))]
    return found


def flip(data: bytearray, at: int, random: Random) -> None:
    data[at] ^= 1 << random.randrange(8)


def replace(data: bytearray, at: int, random: Random) -> None:
    data[at] = random.choice((0, 1, 0x0B, 0x40, 0x7F, 0x80, 0xFF, random.randrange(256)))


def insert(data: bytearray, at: int, random: Random) -> None:
    data[at:at] = random.randbytes(random.randrange(1, 4))


def delete(data: bytearray, at: int, random: Random) -> None:
    del data[at : at + random.randrange(1, 8)]


def truncate(data: bytearray, at: int, random: Random) -> None:
    del data[at:]


def repeat(data: bytearray, at: int, random: Random) -> None:
    data[at:at] = data[at : at + random.randrange(1, 64)]


def number(data: bytearray, at: int, random: Random) -> None:
    """A number grows: a count or a size among them."""
    data[at : at + 1] = unsigned(random.choice((1 << 7, 1 << 14, 1 << 28, (1 << 32) - 1, 1 << 32, 1 << 63)))


def pad(data: bytearray, at: int, random: Random) -> None:
    """A number is written in more bytes than it needs, or than are allowed."""
    data[at : at + 1] = bytes((data[at] | 0x80,)) + b"\x80" * random.randrange(12) + b"\0"


MUTATIONS: tuple[Callable[[bytearray, int, Random], None], ...] = (
    flip, replace, insert, delete, truncate, repeat, number, pad,
)  # fmt: skip


def mutants(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Mutants of the data, always the same ones for a seed."""
    random = Random(seed)
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(random.choice((1, 1, 1, 2, 5))):
            if mutant:
                random.choice(MUTATIONS)(mutant, random.randrange(len(mutant)), random)
        yield bytes(mutant)


def refused(work: Callable[[], object], data: bytes) -> bool:
    """Whether the work ends in an error of ours, whose place must be in the data.

    Only what is invalid about a module as a whole has no place.
    """
    try:
        work()
    except DecodeError as error:
        offset = error.offset
    except ValidationError as error:
        offset = 0 if error.offset is None and error.function is None else error.offset
    else:
        return False
    assert offset is not None
    assert 0 <= offset <= len(data)
    return True


def examine(data: bytes, features: Features) -> bool:
    """Do with a module whatever can be done with it; whether it is well-formed."""
    modules: list[Module] = []
    if refused(lambda: modules.append(decode(data, features)), data):
        return False
    (module,) = modules
    for index in range(len(module.func_types) - len(module.funcs), len(module.func_types)):
        refused(lambda: list(disassemble(module, index, features)), data)  # noqa: B023 - called at once
    repr(module), dict(names(module).funcs), {**names(module).locals}, {**names(module).fields}
    producers(module), target_features(module), branch_hints(module)
    assert decode(encode(module), Features.ALL) == module
    malformed = refused(lambda: decode_bodies(module, features), data)
    invalid = refused(lambda: validate(module, features), data)
    assert invalid or not malformed
    return not malformed


def test_what_is_mutated_is_a_module() -> None:
    module = everything()
    data = encode(module)
    assert decode(data, Features.ALL) == module
    decode_bodies(module, Features.ALL)
    assert [custom.name for custom in module.customs] == [
        "metadata.code.branch_hint", "name", "producers", "target_features",
    ]  # fmt: skip
    assert dict(names(module).labels[1]) == {1: "one", 2: "two"}
    assert branch_hints(module) == {1: {4: True, 129: False}}


@pytest.mark.parametrize("features", [Features.ALL, Features.CORE_3_0, Features.CORE_2_0, Features.CORE_1_0])
def test_mutants_are_modules_or_malformed(features: Features) -> None:
    modules = corpus()
    good = 0
    for seed, data in enumerate(modules):
        for mutant in mutants(data, COUNT // len(modules) // 4, seed):
            good += examine(mutant, features)
    if features == Features.ALL:
        assert 0 < good < COUNT // 4  # the mutations are neither harmless nor always fatal


def test_every_beginning_of_a_module_is_a_module_or_malformed() -> None:
    data = encode(everything())
    whole = [length for length in range(len(data) + 1) if examine(data[:length], Features.ALL)]
    assert whole[-1] == len(data)
    assert 8 in whole  # the empty module


@given(st.lists(st.tuples(st.integers(0, 14), st.binary(max_size=40)), max_size=4), st.binary(max_size=4))
@settings(deadline=None)
def test_sections_of_noise(sections: list[tuple[int, bytes]], rest: bytes) -> None:
    data = b"\0asm\1\0\0\0" + b"".join(bytes((number,)) + sized(content) for number, content in sections)
    examine(data + rest, Features.ALL)


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_bodies_of_noise(body: bytes) -> None:
    size, section = len(body), len(unsigned(len(body))) + 1 + len(body)
    data = b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x0a" + unsigned(section) + b"\1" + unsigned(size) + body
    examine(data, Features.ALL)
    assert len(decode(data).funcs) == 1
