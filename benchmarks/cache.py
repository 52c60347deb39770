"""What it takes to start a big WASI program: cold, with what was compiled the last time, and beside wasmtime.

python benchmarks/cache.py PROGRAM.wasm [arguments of the program]

Each row is a process of its own; all rows take turns, three times. Shown is the least time, by the clock and of the
processor (user and system), from the first import to the program's end. The program's output is thrown away.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time

OURS = """
import sys
from wasi import Wasi
from wasm_decoder import decode
from wasm_interp import Store
from wasm_jit import Cache, Compiler
folder, program, *args = sys.argv[1:]
with open(program, "rb") as file:
    module = decode(file.read())
cache = Cache(folder) if folder else None
with Wasi(args=["program", *args], stdin="null", stdout="null", stderr="null") as wasi:
    store = Store(Compiler(cache=cache))
    instance = store.instantiate(module, {"wasi_snapshot_preview1": wasi.imports()}, validate="lazy")
    code = wasi.start(instance)
print(f"{len(instance.linked.compiled):,} of {len(module.funcs):,} functions, exit code {code}")
"""

WASMTIME = """
import os, sys, wasmtime
folder, program, *args = sys.argv[1:]
engine = wasmtime.Engine()
store = wasmtime.Store(engine)
config = wasmtime.WasiConfig()
config.argv = ["program", *args]
config.stdin_file = config.stdout_file = config.stderr_file = os.devnull
store.set_wasi(config)
linker = wasmtime.Linker(engine)
linker.define_wasi()
kept = os.path.join(folder, "module") if folder else ""
if kept and os.path.exists(kept):
    module = wasmtime.Module.deserialize_file(engine, kept)
else:
    module = wasmtime.Module.from_file(engine, program)
    if kept:
        with open(kept, "wb") as file:
            file.write(module.serialize())
code = 0
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except wasmtime.ExitTrap as ended:
    code = ended.code
print(f"exit code {code}")
"""

#: each row's code, and whether it keeps and finds what was compiled
ROWS = {
    "wazero, cold": (OURS, False),
    "wazero, from its cache": (OURS, True),
    "wasmtime, cold": (WASMTIME, False),
    "wasmtime, deserialized": (WASMTIME, True),
}


def measure(code: str, arguments: "list[str]") -> tuple[float, float, str]:
    """Seconds by the clock, seconds of the processor, and what the process says."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        says = process.stdout.read().strip()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, code)
    return took, usage.ru_utime + usage.ru_stime, f"{usage.ru_maxrss / 1024:.0f} MiB  {says}"


def main(program: str, *args: str) -> None:
    """Measure and print one line for each row."""
    best: dict[str, tuple[float, float, str]] = {}
    there = importlib.util.find_spec("wasmtime") is not None
    rows = {name: row for name, row in ROWS.items() if there or row[0] != WASMTIME}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        folders = {OURS: one, WASMTIME: other}
        for code in {code for code, _ in rows.values()}:
            measure(code, [folders[code], program, *args])  # this fills the folder
        for _ in range(3):
            for name, (code, kept) in rows.items():
                new = measure(code, [folders[code] if kept else "", program, *args])
                old = best.get(name, new)
                best[name] = min(old[0], new[0]), min(old[1], new[1]), new[2]
    for name, (took, used, says) in best.items():
        print(f"{name:<24} {took:7.2f} s  {used:7.2f} s of the processor  {says}")


if __name__ == "__main__":
    main(*sys.argv[1:])
