"""What a file system is to WASI: directories that are asked for one name at a time, and open files.

Paths are walked by ``wasi.fs.resolve`` alone, so that every file system has the same jail.  Errors are raised as
``OSError`` with a number of the host or as a plain subclass (``FileNotFoundError``), or as ``WasiError``.
"""

from .. import flags
from ..errnos import EINVAL, ENOSYS, ENOTDIR, EROFS, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Buffers = list[memoryview]
    Entry = tuple[str, int, int]  # name, inode, file type


class Stat:
    """The attributes of a file (WASI document, record ``filestat``): size in bytes, times in nanoseconds since 1970."""

    __slots__ = ("atim", "ctim", "dev", "filetype", "ino", "mtim", "nlink", "size")

    def __init__(
        self,
        filetype: int,
        size: int = 0,
        *,
        ino: int = 0,
        nlink: int = 1,
        dev: int = 0,
        atim: int = 0,
        mtim: int = 0,
        ctim: int = 0,
    ) -> None:
        self.filetype = filetype
        self.size = size
        self.ino = ino
        self.nlink = nlink
        self.dev = dev
        self.atim = atim
        self.mtim = mtim
        self.ctim = ctim

    def __repr__(self) -> str:
        return f"Stat({flags.FILETYPES[self.filetype]}, size={self.size}, ino={self.ino})"


class File:
    """An open regular file.  A subclass has ``size`` and ``read``, and ``write`` and ``truncate`` if it is writable."""

    def size(self) -> int:
        """The size in bytes."""
        raise WasiError(ENOSYS)

    def read(self, offset: int, size: int) -> "bytes | memoryview":
        """At most ``size`` bytes from ``offset``; fewer only at the end of the file."""
        raise WasiError(ENOSYS)

    def write(self, offset: int, data: bytes) -> int:
        """Writes at ``offset``, with zeros before it if the file is shorter; how many bytes were written."""
        raise WasiError(EROFS)

    def truncate(self, size: int) -> None:
        """Makes the file ``size`` bytes long; new bytes are zeros."""
        raise WasiError(EROFS)

    # What follows has defaults that are enough for most.

    def stat(self) -> Stat:
        """The attributes."""
        return Stat(flags.REGULAR_FILE, self.size())

    def readv(self, buffers: "Buffers", offset: int) -> int:
        """Fills the buffers from ``offset`` on; how many bytes were read."""
        done = 0
        for buffer in buffers:
            data = self.read(offset + done, len(buffer))
            buffer[: len(data)] = data
            done += len(data)
            if len(data) < len(buffer):
                break
        return done

    def writev(self, buffers: "Buffers", offset: int) -> int:
        """Writes the buffers to ``offset``; how many bytes were written."""
        return self.write(offset, b"".join(buffers))

    def append(self, buffers: "Buffers") -> int:
        """Writes the buffers to the end; how many bytes were written."""
        return self.writev(buffers, self.stat().size)

    def allocate(self, offset: int, length: int) -> None:
        """Makes sure that there is room up to ``offset + length``; never makes the file shorter."""
        if offset + length > self.stat().size:
            self.truncate(offset + length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Takes advice (``flags.ADVICES``) or leaves it."""

    def set_times(self, atim: "int | None", mtim: "int | None") -> None:
        """Sets the times, in nanoseconds since 1970; None leaves one as it is."""
        raise WasiError(EROFS)

    def sync(self, data_only: bool) -> None:
        """Makes what was written durable."""

    def close(self) -> None:
        """The file is not used any more."""


class BytesFile(File):
    """A read-only file over bytes."""

    def __init__(self, data: "bytes | memoryview", stat: "Stat | None" = None) -> None:
        self._data = memoryview(data)
        self._stat = stat or Stat(flags.REGULAR_FILE, len(data))

    def size(self) -> int:
        return len(self._data)

    def stat(self) -> Stat:
        return self._stat

    def read(self, offset: int, size: int) -> memoryview:
        return self._data[offset : offset + size]


class Directory:
    """An open directory.  ``name`` is always the name of one entry, or "." for the directory itself where that is said.

    No method follows a symbolic link: that is what holds a guest in its mount.
    """

    def lookup(self, name: str) -> "Stat | None":
        """The attributes of the entry (of the link itself, if it is one) or of "."; None if there is no such entry."""
        raise WasiError(ENOSYS)

    def entries(self) -> "Iterable[Entry]":
        """Name, inode and file type of each entry, without "." and ".."."""
        raise WasiError(ENOSYS)

    def open_directory(self, name: str) -> "Directory":
        """The directory, or this one again for "."; ENOTDIR or ELOOP for anything else, a symbolic link included."""
        raise WasiError(ENOSYS)

    def open_file(self, name: str, *, read: bool, write: bool, create: bool = False, exclusive: bool = False) -> File:
        """The regular file; ELOOP for a symbolic link, EACCES for a device, a pipe or a socket."""
        raise WasiError(ENOSYS)

    def readlink(self, name: str) -> str:
        """What the symbolic link says; EINVAL if it is none."""
        raise WasiError(EINVAL)

    def mkdir(self, name: str) -> None:
        raise WasiError(EROFS)

    def rmdir(self, name: str) -> None:
        raise WasiError(EROFS)

    def unlink(self, name: str) -> None:
        raise WasiError(EROFS)

    def symlink(self, target: str, name: str) -> None:
        raise WasiError(EROFS)

    def link(self, name: str, directory: "Directory", new_name: str) -> None:
        """A second name for a file; ``directory`` is of the same file system, here and in ``rename``."""
        raise WasiError(EROFS)

    def rename(self, name: str, directory: "Directory", new_name: str) -> None:
        raise WasiError(EROFS)

    def set_times(self, name: str, atim: "int | None", mtim: "int | None") -> None:
        """As ``File.set_times``, for the entry or for "."."""
        raise WasiError(EROFS)

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass


class FileSystem:
    """A file system of one's own.

    A subclass has ``stat``, ``listdir`` and ``open``; what it leaves out of the rest answers that the file system is
    read-only.  Paths are relative to its root, with ``/`` between names, without ``.``, ``..`` or symbolic links on the
    way; the root is the empty path.
    """

    #: Whether a mount of it refuses every change by itself.
    readonly = False

    def stat(self, path: str) -> Stat:
        """The attributes; raises FileNotFoundError."""
        raise FileNotFoundError(path)

    def listdir(self, path: str) -> "Iterable[str]":
        """The names in a directory."""
        raise WasiError(ENOSYS)

    def open(self, path: str, *, read: bool, write: bool, create: bool, exclusive: bool) -> "File | bytes":
        """The file, or its bytes if they are only to be read.

        Args:
            path: of a file that exists, or may not exist if ``create``.
            read, write: what the guest is going to do.
            create: a file that does not exist is made.
            exclusive: with ``create``: a file that exists is an error (FileExistsError).
        """
        raise WasiError(ENOSYS)

    def readlink(self, path: str) -> str:
        raise WasiError(EINVAL)

    def mkdir(self, path: str) -> None:
        raise WasiError(EROFS)

    def rmdir(self, path: str) -> None:
        raise WasiError(EROFS)

    def unlink(self, path: str) -> None:
        raise WasiError(EROFS)

    def symlink(self, target: str, path: str) -> None:
        raise WasiError(EROFS)

    def link(self, path: str, new_path: str) -> None:
        raise WasiError(EROFS)

    def rename(self, path: str, new_path: str) -> None:
        raise WasiError(EROFS)

    def set_times(self, path: str, atim: "int | None", mtim: "int | None") -> None:
        raise WasiError(EROFS)

    def root(self) -> Directory:
        """The directory to mount.  Each call gives one that is closed apart from others."""
        return _PathDirectory(self, "")


class _PathDirectory(Directory):
    """A directory of a file system that thinks in paths."""

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self._path = path

    def _join(self, name: str) -> str:
        if name == ".":
            return self._path
        return f"{self._path}/{name}" if self._path else name

    def lookup(self, name: str) -> "Stat | None":
        try:
            return self._fs.stat(self._join(name))
        except FileNotFoundError:
            return None

    def entries(self) -> "list[Entry]":
        found = []
        for name in self._fs.listdir(self._path):
            stat = self.lookup(name)
            if stat is not None:
                found.append((name, stat.ino, stat.filetype))
        return found

    def open_directory(self, name: str) -> Directory:
        path = self._join(name)
        if self._fs.stat(path).filetype != flags.DIRECTORY:
            raise WasiError(ENOTDIR)
        return _PathDirectory(self._fs, path)

    def open_file(self, name: str, *, read: bool, write: bool, create: bool = False, exclusive: bool = False) -> File:
        path = self._join(name)
        file = self._fs.open(path, read=read, write=write, create=create, exclusive=exclusive)
        return file if isinstance(file, File) else BytesFile(file, self._fs.stat(path))

    def readlink(self, name: str) -> str:
        return self._fs.readlink(self._join(name))

    def mkdir(self, name: str) -> None:
        self._fs.mkdir(self._join(name))

    def rmdir(self, name: str) -> None:
        self._fs.rmdir(self._join(name))

    def unlink(self, name: str) -> None:
        self._fs.unlink(self._join(name))

    def symlink(self, target: str, name: str) -> None:
        self._fs.symlink(target, self._join(name))

    def link(self, name: str, directory: Directory, new_name: str) -> None:
        assert isinstance(directory, _PathDirectory)
        self._fs.link(self._join(name), directory._join(new_name))

    def rename(self, name: str, directory: Directory, new_name: str) -> None:
        assert isinstance(directory, _PathDirectory)
        self._fs.rename(self._join(name), directory._join(new_name))

    def set_times(self, name: str, atim: "int | None", mtim: "int | None") -> None:
        self._fs.set_times(self._join(name), atim, mtim)
