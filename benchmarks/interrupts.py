"""How soon, and how surely, compiled code stops: Ctrl-C, timeouts, and what looking out for them costs.

python -m benchmarks interrupts [repetitions]

Each program is started again and again, interrupted by SIGINT after a moment, and must end with KeyboardInterrupt, with
the process and the instance as good as before.  The latency is the time from the signal to the exception; the same for
timeouts of 20 ms, from the deadline on.  wasmtime, where it is installed, runs in processes of its own, since an
exception of a host function can end one.  At last, kernels with the ticker at its usual period and without ticks.
"""

import importlib.util
import math
import os
import signal
import subprocess
import sys
import time

from wasm_interp import Store, TimeoutExpired, timeout
from wasm_jit import Compiler
from wasm_jit.native.system import system
from wasm_jit.native.ticker import PERIOD, ticker

from .kernels import KERNELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = """(module
  (import "host" "python" (func $python (result i32)))
  (import "host" "builtin" (func $builtin (result i32)))
  (memory (export "memory") 160)
  (func (export "loop") (loop $again (br $again)))
  (func (export "Python function") (loop $again (drop (call $python)) (br $again)))
  (func (export "builtin") (loop $again (drop (call $builtin)) (br $again)))
  (func (export "memory.fill") (loop $again
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 10000000)) (br $again)))
  (func $calls (param i32) (result i32)
    (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (i32.const 1))))
    (i32.add (call $calls (i32.sub (local.get 0) (i32.const 1))) (call $calls (i32.sub (local.get 0) (i32.const 2)))))
  (func (export "recursion") (drop (call $calls (i32.const 90))))
  (func (export "seven") (result i32) (i32.const 7)))
"""
PROGRAMS = ("loop", "Python function", "builtin", "memory.fill", "recursion")
#: Seconds that a program runs before it is interrupted: every other moment between two ticks.
MOMENTS = [0.001 + i * 0.00037 for i in range(20)]


def host() -> int:
    """The Python function that is called."""
    return 1


SENDER = """
import os, signal, sys, time
for line in sys.stdin:
    time.sleep(float(line))
    print(time.monotonic(), flush=True)
    os.kill(os.getppid(), signal.SIGINT)
"""


class Sender:
    """A process that sends SIGINT to this one when it is told to, as a terminal does: it does not share the GIL."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def after(self, seconds: float) -> None:
        """Send one then."""
        assert self._process.stdin is not None
        print(seconds, file=self._process.stdin, flush=True)

    @property
    def sent(self) -> float:
        """When it was sent."""
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())


def interrupted(call: "Callable[[], object]", sender: Sender, delay: float) -> float:
    """How long the call went on after the signal, in seconds; any other end is raised."""
    try:
        sender.after(delay)
        call()
    except KeyboardInterrupt:
        return time.monotonic() - sender.sent
    raise AssertionError("it came to an end")


def timed(call: "Callable[[], object]", seconds: float) -> float:
    """How long the call went on after its deadline."""
    start = time.monotonic()
    try:
        with timeout(seconds):
            call()
    except TimeoutExpired:
        return time.monotonic() - start - seconds
    raise AssertionError("it came to an end")


def row(what: str, latencies: "list[float]", bad: int) -> None:
    """Print a line of the table."""
    found = sorted(latencies)
    shown = [found[min(int(len(found) * part), len(found) - 1)] * 1e3 for part in (0.5, 0.9, 0.99, 1)] if found else []
    print(f"{what:34}{len(found):7}{bad:6}" + "".join(f"{each:9.2f}" for each in shown), flush=True)


def ours(repetitions: int) -> None:
    """The native engine."""
    imports = {"host": {"python": host, "builtin": os.getpid}}
    exports = Store(Compiler()).instantiate(MODULE, imports).exports
    sender = Sender()
    seconds = 0.02
    ways: list[tuple[str, Callable[[Callable[[], object], float], float]]] = [
        ("Ctrl-C", lambda call, delay: interrupted(call, sender, delay)),
        ("timeout", lambda call, _: timed(call, seconds)),
    ]
    for way, measure in ways:
        for program in PROGRAMS:
            latencies, bad = [], 0
            for i in range(repetitions):
                try:
                    latencies.append(measure(exports[program], MOMENTS[i % len(MOMENTS)]))
                    bad += exports.seven() != 7
                except Exception as error:  # not what was to come: a bad outcome
                    print(repr(error), file=sys.stderr)
                    bad += 1
            row(f"{way}: {program}", latencies, bad)


WASMTIME = """
import os, signal, sys, wasmtime
from benchmarks.interrupts import MODULE, Sender, host, interrupted
engine = wasmtime.Engine()
store = wasmtime.Store(engine)
module = wasmtime.Module(engine, MODULE)
number = wasmtime.FuncType([], [wasmtime.ValType.i32()])
functions = [wasmtime.Func(store, number, f) for f in (host, os.getpid)]
program = wasmtime.Instance(store, module, functions).exports(store)[sys.argv[1]]
signal.signal(signal.SIGINT, signal.default_int_handler)
print(interrupted(lambda: program(store), Sender(), 0.05))
"""


def wasmtimes(repetitions: int) -> None:
    """wasmtime, each time in a new process; what has not ended after two seconds never does."""
    for program in PROGRAMS:
        latencies, outcomes = [], dict.fromkeys(("ended by a signal", "another error", "never ended"), 0)
        for _ in range(repetitions):
            command = [sys.executable, "-c", WASMTIME, program]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)
            except subprocess.TimeoutExpired:
                outcomes["never ended"] += 1
                continue
            if done.returncode == 0:
                latencies.append(float(done.stdout))
            else:
                outcomes["ended by a signal" if done.returncode < 0 else "another error"] += 1
        row(f"wasmtime, Ctrl-C: {program}", latencies, sum(outcomes.values()))
        print("  " + ", ".join(f"{count} × {what}" for what, count in outcomes.items() if count))


def cost(repetitions: int) -> None:
    """The kernels with ticks and without, taking turns: processor time of the thread, best of the repetitions."""
    clock = ticker()
    periods = {"with": PERIOD, "without": 3_600_000_000_000}
    ratios = []
    print(f"\n{'kernel':14}{'with ticks':>12}{'without':>12}{'ratio':>9}")
    for kernel in KERNELS:
        run = Store(Compiler()).instantiate(kernel.module).exports.run
        run(kernel.small)
        best = dict.fromkeys(periods, math.inf)
        for i in range(repetitions):
            for name, period in list(periods.items())[:: 1 if i % 2 else -1]:
                system.prepare(clock.page, period, period)
                clock.wake()  # it may sleep for an hour
                start = time.thread_time()
                run(kernel.n)
                best[name] = min(best[name], time.thread_time() - start)
        ratios.append(best["with"] / best["without"])
        print(f"{kernel.name:14}{best['with']:12.4f}{best['without']:12.4f}{ratios[-1]:9.3f}", flush=True)
    print(f"{'geometric mean':38}{math.exp(sum(map(math.log, ratios)) / len(ratios)):9.3f}")


def main(repetitions: int) -> None:
    """Print the table."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"CPython {sys.version.split()[0]}, {repetitions} repetitions; latencies in milliseconds\n")
    print(f"{'':34}{'good':>7}{'bad':>6}{'median':>9}{'90 %':>9}{'99 %':>9}{'worst':>9}")
    ours(repetitions)
    if importlib.util.find_spec("wasmtime") is not None:
        wasmtimes(20)
    cost(max(repetitions // 100, 2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
