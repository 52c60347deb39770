"""``wazero compile``, and the cache that it fills; where machine code cannot run, the reason."""

from pathlib import Path

import pytest
import wasm_jit
import wazero
from wasm_decoder import encode, parse_wat
from wazero.cli import main

Captured = pytest.CaptureFixture[str]

native = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=f"{wasm_jit.unavailable()}")


@pytest.fixture
def module(tmp_path: Path) -> str:
    path = tmp_path / "sums.wasm"
    text = """(module
      (func $double (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
      (func $square (export "square") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))"""
    path.write_bytes(encode(parse_wat(text)))
    return str(path)


@native
def test_compiled_code_is_kept_and_found(module: str, tmp_path: Path, capfd: Captured) -> None:
    cache = tmp_path / "cache"
    assert main(["compile", module, "--cache", str(cache)]) == 0
    assert "2 functions compiled, 0 were there" in capfd.readouterr().out
    assert main(["compile", module, "--cache", str(cache)]) == 0
    assert "0 functions compiled, 2 were there" in capfd.readouterr().out
    assert main(["run", module, "--cache", str(cache), "--invoke", "square", "-12"]) == 0
    assert capfd.readouterr().out == "144\n"
    assert wazero.Runtime(cache=cache).instantiate(module).exports.double(21) == 42


@native
def test_the_stages_of_a_function_are_shown(module: str, capfd: Captured) -> None:
    assert main(["compile", module, "--dump", "ssa,asm", "--function", "square"]) == 0
    out = capfd.readouterr().out
    assert "$square" in out
    assert "imul" in out
    assert "$double" not in out
    assert main(["compile", module, "--dump", "opt", "--function", "cube"]) == 1
    assert "cube" in capfd.readouterr().err


def test_the_reason_is_given_where_machine_code_cannot_run(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.setattr(wasm_jit, "unavailable", lambda: "no executable memory")
    assert main(["compile", module, "--cache", str(tmp_path / "cache")]) == 1
    assert "no executable memory" in capfd.readouterr().err
    # the cache of a runtime is of no use there, and does no harm
    assert wazero.Runtime(cache=tmp_path / "cache").instantiate(module).exports.double(4) == 8


def test_compile_wants_to_know_where_or_what(module: str, monkeypatch: pytest.MonkeyPatch, capfd: Captured) -> None:
    monkeypatch.delenv("WAZERO_CACHE", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["compile", module])
    assert ended.value.code == 2
    assert "WAZERO_CACHE" in capfd.readouterr().err
