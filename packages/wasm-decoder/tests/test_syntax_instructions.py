"""The table of instructions has as many as the specifications say, and says the same thing of all alike."""

from collections import Counter

import pytest
from wasm_decoder import Features
from wasm_decoder.syntax.instructions import ADDR, BY_NAME, OPS
from wasm_decoder.syntax.types import F32, F64, I32, I64, V128

TYPES = {"i32": I32, "i64": I64, "f32": F32, "f64": F64}


def test_how_many_instructions_each_feature_brings() -> None:
    assert Counter(repr(op.feature) for op in OPS.values()) == {
        "NONE": 172,
        "SIGN_EXTENSION": 5,
        "SATURATING_FLOAT_TO_INT": 8,
        "BULK_MEMORY": 7,
        "REFERENCE_TYPES": 9,
        "SIMD": 236,
        "TAIL_CALL": 2,
        "FUNCTION_REFERENCES": 5,
        "EXCEPTIONS": 3,
        "GC": 32,
        "RELAXED_SIMD": 20,
        "THREADS": 67,
        "WIDE_ARITHMETIC": 4,
    }


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(OPS)
    shared = {mnemonic for mnemonic, count in Counter(op.mnemonic for op in OPS.values()).items() if count > 1}
    assert shared == {"select", "ref.test", "ref.cast"}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_row_is_coherent(name: str) -> None:
    op = BY_NAME[name]
    assert OPS[op.code] is op
    assert (op.params is None) == (op.results is None)
    assert bool(op.lanes) == ("lane" in op.immediates)
    if "memarg" in op.immediates:
        assert op.params is not None
        assert op.params[0] == ADDR
        assert 0 <= op.align <= 4
    else:
        assert op.align == 0


@pytest.mark.parametrize("name", [name for name, op in BY_NAME.items() if op.params and name[:3] in TYPES])
def test_a_number_instruction_is_about_the_types_in_its_name(name: str) -> None:
    op = BY_NAME[name]
    assert op.params is not None
    assert op.results is not None
    if name[3] != ".":  # a vector of these
        assert V128 in op.params + op.results
        return
    types = [TYPES[word[:3]] for part in name.split(".") for word in part.split("_") if word[:3] in TYPES]
    assert set(types) <= {*op.params, *op.results} or "load" in name or "store" in name or "extend" in name


def test_versions_contain_one_another() -> None:
    assert Features.CORE_1_0 == Features.NONE
    assert Features.CORE_1_0 in Features.CORE_2_0
    assert Features.CORE_2_0 in Features.CORE_3_0
    assert Features.CORE_3_0 not in Features.CORE_2_0
    assert Features.SIMD in Features.CORE_2_0
    assert Features.TAIL_CALL not in Features.CORE_2_0
    assert Features.THREADS not in Features.CORE_3_0


def test_feature_sets() -> None:
    both = Features.SIMD | Features.GC
    assert Features.SIMD in both
    assert Features.SIMD not in both - Features.SIMD
    assert both & Features.GC == Features.GC
    assert repr(both) == "SIMD|GC"
    assert repr(Features.NONE) == "NONE"
    assert type(both - Features.GC) is Features
    assert all(op.feature in Features.ALL for op in OPS.values())
    assert Features.ALL - Features.CORE_3_0 == Features.THREADS | Features.CUSTOM_PAGE_SIZES | Features.WIDE_ARITHMETIC
