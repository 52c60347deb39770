"""Runs a program in a process of its own: ``python _run_app.py engine folder program arguments …``.

The folder is mounted, read-only, as /host, unless it is "-". Output goes where ours goes; the last line on stderr says
what it took.
"""

import sys
import time
from pathlib import Path

import wasm_jit
from wasi import ReadOnly, Wasi
from wasm_interp import Interpreter, Store


def main() -> int:
    start = time.perf_counter()
    engine, folder, program, *args = sys.argv[1:]
    mounts = {"/host": ReadOnly(folder)} if folder != "-" else {}
    with Wasi(args=args, stdin="null", stdout="inherit", stderr="inherit", mounts=mounts) as wasi:
        imports = {"wasi_snapshot_preview1": wasi.imports()}
        store = Store(wasm_jit.Compiler() if engine == "compiler" else Interpreter())
        instance = store.instantiate(Path(program).read_bytes(), imports, validate="lazy")
        ready = time.perf_counter()
        code = wasi.start(instance)
    took = f"instantiated in {ready - start:.2f} s, ran {time.perf_counter() - ready:.2f} s"
    print(took, f"with {time.process_time():.2f} s of the processor in all", _memory(), file=sys.stderr)
    return code


def _memory() -> str:
    try:
        import resource
    except ImportError:
        return ""
    return f"and {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
