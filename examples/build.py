"""Rebuild the .wasm files of the examples from their sources.

python examples/build.py            # all of them
python examples/build.py wc fib     # some

C is compiled by the Zig compiler from the package index (``pip install ziglang``; ``tox -e examples`` does that), text
by wazero itself.
"""

import subprocess
import sys
from pathlib import Path

from wasm_decoder import encode, parse_wat

HERE = Path(__file__).parent
COMPILER = [sys.executable, "-m", "ziglang", "cc", "-O2", "-s", "-Wall", "-Wextra", "-Werror"]
#: the target of each C source; what is not listed is a WASI program
FREESTANDING = {"template": ["-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry"]}
WASI = ["-target", "wasm32-wasi"]


def build(source: Path) -> Path:
    """Compile one source beside itself.  Raises CalledProcessError or ParseError."""
    target = source.with_suffix(".wasm")
    if source.suffix == ".wat":
        target.write_bytes(encode(parse_wat(source.read_text(encoding="utf-8"))))
    else:
        flags = FREESTANDING.get(source.stem, WASI)
        subprocess.run([*COMPILER, *flags, "-o", str(target), str(source)], check=True)
    return target


def sources(names: list[str]) -> list[Path]:
    """The sources of the named examples, or of all."""
    found = sorted(path for path in HERE.glob("*/*") if path.suffix in (".c", ".wat"))
    return [path for path in found if not names or path.parent.name in names]


if __name__ == "__main__":
    for source in sources(sys.argv[1:]):
        target = build(source)
        print(f"{target.relative_to(HERE.parent)}: {target.stat().st_size:,} bytes")
