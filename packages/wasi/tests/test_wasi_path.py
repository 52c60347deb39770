"""Functions on paths, on a folder of the host and in memory alike."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasi import HostDir, MemoryFS
from wasi.rights import DIRECTORY as DIRECTORY_RIGHTS
from wasi.rights import rights

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Guest, Start

CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8


@pytest.fixture(params=["host", "memory"])
def guest(request: pytest.FixtureRequest, start: "Start", tmp_path: Path) -> "Guest":
    """A guest with a.txt, d/inner.txt, and links: l → a.txt, dl → d, loop → loop, gone → missing."""
    mount = HostDir(tmp_path) if request.param == "host" else MemoryFS()
    guest = start(mounts={"/": mount})
    guest.write(guest.open("a.txt", CREAT), b"hello")
    guest.call("path_create_directory", 3, "d")
    guest.write(guest.open("d/inner.txt", CREAT), b"inner")
    for target, name in (("a.txt", "l"), ("d", "dl"), ("loop", "loop"), ("missing", "gone")):
        guest.call("path_symlink", target, 3, name)
    guest.call("fd_close", 4)
    guest.call("fd_close", 5)
    return guest


def kind(guest: "Guest", path: str, follow: int = 0) -> str:
    """ "file", "directory", "link" or the name of the errno."""
    errno = guest.errno("path_filestat_get", 3, follow, path)
    if errno != "ESUCCESS":
        return errno
    return {3: "directory", 4: "file", 7: "link"}[guest.call("path_filestat_get", 3, follow, path)[2]]


#: Paths, and what they are without and with following a link at the end.
KINDS = [
    ("a.txt", "file", "file"),
    ("./a.txt", "file", "file"),
    ("d", "directory", "directory"),
    ("d/", "directory", "directory"),
    ("d/.", "directory", "directory"),
    ("d//", "directory", "directory"),
    (".", "directory", "directory"),
    ("./", "directory", "directory"),
    ("d/..", "directory", "directory"),
    ("d/../a.txt", "file", "file"),
    ("d//inner.txt", "file", "file"),
    ("dl/inner.txt", "file", "file"),
    ("dl/../a.txt", "file", "file"),
    ("l", "link", "file"),
    ("dl", "link", "directory"),
    ("dl/", "directory", "directory"),
    ("dl/.", "directory", "directory"),
    ("gone", "link", "ENOENT"),
    ("gone/", "ENOENT", "ENOENT"),
    ("loop", "link", "ELOOP"),
    ("loop/", "ELOOP", "ELOOP"),
    ("loop/x", "ELOOP", "ELOOP"),
    ("a.txt/", "ENOTDIR", "ENOTDIR"),
    ("a.txt/.", "ENOTDIR", "ENOTDIR"),
    ("a.txt/..", "ENOTDIR", "ENOTDIR"),
    ("a.txt/x", "ENOTDIR", "ENOTDIR"),
    ("l/", "ENOTDIR", "ENOTDIR"),
    ("l/x", "ENOTDIR", "ENOTDIR"),
    ("missing", "ENOENT", "ENOENT"),
    ("missing/", "ENOENT", "ENOENT"),
    ("missing/..", "ENOENT", "ENOENT"),
    ("missing/x", "ENOENT", "ENOENT"),
    ("", "ENOENT", "ENOENT"),
    ("..", "EPERM", "EPERM"),
    ("/", "EPERM", "EPERM"),
    ("x" * 255, "ENOENT", "ENOENT"),
    ("x" * 256, "ENAMETOOLONG", "ENAMETOOLONG"),
    ("ä" * 128, "ENAMETOOLONG", "ENAMETOOLONG"),
    ("x" * 256 + "/y", "ENAMETOOLONG", "ENAMETOOLONG"),
    ("./" * 2047 + ".", "directory", "directory"),
    ("./" * 2048, "ENAMETOOLONG", "ENAMETOOLONG"),
    ("a\0b", "EINVAL", "EINVAL"),
    ("a.txt\0", "EINVAL", "EINVAL"),
    (b"\xff", "EILSEQ", "EILSEQ"),
    (b"d/\xc3", "EILSEQ", "EILSEQ"),
    (b"\xed\xa0\x80", "EILSEQ", "EILSEQ"),
]


@pytest.mark.parametrize(("path", "plain", "followed"), KINDS)
def test_paths(guest: "Guest", path: str, plain: str, followed: str) -> None:
    assert kind(guest, path) == plain
    assert kind(guest, path, 1) == followed


def test_lookup_flags_that_do_not_exist(guest: "Guest") -> None:
    assert kind(guest, "a.txt", 2) == "EINVAL"


#: path, oflags, follow, rights, errno of path_open
RD, RDWR = rights("fd_read"), rights("fd_read fd_write")
OPENS = [
    ("a.txt", 0, 1, RDWR, "ESUCCESS"),
    ("a.txt", CREAT, 1, RDWR, "ESUCCESS"),
    ("a.txt", CREAT | EXCL, 1, RDWR, "EEXIST"),
    ("l", CREAT | EXCL, 1, RDWR, "EEXIST"),
    ("gone", CREAT | EXCL, 1, RDWR, "EEXIST"),
    ("gone", 0, 1, RD, "ENOENT"),
    ("new", 0, 1, RD, "ENOENT"),
    ("new", TRUNC, 1, RDWR, "ENOENT"),
    ("new", CREAT, 0, RD, "ESUCCESS"),
    ("new/", CREAT, 0, RDWR, "EISDIR"),
    ("l", 0, 1, RD, "ESUCCESS"),
    ("l", 0, 0, RD, "ELOOP"),
    ("l", DIRECTORY, 0, RD, "ELOOP"),
    ("dl", DIRECTORY, 0, RD, "ELOOP"),
    ("dl", DIRECTORY, 1, RD, "ESUCCESS"),
    ("dl/", DIRECTORY, 0, RD, "ESUCCESS"),
    ("loop", 0, 1, RD, "ELOOP"),
    ("a.txt", DIRECTORY, 1, RD, "ENOTDIR"),
    ("a.txt/", 0, 1, RD, "ENOTDIR"),
    ("d", 0, 1, RD, "ESUCCESS"),
    ("d", DIRECTORY, 1, RD, "ESUCCESS"),
    ("d", 0, 1, RDWR, "EISDIR"),
    ("d", CREAT, 1, RD, "EISDIR"),
    ("d", TRUNC, 1, RD, "EISDIR"),
    ("d", CREAT | DIRECTORY, 1, RD, "EINVAL"),
    ("d", TRUNC | DIRECTORY, 1, RD, "EINVAL"),
    ("a.txt", 16, 1, RD, "EINVAL"),
    ("missing/new", CREAT, 1, RDWR, "ENOENT"),
    ("a.txt/new", CREAT, 1, RDWR, "ENOTDIR"),
    ("../new", CREAT, 1, RDWR, "EPERM"),
]


@pytest.mark.parametrize(("path", "oflags", "follow", "wanted", "errno"), OPENS)
def test_open(guest: "Guest", path: str, oflags: int, follow: int, wanted: int, errno: str) -> None:
    assert guest.open_errno(path, oflags, follow=follow, rights=wanted) == errno


def test_create_through_a_link(guest: "Guest") -> None:
    guest.write(guest.open("gone", CREAT), b"found")
    assert guest.read(guest.open("missing")) == b"found"


def test_truncate(guest: "Guest") -> None:
    fd = guest.open("a.txt", TRUNC)
    assert guest.call("fd_filestat_get", fd)[4] == 0
    guest.write(fd, b"x")
    guest.open("a.txt", TRUNC, rights=RD)
    assert guest.call("fd_filestat_get", fd)[4] == 0


@pytest.mark.parametrize(
    ("wanted", "errno_read", "errno_write"),
    [
        (RDWR, "ESUCCESS", "ESUCCESS"),
        (RD, "ESUCCESS", "ENOTCAPABLE"),
        (rights("fd_write"), "ENOTCAPABLE", "ESUCCESS"),
        (0, "ENOTCAPABLE", "ENOTCAPABLE"),
    ],
)
def test_opened_with_rights(guest: "Guest", wanted: int, errno_read: str, errno_write: str) -> None:
    fd = guest.open("a.txt", rights=wanted)
    assert guest.errno("fd_read", fd, [1]) == errno_read
    assert guest.errno("fd_write", fd, [b"x"]) == errno_write


def test_rights_are_inherited(guest: "Guest") -> None:
    lookup = rights("path_open path_filestat_get")
    fd = guest.call("path_open", 3, 0, "d", DIRECTORY, lookup, RD, 0)
    assert guest.call("fd_fdstat_get", fd)[2:] == (lookup, RD)
    inner = guest.call("path_open", fd, 0, "inner.txt", 0, RD, -1, 0)
    assert guest.read(inner) == b"inner"
    assert guest.errno("path_open", fd, 0, "inner.txt", 0, RDWR, 0, 0) == "ENOTCAPABLE"
    assert guest.errno("path_open", fd, 0, "new", CREAT, RD, 0, 0) == "ENOTCAPABLE"
    assert guest.errno("path_open", fd, 0, "inner.txt", TRUNC, RD, 0, 0) == "ENOTCAPABLE"
    assert guest.errno("fd_readdir", fd, 100, 0) == "ENOTCAPABLE"
    assert guest.errno("path_create_directory", fd, "x") == "ENOTCAPABLE"
    # rights on what is opened cannot be more than those that were inherited
    assert guest.errno("fd_fdstat_set_rights", fd, lookup, RDWR) == "ENOTCAPABLE"


NEEDED: list[tuple[str, str, tuple[Any, ...]]] = [
    ("path_create_directory", "path_create_directory", ("x",)),
    ("path_filestat_get", "path_filestat_get", (0, "inner.txt")),
    ("path_filestat_set_times", "path_filestat_set_times", (0, "inner.txt", 0, 0, 0)),
    ("path_open", "path_open", (0, "inner.txt", 0, 0, 0, 0)),
    ("path_readlink", "path_readlink", ("inner.txt", 10)),
    ("path_remove_directory", "path_remove_directory", ("none",)),
    ("path_unlink_file", "path_unlink_file", ("none",)),
    ("fd_readdir", "fd_readdir", (100, 0)),
]


@pytest.mark.parametrize(("name", "needed", "arguments"), NEEDED)
def test_each_function_needs_its_right(guest: "Guest", name: str, needed: str, arguments: tuple[Any, ...]) -> None:
    with_it = guest.open("d", DIRECTORY, rights=rights(needed))
    assert guest.errno(name, with_it, *arguments) in ("ESUCCESS", "EINVAL", "ENOENT")
    without = guest.open("d", DIRECTORY, rights=DIRECTORY_RIGHTS & ~rights(needed))
    assert guest.errno(name, without, *arguments) == "ENOTCAPABLE"


def test_functions_with_two_directories_need_two_rights(guest: "Guest") -> None:
    def opened(names: str) -> int:
        return guest.open(".", DIRECTORY, rights=DIRECTORY_RIGHTS & ~rights(names))

    for source, target, call in (
        ("path_link_source", "path_link_target", lambda a, b: ("path_link", a, 0, "a.txt", b, "n")),
        ("path_rename_source", "path_rename_target", lambda a, b: ("path_rename", a, "a.txt", b, "n")),
    ):
        assert guest.errno(*call(opened(source), 3)) == "ENOTCAPABLE"
        assert guest.errno(*call(3, opened(target))) == "ENOTCAPABLE"
        assert guest.errno(*call(opened(target), opened(source))) == "ESUCCESS"
        guest.errno("path_rename", 3, "n", 3, "a.txt")
    assert guest.errno("path_symlink", "x", opened("path_symlink"), "y") == "ENOTCAPABLE"


@pytest.mark.parametrize("name", [row[0] for row in NEEDED])
@pytest.mark.parametrize("fd", [0, 9])
def test_paths_start_at_directories(guest: "Guest", name: str, fd: int) -> None:
    arguments = next(row[2] for row in NEEDED if row[0] == name)
    assert guest.errno(name, fd, *arguments) == ("ENOTCAPABLE" if fd == 0 else "EBADF")


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        ("n", "ESUCCESS"),
        ("n/", "ESUCCESS"),
        ("d/n", "ESUCCESS"),
        ("dl/n", "ESUCCESS"),
        ("d", "EEXIST"),
        ("d/", "EEXIST"),
        ("a.txt", "EEXIST"),
        ("l", "EEXIST"),
        ("gone", "EEXIST"),
        ("gone/", "EEXIST"),
        (".", "EEXIST"),
        ("..", "EPERM"),
        ("missing/n", "ENOENT"),
        ("a.txt/n", "ENOTDIR"),
        ("", "ENOENT"),
    ],
)
def test_create_directory(guest: "Guest", path: str, errno: str) -> None:
    assert guest.errno("path_create_directory", 3, path) == errno
    if errno == "ESUCCESS":
        assert kind(guest, path) == "directory"


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        ("empty", "ESUCCESS"),
        ("empty/", "ESUCCESS"),
        ("d", "ENOTEMPTY"),
        ("a.txt", "ENOTDIR"),
        ("dl", "ENOTDIR"),
        ("l", "ENOTDIR"),
        ("missing", "ENOENT"),
        (".", "EINVAL"),
        ("d/..", "EINVAL"),
        ("..", "EPERM"),
    ],
)
def test_remove_directory(guest: "Guest", path: str, errno: str) -> None:
    guest.call("path_create_directory", 3, "empty")
    assert guest.errno("path_remove_directory", 3, path) == errno
    assert kind(guest, "empty") == ("ENOENT" if errno == "ESUCCESS" else "directory")


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        ("a.txt", "ESUCCESS"),
        ("l", "ESUCCESS"),
        ("dl", "ESUCCESS"),
        ("gone", "ESUCCESS"),
        ("d/inner.txt", "ESUCCESS"),
        ("d", "EISDIR"),
        (".", "EISDIR"),
        ("a.txt/", "ENOTDIR"),
        ("l/", "ENOTDIR"),
        ("missing", "ENOENT"),
    ],
)
def test_unlink(guest: "Guest", path: str, errno: str) -> None:
    assert guest.errno("path_unlink_file", 3, path) == errno
    if errno == "ESUCCESS":
        assert kind(guest, path) == "ENOENT"
    assert kind(guest, "d") == "directory"
    assert kind(guest, "a.txt") == ("ENOENT" if path == "a.txt" else "file"), "a link's target stays"


def test_an_unlinked_file_lives_until_it_is_closed(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    guest.call("path_unlink_file", 3, "a.txt")
    assert guest.read(fd) == b"hello"
    assert guest.write(fd, b"!") == 1
    assert guest.call("fd_filestat_get", fd)[3] == 0


@pytest.mark.parametrize(
    ("old", "new", "errno"),
    [
        ("a.txt", "n", "ESUCCESS"),
        ("a.txt", "d/n", "ESUCCESS"),
        ("a.txt", "a.txt", "ESUCCESS"),
        ("a.txt", "d/inner.txt", "ESUCCESS"),
        ("a.txt", "l", "ESUCCESS"),
        ("l", "n", "ESUCCESS"),
        ("gone", "n", "ESUCCESS"),
        ("d", "n", "ESUCCESS"),
        ("d", "n/", "ESUCCESS"),
        ("d", "e", "ESUCCESS"),
        ("d/", "n", "ESUCCESS"),
        ("e", "d", "ENOTEMPTY"),
        ("d", "a.txt", "ENOTDIR"),
        ("a.txt", "d", "EISDIR"),
        ("a.txt", "n/", "ENOTDIR"),
        ("a.txt/", "n", "ENOTDIR"),
        ("d", "d/n", "EINVAL"),
        ("d", "d/inner.txt/n", "ENOTDIR"),
        ("missing", "n", "ENOENT"),
        ("a.txt", "missing/n", "ENOENT"),
        (".", "n", "EBUSY"),
        ("d", ".", "EBUSY"),
        ("d", "..", "EPERM"),
        ("..", "n", "EPERM"),
    ],
)
def test_rename(guest: "Guest", old: str, new: str, errno: str) -> None:
    guest.call("path_create_directory", 3, "e")
    before = kind(guest, old)
    assert guest.errno("path_rename", 3, old, 3, new) == errno
    if errno == "ESUCCESS":
        assert kind(guest, new) == before
        assert old == new or kind(guest, old) == "ENOENT"


@pytest.mark.parametrize(
    ("old", "follow", "new", "errno"),
    [
        ("a.txt", 0, "n", "ESUCCESS"),
        ("a.txt", 0, "d/n", "ESUCCESS"),
        ("l", 0, "n", "ESUCCESS"),
        ("l", 1, "n", "ESUCCESS"),
        ("a.txt", 0, "l", "EEXIST"),
        ("a.txt", 0, "a.txt", "EEXIST"),
        ("d", 0, "n", "EPERM"),
        ("a.txt", 0, "n/", "ENOENT"),
        ("a.txt/", 0, "n", "ENOTDIR"),
        ("missing", 0, "n", "ENOENT"),
        ("gone", 1, "n", "ENOENT"),
        ("a.txt", 0, "missing/n", "ENOENT"),
    ],
)
def test_link(guest: "Guest", old: str, follow: int, new: str, errno: str) -> None:
    assert guest.errno("path_link", 3, follow, old, 3, new) == errno
    if errno == "ESUCCESS":
        one = guest.call("path_filestat_get", 3, follow, old)
        other = guest.call("path_filestat_get", 3, 0, new)
        assert one[1] == other[1]
        assert one[3] == other[3] == 2


@pytest.mark.parametrize(
    ("target", "path", "errno"),
    [
        ("a.txt", "n", "ESUCCESS"),
        ("anything at all", "n", "ESUCCESS"),
        ("../up", "n", "ESUCCESS"),
        ("a.txt", "l", "EEXIST"),
        ("a.txt", "d", "EEXIST"),
        ("a.txt", "n/", "ENOENT"),
        ("a.txt", "missing/n", "ENOENT"),
        ("/etc/passwd", "n", "EPERM"),
        ("", "n", "ENOENT"),
        ("a\0b", "n", "EINVAL"),
        (b"\xff", "n", "EILSEQ"),
        ("x" * 4096, "n", "ENAMETOOLONG"),
    ],
)
def test_symlink(guest: "Guest", target: "str | bytes", path: str, errno: str) -> None:
    assert guest.errno("path_symlink", target, 3, path) == errno
    if errno == "ESUCCESS":
        size = guest.call("path_readlink", 3, path, 100)
        assert guest.filled[-100:][:size].decode() == target


@pytest.mark.parametrize(
    ("path", "errno"), [("a.txt", "EINVAL"), ("d", "EINVAL"), ("missing", "ENOENT"), ("dl/", "EINVAL"), (".", "EINVAL")]
)
def test_readlink_of_others(guest: "Guest", path: str, errno: str) -> None:
    assert guest.errno("path_readlink", 3, path, 100) == errno


def test_readlink_cuts_off(guest: "Guest") -> None:
    assert guest.call("path_readlink", 3, "l", 3) == 3
    assert guest.filled == b"a.t"
    assert guest.call("path_readlink", 3, "l", 0) == 0


def test_long_chains_of_links(guest: "Guest") -> None:
    for i in range(41):
        guest.call("path_symlink", f"c{i - 1}" if i else "a.txt", 3, f"c{i}")
    assert guest.open_errno("c39") == "ESUCCESS"
    assert guest.open_errno("c40") == "ELOOP"


@pytest.mark.parametrize(
    "call",
    [("path_rename", 3, "a.txt", 4, "n"), ("path_link", 3, 0, "a.txt", 4, "n"), ("path_rename", 4, "b", 3, "n")],
)
def test_from_one_mount_to_another(start: "Start", tmp_path: Path, call: tuple[Any, ...]) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "b").touch()
    # even if both are the same folder
    same = HostDir(tmp_path)
    assert start(mounts={"/one": same, "/two": same}).errno(*call) == "EXDEV"
    guest = start(mounts={"/one": tmp_path, "/two": tmp_path})
    assert guest.errno(*call) == "EXDEV"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b"]
    within = guest.open(".", DIRECTORY, fd=4)
    assert guest.errno("path_rename", 4, "b", within, "c") == "ESUCCESS"


def test_a_directory_that_is_gone(guest: "Guest") -> None:
    guest.call("path_create_directory", 3, "e")
    fd = guest.open("e", DIRECTORY)
    guest.call("path_remove_directory", 3, "e")
    assert guest.open_errno("x", CREAT, fd=fd) == "ENOENT"
    assert guest.errno("path_create_directory", fd, "x") == "ENOENT"
    assert guest.errno("path_symlink", "y", fd, "x") == "ENOENT"
