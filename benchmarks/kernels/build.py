"""Builds kernels.wasm from kernels.c with ziglang (``pip install ziglang``): ``python benchmarks/kernels/build.py``."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Compile for bare WebAssembly 1.0, without a library and without vectors."""
    subprocess.run(
        [
            sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-mcpu=mvp", "-O2", "-nostdlib",
            "-fno-builtin", "-Wl,--no-entry", "-Wl,--strip-all", "-o", str(HERE / "kernels.wasm"),
            str(HERE / "kernels.c"),
        ],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
