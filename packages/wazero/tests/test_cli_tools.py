"""validate, inspect, wat2wasm, wasm2wat, version, and the command line as a whole."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import wazero
from wasm_decoder import Module, decode, encode, parse_wat
from wazero.cli import COMMANDS, main

Captured = pytest.CaptureFixture[str]

TEXT = """(module $shapes
  (import "env" "log" (func $log (param i32)))
  (import "env" "limit" (global i64))
  (memory (export "memory") 1 4)
  (table 3 funcref)
  (global (export "count") (mut i32) (i32.const 0))
  (data (i32.const 0) "abc")
  (func $area (export "area") (param $w f64) (param $h f64) (result f64)
    (f64.mul (local.get $w) (local.get $h)))
  (func $main (local i32)
    (block $out (loop $again (br_if $out (local.get 0)) (br $again)))
    (call $log (i32.const 7)))
  (start $main))
"""


@pytest.fixture
def binary(tmp_path: Path) -> str:
    path = tmp_path / "shapes.wasm"
    path.write_bytes(encode(parse_wat(TEXT)))
    return str(path)


def test_validate_is_silent_about_what_is_valid(binary: str, capfd: Captured) -> None:
    assert main(["validate", binary, binary]) == 0
    assert capfd.readouterr() == ("", "")


def test_validate_reports_each_file_with_the_place(binary: str, tmp_path: Path, capfd: Captured) -> None:
    wrong, cut, missing = tmp_path / "wrong.wat", tmp_path / "cut.wasm", tmp_path / "missing.wasm"
    wrong.write_text("(module (func $f (result i32) (i64.const 0)))", encoding="utf-8")
    cut.write_bytes(b"\0asm\1\0\0\0\1")
    assert main(["validate", str(wrong), binary, str(cut), str(missing)]) == 1
    first, second, third = capfd.readouterr().err.splitlines()
    assert first.startswith(f"wazero: {wrong}: type mismatch")
    assert "$f" in first
    assert second.startswith(f"wazero: {cut}: ")
    assert "offset 0x9" in second
    assert third == f"wazero: {missing}: No such file or directory"


def test_features_bound_what_is_valid(tmp_path: Path, capfd: Captured) -> None:
    path = tmp_path / "pair.wasm"
    path.write_bytes(encode(parse_wat("(module (func (result i32 i32) (i32.const 1) (i32.const 2)))")))
    for features, code in [
        ("core-1.0", 1),
        ("core-1.0,multi-value", 0),
        ("core-2.0", 0),
        ("core-2.0,-multi-value", 1),
        ("-multi-value", 1),
        ("threads", 0),
    ]:
        assert main(["validate", f"--features={features}", str(path)]) == code, features
    assert all(line.startswith(f"wazero: {path}: ") for line in capfd.readouterr().err.splitlines())


def test_inspect_shows_sections_imports_and_exports(binary: str, capfd: Captured) -> None:
    assert main(["inspect", binary]) == 0
    out = capfd.readouterr().out
    size = Path(binary).stat().st_size
    assert out.startswith(f"{binary}: {size} bytes, binary format, named shapes\n")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in [
        "func env.log [i32] -> []",
        "global env.limit i64",
        "memory memory 1 page (65,536 bytes), at most 4",
        "global count mutable i32",
        "func area [f64 f64] -> [f64]",
        "starts with function 2 $main",
    ]:
        assert line in lines
    sections = [line.split() for line in out.split("\nsections")[1].split("\n\n")[0].splitlines()[1:]]
    assert [row[0] for row in sections][:4] == ["type", "import", "function", "table"]
    # every section's content and its header, and the 8 bytes before them, are the whole file
    assert 8 + sum(int(row[2]) + 2 for row in sections) == size


def test_inspect_lists_functions(binary: str, capfd: Captured) -> None:
    assert main(["inspect", "--functions", binary]) == 0
    rows = [line.split(None, 2) for line in capfd.readouterr().out.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [
        ("0", "[i32] -> [] env.log"),
        ("1", "[f64 f64] -> [f64] $area"),
        ("2", "[] -> [] $main"),
    ]


@pytest.mark.parametrize("name", ["area", "$area", "1"])
def test_inspect_disassembles_by_name_and_index(name: str, binary: str, capfd: Captured) -> None:
    assert main(["inspect", "--disassemble", name, binary]) == 0
    head, *rows = capfd.readouterr().out.splitlines()
    assert head == "func 1 $area (type 1) [f64 f64] -> [f64]"
    for row, instruction in zip(rows, ["local.get 0 $w", "local.get 1 $h", "f64.mul", "end"], strict=True):
        assert row.endswith(f" {instruction}")


def test_inspect_says_what_it_cannot_find(binary: str, capfd: Captured) -> None:
    for name, message in [("none", "no function 'none'"), ("9", "there are 3"), ("0", "imported")]:
        assert main(["inspect", "--disassemble", name, binary]) == 1
        assert message in capfd.readouterr().err


def test_inspect_shows_what_made_a_module(tmp_path: Path, capfd: Captured) -> None:
    producers = b"\1\x0cprocessed-by\1\5maker\0031.2"
    features = b"\1+\x08sign-ext"
    path = tmp_path / "made.wasm"
    path.write_bytes(
        b"\0asm\1\0\0\0"
        + b"".join(
            bytes([0, 1 + len(name) + len(data), len(name)]) + name + data
            for name, data in [(b"producers", producers), (b"target_features", features), (b"producers", b"\7")]
        )
    )
    assert main(["inspect", str(path)]) == 0
    out = capfd.readouterr().out
    assert "processed-by: maker 1.2" in out
    assert "target features: +sign-ext" in out


def test_text_and_binary_translate_into_each_other(tmp_path: Path, binary: str, capfd: Captured) -> None:
    assert main(["wasm2wat", binary]) == 0
    text = capfd.readouterr().out
    assert "$area" in text
    source = tmp_path / "again.wat"
    source.write_text(text, encoding="utf-8")
    assert main(["wat2wasm", str(source)]) == 0
    assert (tmp_path / "again.wasm").read_bytes() == Path(binary).read_bytes()
    assert main(["wasm2wat", binary, "-o", str(tmp_path / "other.wat")]) == 0
    assert (tmp_path / "other.wat").read_text(encoding="utf-8") == text


def test_wat2wasm_validates_unless_told_otherwise(tmp_path: Path, capfd: Captured) -> None:
    source, target = tmp_path / "wrong.wat", tmp_path / "target.wasm"
    source.write_text("(module (func (result i32)))", encoding="utf-8")
    assert main(["wat2wasm", str(source), "-o", str(target)]) == 1
    assert "type mismatch" in capfd.readouterr().err
    assert not target.exists()
    assert main(["wat2wasm", "--no-check", str(source), "-o", str(target)]) == 0
    module = decode(target.read_bytes())
    assert isinstance(module, Module)
    assert len(module.funcs) == 1


def test_wat2wasm_writes_to_standard_output(tmp_path: Path) -> None:
    source = tmp_path / "empty.wat"
    source.write_text("(module)", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "wazero", "wat2wasm", str(source), "-o", "-"], capture_output=True)
    assert done.stdout == b"\0asm\1\0\0\0"


def test_version_names_the_engine_and_the_reason(capfd: Captured) -> None:
    assert main(["version"]) == 0
    out = capfd.readouterr().out
    assert f"wazero {wazero.__version__}\n" in out
    runtime = wazero.Runtime()
    assert f"engine {runtime.engine}" in out
    assert runtime.engine_reason is None or runtime.engine_reason in out


def test_help_names_every_command(capfd: Captured) -> None:
    assert main(["--help"]) == 0
    out = capfd.readouterr().out
    for command in COMMANDS:
        assert f"  {command} " in out
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"usage: wazero {command}" in capfd.readouterr().out
    assert main([]) == 2
    assert main(["dance"]) == 2
    assert "'dance'" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_output_that_nobody_reads_is_no_drama(tmp_path: Path) -> None:
    path = tmp_path / "many.wasm"
    path.write_bytes(encode(parse_wat(f"(module {'(func)' * 20000})")))
    command = [sys.executable, "-m", "wazero", "inspect", "--functions", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().split() == [b"0", b"2", b"[]", b"->", b"[]"]
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == -signal.SIGPIPE
