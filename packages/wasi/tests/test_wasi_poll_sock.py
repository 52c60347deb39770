"""poll_oneoff and sockets."""

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from wasi import FixedClock, SocketPolicy, SteppingClock, errnos
from wasi.rights import rights

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Guest, Start

MS = 1_000_000
Event = tuple[int, str, int, int, int]


def poll(guest: "Guest", *wishes: tuple[Any, ...]) -> list[Event]:
    """Events as (userdata, errno, type, nbytes, flags).  A wish is ("clock", id, timeout, flags) or (type, fd)."""
    unstable = "sock_accept" not in guest._functions
    at = 0
    for userdata, wish in enumerate(wishes, 100):
        if wish[0] == "clock":
            _, clock, timeout, subflags = wish
            identifier = b"\0" * 8 if unstable else b""
            record = (
                struct.pack("<QB7x", userdata, 0) + identifier + struct.pack("<I4xQQH6x", clock, timeout, 1, subflags)
            )
        else:
            kind = {"read": 1, "write": 2}.get(wish[0], wish[0])
            record = struct.pack("<QB7xI", userdata, kind, wish[1] & 0xFFFFFFFF).ljust(56 if unstable else 48, b"\0")
        guest.memory.data[at : at + len(record)] = record
        at += len(record)
    errno = guest.raw("poll_oneoff", 0, 10_000, len(wishes), 9_000)
    if errno:
        raise OSError(errnos.NAMES[errno])
    (count,) = struct.unpack_from("<I", guest.memory.data, 9_000)
    events = []
    for i in range(count):
        userdata, error, kind, nbytes, flags = struct.unpack_from("<QHB5xQH6x", guest.memory.data, 10_000 + 32 * i)
        events.append((userdata, errnos.NAMES[error], kind, nbytes, flags))
    return events


@pytest.fixture(params=["wasi_snapshot_preview1", "wasi_unstable"])
def module(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


@pytest.mark.parametrize("clock", [0, 1])
def test_relative_clock(start: "Start", module: str, clock: int) -> None:
    guest = start(module=module)
    before = time.monotonic_ns()
    assert poll(guest, ("clock", clock, 20 * MS, 0)) == [(100, "SUCCESS", 0, 0, 0)]
    assert time.monotonic_ns() - before >= 19 * MS


@pytest.mark.parametrize(("clock", "now"), [(0, time.time_ns), (1, time.monotonic_ns)])
def test_absolute_clock(start: "Start", module: str, clock: int, now: Any) -> None:
    guest = start(module=module)
    due = now() + 20 * MS
    assert poll(guest, ("clock", clock, due, 1)) == [(100, "SUCCESS", 0, 0, 0)]
    assert now() >= due - MS
    assert poll(guest, ("clock", clock, 5, 1)) == [(100, "SUCCESS", 0, 0, 0)], "long ago"


def test_the_first_of_several_clocks(start: "Start") -> None:
    guest = start(clock=SteppingClock(0, step=0))
    wishes = [("clock", 1, 50, 0), ("clock", 1, 20, 0), ("clock", 0, 20, 1), ("clock", 1, 21, 0)]
    assert [event[0] for event in poll(guest, *wishes)] == [101, 102]
    assert guest.call("clock_time_get", 1, 0) == 20


def test_a_clock_that_stands_still(start: "Start") -> None:
    guest = start(clock=FixedClock(7))
    assert [event[0] for event in poll(guest, ("clock", 1, 10**18, 0))] == [100]
    assert guest.call("clock_time_get", 1, 0) == 7


@pytest.mark.parametrize(
    ("wish", "errno"),
    [
        (("clock", 2, 5, 0), "NOTSUP"),
        (("clock", 3, 5, 0), "NOTSUP"),
        (("clock", 4, 5, 0), "INVAL"),
        (("clock", 1, 5, 2), "INVAL"),
        (("read", 99), "BADF"),
        (("write", -1), "BADF"),
        (("read", 1), "NOTCAPABLE"),
        (("write", 0), "NOTCAPABLE"),
        (("read", 3), "NOTCAPABLE"),
    ],
)
def test_what_cannot_be_waited_for_is_an_event(start: "Start", wish: tuple[Any, ...], errno: str) -> None:
    guest = start(mounts={"/": {}})
    (event,) = poll(guest, wish, ("clock", 1, 10**15, 0))
    assert event[:2] == (100, errno)


def test_calls_that_fail(start: "Start") -> None:
    guest = start()
    with pytest.raises(OSError, match="INVAL"):
        poll(guest)
    with pytest.raises(OSError, match="INVAL"):
        poll(guest, (3, 0))


def test_files_are_ready(start: "Start") -> None:
    guest = start(mounts={"/": {"a": b"hello"}}, stdin=b"abc")
    fd = guest.open("a")
    guest.read(fd, 2)
    events = poll(guest, ("read", fd), ("write", fd), ("read", 0), ("write", 1), ("clock", 1, 10**15, 0))
    assert [event[:4] for event in events] == [
        (100, "SUCCESS", 1, 3),
        (101, "SUCCESS", 2, 1),
        (102, "SUCCESS", 1, 3),
        (103, "SUCCESS", 2, 1),
    ]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_pipes(start: "Start", module: str, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    guest = start(module=module, stdin=reading, stdout=writing)
    assert [event[0] for event in poll(guest, ("read", 0), ("clock", 1, 5 * MS, 0))] == [101]
    assert [event[0] for event in poll(guest, ("read", 0), ("write", 1))] == [101]
    guest.write(1, b"abc")
    assert poll(guest, ("read", 0), ("clock", 1, 10**15, 0)) == [(100, "SUCCESS", 1, 3, 0)]
    assert {event[0] for event in poll(guest, ("read", 0), ("write", 1))} == {100, 101}
    os.close(writing)
    guest.read(0)
    (event,) = poll(guest, ("read", 0))
    assert event == (100, "SUCCESS", 1, 0, 1), "hangup"


def test_a_full_pipe_is_not_ready(start: "Start", pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(4096))
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    guest = start(stdin=reading, stdout=writing)
    assert [event[0] for event in poll(guest, ("write", 1), ("clock", 1, 5 * MS, 0))] == [101]
    assert [event[0] for event in poll(guest, ("write", 1), ("read", 0))] == [101]


def test_one_wait_for_all(start: "Start", pipe: tuple[int, int]) -> None:
    """Something that comes while one waits ends the wait, whichever of them it is."""
    reading, writing = pipe
    one, other = socket.socketpair()
    with one, other:
        guest = start(stdin=reading, sockets=[one])
        wishes = (("read", 0), ("read", 3), ("clock", 1, 10**15, 0))
        threading.Timer(0.03, lambda: other.send(b"xy")).start()
        assert poll(guest, *wishes) == [(101, "SUCCESS", 1, 2, 0)]
        guest.read(3)
        threading.Timer(0.03, lambda: os.write(writing, b"z")).start()
        assert poll(guest, *wishes) == [(100, "SUCCESS", 1, 1, 0)]


def test_descriptors_with_a_clock_that_is_not_real(start: "Start", pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    guest = start(stdin=reading, stdout=writing, clock=SteppingClock(0, step=0))
    assert [event[0] for event in poll(guest, ("read", 0), ("clock", 1, 10**15, 0))] == [101]
    assert guest.call("clock_time_get", 1, 0) == 10**15
    guest.write(1, b"x")
    assert [event[0] for event in poll(guest, ("read", 0), ("clock", 1, 10**15, 0))] == [100]


@pytest.mark.skipif(sys.platform == "win32", reason="no setitimer")
@pytest.mark.parametrize("wishes", [[("clock", 1, 10**15, 0)], [("read", 0), ("clock", 0, 10**15, 0)], [("read", 0)]])
def test_ctrl_c_ends_a_wait(start: "Start", pipe: tuple[int, int], wishes: list[Any]) -> None:
    guest = start(stdin=pipe[0])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            poll(guest, *wishes)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_run_during_a_wait(start: "Start") -> None:
    guest = start()
    ran = threading.Event()
    threading.Timer(0.01, ran.set).start()
    poll(guest, ("clock", 1, 200 * MS, 0))
    assert ran.is_set()


def test_connection(start: "Start") -> None:
    one, other = socket.socketpair()
    with one, other:
        guest = start(sockets=[one])
        assert guest.call("fd_fdstat_get", 3)[0] == 6
        assert guest.call("fd_filestat_get", 3)[2] == 6
        assert guest.call("sock_send", 3, [b"he", b"llo"], 0) == 5
        assert other.recv(10) == b"hello"
        assert guest.write(3, b"a", b"b") == 2
        assert other.recv(10) == b"ab"
        other.send(b"abcdef")
        assert guest.call("sock_recv", 3, [2, 2], 1) == (4, 0), "peek"
        assert guest.call("sock_recv", 3, [2, 2], 0) == (4, 0)
        assert guest.filled == b"abcd"
        assert guest.read(3, 10) == b"ef"
        assert guest.call("sock_recv", 3, [], 0) == (0, 0)
        assert guest.errno("sock_send", 3, [b"x"], 1) == "EINVAL"
        assert guest.errno("sock_recv", 3, [1], 4) == "EINVAL"


def test_wait_for_all_of_it(start: "Start") -> None:
    one, other = socket.socketpair()
    with one, other:
        guest = start(sockets=[one])
        other.send(b"abc")
        threading.Timer(0.03, lambda: other.send(b"def")).start()
        assert guest.call("sock_recv", 3, [4, 2], 2) == (6, 0)
        assert guest.filled == b"abcdef"


def test_a_datagram_that_is_cut_off(start: "Start") -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        guest = start(sockets=[one])
        assert guest.call("fd_fdstat_get", 3)[0] == 5
        other.send(b"abcdef")
        other.send(b"gh")
        assert guest.call("sock_recv", 3, [4], 0) == (4, 1)
        assert guest.call("sock_recv", 3, [4], 0) == (2, 0)


def test_shutdown(start: "Start") -> None:
    one, other = socket.socketpair()
    with one, other:
        guest = start(sockets=[one])
        assert guest.errno("sock_shutdown", 3, 0) == "EINVAL"
        assert guest.errno("sock_shutdown", 3, 4) == "EINVAL"
        guest.call("sock_shutdown", 3, 2)
        assert other.recv(10) == b""
        assert guest.errno("sock_send", 3, [b"x"], 0) == "EPIPE"
        guest.call("sock_shutdown", 3, 1)
        assert guest.read(3) == b""


def test_not_connected(start: "Start") -> None:
    with socket.socket() as alone:
        guest = start(sockets=[alone])
        assert guest.errno("sock_recv", 3, [1], 0) == "ENOTCONN"
        assert guest.errno("sock_shutdown", 3, 3) == "ENOTCONN"


@pytest.mark.parametrize(
    "call", [("sock_recv", [1], 0), ("sock_send", [b"x"], 0), ("sock_shutdown", 3), ("sock_accept", 0)]
)
def test_what_is_no_socket(start: "Start", call: tuple[Any, ...]) -> None:
    guest = start(mounts={"/": {"a": b""}})
    fd = guest.open("a")
    for which, errno in ((0, "ENOTSOCK"), (1, "ENOTSOCK"), (3, "ENOTSOCK"), (fd, "ENOTSOCK"), (99, "EBADF")):
        assert guest.errno(call[0], which, *call[1:]) == errno


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_accept(start: "Start", listener: socket.socket) -> None:
    guest = start(mounts={"/": {}}, sockets=[listener])
    assert guest.errno("fd_prestat_get", 4) == "EBADF", "programs look for folders until here"
    guest.call("fd_fdstat_set_flags", 4, 4)
    assert guest.errno("sock_accept", 4, 0) == "EAGAIN"
    guest.call("fd_fdstat_set_flags", 4, 0)
    assert [event[0] for event in poll(guest, ("read", 4), ("clock", 1, MS, 0))][-1:] == [101]
    with socket.create_connection(listener.getsockname()) as client:
        assert [event[0] for event in poll(guest, ("read", 4))] == [100]
        fd = guest.call("sock_accept", 4, 4)
        assert fd == 5
        assert guest.call("fd_fdstat_get", fd)[:2] == (6, 4)
        assert guest.errno("fd_read", fd, [1]) == "EAGAIN"
        client.sendall(b"ping")
        poll(guest, ("read", fd))
        assert guest.read(fd) == b"ping"
        guest.write(fd, b"pong")
        assert client.recv(10) == b"pong"
        guest.call("fd_close", fd)
        assert client.recv(10) == b""
    assert guest.errno("sock_recv", 4, [1], 0) == "ENOTCAPABLE"
    assert guest.errno("fd_read", 4, [1]) == "ENOTCAPABLE"
    guest.wasi.close()
    assert listener.fileno() >= 0, "it stays the caller's"


def test_rights_of_sockets(start: "Start", listener: socket.socket) -> None:
    one, other = socket.socketpair()
    with one, other:
        guest = start(sockets=[one, listener])
        guest.call("fd_fdstat_set_rights", 3, rights("fd_read"), 0)
        assert guest.errno("sock_send", 3, [b"x"], 0) == "ENOTCAPABLE"
        assert guest.errno("sock_shutdown", 3, 1) == "ENOTCAPABLE"
        guest.call("fd_fdstat_set_rights", 4, 0, 0)
        assert guest.errno("sock_accept", 4, 0) == "ENOTCAPABLE"
        assert poll(guest, ("read", 3))[0][1] == "NOTCAPABLE"


def test_policy(start: "Start", listener: socket.socket) -> None:
    class Careful(SocketPolicy):
        sent = 0

        def accept(self, listener: socket.socket, address: Any) -> bool:
            return bool(address[1] == allowed)

        def send(self, connection: socket.socket, size: int) -> bool:
            self.sent += size
            return self.sent <= 4

        def receive(self, connection: socket.socket, size: int) -> bool:
            return False

        def shutdown(self, connection: socket.socket, how: int) -> bool:
            return how == 2

    guest = start(sockets=[listener], socket_policy=Careful())
    with socket.create_connection(listener.getsockname()) as refused:
        allowed = 0
        assert guest.errno("sock_accept", 3, 0) == "EACCES"
        assert refused.recv(1) == b""
    with socket.create_connection(listener.getsockname()) as client:
        allowed = client.getsockname()[1]
        fd = guest.call("sock_accept", 3, 0)
        assert guest.write(fd, b"four") == 4
        assert guest.errno("sock_send", fd, [b"x"], 0) == "EACCES"
        assert guest.errno("fd_read", fd, [1]) == "EACCES"
        assert guest.errno("sock_shutdown", fd, 3) == "EACCES"
        assert guest.errno("sock_shutdown", fd, 2) == "ESUCCESS"


def test_what_is_no_socket_to_hand_in(start: "Start") -> None:
    with pytest.raises(TypeError):
        start(sockets=[5])
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        start(sockets=[closed])
