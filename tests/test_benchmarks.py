"""The benchmarks' kernels compute on both engines what gcc's code computed, and the comparisons run."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import wasm_jit
from wasm_interp import Engine, Interpreter, Store

from benchmarks.chart import bars
from benchmarks.kernels import HERE, KERNELS, Kernel
from benchmarks.native import geometric_mean

ROOT = Path(__file__).parents[1]


def engines() -> list[Engine]:
    """All engines that run here."""
    return [Interpreter()] if wasm_jit.unavailable() else [Interpreter(), wasm_jit.Compiler()]


@pytest.mark.parametrize("kernel", KERNELS, ids=[kernel.name for kernel in KERNELS])
def test_a_kernel_gives_its_checksum_again_and_again(kernel: Kernel) -> None:
    for engine in engines():
        run = Store(engine).instantiate(kernel.module).exports["run"]
        assert [run(kernel.small), run(kernel.small)] == [kernel.small_result] * 2, engine.name
        assert type(run(kernel.small)) is type(kernel.result)


def test_every_kernel_has_its_source_and_every_source_its_module() -> None:
    assert all(kernel.source.exists() for kernel in KERNELS)
    shared = {"kernels"}  # the ones of benchmarks.interp
    assert {path.stem for path in HERE.glob("*.c")} == {path.stem for path in HERE.glob("*.wasm")}
    assert {path.stem for path in HERE.glob("*.wasm")} == {kernel.name for kernel in KERNELS} | shared


def test_the_comparison_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "native", "--quick", "--out", str(tmp_path), "fib", "dot"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    rows = [line.split("|")[1].strip() for line in run.stdout.splitlines() if line.startswith("|")]
    assert [rows[0], *rows[2:]] == ["kernel", "fib", "dot", "geometric mean"]
    assert "| dot " in (tmp_path / "native.md").read_text(encoding="utf-8")
    ElementTree.parse(tmp_path / "native.svg")


def test_an_unknown_kernel_or_comparison_is_refused() -> None:
    for arguments in (["native", "nothing"], ["nothing"]):
        run = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert run.returncode != 0
        assert "nothing" in run.stderr


def test_a_chart_has_a_bar_for_each_value() -> None:
    root = ElementTree.fromstring(bars("Title & <more>", "×", [("a", {"x": 1.0, "y": 2.5}), ("b", {"x": 0.5})]))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "Title & <more>"
    assert [text for text in ("1.00", "2.50", "0.50") if text not in texts] == []


def test_the_geometric_mean_leaves_out_what_is_not_known() -> None:
    assert geometric_mean([2.0, None, 8.0]) == pytest.approx(4.0)
    assert geometric_mean([None]) is None
