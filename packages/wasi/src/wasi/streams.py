"""stdin, stdout and stderr: whatever Python has for a source or a sink of bytes, as a descriptor.

Bytes of the guest pass unchanged.  A text file gets and gives text: what lies between is its encoding, UTF-8 if it has
none.
"""

import os
import sys
from io import BytesIO

from . import flags
from .descriptors import Descriptor
from .errnos import EAGAIN, WasiError
from .fs.base import Stat
from .fs.host import host_filetype, host_stat
from .poll import in_time
from .rights import STREAM_IN, STREAM_OUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from collections.abc import Callable
    from typing import Any

    #: What ``Wasi`` takes as stdin …
    Source = str | bytes | bytearray | memoryview | int | Callable[[int], bytes | str] | Any
    #: … and as stdout or stderr.
    Sink = str | int | Callable[[bytes], object] | Any
    Buffers = list[memoryview]

#: The most buffers that one system call takes.
_IOV_MAX = 1024
#: The most that a callable is asked for at a time, in bytes.
_CHUNK = 1 << 16
#: What a pipe that is ready takes without a wait, in bytes (POSIX, PIPE_BUF).
_AT_ONCE = 512


class _BytesInput(Descriptor):
    """Bytes, then the end."""

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        super().__init__(flags.UNKNOWN, STREAM_IN)
        self._rest = memoryview(data).cast("B")

    def read(self, buffers: "Buffers") -> int:
        done = 0
        for buffer in buffers:
            some = self._rest[: len(buffer)]
            buffer[: len(some)] = some
            self._rest = self._rest[len(some) :]
            done += len(some)
        return done

    def ready(self, event: int) -> int:
        return len(self._rest)


class _CalledInput(Descriptor):
    """A callable that is asked for at most so many bytes and gives some, or none at the end; a text file's too."""

    def __init__(self, call: "Callable[[int], Any]", encoding: str = "utf-8", filetype: int = flags.UNKNOWN) -> None:
        super().__init__(filetype, STREAM_IN)
        self._call = call
        self._encoding = encoding
        self._rest = memoryview(b"")

    def read(self, buffers: "Buffers") -> int:
        if not self._rest and buffers:
            data = self._call(min(sum(map(len, buffers)), _CHUNK))
            if data is None:
                raise WasiError(EAGAIN)
            self._rest = memoryview(data.encode(self._encoding) if isinstance(data, str) else bytes(data))
        done = 0
        for buffer in buffers:
            some = self._rest[: len(buffer)]
            buffer[: len(some)] = some
            self._rest = self._rest[len(some) :]
            done += len(some)
        return done


class _FileInput(Descriptor):
    """A binary file object that reads into a buffer."""

    def __init__(self, readinto: "Callable[[memoryview], int | None]", filetype: int) -> None:
        super().__init__(filetype, STREAM_IN)
        self._readinto = readinto

    def read(self, buffers: "Buffers") -> int:
        # one call, because a second could wait although there is something to give
        count = self._readinto(buffers[0]) if buffers else 0
        if count is None:
            raise WasiError(EAGAIN)
        return count


class _HostInput(Descriptor):
    """A descriptor of the host."""

    def __init__(self, fd: int) -> None:
        super().__init__(host_filetype(os.fstat(fd).st_mode), STREAM_IN)
        self._fd = fd

    def stat(self) -> Stat:
        return host_stat(os.fstat(self._fd))

    def read(self, buffers: "Buffers") -> int:
        if not buffers:
            return 0
        if self.flags & flags.NONBLOCK and not _ready(self._fd, writing=False):
            # the host's own flag belongs to all who share the descriptor, so it is left alone
            raise WasiError(EAGAIN)
        in_time(self._fd)
        if hasattr(os, "readv"):
            return os.readv(self._fd, buffers[:_IOV_MAX])
        data = os.read(self._fd, len(buffers[0]))
        buffers[0][: len(data)] = data
        return len(data)

    def ready(self, event: int) -> None:
        return None

    def fileno(self) -> int:
        return self._fd


class _Output(Descriptor):
    def __init__(self, filetype: int = flags.UNKNOWN) -> None:
        super().__init__(filetype, STREAM_OUT)

    def write(self, buffers: "Buffers") -> int:
        for buffer in buffers:
            self.put(buffer)
        return sum(map(len, buffers))

    def put(self, buffer: memoryview) -> None:
        """Takes all of it."""


class Capture(_Output):
    """What was written, kept in memory as ``data``."""

    def __init__(self) -> None:
        super().__init__()
        self.data = BytesIO()  # which PyPy makes longer much faster than a bytearray

    def put(self, buffer: memoryview) -> None:
        self.data.write(buffer)


class _CalledOutput(_Output):
    """A callable that gets the bytes of each write."""

    def __init__(self, call: "Callable[[bytes], object]") -> None:
        super().__init__()
        self._call = call

    def write(self, buffers: "Buffers") -> int:
        data = b"".join(buffers)
        if data:
            self._call(data)
        return len(data)


class _FileOutput(_Output):
    """A binary file object.  ``text``, if given, is the text file on top of it, whose own output comes first."""

    def __init__(self, file: "Any", filetype: int, text: "Any" = None) -> None:
        super().__init__(filetype)
        self._file = file
        self._text = text
        self._flush = filetype == flags.CHARACTER_DEVICE or text is not None

    def write(self, buffers: "Buffers") -> int:
        if self._text is not None:
            self._text.flush()
        done = 0
        for buffer in buffers:
            data = bytes(buffer)  # the file may keep it; the guest's memory changes
            while data:
                count = self._file.write(data)
                if count is None:
                    if isinstance(self._file, _raw_base()):  # it would have to wait
                        if done:
                            return done
                        raise WasiError(EAGAIN)
                    count = len(data)  # a file object that does not say
                done += count
                data = data[count:]
        if self._flush:
            self.sync(True)
        return done

    def sync(self, data_only: bool) -> None:
        flush = getattr(self._file, "flush", None)
        if flush is not None and not getattr(self._file, "closed", False):
            flush()

    def close(self) -> None:
        self.sync(True)


class _TextOutput(_Output):
    """A text file without bytes below it (``io.StringIO``, a notebook's output)."""

    def __init__(self, file: "Any", filetype: int) -> None:
        import codecs

        super().__init__(filetype)
        self._file = file
        encoding = getattr(file, "encoding", None) or "utf-8"
        self._decoder: IncrementalDecoder = codecs.getincrementaldecoder(encoding)("replace")

    def write(self, buffers: "Buffers") -> int:
        data = b"".join(buffers)
        text = self._decoder.decode(data)
        if text:
            self._file.write(text)
        return len(data)

    def close(self) -> None:
        if not getattr(self._file, "closed", False):
            rest = self._decoder.decode(b"", True)
            if rest:
                self._file.write(rest)
            flush = getattr(self._file, "flush", None)
            if flush is not None:
                flush()


class _HostOutput(_Output):
    """A descriptor of the host.  ``before`` is called before each write, to keep what Python has buffered in order."""

    def __init__(self, fd: int, before: "Callable[[], object] | None" = None) -> None:
        super().__init__(host_filetype(os.fstat(fd).st_mode))
        self._fd = fd
        self._before = before

    def stat(self) -> Stat:
        return host_stat(os.fstat(self._fd))

    def write(self, buffers: "Buffers") -> int:
        if self._before is not None:
            self._before()
        if not buffers:
            return 0
        if self.flags & flags.NONBLOCK and not _ready(self._fd, writing=True):
            raise WasiError(EAGAIN)
        if self.filetype != flags.REGULAR_FILE and in_time(self._fd, writing=True):
            return os.write(self._fd, buffers[0][:_AT_ONCE])
        if hasattr(os, "writev"):
            return os.writev(self._fd, buffers[:_IOV_MAX])
        return os.write(self._fd, buffers[0])

    def ready(self, event: int) -> None:
        return None

    def fileno(self) -> int:
        return self._fd


class _Shared(Descriptor):
    """Another descriptor under a second number, with flags and rights of its own."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__(descriptor.filetype, descriptor.rights)
        self._descriptor = descriptor

    def write(self, buffers: "Buffers") -> int:
        return self._descriptor.write(buffers)

    def stat(self) -> Stat:
        return self._descriptor.stat()

    def sync(self, data_only: bool) -> None:
        self._descriptor.sync(data_only)

    def ready(self, event: int) -> "int | None":
        return self._descriptor.ready(event)

    def fileno(self) -> int:
        return self._descriptor.fileno()

    def close(self) -> None:
        self._descriptor.close()  # which only flushes, so that it may happen twice


def source(given: "Source") -> Descriptor:
    """The descriptor for a ``stdin`` of ``Wasi``.  Raises TypeError or ValueError for what is none."""
    if isinstance(given, str):
        if given == "null":
            return _BytesInput(b"")
        if given == "inherit":
            return _inherited(0, sys.stdin, source, _HostInput)
        raise ValueError(f'stdin is "null" or "inherit" (text to read is given as bytes), not {given!r}')
    if isinstance(given, (bytes, bytearray, memoryview)):
        return _BytesInput(given)
    if isinstance(given, int):
        return _HostInput(given)
    file: Any = given
    if _is_text(file):
        # by lines, so that a terminal or a pipe gives what it has
        return _CalledInput(file.readline, getattr(file, "encoding", None) or "utf-8", _filetype(given))
    readinto = getattr(given, "readinto1", None) or getattr(given, "readinto", None)
    if readinto is not None:
        return _FileInput(readinto, _filetype(given))
    read = getattr(given, "read1", None) or getattr(given, "read", None)
    if read is not None:
        return _CalledInput(read, filetype=_filetype(given))
    if callable(given):
        return _CalledInput(given)
    raise TypeError(f"stdin is text, bytes, a file, a callable or a descriptor, not {type(given).__name__}")


def sink(given: "Sink", name: str) -> Descriptor:
    """The descriptor for a ``stdout`` or ``stderr`` of ``Wasi``.  Raises TypeError or ValueError for what is none."""
    if isinstance(given, str):
        if given == "capture":
            return Capture()
        if given == "null":
            return _Output()
        if given == "inherit":
            stream = sys.stdout if name == "stdout" else sys.stderr
            return _inherited(1 if name == "stdout" else 2, stream, lambda file: sink(file, name), _HostOutput)
        raise ValueError(f'{name} is "capture", "inherit" or "null", not {given!r}')
    if isinstance(given, int):
        return _HostOutput(given)
    if hasattr(given, "write"):
        if _is_text(given):
            below = getattr(given, "buffer", None)
            if below is not None:
                return _FileOutput(below, _filetype(given), given)
            return _TextOutput(given, _filetype(given))
        return _FileOutput(given, _filetype(given))
    if callable(given):
        return _CalledOutput(given)
    raise TypeError(f"{name} is text, a file, a callable or a descriptor, not {type(given).__name__}")


def shared(descriptor: Descriptor) -> Descriptor:
    """stderr that goes where stdout goes."""
    return _Shared(descriptor)


def _inherited(
    fd: int, file: "Any", otherwise: "Callable[[Any], Descriptor]", host: "Callable[..., Descriptor]"
) -> Descriptor:
    """Python's own stream: its descriptor if it has its usual one, else the object that took its place."""
    if file is None:
        return _Output() if fd else _BytesInput(b"")
    try:
        usual = file.fileno() == fd
    except (OSError, ValueError, AttributeError):
        usual = False
    if not usual:
        return otherwise(file)
    return host(fd, file.flush) if fd else host(fd)


def _is_text(file: "Any") -> bool:
    from io import TextIOBase

    return isinstance(file, TextIOBase) or (hasattr(file, "encoding") and hasattr(file, "errors"))


def _raw_base() -> type:
    from io import RawIOBase

    return RawIOBase


def _filetype(file: "Any") -> int:
    isatty = getattr(file, "isatty", None)
    return flags.CHARACTER_DEVICE if isatty is not None and isatty() else flags.UNKNOWN


def _ready(fd: int, *, writing: bool) -> bool:
    import select

    return any(select.select([] if writing else [fd], [fd] if writing else [], [], 0))
