"""Real programs on the portable engine print what they print elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

pytestmark = pytest.mark.apps

RUNNER = Path(__file__).parent / "_run_app.py"


def ours(program: Path, *args: str) -> tuple[int, str, str]:
    """Exit code, output, and errors with what it took at their end."""
    command = [sys.executable, str(RUNNER), str(program), *args]
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    return result.returncode, result.stdout, result.stderr


def theirs(program: Path, work: Path, *args: str) -> tuple[int, str, str]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    config = wasmtime.WasiConfig()
    config.argv = args
    config.stdout_file = str(work / "stdout")
    config.stderr_file = str(work / "stderr")
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    module = wasmtime.Module(engine, program.read_bytes())
    start = linker.instantiate(store, module).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    code = 0
    try:
        start(store)
    except wasmtime.ExitTrap as ended:
        code = ended.code
    out, err = ((work / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
    return code, out, err


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["-h"],
        ["-i", "12", "-o", "60"],
        ["-i", "16", "-o", "33.33"],
        ["-i", "100", "-o", "48", "-q"],
        ["-m", "-n", "pll", "-i", "12", "-o", "96"],
        ["-i", "1", "-o", "5000"],
        ["--nonsense"],
    ],
)
def test_icepll(icepll: Path, tmp_path: Path, args: list[str]) -> None:
    code, out, err = ours(icepll, "icepll", *args)
    expected = theirs(icepll, tmp_path, "icepll", *args)
    assert (code, out) == expected[:2]
    lines = err.splitlines()
    assert "".join(f"{line}\n" for line in lines[:-1]) == expected[2]


@pytest.mark.timeout(1800)
def test_python(python: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ours(python, "python", "-c", "print(1+1)")
    assert (code, out) == (0, "2\n"), err
    with capsys.disabled():
        print(f"\nCPython 3.12: {err.splitlines()[-1]}")
