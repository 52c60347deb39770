"""Real programs print what they print elsewhere, on every engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import wasm_jit
import wasmtime

pytestmark = pytest.mark.apps

RUNNER = Path(__file__).parent / "_run_app.py"


ENGINES = ["interpreter", *(["compiler"] if wasm_jit.unavailable() is None else [])]

# Tests of CPython 3.12's library that its first release, which the guest is, does not pass because they came later.
_LATER = {"test_look_behind_overflow"}

# Run by the guest: the tests of one module of the mounted library, whose names are not among the other arguments.
_LIBRARY_TESTS = """
import sys, unittest
sys.path.append("/host")
def tests(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite): yield from tests(item)
        elif item.id().split(".")[-1] not in sys.argv[2:]: yield item
found = list(tests(unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])))
result = unittest.TextTestRunner(verbosity=0).run(unittest.TestSuite(found))
sys.exit(not (result.wasSuccessful() and result.testsRun > 50))
"""


def ours(engine: str, program: Path, *args: str, folder: str = "-") -> tuple[int, str, str]:
    """Exit code, output, and errors with what it took at their end."""
    command = [sys.executable, str(RUNNER), engine, folder, str(program), *args]
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


@pytest.mark.parametrize("engine", ENGINES)
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
def test_icepll(icepll: Path, tmp_path: Path, args: list[str], engine: str) -> None:
    code, out, err = ours(engine, icepll, "icepll", *args)
    expected = theirs(icepll, tmp_path, "icepll", *args)
    assert (code, out) == expected[:2]
    lines = err.splitlines()
    assert "".join(f"{line}\n" for line in lines[:-1]) == expected[2]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ENGINES)
def test_python(python: Path, capsys: pytest.CaptureFixture[str], engine: str) -> None:
    code, out, err = ours(engine, python, "python", "-c", "print(1+1)")
    assert (code, out) == (0, "2\n"), err
    with capsys.disabled():
        print(f"\nCPython 3.12 on the {engine}: {err.splitlines()[-1]}")


@pytest.mark.timeout(1800)
@pytest.mark.skipif("compiler" not in ENGINES, reason="hours on the portable engine")
@pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the guest runs the tests of this Python's own library")
@pytest.mark.parametrize("module", ["test.test_json", "test.test_re", "test.test_decimal"])
def test_the_tests_of_pythons_library(python: Path, module: str, capsys: pytest.CaptureFixture[str]) -> None:
    library = str(Path(os.__file__).parent)
    words = ("python", "-c", _LIBRARY_TESTS, module, *sorted(_LATER))
    code, out, err = ours("compiler", python, *words, folder=library)
    assert code == 0, out + err
    with capsys.disabled():
        print(f"\n{module}: {err.splitlines()[-1]}")
