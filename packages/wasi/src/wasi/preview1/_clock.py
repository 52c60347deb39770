"""clock_res_get, clock_time_get."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi


def clock_res_get(wasi: "Wasi", clock: int) -> int:
    return wasi.clock.resolution(clock)


def clock_time_get(wasi: "Wasi", clock: int, precision: int) -> int:
    return wasi.clock.time(clock) & 0xFFFFFFFFFFFFFFFF
