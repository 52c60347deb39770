"""``Runtime``: engines, what stands for a module, linking, values at the boundary."""

from pathlib import Path

import pytest
import wasm_jit
import wazero
from wasm_decoder import encode, parse_wat

FIB = """(module
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else
        (i32.add
          (call $fib (i32.sub (local.get 0) (i32.const 1)))
          (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"""


def test_exports_are_attributes_and_items() -> None:
    exports = wazero.Runtime().instantiate(FIB).exports
    assert exports.fib(20) == 6765
    assert exports["fib"](10) == 55
    assert "fib" in exports
    assert list(exports) == ["fib"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = exports.nothing


@pytest.mark.parametrize(
    "form", ["text", "bytes", "bytearray", "memoryview", "text file", "binary file", "str path", "Module"]
)
def test_whatever_stands_for_a_module(form: str, tmp_path: Path) -> None:
    binary = encode(parse_wat(FIB))
    text_file, binary_file = tmp_path / "module.with-any-name", tmp_path / "fib.wasm"
    text_file.write_text(";; a comment first\n" + FIB, encoding="utf-8")
    binary_file.write_bytes(binary)
    forms: dict[str, wazero.source.ModuleSource] = {
        "text": "\n  " + FIB,
        "bytes": binary,
        "bytearray": bytearray(binary),
        "memoryview": memoryview(binary),
        "text file": text_file,
        "binary file": binary_file,
        "str path": str(binary_file),
        "Module": parse_wat(FIB),
    }
    assert wazero.Runtime().instantiate(forms[form]).exports.fib(5) == 5


def test_a_loaded_module_makes_independent_instances() -> None:
    runtime = wazero.Runtime()
    module = runtime.load(
        '(module (global $n (mut i32) (i32.const 0)) (func (export "next") (result i32)'
        " (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"
    )
    first, second = runtime.instantiate(module), runtime.instantiate(module)
    assert [first.exports.next(), first.exports.next(), second.exports.next()] == [1, 2, 1]
    assert runtime.load(module) is module


def test_what_is_no_module_says_where(tmp_path: Path) -> None:
    runtime = wazero.Runtime()
    with pytest.raises(wazero.DecodeError, match="magic header") as malformed:
        runtime.load(b"\0ASM\1\0\0\0")
    assert malformed.value.offset == 0
    with pytest.raises(wazero.ParseError) as unparsable:
        runtime.load("(module\n  (funk))")
    assert unparsable.value.line == 2
    with pytest.raises(wazero.ValidationError, match="type mismatch"):
        runtime.instantiate("(module (func (result i32) (i64.const 0)))")
    with pytest.raises(FileNotFoundError):
        runtime.load(tmp_path / "missing.wasm")
    bad = tmp_path / "latin1.wat"
    bad.write_bytes(b"(module\n ;; caf\xe9\n)")
    with pytest.raises(wazero.ParseError, match="UTF-8") as undecodable:
        runtime.load(bad)
    assert (undecodable.value.line, undecodable.value.column) == (2, 8)


def test_lazy_validation_traps_at_the_first_call_of_an_invalid_body() -> None:
    text = '(module (func (export "good")) (func (export "bad") (result i32) (i64.const 0)))'
    with pytest.raises(wazero.ValidationError):
        wazero.Runtime().instantiate(text)
    exports = wazero.Runtime().instantiate(text, validate="lazy").exports
    assert exports.good() is None
    with pytest.raises(wazero.WasmError):
        exports.bad()


def test_another_word_for_validate_is_refused() -> None:
    with pytest.raises(ValueError, match="sometimes"):
        wazero.Runtime().instantiate("(module)", validate="sometimes")  # type: ignore[arg-type]  # mypy would say so


def test_modules_link_by_register_and_by_imports() -> None:
    runtime = wazero.Runtime()
    maths = runtime.instantiate(
        '(module (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))', name="maths"
    )
    user = '(module (import "maths" "double" (func (param i32) (result i32))) (export "twice" (func 0)))'
    with pytest.raises(wazero.LinkError, match="maths"):
        runtime.instantiate(user)
    assert runtime.instantiate(user, {"maths": maths}).exports.twice(21) == 42
    runtime.register("maths", maths)
    assert runtime.instantiate(user).exports.twice(-4) == -8


def test_features_bound_what_is_accepted() -> None:
    multi_value = encode(parse_wat("(module (func (result i32 i32) (i32.const 1) (i32.const 2)))"))
    wazero.Runtime(features=wazero.Features.CORE_2_0).instantiate(multi_value)
    with pytest.raises(wazero.WasmError):
        wazero.Runtime(features=wazero.Features.CORE_1_0).instantiate(multi_value)


def test_memory_is_shared_with_python() -> None:
    instance = wazero.Runtime().instantiate(
        """(module (memory (export "memory") 1 2)
          (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0))))"""
    )
    memory = instance.memory
    assert memory is not None
    memory.write(10, b"abc")
    assert instance.exports.get(11) == ord("b")
    assert memory.read(10, 3) == memory[10:13] == b"abc"
    assert memory.grow(1) == 1
    assert memory.size == 2
    with pytest.raises(wazero.Trap, match="out of bounds memory access"):
        memory.read(2 * 65536, 1)


def test_the_engine_can_be_chosen_and_says_why() -> None:
    interpreter = wazero.Runtime("interpreter")
    assert interpreter.engine == "interpreter"
    assert interpreter.engine_reason
    auto = wazero.Runtime()
    reason = wasm_jit.unavailable()
    assert auto.engine == ("compiler" if reason is None else "interpreter")
    assert auto.engine_reason == reason
    assert auto.engine in repr(auto)
    if reason is None:
        assert wazero.Runtime("compiler").engine == "compiler"
    with pytest.raises(ValueError, match="'fastest'"):
        wazero.Runtime("fastest")  # type: ignore[arg-type]  # what mypy would have caught


def test_the_compiler_is_refused_with_the_reason_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wasm_jit, "unavailable", lambda: "no executable memory")
    with pytest.raises(wazero.EngineUnavailable, match="no executable memory"):
        wazero.Runtime("compiler")
    assert wazero.Runtime().engine_reason == "no executable memory"


BEYOND = {
    "two memories": '(module (memory 1) (memory $m 1) (func (export "f") (param i32) (result i32)'
    " (i32.store $m (i32.const 0) (local.get 0)) (i32.load $m (i32.const 0))))",
    "exceptions": '(module (tag $e (param i32)) (func (export "f") (param i32) (result i32)'
    " (block $h (result i32) (try_table (result i32) (catch $e $h) (throw $e (local.get 0))))))",
    "tail calls": '(module (func (export "f") (param i32) (result i32) (return_call $g (local.get 0)))'
    " (func $g (param i32) (result i32) (local.get 0)))",
    "relaxed vectors": '(module (func (export "f") (param i32) (result i32) (i32x4.extract_lane 0'
    " (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (f32.convert_i32_s (local.get 0)))))))",
}


@pytest.mark.parametrize("name", BEYOND)
def test_auto_takes_the_portable_engine_for_what_the_native_one_does_not_know(name: str) -> None:
    runtime = wazero.Runtime()
    runtime.register("beyond", runtime.instantiate(BEYOND[name]))
    user = runtime.instantiate('(module (import "beyond" "f" (func (param i32) (result i32))) (export "f" (func 0)))')
    assert user.exports.f(7) == 7


def test_calls_without_the_gil() -> None:
    with pytest.raises(ValueError, match="without the GIL"):
        wazero.Runtime("interpreter", release_gil=True)
    runtime = wazero.Runtime(release_gil=True)
    exports = runtime.instantiate('(func (export "f") (param i32) (result i32) (local.get 0))').exports
    assert exports.f(5) == 5
