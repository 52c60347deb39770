"""Error numbers of WASI preview 1 (its document, type ``errno``) and how errors of the host become such numbers."""

import errno as _host

from wasm_interp import TimeoutExpired

_LIST = """
    SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD CONNABORTED
    CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ INPROGRESS INTR INVAL
    IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV
    NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK
    NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE
    TIMEDOUT TXTBSY XDEV NOTCAPABLE
"""
#: Names in the order of their numbers, without the ``E`` that they are shown with; number 0 is success.
NAMES = tuple(_LIST.split())
_NUMBERS = {name: number for number, name in enumerate(NAMES)}

E2BIG = _NUMBERS["2BIG"]
EACCES = _NUMBERS["ACCES"]
EAGAIN = _NUMBERS["AGAIN"]
EBADF = _NUMBERS["BADF"]
EBUSY = _NUMBERS["BUSY"]
ECONNABORTED = _NUMBERS["CONNABORTED"]
EEXIST = _NUMBERS["EXIST"]
EFAULT = _NUMBERS["FAULT"]
EFBIG = _NUMBERS["FBIG"]
EILSEQ = _NUMBERS["ILSEQ"]
EINTR = _NUMBERS["INTR"]
EINVAL = _NUMBERS["INVAL"]
EIO = _NUMBERS["IO"]
EISDIR = _NUMBERS["ISDIR"]
ELOOP = _NUMBERS["LOOP"]
EMFILE = _NUMBERS["MFILE"]
EMLINK = _NUMBERS["MLINK"]
ENAMETOOLONG = _NUMBERS["NAMETOOLONG"]
ENOENT = _NUMBERS["NOENT"]
ENOMEM = _NUMBERS["NOMEM"]
ENOSPC = _NUMBERS["NOSPC"]
ENOSYS = _NUMBERS["NOSYS"]
ENOTCAPABLE = _NUMBERS["NOTCAPABLE"]
ENOTCONN = _NUMBERS["NOTCONN"]
ENOTDIR = _NUMBERS["NOTDIR"]
ENOTEMPTY = _NUMBERS["NOTEMPTY"]
ENOTSOCK = _NUMBERS["NOTSOCK"]
ENOTSUP = _NUMBERS["NOTSUP"]
EOVERFLOW = _NUMBERS["OVERFLOW"]
EPERM = _NUMBERS["PERM"]
EPIPE = _NUMBERS["PIPE"]
EROFS = _NUMBERS["ROFS"]
ESPIPE = _NUMBERS["SPIPE"]
ETIMEDOUT = _NUMBERS["TIMEDOUT"]
EXDEV = _NUMBERS["XDEV"]

# the host's numbers differ from system to system; the names do not
_FROM_HOST = {getattr(_host, f"E{name}"): number for name, number in _NUMBERS.items() if hasattr(_host, f"E{name}")}
_FROM_HOST[_host.EWOULDBLOCK] = EAGAIN
_FROM_HOST[getattr(_host, "EOPNOTSUPP", _host.EINVAL)] = ENOTSUP if hasattr(_host, "EOPNOTSUPP") else EINVAL

# errors raised by Python code without a number
_FROM_CLASS: "tuple[tuple[type[OSError], int], ...]" = (
    (FileNotFoundError, ENOENT),
    (FileExistsError, EEXIST),
    (NotADirectoryError, ENOTDIR),
    (IsADirectoryError, EISDIR),
    (PermissionError, EACCES),
    (BlockingIOError, EAGAIN),
    (BrokenPipeError, EPIPE),
    (ConnectionAbortedError, ECONNABORTED),
    (TimeoutError, ETIMEDOUT),
    (InterruptedError, EINTR),
)


class WasiError(Exception):
    """A WASI function fails: the guest gets the error number.

    A file system or a stream of one's own may raise it where an ``OSError`` would not do.

    Args:
        errno: a number of WASI, 1 … 76 (``wasi.errnos.ENOENT`` …), not one of the host.
    """

    def __init__(self, errno: int) -> None:
        super().__init__(f"E{NAMES[errno]}")
        self.errno = errno


def from_oserror(error: OSError) -> int:
    """The WASI error number for an error of the host; EIO where nothing else fits.

    TimeoutExpired is raised again: it is not the guest's to handle.
    """
    if isinstance(error, TimeoutExpired):
        raise error
    if error.errno is not None:
        return _FROM_HOST.get(error.errno, EIO)
    for cls, number in _FROM_CLASS:
        if isinstance(error, cls):
            return number
    return EIO


def number(error: "OSError | WasiError") -> int:
    """The WASI error number of either."""
    return error.errno if isinstance(error, WasiError) else from_oserror(error)
