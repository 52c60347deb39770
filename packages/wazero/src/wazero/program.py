"""Running a WASI program to its end, in the manner of ``subprocess.run``."""

from contextlib import suppress
from os import PathLike, fsdecode, path

from wasi import Wasi
from wasm_decoder import Features
from wasm_interp import ExitError, LinkError, TimeoutExpired, Trap

from .runtime import Runtime
from .source import is_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wasi import Clock
    from wasi._wasi import Mount
    from wasi.randomness import Given
    from wasi.streams import Sink, Source
    from wasi.trace import Trace

    from .runtime import EngineName, Imports
    from .source import ModuleSource, Validate


class CompletedRun:
    """What is left of a program that ran.

    Attributes:
        args: the arguments it got, its own name first.
        returncode: its exit code, 0 … 2³²−1.
        stdout, stderr: what it wrote, bytes or text as was asked for; None for a stream that was not captured.
    """

    __slots__ = ("args", "returncode", "stderr", "stdout")

    def __init__(
        self,
        args: "Sequence[str | bytes]",
        returncode: int,
        stdout: "bytes | str | None" = None,
        stderr: "bytes | str | None" = None,
    ) -> None:
        self.args = list(args)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr

    def check_returncode(self) -> None:
        """Raises FailedRun unless the program exited with 0."""
        if self.returncode:
            raise FailedRun(self)

    def __repr__(self) -> str:
        streams = "".join(f", {name}={getattr(self, name)!r}" for name in ("stdout", "stderr") if getattr(self, name))
        return f"CompletedRun(args={self.args!r}, returncode={self.returncode}{streams})"


class FailedRun(ExitError):
    """A program exited with another code than 0, and ``check=True`` had been asked for.

    Attributes:
        code: the exit code.
        completed: the whole CompletedRun.
    """

    def __init__(self, completed: CompletedRun) -> None:
        name = completed.args[0]
        super().__init__(completed.returncode, f"{name!r} exited with code {completed.returncode}")
        self.completed = completed


def run(
    source: "ModuleSource",
    *args: "str | bytes | PathLike[str]",
    input: "bytes | str | None" = None,
    stdin: "Source | None" = None,
    stdout: "Sink | None" = None,
    stderr: "Sink | None" = None,
    capture_output: bool = True,
    text: bool = False,
    encoding: str | None = None,
    errors: str = "strict",
    check: bool = False,
    env: "Mapping[str, str] | None" = None,
    mounts: "Mapping[str, Mount] | None" = None,
    clock: "Clock | None" = None,
    random: "Given" = None,
    trace: "str | Trace | None" = None,
    imports: "Imports | None" = None,
    name: str | None = None,
    engine: "EngineName" = "auto",
    features: Features = Features.CORE_3_0,
    validate: "Validate" = "lazy",
    cache: "str | PathLike[str] | None" = None,
    timeout: float | None = None,
) -> CompletedRun:
    """Run a WASI program and wait for its end.  It sees nothing but what is given here.

    Arguments:
        source: what ``wazero.load`` takes: a path, bytes, text, a module.
        args: the arguments after the program's name.
        input: what it reads from standard input, instead of ``stdin``; text is encoded as UTF-8 or ``encoding``.
        stdin: where standard input comes from: bytes, a file, a callable that is given a number of bytes, a file
            descriptor, or "inherit"; by default there is nothing to read.
        stdout, stderr: where output goes: "capture", "inherit", "null", a file, a callable, a file descriptor; stderr
            also "stdout".
        capture_output: whether a stream that is not given is captured or inherited.
        text, encoding, errors: return captured output as text, UTF-8 unless ``encoding`` says otherwise, with line ends
            as ``\\n``.
        check: raise FailedRun if the exit code is not 0.
        env: the environment; empty by default.
        mounts: the folders that it sees: its own name for each, and a folder of the host, a ``wasi.FileSystem``, or a
            dict of paths and contents.
        clock, random: what stands in for the host's clocks and randomness (a ``wasi.Clock``; a seed, a
            ``random.Random``, a callable).
        trace: groups of WASI functions whose calls are shown on stderr, such as "fs,clock"; "wasi" is all.
        imports: what the program imports besides WASI, as for ``Runtime.instantiate``.
        name: its own name, argument 0; by default that of the file.
        engine, features, validate, cache: as for ``Runtime``; bodies are validated before their first call by default.
        timeout: how many seconds it may run.

    Returns a CompletedRun.  Raises FailedRun if ``check`` is true and the program fails, Trap if it traps and
    TimeoutExpired if it takes too long (what it had written to a captured stderr is then a note of the exception),
    LinkError if it is no program, and what ``Runtime.instantiate`` raises.
    """
    if input is not None:
        if stdin is not None:
            raise ValueError("give either stdin or input")
        stdin = input.encode(encoding or "utf-8", errors) if isinstance(input, str) else input
    if name is None:
        name = path.basename(fsdecode(source)) if is_path(source) else "module"
    other = "capture" if capture_output else "inherit"
    argv = [name, *(arg if isinstance(arg, bytes) else fsdecode(arg) for arg in args)]
    with Wasi(
        args=argv,
        env=env or {},
        stdin="null" if stdin is None else stdin,
        stdout=other if stdout is None else stdout,
        stderr=other if stderr is None else stderr,
        mounts=mounts or {},
        clock=clock,
        random=random,
        trace=trace,
    ) as wasi:
        runtime = Runtime(engine, features=features, cache=cache)
        instance = runtime.instantiate(source, imports, wasi=wasi, name=name, validate=validate, timeout=timeout)
        if "_start" not in instance.exports:
            raise LinkError(f"{name} exports no _start, so it is no program")
        try:
            code = wasi.start(instance)
        except (Trap, TimeoutExpired) as error:
            if said := wasi.captured.get("stderr"):
                error.add_note(f"the program's stderr:\n{said.decode(errors='replace')}")
            raise
        finally:
            if runtime.cache is not None:
                with suppress(OSError):  # not the program's fault
                    runtime.cache.save()
        captured: dict[str, bytes | str] = {**wasi.captured}
    if text or encoding:
        for stream, data in wasi.captured.items():
            decoded = data.decode(encoding or "utf-8", errors)
            captured[stream] = decoded.replace("\r\n", "\n").replace("\r", "\n")
    completed = CompletedRun(argv, code, captured.get("stdout"), captured.get("stderr"))
    if check:
        completed.check_returncode()
    return completed
