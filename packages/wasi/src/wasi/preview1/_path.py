"""The functions on paths: path_*.  Every path goes through ``wasi.fs.resolve``."""

from .. import flags
from ..descriptors import DirectoryDescriptor, FileDescriptor
from ..errnos import (
    EBUSY,
    EEXIST,
    EINVAL,
    EISDIR,
    ELOOP,
    ENOENT,
    ENOTCAPABLE,
    ENOTDIR,
    EPERM,
    EROFS,
    EXDEV,
    WasiError,
    number,
)
from ..fs.resolve import ALWAYS, NEVER, ON_SLASH, Target, resolve, text
from ..rights import DIRECTORY, FD_READ, FILE, MUTATING, PATH_CREATE_FILE, PATH_FILESTAT_SET_SIZE, WRITE_DATA
from ._fd import filestat, times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi
    from ..descriptors import Descriptor

#: How often an open is tried anew when a file turns into a symbolic link under its hands.
_RACES = 16


def _directory(descriptor: "Descriptor") -> DirectoryDescriptor:
    if isinstance(descriptor, DirectoryDescriptor):
        return descriptor
    raise WasiError(ENOTDIR)


def _resolve(descriptor: "Descriptor", path: bytes, follow: int) -> Target:
    return resolve(_directory(descriptor).directory, path, follow)


def _follow(lookup: int) -> int:
    return ALWAYS if lookup & flags.SYMLINK_FOLLOW else ON_SLASH


def path_create_directory(wasi: "Wasi", fd: "Descriptor", path: bytes) -> None:
    with _resolve(fd, path, NEVER) as target:
        if target.stat is not None:
            raise WasiError(EEXIST)
        target.parent.mkdir(target.name)


def path_filestat_get(wasi: "Wasi", fd: "Descriptor", lookup: int, path: bytes) -> "tuple[int, ...]":
    with _resolve(fd, path, _follow(lookup)) as target:
        return filestat(target.existing())


def path_filestat_set_times(
    wasi: "Wasi", fd: "Descriptor", lookup: int, path: bytes, atim: int, mtim: int, fstflags: int
) -> None:
    new_atim, new_mtim = times(wasi, atim, mtim, fstflags)
    with _resolve(fd, path, _follow(lookup)) as target:
        target.existing()
        target.parent.set_times(target.name, new_atim, new_mtim)


def _same_mount(source: "Descriptor", destination: "Descriptor") -> None:
    if _directory(source).mount is not _directory(destination).mount:
        raise WasiError(EXDEV)


def path_link(wasi: "Wasi", fd: "Descriptor", lookup: int, path: bytes, new_fd: "Descriptor", new_path: bytes) -> None:
    _same_mount(fd, new_fd)
    with _resolve(fd, path, _follow(lookup)) as source, _resolve(new_fd, new_path, NEVER) as new:
        status = source.existing()
        if new.stat is not None:
            raise WasiError(EEXIST)
        if status.filetype == flags.DIRECTORY:
            raise WasiError(EPERM)
        if new.slash:
            raise WasiError(ENOENT)
        source.parent.link(source.name, new.parent, new.name)


def path_open(
    wasi: "Wasi",
    fd: "Descriptor",
    lookup: int,
    path: bytes,
    oflags: int,
    base: int,
    inheriting: int,
    fdflags: int,
) -> int:
    """Rights that the opened file cannot have are left out, which the document allows; others must be inherited."""
    opener = _directory(fd)
    if oflags & flags.O_DIRECTORY and oflags & (flags.CREAT | flags.EXCL | flags.TRUNC):
        raise WasiError(EINVAL)
    if oflags & flags.CREAT and not opener.readonly:
        opener.require(PATH_CREATE_FILE)
    if oflags & flags.TRUNC:
        opener.require(PATH_FILESTAT_SET_SIZE)
    if base & WRITE_DATA and opener.readonly:
        raise WasiError(EROFS)
    follow = ALWAYS if lookup & flags.SYMLINK_FOLLOW and not oflags & flags.EXCL else ON_SLASH
    for _ in range(_RACES):
        with resolve(opener.directory, path, follow) as target:
            try:
                descriptor = _open(opener, target, oflags, base, inheriting, fdflags)
                break
            except (OSError, WasiError) as error:
                if number(error) != ELOOP or follow != ALWAYS:
                    raise
                # a link where a file was a moment ago: start again from the top, so that the link is walked there
    else:
        raise WasiError(ELOOP)
    return wasi.descriptors.add(descriptor)


def _open(
    opener: DirectoryDescriptor, target: Target, oflags: int, base: int, inheriting: int, fdflags: int
) -> "Descriptor":
    stat = target.stat
    write = bool(base & WRITE_DATA)
    if target.slash and oflags & flags.CREAT:
        raise WasiError(EISDIR)
    if stat is None:
        if not oflags & flags.CREAT:
            raise WasiError(ENOENT)
        if opener.readonly:
            raise WasiError(EROFS)
    elif oflags & flags.CREAT and oflags & flags.EXCL:
        raise WasiError(EEXIST)
    elif stat.filetype == flags.SYMBOLIC_LINK:
        raise WasiError(ELOOP)
    elif stat.filetype == flags.DIRECTORY:
        if write or oflags & (flags.CREAT | flags.TRUNC):
            raise WasiError(EISDIR)
        rights = base & DIRECTORY
        _inherit(opener, rights)
        return DirectoryDescriptor(
            target.parent.open_directory(target.name),
            opener.mount,
            rights,
            inheriting & opener.inheriting,
            fdflags,
            readonly=opener.readonly,
        )
    elif oflags & flags.O_DIRECTORY or target.slash:
        raise WasiError(ENOTDIR)
    rights = base & FILE
    _inherit(opener, rights)
    truncate = bool(oflags & flags.TRUNC) and stat is not None
    file = target.parent.open_file(
        target.name,
        read=bool(base & FD_READ) or not (write or truncate),
        write=write or truncate,
        create=bool(oflags & flags.CREAT) and not opener.readonly,
        exclusive=bool(oflags & flags.EXCL),
    )
    if truncate:
        try:
            file.truncate(0)
        except BaseException:
            file.close()
            raise
    if opener.readonly:
        rights &= ~MUTATING
    return FileDescriptor(file, rights, fdflags, opener.readonly)


def _inherit(opener: DirectoryDescriptor, rights: int) -> None:
    if opener.readonly:
        rights &= ~MUTATING
    if rights & ~opener.inheriting:
        raise WasiError(ENOTCAPABLE)


def path_readlink(wasi: "Wasi", fd: "Descriptor", path: bytes, buf: memoryview) -> int:
    with _resolve(fd, path, ON_SLASH) as target:
        if target.existing().filetype != flags.SYMBOLIC_LINK:
            raise WasiError(EINVAL)
        content = target.parent.readlink(target.name).encode()
    if content.startswith(b"/"):
        raise WasiError(EPERM)  # it names a place of the host, which is not the guest's to know
    length = min(len(content), len(buf))
    buf[:length] = content[:length]
    return length


def path_remove_directory(wasi: "Wasi", fd: "Descriptor", path: bytes) -> None:
    with _resolve(fd, path, NEVER) as target:
        if target.existing().filetype != flags.DIRECTORY:
            raise WasiError(ENOTDIR)
        _require_entry(target, EINVAL)
        target.parent.rmdir(target.name)


def path_rename(wasi: "Wasi", fd: "Descriptor", path: bytes, new_fd: "Descriptor", new_path: bytes) -> None:
    _same_mount(fd, new_fd)
    with _resolve(fd, path, NEVER) as old, _resolve(new_fd, new_path, NEVER) as new:
        _require_entry(old, EBUSY)
        _require_entry(new, EBUSY)
        stat = old.existing()
        if new.slash and stat.filetype != flags.DIRECTORY:
            raise WasiError(ENOTDIR)
        old.parent.rename(old.name, new.parent, new.name)


def path_symlink(wasi: "Wasi", target: bytes, fd: "Descriptor", path: bytes) -> None:
    if not target:
        raise WasiError(ENOENT)
    content = text(target)
    if content.startswith("/"):
        raise WasiError(EPERM)  # nobody could follow it here, and on the host it would lead outside
    with _resolve(fd, path, NEVER) as new:
        if new.stat is not None:
            raise WasiError(EEXIST)
        if new.slash:
            raise WasiError(ENOENT)
        new.parent.symlink(content, new.name)


def path_unlink_file(wasi: "Wasi", fd: "Descriptor", path: bytes) -> None:
    with _resolve(fd, path, NEVER) as target:
        if target.existing().filetype == flags.DIRECTORY:
            raise WasiError(EISDIR)
        target.parent.unlink(target.name)


def _require_entry(target: Target, errno: int) -> None:
    """Raises WasiError unless the path ends in a name, rather than in "." or ".."."""
    if target.name == ".":
        raise WasiError(errno)
