"""The wheels and source archives: what is in them, how large they are."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IMPORTS = {
    "wasm-decoder": "wasm_decoder",
    "wasm-interp": "wasm_interp",
    "wasm-jit": "wasm_jit",
    "wasi": "wasi",
    "wazero": "wazero",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """(wheel, sdist) of each package, built from this checkout."""
    found = {}
    for folder in IMPORTS:
        out = tmp_path_factory.mktemp(folder)
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
        subprocess.run(command, cwd=ROOT / "packages" / folder, check=True, capture_output=True)
        (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
        found[folder] = wheel, sdist
    return found


def test_the_five_wheels_stay_under_a_megabyte(archives: dict[str, tuple[Path, Path]]) -> None:
    sizes = {folder: wheel.stat().st_size for folder, (wheel, _) in archives.items()}
    assert sum(sizes.values()) < 1_000_000, sizes


@pytest.mark.parametrize("folder", IMPORTS)
def test_a_wheel_holds_the_package_and_nothing_else(folder: str, archives: dict[str, tuple[Path, Path]]) -> None:
    wheel, _ = archives[folder]
    assert wheel.name.endswith("-py3-none-any.whl")
    source = ROOT / "packages" / folder / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
        about = {name.split(".dist-info/")[1] for name in content.namelist() if ".dist-info/" in name}
    assert names == expected
    assert f"{IMPORTS[folder]}/py.typed" in names
    assert {"METADATA", "licenses/LICENSE"} <= about
    assert ("entry_points.txt" in about) == (folder == "wazero")


@pytest.mark.parametrize("folder", IMPORTS)
def test_a_source_archive_holds_the_tests(folder: str, archives: dict[str, tuple[Path, Path]]) -> None:
    _, sdist = archives[folder]
    with tarfile.open(sdist) as content:
        names = {name.split("/", 1)[1] for name in content.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO"} <= names
    tests = {path.name for path in (ROOT / "packages" / folder / "tests").glob("test_*.py")}
    assert {f"tests/{name}" for name in tests} <= names
