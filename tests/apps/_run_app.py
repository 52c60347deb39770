"""Runs a program on an engine in a process of its own: ``python _run_app.py program arguments …``.

Its output goes where ours goes; the last line on stderr says what it took.
"""

import sys
import time
from pathlib import Path

from wasi import Wasi
from wasm_interp import Store


def main() -> int:
    start = time.perf_counter()
    program, *args = sys.argv[1:]
    with Wasi(args=args, stdin="null", stdout="inherit", stderr="inherit") as wasi:
        imports = {"wasi_snapshot_preview1": wasi.imports()}
        instance = Store().instantiate(Path(program).read_bytes(), imports, validate="lazy")
        ready = time.perf_counter()
        code = wasi.start(instance)
    print(f"instantiated in {ready - start:.2f} s, ran {time.perf_counter() - ready:.2f} s", _memory(), file=sys.stderr)
    return code


def _memory() -> str:
    try:
        import resource
    except ImportError:
        return ""
    return f"with {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
