"""What ``import wazero`` promises: it is cheap, complete and the same as the packages below."""

import subprocess
import sys

import pytest
import wasm_decoder
import wasm_interp
import wazero

#: modules that are slow to import and not needed to load a package or to run a small module
SLOW = {"argparse", "asyncio", "dataclasses", "enum", "inspect", "pathlib", "re", "subprocess", "typing"}


def imported(code: str) -> set[str]:
    """What a fresh interpreter has imported after running the code, and had not before."""
    script = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_wazero_imports_nothing_else() -> None:
    assert imported("import wazero") == {"wazero"}


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy's own start-up imports other modules")
def test_a_small_module_needs_no_slow_import() -> None:
    code = "import wazero; assert wazero.Runtime().instantiate(bytes.fromhex('0061736d01000000'))"
    assert not imported(code) & SLOW


def test_every_public_name_is_there() -> None:
    for name in wazero.__all__:
        assert getattr(wazero, name) is not None
    assert set(wazero.__all__) <= set(dir(wazero))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = wazero.nonsense


def test_the_errors_are_one_tree() -> None:
    assert wazero.WasmError is wasm_decoder.WasmError
    assert wazero.Trap is wasm_interp.Trap
    for error in (
        wazero.DecodeError,
        wazero.ParseError,
        wazero.ValidationError,
        wazero.LinkError,
        wazero.Trap,
        wazero.ExitError,
        wazero.FailedRun,
        wazero.EngineUnavailable,
    ):
        assert issubclass(error, wazero.WasmError)


def test_the_lower_door() -> None:
    """Without the façade: decode, a store with an engine, instantiate, call."""
    module = wasm_decoder.parse_wat('(module (func (export "one") (result i32) (i32.const 1)))')
    module = wasm_decoder.decode(wasm_decoder.encode(module))
    store = wasm_interp.Store(wasm_interp.Interpreter())
    assert store.instantiate(module).exports.one() == 1
