"""What the tests of several files use."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import partial

import pytest

#: What the programs of the crash table begin with.
PRELUDE = """
import gc, os, signal, sys, threading, time, warnings, weakref
from wasm_decoder import WasmError
from wasm_interp import ExitError, HostFunction, Interpreter, LinkError, Memory, Store, Trap, function_of
from wasm_jit import Compiler

def instance(text, imports=None, engine=None, **options):
    return Store(engine or Compiler()).instantiate(text, imports, **options)

def interrupt():
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sys.unraisablehook = lambda *_: None  # an interrupt in a finalizer is nobody's exception

def raises(kind, message, call, *args):
    try:
        result = call(*args)
    except kind as error:
        assert message in str(error), error
        return error
    raise AssertionError(f"{call} returned {result!r}")
"""


Runs = Callable[[str, str], None]


@pytest.fixture
def runs() -> Runs:
    """Run a prelude and a program in a process of its own: it comes to its end, with nothing on the error stream."""

    def run(prelude: str, source: str) -> None:
        program = prelude + textwrap.dedent(source) + "\nprint('ok', flush=True)\n"
        path = os.pathsep.join(p for p in sys.path if p)
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")

    return run


@pytest.fixture
def survives(runs: Runs) -> Callable[[str], None]:
    """The same for a program of the crash table."""
    return partial(runs, PRELUDE)
