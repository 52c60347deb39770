"""Executable memory, guarded memory, stacks, fault handling and the ticker. What might crash runs in a process of its
own.
"""

import contextlib
import gc
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from wasm_jit import native

pytestmark = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))

if native.unavailable() is None:
    from wasm_jit.native.code import CodeSpace
    from wasm_jit.native.memory import REACH, GuardedMemory
    from wasm_jit.native.owned import Owned
    from wasm_jit.native.stacks import MARGIN, Stack
    from wasm_jit.native.system import system


def child(source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a new interpreter."""
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )


def constant(value: int) -> bytes:
    """Code of a function that returns the value."""
    return b"\xb8" + value.to_bytes(4, "little") + b"\xc3"


# executable memory


def test_code_runs_where_it_was_placed() -> None:
    space = CodeSpace(1 << 16)
    blocks = [space.place(constant(n)) for n in range(100)]
    assert [system.call(block.address) for block in blocks] == list(range(100))
    assert all(block.address % 64 == 0 for block in blocks)


def test_no_page_is_writable_and_executable() -> None:
    block = CodeSpace(1 << 16).place(constant(1))
    maps = Path("/proc/self/maps").read_text()
    mine = [line for line in maps.splitlines() if "wasm code" in line]
    assert any(line.split()[1].startswith("r-x") for line in mine)
    assert any(line.split()[1].startswith("rw-") for line in mine)
    assert not re.search(r"^\S+ .?wx.*wasm code", maps, re.MULTILINE)
    assert system.call(block.address) == 1


def test_released_room_is_used_again_and_neighbours_become_one() -> None:
    space = CodeSpace(4096)
    blocks = [space.allocate(64) for _ in range(64)]
    first = blocks[0].address
    assert {block.address for block in blocks} == {first + 64 * n for n in range(64)}
    blocks[10].release()
    blocks[10].release()
    blocks[12].release()
    del blocks[11]  # forgetting a block releases it too (this was number 11)
    whole = space.allocate(3 * 64)
    assert whole.address == first + 10 * 64


def test_a_block_larger_than_a_segment_gets_its_own() -> None:
    space = CodeSpace(4096)
    block = space.place(constant(7) + bytes(20_000))
    assert system.call(block.address) == 7
    with pytest.raises(ValueError, match="do not fit"):
        block.write(bytes(30_000))


def test_without_files_in_memory_pages_are_written_first_and_made_executable_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(name: str, size: int) -> int:
        raise OSError(1, "denied")

    monkeypatch.setattr(system, "map_twice", denied)
    space = CodeSpace(1 << 16)
    one, two = space.place(constant(1)), space.place(constant(2))
    assert (system.call(one.address), system.call(two.address)) == (1, 2)
    access = next(
        line.split()[1]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if int(line.split("-")[0], 16) <= one.address < int(line.split("-")[1].split()[0], 16)
    )
    assert access.startswith("r-x")
    old = one.address
    one.release()
    again = space.place(constant(3))
    assert (again.address, system.call(again.address), system.call(two.address)) == (old, 3, 2)


def test_denied_executable_memory_is_a_reason_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object) -> int:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(system, "map_twice", denied)
    monkeypatch.setattr(system, "protect", denied)
    monkeypatch.setattr(native, "_answer", [])
    assert native.unavailable() == "executable memory is denied: [Errno 13] Permission denied"


# whatever ran in this process before may have left a thread behind, of which CPython warns; here that does not matter
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_runs_old_code_and_leaves_the_parents_alone() -> None:
    space = CodeSpace(1 << 16)
    old = space.place(constant(1))
    room = space.allocate(64)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            new = space.place(constant(2))
            try:
                room.write(constant(3))
            except RuntimeError:
                status = 0 if (system.call(old.address), system.call(new.address)) == (1, 2) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    later = [space.place(constant(n)) for n in range(10, 20)]
    assert [system.call(block.address) for block in later] == list(range(10, 20))
    assert system.call(old.address) == 1


def test_a_segment_goes_when_nothing_is_in_it() -> None:
    events: list[str] = []

    def watch(start: int, end: int) -> "object":
        events.append("new")
        return lambda: events.append("gone")

    space = CodeSpace(4096, watch)  # type: ignore[arg-type]  # what the callback returns is ignored
    first = space.allocate(4096)
    second = space.allocate(4096)
    assert events == ["new", "new"]
    first.release()
    third = space.allocate(4096)  # in the first segment again
    assert events == ["new", "new"]
    del space, first, second, third
    gc.collect()
    assert events == ["new", "new", "gone", "gone"]


# ownership


def test_what_is_owned_goes_with_its_last_reference_and_not_before() -> None:
    gone: list[str] = []

    class Resurrects:
        def __init__(self) -> None:
            self.room = Owned(lambda: gone.append("x"))
            self.me = self

        def __del__(self) -> None:
            saved.append(self)

    saved: list[Resurrects] = []
    Resurrects()
    gc.collect()
    assert (len(saved), gone) == (1, [])
    saved.clear()
    gc.collect()
    assert gone == ["x"]
    once = Owned(lambda: gone.append("y"))
    once.give_back()
    once.give_back()
    kept = Owned(lambda: gone.append("z"))
    kept.keep()
    del once, kept
    assert gone == ["x", "y"]
    assert not gc.is_tracked(Owned(list)._token)  # what all of this rests on


def test_what_ends_where_there_is_no_room_for_a_call_is_given_back_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    gone = 0
    kept: list[Owned] = []

    def give_back() -> None:
        nonlocal gone
        gone += 1

    def fall(depth: int) -> int:
        try:
            return fall(depth + 1)
        except RecursionError:
            kept.clear()
            return depth

    def drop(depth: int) -> None:
        if depth:
            drop(depth - 1)
        kept.clear()

    deepest = fall(0)
    for margin in range(40):
        kept.append(Owned(give_back))
        with contextlib.suppress(RecursionError):
            drop(deepest - margin)
        kept.append(Owned(give_back))
        fall(0)
    Owned(list)
    assert (gone, complaints) == (80, [])


# guarded memory


def test_a_memory_grows_in_place_and_old_views_stay() -> None:
    memory = GuardedMemory(65536)
    address = memory.address
    small = memory.view()
    assert (len(small), small.readonly, small.format) == (65536, False, "B")
    small[65535] = 7
    assert memory.grow(1 << 20)
    large = memory.view()
    assert (len(large), large[65535], large[65536], memory.address) == (1 << 20, 7, 0, address)
    small[0] = 9
    assert large[0] == 9
    assert len(small) == 65536
    with pytest.raises(IndexError):
        small[65536]


def test_a_view_keeps_the_memory() -> None:
    view = GuardedMemory(65536).view()
    half = view[::2]
    del view
    gc.collect()
    half[5] = 1
    assert half.tobytes()[:6] == b"\0\0\0\0\0\1"


def test_address_space_is_given_back() -> None:
    def size() -> int:
        return int(re.findall(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[0])

    GuardedMemory(0)
    before = size()
    memories = [GuardedMemory(65536) for _ in range(8)]
    assert size() - before >= 8 * REACH >> 10
    memories.clear()
    gc.collect()
    assert size() - before < REACH >> 10


def test_address_space_that_garbage_has_is_used_again() -> None:
    done = child(
        """
        import gc, resource
        from wasm_jit.native.memory import GuardedMemory
        gc.disable()
        resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
        for _ in range(20):
            cycle = [GuardedMemory(65536)]
            cycle.append(cycle)
            del cycle
        print("ok")
        """
    )
    assert done.stdout == "ok\n", done


def test_a_memory_ends_at_its_reservation() -> None:
    memory = GuardedMemory(0, reserve=1 << 20)
    assert len(memory.view()) == 0
    assert memory.grow(1 << 20)
    assert not memory.grow((1 << 20) + 65536)
    assert memory.size == 1 << 20


def test_no_address_space_is_an_error() -> None:
    done = child(
        """
        import resource
        from wasm_jit.native.memory import GuardedMemory
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        try:
            GuardedMemory(65536)
        except OSError as error:
            print(error.errno)
        small = GuardedMemory(65536, reserve=1 << 20)
        small.view()[0] = 1
        print(small.grow(1 << 19), small.grow(8 << 30))
        """
    )
    assert done.stdout == "12\nTrue False\n", done


def test_a_stack_has_room_below_its_limit_and_guards() -> None:
    stack = Stack(1 << 20)
    assert stack.top % 64 == 0
    assert stack.top - stack.limit == 1 << 20
    assert stack.limit - stack.bottom == MARGIN
    system.write(stack.bottom, b"x")
    system.write(stack.top - 1, b"x")
    stack.release()


# faults: load(place for rsp, address) returns the byte there, or −1 after a fault

LOADER = """
import faulthandler, os, signal, sys, threading
from wasm_jit.amd64.assembler import Assembler
from wasm_jit.native import faults
from wasm_jit.native.code import CodeSpace
from wasm_jit.native.memory import GuardedMemory
from wasm_jit.native.system import system

a = Assembler()
a.mov64_mr(7, 0, 4)         # mov [rdi], rsp
a.push_r(3)
a.nop()
fault = len(a.code)
a.movzx8_rm(0, 6, 0)        # movzx eax, byte [rsi]
a.pop_r(3)
a.ret()
exit_ = len(a.code)
a.pop_r(0)
a.mov64_mr(7, 8, 0)         # what arrives as a return address
a.mov64_rm(4, 7, 0)
a.mov64_ri(0, -1)
a.ret()
code = a.finish().data
space = CodeSpace(4096)
block = space.place(code)
faults.watch_code(block.address, block.address + exit_, block.address + exit_)
faults.install()
faults.install()
memory = GuardedMemory(65536)

def load(address):
    place = system.allocate(4096)
    result = system.call(block.address, place, address)
    if result == -1:
        assert system.word(place + 8) == block.address + fault
    system.release(place, 4096)
    return result

def check():
    found = [load(memory.address + offset) for offset in (0, 65535, 65536, memory.reserved - 1, 5)]
    assert found == [0, 0, -1, -1, 0], found

def crash():
    sys.stdout.flush()
    import ctypes
    ctypes.string_at(16)

check()
"""


def faulting(source: str, *options: str) -> subprocess.CompletedProcess[str]:
    return child(LOADER + textwrap.dedent(source), *options)


SURVIVES = {
    "plain": "",
    "faulthandler first": "faulthandler.disable(); faulthandler.enable(); check()",
    "handler of the user's": """
        signal.signal(signal.SIGSEGV, lambda *_: None)
        check()
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        check()
        """,
    "getsignal is what was set": """
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        assert signal.signal(signal.SIGSEGV, signal.SIG_IGN) == signal.SIG_DFL
        check()
        assert signal.getsignal(signal.SIGSEGV) == signal.SIG_IGN
        assert signal.signal(signal.SIGSEGV, signal.SIG_DFL) == signal.SIG_IGN
        check()
        """,
    "fork": """
        pid = os.fork()
        check()
        if not pid:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        """,
    "threads": """
        def many():
            for _ in range(200):
                check()
        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
    "memories come and go": """
        for _ in range(200):
            other = GuardedMemory(65536)
            assert load(other.address + 65536) == -1
        """,
    "grown memory": """
        memory.grow(131072)
        assert load(memory.address + 65536) == 0
        assert load(memory.address + 131072) == -1
        """,
    "sent by somebody, handled in Python": """
        seen = []
        signal.signal(signal.SIGSEGV, lambda number, frame: seen.append(number))
        os.kill(os.getpid(), signal.SIGSEGV)
        assert seen == [signal.SIGSEGV]
        check()
        """,
    "sent by somebody, ignored": """
        signal.signal(signal.SIGSEGV, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGSEGV)
        check()
        """,
}

DIES = {
    "elsewhere": "crash()",
    "in our code, at an address that is no memory's": "load(16)",
    "at a memory's address, but not in our code": "import ctypes; ctypes.string_at(memory.address + 65536)",
    "with a user's default": "signal.signal(signal.SIGSEGV, signal.SIG_DFL); check(); crash()",
    "ignored, but a fault": "signal.signal(signal.SIGSEGV, signal.SIG_IGN); crash()",
    "sent by somebody": "os.kill(os.getpid(), signal.SIGSEGV); import time; time.sleep(20)",
    "in a thread": "t = threading.Thread(target=crash); t.start(); t.join()",
    "in a child": """
        pid = os.fork()
        if not pid:
            crash()
        os.kill(os.getpid(), -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
}


@pytest.mark.parametrize("name", SURVIVES)
@pytest.mark.parametrize("options", [(), ("-X", "faulthandler")], ids=["", "faulthandler"])
def test_faults_in_compiled_code_go_to_the_trap_exit(name: str, options: tuple[str, ...]) -> None:
    done = faulting(textwrap.dedent(SURVIVES[name]) + "\nprint('survived')", *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "survived\n", "")


@pytest.mark.parametrize("name", DIES)
def test_other_faults_end_the_process_as_they_would_without_us(name: str) -> None:
    done = faulting(textwrap.dedent(DIES[name]))
    assert (done.returncode, done.stderr) == (-signal.SIGSEGV, "")


@pytest.mark.parametrize("source", ["crash()", "faulthandler.disable(); faulthandler.enable(); check(); crash()"])
def test_faulthandler_reports_what_is_not_ours_once(source: str) -> None:
    done = faulting(source, "-X", "faulthandler")
    assert done.returncode == -signal.SIGSEGV
    assert done.stderr.count("Fatal Python error: Segmentation fault") == 1
    assert "in crash" in done.stderr


def test_a_disabled_faulthandler_stays_silent() -> None:
    done = faulting("faulthandler.disable(); check(); crash()", "-X", "faulthandler")
    assert (done.returncode, done.stderr) == (-signal.SIGSEGV, "")


# the ticker

TICKING = """
import os, sys, threading, time
from wasm_jit.amd64 import abi
from wasm_jit.native.system import system
from wasm_jit.native.ticker import ticker

execution = system.allocate(4096)
system.set_word(execution + abi.THREAD, threading.get_ident())  # whom it sends signals, that do nothing here
t = ticker()
t.add(execution)

def ticks():
    system.set_word(execution + abi.LIMIT, 0)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if system.word(execution + abi.LIMIT) == 2**64 - 1:
            return True
    return False

system.set_word(execution + abi.ACTIVE, 1)
t.wake()
"""


def ticking(source: str, before: str = "") -> None:
    done = child(before + TICKING + textwrap.dedent(source) + "\nprint('ok')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_a_tick_interrupts_active_executions_even_where_no_thread_gets_the_gil() -> None:
    ticking(
        """
        sys.setswitchinterval(1000)
        assert ticks() and ticks()
        system.set_word(execution + abi.ACTIVE, 0)
        time.sleep(0.05)
        system.set_word(execution + abi.LIMIT, 5)
        time.sleep(0.05)
        assert system.word(execution + abi.LIMIT) == 5
        """
    )


def test_the_ticker_takes_no_signals_and_is_no_python_thread() -> None:
    ticking(
        """
        import signal, threading
        tasks = {int(name) for name in os.listdir("/proc/self/task")} - {os.getpid()}
        assert len(tasks) == 1 and threading.active_count() == 1
        status = open(f"/proc/self/task/{tasks.pop()}/status").read()
        blocked = int(status.split("SigBlk:")[1].split()[0], 16)
        assert all(blocked >> number - 1 & 1 for number in signal.valid_signals() if number not in (9, 19))
        """
    )


def test_the_ticker_parks_when_nothing_is_active_and_is_woken() -> None:
    ticking(
        """
        system.set_word(execution + abi.ACTIVE, 0)
        end = time.monotonic() + 20
        while not system.word(t.parked) & 0xFFFFFFFF:
            assert time.monotonic() < end
            time.sleep(0.01)
        system.set_word(execution + abi.ACTIVE, 1)
        t.wake()
        assert ticks()
        """
    )


def test_where_threads_cannot_be_fenced_the_parked_ticker_looks_again() -> None:
    ticking(
        """
        system.set_word(execution + abi.ACTIVE, 0)
        end = time.monotonic() + 20
        while not system.word(t.parked) & 0xFFFFFFFF:
            assert time.monotonic() < end
            time.sleep(0.01)
        system.set_word(execution + abi.ACTIVE, 1)  # by an entry that saw no parked ticker yet, so nobody wakes it
        assert ticks()
        """,
        "from wasm_jit.native.system import system\nsystem.can_fence = lambda: False\n",
    )


def test_no_second_thread_is_there_during_a_fork_and_both_sides_tick_afterwards() -> None:
    ticking(
        """
        import warnings
        warnings.simplefilter("error")
        system.set_word(execution + abi.ACTIVE, 0)
        pid = os.fork()
        alone = len(os.listdir("/proc/self/task")) == 1
        system.set_word(execution + abi.ACTIVE, 1)
        t.wake()
        good = alone and ticks()
        if not pid:
            os._exit(0 if good else 1)
        assert good and os.waitpid(pid, 0)[1] == 0
        """
    )


def test_compiled_code_that_is_under_way_is_interrupted_after_a_fork() -> None:
    ticking(
        """
        import warnings
        warnings.simplefilter("ignore")
        pid = os.fork()
        good = ticks()
        if not pid:
            os._exit(0 if good else 1)
        assert good and os.waitpid(pid, 0)[1] == 0
        """
    )
