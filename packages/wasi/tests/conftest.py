"""A guest without an engine: memory and calls, so that each function can be tested by itself."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wasi import Wasi
from wasi.errnos import NAMES
from wasi.flags import O_DIRECTORY
from wasi.preview1._abi import PARAMS, RESULTS, Row
from wasi.preview1._table import rows
from wasi.rights import DIRECTORY

GUESTS = Path(__file__).parent / "guests"


class Refused(Exception):
    """A function gave an errno; ``str`` is its name."""


class _Memory:
    def __init__(self, size: int) -> None:
        self.data = bytearray(size)

    def __len__(self) -> int:
        return len(self.data)

    def view(self) -> memoryview:
        return memoryview(self.data)


class Guest:
    """Calls WASI functions with Python values and gives back what they store.

    Strings and buffers are put into memory: a ``string`` parameter takes text or bytes, ``ciovecs`` a list of bytes,
    ``iovecs`` and ``buffer`` a list of sizes or a size, whose content is in ``filled`` afterwards.  A tuple
    ``(pointer, length)`` and, for ``pointer``, an int go through as they are.
    """

    def __init__(self, wasi: Wasi, module: str = "wasi_snapshot_preview1", size: int = 1 << 20) -> None:
        self.wasi = wasi
        self.memory = _Memory(size)
        self.exports: dict[str, object] = {}
        self._functions = wasi.imports(module)
        self._rows: dict[str, Row] = {row.name: row for row in rows(module)}
        self.filled = b""

    def raw(self, name: str, *arguments: int) -> int:
        """The errno of a call with plain arguments."""
        result = self._functions[name].call(self, *arguments)
        assert isinstance(result, int)
        return result

    def call(self, name: str, *arguments: Any) -> Any:
        """The result (a tuple of several; None without any).  Raises Refused."""
        row = self._rows[name]
        given = list(arguments)
        plain: list[int] = []
        spans: list[tuple[int, int]] = []
        at = 1024

        def put(data: bytes) -> int:
            nonlocal at
            self.memory.data[at : at + len(data)] = data
            start, at = at, at + len(data)
            return start

        for _, kind, _ in row.params:
            if not PARAMS[kind].wasm:
                continue
            value = given.pop(0)
            if isinstance(value, tuple):
                plain += value
            elif kind == "string":
                data = value.encode() if isinstance(value, str) else value
                plain += [put(data), len(data)]
            elif kind == "buffer":
                spans.append((put(bytes(value)), value))
                plain += spans[-1]
            elif kind in ("iovecs", "ciovecs"):
                parts = [(put(bytes(one)), len(bytes(one))) for one in value]
                if kind == "iovecs":
                    spans += parts
                at = (at + 7) & ~7
                plain += [put(b"".join(struct.pack("<II", *part) for part in parts)), len(parts)]
            else:
                plain.append(value)
        assert not given, "too many arguments"
        at = (at + 7) & ~7
        places = []
        for _, kind in row.results:
            places.append(at)
            at += (RESULTS[kind].struct.size + 7) & ~7
        errno = self.raw(name, *plain, *places)
        self.filled = b"".join(self.memory.data[start : start + length] for start, length in spans)
        if errno:
            raise Refused(f"E{NAMES[errno]}")
        values: list[Any] = []
        for (_, kind), place in zip(row.results, places, strict=True):
            found = RESULTS[kind].struct.unpack_from(self.memory.data, place)
            values.append(found[0] if len(found) == 1 else found)
        return None if not values else values[0] if len(values) == 1 else tuple(values)

    def errno(self, name: str, *arguments: Any) -> str:
        """The name of the errno of a call: "ESUCCESS", "ENOENT", …"""
        try:
            self.call(name, *arguments)
        except Refused as refused:
            return str(refused)
        return "ESUCCESS"

    def open(
        self, path: str | bytes, oflags: int = 0, *, rights: int = -1, fdflags: int = 0, fd: int = 3, follow: int = 1
    ) -> int:
        """``path_open``, with all rights that what is opened can have, unless told otherwise."""
        if rights == -1 and oflags & O_DIRECTORY:
            rights = DIRECTORY
        result = self.call("path_open", fd, follow, path, oflags, rights, -1, fdflags)
        assert isinstance(result, int)
        return result

    def open_errno(self, path: str | bytes, oflags: int = 0, **options: Any) -> str:
        """The name of the errno of ``open``."""
        try:
            self.open(path, oflags, **options)
        except Refused as refused:
            return str(refused)
        return "ESUCCESS"

    def read(self, fd: int, size: int = 1 << 16) -> bytes:
        """What one ``fd_read`` gives."""
        done = self.call("fd_read", fd, [size])
        return self.filled[:done]

    def write(self, fd: int, *parts: bytes) -> int:
        """How much one ``fd_write`` writes."""
        done = self.call("fd_write", fd, list(parts))
        assert isinstance(done, int)
        return done

    def names(self, fd: int = 3, room: int = 4096) -> list[str]:
        """What ``fd_readdir`` lists, apart from "." and ".."."""
        found = []
        cookie = 0
        while True:
            used = self.call("fd_readdir", fd, room, cookie)
            data = self.filled[:used]
            at = 0
            while at + 24 <= used:
                following, _, length, _ = struct.unpack_from("<QQIB", data, at)
                if at + 24 + length > used:
                    break
                found.append(data[at + 24 : at + 24 + length].decode())
                cookie, at = following, at + 24 + length
            if used < room:
                return [name for name in found if name not in (".", "..")]


class Start:
    """Makes guests; they are closed after the test."""

    def __init__(self) -> None:
        self._made: list[Wasi] = []

    def __call__(self, *, module: str = "wasi_snapshot_preview1", **options: Any) -> Guest:
        wasi = Wasi(**options)
        self._made.append(wasi)
        return Guest(wasi, module)

    def close(self) -> None:
        for wasi in self._made:
            wasi.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """``start(mounts=…)``: a guest of a new ``Wasi``."""
    maker = Start()
    yield maker
    maker.close()


@pytest.fixture
def guests() -> Path:
    """The folder of the programs that were built from C."""
    return GUESTS
