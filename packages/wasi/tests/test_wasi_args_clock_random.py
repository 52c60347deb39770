"""Arguments, environment, clocks, randomness, process."""

import random
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest
from wasi import Clock, FixedClock, SteppingClock
from wasm_interp import ExitError

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Start


@pytest.mark.parametrize("which", ["args", "environ"])
def test_strings(start: "Start", which: str) -> None:
    guest = start(args=["prog", "ä b", b"\xff"], env={"A": "1", "PATH": "/x:/y"})
    expected = {"args": [b"prog", "ä b".encode(), b"\xff"], "environ": [b"A=1", b"PATH=/x:/y"]}[which]
    assert guest.call(f"{which}_sizes_get") == (len(expected), sum(len(one) + 1 for one in expected))
    guest.call(f"{which}_get", 100, 200)
    pointers = struct.unpack_from(f"<{len(expected)}I", guest.memory.data, 100)
    data = bytes(guest.memory.data)
    assert [data[at : data.index(0, at)] for at in pointers] == expected
    assert pointers[0] == 200


def test_strings_do_not_fit(start: "Start") -> None:
    guest = start(args=["x" * 100, "y"])
    before = bytes(guest.memory.data)
    end = len(before)
    for argv, buf in ((end - 4, 0), (0, end - 100), (end + 10, 0), (0, -1)):
        assert guest.errno("args_get", argv, buf) == "EFAULT"
        assert guest.memory.data == before, "nothing half-written"


def test_nothing_is_given_by_default(start: "Start") -> None:
    guest = start()
    assert guest.call("args_sizes_get") == (0, 0)
    assert guest.call("environ_sizes_get") == (0, 0)
    assert guest.errno("fd_prestat_get", 3) == "EBADF"
    assert guest.read(0) == b""


@pytest.mark.parametrize(
    "options",
    [
        {"args": ["a\0b"]},
        {"env": {"A\0": "b"}},
        {"env": {"A=B": "c"}},
        {"env": {"": "c"}},
        {"mounts": {"/\0": {}}},
    ],
)
def test_strings_that_c_cannot_have(start: "Start", options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"NUL|not a name"):
        start(**options)


@pytest.mark.parametrize("clock", range(4))
def test_host_clocks(start: "Start", clock: int) -> None:
    guest = start()
    first = guest.call("clock_time_get", clock, 0)
    second = guest.call("clock_time_get", clock, 1 << 63)
    assert second >= first
    assert 1 <= guest.call("clock_res_get", clock) <= 1_000_000_000
    if clock == 0:
        assert abs(first - time.time_ns()) < 60_000_000_000


@pytest.mark.parametrize("clock", [4, 77, -1])
def test_no_such_clock(start: "Start", clock: int) -> None:
    guest = start()
    assert guest.errno("clock_time_get", clock, 0) == "EINVAL"
    assert guest.errno("clock_res_get", clock) == "EINVAL"


def test_fixed_clock(start: "Start") -> None:
    guest = start(clock=FixedClock(1234))
    assert [guest.call("clock_time_get", clock, 0) for clock in range(4)] == [1234] * 4
    assert guest.call("clock_res_get", 0) == 1


def test_stepping_clock(start: "Start") -> None:
    guest = start(clock=SteppingClock(100, step=7))
    assert [guest.call("clock_time_get", 1, 0) for _ in range(3)] == [100, 107, 114]
    assert guest.call("clock_res_get", 1) == 7


def test_own_clock(start: "Start") -> None:
    class Backwards(Clock):
        now = 1 << 64

        def time(self, clock: int) -> int:
            self.now -= 1
            return self.now

    assert start(clock=Backwards()).call("clock_time_get", 0, 0) == (1 << 64) - 1


def test_random(start: "Start") -> None:
    guest = start()
    guest.call("random_get", 64)
    assert sum(byte != 0 for byte in guest.filled) > 32
    guest.call("random_get", 0)


def test_random_is_replaceable(start: "Start") -> None:
    def filled(given: object, size: int = 20) -> bytes:
        guest = start(random=given)
        guest.call("random_get", size)
        return guest.filled

    assert filled(7) == filled(7) == filled(random.Random(7)) != filled(8)
    assert filled(lambda size: b"x" * size) == b"x" * 20
    with pytest.raises(TypeError):
        start(random="7")


def test_random_in_pieces(start: "Start") -> None:
    asked: list[int] = []

    def generate(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    guest = start(random=generate)
    guest.memory.data.extend(bytes(3 << 20))
    assert guest.raw("random_get", 0, 3 << 20) == 0
    assert asked == [1 << 20] * 3


def test_exit(start: "Start") -> None:
    guest = start()
    with pytest.raises(ExitError) as raised:
        guest.raw("proc_exit", -1)
    assert raised.value.code == 0xFFFFFFFF == guest.wasi.exit_code


def test_a_program_that_exited_says_so(start: "Start") -> None:
    guest = start()
    with pytest.raises(ExitError):
        guest.raw("proc_exit", 3)
    with pytest.raises(ExitError, match="exited before, with code 3"):
        guest.call("clock_time_get", 0, 0)
    with pytest.raises(ExitError, match="exited before"):
        guest.wasi.start(guest)  # type: ignore[arg-type]  # a guest without an engine


@pytest.mark.parametrize(("signal", "code"), [(1, 129), (6, 134), (9, 137), (15, 143), (30, 158)])
def test_signals_that_end(start: "Start", signal: int, code: int) -> None:
    guest = start()
    with pytest.raises(ExitError) as raised:
        guest.raw("proc_raise", signal)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("signal", "errno"), [(0, "ESUCCESS"), (16, "ESUCCESS"), (18, "ENOTSUP"), (31, "EINVAL"), (-1, "EINVAL")]
)
def test_signals_that_do_not_end(start: "Start", signal: int, errno: str) -> None:
    assert start().errno("proc_raise", signal) == errno


def test_yield(start: "Start") -> None:
    assert start().raw("sched_yield") == 0
