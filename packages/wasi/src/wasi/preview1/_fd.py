"""The functions on descriptors: fd_*.  Those for files only are behind rights that other descriptors cannot have."""

from struct import Struct

from .. import flags
from ..descriptors import DirectoryDescriptor, FileDescriptor
from ..errnos import EBADF, EFBIG, EINVAL, EISDIR, ENAMETOOLONG, ENOTCAPABLE, WasiError
from ..rights import FD_SEEK, rights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi
    from ..descriptors import Descriptor
    from ..fs.base import Stat

    Buffers = list[memoryview]

_DIRENT = Struct("<QQIBxxx")
_FD_TELL = rights("fd_tell")


def _file(descriptor: "Descriptor") -> FileDescriptor:
    if isinstance(descriptor, FileDescriptor):
        return descriptor
    raise WasiError(EISDIR if descriptor.filetype == flags.DIRECTORY else EINVAL)


def fd_advise(wasi: "Wasi", fd: "Descriptor", offset: int, length: int, advice: int) -> None:
    _file(fd).file.advise(offset, length, advice)


def fd_allocate(wasi: "Wasi", fd: "Descriptor", offset: int, length: int) -> None:
    if length == 0:
        raise WasiError(EINVAL)
    if offset + length >> 63:
        raise WasiError(EFBIG)
    _file(fd).file.allocate(offset, length)


def fd_close(wasi: "Wasi", fd: int) -> None:
    wasi.descriptors.close(fd)


def fd_datasync(wasi: "Wasi", fd: "Descriptor") -> None:
    fd.sync(True)


def fd_fdstat_get(wasi: "Wasi", fd: "Descriptor") -> "tuple[int, int, int, int]":
    return fd.filetype, fd.flags, fd.rights, fd.inheriting


def fd_fdstat_set_flags(wasi: "Wasi", fd: "Descriptor", fdflags: int) -> None:
    fd.set_flags(fdflags)


def fd_fdstat_set_rights(wasi: "Wasi", fd: "Descriptor", base: int, inheriting: int) -> None:
    if base & ~fd.rights or inheriting & ~fd.inheriting:
        raise WasiError(ENOTCAPABLE)
    fd.rights, fd.inheriting = base, inheriting


def filestat(stat: "Stat") -> "tuple[int, ...]":
    """The fields of the document's record ``filestat``."""
    return stat.dev, stat.ino, stat.filetype, stat.nlink, stat.size, stat.atim, stat.mtim, stat.ctim


def fd_filestat_get(wasi: "Wasi", fd: "Descriptor") -> "tuple[int, ...]":
    return filestat(fd.stat())


def fd_filestat_set_size(wasi: "Wasi", fd: "Descriptor", size: int) -> None:
    if size >> 63:
        raise WasiError(EFBIG)
    _file(fd).file.truncate(size)


def times(wasi: "Wasi", atim: int, mtim: int, fstflags: int) -> "tuple[int | None, int | None]":
    """The times to set, None for one that stays.  Raises WasiError EINVAL for a time both given and now."""
    if fstflags & 3 == 3 or fstflags >> 2 == 3:
        raise WasiError(EINVAL)
    now = wasi.clock.time(flags.REALTIME) if fstflags & (flags.ATIM_NOW | flags.MTIM_NOW) else 0
    new_atim = atim if fstflags & flags.ATIM else now if fstflags & flags.ATIM_NOW else None
    new_mtim = mtim if fstflags & flags.MTIM else now if fstflags & flags.MTIM_NOW else None
    return new_atim, new_mtim


def fd_filestat_set_times(wasi: "Wasi", fd: "Descriptor", atim: int, mtim: int, fstflags: int) -> None:
    fd.set_times(*times(wasi, atim, mtim, fstflags))


def fd_pread(wasi: "Wasi", fd: "Descriptor", buffers: "Buffers", offset: int) -> int:
    if offset >> 63:
        raise WasiError(EINVAL)
    return _file(fd).file.readv(buffers, offset)


def _preopen(descriptor: "Descriptor") -> bytes:
    # programs look for preopened directories from 3 on until the first EBADF
    if isinstance(descriptor, DirectoryDescriptor) and descriptor.preopen is not None:
        return descriptor.preopen
    raise WasiError(EBADF)


def fd_prestat_get(wasi: "Wasi", fd: "Descriptor") -> "tuple[int, int]":
    return 0, len(_preopen(fd))


def fd_prestat_dir_name(wasi: "Wasi", fd: "Descriptor", path: memoryview) -> None:
    name = _preopen(fd)
    if len(path) < len(name):
        raise WasiError(ENAMETOOLONG)
    path[: len(name)] = name


def fd_pwrite(wasi: "Wasi", fd: "Descriptor", buffers: "Buffers", offset: int) -> int:
    if offset >> 63:
        raise WasiError(EINVAL)
    return _file(fd).pwrite(buffers, offset)


def fd_read(wasi: "Wasi", fd: "Descriptor", buffers: "Buffers") -> int:
    return fd.read(buffers)


def fd_readdir(wasi: "Wasi", fd: "Descriptor", buf: memoryview, cookie: int) -> int:
    """Entries from the cookie on; the last may be cut off where the buffer ends, which says that there are more.

    A cookie is the number of an entry in a list that is made when the guest starts anew (cookie 0), so that what it
    deletes or creates while it reads neither repeats nor hides another entry.  Entries are sorted by name, after "."
    and "..", so that runs are alike.
    """
    assert isinstance(fd, DirectoryDescriptor)
    if cookie == 0 or fd.listing is None:
        ino = fd.stat().ino
        # the directory that holds a mount is not the guest's to see: ".." is shown as the directory itself
        dots = [(".", ino, flags.DIRECTORY), ("..", ino, flags.DIRECTORY)]
        fd.listing = dots + sorted(fd.directory.entries())
    done = 0
    listing = fd.listing
    for index in range(cookie, len(listing)):
        name, ino, filetype = listing[index]
        encoded = name.encode()
        dirent = _DIRENT.pack(index + 1, ino, len(encoded), filetype) + encoded
        room = len(buf) - done
        if len(dirent) > room:
            buf[done:] = dirent[:room]
            return len(buf)
        buf[done : done + len(dirent)] = dirent
        done += len(dirent)
    return done


def fd_renumber(wasi: "Wasi", fd: int, to: int) -> None:
    wasi.descriptors.renumber(fd, to)


def fd_seek(wasi: "Wasi", fd: "Descriptor", offset: int, whence: int) -> int:
    # to ask for the position is fd_tell's right, which fd_seek's holds too (document, ``rights.fd_tell``)
    if offset == 0 and whence == flags.CUR and fd.rights & _FD_TELL:
        return _file(fd).position
    fd.require(FD_SEEK)
    return _file(fd).seek(offset, whence)


def fd_sync(wasi: "Wasi", fd: "Descriptor") -> None:
    fd.sync(False)


def fd_tell(wasi: "Wasi", fd: "Descriptor") -> int:
    return _file(fd).position


def fd_write(wasi: "Wasi", fd: "Descriptor", buffers: "Buffers") -> int:
    return fd.write(buffers)
