"""Sockets that the host hands in: listening ones, on which the guest accepts, and connected ones."""

import socket as _socket

from . import flags
from .descriptors import Descriptor
from .errnos import EACCES, EAGAIN, WasiError
from .poll import in_time
from .rights import CONNECTION, LISTENER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Buffers = list[memoryview]

_IOV_MAX = 1024
_NOSIGNAL = getattr(_socket, "MSG_NOSIGNAL", 0)
_DONTWAIT = getattr(_socket, "MSG_DONTWAIT", 0)


class SocketPolicy:
    """Decides what a guest may do with its sockets.  This one allows everything; a subclass says otherwise.

    What is refused fails with EACCES; a connection that is refused is closed.
    """

    def accept(self, listener: _socket.socket, address: "Any") -> bool:
        """Whether a connection from this address (as ``socket.accept`` gives it) is let in."""
        return True

    def receive(self, connection: _socket.socket, size: int) -> bool:
        """Whether at most ``size`` bytes may be received."""
        return True

    def send(self, connection: _socket.socket, size: int) -> bool:
        """Whether ``size`` bytes may be sent."""
        return True

    def shutdown(self, connection: _socket.socket, how: int) -> bool:
        """Whether the connection may be shut down; ``how`` is ``flags.SHUT_RD``, ``SHUT_WR`` or both."""
        return True


class _Socket(Descriptor):
    def __init__(self, socket: _socket.socket, rights: int, policy: SocketPolicy, *, owned: bool) -> None:
        stream = socket.type == _socket.SOCK_STREAM
        super().__init__(flags.SOCKET_STREAM if stream else flags.SOCKET_DGRAM, rights)
        self.socket = socket
        self.policy = policy
        self._owned = owned

    def ready(self, event: int) -> None:
        return None

    def fileno(self) -> int:
        return self.socket.fileno()

    def check(self, allowed: bool) -> None:
        if not allowed:
            raise WasiError(EACCES)

    def wait(self, *, writing: bool = False) -> bool:
        """Raises WasiError EAGAIN if the guest does not want to wait and would have to.  Whether there is a deadline;
        then the socket is ready.

        The flag is kept here: the host's own belongs to all who share the socket.
        """
        if self.flags & flags.NONBLOCK:
            import select

            if not any(select.select([] if writing else [self.socket], [self.socket] if writing else [], [], 0)):
                raise WasiError(EAGAIN)
        return in_time(self.socket, writing=writing)

    def close(self) -> None:
        if self._owned:
            self.socket.close()


class Listener(_Socket):
    """A listening socket."""

    def accept(self) -> "Connection":
        """The next connection.  Raises WasiError EAGAIN, EACCES, OSError."""
        self.wait()
        connection, address = self.socket.accept()
        if not self.policy.accept(self.socket, address):
            connection.close()
            raise WasiError(EACCES)
        connection.setblocking(True)
        return Connection(connection, CONNECTION, self.policy, owned=True)


class Connection(_Socket):
    """A connected socket."""

    def read(self, buffers: "Buffers") -> int:
        return self.receive(buffers, 0)[0]

    def receive(self, buffers: "Buffers", riflags: int) -> "tuple[int, int]":
        """Bytes received, and roflags.  Raises WasiError EAGAIN, EACCES, OSError."""
        self.check(self.policy.receive(self.socket, sum(map(len, buffers))))
        if not buffers:
            return 0, 0
        limited = self.wait()
        how = _socket.MSG_PEEK if riflags & flags.RECV_PEEK else 0
        if riflags & flags.RECV_WAITALL and not limited:  # as when a signal had come
            how |= _socket.MSG_WAITALL
        if hasattr(self.socket, "recvmsg_into"):
            count, _, found, _ = self.socket.recvmsg_into(buffers[:_IOV_MAX], 0, how)
            return count, flags.RECV_DATA_TRUNCATED if found & _socket.MSG_TRUNC else 0
        return self.socket.recv_into(buffers[0], 0, how), 0

    def write(self, buffers: "Buffers") -> int:
        return self.send(buffers)

    def send(self, buffers: "Buffers") -> int:
        self.check(self.policy.send(self.socket, sum(map(len, buffers))))
        how = _NOSIGNAL | (_DONTWAIT if self.wait(writing=True) else 0)
        if hasattr(self.socket, "sendmsg"):
            return self.socket.sendmsg(buffers[:_IOV_MAX], [], how)
        return self.socket.send(b"".join(buffers))

    def shutdown(self, sdflags: int) -> None:
        """Raises WasiError EACCES, OSError (ENOTCONN)."""
        self.check(self.policy.shutdown(self.socket, sdflags))
        how = {1: _socket.SHUT_RD, 2: _socket.SHUT_WR, 3: _socket.SHUT_RDWR}[sdflags]
        self.socket.shutdown(how)


def descriptor(socket: _socket.socket, policy: "SocketPolicy | None") -> Descriptor:
    """The descriptor for a socket of the host, which stays its.  Raises TypeError, ValueError (closed)."""
    if not isinstance(socket, _socket.socket):
        raise TypeError(f"a socket is wanted, not {type(socket).__name__}")
    if socket.fileno() < 0:
        raise ValueError("the socket is closed")
    policy = policy or SocketPolicy()
    try:
        listening = bool(socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN))
    except (OSError, AttributeError):
        listening = False
    if listening:
        return Listener(socket, LISTENER, policy, owned=False)
    return Connection(socket, CONNECTION, policy, owned=False)
