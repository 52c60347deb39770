"""The native engine beside wasmtime, the portable engine and gcc -O2, on the kernels of ``kernels/``.

python -m benchmarks native [--quick] [--repeat N] [--out DIRECTORY] [KERNEL ...]

Each kernel runs warm on everything that is there, all taking turns, and the fastest of the repetitions counts, in
seconds of the thread's own processor time, so that what else the machine does matters less.  Compiling is not part of
it; it is shown apart, as the time from the bytes of the module to the first result.  The portable engine is compared
with the native one on smaller arguments.  Each result is checked against what gcc's code computed.

wasmtime is the package of that name (``pip install wasmtime``); without it, or without gcc, the column is empty.
"""

import argparse
import contextlib
import ctypes
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import wasm_jit
from wasm_interp import Engine, Interpreter, Store

from .chart import bars
from .kernels import KERNELS, Kernel, Number

Run = Callable[[int], object]
#: makes a kernel ready to run
Prepare = Callable[[Kernel], Run]

RESULTS = Path(__file__).parent / "results"
NATIVE, PORTABLE, WASMTIME, GCC = "native", "portable", "wasmtime", "gcc"


def _ours(make: Callable[[], Engine]) -> Prepare:
    def prepare(kernel: Kernel) -> Run:
        run: Run = Store(make()).instantiate(kernel.module).exports["run"]
        return run

    return prepare


def _wasmtime() -> Prepare | None:
    try:
        import wasmtime
    except ImportError:
        return None
    engine = wasmtime.Engine()

    def prepare(kernel: Kernel) -> Run:
        store = wasmtime.Store(engine)
        run = wasmtime.Instance(store, wasmtime.Module(engine, kernel.module), []).exports(store)["run"]
        assert isinstance(run, wasmtime.Func)
        return lambda n: run(store, n)

    return prepare


def _gcc(directory: str) -> Prepare | None:
    compiler = shutil.which("gcc")
    if compiler is None:
        return None

    def prepare(kernel: Kernel) -> Run:
        library = Path(directory) / f"{kernel.name}.so"
        # no contraction and no errno: as WebAssembly computes
        flags = ["-O2", "-shared", "-fPIC", "-ffp-contract=off", "-fno-math-errno"]
        subprocess.run([compiler, *flags, "-o", library, kernel.source], check=True)
        run = ctypes.CDLL(str(library)).run
        run.argtypes = [ctypes.c_uint32]
        run.restype = ctypes.c_double if isinstance(kernel.result, float) else ctypes.c_int32
        return run

    return prepare


def engines(directory: str) -> dict[str, Prepare]:
    """All that can run here; gcc's libraries are put into the directory."""
    found: dict[str, Prepare | None] = {WASMTIME: _wasmtime(), GCC: _gcc(directory), PORTABLE: _ours(Interpreter)}
    reason = wasm_jit.unavailable()
    if reason is None:
        found[NATIVE] = _ours(wasm_jit.Compiler)
    else:
        print(f"the native engine does not run here: {reason}", file=sys.stderr)
    return {name: prepare for name, prepare in found.items() if prepare}


class Measured:
    """What came out for one kernel.

    Attributes:
        first: milliseconds from the module's bytes to a first result, by engine.
        best: seconds for ``run(kernel.n)``, by engine.
        small: seconds for ``run(kernel.small)``, of the native and the portable engine.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.first: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.small: dict[str, float] = {}

    def ratio(self, name: str, other: str) -> float | None:
        """How many times the other's time an engine takes, None if one of them does not run here."""
        times = self.small if PORTABLE in (name, other) else self.best
        return times[name] / times[other] if name in times and other in times else None


def _timed(run: Run, n: int) -> float:
    start = time.thread_time()
    run(n)
    return time.thread_time() - start


def _check(kernel: Kernel, name: str, run: Run, n: int, expected: Number) -> None:
    result = run(n)
    if result != expected:
        raise SystemExit(f"{kernel.name}({n}) on {name} is {result!r}, not {expected!r}")


def measure(kernel: Kernel, prepared: dict[str, Prepare], repeat: int, *, quick: bool = False) -> Measured:
    """Run a kernel everywhere, ``repeat`` times; if quick, with its small argument only.

    Raises SystemExit if a result is wrong.
    """
    measured = Measured(kernel)
    runs: dict[str, Run] = {}
    for name, prepare in prepared.items():
        start = time.process_time()  # of all threads: wasmtime compiles with several
        runs[name] = prepare(kernel)
        _check(kernel, name, runs[name], kernel.small, kernel.small_result)
        if name != GCC:  # which is another process
            measured.first[name] = (time.process_time() - start) * 1e3
    large = {name: run for name, run in runs.items() if name != PORTABLE}
    n, expected = (kernel.small, kernel.small_result) if quick else (kernel.n, kernel.result)
    for name, run in large.items():
        _check(kernel, name, run, n, expected)
    for _ in range(repeat):
        for name, run in large.items():
            measured.best[name] = min(measured.best.get(name, math.inf), _timed(run, n))
        for name in (NATIVE, PORTABLE):
            if name in runs:
                measured.small[name] = min(measured.small.get(name, math.inf), _timed(runs[name], kernel.small))
    return measured


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """The geometric mean of those that are there; None if none is."""
    known = [value for value in values if value is not None]
    return math.exp(math.fsum(map(math.log, known)) / len(known)) if known else None


#: the columns of ratios: an engine, and what it is divided by
RATIOS = ((NATIVE, WASMTIME), (NATIVE, GCC), (WASMTIME, GCC), (PORTABLE, NATIVE))


def table(rows: list[Measured]) -> list[list[str]]:
    """The cells of the table, heads first, means last."""

    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"

    timed = (NATIVE, WASMTIME, GCC)
    first = (NATIVE, WASMTIME, PORTABLE)
    heads = ["kernel", *[f"{name} ms" for name in timed]]
    heads += [f"{a}/{b}" for a, b in RATIOS] + [f"first: {name} ms" for name in first]
    cells = [heads]
    for row in rows:
        milliseconds = [cell(row.best[name] * 1e3) if name in row.best else "" for name in timed]
        ratios = [cell(row.ratio(a, b)) for a, b in RATIOS]
        cells.append([row.kernel.name, *milliseconds, *ratios, *[cell(row.first.get(name)) for name in first]])
    means = [cell(geometric_mean(row.ratio(a, b) for row in rows)) for a, b in RATIOS]
    cells.append(["geometric mean", *[""] * len(timed), *means, *[""] * len(first)])
    return cells


def markdown(cells: list[list[str]]) -> str:
    """The table in Markdown, in columns that also a terminal shows straight."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join([f"{row[0]:<{widths[0]}}", *[f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True)]])
        + " |" for row in cells
    ]  # fmt: skip
    rule = "| " + " | ".join(["-" * widths[0], *["-" * (w - 1) + ":" for w in widths[1:]]]) + " |"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def machine() -> str:
    """What the figures belong to, in a line."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:  # Linux has it
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    with contextlib.suppress(PackageNotFoundError):
        python += f", wasmtime {version('wasmtime')}"
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, {python}"


def write(rows: list[Measured], cells: list[list[str]], repeat: int, directory: Path) -> None:
    """Put native.md and native.svg into the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    text = f"""\
# Kernels: native engine, wasmtime, gcc

`python -m benchmarks native --repeat {repeat}` on {machine()}.
Milliseconds of processor time, fastest of {repeat}; "first" is from the module's bytes to a first
result, once, all threads together.

![ratios](native.svg)

{markdown(cells)}"""
    (directory / "native.md").write_text(text, encoding="utf-8")
    chart = [*[(row.kernel.name, _series([row])) for row in rows], ("geometric mean", _series(rows))]
    (directory / "native.svg").write_text(bars("Run time, wasmtime = 1", "×", chart), encoding="utf-8")


def _series(rows: list[Measured]) -> dict[str, float]:
    ratios = {name: geometric_mean(row.ratio(name, WASMTIME) for row in rows) for name in (NATIVE, GCC)}
    return {name: ratio for name, ratio in ratios.items() if ratio is not None}


def main() -> None:
    """Measure, print the table, and write it and a chart."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks native", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="of this name only")
    parser.add_argument("--quick", action="store_true", help="small arguments, once: whether all works, no figures")
    parser.add_argument("--repeat", type=int, default=7, help="how often each runs (7)")
    parser.add_argument("--out", type=Path, help="directory of native.md and native.svg (none if quick or for some)")
    options = parser.parse_args()
    unknown = set(options.kernels) - {kernel.name for kernel in KERNELS}
    if unknown:
        parser.error(f"no kernel of the name {min(unknown)}")
    repeat = 1 if options.quick else options.repeat
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        prepared = engines(directory)
        for kernel in KERNELS:
            if not options.kernels or kernel.name in options.kernels:
                rows.append(measure(kernel, prepared, repeat, quick=options.quick))
                if sys.stderr.isatty():
                    print(kernel.name, file=sys.stderr)
    cells = table(rows)
    print(markdown(cells), end="")
    directory_ = options.out or (None if options.quick or options.kernels else RESULTS)
    if directory_:
        write(rows, cells, repeat, directory_)
        print(f"\nwritten: {directory_ / 'native.md'}, {directory_ / 'native.svg'}")


if __name__ == "__main__":
    main()
