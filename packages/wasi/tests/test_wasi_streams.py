"""stdin, stdout and stderr: everything that Python has for a source or a sink of bytes."""

import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Guest, Start

DATA = "für\nzwei\n".encode()


class Reader:
    """The least that a file to read from can be."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


def everything(guest: "Guest", size: int = 3) -> bytes:
    found = b""
    while part := guest.read(0, size):
        found += part
    return found


SOURCES: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: DATA,
    "bytearray": lambda path: bytearray(DATA),
    "memoryview": lambda path: memoryview(DATA),
    "BytesIO": lambda path: io.BytesIO(DATA),
    "StringIO": lambda path: io.StringIO(DATA.decode()),
    "binary file": lambda path: open(path, "rb"),  # noqa: SIM115  # the test closes it
    "raw file": lambda path: open(path, "rb", buffering=0),  # noqa: SIM115  # the test closes it
    "text file": lambda path: open(path, encoding="utf-8"),  # noqa: SIM115  # the test closes it
    "file with read": lambda path: Reader(DATA),
    "callable": lambda path: Reader(DATA).read,
    "callable of text": lambda path: io.StringIO(DATA.decode()).read,
    "descriptor": lambda path: os.open(path, os.O_RDONLY),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_stdin(start: "Start", tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "in"
    path.write_bytes(DATA)
    given = SOURCES[kind](path)
    assert everything(start(stdin=given), size) == DATA
    if isinstance(given, int):
        os.close(given)
    elif hasattr(given, "close"):
        given.close()


def test_text_keeps_its_encoding(start: "Start", tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b"f\xfcr\n")
    with open(path, encoding="latin-1") as file:
        assert everything(start(stdin=file)) == b"f\xfcr\n"
    with open(path, "w", encoding="latin-1") as file:
        guest = start(stdout=file)
        guest.write(1, b"f\xfc", b"r\n")
        guest.wasi.close()
    assert path.read_bytes() == b"f\xfcr\n"


def test_stdin_fills_several_buffers(start: "Start") -> None:
    for given in (DATA, Reader(DATA).read):
        guest = start(stdin=given)
        assert guest.call("fd_read", 0, [2, 0, 100]) == len(DATA)
        assert guest.filled[: len(DATA)] == DATA
    assert start(stdin=DATA).call("fd_read", 0, []) == 0


def test_a_callable_may_give_more_than_it_is_asked_for(start: "Start") -> None:
    left = iter([b"abcdefgh", b"ij", b""])
    assert everything(start(stdin=lambda size: next(left))) == b"abcdefghij"


def test_nothing_to_read_yet(start: "Start") -> None:
    assert start(stdin=lambda size: None).errno("fd_read", 0, [1]) == "EAGAIN"
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as file, open(writing, "wb"):
        assert start(stdin=file).errno("fd_read", 0, [1]) == "EAGAIN"
        guest = start(stdin=reading)
        assert guest.errno("fd_read", 0, [1]) == "EAGAIN"


def test_non_blocking_by_the_guest_leaves_the_host_alone(start: "Start") -> None:
    reading, writing = os.pipe()
    try:
        guest = start(stdin=reading, stdout=writing)
        guest.call("fd_fdstat_set_flags", 0, 4)
        guest.call("fd_fdstat_set_flags", 1, 4)
        assert guest.errno("fd_read", 0, [1]) == "EAGAIN"
        assert os.get_blocking(reading)
        assert os.get_blocking(writing)
        guest.write(1, b"x")
        assert guest.read(0) == b"x"
        assert [guest.errno("fd_write", 1, [bytes(4096)]) for _ in range(1000)][-1] == "EAGAIN"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_capture(start: "Start", name: str) -> None:
    guest = start()
    fd = {"stdout": 1, "stderr": 2}[name]
    assert guest.write(fd, b"a", b"bc") == 3
    assert guest.write(fd, b"\xff") == 1
    assert guest.wasi.captured == {"stdout": b"", "stderr": b""} | {name: b"abc\xff"}
    assert getattr(guest.wasi, f"{name}_bytes") == b"abc\xff"
    guest.wasi.close()
    assert guest.wasi.captured[name] == b"abc\xff"


def test_not_captured(start: "Start") -> None:
    guest = start(stdout="null", stderr="null")
    assert guest.write(1, b"x") == 1
    assert guest.wasi.captured == {}
    with pytest.raises(ValueError, match="not captured"):
        _ = guest.wasi.stdout_bytes


def test_stderr_goes_where_stdout_goes(start: "Start") -> None:
    guest = start(stderr="stdout")
    guest.write(1, b"a")
    guest.write(2, b"b")
    guest.write(1, b"c")
    assert guest.wasi.stdout_bytes == b"abc"
    guest.call("fd_close", 1)
    assert guest.write(2, b"d") == 1


def test_sinks(start: "Start", tmp_path: Path) -> None:
    parts: list[bytes] = []
    guest = start(stdout=parts.append)
    guest.write(1, b"a", b"b")
    guest.write(1)
    guest.write(1, b"c")
    assert parts == [b"ab", b"c"]

    binary = io.BytesIO()
    start(stdout=binary).write(1, b"a", b"\xff")
    assert binary.getvalue() == b"a\xff"

    class Writer:
        def __init__(self) -> None:
            self.parts: list[object] = []

        def write(self, data: object) -> None:
            self.parts.append(data)

    writer = Writer()
    start(stdout=writer).write(1, b"a", b"b")
    assert writer.parts == [b"a", b"b"]

    path = tmp_path / "out"
    options: Any
    for options in ({"mode": "wb"}, {"mode": "wb", "buffering": 0}, {"mode": "w", "encoding": "utf-8"}):
        with open(path, **options) as opened:
            guest = start(stdout=opened)
            guest.write(1, b"x" * 10, b"\xff")
            guest.wasi.close()
            assert not opened.closed
        assert path.read_bytes() == b"x" * 10 + b"\xff"
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    start(stdout=fd).write(1, b"a", b"b")
    os.close(fd)
    assert path.read_bytes() == b"ab"


def test_text_without_bytes_below(start: "Start") -> None:
    text = io.StringIO()
    guest = start(stdout=text)
    guest.write(1, b"f\xc3")
    assert text.getvalue() == "f"
    guest.write(1, b"\xbcr\xff\xe2")
    assert text.getvalue() == "für\N{REPLACEMENT CHARACTER}"
    guest.wasi.close()
    assert text.getvalue() == "für\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def test_the_text_that_is_buffered_comes_first(start: "Start", tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="utf-8") as file:
        guest = start(stdout=file)
        file.write("before ")
        guest.write(1, b"guest")
        file.write(" after")
    assert (tmp_path / "out").read_bytes() == b"before guest after"


def test_inherit(start: "Start", capfd: pytest.CaptureFixture[str]) -> None:
    guest = start(stdout="inherit", stderr="inherit")
    guest.write(1, b"out\n")
    guest.write(2, b"err\n")
    guest.wasi.close()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("out\n", "err\n")


def test_inherit_means_the_object_that_took_the_place(start: "Start", monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    guest = start(stdin="inherit", stdout="inherit")
    guest.write(1, guest.read(0))
    assert out.getvalue() == "typed\n"
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stderr", None)
    guest = start(stdin="inherit", stderr="inherit")
    assert guest.read(0) == b""
    assert guest.write(2, b"x") == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"stdin": "text"}, ValueError),
        ({"stdin": None}, TypeError),
        ({"stdin": 1.5}, TypeError),
        ({"stdout": "out.txt"}, ValueError),
        ({"stderr": "stdin"}, ValueError),
        ({"stdout": None}, TypeError),
        ({"stdin": 12345}, OSError),
        ({"mounts": {"/": 5}}, TypeError),
        ({"mounts": {"/": "/no such folder"}}, FileNotFoundError),
        ({"trace": "files"}, ValueError),
    ],
)
def test_what_is_no_stream(start: "Start", options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        start(**options)


def test_exceptions_of_the_host_pass_through(start: "Start") -> None:
    def broken(data: bytes) -> None:
        raise RuntimeError("the host's own")

    with pytest.raises(RuntimeError, match="the host's own"):
        start(stdout=broken).write(1, b"x")


def test_oserror_becomes_an_errno(start: "Start") -> None:
    reading, writing = os.pipe()
    os.close(reading)
    guest = start(stdout=writing)
    assert guest.errno("fd_write", 1, [b"x"]) == "EPIPE"
    os.close(writing)
    assert guest.errno("fd_write", 1, [b"x"]) == "EBADF"


def test_types_of_streams(start: "Start", tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fd = os.open(tmp_path / "f", os.O_CREAT | os.O_WRONLY)
    guest = start(stdin=reading, stdout=fd)
    assert [guest.call("fd_fdstat_get", n)[0] for n in range(3)] == [0, 4, 0]
    assert guest.call("fd_filestat_get", 1)[2] == 4
    for n in range(3):
        # a program takes what cannot seek for a terminal only if it is a character device
        assert guest.errno("fd_seek", n, 0, 0) == "ENOTCAPABLE"
        assert guest.errno("fd_tell", n) == "ENOTCAPABLE"
    assert guest.errno("fd_write", 0, [b"x"]) == "ENOTCAPABLE"
    assert guest.errno("fd_read", 1, [1]) == "ENOTCAPABLE"
    for closing in (reading, writing, fd):
        os.close(closing)

    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    assert start(stdin=Terminal()).call("fd_fdstat_get", 0)[0] == 2


def test_a_blocking_read_lets_other_threads_run(start: "Start") -> None:
    reading, writing = os.pipe()
    guest = start(stdin=reading)
    threading.Timer(0.05, lambda: os.write(writing, b"late")).start()
    assert guest.read(0) == b"late"
    os.close(reading)
    os.close(writing)


def test_large_writes(start: "Start") -> None:
    guest = start()
    data = bytes(range(256)) * 1024
    assert guest.write(1, data) == len(data)
    assert guest.wasi.stdout_bytes == data


def test_closing_goes_on_after_an_error(start: "Start", tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def flush(self) -> None:
            raise OSError(28, "full")

    guest = start(stdout=Broken(), mounts={"/": tmp_path})
    guest.open("a", 1)
    with pytest.raises(OSError, match="full"):
        guest.wasi.close()
    assert not guest.wasi.descriptors.open
    guest.wasi.close()
