"""proc_exit, proc_raise, sched_yield."""

from time import sleep

from .. import flags
from ..errnos import ENOTSUP, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi

_IGNORED = ("NONE", "CHLD", "CONT", "URG", "WINCH")
_STOPPING = ("STOP", "TSTP", "TTIN", "TTOU")


def proc_exit(wasi: "Wasi", code: int) -> None:
    wasi.exit_code = code
    raise wasi.exited(first=True)


def proc_raise(wasi: "Wasi", signal: int) -> None:
    """What POSIX does by default, since a guest cannot handle signals: most end the program.

    It then ends with exit code 128 + signal, as a shell would have it.  A program cannot be stopped: ENOTSUP.
    """
    name = flags.SIGNALS[signal]
    if name in _STOPPING:
        raise WasiError(ENOTSUP)
    if name not in _IGNORED:
        proc_exit(wasi, 128 + signal)


def sched_yield(wasi: "Wasi") -> None:
    sleep(0)  # lets another thread run
