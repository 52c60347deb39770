"""How fast the native engine compiles, stage by stage, in WebAssembly instructions a second.

python -m benchmarks compile [MODULE.wasm ...] [--functions N] [--first N]

Functions of the modules (those of ``kernels/`` without any) are compiled one after the other on one core, as at their
first call; processor time counts.  "Validate" is what a lazily validated function costs beside it.  The last lines are
for one function that grows: what an instruction costs in it should stay the same.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wasm_decoder import Module, decode, encode, iterate, parse_wat, validate
from wasm_decoder.valid import validate_func
from wasm_jit import compile as compiler
from wasm_jit.layout import Layout

HERE = Path(__file__).parent
#: the steps that are timed one by one, by their names in ``wasm_jit.compile``; the rest is "emit"
STAGES = ("scan", "build", "prune", "select")


class Stages:
    """Seconds that each step of the compiler took, while it is entered."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._kept: dict[str, Callable[..., object]] = {}

    def __enter__(self) -> "Stages":
        for name in STAGES:
            self._kept[name] = getattr(compiler, name)
            setattr(compiler, name, self._timed(name, self._kept[name]))
        return self

    def __exit__(self, *_: object) -> None:
        for name, function in self._kept.items():
            setattr(compiler, name, function)

    def _timed(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            start = time.process_time()
            result = function(*args, **options)
            self.seconds[name] += time.process_time() - start
            return result

        return call


def instructions(module: Module, number: int) -> int:
    """How many there are in a function."""
    func = module.funcs[number]
    return sum(1 for _ in iterate(func.data, func.body.start, func.end))


def measure(module: Module, first: int, functions: int) -> tuple[int, int, dict[str, float]]:
    """Compile some functions.  Returns how many instructions there are, bytes of code, and seconds by stage."""
    numbers = range(first, min(first + functions, len(module.funcs)))
    count = sum(instructions(module, number) for number in numbers)
    start = time.process_time()
    for number in numbers:
        validate_func(module, number)
    validated = time.process_time() - start
    layout = Layout(module)
    size = 0
    with Stages() as stages:
        start = time.process_time()
        for number in numbers:
            size += len(compiler.compile_function(module, layout, number)[0].data)
        total = time.process_time() - start
    emit = total - sum(stages.seconds.values())
    return count, size, {"validate": validated, **stages.seconds, "emit": emit, "compile": total}


def growing(length: int) -> Module:
    """A module with one function of about ``length`` instructions: arithmetic, memory, branches and loops."""
    part = """
      (local.set 1 (i32.add (i32.mul (local.get 0) (i32.const 7)) (i32.load offset=16 (local.get 1))))
      (if (i32.lt_s (local.get 1) (local.get 0))
        (then (i32.store (local.get 0) (local.get 1)))
        (else (loop (br_if 0 (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1)))))))"""
    body = part * (length // 20)
    text = f'(module (memory 1) (func (export "run") (param i32) (result i32) (local i32) {body} (local.get 1)))'
    return decode(encode(parse_wat(text)))


def show(name: str, count: int, size: int, seconds: dict[str, float]) -> None:
    """Print the lines of a measurement."""
    print(f"{name}: {count:,} instructions, {size:,} bytes of code ({size / count:.1f} an instruction)")
    for stage, took in seconds.items():
        share = "" if stage in ("validate", "compile") else f"{took / seconds['compile']:8.0%}"
        print(f"  {stage:10}{took:9.3f} s {count / took:12,.0f} instructions/s{share}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks compile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", type=Path, metavar="MODULE")
    parser.add_argument("--functions", type=int, default=3000, help="how many of each module (3000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    options = parser.parse_args()
    print(f"{sys.implementation.name} {sys.version.split()[0]}")
    sums: dict[str, float] = {}
    counted = sized = 0
    for path in options.modules or sorted((HERE / "kernels").glob("*.wasm")):
        module = decode(path.read_bytes())
        validate(module, bodies=False)
        count, size, seconds = measure(module, options.first, options.functions)
        if options.modules:
            show(path.name, count, size, seconds)
        counted, sized = counted + count, sized + size
        sums = {stage: sums.get(stage, 0) + took for stage, took in seconds.items()}
    if not options.modules:
        show("kernels", counted, sized, sums)
    for length in (1_000, 10_000, 50_000):
        module = growing(length)
        count, _, seconds = measure(module, 0, 1)
        print(f"one function of {count:7,} instructions: {count / seconds['compile']:,.0f} instructions/s")


if __name__ == "__main__":
    main()
