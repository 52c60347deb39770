"""Builds the .wasm files from the sources beside it with ziglang (``pip install ziglang``) and our text parser.

python benchmarks/kernels/build.py            # all of them
python benchmarks/kernels/build.py lz json    # some

For C that is ``python -m ziglang cc -target wasm32-wasi -mexec-model=reactor -O2 … -o lz.wasm lz.c``: a library that
exports ``run`` and imports nothing.  ``kernels.c`` (the portable engine's, see ``benchmarks.interp``) is built for bare
WebAssembly 1.0 instead.
"""

import subprocess
import sys
from pathlib import Path

from wasm_decoder import encode, parse_wat

HERE = Path(__file__).parent
COMPILER = [sys.executable, "-m", "ziglang", "cc", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,--strip-all"]
REACTOR = ["-target", "wasm32-wasi", "-mexec-model=reactor"]
#: what differs for single sources
TARGETS = {
    "kernels": [
        "-target", "wasm32-freestanding", "-mcpu=mvp", "-nostdlib", "-fno-builtin", "-Wl,--no-entry",
        "-Wno-unused", "-Wno-sign-compare",
    ],
    "dot": [*REACTOR, "-msimd128"],
}  # fmt: skip


def build(source: Path) -> Path:
    """Compile one source beside itself.  Raises CalledProcessError or ParseError."""
    target = source.with_suffix(".wasm")
    if source.suffix == ".wat":
        target.write_bytes(encode(parse_wat(source.read_text(encoding="utf-8"))))
    else:
        flags = TARGETS.get(source.stem, REACTOR)
        subprocess.run([*COMPILER, *flags, "-o", str(target), str(source)], check=True)
    return target


def sources(names: list[str]) -> list[Path]:
    """The sources of the named kernels, or of all; text goes before C."""
    found = sorted([*HERE.glob("*.wat"), *(path for path in HERE.glob("*.c") if not path.with_suffix(".wat").exists())])
    return [path for path in found if not names or path.stem in names]


if __name__ == "__main__":
    for source in sources(sys.argv[1:]):
        target = build(source)
        print(f"{target.name}: {target.stat().st_size:,} bytes")
