"""The README's example runs and prints what it says."""

import re
from pathlib import Path

import pytest

_README = Path(__file__).parent.parent / "README.md"


def test_example_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    match = re.search(r"```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    example = match[1]
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"print\(.*\)  # (.*)", example)[:-1]
    assert printed[: len(promised)] == promised
    assert printed[len(promised)].startswith("def f3(")
