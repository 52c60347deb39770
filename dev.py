#!/usr/bin/env python3
"""Everything that a developer of this repository does, with nothing installed but git and Python 3.11 or newer.

    python3 dev.py run FILE …     the command line on a program, from this checkout: `wazero run FILE …`
    python3 dev.py wazero …       any other command of it
    python3 dev.py test [-- …]    the tests of all packages and the official suites; the rest is for pytest
    python3 dev.py tox …          anything else, by its name in tox.ini: `tox -e lint`, `tox -e types`, …

The first call makes a virtual environment in .venv and installs the five packages there, editable; later calls find it.
Nothing outside this folder is changed. Delete .venv to start afresh.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # who has an older one is told so
    sys.exit(f"dev.py: this needs Python 3.11 or newer, and is run by {sys.version.split()[0]}")

import hashlib
import os
import shutil
import signal
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
#: from the bottom up: each knows only those before it
PACKAGES = ("wasm-decoder", "wasm-interp", "wasm-jit", "wasi", "wazero")
BIN = "Scripts" if os.name == "nt" else "bin"


class Environment:
    """The virtual environment in a folder: made when needed, made anew when the Python or a pyproject.toml changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / BIN / ("python.exe" if os.name == "nt" else "python")
        self.stamp = folder / "dev.stamp"

    def ready(self, *groups: str) -> "Environment":
        """Install the packages and the dependency groups, unless that was done before."""
        wanted = [self._state(), *groups]
        found = self.stamp.read_text().split() if self.stamp.exists() else []
        if found[:1] != wanted[:1]:
            say(f"setting up {self.folder.name} with Python {sys.version.split()[0]} (once; a minute or so)")
            self._make()
            self._install(*(part for name in PACKAGES for part in ("-e", f"packages/{name}")))
            found = wanted[:1]
        missing = [group for group in groups if group not in found]
        if missing:
            say(f"installing what {' and '.join(missing)} needs (once)")
            self._install(*(requirement for group in missing for requirement in requirements(group)))
        self.stamp.write_text(" ".join([*found, *missing]))
        return self

    def run(self, *words: str) -> int:
        """Run the environment's Python at the root of the repository; returns the exit code."""
        return subprocess.call([self.python, *words], cwd=ROOT)

    def become(self, *words: str) -> int:
        """Let the environment's Python take the place of this process, where the system can; returns the exit code."""
        if os.name == "posix":
            sys.stdout.flush()
            os.execv(self.python, [str(self.python), *words])
        return subprocess.call([self.python, *words])

    def _state(self) -> str:
        files = [ROOT / "pyproject.toml", *(ROOT / "packages" / name / "pyproject.toml" for name in PACKAGES)]
        content = b"".join(path.read_bytes() for path in files)
        return hashlib.sha256(f"{sys.version}{sys.executable}{ROOT}".encode() + content).hexdigest()[:16]

    def _make(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", self.folder], capture_output=True, text=True)
        if made.returncode:
            # Debian keeps the module that puts pip into an environment in a package of its own
            sys.exit(
                f"dev.py: {sys.executable} cannot make a virtual environment:\n{made.stdout}{made.stderr}"
                "On Debian and Ubuntu the package python3-venv is missing."
            )

    def _install(self, *what: str) -> None:
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        done = subprocess.run(command, cwd=ROOT)
        if done.returncode:
            sys.exit("dev.py: the installation failed; the messages above say why")


def requirements(group: str) -> list[str]:
    """What a dependency group of pyproject.toml stands for."""
    rows = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"][group]
    return [name for row in rows for name in (requirements(row["include-group"]) if isinstance(row, dict) else [row])]


def say(text: str) -> None:
    """A word on what takes time, apart from the output of the command itself."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def test(env: Environment, words: list[str]) -> int:
    """All tests that need nothing but Python, in two processes or as many as there are processors."""
    env.ready("test")
    workers = [] if any(word.startswith(("-n", "-x", "--pdb")) for word in words) else ["-n", "auto"]
    return env.run("-m", "pytest", *workers, *words)


def main(argv: list[str]) -> int:
    """Run one of the commands above; returns its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell lets what it starts in the background ignore interrupts, and that is inherited; tests send some
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command, words = (argv[0], argv[1:]) if argv else ("", [])
    env = Environment(ROOT / ".venv")
    if command == "test":
        return test(env, words[1:] if words[:1] == ["--"] else words)
    if command == "tox":
        return env.ready("tox").run("-m", "tox", *words)
    if command in ("run", "wazero"):
        return env.ready().become("-m", "wazero", *(argv if command == "run" else words))
    print(__doc__)
    return 0 if command in ("", "-h", "--help", "help") else 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
