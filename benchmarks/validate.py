"""What it costs to decode and validate modules, beside other ways to go through the same bytes.

python benchmarks/validate.py [module.wasm ...] [--repeat N]

Without modules those of ``examples/`` are taken; what counts are real programs of a megabyte and more.  All rows take
turns, processor time is what counts, and the fastest run of each is shown, so that a busy machine disturbs little.
Times of one run can be compared with each other; those of different machines by the first row, a bare loop in Python
that only skips over instructions: nothing that decodes in Python can do with much less.
"""

import argparse
import io
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from wasm_decoder import Features, Module, decode, decode_bodies, iterate, validate
from wasm_decoder.syntax.instructions import OPS

ALL = Features(-1)

#: The rows that have nothing to do with instructions.
UNOPENED = ("decode (bodies unopened)", "decode, validate all but bodies")

Row = tuple[str, Callable[[bytes], object]]
Run = tuple[float, object]


def shapes() -> "list[int]":
    """How to skip over each opcode: 1 and 2 are numbers of integers, 4 and 8 of bytes, 0 is nothing, -1 all else."""
    found = [-1] * 256
    integers = {"local", "global", "func", "label", "i32", "i64", "block", "mem", "type", "table"}
    for code, op in OPS.items():
        if code < 256:
            if op.immediates in (("f32",), ("f64",)):
                found[code] = 4 if op.immediates == ("f32",) else 8
            elif op.immediates == ("memarg",):
                found[code] = 2
            elif integers.issuperset(op.immediates):
                found[code] = len(op.immediates)
    return found


def bare_loop(data: bytes) -> int:
    """Skip over the instructions of all bodies as far as the commonest 240 opcodes go; return how many there were."""
    skip = shapes()
    count = 0
    for func in decode(data, ALL).funcs:
        pos = func.body.start
        end = func.end
        while pos < end:
            shape = skip[data[pos]]
            pos += 1
            count += 1
            if shape == 1:
                while data[pos] > 127:
                    pos += 1
                pos += 1
            elif shape == 2:
                while data[pos] > 127:
                    pos += 1
                pos += 1
                while data[pos] > 127:
                    pos += 1
                pos += 1
            elif shape > 0:
                pos += shape
            elif shape < 0:
                # the rest takes thought: the iterator's business
                instrs = iterate(data, pos - 1, end, ALL)
                next(instrs)
                pos = following.offset if (following := next(instrs, None)) is not None else end
    return count


def once(step: Callable[[Module], object]) -> Callable[[bytes], object]:
    """A row that decodes first: nothing that a module remembers is used twice."""
    return lambda data: step(decode(data, ALL))


def rows() -> "list[Row]":
    """The rows; pywasm's is there if pywasm is."""
    found: list[Row] = [
        ("bare loop over the instructions", bare_loop),
        (UNOPENED[0], lambda data: decode(data, ALL)),
        ("decode, walk bodies", once(lambda module: decode_bodies(module, ALL))),
        (UNOPENED[1], once(lambda module: validate(module, ALL, bodies=False))),
        ("decode, validate", once(lambda module: validate(module, ALL))),
    ]
    if find_spec("pywasm") is None:
        return found
    pywasm = import_module("pywasm")

    def other(data: bytes) -> object:
        try:
            return pywasm.ModuleDesc.from_reader(io.BytesIO(data))
        except Exception as error:
            return error  # it knows version 1.0 and some of 2.0

    return [*found, ("pywasm, decode only", other)]


def seconds(step: Callable[[bytes], object], data: bytes) -> Run:
    start = time.process_time()
    result = step(data)
    return time.process_time() - start, result


def main(paths: "list[Path]", repeat: int) -> None:
    """Measure and print a table for each module."""
    for path in paths:
        data = path.read_bytes()
        module = decode(data, ALL)
        count = sum(1 for func in module.funcs for _ in func.body)
        print(f"\n{path.name}: {len(data):,} bytes, {len(module.funcs):,} functions, {count:,} instructions")
        table = rows()
        best: list[Run] = [(float("inf"), None)] * len(table)
        for _ in range(repeat):
            best = [
                min(old, seconds(step, data), key=lambda run: run[0])
                for old, (_, step) in zip(best, table, strict=True)
            ]
        reference = best[0][0]
        for (name, _), (took, result) in zip(table, best, strict=True):
            if isinstance(result, Exception):
                print(f"  {name:34} gives up: {type(result).__name__}: {result}"[:110])
                continue
            rate = "" if name in UNOPENED else f"{count / took / 1e6:7.2f} M instr/s"
            print(f"  {name:34} {took * 1000:9.1f} ms {took / reference:8.2f} × bare loop {rate}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=5, help="how often, the fastest run counts (default 5)")
    arguments = parser.parse_args()
    examples = sorted(Path(__file__).parent.parent.glob("examples/*/*.wasm"), key=lambda path: path.stat().st_size)
    main(arguments.modules or examples[-3:], arguments.repeat)
