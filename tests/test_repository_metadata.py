"""What the repository promises about its five distributions: one version, exact pins, whole metadata."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
#: folder, distribution, import name, siblings that it may know
PACKAGES = [
    ("wasm-decoder", "wasm-decoder", "wasm_decoder", []),
    ("wasm-interp", "wasm-interp", "wasm_interp", ["wasm-decoder"]),
    ("wasm-jit", "wasm-jit", "wasm_jit", ["wasm-decoder", "wasm-interp"]),
    ("wasi", "wazero-wasi", "wasi", ["wasm-decoder", "wasm-interp"]),
    ("wazero", "wazero", "wazero", ["wasm-decoder", "wasm-interp", "wasm-jit", "wazero-wasi"]),
]
FOLDERS = [row[0] for row in PACKAGES]
IMPORTS = {row[1]: row[2] for row in PACKAGES}


def project(folder: str) -> dict[str, Any]:
    content = tomllib.loads((ROOT / "packages" / folder / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = content["project"]
    return table


VERSION = project("wazero")["version"]


@pytest.mark.parametrize(("folder", "distribution", "import_name", "siblings"), PACKAGES)
def test_names_versions_and_pins(folder: str, distribution: str, import_name: str, siblings: list[str]) -> None:
    about = project(folder)
    assert about["name"] == distribution
    assert about["version"] == VERSION
    assert sorted(about["dependencies"]) == sorted(f"{sibling}=={VERSION}" for sibling in siblings)
    source = (ROOT / "packages" / folder / "src" / import_name / "__init__.py").read_text(encoding="utf-8")
    assert re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE) == [VERSION]


def test_the_changelog_has_the_version() -> None:
    assert f"\n## {VERSION}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS)
def test_metadata_is_whole(folder: str) -> None:
    about = project(folder)
    assert about["requires-python"] == ">=3.11"
    assert about["license"] == "Apache-2.0"
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 16)} <= set(about["classifiers"])
    assert "Typing :: Typed" in about["classifiers"]
    home = ROOT / "packages" / folder
    assert (home / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (home / "src" / IMPORTS[about["name"]] / "py.typed").read_bytes() == b""


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_package_imports_nothing_but_what_it_may_know(folder: str) -> None:
    about = project(folder)
    known = {IMPORTS[pin.split("==")[0]] for pin in about["dependencies"]} | {IMPORTS[about["name"]]}
    if folder == "wasi":
        known -= {"wasm_decoder"}  # only its types, which HostFunction is made of
        known |= {"wasm_decoder.syntax.types"}
    for path in (ROOT / "packages" / folder / "src").rglob("*.py"):
        for module in re.findall(r"^\s*(?:from|import) (\w[\w.]*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            if module.split(".")[0] in IMPORTS.values():
                assert any(module == name or module.startswith(name + ".") for name in known), f"{path}: {module}"


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in ROOT.glob("packages/*/tests/**/test_*.py")]
    names += [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)
