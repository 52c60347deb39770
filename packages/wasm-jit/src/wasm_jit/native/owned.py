"""What the system lent, given back when nothing references it any more: not earlier, and not while it is in use.

The garbage collector runs the finalizers and weak references' callbacks of all that it found unreachable *before* it
looks whether a finalizer made some of it reachable again (as ``cpython.executions.keep_if_running`` does with
instances whose code is under way). So what tells of the end must be an object that the collector doesn't look at, and
that ends with its last reference: a code object is one, and allows weak references.
"""

import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Owned:
    """Referenced by all who need a thing; with the last reference the thing is given back.

    Args:
        give_back: is called once, in whatever thread; not at the end of the process.
    """

    __slots__ = ("_end", "_token")

    def __init__(self, give_back: "Callable[[], object]") -> None:
        self._token = Owned.__init__.__code__.replace()
        self._end = weakref.finalize(self._token, give_back)
        self._end.atexit = False

    def give_back(self) -> None:
        """Now, instead of later; a second time does nothing."""
        self._end()

    def keep(self) -> None:
        """Never."""
        self._end.detach()
