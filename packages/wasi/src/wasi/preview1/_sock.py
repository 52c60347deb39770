"""sock_accept, sock_recv, sock_send, sock_shutdown.  What is no socket says ENOTSOCK, before rights are looked at."""

from .. import flags
from ..errnos import EINVAL, ENOTSOCK, WasiError
from ..rights import FD_READ, FD_WRITE, SOCK_ACCEPT, SOCK_SHUTDOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi
    from ..descriptors import Descriptor

    Buffers = list[memoryview]


def _socket(descriptor: "Descriptor", rights: int) -> "Descriptor":
    if descriptor.filetype not in (flags.SOCKET_STREAM, flags.SOCKET_DGRAM):
        raise WasiError(ENOTSOCK)
    descriptor.require(rights)
    return descriptor


def sock_accept(wasi: "Wasi", fd: "Descriptor", fdflags: int) -> int:
    connection = _socket(fd, SOCK_ACCEPT).accept()
    connection.flags = fdflags
    return wasi.descriptors.add(connection)


def sock_recv(wasi: "Wasi", fd: "Descriptor", buffers: "Buffers", riflags: int) -> "tuple[int, int]":
    return _socket(fd, FD_READ).receive(buffers, riflags)


def sock_send(wasi: "Wasi", fd: "Descriptor", buffers: "Buffers", siflags: int) -> int:
    return _socket(fd, FD_WRITE).send(buffers)


def sock_shutdown(wasi: "Wasi", fd: "Descriptor", sdflags: int) -> None:
    if not sdflags:
        raise WasiError(EINVAL)
    _socket(fd, SOCK_SHUTDOWN).shutdown(sdflags)
