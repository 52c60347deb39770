"""What the native engine does not know is refused where it is declared, or where it is first called."""

import pytest
import wasm_jit
from wasm_interp import Store, UnsupportedError

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(memory 1) (memory 1)", "multiple memories"),
        ("(memory i64 1)", "MEMORY64"),
        ("(table i64 1 funcref)", "MEMORY64"),
        ("(tag)", "EXCEPTIONS"),
        ("(type (struct))", "GC"),
        ("(memory 1 (pagesize 1))", "CUSTOM_PAGE_SIZES"),
    ],
)
def test_declarations_beyond_2_0_are_refused(text: str, message: str) -> None:
    from wasm_decoder import Features

    store = Store(wasm_jit.Compiler(), features=Features.ALL)
    with pytest.raises(UnsupportedError, match=message):
        store.instantiate(f"(module {text})")


def test_instructions_beyond_2_0_are_refused_at_the_first_call() -> None:
    instance = Store(wasm_jit.Compiler()).instantiate(
        '(module (func $f (export "f") (return_call $f)) (func (export "g") (result i32) (i32.const 7)))'
    )
    with pytest.raises(UnsupportedError, match="return_call"):
        instance.exports.f()
    assert instance.exports.g() == 7


def test_a_function_that_would_take_gigabytes_to_compile_is_refused() -> None:
    assigned = "".join(f"(local.set {i} (i32.const 1))" for i in range(1, 8001))
    text = f"""(module (func (export "f") (param i32) (local {"i32 " * 8000})
        (block {"(br_if 0 (local.get 0))" * 8000} {assigned})))"""
    instance = Store(wasm_jit.Compiler()).instantiate(text)
    with pytest.raises(UnsupportedError, match="too many branches"):
        instance.exports.f(1)
