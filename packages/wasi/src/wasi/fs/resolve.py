"""The jail: how a path of the guest finds its file.

One component at a time, each from the directory that the one before led to, never following a symbolic link by itself:
links are read and walked here.  ``..`` goes back along the directories that were walked and never asks the file system,
so neither a link nor a directory that someone moves meanwhile leads out (WASI document, "Capabilities"; the same scheme
as ``openat2(2)`` with ``RESOLVE_BENEATH``).
"""

from .. import flags
from ..errnos import EILSEQ, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, WasiError, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .base import Directory, Stat

#: How many symbolic links one path may lead through, as in Linux.
LINKS = 40
#: The longest name of an entry and the longest path, in bytes of UTF-8.
NAME_MAX, PATH_MAX = 255, 4096

#: What becomes of a symbolic link at the end of a path: it is never followed, only if a slash comes after it, always.
NEVER, ON_SLASH, ALWAYS = range(3)


class Target:
    """Where a path leads: an entry of a directory.  A context manager that closes what was opened on the way.

    Attributes:
        parent: the directory, to be used until the context ends.
        name: the entry's name, "." for the directory itself.
        stat: what is there, None if nothing is.
        slash: the path ends in a slash, so it means a directory.
    """

    __slots__ = ("_opened", "name", "parent", "slash", "stat")

    def __init__(self, parent: "Directory", name: str, slash: bool, opened: "list[Directory]") -> None:
        self.parent = parent
        self.name = name
        self.slash = slash
        self._opened = opened
        self.stat: Stat | None = parent.lookup(name)

    def existing(self) -> "Stat":
        """What is there; raises WasiError ENOENT, or ENOTDIR if the path ends in a slash and it is no directory."""
        stat = self.stat
        if stat is None:
            raise WasiError(ENOENT)
        if self.slash and stat.filetype != flags.DIRECTORY:
            raise WasiError(ENOTDIR)
        return stat

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._opened)


def resolve(base: "Directory", path: bytes, follow: int) -> Target:
    """Walks a path.

    Args:
        base: where it starts, and what it cannot leave.
        path: of the guest: relative, UTF-8.
        follow: NEVER, ON_SLASH or ALWAYS, for a symbolic link at its end.

    Raises:
        WasiError: EILSEQ (no UTF-8), EINVAL (holds a NUL), ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EPERM (leads out).
        OSError: the file system's own.
    """
    pending: list[str] = []
    slash = _push(pending, text(path))
    opened: list[Directory] = []  # from the base down to where we are; never holds the base
    links = 0
    try:
        while True:
            name = pending.pop()
            here = opened[-1] if opened else base
            if name == "..":
                if not opened:
                    raise WasiError(EPERM)
                opened.pop().close()
                here, name = opened[-1] if opened else base, "."
            if name == ".":
                if pending:
                    continue
                return Target(here, name, slash, opened)
            if len(name) > NAME_MAX // 4 and len(name.encode()) > NAME_MAX:
                raise WasiError(ENAMETOOLONG)
            if pending:
                try:
                    opened.append(here.open_directory(name))
                    continue
                except (OSError, WasiError) as error:
                    if number(error) not in (ENOTDIR, ELOOP):
                        raise
                    stat = here.lookup(name)
                    if stat is None or stat.filetype != flags.SYMBOLIC_LINK:
                        raise
            else:
                target = Target(here, name, slash, opened)
                is_link = target.stat is not None and target.stat.filetype == flags.SYMBOLIC_LINK
                if not is_link or follow == NEVER or (follow == ON_SLASH and not slash):
                    return target
            links += 1
            if links > LINKS:
                raise WasiError(ELOOP)
            slash = _push(pending, here.readlink(name)) or slash
    except BaseException:
        _close(opened)
        raise


def text(path: bytes) -> str:
    """A path of the guest as text.  Raises WasiError ENAMETOOLONG, EILSEQ (no UTF-8), EINVAL (holds a NUL)."""
    if len(path) >= PATH_MAX:
        raise WasiError(ENAMETOOLONG)
    if 0 in path:
        raise WasiError(EINVAL)
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise WasiError(EILSEQ) from None


def _push(pending: "list[str]", path: str) -> bool:
    """Puts the components of a path in front of those that are pending; whether a slash ends it."""
    if not path:
        raise WasiError(ENOENT)
    if path[0] == "/":
        raise WasiError(EPERM)
    last = not pending
    components = [name for name in path.split("/") if name]
    components.reverse()
    pending += components
    return last and path[-1] == "/"


def _close(opened: "list[Directory]") -> None:
    while opened:
        opened.pop().close()
