"""The time that a guest sees.  A program that should run the same every time gets a clock of its own."""

import time

from .errnos import ENOTSUP, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# what Python calls the clocks, in the document's order
_NAMES: "Final" = ("time", "monotonic", "process_time", "thread_time")


def _missing() -> int:
    raise WasiError(ENOTSUP)


# not every system has the last
_READ = (time.time_ns, time.monotonic_ns, time.process_time_ns, getattr(time, "thread_time_ns", _missing))


class Clock:
    """The clocks of the host.  A subclass can say otherwise.

    Attributes:
        real: waiting takes real time; otherwise ``sleep`` alone says how long a wait is.
    """

    real = True

    def resolution(self, clock: int) -> int:
        """The smallest step of a clock (a number of ``flags.CLOCKIDS``), in nanoseconds."""
        try:
            return max(round(time.get_clock_info(_NAMES[clock]).resolution * 1e9), 1)
        except ValueError:
            raise WasiError(ENOTSUP) from None

    def time(self, clock: int) -> int:
        """What a clock shows, in nanoseconds; REALTIME counts from 1970, the others from some start."""
        return _READ[clock]()

    def sleep(self, ns: int) -> None:
        """Waits that long; other threads run meanwhile, and Ctrl-C ends it."""
        while ns > 0:
            # time.sleep refuses what does not fit into its types
            some = min(ns, 86_400_000_000_000)
            time.sleep(some / 1e9)
            ns -= some


class FixedClock(Clock):
    """Clocks that stand still.  Waiting takes no time.

    Args:
        ns: what all of them show, in nanoseconds since 1970.
    """

    real = False

    def __init__(self, ns: int = 0) -> None:
        self.ns = ns

    def resolution(self, clock: int) -> int:
        return 1

    def time(self, clock: int) -> int:
        return self.ns

    def sleep(self, ns: int) -> None:
        pass


class SteppingClock(FixedClock):
    """Clocks that advance by one step each time one is read, and by the time that a wait should take.

    Args:
        ns: what they show first, in nanoseconds since 1970.
        step: how much they advance, in nanoseconds.
    """

    def __init__(self, ns: int = 0, step: int = 1_000_000) -> None:
        super().__init__(ns)
        self.step = step

    def resolution(self, clock: int) -> int:
        return max(self.step, 1)

    def time(self, clock: int) -> int:
        now = self.ns
        self.ns += self.step
        return now

    def sleep(self, ns: int) -> None:
        self.ns += ns
