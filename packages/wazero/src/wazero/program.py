"""Running a WASI program to its end, in the manner of ``subprocess.run``."""

from wasm_decoder import Features
from wasm_interp import ExitError, Trap

from .runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from .runtime import EngineName
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
        self, args: "Sequence[str]", returncode: int, stdout: "bytes | str | None", stderr: "bytes | str | None"
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
        super().__init__(completed.returncode, f"{completed.args[0]} exited with code {completed.returncode}")
        self.completed = completed
