"""File systems that are not folders: in memory, zip files, resources of packages, one's own."""

import importlib.resources
import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wasi import File, FileSystem, MemoryFS, Stat, TraversableFS, WasiError, ZipFS, errnos, flags

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Start

CREAT, DIRECTORY, TRUNC = 1, 2, 8


def test_memory_is_inspected_afterwards(start: "Start") -> None:
    fs = MemoryFS({"in/a.txt": "text", "in/b.bin": b"\xff", "empty/": b""})
    guest = start(mounts={"/": fs})
    assert guest.names() == ["empty", "in"]
    guest.write(guest.open("out.txt", CREAT), b"result")
    guest.call("path_rename", 3, "in/a.txt", 3, "empty/moved")
    guest.call("path_unlink_file", 3, "in/b.bin")
    assert dict(fs) == {"out.txt": b"result", "empty/moved": b"text"}
    assert "out.txt" in fs
    assert "in" not in fs
    assert "in/a.txt" not in fs
    assert len(fs) == 2
    fs["/late/x"] = "y"
    assert guest.read(guest.open("late/x")) == b"y"
    del fs["late/x"]
    assert guest.open_errno("late/x") == "ENOENT"
    for missing in ("nope", "empty", "late/x", ""):
        with pytest.raises(KeyError):
            fs[missing]
    with pytest.raises(KeyError):
        del fs["empty"]


@pytest.mark.parametrize(
    "files",
    [{"a": b"", "a/b": b""}, {"a/b": b"", "a": b""}, {"../a": b""}, {"": b""}, {"a/": b"content"}, {"a\0": b""}],
)
def test_files_that_cannot_be(files: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match=r"folder|file|path|name"):
        MemoryFS(files)


def test_a_dict_is_a_mount(start: "Start") -> None:
    guest = start(mounts={"/": {"a": "b"}, "/other": {}})
    assert guest.read(guest.open("a")) == b"b"
    assert guest.names(4) == []


def test_quota(start: "Start") -> None:
    fs = MemoryFS({"a": b"12345"}, quota=20)
    guest = start(mounts={"/": fs})
    fd = guest.open("b", CREAT)
    assert guest.write(fd, b"x" * 10, b"y" * 10) == 15, "as much as fits"
    assert guest.errno("fd_write", fd, [b"x"]) == "ENOSPC"
    assert guest.errno("fd_pwrite", fd, [b"x"], 1000) == "ENOSPC"
    assert guest.errno("fd_filestat_set_size", fd, 1000) == "ENOSPC"
    assert guest.errno("fd_allocate", fd, 0, 1000) == "ENOSPC"
    assert guest.errno("path_symlink", "target", 3, "l") == "ENOSPC"
    assert guest.call("fd_pwrite", fd, [b"z"], 0) == 1, "what is there can be overwritten"
    assert fs.used == 20
    guest.open("a", TRUNC)
    assert fs.used == 15
    guest.call("path_unlink_file", 3, "b")
    assert fs.used == 15, "an open file still has its content"
    guest.call("fd_close", fd)
    assert fs.used == 0
    with pytest.raises(WasiError, match="ENOSPC"):
        MemoryFS({"a": b"12"}, quota=1)


def test_quota_of_replaced_files(start: "Start") -> None:
    fs = MemoryFS({"a": b"12345", "b": b"123"}, quota=10)
    guest = start(mounts={"/": fs})
    guest.call("path_rename", 3, "a", 3, "b")
    assert fs.used == 5
    guest.call("path_link", 3, 0, "b", 3, "c")
    guest.call("path_unlink_file", 3, "b")
    assert fs.used == 5
    guest.call("path_unlink_file", 3, "c")
    assert fs.used == 0


def test_quota_of_inodes(start: "Start") -> None:
    guest = start(mounts={"/": MemoryFS(inodes=3)})
    guest.call("path_create_directory", 3, "a")
    guest.open("b", CREAT)
    assert guest.open_errno("c", CREAT) == "ENOSPC"
    assert guest.errno("path_create_directory", 3, "c") == "ENOSPC"
    assert guest.errno("path_symlink", "x", 3, "c") == "ENOSPC"
    guest.call("path_remove_directory", 3, "a")
    guest.open("c", CREAT)


def test_a_hole_larger_than_the_host(start: "Start") -> None:
    guest = start(mounts={"/": MemoryFS(quota=None)})
    fd = guest.open("a", CREAT)
    assert guest.errno("fd_pwrite", fd, [b"x"], 1 << 60) == "ENOSPC"
    assert guest.errno("fd_filestat_set_size", fd, 1 << 60) == "ENOSPC"
    assert guest.call("fd_filestat_get", fd)[4] == 0
    guest.write(fd, b"x")


@pytest.fixture
def archive() -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("top.txt", (2020, 1, 2, 3, 4, 6)), "top")
        made.writestr("a/b/deep.txt", "deep" * 1000)
        made.writestr("empty/", "")
        made.writestr("../escape.txt", "outside")
        made.writestr("/absolute.txt", "absolute")
    return file


def test_zip(start: "Start", archive: io.BytesIO, tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(archive.getvalue())
    for given in (archive, tmp_path / "z.zip"):
        guest = start(mounts={"/": ZipFS(given)})
        assert guest.names() == ["a", "absolute.txt", "empty", "top.txt"]
        assert guest.names(guest.open("a", DIRECTORY)) == ["b"]
        fd = guest.open("a/b/deep.txt", rights=(1 << 30) - 1 & ~(1 << 6 | 1 << 8 | 1 << 22))
        guest.call("fd_seek", fd, -4, 2)
        assert guest.read(fd) == b"deep"
        assert guest.call("fd_filestat_get", fd)[4] == 4000
        status = guest.call("path_filestat_get", 3, 0, "top.txt")
        assert status[2:7] == (4, 1, 3, 1577934246000000000, 1577934246000000000)
        assert guest.call("path_filestat_get", 3, 0, "a")[2] == 3
        assert len({guest.call("path_filestat_get", 3, 0, name)[1] for name in ("a", "top.txt", "a/b", ".")}) == 4
        assert guest.open_errno("nope", rights=2) == "ENOENT"
        assert guest.open_errno("top.txt/x", rights=2) == "ENOTDIR"
        assert guest.open_errno("../escape.txt", rights=2) == "EPERM"
        for call in (
            ("path_create_directory", 3, "n"),
            ("path_unlink_file", 3, "top.txt"),
            ("path_rename", 3, "top.txt", 3, "n"),
            ("path_symlink", "x", 3, "n"),
            ("path_filestat_set_times", 3, 0, "top.txt", 1, 2, 5),
        ):
            assert guest.errno(*call) == "EROFS"
        assert guest.open_errno("top.txt", rights=66) == "EROFS"
        assert guest.open_errno("new", CREAT, rights=2) == "EROFS"


def test_resources_of_a_package(start: "Start") -> None:
    guest = start(mounts={"/": TraversableFS(importlib.resources.files("wasi"))})
    assert "py.typed" in guest.names()
    data = guest.read(guest.open("fs/resolve.py", rights=2), 1 << 16)
    assert data.startswith(b'"""The jail')
    assert guest.open_errno("fs/new", CREAT, rights=2) == "EROFS"


def test_resources_that_are_no_folder(start: "Start", archive: io.BytesIO) -> None:
    with zipfile.ZipFile(archive) as opened:
        guest = start(mounts={"/": TraversableFS(zipfile.Path(opened))})
        assert {"a", "empty", "top.txt"} <= set(guest.names())
        assert guest.read(guest.open("top.txt", rights=2)) == b"top"
        assert guest.call("path_filestat_get", 3, 0, "a/b/deep.txt")[4] == 4000
        assert guest.open_errno("nope", rights=2) == "ENOENT"


class Shouting(FileSystem):
    """Every file holds its own name, until something else is written."""

    def __init__(self) -> None:
        self.written: dict[str, bytearray] = {}

    def stat(self, path: str) -> Stat:
        if path in ("", "more"):
            return Stat(flags.DIRECTORY)
        if "." not in path and path not in self.written:
            raise FileNotFoundError(path)
        return Stat(flags.REGULAR_FILE, len(self.written.get(path, path)))

    def listdir(self, path: str) -> Iterable[str]:
        return ["a.txt", "more", "not there"] if path == "" else ["b.txt"]

    def open(self, path: str, *, read: bool, write: bool, create: bool, exclusive: bool) -> "File | bytes":
        if not write:
            return bytes(self.written.get(path, path.upper().encode()))
        return Written(self.written.setdefault(path, bytearray()))

    def unlink(self, path: str) -> None:
        raise PermissionError(path)


class Written(File):
    def __init__(self, data: bytearray) -> None:
        self.data = data

    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> int:
        self.data[offset : offset + len(data)] = data
        return len(data)


def test_a_file_system_of_ones_own(start: "Start") -> None:
    fs = Shouting()
    guest = start(mounts={"/": fs})
    assert guest.names() == ["a.txt", "more"]
    assert guest.read(guest.open("more/b.txt", rights=2)) == b"MORE/B.TXT"
    assert guest.names(guest.open("more", DIRECTORY)) == ["b.txt"]
    fd = guest.open("new", CREAT, rights=2 | 64 | 4)
    assert guest.write(fd, b"ab", b"cd") == 4
    guest.call("fd_seek", fd, 0, 0)
    assert guest.call("fd_read", fd, [3, 3]) == 4
    guest.write(guest.open("new", rights=64, fdflags=1), b"!")
    assert fs.written == {"new": bytearray(b"abcd!")}
    # what it has not is as on a read-only file system; its errors are the guest's errnos
    assert guest.errno("path_create_directory", 3, "n") == "EROFS"
    assert guest.errno("path_rename", 3, "new", 3, "n") == "EROFS"
    assert guest.errno("path_link", 3, 0, "new", 3, "n") == "EROFS"
    assert guest.errno("path_symlink", "x", 3, "n") == "EROFS"
    assert guest.errno("path_remove_directory", 3, "more") == "EROFS"
    assert guest.errno("path_filestat_set_times", 3, 0, "new", 1, 2, 5) == "EROFS"
    assert guest.errno("path_unlink_file", 3, "new") == "EACCES"
    assert guest.open_errno("new", TRUNC, rights=66) == "EROFS"
    assert guest.open_errno("nope", rights=2) == "ENOENT"
    assert guest.open_errno("../x", rights=2) == "EPERM"


@pytest.mark.parametrize("name", errnos.NAMES[1:])
def test_each_errno_reaches_the_guest(start: "Start", name: str) -> None:
    number = errnos.NAMES.index(name)

    class Failing(FileSystem):
        def stat(self, path: str) -> Stat:
            if not path:
                return Stat(flags.DIRECTORY)
            raise WasiError(number)

    assert start(mounts={"/": Failing()}).errno("path_filestat_get", 3, 0, "x") == f"E{name}"


@pytest.mark.parametrize(
    ("error", "errno"),
    [
        (FileNotFoundError(), "ENOENT"),
        (FileExistsError("x"), "EEXIST"),
        (NotADirectoryError(), "ENOTDIR"),
        (IsADirectoryError(), "EISDIR"),
        (PermissionError(), "EACCES"),
        (BlockingIOError(), "EAGAIN"),
        (BrokenPipeError(), "EPIPE"),
        (TimeoutError(), "ETIMEDOUT"),
        (InterruptedError(), "EINTR"),
        (ConnectionAbortedError(), "ECONNABORTED"),
        (OSError("something"), "EIO"),
        (OSError(123456, "no such number"), "EIO"),
        (OSError(28, os.strerror(28)), "ENOSPC"),
        (MemoryError(), "ENOMEM"),
    ],
)
def test_errors_of_the_host(start: "Start", error: Exception, errno: str) -> None:
    class Failing(FileSystem):
        def stat(self, path: str) -> Stat:
            return Stat(flags.DIRECTORY)

        def listdir(self, path: str) -> Iterable[str]:
            raise error

    assert start(mounts={"/": Failing()}).errno("fd_readdir", 3, 100, 0) == errno
