"""Folders of the host, on systems that can open a file relative to a directory without following links (POSIX)."""

import os

from .. import flags
from ..errnos import EACCES, EFBIG, EILSEQ, EINVAL, EISDIR, ELOOP, WasiError
from .base import Directory, File, FileSystem, Stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .base import Buffers, Entry


def host_filetype(mode: int) -> int:
    """The file type for ``st_mode`` of the host; pipes have none in WASI."""
    return _FILETYPES.get(mode & 0o170000, flags.UNKNOWN)


# the numbers are those of os.stat on every system (Python's module stat)
_FILETYPES = {
    0o040000: flags.DIRECTORY,
    0o100000: flags.REGULAR_FILE,
    0o120000: flags.SYMBOLIC_LINK,
    0o020000: flags.CHARACTER_DEVICE,
    0o060000: flags.BLOCK_DEVICE,
    0o140000: flags.SOCKET_STREAM,
}


def host_stat(status: os.stat_result) -> Stat:
    """A status of the host in WASI's terms; times before 1970 become 1970."""
    return Stat(
        host_filetype(status.st_mode),
        status.st_size,
        ino=status.st_ino & 0xFFFFFFFFFFFFFFFF,
        nlink=status.st_nlink,
        dev=status.st_dev & 0xFFFFFFFFFFFFFFFF,
        atim=max(status.st_atime_ns, 0),
        mtim=max(status.st_mtime_ns, 0),
        ctim=max(status.st_ctime_ns, 0),
    )


# names that only some systems have; where one is missing, 0 changes nothing
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW | _CLOEXEC
# O_PATH needs no permission to read, which walking through a directory does not need either
_WALK = getattr(os, "O_PATH", os.O_RDONLY) | _DIRECTORY
# should a pipe take the place of a file between lookup and open, the open must not wait for its other end
_FILE = _NOFOLLOW | _CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_IOV_MAX = 1024

_NEEDED = (os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename, os.link, os.symlink, os.readlink, os.utime)


def can_jail() -> bool:
    """Whether this system has what a folder of the host needs to be a jail."""
    return bool(_NOFOLLOW) and all(function in os.supports_dir_fd for function in _NEEDED)


class HostDir(FileSystem):
    """A folder of the host.  The guest sees nothing outside of it, whatever links it holds or others put there.

    Args:
        path: of the folder; symbolic links in it are followed, since they are the host's.
        readonly: the guest changes nothing.

    Raises:
        OSError: there is no such folder.
        NotImplementedError: the system cannot hold a guest in a folder (Windows).
    """

    def __init__(self, path: "str | os.PathLike[str]", readonly: bool = False) -> None:
        if not can_jail():
            raise NotImplementedError(
                "this system cannot open files relative to a folder without following links, so a folder of the host "
                "cannot be mounted; mount a MemoryFS, a ZipFS or a TraversableFS instead"
            )
        self.path = os.fspath(path)
        self.readonly = readonly
        os.close(self._open())

    def _open(self) -> int:
        return os.open(self.path, _WALK & ~_NOFOLLOW)

    def root(self) -> Directory:
        return _HostDirectory(self._open())

    def __repr__(self) -> str:
        return f"HostDir({self.path!r}{', readonly=True' if self.readonly else ''})"


class _Handle:
    """A descriptor of the host, closed at the latest when nobody has the object any more."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class _HostDirectory(_Handle, Directory):
    def lookup(self, name: str) -> "Stat | None":
        try:
            return host_stat(os.stat(name.encode(), dir_fd=self._fd, follow_symlinks=False))
        except FileNotFoundError:
            return None

    def entries(self) -> "list[Entry]":
        found = []
        fd = os.open(".", os.O_RDONLY | _DIRECTORY, dir_fd=self._fd)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    try:
                        name = os.fsencode(entry.name).decode()
                    except UnicodeDecodeError:
                        continue  # the guest has no way to say its name
                    found.append((name, entry.inode(), _entry_type(entry)))
        finally:
            os.close(fd)
        return found

    def open_directory(self, name: str) -> Directory:
        return _HostDirectory(os.open(name.encode(), _WALK, dir_fd=self._fd))

    def open_file(self, name: str, *, read: bool, write: bool, create: bool = False, exclusive: bool = False) -> File:
        encoded = name.encode()
        mode = (os.O_RDWR if read else os.O_WRONLY) if write else os.O_RDONLY
        if create and exclusive:
            return _HostFile(os.open(encoded, mode | _FILE | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=self._fd))
        try:
            # opening a device or a pipe may do something by itself, so look first
            _require_file(os.stat(encoded, dir_fd=self._fd, follow_symlinks=False))
        except FileNotFoundError:
            if not create:
                raise
            mode |= os.O_CREAT
        fd = os.open(encoded, mode | _FILE, 0o666, dir_fd=self._fd)
        try:
            _require_file(os.fstat(fd))  # and look again, at what was opened
        except BaseException:
            os.close(fd)
            raise
        return _HostFile(fd)

    def readlink(self, name: str) -> str:
        try:
            return os.readlink(name.encode(), dir_fd=self._fd).decode()
        except UnicodeDecodeError:
            raise WasiError(EILSEQ) from None

    def mkdir(self, name: str) -> None:
        os.mkdir(name.encode(), dir_fd=self._fd)

    def rmdir(self, name: str) -> None:
        os.rmdir(name.encode(), dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        os.unlink(name.encode(), dir_fd=self._fd)

    def symlink(self, target: str, name: str) -> None:
        os.symlink(target.encode(), name.encode(), dir_fd=self._fd)

    def link(self, name: str, directory: Directory, new_name: str) -> None:
        assert isinstance(directory, _HostDirectory)
        os.link(name.encode(), new_name.encode(), src_dir_fd=self._fd, dst_dir_fd=directory._fd, follow_symlinks=False)

    def rename(self, name: str, directory: Directory, new_name: str) -> None:
        assert isinstance(directory, _HostDirectory)
        os.rename(name.encode(), new_name.encode(), src_dir_fd=self._fd, dst_dir_fd=directory._fd)

    def set_times(self, name: str, atim: "int | None", mtim: "int | None") -> None:
        encoded = name.encode()
        if atim is None or mtim is None:
            now = os.stat(encoded, dir_fd=self._fd, follow_symlinks=False)
            atim, mtim = _fill_in(now, atim, mtim)
        os.utime(encoded, ns=(atim, mtim), dir_fd=self._fd, follow_symlinks=False)

    def sync(self) -> None:
        fd = os.open(".", os.O_RDONLY | _DIRECTORY, dir_fd=self._fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class _HostFile(_Handle, File):
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def stat(self) -> Stat:
        return host_stat(os.fstat(self._fd))

    def readv(self, buffers: "Buffers", offset: int) -> int:
        if offset >> 63:
            raise WasiError(EINVAL)
        done = 0
        for at in range(0, len(buffers), _IOV_MAX):
            some = buffers[at : at + _IOV_MAX]
            count = os.preadv(self._fd, some, offset + done)
            done += count
            if count < sum(map(len, some)):
                break
        return done

    def writev(self, buffers: "Buffers", offset: int) -> int:
        if offset >> 63:
            raise WasiError(EFBIG)
        done = 0
        for at in range(0, len(buffers), _IOV_MAX):
            some = buffers[at : at + _IOV_MAX]
            try:
                count = os.pwritev(self._fd, some, offset + done)
            except OSError:
                if done:
                    break  # what was written counts; the next write tells
                raise
            done += count
            if count < sum(map(len, some)):
                break
        return done

    def append(self, buffers: "Buffers") -> int:
        import fcntl

        # the flag makes finding the end and writing one step, even with other writers
        mode = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, mode | os.O_APPEND)
        try:
            return os.writev(self._fd, buffers[:_IOV_MAX])
        finally:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, mode)

    def truncate(self, size: int) -> None:
        if size >> 63:
            raise WasiError(EFBIG)
        os.ftruncate(self._fd, size)

    def allocate(self, offset: int, length: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, offset, length)
        else:
            super().allocate(offset, length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        name = ("NORMAL", "SEQUENTIAL", "RANDOM", "WILLNEED", "DONTNEED", "NOREUSE")[advice]
        if hasattr(os, "posix_fadvise") and not (offset | length) >> 63:
            os.posix_fadvise(self._fd, offset, length, getattr(os, f"POSIX_FADV_{name}"))

    def set_times(self, atim: "int | None", mtim: "int | None") -> None:
        if atim is None or mtim is None:
            atim, mtim = _fill_in(os.fstat(self._fd), atim, mtim)
        os.utime(self._fd, ns=(atim, mtim))

    def sync(self, data_only: bool) -> None:
        if data_only and hasattr(os, "fdatasync"):
            os.fdatasync(self._fd)
        else:
            os.fsync(self._fd)


def _fill_in(now: os.stat_result, atim: "int | None", mtim: "int | None") -> "tuple[int, int]":
    return now.st_atime_ns if atim is None else atim, now.st_mtime_ns if mtim is None else mtim


def _require_file(status: os.stat_result) -> None:
    """Raises WasiError unless it is a regular file."""
    filetype = host_filetype(status.st_mode)
    if filetype != flags.REGULAR_FILE:
        raise WasiError({flags.DIRECTORY: EISDIR, flags.SYMBOLIC_LINK: ELOOP}.get(filetype, EACCES))


def _entry_type(entry: "os.DirEntry[str]") -> int:
    if entry.is_symlink():
        return flags.SYMBOLIC_LINK
    if entry.is_dir(follow_symlinks=False):
        return flags.DIRECTORY
    return flags.REGULAR_FILE if entry.is_file(follow_symlinks=False) else flags.UNKNOWN
