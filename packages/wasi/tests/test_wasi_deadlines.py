"""A guest that waits does not wait longer than its caller's deadline."""

import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from wasi import Clock, Wasi
from wasi.clocks import SteppingClock
from wasm_interp import Instance, Store, TimeoutExpired

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot wait for pipes")

TEXT = """(module
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 4)
    (data (i32.const 0) "\\00\\01\\00\\00\\00\\00\\02\\00")       ;; an iovec: 128 KiB at 256
    (data (i32.const 32) "\\01\\00\\00\\00")                      ;; a subscription at 16 to the monotonic clock
    (func (export "read") (param $fd i32) (result i32)
      (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (func (export "count") (result i32) (i32.load (i32.const 8)))
    (func (export "write") (param $fd i32) (result i32) (local $error i32)
      (loop $again
        (br_if $again (i32.eqz (local.tee $error
          (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))))
      (local.get $error))
    (func (export "accept") (param $fd i32) (result i32)
      (call $sock_accept (local.get $fd) (i32.const 0) (i32.const 8)))
    (func (export "receive all") (param $fd i32) (result i32)
      (call $sock_recv (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 8) (i32.const 12)))
    (func (export "sleep") (param $ns i64) (result i32)
      (i32.store8 (i32.const 24) (i32.const 0)) (i64.store (i32.const 40) (local.get $ns))
      (call $poll (i32.const 16) (i32.const 512) (i32.const 1) (i32.const 8)))
    (func (export "poll") (param $fd i32) (result i32)
      (i32.store8 (i32.const 24) (i32.const 1)) (i32.store (i32.const 32) (local.get $fd))
      (call $poll (i32.const 16) (i32.const 512) (i32.const 1) (i32.const 8))))"""

#: Seconds in which everything here ends even on a busy machine.
LONG = 30.0
HOUR = 3_600_000_000_000


class World:
    """A guest with a pipe that gives nothing, one that nobody reads, a socket and a listening one."""

    def __init__(self) -> None:
        self.silent, self._silent = os.pipe()
        self._full, self.full = os.pipe()
        self.near, self.far = socket.socketpair()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self._programs: list[Wasi] = []

    def instance(self, seconds: float, clock: "Clock | None" = None) -> Instance:
        wasi = Wasi(stdin=self.silent, stdout=self.full, sockets=[self.near, self.listener], clock=clock)
        self._programs.append(wasi)
        return Store().instantiate(TEXT, {"wasi_snapshot_preview1": wasi.imports()}, timeout=seconds)

    def close(self) -> None:
        for wasi in self._programs:
            wasi.close()
        for fd in (self.silent, self._silent, self._full, self.full):
            os.close(fd)
        for one in (self.near, self.far, self.listener):
            one.close()

    def say(self, data: bytes) -> None:
        os.write(self._silent, data)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("read", 0), ("write", 1), ("read", 3), ("write", 3), ("receive all", 3), ("accept", 4),
        ("sleep", HOUR), ("poll", 0), ("poll", 3),
    ],
)  # fmt: skip
def test_a_wait_ends_at_the_deadline(world: World, name: str, argument: int) -> None:
    one = world.instance(0.05)
    start = time.monotonic()
    with pytest.raises(TimeoutExpired):
        one.exports[name](argument)
    assert 0.05 <= time.monotonic() - start < LONG


def test_a_clock_of_ones_own_lets_a_poll_end_too(world: World) -> None:
    one = world.instance(0.05, SteppingClock())
    assert one.exports.sleep(HOUR) == 0
    with pytest.raises(TimeoutExpired):
        one.exports.poll(0)


def test_with_time_left_all_is_as_ever(world: World) -> None:
    one = world.instance(LONG)
    assert one.exports.sleep(1_000_000) == 0
    world.say(b"hello")
    assert one.exports.poll(0) == 0
    assert one.exports.read(0) == 0
    assert one.exports.count() == 5
    world.far.send(b"hi")
    assert one.exports["receive all"](3) == 0
    assert one.exports.count() == 2
    with socket.create_connection(world.listener.getsockname()):
        assert one.exports.accept(4) == 0
    world.far.close()
    assert one.exports.write(3) != 0


def test_a_host_function_of_ones_own_that_times_out_is_an_error_of_the_guest(world: World) -> None:
    """Only our own exception ends the guest: Python's TimeoutError is ETIMEDOUT."""

    def given(size: int) -> bytes:
        raise TimeoutError

    read: Callable[[int], bytes] = given
    wasi = Wasi(stdin=read)
    one = Store().instantiate(TEXT, {"wasi_snapshot_preview1": wasi.imports()})
    assert one.exports.read(0) == 73
