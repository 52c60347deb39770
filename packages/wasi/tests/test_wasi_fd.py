"""Functions on descriptors, on a folder of the host and in memory alike."""

import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wasi import HostDir, MemoryFS, errnos
from wasi.fs.base import FileSystem
from wasi.rights import rights

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Guest, Start

CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8
APPEND, DSYNC, NONBLOCK, RSYNC, SYNC = 1, 2, 4, 8, 16
READ_WRITE_SEEK = rights("fd_read fd_write fd_seek fd_tell")


@pytest.fixture(params=["host", "memory"])
def guest(request: pytest.FixtureRequest, start: "Start", tmp_path: Path) -> "Guest":
    """A guest with a file a.txt and a folder d, writable."""
    if request.param == "host":
        (tmp_path / "a.txt").write_bytes(b"hello world")
        (tmp_path / "d").mkdir()
        fs: FileSystem = HostDir(tmp_path)
    else:
        fs = MemoryFS({"a.txt": b"hello world", "d/": b""})
    return start(mounts={"/": fs})


def test_read(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    assert guest.read(fd, 5) == b"hello"
    assert guest.call("fd_tell", fd) == 5
    assert guest.call("fd_read", fd, [1, 0, 2, 100]) == 6
    assert guest.filled[:6] == b" world"
    assert guest.read(fd) == b""


def test_write(guest: "Guest") -> None:
    fd = guest.open("new", CREAT)
    assert guest.write(fd, b"ab", b"", b"cd") == 4
    assert guest.write(fd) == 0
    assert guest.call("fd_seek", fd, 1, 0) == 1
    assert guest.read(fd) == b"bcd"


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 5000])
def test_any_number_of_iovecs(guest: "Guest", count: int) -> None:
    fd = guest.open("many", CREAT)
    data = [bytes([i % 256]) for i in range(count)]
    done = 0
    while done < count:
        done += guest.write(fd, *data[done:])
    assert guest.call("fd_seek", fd, 0, 0) == 0
    assert guest.call("fd_read", fd, [1] * count) == count
    assert guest.filled == b"".join(data)


def test_pread_and_pwrite_leave_the_position(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    assert guest.call("fd_pread", fd, [2, 3], 6) == 5
    assert guest.filled == b"world"
    assert guest.call("fd_pwrite", fd, [b"WO"], 6) == 2
    assert guest.call("fd_tell", fd) == 0
    assert guest.read(fd) == b"hello WOrld"
    assert guest.call("fd_pread", fd, [5], 100) == 0
    assert guest.errno("fd_pread", fd, [5], -1) == "EINVAL"
    assert guest.errno("fd_pwrite", fd, [b"x"], -1) == "EINVAL"


def test_writing_beyond_the_end_leaves_zeros(guest: "Guest") -> None:
    fd = guest.open("hole", CREAT)
    assert guest.call("fd_seek", fd, 3, 0) == 3
    assert guest.write(fd, b"x") == 1
    assert guest.call("fd_pwrite", fd, [b"y"], 6) == 1
    assert guest.call("fd_pread", fd, [10], 0) == 7
    assert guest.filled[:7] == b"\0\0\0x\0\0y"


@pytest.mark.parametrize(
    ("offset", "whence", "result"),
    [
        (0, 0, 0),
        (4, 0, 4),
        (2, 1, 5),
        (-3, 1, 0),
        (0, 1, 3),
        (0, 2, 11),
        (-11, 2, 0),
        (5, 2, 16),
        (-1, 0, "EINVAL"),
        (-4, 1, "EINVAL"),
        (-12, 2, "EINVAL"),
        (0, 3, "EINVAL"),
        (0, -1, "EINVAL"),
        ((1 << 63) - 1, 1, "EOVERFLOW"),
    ],
)
def test_seek(guest: "Guest", offset: int, whence: int, result: "int | str") -> None:
    fd = guest.open("a.txt")
    guest.call("fd_seek", fd, 3, 0)
    if isinstance(result, str):
        assert guest.errno("fd_seek", fd, offset, whence) == result
        assert guest.call("fd_tell", fd) == 3
    else:
        assert guest.call("fd_seek", fd, offset, whence) == result == guest.call("fd_tell", fd)


def test_append(guest: "Guest") -> None:
    fd = guest.open("a.txt", fdflags=APPEND)
    assert guest.write(fd, b"!", b"!") == 2
    assert guest.call("fd_tell", fd) == 13
    guest.call("fd_seek", fd, 0, 0)
    assert guest.write(fd, b"?") == 1
    assert guest.call("fd_tell", fd) == 14
    guest.call("fd_fdstat_set_flags", fd, 0)
    guest.call("fd_seek", fd, 0, 0)
    assert guest.write(fd, b"J") == 1
    guest.call("fd_seek", fd, 0, 0)
    assert guest.read(fd) == b"Jello world!!?"


@pytest.mark.parametrize("fdflags", [DSYNC, SYNC, RSYNC, SYNC | APPEND, NONBLOCK])
def test_flags_are_kept(guest: "Guest", fdflags: int) -> None:
    fd = guest.open("a.txt", fdflags=fdflags)
    assert guest.call("fd_fdstat_get", fd)[1] == fdflags
    assert guest.write(fd, b"x") == 1
    guest.call("fd_fdstat_set_flags", fd, APPEND)
    assert guest.call("fd_fdstat_get", fd)[1] == APPEND
    assert guest.errno("fd_fdstat_set_flags", fd, 32) == "EINVAL"


def test_fdstat(guest: "Guest") -> None:
    fd = guest.open("a.txt", rights=READ_WRITE_SEEK)
    assert guest.call("fd_fdstat_get", fd) == (4, 0, READ_WRITE_SEEK, 0)
    filetype, fdflags, base, inheriting = guest.call("fd_fdstat_get", 3)
    assert (filetype, fdflags) == (3, 0)
    assert base & rights("path_open fd_readdir")
    assert not base & rights("fd_read fd_write fd_seek")
    assert inheriting == (1 << 30) - 1


def test_rights_only_shrink(guest: "Guest") -> None:
    fd = guest.open("a.txt", rights=READ_WRITE_SEEK)
    guest.call("fd_fdstat_set_rights", fd, rights("fd_read"), 0)
    assert guest.call("fd_fdstat_get", fd)[2:] == (rights("fd_read"), 0)
    assert guest.errno("fd_fdstat_set_rights", fd, READ_WRITE_SEEK, 0) == "ENOTCAPABLE"
    assert guest.errno("fd_write", fd, [b"x"]) == "ENOTCAPABLE"
    assert guest.read(fd, 2) == b"he"


#: Each function on a descriptor, the right that it needs, and arguments that are fine otherwise.
NEEDED = [
    ("fd_advise", "fd_advise", (0, 0, 0)),
    ("fd_allocate", "fd_allocate", (0, 1)),
    ("fd_datasync", "fd_datasync", ()),
    ("fd_fdstat_set_flags", "fd_fdstat_set_flags", (0,)),
    ("fd_filestat_get", "fd_filestat_get", ()),
    ("fd_filestat_set_size", "fd_filestat_set_size", (1,)),
    ("fd_filestat_set_times", "fd_filestat_set_times", (0, 0, 0)),
    ("fd_pread", "fd_read fd_seek", ([1], 0)),
    ("fd_pwrite", "fd_write fd_seek", ([b"x"], 0)),
    ("fd_read", "fd_read", ([1],)),
    ("fd_seek", "fd_seek", (1, 0)),
    ("fd_sync", "fd_sync", ()),
    ("fd_tell", "fd_tell", ()),
    ("fd_write", "fd_write", ([b"x"],)),
]
EVERYTHING = " ".join(dict.fromkeys(" ".join(names for _, names, _ in NEEDED).split()))


@pytest.mark.parametrize(("name", "needed", "arguments"), NEEDED)
def test_each_function_needs_its_right(guest: "Guest", name: str, needed: str, arguments: tuple[object, ...]) -> None:
    fd = guest.open("a.txt", rights=rights(needed))
    assert guest.errno(name, fd, *arguments) == "ESUCCESS"
    fd = guest.open("a.txt", rights=rights(EVERYTHING) & ~rights(needed))
    assert guest.errno(name, fd, *arguments) == "ENOTCAPABLE"


@pytest.mark.parametrize(("name", "needed", "arguments"), [*NEEDED, ("fd_fdstat_get", "", ()), ("fd_close", "", ())])
@pytest.mark.parametrize("fd", [99, -1, 0x7FFFFFFF])
def test_not_open(guest: "Guest", name: str, needed: str, arguments: tuple[object, ...], fd: int) -> None:
    assert guest.errno(name, fd, *arguments) == "EBADF"


@pytest.mark.parametrize(("name", "needed", "arguments"), NEEDED)
def test_a_directory_is_no_file(guest: "Guest", name: str, needed: str, arguments: tuple[object, ...]) -> None:
    fd = guest.open("d", DIRECTORY, rights=rights(EVERYTHING) & ~rights("fd_write fd_allocate fd_filestat_set_size"))
    fine = {"fd_datasync", "fd_fdstat_set_flags", "fd_filestat_get", "fd_filestat_set_times", "fd_sync"}
    assert guest.errno(name, fd, *arguments) == ("ESUCCESS" if name in fine else "ENOTCAPABLE")


def test_telling_by_seeking_needs_only_the_right_to_tell(guest: "Guest") -> None:
    fd = guest.open("a.txt", rights=rights("fd_tell"))
    assert guest.call("fd_seek", fd, 0, 1) == 0
    assert guest.errno("fd_seek", fd, 0, 0) == "ENOTCAPABLE"


def test_filestat(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    guest.call("fd_filestat_set_times", fd, 1_000_000_001, 2_000_000_002, 1 | 4)
    _dev, ino, filetype, nlink, size, atim, mtim, ctim = guest.call("fd_filestat_get", fd)
    assert (filetype, nlink, size) == (4, 1, 11)
    assert (atim, mtim) == (1_000_000_001, 2_000_000_002)
    assert ino
    assert ctim
    assert guest.call("fd_filestat_get", 3)[2] == 3
    assert guest.call("fd_filestat_get", 3)[1] != ino


@pytest.mark.parametrize(
    ("fstflags", "atim", "mtim"),
    [(0, 11, 22), (1, 33, 22), (4, 11, 44), (5, 33, 44), (2, 55, 22), (8, 11, 55), (10, 55, 55), (6, 55, 44)],
)
def test_set_times(start: "Start", tmp_path: Path, fstflags: int, atim: int, mtim: int) -> None:
    from wasi import FixedClock

    (tmp_path / "a.txt").write_bytes(b"")
    guest = start(mounts={"/": tmp_path, "/m": {"a.txt": b""}}, clock=FixedClock(55))
    for mount in (3, 4):
        fd = guest.open("a.txt", fd=mount)
        for name, where in (("fd_filestat_set_times", (fd,)), ("path_filestat_set_times", (mount, 1, "a.txt"))):
            guest.call(name, *where, 11, 22, 5)
            guest.call(name, *where, 33, 44, fstflags)
            assert guest.call("fd_filestat_get", fd)[5:7] == (atim, mtim)


@pytest.mark.parametrize("fstflags", [3, 12, 15, 16])
def test_times_that_contradict_each_other(guest: "Guest", fstflags: int) -> None:
    fd = guest.open("a.txt")
    assert guest.errno("fd_filestat_set_times", fd, 1, 2, fstflags) == "EINVAL"
    assert guest.errno("path_filestat_set_times", 3, 1, "a.txt", 1, 2, fstflags) == "EINVAL"


def test_sizes(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    guest.call("fd_filestat_set_size", fd, 5)
    assert guest.read(fd) == b"hello"
    guest.call("fd_filestat_set_size", fd, 8)
    assert guest.read(fd) == b"\0\0\0"
    assert guest.errno("fd_filestat_set_size", fd, -1) == "EFBIG"
    if sys.platform != "darwin":
        guest.call("fd_allocate", fd, 4, 6)
        assert guest.call("fd_filestat_get", fd)[4] == 10
        guest.call("fd_allocate", fd, 0, 2)
        assert guest.call("fd_filestat_get", fd)[4] == 10
    assert guest.errno("fd_allocate", fd, 0, 0) == "EINVAL"
    assert guest.errno("fd_allocate", fd, 1 << 62, 1 << 62) == "EFBIG"


@pytest.mark.parametrize("advice", range(6))
def test_advice(guest: "Guest", advice: int) -> None:
    fd = guest.open("a.txt")
    assert guest.errno("fd_advise", fd, 0, 10, advice) == "ESUCCESS"
    assert guest.errno("fd_advise", fd, 0, 10, advice + 6) == "EINVAL"


def test_lowest_free_number(guest: "Guest") -> None:
    fds = [guest.open("a.txt") for _ in range(5)]
    assert fds == [4, 5, 6, 7, 8]
    guest.call("fd_close", 6)
    guest.call("fd_close", 4)
    assert [guest.open("a.txt") for _ in range(3)] == [4, 6, 9]
    guest.call("fd_close", 0)
    assert guest.open("a.txt") == 0
    assert guest.errno("fd_close", 77) == "EBADF"


def test_renumber(guest: "Guest") -> None:
    one, other = guest.open("a.txt"), guest.open("new", CREAT)
    guest.call("fd_seek", one, 6, 0)
    guest.call("fd_renumber", one, other)
    assert guest.read(other) == b"world"
    assert guest.errno("fd_tell", one) == "EBADF"
    assert guest.errno("fd_renumber", one, other) == "EBADF"
    assert guest.errno("fd_renumber", other, 500) == "EBADF"
    guest.call("fd_renumber", other, other)
    assert guest.call("fd_tell", other) == 11
    assert guest.open("a.txt") == one


def test_preopened_directories(start: "Start") -> None:
    guest = start(mounts={"/": {}, "/ä": {}})
    assert [guest.call("fd_prestat_get", fd) for fd in (3, 4)] == [(0, 1), (0, 3)]
    guest.call("fd_prestat_dir_name", 4, 3)
    assert guest.filled.decode() == "/ä"
    assert guest.errno("fd_prestat_dir_name", 4, 2) == "ENAMETOOLONG"
    guest.call("fd_prestat_dir_name", 4, 5)
    for fd in (0, 5, 99):
        assert guest.errno("fd_prestat_get", fd) == "EBADF"
    fd = guest.open(".", DIRECTORY, rights=rights("fd_readdir"))
    assert guest.errno("fd_prestat_get", fd) == "EBADF"
    assert guest.errno("fd_prestat_dir_name", fd, 5) == "EBADF"


@pytest.mark.parametrize("room", [0, 1, 23, 24, 25, 40, 45, 60, 4096])
def test_readdir_with_any_buffer(guest: "Guest", room: int) -> None:
    for name in ("b", "ccc", "ä" * 10):
        guest.open(name, CREAT)
    assert guest.call("fd_readdir", 3, room, 0) == min(room, 25 + 26 + 29 + 25 + 27 + 25 + 44)
    if room > 44:
        assert guest.names(room=room) == ["a.txt", "b", "ccc", "d", "ä" * 10]


def test_readdir_entries(guest: "Guest") -> None:
    used = guest.call("fd_readdir", 3, 4096, 0)
    found = {}
    at, numbers = 0, []
    while at < used:
        following, ino, length, filetype = struct.unpack_from("<QQIB", guest.filled, at)
        found[guest.filled[at + 24 : at + 24 + length]] = (ino, filetype)
        numbers.append(following)
        at += 24 + length
    assert numbers == [1, 2, 3, 4]
    assert list(found) == [b".", b"..", b"a.txt", b"d"]
    assert found[b"."] == found[b".."] == (guest.call("fd_filestat_get", 3)[1], 3)
    assert found[b"a.txt"] == (guest.call("path_filestat_get", 3, 0, "a.txt")[1], 4)


def test_cookies_are_stable_while_entries_come_and_go(guest: "Guest") -> None:
    for i in range(20):
        guest.call("path_create_directory", 3, f"n{i:02}")
    seen = []
    cookie = 0
    while used := guest.call("fd_readdir", 3, 40, cookie):
        following, _, length, _ = struct.unpack_from("<QQIB", guest.filled)
        if 24 + length > used:
            break
        name = guest.filled[24 : 24 + length].decode()
        seen.append(name)
        if name.startswith("n"):
            guest.call("path_remove_directory", 3, name)
            guest.errno("path_create_directory", 3, f"z{name}")
        cookie = following
    assert seen[2:] == ["a.txt", "d", *[f"n{i:02}" for i in range(20)]]
    assert guest.names() == ["a.txt", "d", *[f"zn{i:02}" for i in range(20)]]
    assert guest.call("fd_readdir", 3, 40, 10_000) == 0
    assert guest.call("fd_readdir", 3, 40, -1) == 0


def test_readdir_of_others(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    assert guest.errno("fd_readdir", fd, 100, 0) == "ENOTCAPABLE"
    assert guest.errno("fd_readdir", 1, 100, 0) == "ENOTCAPABLE"
    assert guest.errno("fd_readdir", 50, 100, 0) == "EBADF"


def test_too_many(guest: "Guest", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasi.descriptors.Descriptors.LIMIT", 10)
    for _ in range(6):
        guest.open("a.txt")
    assert guest.open_errno("a.txt") == "EMFILE"
    guest.call("fd_close", 9)
    assert guest.open("a.txt") == 9


def test_closing_the_wasi_closes_the_files(start: "Start", tmp_path: Path) -> None:
    before = set(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else set()
    guest = start(mounts={"/": tmp_path})
    with guest.wasi:
        for i in range(5):
            guest.open(f"f{i}", CREAT)
    assert guest.errno("fd_tell", 4) == "EBADF"
    after = set(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else set()
    assert len(after) <= len(before)


def test_a_wasi_that_is_forgotten_closes_the_files(tmp_path: Path) -> None:
    import gc

    from wasi import Wasi

    if not os.path.isdir("/dev/fd"):
        return
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        Wasi(mounts={"/": tmp_path}).imports()
    gc.collect()
    assert len(os.listdir("/dev/fd")) <= before


#: Every function that takes pointers, with one of them beyond the memory's end at a time.
END = 1 << 20
POINTERS: list[tuple[str, list[int]]] = [
    ("args_sizes_get", [END, 0]),
    ("args_sizes_get", [0, END - 3]),
    ("environ_sizes_get", [-1, 0]),
    ("clock_res_get", [0, END - 7]),
    ("clock_time_get", [0, 0, END - 7]),
    ("fd_fdstat_get", [4, END - 23]),
    ("fd_filestat_get", [4, END - 63]),
    ("fd_pread", [4, END - 7, 1, 0, 0]),
    ("fd_pread", [4, 0, 1, 0, END - 3]),
    ("fd_prestat_get", [3, END - 7]),
    ("fd_prestat_dir_name", [3, END, 1]),
    ("fd_pwrite", [4, -8, 1, 0, 0]),
    ("fd_read", [4, 0, 0x20000000, 0]),
    ("fd_read", [4, 0, 1, END]),
    ("fd_readdir", [3, END - 10, 11, 0, 0]),
    ("fd_readdir", [3, 0, 11, 0, END]),
    ("fd_seek", [4, 5, 0, END - 7]),
    ("fd_tell", [4, END - 7]),
    ("fd_write", [4, END, 1, 0]),
    ("path_create_directory", [3, END - 1, 2]),
    ("path_filestat_get", [3, 0, END, 1, 0]),
    ("path_filestat_get", [3, 0, 0, 1, END - 63]),
    ("path_filestat_set_times", [3, 0, END, 1, 0, 0, 0]),
    ("path_link", [3, 0, END, 1, 3, 0, 1]),
    ("path_link", [3, 0, 0, 1, 3, END, 1]),
    ("path_open", [3, 0, -1, 5, 0, 0, 0, 0, 0]),
    ("path_open", [3, 0, 0, 5, 1, 0, 0, 0, END - 3]),
    ("path_readlink", [3, END, 1, 0, 1, 0]),
    ("path_readlink", [3, 0, 1, END, 1, 0]),
    ("path_readlink", [3, 0, 1, 0, 1, END]),
    ("path_remove_directory", [3, 0, -1]),
    ("path_rename", [3, END, 1, 3, 0, 1]),
    ("path_rename", [3, 0, 1, 3, END, 1]),
    ("path_symlink", [END, 1, 3, 0, 1]),
    ("path_symlink", [0, 1, 3, END, 1]),
    ("path_unlink_file", [3, END, 1]),
    ("poll_oneoff", [END - 47, 0, 1, 0]),
    ("poll_oneoff", [0, END - 31, 1, 0]),
    ("poll_oneoff", [0, 0, 1, END]),
    ("random_get", [END - 1, 2]),
    ("sock_recv", [4, END, 1, 0, 0, 0]),
    ("sock_recv", [4, 0, 0, 0, 0, END - 1]),
    ("sock_send", [4, END, 1, 0, 0]),
    ("sock_accept", [4, 0, END]),
]


@pytest.mark.parametrize(("name", "arguments"), POINTERS)
def test_bad_pointers(guest: "Guest", name: str, arguments: list[int]) -> None:
    guest.open("a.txt")
    before = bytes(guest.memory.data)
    names = guest.names()
    guest.memory.data[:] = before
    assert guest.raw(name, *arguments) == errnos.EFAULT
    assert guest.memory.data == before, "nothing half-written"
    assert guest.names() == names, "and nothing done"
    assert guest.call("fd_tell", 4) == 0


def test_one_bad_buffer_of_many(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    struct.pack_into("<IIII", guest.memory.data, 0, 100, 5, (1 << 20) - 2, 3)
    before = bytes(guest.memory.data)
    assert guest.raw("fd_read", fd, 0, 2, 50) == errnos.EFAULT
    assert guest.memory.data == before
    assert guest.call("fd_tell", fd) == 0
    assert guest.raw("fd_write", fd, 0, 2, 50) == errnos.EFAULT
    assert guest.read(fd) == b"hello world"


def test_more_than_4_gib_at_once(guest: "Guest") -> None:
    fd = guest.open("a.txt")
    for i in range(4100):
        struct.pack_into("<II", guest.memory.data, 8 * i, 0, 1 << 20)
    assert guest.raw("fd_read", fd, 0, 4100, 0) == errnos.EINVAL


def test_a_module_without_memory(start: "Start") -> None:
    guest = start()
    guest.memory = None  # type: ignore[assignment]  # a module may have none
    assert guest.raw("fd_tell", 0, 0) == errnos.EFAULT
    assert guest.raw("fd_close", 2) == 0
    assert guest.raw("sched_yield") == 0
