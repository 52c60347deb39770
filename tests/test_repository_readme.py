"""The READMEs and the manual: their Python runs and prints what they say, and so do their commands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *ROOT.glob("packages/*/README.md"), *ROOT.glob("docs/*.md")]
)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


# the other packages' own tests run the examples of their READMEs
@pytest.mark.parametrize(
    "page", [page for page in PAGES if not re.match("packages/(wasm-decoder|wasm-interp|wasi)/", page)]
)
def test_python_blocks_run_and_print_their_comments(page: str) -> None:
    """The blocks of a page run one after the other; each ``print`` line's comment, or the comment lines below it, is
    what it prints."""
    code = "\n".join(blocks(page, "python"))
    if not code:
        assert page.startswith("docs/")
        return
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"^ *print\(.*\)(?:  # |\n# )(.*(?:\n# .*)*)$", code, re.MULTILINE)
    assert done.stdout.splitlines() == [line for text in expected for line in text.replace("\n# ", "\n").splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_console_blocks_print_what_they_show(page: str) -> None:
    for block in blocks(page, "console"):
        lines = block.splitlines()
        starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
        for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
            words, redirected = lines[start][2:].partition(" < ")[::2]
            command = shlex.split(words)
            if command[0] == "wazero":
                command = [sys.executable, "-m", "wazero", *command[1:]]
            given = (ROOT / redirected).read_bytes() if redirected else b""
            done = subprocess.run(command, cwd=ROOT, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert done.stdout.decode().splitlines() == lines[start + 1 : stop], lines[start]


def test_the_readme_has_two_commands_that_do_all_their_set_up() -> None:
    commands = re.findall(r"^python3 dev\.py .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [command.split()[2] for command in commands] == ["run", "test"]


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "examples/README.md"])
def test_links_inside_the_repository_lead_somewhere(page: str) -> None:
    here = ROOT / page
    prose = re.sub(r"```.*?```", "", here.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#:]+)\)", prose):
        assert (here.parent / target).exists(), target
