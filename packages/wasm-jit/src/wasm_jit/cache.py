"""Compiled code on disk, so that it is compiled once and not at every start.

A file holds what was compiled of one module, by one version of the compiler, for one kind of processor, under one set
of features and options: all of that is in its key, and the key's hash is its name. So nothing in a file is ever
out of date, and files of many versions live side by side.

A file is, all numbers little-endian:

    magic, version of this format, number of functions; the key's hash; the hash of everything else
    the functions (``image.Image``)

It is read and compared with its hash as a whole, and what does not compare is as if it were not there. (Nothing is
mapped: what is mapped could change after it was compared, and that a file is cut short must not be a fault in the
middle of somewhere.) A file is never changed: a process that has compiled more writes another one with everything in
it, and gives it the old one's name.
"""

import errno
import hashlib
import os
import stat
import time
import weakref
from _thread import allocate_lock
from contextlib import suppress
from struct import Struct

from .image import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wasm_decoder import Features, Module

    from .routine import Routine

_MAGIC = b"wasmcode"
_VERSION = 3
_HEAD = Struct("<8sII32s32s")
_CHECKED = Struct("<8sII32s")  # the part of the head that its own hash covers

#: While functions are compiled, what is new is written when that took less than a 20th of the time since the last
#: time, and after a second at the soonest.
_SHARE, _PAUSE = 20, 1.0


class Cache:
    """A directory of compiled code that any number of processes use at the same time.

    It holds machine code, so nobody else may be able to write to it. Files that are damaged are ignored and replaced.
    Nothing is ever removed: delete files, or the whole directory, whenever you like.
    """

    def __init__(self, directory: "str | os.PathLike[str]") -> None:
        """The cache in a directory, which is made with its parents if it is not there.

        Raises PermissionError if the directory belongs to somebody else or others may write to it, OSError if it can
        neither be made nor read, or where files can't be opened relative to a directory (Windows).
        """
        if os.open not in os.supports_dir_fd:
            raise OSError(errno.ENOSYS, "a cache needs a system that opens files relative to a directory", directory)
        self.directory = os.path.abspath(os.fspath(directory))
        os.makedirs(self.directory, 0o700, exist_ok=True)
        os.close(_open_directory(self.directory))
        _compiler()  # now, before somebody edits the source that has been loaded
        self._stored: dict[tuple[bytes, int, bool], Stored] = {}
        # what was compiled last is written when the cache, or Python, comes to its end
        weakref.finalize(self, _save, self._stored)

    def of(self, module: "Module", features: "Features", *, guarded: bool = True) -> "Stored":
        """What there is of a module.

        Arguments:
            module: the module.
            features: what it may use: functions that were compiled had been validated with these.
            guarded: whether the processor checks the bounds of its memories.
        """
        key = module_hash(module), int(features), guarded
        stored = self._stored.get(key)
        if stored is None:
            text = f"{key[0].hex()} {int(features)} {'guarded' if guarded else 'checked'} {_target()} {_compiler()}"
            stored = self._stored[key] = Stored(self.directory, hashlib.sha256(text.encode()).digest())
        return stored

    def fill(
        self,
        module: "Module",
        features: "Features",
        numbers: "Iterable[int] | None" = None,
        *,
        guarded: bool = True,
        workers: "int | None" = None,
    ) -> int:
        """Compile what is missing of a module, without making an instance, and save it.

        A function with instructions that the compiler does not know is left out.

        Arguments:
            module: a module that is valid but for its function bodies, which are validated here.
            features, guarded: as for ``of``.
            numbers: which of the functions that it defines; by default all.
            workers: as for ``Compiler.compile_all``.

        Returns how many functions were compiled.  Raises ValidationError, OSError.
        """
        from .parallel import compile_functions

        stored = self.of(module, features, guarded=guarded)
        wanted = range(len(module.funcs)) if numbers is None else numbers
        missing = [number for number in wanted if stored.get(number) is None]
        made = compile_functions(module, missing, features, guarded=guarded, workers=workers)
        count = 0
        try:
            for number, routine in made:
                count += 1
                stored.put(number, routine)
        finally:
            made.close()  # the workers are not to go on
        stored.save()
        return count

    def save(self) -> None:
        """Write what has not been written yet; that happens by itself from time to time and at the end.

        Raises OSError if that fails.
        """
        for stored in list(self._stored.values()):
            stored.save()

    def __repr__(self) -> str:
        return f"Cache({self.directory!r})"


class Stored:
    """The functions of one module that the cache has."""

    def __init__(self, directory: str, key: bytes) -> None:
        self._directory = directory
        self._key = key
        self._name = f"{key.hex()[:40]}.code"
        self._new: dict[int, Routine] = {}
        self._lock = allocate_lock()
        self._next = 0.0  # when to write next
        #: what was in the file when it was read or written last, None if there was none that is whole
        self.image: Image | None = None
        self._load()

    @property
    def path(self) -> str:
        """Where the file is, once something has been saved."""
        return os.path.join(self._directory, self._name)

    def _load(self) -> None:
        try:
            descriptor = _open_directory(self._directory)
            try:
                self.image = _read(descriptor, self._name, self._key)
            finally:
                os.close(descriptor)
        except OSError:
            self.image = None

    def get(self, number: int) -> "Routine | None":
        """The code of the function that the module defines as its ``number``-th; None if there is none."""
        routine = self._new.get(number)
        return self.image.get(number) if routine is None and self.image is not None else routine

    def put(self, number: int, routine: "Routine") -> None:
        """Remember the code of a function, and now and then write what has come together."""
        if not self._new:
            self._next = max(self._next, time.monotonic() + _PAUSE)
        self._new[number] = routine
        if time.monotonic() > self._next:
            try:
                self.save()
            except OSError:  # a full disk is no reason for a program to stop
                self._next = time.monotonic() + 60

    def save(self) -> None:
        """Write what has not been written yet.  Raises OSError."""
        if not self._new or not self._lock.acquire(blocking=False):
            return
        try:
            start = time.monotonic()
            new = dict(self._new)
            directory = _open_directory(self._directory)
            try:
                if _lock(directory):
                    _clean(directory, self._name)
                now = _read(directory, self._name, self._key)  # others may have written meanwhile
                routines = dict(now.items()) if now is not None else {}
                routines.update(new)
                packed = Image.pack(routines)
                _write(directory, self._name, self._key, len(routines), packed)
                self.image = Image(packed, len(routines))
            finally:
                os.close(directory)
            for number, routine in new.items():
                if self._new.get(number) is routine:
                    del self._new[number]
            self._next = time.monotonic() + max(_PAUSE, _SHARE * (time.monotonic() - start))
        finally:
            self._lock.release()


def _save(stored: "dict[tuple[bytes, int, bool], Stored]") -> None:
    for each in list(stored.values()):
        with suppress(OSError):
            each.save()


def _read(directory: int, name: str, key: bytes) -> "Image | None":
    """What is in the file of that name, if it is one of ours, whole, and has this key."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    try:
        about = os.fstat(descriptor)
        if not _private(about) or not stat.S_ISREG(about.st_mode):
            return None
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            content = file.read()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if len(content) < _HEAD.size:
        return None
    magic, version, count, found, digest = _HEAD.unpack_from(content)
    if (magic, version, found) != (_MAGIC, _VERSION, key):
        return None
    packed = memoryview(content)[_HEAD.size :]
    return Image(packed, count) if _digest(count, key, packed) == digest else None


def _digest(count: int, key: bytes, packed: "bytes | memoryview") -> bytes:
    hashed = hashlib.sha256(_CHECKED.pack(_MAGIC, _VERSION, count, key))
    hashed.update(packed)
    return hashed.digest()


def _write(directory: int, name: str, key: bytes, count: int, packed: bytes) -> None:
    """Replace a file in one step."""
    temporary = f".{name}.{os.urandom(8).hex()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        with open(descriptor, "wb") as file:
            file.write(_HEAD.pack(_MAGIC, _VERSION, count, key, _digest(count, key, packed)))
            file.write(packed)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _clean(directory: int, name: str) -> None:
    """Remove what writers left that were killed; nobody else is writing."""
    for each in os.listdir(directory):
        if each.startswith(f".{name}."):
            with suppress(OSError):
                os.unlink(each, dir_fd=directory)


def _open_directory(path: str) -> int:
    """A descriptor of the directory.  Raises PermissionError if somebody else could have put files there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if not _private(os.fstat(descriptor)):
        os.close(descriptor)
        raise PermissionError(
            errno.EACCES, "compiled code is kept where only its owner can write, and that is you", path
        )
    return descriptor


def _private(about: os.stat_result) -> bool:
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _lock(directory: int) -> bool:
    """Keep other processes from replacing files until the descriptor is closed; False where that cannot be done.

    Without it, what one writes between another one's reading and writing is lost, but nothing gets wrong.
    """
    try:
        import fcntl

        fcntl.flock(directory, fcntl.LOCK_EX)
    except (ImportError, OSError):
        return False
    return True


def module_hash(module: "Module") -> bytes:
    """The SHA-256 of the module's binary form without debugging information, of which only the sizes count.

    A module that came from elsewhere has another one than its binary form: the marks of its code tell other offsets.
    """
    known: bytes | None = module.__dict__.get("_sha256")
    if known is None:
        hashed = hashlib.sha256()
        if module.binary is None:
            from wasm_decoder import encode

            hashed.update(b"not binary\n" + encode(module))
        else:
            binary, start = memoryview(module.binary), 0
            for custom in module.customs:
                if custom.name.startswith(".debug_") and custom.span is not None:
                    # often half of a program, and code does not depend on it
                    hashed.update(binary[start : custom.span[0]])
                    start = custom.span[1]
            hashed.update(binary[start:])
        known = module.__dict__["_sha256"] = hashed.digest()
    return known


_versions: "list[str]" = []


def _compiler() -> str:
    """The compiler's version: the packages', and the hash of its source where there are files of it."""
    if not _versions:
        from wasm_decoder import __version__ as decoder

        from . import __version__

        source = hashlib.sha256()
        home = os.path.dirname(os.path.abspath(__file__))
        for folder, folders, names in os.walk(home):
            folders.sort()
            for name in sorted(names):
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), "rb") as file:
                        content = file.read()
                    source.update(f"{folder[len(home) :]}/{name} {len(content)}\n".encode() + content)
        _versions.append(f"{__version__} {decoder} {source.hexdigest()}")
    return _versions[0]


def _target() -> str:
    from .amd64.processor import target

    return target()
