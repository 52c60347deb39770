"""The README's example prints what it says, and its table has every function."""

import contextlib
import io
import re
from pathlib import Path

from wasi.preview1._table import rows

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_example() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    expected = re.findall(r"print\(.*\)  # (.*)", program)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "README.md", "exec"), {})
    assert expected
    assert printed.getvalue().splitlines() == expected


def test_table() -> None:
    listed = [
        name
        for line in README.splitlines()
        for name in re.findall(r"`(\w+)`", line.partition("|")[2].partition("|")[0])
    ]
    names = {row.name for row in rows("wasi_snapshot_preview1")}
    assert sorted(set(listed) & names) == sorted(names)
    assert len([name for name in listed if name in names]) == 46
