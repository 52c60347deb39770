"""A file system in memory: given as a dict, inspected as one afterwards."""

import time

from .. import flags
from ..errnos import (
    EEXIST,
    EINVAL,
    EISDIR,
    ELOOP,
    ENOENT,
    ENOSPC,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    WasiError,
)
from .base import Directory, File, FileSystem, Stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .base import Buffers, Entry


class _Node:
    """A file, a directory or a symbolic link."""

    filetype: int

    def __init__(self, fs: "MemoryFS") -> None:
        self.fs = fs
        self.ino = fs.take_inode()
        self.nlink = 1
        self.atim = self.mtim = self.ctim = time.time_ns()

    def size(self) -> int:
        return 0

    def stat(self) -> Stat:
        return Stat(
            self.filetype,
            self.size(),
            ino=self.ino,
            nlink=self.nlink,
            atim=self.atim,
            mtim=self.mtim,
            ctim=self.ctim,
        )

    def touch(self, atim: "int | None", mtim: "int | None") -> None:
        self.atim = self.atim if atim is None else atim
        self.mtim = self.mtim if mtim is None else mtim
        self.ctim = time.time_ns()

    def unlinked(self) -> None:
        """One name of it is gone."""
        self.nlink -= 1
        if self.nlink == 0:
            self.fs.give_back(self)


class _FileNode(_Node):
    filetype = flags.REGULAR_FILE

    def __init__(self, fs: "MemoryFS") -> None:
        super().__init__(fs)
        self.data = bytearray()
        self.users = 0

    def size(self) -> int:
        return len(self.data)

    def resize(self, size: int) -> None:
        """Raises WasiError ENOSPC."""
        more = size - len(self.data)
        if more > 0:
            self.fs.charge(more)
            try:
                self.data += bytes(more)
            except (MemoryError, OverflowError):
                self.fs.charge(-more)
                raise WasiError(ENOSPC) from None
        elif more < 0:
            del self.data[size:]
            self.fs.charge(more)


class _LinkNode(_Node):
    filetype = flags.SYMBOLIC_LINK

    def __init__(self, fs: "MemoryFS", target: str) -> None:
        fs.charge(len(target.encode()))
        super().__init__(fs)
        self.target = target

    def size(self) -> int:
        return len(self.target.encode())


class _DirectoryNode(_Node):
    filetype = flags.DIRECTORY

    def __init__(self, fs: "MemoryFS", parent: "_DirectoryNode | None") -> None:
        super().__init__(fs)
        self.parent = parent
        self.entries: dict[str, _Node] = {}

    def below(self, other: "_DirectoryNode") -> bool:
        """Whether it is the other directory or in it."""
        node: _DirectoryNode | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False


class MemoryFS(FileSystem):
    """A file system in memory that can be written to.

    ``fs["a/b.txt"]`` is a file's content as bytes, and can be assigned and deleted; iteration gives the paths of all
    files, so ``dict(fs)`` has everything.

    Args:
        files: path to content; text becomes UTF-8; a path that ends in a slash is an empty folder.
        quota: how many bytes all files and symbolic links may hold; None is no limit.
        inodes: how many files, directories and links there may be.

    Raises:
        WasiError: ENOSPC, if the files are more than the quota.
        ValueError: two of the paths cannot both be.
    """

    def __init__(
        self,
        files: "Mapping[str, bytes | str]" = {},  # noqa: B006  # only read
        *,
        quota: "int | None" = 1 << 30,
        inodes: int = 1 << 20,
    ) -> None:
        self.quota = quota
        self.inodes = inodes
        #: how many bytes files and symbolic links hold
        self.used = 0
        self._nodes = 0
        self._next_ino = 1
        self._root = _DirectoryNode(self, None)
        for path, content in files.items():
            self[path] = content

    def take_inode(self) -> int:
        """The number for a new node.  Raises WasiError ENOSPC."""
        if self._nodes >= self.inodes:
            raise WasiError(ENOSPC)
        self._nodes += 1
        self._next_ino += 1
        return self._next_ino - 1

    def charge(self, size: int) -> None:
        """Takes so many bytes of the quota, or gives them back.  Raises WasiError ENOSPC."""
        if size > 0 and self.quota is not None and self.used + size > self.quota:
            raise WasiError(ENOSPC)
        self.used += size

    def room(self) -> "int | None":
        """How many bytes are left of the quota, None without one."""
        return None if self.quota is None else self.quota - self.used

    def give_back(self, node: _Node) -> None:
        """A node has no name any more.  A file that is open keeps its content until it is closed."""
        if isinstance(node, _FileNode) and node.users:
            return
        self._nodes -= 1
        if not isinstance(node, _DirectoryNode):
            self.charge(-node.size())

    def root(self) -> Directory:
        return _MemoryDirectory(self._root)

    def _find(self, path: str) -> "_Node | None":
        node: _Node | None = self._root
        for name in _names(path):
            if not isinstance(node, _DirectoryNode):
                return None
            node = node.entries.get(name)
        return node

    def __getitem__(self, path: str) -> bytes:
        node = self._find(path)
        if not isinstance(node, _FileNode):
            raise KeyError(path)
        return bytes(node.data)

    def __setitem__(self, path: str, content: "bytes | str") -> None:
        names = _names(path)
        if not path.endswith("/") and not names:
            raise ValueError("a file needs a name")
        node = self._root
        for name in names if path.endswith("/") else names[:-1]:
            inner = node.entries.get(name)
            if inner is None:
                inner = node.entries[name] = _DirectoryNode(self, node)
            if not isinstance(inner, _DirectoryNode):
                raise ValueError(f"{path!r}: {name!r} is a file")
            node = inner
        if path.endswith("/"):
            if content:
                raise ValueError(f"{path!r} is a folder, which has no content")
            return
        file = node.entries.get(names[-1])
        if file is None:
            file = node.entries[names[-1]] = _FileNode(self)
        if not isinstance(file, _FileNode):
            raise ValueError(f"{path!r} is a folder")
        data = content.encode() if isinstance(content, str) else content
        file.resize(len(data))
        file.data[:] = data
        file.touch(None, time.time_ns())

    def __delitem__(self, path: str) -> None:
        names = _names(path)
        parent = self._find("/".join(names[:-1]))
        if not isinstance(self._find(path), _FileNode) or not isinstance(parent, _DirectoryNode):
            raise KeyError(path)
        parent.entries.pop(names[-1]).unlinked()

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and isinstance(self._find(path), _FileNode)

    def __iter__(self) -> "Iterator[str]":
        pending: list[tuple[str, _DirectoryNode]] = [("", self._root)]
        while pending:
            prefix, directory = pending.pop()
            for name, node in sorted(directory.entries.items(), key=lambda item: item[0]):
                if isinstance(node, _DirectoryNode):
                    pending.append((f"{prefix}{name}/", node))
                elif isinstance(node, _FileNode):
                    yield prefix + name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> "Iterator[str]":
        """The paths of all files."""
        return iter(self)

    def __repr__(self) -> str:
        return f"<MemoryFS: {len(self)} files, {self.used} bytes>"


def _names(path: str) -> "list[str]":
    names = [name for name in path.split("/") if name and name != "."]
    if ".." in names or "\0" in path:
        raise ValueError(f"{path!r} is not a path in a MemoryFS")
    return names


class _MemoryDirectory(Directory):
    def __init__(self, node: _DirectoryNode) -> None:
        self._node = node

    def _get(self, name: str) -> _Node:
        node = self._node if name == "." else self._node.entries.get(name)
        if node is None:
            raise WasiError(ENOENT)
        return node

    def _put(self, name: str, node: _Node) -> None:
        self._node.entries[name] = node
        self._node.mtim = self._node.ctim = time.time_ns()

    def _vacant(self, name: str) -> None:
        """Raises WasiError unless an entry of that name can be made."""
        if self._node.nlink == 0:
            raise WasiError(ENOENT)  # removed while it was open
        if name in self._node.entries:
            raise WasiError(EEXIST)

    def _take(self, name: str) -> None:
        node = self._node.entries.pop(name)
        self._node.mtim = self._node.ctim = time.time_ns()
        node.unlinked()

    def lookup(self, name: str) -> "Stat | None":
        node = self._node if name == "." else self._node.entries.get(name)
        return None if node is None else node.stat()

    def entries(self) -> "list[Entry]":
        return [(name, node.ino, node.filetype) for name, node in self._node.entries.items()]

    def open_directory(self, name: str) -> Directory:
        node = self._get(name)
        if not isinstance(node, _DirectoryNode):
            raise WasiError(ENOTDIR)
        return _MemoryDirectory(node)

    def open_file(self, name: str, *, read: bool, write: bool, create: bool = False, exclusive: bool = False) -> File:
        node = self._node.entries.get(name)
        if node is None and create:
            self._vacant(name)
            node = _FileNode(self._node.fs)
            self._put(name, node)
        elif create and exclusive:
            raise WasiError(EEXIST)
        node = self._get(name)
        if isinstance(node, _FileNode):
            return _MemoryFile(node)
        raise WasiError(EISDIR if isinstance(node, _DirectoryNode) else ELOOP)

    def readlink(self, name: str) -> str:
        node = self._get(name)
        if not isinstance(node, _LinkNode):
            raise WasiError(EINVAL)
        return node.target

    def mkdir(self, name: str) -> None:
        self._vacant(name)
        self._put(name, _DirectoryNode(self._node.fs, self._node))

    def rmdir(self, name: str) -> None:
        node = self._get(name)
        if not isinstance(node, _DirectoryNode):
            raise WasiError(ENOTDIR)
        if node.entries:
            raise WasiError(ENOTEMPTY)
        self._take(name)

    def unlink(self, name: str) -> None:
        if isinstance(self._get(name), _DirectoryNode):
            raise WasiError(EISDIR)
        self._take(name)

    def symlink(self, target: str, name: str) -> None:
        self._vacant(name)
        self._put(name, _LinkNode(self._node.fs, target))

    def link(self, name: str, directory: Directory, new_name: str) -> None:
        assert isinstance(directory, _MemoryDirectory)
        node = self._get(name)
        if isinstance(node, _DirectoryNode):
            raise WasiError(EPERM)
        directory._vacant(new_name)
        node.nlink += 1
        node.ctim = time.time_ns()
        directory._put(new_name, node)

    def rename(self, name: str, directory: Directory, new_name: str) -> None:
        assert isinstance(directory, _MemoryDirectory)
        node = self._get(name)
        there = directory._node.entries.get(new_name)
        if there is node:
            return
        if directory._node.nlink == 0:
            raise WasiError(ENOENT)
        if isinstance(there, _DirectoryNode) and self._node.below(there):
            raise WasiError(ENOTEMPTY)
        if isinstance(node, _DirectoryNode):
            if directory._node.below(node):
                raise WasiError(EINVAL)
            if there is not None and not isinstance(there, _DirectoryNode):
                raise WasiError(ENOTDIR)
            if isinstance(there, _DirectoryNode) and there.entries:
                raise WasiError(ENOTEMPTY)
            node.parent = directory._node
        elif isinstance(there, _DirectoryNode):
            raise WasiError(EISDIR)
        if there is not None:
            directory._take(new_name)
        del self._node.entries[name]
        self._node.mtim = self._node.ctim = time.time_ns()
        directory._put(new_name, node)

    def set_times(self, name: str, atim: "int | None", mtim: "int | None") -> None:
        self._get(name).touch(atim, mtim)


class _MemoryFile(File):
    def __init__(self, node: _FileNode) -> None:
        self._node = node
        node.users += 1

    def size(self) -> int:
        return len(self._node.data)

    def stat(self) -> Stat:
        return self._node.stat()

    def readv(self, buffers: "Buffers", offset: int) -> int:
        done = 0
        with memoryview(self._node.data) as data:
            for buffer in buffers:
                with data[offset + done : offset + done + len(buffer)] as some:
                    buffer[: len(some)] = some
                    done += len(some)
        return done

    def writev(self, buffers: "Buffers", offset: int) -> int:
        node = self._node
        size = len(node.data)
        end = offset + sum(map(len, buffers))
        if end > size and end > offset:
            room = node.fs.room()
            if room is not None and end - size > room:
                end = size + room  # as much as fits, as POSIX has it
                if end <= offset:
                    raise WasiError(ENOSPC)
            if offset > size:
                node.resize(offset)  # zeros in between
            node.fs.charge(end - max(size, offset))
        at = offset
        for buffer in buffers:
            some = buffer[: end - at]
            node.data[at : at + len(some)] = some
            at += len(some)
        node.mtim = node.ctim = time.time_ns()
        return at - offset

    def truncate(self, size: int) -> None:
        self._node.resize(size)
        self._node.mtim = self._node.ctim = time.time_ns()

    def set_times(self, atim: "int | None", mtim: "int | None") -> None:
        self._node.touch(atim, mtim)

    def close(self) -> None:
        node = self._node
        node.users -= 1
        if not node.users and not node.nlink:
            node.fs.give_back(node)
