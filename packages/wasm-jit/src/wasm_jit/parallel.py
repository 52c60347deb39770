"""Compiling all functions at once, in processes of their own: one function's code depends on the module's bodies only.

The workers are plain ``python -c`` children that speak through pipes. They import the compiler and nothing of the
program that started them, so it doesn't matter how that was started, or what it does when it is imported.
"""

import os
import pickle
import sys
from contextlib import suppress
from queue import SimpleQueue
from struct import Struct
from subprocess import PIPE, Popen
from threading import Thread

from wasm_interp import UnsupportedError

from .compile import compile_function
from .layout import Layout
from .routine import Routine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import IO, BinaryIO

    from wasm_decoder import Features, Module

    from .engine import Linked

#: Bytes of function bodies that are worth a worker: less is compiled while the worker starts.
_WORTH = 20_000
#: Bytes of function bodies that a worker gets at a time.
_PORTION = 10_000

_SIZE = Struct("<Q")
_CHILD = "import sys; sys.path[:] = {!r}; from wasm_jit.parallel import work; work()"


def compile_all(linked: "Linked", workers: "int | None" = None) -> int:
    """Compile what an instance has not compiled yet, and let its calls go there; as ``Compiler.compile_all``."""
    linked.complete()
    linked.place_stored()
    module, stored, guarded = linked.module, linked.stored, linked.guarded
    missing = []
    compiled = linked.compiled
    for number in range(len(module.funcs)):
        if number not in compiled:
            routine = stored.get(number) if stored is not None else None
            if routine is not None:
                linked.install(number, routine)
            else:
                missing.append(number)
    features = linked.features if linked.lazy else None
    made = compile_functions(module, missing, features, guarded=guarded, workers=workers)
    count = 0
    try:
        for number, routine in made:
            count += 1
            linked.install(number, routine)
            if stored is not None:
                stored.put(number, routine)
    finally:
        made.close()  # the workers are not to go on
    if stored is not None:
        stored.save()
    linked.activate()
    return count


def compile_functions(
    module: "Module",
    numbers: "Sequence[int]",
    features: "Features | None" = None,
    *,
    guarded: bool = True,
    workers: "int | None" = None,
) -> "Generator[tuple[int, Routine]]":
    """The code of functions, each with its number, in no particular order; without those that cannot be compiled.

    Arguments:
        module: the module that defines them, valid but for its function bodies.
        numbers: which functions: 0 is the first that the module defines.
        features: what to validate the bodies with; None if they are known to be valid.
        guarded: whether the processor checks the bounds of memories.
        workers: how many processes; 0 compiles in this one. By default one per processor, if it is worth it.

    Raises ValidationError, or what else compiling a function raises.
    """
    sizes = {number: module.funcs[number].end - module.funcs[number].start for number in numbers}
    if workers is None:
        workers = min(_processors(), sum(sizes.values()) // _WORTH)
        if workers == 1:
            workers = 0  # one that waits for one is no faster
    if not workers or not sys.executable or not sizes:
        yield from _compile(module, numbers, features, guarded)
        return
    portions: list[list[int]] = []
    room = 0
    for number in sorted(sizes, key=sizes.__getitem__, reverse=True):  # what takes longest is begun first
        if room <= 0:
            portions.append([])
            room = _PORTION
        portions[-1].append(number)
        room -= sizes[number]
    portions.reverse()  # they are taken from the end
    # without what has been derived from the module here
    parts = {part: getattr(module, part) for part in (*module.PARTS, "binary")}
    task = pickle.dumps((parts, features, guarded), pickle.HIGHEST_PROTOCOL)
    answers: SimpleQueue[object] = SimpleQueue()
    crew = [_Worker(task, portions, answers) for _ in range(min(workers, len(portions)))]
    working = len(crew)
    lost: list[int] = []  # what workers had that came to an end before their time
    try:
        while working:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, _Ended):
                working -= 1
                lost += answer.portion
            else:
                assert isinstance(answer, list)
                for number, packed in answer:
                    yield number, Routine.unpack(packed)
        yield from _compile(module, [*lost, *[number for portion in portions for number in portion]], features, guarded)
    finally:
        portions.clear()
        for worker in crew:
            worker.stop()


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _compile(
    module: "Module", numbers: "Sequence[int]", features: "Features | None", guarded: bool
) -> "Generator[tuple[int, Routine]]":
    """Compile here."""
    layout = Layout(module)
    for number in numbers:
        if features is not None:
            from wasm_decoder.valid import validate_func

            validate_func(module, number, features)
        try:
            routine = Routine.of(*compile_function(module, layout, number, guarded=guarded, lazy=features))
        except UnsupportedError:  # it will be said when somebody calls the function
            continue
        yield number, routine


class _Ended:
    """A worker will do nothing more; ``portion`` is what it leaves undone."""

    def __init__(self, portion: "list[int]") -> None:
        self.portion = portion


class _Worker:
    """A child that compiles one portion after the other, and the thread that speaks with it."""

    def __init__(self, task: bytes, portions: "list[list[int]]", answers: "SimpleQueue[object]") -> None:
        self._task = task
        self._portions = portions
        self._answers = answers
        options = ["-I", *(["-B"] if sys.dont_write_bytecode else [])]
        command = [sys.executable, *options, "-c", _CHILD.format(sys.path)]
        self._child: Popen[bytes] | None
        try:
            self._child = Popen(command, stdin=PIPE, stdout=PIPE)
        except OSError:
            self._child = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        portion: list[int] = []
        try:
            if self._child is not None:
                to, from_ = self._child.stdin, self._child.stdout
                assert to is not None
                assert from_ is not None
                _send(to, self._task)
                while True:
                    portion = self._portions.pop()
                    _send(to, pickle.dumps(portion))
                    self._answers.put(pickle.loads(_receive(from_)))
                    portion = []
        except (OSError, EOFError, IndexError):  # it died, or there is no portion left
            pass
        self._answers.put(_Ended(portion))

    def stop(self) -> None:
        """End the child, whatever it is doing."""
        if self._child is not None:
            self._child.kill()
        self._thread.join()
        if self._child is not None:
            for pipe in (self._child.stdin, self._child.stdout):
                assert pipe is not None
                with suppress(OSError):  # what was not sent
                    pipe.close()
            self._child.wait()


def _send(to: "BinaryIO | IO[bytes]", message: bytes) -> None:
    to.write(_SIZE.pack(len(message)) + message)
    to.flush()


def _receive(from_: "BinaryIO | IO[bytes]") -> bytes:
    head = from_.read(_SIZE.size)
    if len(head) < _SIZE.size:
        raise EOFError
    (size,) = _SIZE.unpack(head)
    message = from_.read(size)
    if len(message) < size:
        raise EOFError
    return message


def work() -> None:
    """What a worker does: it reads its task and then portions from standard input, and writes routines."""
    import signal

    from wasm_decoder import Module

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    from_, to = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        parts, features, guarded = pickle.loads(_receive(from_))
        module = Module(**parts)
        while True:
            numbers = pickle.loads(_receive(from_))
            answer: object
            try:
                answer = [(number, routine.pack()) for number, routine in _compile(module, numbers, features, guarded)]
                message = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
            except Exception as error:
                try:
                    message = pickle.dumps(error)
                    pickle.loads(message)
                except Exception:
                    message = pickle.dumps(RuntimeError(repr(error)))
            _send(to, message)
    except (EOFError, OSError):  # the parent is gone
        os._exit(0)
