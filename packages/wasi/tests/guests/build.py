"""Builds the guests from their sources: ``python build.py`` in an environment that has ziglang."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OPTIONS = ["-target", "wasm32-wasi", "-Os", "-s", "-Wall", "-Wextra", "-Wno-unused-parameter"]

for source in sorted(HERE.glob("*.c")):
    target = source.with_suffix(".wasm")
    command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    print(f"{target.name}: {target.stat().st_size} bytes")
