"""The jail: a table of attempts to get out of a mount, none of which succeeds, and a race that nobody wins."""

import errno
import os
import random
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasi import HostDir
from wasi.fs import host

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Guest, Start

pytestmark = pytest.mark.skipif(not host.can_jail(), reason="this system cannot jail: see test_a_clear_refusal")

CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8
SECRET = b"the secret"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What the guest must neither see nor change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    (folder / "folder").mkdir()
    return folder


@pytest.fixture
def jail(tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is mounted, with everything in it that could lead out."""
    jail = tmp_path / "jail"
    (jail / "d" / "e").mkdir(parents=True)
    (jail / "f").write_bytes(b"inside")
    (jail / "absolute").symlink_to(outside / "secret")
    (jail / "absolute-folder").symlink_to(outside)
    (jail / "relative").symlink_to("../outside/secret")
    (jail / "relative-folder").symlink_to("../outside")
    (jail / "parent").symlink_to("..")
    (jail / "d" / "up").symlink_to("../..")
    (jail / "d" / "e" / "deep").symlink_to("../../../outside/secret")
    (jail / "chain1").symlink_to("chain2")
    (jail / "chain2").symlink_to("d/e/deep")
    (jail / "through").symlink_to("d/../../outside/secret")
    (jail / "through-self").symlink_to("../jail/../outside/secret")
    (jail / "root").symlink_to("/")
    (jail / "dangling").symlink_to(outside / "planted")
    (jail / "dangling-relative").symlink_to("../outside/planted")
    (jail / "loop").symlink_to("loop")
    (jail / "loop-a").symlink_to("loop-b/x")
    (jail / "loop-b").symlink_to("loop-a/y")
    (jail / "proc").symlink_to("/proc/self/fd")
    (jail / "cwd").symlink_to("/proc/self/cwd")
    (jail / "slash").symlink_to("../outside/")
    (jail / "many").symlink_to("./.././//../" + outside.name + "/secret")
    os.mkfifo(jail / "pipe")
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(jail)  # the path of such a socket must be short
    server.bind("socket")
    monkeypatch.undo()
    server.close()
    return jail


@pytest.fixture
def guest(start: "Start", jail: Path) -> "Guest":
    return start(mounts={"/": jail})


#: Paths that lead outside if one follows them without care.  Each is tried with every function that takes a path.
ESCAPES = [
    "../outside/secret",
    "./../outside/secret",
    "d/../../outside/secret",
    "d/e/../../../outside/secret",
    "d/./../.././outside/secret",
    "d//..//..//outside//secret",
    "../jail/../outside/secret",
    "..",
    "../",
    "../..",
    "../../../../../../../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "/",
    "/proc/self/root/etc/passwd",
    "/dev/mem",
    "absolute",
    "absolute/",
    "absolute-folder/secret",
    "absolute-folder/../outside/secret",
    "absolute-folder/folder",
    "relative",
    "relative-folder/secret",
    "relative-folder/folder/../secret",
    "parent/outside/secret",
    "parent/jail/../outside/secret",
    "d/up/outside/secret",
    "d/e/deep",
    "d/e/../up/outside/secret",
    "chain1",
    "chain2",
    "through",
    "through-self",
    "root/etc/passwd",
    "root/proc/self/root/etc/passwd",
    "dangling",
    "dangling-relative",
    "loop",
    "loop-a",
    "proc/0",
    "proc/3",
    "cwd/outside/secret",
    "slash",
    "slash/secret",
    "many",
    "\0/../../outside/secret",
    "..\\outside\\secret",
    "C:\\outside\\secret",
    "d/..\0/../outside/secret",
    ".../../outside/secret",
    "%2e%2e/outside/secret",
]


def tree(folder: Path) -> dict[str, Any]:
    """Everything about a folder that an escape could change."""
    found: dict[str, Any] = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (status.st_ino, status.st_mode, status.st_nlink, status.st_mtime_ns, content)
    return found


def test_there_are_enough_attempts() -> None:
    assert len(ESCAPES) >= 40


@pytest.mark.parametrize("path", ESCAPES)
def test_escapes(guest: "Guest", outside: Path, path: str) -> None:
    before = tree(outside)
    successes = []
    shown = []
    for oflags in (0, CREAT, CREAT | EXCL, TRUNC, CREAT | TRUNC, DIRECTORY):
        for follow in (0, 1):
            for rights in (2, 66):
                errno = guest.open_errno(path, oflags, follow=follow, rights=rights)
                if errno == "ESUCCESS":
                    successes.append(("path_open", oflags, follow, rights))
    attempts: list[tuple[Any, ...]] = [
        ("path_filestat_get", 3, 1, path),
        ("path_filestat_set_times", 3, 1, path, 1, 2, 5),
        ("path_create_directory", 3, path),
        ("path_create_directory", 3, f"{path}/new"),
        ("path_remove_directory", 3, path),
        ("path_remove_directory", 3, f"{path}/folder"),
        ("path_unlink_file", 3, f"{path}/secret"),
        ("path_link", 3, 1, path, 3, "linked"),
        ("path_link", 3, 0, "f", 3, f"{path}/linked"),
        ("path_rename", 3, f"{path}/secret", 3, "moved"),
        ("path_rename", 3, "f", 3, f"{path}/moved"),
        ("path_symlink", "f", 3, f"{path}/new"),
        ("path_readlink", 3, f"{path}/x", 100),
        ("path_symlink", f"/{path}", 3, "planted"),
    ]
    for attempt in attempts:
        if guest.errno(*attempt) == "ESUCCESS":
            successes.append(attempt)
        shown.append(guest.filled)
    # backslashes, dots and percent signs are plain characters here, so creating such a name inside is no escape
    plain = [one for one in ("..\\", "C:", "...", "%2e") if path.startswith(one)]
    assert not successes or plain, successes
    assert tree(outside) == before
    assert not any(SECRET in one for one in shown)
    assert SECRET not in guest.memory.data


@pytest.mark.parametrize("seed", range(10))
def test_random_paths_mean_what_they_mean_to_the_host(guest: "Guest", jail: Path, seed: int) -> None:
    """What is found is what the host finds; what is not found, the host does not find either, or it is outside."""
    choose = random.Random(seed)
    names = [entry.name for entry in jail.rglob("*")] + [
        "..",
        "..",
        "..",
        ".",
        "",
        "missing",
        "jail",
        "outside",
        "secret",
    ]
    numbers = {errno.ENOENT: "ENOENT", errno.ENOTDIR: "ENOTDIR", errno.ELOOP: "ELOOP"}
    found = 0
    for _ in range(1000):
        path = "/".join(choose.choice(names) for _ in range(choose.randint(1, 6))).lstrip("/") or "."
        try:
            expected: os.stat_result | str = os.stat(f"{jail}/{path}")
        except OSError as error:
            expected = numbers[error.errno or 0]
        refusal = guest.errno("path_filestat_get", 3, 1, path)
        if refusal != "ESUCCESS":
            # what is refused because it leads out may be anything outside
            assert refusal in ("EPERM", expected), path
            continue
        found += 1
        assert isinstance(expected, os.stat_result), path
        assert guest.call("path_filestat_get", 3, 1, path)[:2] == (expected.st_dev, expected.st_ino), path
        assert os.path.realpath(f"{jail}/{path}").startswith(str(jail)), path
    assert found > 5


@pytest.mark.parametrize("path", ["pipe", "socket"])
@pytest.mark.parametrize("rights", [2, 64, 66])
def test_pipes_and_sockets_are_not_opened_and_do_not_block(guest: "Guest", path: str, rights: int) -> None:
    assert guest.open_errno(path, rights=rights) == "EACCES"
    assert guest.open_errno(path, CREAT, rights=rights) == "EACCES"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="making a device needs root")
def test_devices_are_not_opened(guest: "Guest", jail: Path) -> None:
    try:
        os.mknod(jail / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device is not allowed here")
    assert guest.open_errno("zero", rights=66) == "EACCES"
    assert guest.call("path_filestat_get", 3, 1, "zero")[2] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
@pytest.mark.parametrize(
    "path", ["self/root/etc/passwd", "self/cwd", "self/fd/0", "self/fd/3", "thread-self/root", "self/exe"]
)
def test_links_of_proc_lead_nowhere(start: "Start", path: str) -> None:
    guest = start(mounts={"/proc": "/proc"})
    assert guest.open_errno(path, rights=2) in ("EPERM", "ENOENT")
    assert guest.open_errno(path, follow=0, rights=2) in ("EPERM", "ELOOP", "ENOENT")
    assert guest.open_errno(path, DIRECTORY, rights=2) in ("EPERM", "ENOENT")


def test_a_directory_is_a_jail_of_its_own(guest: "Guest") -> None:
    fd = guest.open("d/e", DIRECTORY)
    for path in ("..", "../..", "../../f", "../up", "./../e"):
        assert guest.errno("path_filestat_get", fd, 1, path) == "EPERM"


def test_a_directory_that_is_moved_out_does_not_lead_further(guest: "Guest", jail: Path, outside: Path) -> None:
    fd = guest.open("d/e", DIRECTORY)
    (jail / "d" / "e").rename(outside / "e")
    assert guest.open_errno("../secret", fd=fd) == "EPERM"
    assert guest.open_errno("../outside/secret") == "EPERM"


def test_hard_links_stay_inside(guest: "Guest", jail: Path, outside: Path) -> None:
    assert guest.errno("path_link", 3, 1, "absolute", 3, "mine") == "EPERM"
    # the link itself may have another name, which leads no further
    guest.call("path_link", 3, 0, "absolute", 3, "mine")
    assert guest.open_errno("mine") == "EPERM"
    assert (outside / "secret").stat().st_nlink == 1


def test_names_that_are_no_text_are_not_shown(start: "Start", tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    try:
        (Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))).touch()
    except OSError:
        pytest.skip("the host's file system has only names that are text")
    (folder / "ü").touch()
    assert start(mounts={"/": folder}).names() == ["ü"]


def test_readlink_does_not_tell_where_the_mount_is(guest: "Guest", outside: Path) -> None:
    assert guest.errno("path_readlink", 3, "absolute", 4096) == "EPERM"
    assert bytes(outside) not in guest.memory.data


READ_ONLY_CALLS: list[tuple[Any, ...]] = [
    ("path_create_directory", 3, "new"),
    ("path_filestat_set_times", 3, 0, "f", 1, 2, 5),
    ("path_link", 3, 0, "f", 3, "new"),
    ("path_remove_directory", 3, "d/e"),
    ("path_rename", 3, "f", 3, "new"),
    ("path_symlink", "f", 3, "new"),
    ("path_unlink_file", 3, "f"),
    ("fd_filestat_set_times", 3, 1, 2, 5),
]


@pytest.mark.parametrize("kind", ["host", "wrapped", "memory"])
def test_read_only(start: "Start", jail: Path, outside: Path, kind: str) -> None:
    from wasi import ReadOnly

    content = {"f": b"inside", "d/e/": b""}
    mount = {"host": HostDir(jail, readonly=True), "wrapped": ReadOnly(jail), "memory": ReadOnly(content)}[kind]
    guest = start(mounts={"/": mount})
    before = tree(jail)
    assert guest.read(guest.open("f", rights=2)) == b"inside"
    for call in READ_ONLY_CALLS:
        assert guest.errno(*call) == "EROFS", call
    for oflags in range(16):
        for rights in (2, 64, 66, 1 << 8, 1 << 22, -1):
            for fdflags in (0, 1):
                errno = guest.open_errno("f", oflags, rights=rights, fdflags=fdflags)
                if errno == "ESUCCESS":
                    assert not oflags & (TRUNC | DIRECTORY)
                    assert oflags & 5 != CREAT | EXCL
        assert guest.open_errno("new", oflags, rights=2) in ("EROFS", "ENOENT", "EINVAL")
    fd = guest.open("f", CREAT, rights=2)
    for name, *arguments in (
        ("fd_write", [b"x"]),
        ("fd_pwrite", [b"x"], 0),
        ("fd_allocate", 0, 100),
        ("fd_filestat_set_size", 0),
        ("fd_filestat_set_times", 1, 2, 5),
    ):
        assert guest.errno(name, fd, *arguments) in ("EROFS", "ENOTCAPABLE"), name
    # a directory below is as read-only as the mount
    below = guest.open("d", DIRECTORY, rights=(1 << 30) - 1 & ~(1 << 6 | 1 << 8 | 1 << 22))
    assert guest.errno("path_create_directory", below, "new") == "EROFS"
    assert guest.errno("fd_filestat_set_times", below, 1, 2, 5) == "EROFS"
    assert guest.open_errno("new", CREAT, fd=below) == "EROFS"
    assert tree(jail) == before


def test_programs_that_ask_for_too_much_can_read_from_a_read_only_mount(start: "Start", jail: Path) -> None:
    # Rust's library asks for rights to change times and to create files whenever it opens a file
    guest = start(mounts={"/": HostDir(jail, readonly=True)})
    much = (1 << 30) - 1 & ~(1 << 6 | 1 << 8 | 1 << 22)
    assert guest.read(guest.open("f", rights=much)) == b"inside"


@pytest.fixture
def swapping(jail: Path, outside: Path) -> "Iterator[None]":
    """Somebody who makes ``jail/swap`` a folder, a link to the outside, a folder, … as fast as possible."""
    (jail / "real").mkdir()
    (jail / "real" / "secret").write_bytes(b"decoy")
    link = jail / "evil"
    ended = threading.Event()

    def swap() -> None:
        here = jail / "swap"
        while not ended.is_set():
            link.symlink_to("../outside")
            os.rename(link, here)
            time.sleep(0)
            os.unlink(here)
            os.rename(jail / "real", here)
            time.sleep(0)
            os.rename(here, jail / "real")

    thread = threading.Thread(target=swap)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_race(guest: "Guest", outside: Path, swapping: None) -> None:
    before = tree(outside)
    opened = refused = 0
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for path, oflags in (
            ("swap/secret", 0),
            ("swap/secret", TRUNC),
            ("swap/planted", CREAT),
            ("swap/x/../secret", 0),
        ):
            try:
                fd = guest.open(path, oflags)
            except Exception:
                refused += 1
                continue
            opened += 1
            assert SECRET not in guest.read(fd)
            guest.write(fd, b"x")
            guest.call("fd_close", fd)
        for call in (
            ("path_create_directory", 3, "swap/new"),
            ("path_remove_directory", 3, "swap/folder"),
            ("path_rename", 3, "f", 3, "swap/f"),
            ("path_rename", 3, "swap/f", 3, "f"),
            ("path_link", 3, 0, "swap/secret", 3, "caught"),
            ("path_filestat_set_times", 3, 1, "swap/secret", 1, 2, 5),
            ("path_unlink_file", 3, "swap/planted"),
        ):
            guest.errno(*call)
    assert opened, "the race was none: the folder was never there"
    assert refused, "the race was none: the link was never there"
    assert tree(outside) == before


def test_race_at_the_last_name(guest: "Guest", jail: Path, outside: Path) -> None:
    """A file that becomes a link between the lookup and the open."""
    before = tree(outside)
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            (jail / "t1").write_bytes(b"decoy")
            os.rename(jail / "t1", jail / "victim")
            (jail / "t2").symlink_to("../outside/secret")
            os.rename(jail / "t2", jail / "victim")

    thread = threading.Thread(target=swap)
    thread.start()
    opened = 0
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for oflags in (0, TRUNC, CREAT):
                try:
                    fd = guest.open("victim", oflags)
                except Exception:
                    continue
                opened += 1
                assert SECRET not in guest.read(fd)
                guest.write(fd, b"x")
                guest.call("fd_close", fd)
    finally:
        ended.set()
        thread.join()
    assert opened
    assert tree(outside) == before


def test_the_link_is_found_when_a_file_turns_into_one(
    guest: "Guest", jail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same made certain: the swap happens exactly there, and the new link leads to a file inside."""
    look = host._require_file

    def swap(status: os.stat_result) -> None:
        look(status)
        monkeypatch.undo()
        (jail / "victim").unlink()
        (jail / "victim").symlink_to("f")

    (jail / "victim").write_bytes(b"before")
    monkeypatch.setattr(host, "_require_file", swap)
    assert guest.read(guest.open("victim")) == b"inside"
