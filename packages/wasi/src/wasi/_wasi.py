"""A program's world: arguments, environment, descriptors, clocks, randomness; what its WASI functions work on."""

import os

from wasm_interp import ExitError, HostFunction, function_of

from . import rights, streams
from .clocks import Clock
from .descriptors import Descriptors, DirectoryDescriptor
from .fs.base import FileSystem
from .randomness import generator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sized
    from socket import socket
    from types import TracebackType

    from wasm_interp import Instance

    from .randomness import Given
    from .sockets import SocketPolicy
    from .streams import Sink, Source
    from .trace import Trace

    Mount = str | os.PathLike[str] | FileSystem | Mapping[str, "bytes | str"]


#: What ``Wasi.memory`` is before anyone has called.
NO_MEMORY: "tuple[object, Sized, memoryview, int]" = (None, b"", memoryview(b""), 0)


class Wasi:
    """WASI preview 1 for one program: a host module, and the world that the program sees through it.

    Nothing is there that is not given: no file, no variable, no socket.

    Args:
        args: the arguments, the program's name first.
        env: the environment.
        stdin: ``"null"`` (nothing to read), ``"inherit"`` (this process's), bytes, a file object, a callable that is
            given a number of bytes and returns at most that many (none at the end), or a descriptor of the host.
        stdout, stderr: ``"capture"``, ``"inherit"``, ``"null"``, a file object, a callable that gets the bytes of each
            write, or a descriptor of the host; ``stderr="stdout"`` goes where stdout goes.
        mounts: what the guest finds where: the guest's path to a folder of the host, a ``FileSystem`` or a dict of path
            to content (which becomes a ``MemoryFS``).  They become descriptors 3, 4, … in this order.
        clock: a ``Clock``; the host's clocks by default.
        random: a seed, a ``random.Random`` or a callable that gives so many bytes; the host's randomness by default.
        sockets: listening or connected sockets, which become descriptors after the mounts.  They stay the caller's.
        socket_policy: decides what may be done with sockets; everything by default.
        trace: names of groups of functions, separated by commas ("wasi" for all; fs, clock, random, poll, sock, proc),
            or a ``Trace``; each call is then shown on stderr (or where the Trace says).

    Raises:
        TypeError, ValueError: an argument is none of what it can be; a NUL in an argument or a variable.
        OSError: a folder to mount is not there.

    Attributes:
        exit_code: with what the program exited, None as long as it did not.
        descriptors: the table of descriptors.
    """

    def __init__(
        self,
        args: "Iterable[str | bytes]" = (),
        env: "Mapping[str, str] | Iterable[tuple[str, str]]" = (),
        stdin: "Source" = "null",
        stdout: "Sink" = "capture",
        stderr: "Sink" = "capture",
        mounts: "Mapping[str, Mount]" = {},  # noqa: B006  # only read
        clock: "Clock | None" = None,
        random: "Given" = None,
        sockets: "Iterable[socket]" = (),
        trace: "str | Trace | None" = None,
        *,
        socket_policy: "SocketPolicy | None" = None,
    ) -> None:
        pairs: Iterable[tuple[str, str]] = env.items() if hasattr(env, "items") else env
        self.args = [_string(arg) for arg in args]
        self.environ = [_variable(name, value) for name, value in pairs]
        self.clock = clock if clock is not None else Clock()
        self.random = generator(random)
        self.exit_code: int | None = None
        #: the instance that called last, its memory, the view of it and its size in bytes
        self.memory: tuple[object, Sized, memoryview, int] = NO_MEMORY
        self.descriptors = Descriptors()
        if isinstance(trace, str):
            from .trace import Trace

            trace = Trace(trace)
        self._trace = trace
        self._streams: dict[str, streams.Capture] = {}
        self._policy = socket_policy
        try:
            self._open(stdin, stdout, stderr, mounts, sockets)
        except BaseException:
            self.close()
            raise

    def _open(
        self,
        stdin: "Source",
        stdout: "Sink",
        stderr: "Sink",
        mounts: "Mapping[str, Mount]",
        sockets: "Iterable[socket]",
    ) -> None:
        out = streams.sink(stdout, "stdout")
        err = streams.shared(out) if stderr == "stdout" else streams.sink(stderr, "stderr")
        for descriptor in (streams.source(stdin), out, err):
            self.descriptors.add(descriptor)
        for name, stream in (("stdout", out), ("stderr", err)):
            if isinstance(stream, streams.Capture):
                self._streams[name] = stream
        for guest, given in mounts.items():
            fs = file_system(given)
            directory = fs.root()
            self.descriptors.add(
                DirectoryDescriptor(
                    directory, directory, rights.DIRECTORY, rights.ALL, readonly=fs.readonly, preopen=_string(guest)
                )
            )
        for socket in sockets:
            from .sockets import descriptor as socket_descriptor

            self.descriptors.add(socket_descriptor(socket, self._policy))

    def imports(self, name: str = "wasi_snapshot_preview1") -> "dict[str, HostFunction]":
        """The functions, by name, to be imported under this module name.

        Args:
            name: ``"wasi_snapshot_preview1"`` (46 functions) or ``"wasi_unstable"`` (45, with its own numbers and
                layouts).

        Raises:
            ValueError: for another name.
        """
        from .preview1 import functions

        calls: dict[str, HostFunction] = {}
        for row, call in functions(self, name):
            traced = self._trace.wrap(row, call) if self._trace is not None else call
            calls[row.name] = HostFunction(row.type, traced, name=row.name, caller=True)
        return calls

    def start(self, instance: "Instance") -> int:
        """Runs a program: its ``_start``, or ``_initialize`` of a library ("reactor").

        Returns:
            The exit code: 0 if it returns, what it says if it exits.

        Raises:
            ExitError: the program has exited before.
            ValueError: the instance exports neither.
            Exception: traps and exceptions of host functions pass through.
        """
        if self.exit_code is not None:
            raise self.exited()
        entry = next((name for name in ("_start", "_initialize") if name in instance.exports), None)
        function = function_of(instance.exports[entry]) if entry is not None else None
        if function is None:
            raise ValueError("the module exports neither _start nor _initialize, so it is no WASI program")
        try:
            function()
        except ExitError as ended:
            return ended.code
        return 0

    def exited(self, *, first: bool = False) -> ExitError:
        """The error that ends a program, or that is raised when a program is used that has ended."""
        code = self.exit_code or 0
        return ExitError(code) if first else ExitError(code, f"the program has exited before, with code {code}")

    @property
    def captured(self) -> "dict[str, bytes]":
        """What was written to stdout and stderr, as far as they are captured, by these names."""
        return {name: stream.data.getvalue() for name, stream in self._streams.items()}

    @property
    def stdout_bytes(self) -> bytes:
        """What was written to stdout so far.  Raises ValueError unless it is captured."""
        return self._captured("stdout")

    @property
    def stderr_bytes(self) -> bytes:
        """What was written to stderr so far.  Raises ValueError unless it is captured."""
        return self._captured("stderr")

    def _captured(self, name: str) -> bytes:
        if name not in self._streams:
            raise ValueError(f"{name} is not captured")
        return self._streams[name].data.getvalue()

    def close(self) -> None:
        """Closes all descriptors.  What was captured stays; file objects are flushed and stay open.

        Raises the first error, OSError or a file object's own, after all have been closed.
        """
        self.memory = NO_MEMORY
        first: Exception | None = None
        while self.descriptors.open:
            try:
                self.descriptors.close(next(iter(self.descriptors.open)))
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def __enter__(self) -> "Wasi":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", where: "TracebackType | None"
    ) -> None:
        self.close()


def _string(given: "str | bytes") -> bytes:
    """As C has it: bytes without a NUL."""
    data = given if isinstance(given, bytes) else os.fspath(given).encode("utf-8", "surrogateescape")
    if 0 in data:
        raise ValueError(f"{given!r} holds a NUL")
    return data


def _variable(name: str, value: str) -> bytes:
    if not name or "=" in name:
        raise ValueError(f"{name!r} is not a name of a variable")
    return _string(name) + b"=" + _string(value)


def file_system(given: "Mount") -> FileSystem:
    """The file system that a mount means.  Raises TypeError for what is none."""
    if isinstance(given, FileSystem):
        return given
    if isinstance(given, (str, os.PathLike)):
        from .fs.host import HostDir

        return HostDir(given)
    if hasattr(given, "items"):
        from .fs.memory import MemoryFS

        return MemoryFS(given)
    raise TypeError(f"a mount is a folder, a FileSystem or a dict, not {type(given).__name__}")
