"""Link three modules that share one memory, and give the last one a standard output.

python examples/linked/linked.py 4
"""

import sys
from pathlib import Path

import wazero

HERE = Path(__file__).parent


def main(count: int) -> None:
    """Print the squares of 0 … count − 1."""
    runtime = wazero.Runtime()
    for name in ("memory", "strings"):
        runtime.register(name, runtime.instantiate(HERE / f"{name}.wasm", name=name))
    report = runtime.instantiate(HERE / "report.wasm", wasi=wazero.Wasi(stdout="inherit"), name="report")
    report.exports.squares(count)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 4)
