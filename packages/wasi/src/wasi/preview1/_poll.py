"""poll_oneoff."""

from struct import Struct

from .. import flags
from ..errnos import EFAULT, EINVAL, ENOTCAPABLE, ENOTSUP, WasiError, number
from ..poll import Alarm, Event, Interest, wait
from ..rights import FD_READ, FD_WRITE, POLL_FD_READWRITE, SOCK_ACCEPT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi
    from ._abi import Layout


# a listening socket is "read" by accepting
_READING = FD_READ | SOCK_ACCEPT

_EVENT = Struct("<QHBxxxxxQHxxxxxx")


def poll_oneoff(
    wasi: "Wasi", memory: memoryview, subscriptions: "tuple[Layout, int]", events: int, nsubscriptions: int
) -> int:
    """Waits until at least one subscription has an event, and stores all that have.

    A subscription that cannot be (a closed descriptor, one without the right ``poll_fd_readwrite``, a clock that does
    not pass while one waits) is an event with an errno at once, as the document has it.
    """
    layout, start = subscriptions
    size = layout.clock.size
    if not nsubscriptions:
        raise WasiError(EINVAL)
    if start + size * nsubscriptions > len(memory) or events + _EVENT.size * nsubscriptions > len(memory):
        raise WasiError(EFAULT)
    alarms: list[Alarm] = []
    interests: list[Interest] = []
    known: list[Event] = []
    for at in range(start, start + size * nsubscriptions, size):
        userdata, kind, subject, timeout, subflags = layout.clock.unpack_from(memory, at)
        try:
            if kind == flags.EVENT_CLOCK:
                alarms.append(_alarm(wasi, userdata, subject, timeout, subflags))
            elif kind in (flags.EVENT_FD_READ, flags.EVENT_FD_WRITE):
                subject = layout.descriptor.unpack_from(memory, at)[2]
                descriptor = wasi.descriptors.get(subject)
                descriptor.require(POLL_FD_READWRITE)
                if not descriptor.rights & (_READING if kind == flags.EVENT_FD_READ else FD_WRITE):
                    raise WasiError(ENOTCAPABLE)
                nbytes = descriptor.ready(kind)
                if nbytes is None:
                    interests.append(Interest(userdata, kind, descriptor))
                else:
                    known.append(Event(userdata, kind, 0, nbytes))
            else:
                raise WasiError(EINVAL)
        except (WasiError, OSError) as error:
            if kind > flags.EVENT_FD_WRITE:
                raise
            known.append(Event(userdata, kind, number(error)))
    happened = wait(wasi.clock, alarms, interests, known)
    for at, event in enumerate(happened):
        _EVENT.pack_into(
            memory, events + at * _EVENT.size, event.userdata, event.errno, event.type, event.nbytes, event.flags
        )
    return len(happened)


def _alarm(wasi: "Wasi", userdata: int, clock: int, timeout: int, subflags: int) -> Alarm:
    if clock > flags.THREAD_CPUTIME or subflags & ~flags.SUBSCRIPTION_CLOCK_ABSTIME:
        raise WasiError(EINVAL)
    if clock not in (flags.REALTIME, flags.MONOTONIC):
        raise WasiError(ENOTSUP)  # the time that the processor spends on us stands still while we wait
    if subflags & flags.SUBSCRIPTION_CLOCK_ABSTIME:
        return Alarm(userdata, clock, timeout)
    # a step of the wall clock must not change how long a relative wait is
    return Alarm(userdata, flags.MONOTONIC, wasi.clock.time(flags.MONOTONIC) + timeout)
