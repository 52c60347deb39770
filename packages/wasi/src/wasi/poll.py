"""Waiting for several things at once: clocks and descriptors, in one system call."""

from math import ceil, inf

from wasm_interp import time_left

from . import flags
from .errnos import EBADF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

    from .clocks import Clock
    from .descriptors import Descriptor

#: The longest single wait, in nanoseconds: what every system call accepts.
_LONGEST = 3_600_000_000_000


class Event:
    """What happened to a subscription (document, record ``event``)."""

    __slots__ = ("errno", "flags", "nbytes", "type", "userdata")

    def __init__(self, userdata: int, type: int, errno: int = 0, nbytes: int = 0, flags: int = 0) -> None:
        self.userdata = userdata
        self.type = type
        self.errno = errno
        self.nbytes = nbytes
        self.flags = flags


class Alarm:
    """A subscription to a clock: ``due`` is a time on it, in nanoseconds."""

    __slots__ = ("clock", "due", "userdata")

    def __init__(self, userdata: int, clock: int, due: int) -> None:
        self.userdata = userdata
        self.clock = clock
        self.due = due


class Interest:
    """A subscription to a descriptor that the host must be asked about."""

    __slots__ = ("descriptor", "fd", "type", "userdata")

    def __init__(self, userdata: int, type: int, descriptor: "Descriptor") -> None:
        self.userdata = userdata
        self.type = type
        self.descriptor = descriptor
        self.fd = descriptor.fileno()


def wait(clock: "Clock", alarms: "list[Alarm]", interests: "list[Interest]", known: "list[Event]") -> "list[Event]":
    """Waits until at least one thing has happened.

    Args:
        clock: the guest's.
        alarms, interests: what is waited for.
        known: what is known already; if there is anything, only what has happened too is added.

    Returns:
        All that has happened.  Ctrl-C interrupts the wait with KeyboardInterrupt, the end of the time that the caller
        has with TimeoutExpired; other threads run during it.
    """
    while True:
        allowed = _nanoseconds(time_left())
        left = [alarm.due - time for alarm, time in zip(alarms, _times(clock, alarms), strict=True)]
        events = known + [_rang(alarm) for alarm, rest in zip(alarms, left, strict=True) if rest <= 0]
        patience = 0 if events else min(left) if left else None
        if interests:
            # a clock that is not real does not pass while the host waits
            if not clock.real and patience is not None:
                patience = 0
            elif allowed is not None:
                patience = allowed if patience is None else min(patience, allowed)
            events += _ask(interests, patience)
            if not events and (clock.real or not left):
                continue
        if events:
            return events
        # nothing but clocks to wait for: after the sleep the first has rung, whatever the clock shows
        first = min(left)
        if clock.real and allowed is not None and allowed < first:
            clock.sleep(allowed)
            continue
        clock.sleep(first)
        return [_rang(alarm) for alarm, rest in zip(alarms, left, strict=True) if rest <= first]


def _nanoseconds(seconds: "float | None") -> "int | None":
    """Rounded up; None for none and for no end."""
    return None if seconds is None or seconds == inf else ceil(seconds * 1e9)


def in_time(fd: "int | socket", *, writing: bool = False) -> bool:
    """Whether there is a deadline; then the descriptor is ready, after a wait if need be, as far as the host can tell.
    Raises TimeoutExpired.
    """
    while (left := time_left()) is not None:
        import select

        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(fd, select.POLLOUT if writing else select.POLLIN)
            if poll.poll(ceil(min(left, _LONGEST / 1e9) * 1000)):
                return True
        else:
            try:
                if any(select.select([] if writing else [fd], [fd] if writing else [], [], min(left, _LONGEST / 1e9))):
                    return True
            except (OSError, ValueError):  # Windows knows of sockets only
                return True
    return False


def _times(clock: "Clock", alarms: "list[Alarm]") -> "list[int]":
    """What each alarm's clock shows; each clock is read once."""
    shown = {which: clock.time(which) for which in dict.fromkeys([alarm.clock for alarm in alarms])}
    return [shown[alarm.clock] for alarm in alarms]


def _rang(alarm: Alarm) -> Event:
    return Event(alarm.userdata, flags.EVENT_CLOCK)


def _ask(interests: "list[Interest]", patience: "int | None") -> "list[Event]":
    """The interests that are ready, after at most ``patience`` nanoseconds (None: as long as it takes)."""
    import select

    if patience is not None:
        patience = min(patience, _LONGEST)
    if not hasattr(select, "poll"):
        reading = [one.fd for one in interests if one.type == flags.EVENT_FD_READ]
        writing = [one.fd for one in interests if one.type == flags.EVENT_FD_WRITE]
        ready = select.select(reading, writing, [], None if patience is None else patience / 1e9)
        return [_event(one, 0) for one in interests if one.fd in ready[one.type - flags.EVENT_FD_READ]]
    masks: dict[int, int] = {}
    for one in interests:
        wanted = select.POLLIN if one.type == flags.EVENT_FD_READ else select.POLLOUT
        masks[one.fd] = masks.get(one.fd, 0) | wanted
    poll = select.poll()
    for fd, mask in masks.items():
        poll.register(fd, mask)
    # rounded up to its milliseconds, so that a wait is never too short
    happened = dict(poll.poll(None if patience is None else -(-patience // 1_000_000)))
    events = []
    for one in interests:
        found = happened.get(one.fd, 0)
        if found & select.POLLNVAL:
            events.append(Event(one.userdata, one.type, EBADF))
            continue
        hangup = flags.FD_READWRITE_HANGUP if found & (select.POLLHUP | select.POLLERR) else 0
        wanted = select.POLLIN if one.type == flags.EVENT_FD_READ else select.POLLOUT
        if hangup or found & wanted:
            events.append(_event(one, hangup))
    return events


def _event(interest: Interest, hangup: int) -> Event:
    nbytes = 1
    if interest.type == flags.EVENT_FD_READ:
        nbytes = _readable(interest.fd)
    return Event(interest.userdata, interest.type, 0, nbytes, hangup)


def _readable(fd: int) -> int:
    """How many bytes are there to read; 1 where the host does not say (a listening socket)."""
    try:
        from fcntl import ioctl
        from sys import byteorder
        from termios import FIONREAD

        return int.from_bytes(ioctl(fd, FIONREAD, bytes(4)), byteorder)
    except (ImportError, OSError):
        return 1
