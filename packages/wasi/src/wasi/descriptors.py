"""Descriptors: what an fd number of the guest stands for, and the table of them."""

from . import flags
from .errnos import EBADF, EINVAL, EMFILE, ENOTCAPABLE, ENOTSOCK, ENOTSUP, EOVERFLOW, EROFS, WasiError
from .fs.base import Stat
from .rights import ALL, DIRECTORY, FILE, MUTATING, WRITE_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fs.base import Directory, Entry, File

    Buffers = list[memoryview]


class Descriptor:
    """What all kinds of descriptors have in common.

    Attributes:
        filetype: a number of ``flags.FILETYPES``.
        flags: the fdflags that are set.
        rights, inheriting: what can be done with it, and with what is opened through it.
        readonly: it belongs to a mount that is not to be written to.
    """

    readonly = False

    def __init__(self, filetype: int, rights: int, inheriting: int = 0, fdflags: int = 0) -> None:
        self.filetype = filetype
        self.rights = rights
        self.inheriting = inheriting
        self.flags = fdflags

    def refusal(self, rights: int) -> int:
        """The errno for one who lacks one of these rights: EROFS if it is the mount that has no right to give."""
        missing = rights & ~self.rights & MUTATING & ~WRITE_DATA
        return EROFS if self.readonly and missing else ENOTCAPABLE

    def require(self, rights: int) -> None:
        """Raises WasiError unless the descriptor has all of these rights."""
        if rights & ~self.rights:
            raise WasiError(self.refusal(rights))

    def set_flags(self, fdflags: int) -> None:
        self.flags = fdflags

    def stat(self) -> Stat:
        return Stat(self.filetype)

    def read(self, buffers: "Buffers") -> int:
        raise WasiError(ENOTSUP)

    def write(self, buffers: "Buffers") -> int:
        raise WasiError(ENOTSUP)

    def sync(self, data_only: bool) -> None:
        pass

    def set_times(self, atim: "int | None", mtim: "int | None") -> None:
        raise WasiError(ENOTSUP)

    def accept(self) -> "Descriptor":
        raise WasiError(ENOTSOCK)

    def receive(self, buffers: "Buffers", riflags: int) -> "tuple[int, int]":
        raise WasiError(ENOTSOCK)

    def send(self, buffers: "Buffers") -> int:
        raise WasiError(ENOTSOCK)

    def shutdown(self, sdflags: int) -> None:
        raise WasiError(ENOTSOCK)

    def ready(self, event: int) -> "int | None":
        """How many bytes can be read (written) without waiting; None: the host knows, ask it about ``fileno()``."""
        return 1

    def fileno(self) -> int:
        """The host's descriptor to wait for."""
        raise WasiError(ENOTSUP)

    def close(self) -> None:
        pass


class FileDescriptor(Descriptor):
    """An open regular file with its position, in bytes."""

    def __init__(self, file: "File", rights: int, fdflags: int, readonly: bool) -> None:
        super().__init__(flags.REGULAR_FILE, rights & FILE, 0, fdflags)
        self.file = file
        self.position = 0
        self.readonly = readonly

    def stat(self) -> Stat:
        return self.file.stat()

    def read(self, buffers: "Buffers") -> int:
        done = self.file.readv(buffers, self.position)
        self.position += done
        return done

    def write(self, buffers: "Buffers") -> int:
        if self.flags & flags.APPEND:
            done = self.file.append(buffers)
            self.position = self.file.stat().size
        else:
            done = self.file.writev(buffers, self.position)
            self.position += done
        self._written()
        return done

    def pwrite(self, buffers: "Buffers", offset: int) -> int:
        done = self.file.writev(buffers, offset)
        self._written()
        return done

    def _written(self) -> None:
        # the flags may be set after the file was opened, which the host's own flags could not follow
        if self.flags & (flags.SYNC | flags.DSYNC):
            self.file.sync(not self.flags & flags.SYNC)

    def seek(self, offset: int, whence: int) -> int:
        base = 0
        if whence == flags.CUR:
            base = self.position
        elif whence == flags.END:
            base = self.file.stat().size
        position = base + offset
        if position < 0:
            raise WasiError(EINVAL)
        if position >> 63:
            raise WasiError(EOVERFLOW)
        self.position = position
        return position

    def sync(self, data_only: bool) -> None:
        self.file.sync(data_only)

    def set_times(self, atim: "int | None", mtim: "int | None") -> None:
        self.file.set_times(atim, mtim)

    def ready(self, event: int) -> "int | None":
        if event == flags.EVENT_FD_READ:
            return max(self.file.stat().size - self.position, 0)
        return 1

    def close(self) -> None:
        self.file.close()


class DirectoryDescriptor(Descriptor):
    """An open directory.

    Attributes:
        mount: what tells mounts apart; a link or a rename does not lead from one to another.
        preopen: the name under which the guest was given it, None for one that it opened itself.
        listing: what fd_readdir's cookies count, taken when the guest starts to read.
    """

    def __init__(
        self,
        directory: "Directory",
        mount: object,
        rights: int = DIRECTORY,
        inheriting: int = ALL,
        fdflags: int = 0,
        *,
        readonly: bool = False,
        preopen: "bytes | None" = None,
    ) -> None:
        super().__init__(flags.DIRECTORY, rights & DIRECTORY, inheriting, fdflags)
        if readonly:
            self.rights &= ~MUTATING
        self.directory = directory
        self.mount = mount
        self.readonly = readonly
        self.preopen = preopen
        self.listing: list[Entry] | None = None

    def stat(self) -> Stat:
        stat = self.directory.lookup(".")
        if stat is None:
            raise WasiError(EBADF)
        return stat

    def sync(self, data_only: bool) -> None:
        self.directory.sync()

    def set_times(self, atim: "int | None", mtim: "int | None") -> None:
        self.directory.set_times(".", atim, mtim)

    def close(self) -> None:
        self.directory.close()


class Descriptors:
    """The table of descriptors.  A new one gets the lowest free number, as POSIX has it."""

    #: How many a guest may have open at a time.
    LIMIT = 1 << 16

    def __init__(self) -> None:
        #: by number; the functions look here themselves, because every call does
        self.open: dict[int, Descriptor] = {}
        self._lowest = 0

    def get(self, fd: int) -> Descriptor:
        """Raises WasiError EBADF if that number is not open."""
        descriptor = self.open.get(fd)
        if descriptor is None:
            raise WasiError(EBADF)
        return descriptor

    def add(self, descriptor: Descriptor) -> int:
        """Gives the descriptor the lowest free number; closes it and raises WasiError EMFILE if there is none."""
        fd = self._lowest
        while fd in self.open:
            fd += 1
        if fd >= self.LIMIT:
            descriptor.close()
            raise WasiError(EMFILE)
        self.open[fd] = descriptor
        self._lowest = fd + 1
        return fd

    def close(self, fd: int) -> None:
        """The number is free again even where closing fails.  Raises WasiError EBADF, OSError."""
        descriptor = self.get(fd)
        del self.open[fd]
        self._lowest = min(self._lowest, fd)
        descriptor.close()

    def renumber(self, fd: int, to: int) -> None:
        """Moves the descriptor of ``fd`` to ``to``, which is closed first (document, ``fd_renumber``)."""
        descriptor, replaced = self.get(fd), self.get(to)
        if fd != to:
            self.open[to] = descriptor
            del self.open[fd]
            self._lowest = min(self._lowest, fd)
            replaced.close()

    def __iter__(self) -> "Iterator[int]":
        return iter(sorted(self.open))
