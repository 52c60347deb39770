"""What reading a module costs: time and memory, beside pywasm, on the same modules.

python -m benchmarks.decode [file.wasm ...]

Without files it makes its own: a module of 1 MB, and one of 60 MB with 600 000 functions, as compilers of functional
languages make them.  Each row is a fresh interpreter; its memory is the most that the process had resident, Python
itself and the module's bytes included, above what it had before the bytes were read.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from wasm_decoder import Features, Module, decode, decode_bodies, encode, encode_func, name_section, names
from wasm_decoder.binary.encode import last_section
from wasm_decoder.custom.names import Names
from wasm_decoder.syntax.instructions import BY_NAME, Instr
from wasm_decoder.syntax.module import Active, Data, Elem, Export, Expr, Func, Global, Import, Table
from wasm_decoder.syntax.types import (
    F64,
    FUNC,
    FUNCREF,
    I32,
    I64,
    FuncIndexType,
    FuncType,
    GlobalType,
    Limits,
    MemType,
    RecType,
    RefType,
    SubType,
    TableType,
)

PYWASM_LIMIT = 4 << 20  # pywasm needs 100 times as long; more is not worth the wait


def synthetic(functions: int) -> bytes:
    """A module of about 100 bytes for each function: its body, its name, its place in a table."""
    random = Random(functions)
    types = [
        FuncType(tuple(random.choices((I32, I64, F64), k=random.randrange(4))), (I32,))
        for _ in range(min(functions, 200))
    ]
    bodies = []
    for _ in range(256):
        body = []
        for _ in range(random.randrange(2, 7)):
            body += [
                Instr(BY_NAME["local.get"], (random.randrange(4, 9),)),
                Instr(BY_NAME["i32.const"], (random.randrange(-1000, 1000),)),
                Instr(BY_NAME["i32.add"]),
                Instr(BY_NAME["i32.load"], ((2, random.randrange(300), 0),)),
                Instr(BY_NAME["local.set"], (random.randrange(4, 9),)),
            ]
        body += [Instr(BY_NAME["local.get"], (4,)), Instr(BY_NAME["end"])]
        bodies.append(encode_func(((9, I32),), body))
    zero = Expr(b"\x41\0\x0b")
    module = Module(
        types=tuple([RecType((SubType(True, (), t),)) for t in types]),
        imports=tuple([Import("env", f"import{i}", FuncIndexType(0)) for i in range(20)]),
        funcs=tuple([Func(random.randrange(len(types)), random.choice(bodies)) for _ in range(functions)]),
        tables=(Table(TableType(Limits(functions, functions), FUNCREF), None),),
        mems=(MemType(Limits(2, None)),),
        globals=tuple([Global(GlobalType(I32, True), zero) for _ in range(50)]),
        exports=tuple([Export(f"export{i}", "func", 20 + i) for i in range(min(functions, 1000))]),
        elems=(Elem(RefType(False, FUNC), tuple(range(functions)), Active(0, zero)),),
        datas=(Data(random.randbytes(functions * 4), Active(0, zero)),),
    )
    funcs = {i: f"package{i % 977}.module{i % 31}.function{i}" for i in range(functions)}
    module.customs = (name_section(Names("synthetic", funcs=funcs), last_section(module)),)
    return encode(module)


def _decode_pywasm(data: bytes) -> object:
    from io import BytesIO

    from pywasm.core import ModuleDesc  # type: ignore[import-untyped]  # pywasm has no type hints

    return ModuleDesc.from_reader(BytesIO(data))


def _bodies(data: bytes) -> Module:
    module = decode(data, Features.ALL)
    decode_bodies(module, Features.ALL)
    return module


ROWS: "dict[str, Callable[[bytes], object]]" = {
    "decode": lambda data: decode(data, Features.ALL),
    "decode, bodies too": _bodies,
    "decode, one name": lambda data: names(decode(data, Features.ALL)).funcs.get(1000),
    "decode, encode": lambda data: encode(decode(data, Features.ALL)),
    "pywasm, bodies too": _decode_pywasm,
}


def measure(row: str, path: str) -> None:
    """Print what one row costs: milliseconds and megabytes."""
    work = ROWS[row]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = Path(path).read_bytes()
    start = time.process_time()  # what others do on the machine does not count
    result = work(data)
    took = time.process_time() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes
    del result
    print(took * 1e3, (most - before) / 1e3)


def report(path: str, repetitions: int) -> None:
    """Measure every row on a file, each in fresh interpreters, and print the fastest."""
    # this process stays small, as the memory of a new process counts from its parent's
    size = os.path.getsize(path)
    print(f"\n{os.path.basename(path)}, {size / 1e6:.1f} MB")
    for row in ROWS:
        if row.startswith("pywasm") and size > PYWASM_LIMIT:
            continue
        runs = [_child("--row", row, path) for _ in range(repetitions)]
        if any(run.returncode for run in runs):
            print(f"  {row:<20} fails: {runs[0].stderr.strip().splitlines()[-1]}")
            continue
        took, memory = min(tuple(map(float, run.stdout.split())) for run in runs)
        print(f"  {row:<20} {took:9.1f} ms {memory:8.1f} MB")


def _child(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "benchmarks.decode", *arguments], capture_output=True, text=True)


def main(arguments: list[str]) -> None:
    """Measure the files, or modules made for it."""
    if arguments[:1] == ["--row"]:
        measure(*arguments[1:])
        return
    if arguments[:1] == ["--make"]:
        Path(arguments[1]).write_bytes(synthetic(int(arguments[2])))
        return
    print(f"{sys.implementation.name} {sys.version.split()[0]}, fastest of 3")
    for path in arguments:
        report(path, 3)
    if not arguments:
        with tempfile.TemporaryDirectory() as folder:
            for functions in 10_600, 600_000:
                path = os.path.join(folder, f"{functions} functions")
                _child("--make", path, str(functions))
                report(path, 3)


if __name__ == "__main__":
    main(sys.argv[1:])
