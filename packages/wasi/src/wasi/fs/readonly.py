"""Mounts that are only read: any file system made so, zip files, and what ``importlib.resources`` gives."""

import os

from .. import flags
from ..errnos import EPERM, WasiError
from .base import BytesFile, Directory, File, FileSystem, Stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.resources.abc import Traversable
    from typing import IO
    from zipfile import ZipInfo

    Tree = dict[str, "Tree | ZipInfo"]


class ReadOnly(FileSystem):
    """A mount that the guest cannot change, through any function or flag.

    Args:
        given: a folder of the host, a ``FileSystem`` or a dict of path to content.

    Raises:
        OSError, NotImplementedError: as ``HostDir``.
    """

    readonly = True

    def __init__(self, given: "str | os.PathLike[str] | FileSystem | Mapping[str, bytes | str]") -> None:
        from .._wasi import file_system

        self.inner = file_system(given)

    def root(self) -> Directory:
        return self.inner.root()

    def __repr__(self) -> str:
        return f"ReadOnly({self.inner!r})"


class ZipFS(FileSystem):
    """The content of a zip file, read-only.  Entries that lead out of it (``..``) are not shown.

    Args:
        file: its path, or a binary file object, which has to stay open.

    Raises:
        OSError, zipfile.BadZipFile: it cannot be read.
    """

    readonly = True

    def __init__(self, file: "str | os.PathLike[str] | IO[bytes]") -> None:
        from zipfile import ZipFile

        self._zip = ZipFile(file)
        self._tree: Tree = {}
        self._inos: dict[str, int] = {}
        for info in self._zip.infolist():
            names = [name for name in info.filename.split("/") if name and name != "."]
            if not names or ".." in names:
                continue
            tree = self._tree
            for name in names if info.is_dir() else names[:-1]:
                inner = tree.setdefault(name, {})
                if not isinstance(inner, dict):
                    inner = tree[name] = {}
                tree = inner
            if not info.is_dir():
                tree[names[-1]] = info

    def _find(self, path: str) -> "Tree | ZipInfo":
        found: Tree | ZipInfo = self._tree
        for name in path.split("/") if path else ():
            if not isinstance(found, dict) or name not in found:
                raise FileNotFoundError(path)
            found = found[name]
        return found

    def stat(self, path: str) -> Stat:
        found = self._find(path)
        ino = self._inos.setdefault(path, len(self._inos) + 1)
        if isinstance(found, dict):
            return Stat(flags.DIRECTORY, ino=ino)
        from calendar import timegm

        # a zip file knows the time of day but not of which zone; taken as UTC, it is the same everywhere
        mtim = max(timegm((*found.date_time, 0, 0, 0)), 0) * 1_000_000_000
        return Stat(flags.REGULAR_FILE, found.file_size, ino=ino, atim=mtim, mtim=mtim, ctim=mtim)

    def listdir(self, path: str) -> "Iterable[str]":
        found = self._find(path)
        if not isinstance(found, dict):
            raise NotADirectoryError(path)
        return list(found)

    def open(self, path: str, *, read: bool, write: bool, create: bool, exclusive: bool) -> "File | bytes":
        found = self._find(path)
        if isinstance(found, dict):
            raise IsADirectoryError(path)
        return BytesFile(self._zip.read(found), self.stat(path))


class TraversableFS(FileSystem):
    """What ``importlib.resources.files`` gives, read-only: the files of a package, wherever they are.

    A folder of the host is mounted as ``HostDir`` does.  Where that cannot be (Windows), a link in it is EPERM.

    Args:
        root: the Traversable to mount.
    """

    readonly = True

    def __init__(self, root: "Traversable") -> None:
        self._root = root
        self._inos: dict[str, int] = {}

    def root(self) -> Directory:
        from .host import HostDir, can_jail

        if isinstance(self._root, os.PathLike) and can_jail():
            return HostDir(self._root, readonly=True).root()
        return super().root()

    def _find(self, path: str) -> "Traversable":
        from pathlib import Path

        found = self._root
        for name in path.split("/") if path else ():
            # a name that the host would take apart leads elsewhere
            if not found.is_dir() or "\\" in name or ":" in name:
                raise FileNotFoundError(path)
            found = found.joinpath(name)
            if isinstance(found, Path) and found.is_symlink():
                raise WasiError(EPERM)
        if not found.is_dir() and not found.is_file():
            raise FileNotFoundError(path)
        return found

    def stat(self, path: str) -> Stat:
        found = self._find(path)
        ino = self._inos.setdefault(path, len(self._inos) + 1)
        if found.is_dir():
            return Stat(flags.DIRECTORY, ino=ino)
        with found.open("rb") as file:
            size = file.seek(0, os.SEEK_END) if file.seekable() else len(file.read())
        return Stat(flags.REGULAR_FILE, size, ino=ino)

    def listdir(self, path: str) -> "Iterable[str]":
        return [child.name for child in self._find(path).iterdir()]

    def open(self, path: str, *, read: bool, write: bool, create: bool, exclusive: bool) -> "File | bytes":
        return self._find(path).read_bytes()
