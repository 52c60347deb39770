"""The examples in the README run and print what they say."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path


def test_the_readme_runs_as_it_says() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    printed = StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue().splitlines() == re.findall(r"^# (.*)$", code, re.MULTILINE)
    assert printed.getvalue()
