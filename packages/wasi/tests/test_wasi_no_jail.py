"""Systems that cannot open files relative to a directory."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wasi import HostDir, TraversableFS
from wasi.fs import host

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Start


def test_a_clear_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set())
    assert not host.can_jail()
    with pytest.raises(NotImplementedError, match="cannot be mounted; mount a MemoryFS"):
        HostDir(tmp_path)


def test_resources_are_read_there_but_links_are_not_followed(
    start: "Start", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jail = tmp_path / "package"
    jail.mkdir()
    (jail / "data.txt").write_bytes(b"data")
    (tmp_path / "secret").write_bytes(b"secret")
    (jail / "link").symlink_to("../secret")
    (jail / "folder").symlink_to("..")
    monkeypatch.setattr(os, "supports_dir_fd", set())
    guest = start(mounts={"/": TraversableFS(jail)})
    assert guest.read(guest.open("data.txt", rights=2)) == b"data"
    for path in ("link", "folder/secret", "folder", "..\\secret", "C:secret", "../secret"):
        assert guest.open_errno(path, rights=2) in ("EPERM", "ENOENT"), path
