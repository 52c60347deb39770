"""``python -m benchmarks NAME [arguments]`` runs one comparison; without a name it lists them."""

import ast
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the comparison that the command line names.  Raises SystemExit where there is none of that name."""
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("*.py") if path.stem not in ("__init__", "__main__", "chart"))
    if len(sys.argv) > 1 and sys.argv[1] in names:
        del sys.argv[0]
        runpy.run_module(f"benchmarks.{sys.argv[0]}", run_name="__main__", alter_sys=True)
        return
    for name in names:
        title = ast.get_docstring(ast.parse((here / f"{name}.py").read_text(encoding="utf-8"))) or ""
        print(f"{name:12} {title.splitlines()[0]}")
    if len(sys.argv) > 1:
        raise SystemExit(f"there is no comparison of the name {sys.argv[1]!r}")


if __name__ == "__main__":
    main()
