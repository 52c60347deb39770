"""A trace of a program's calls, one line each, in the manner of strace."""

import sys

from .errnos import NAMES
from .preview1._table import GROUPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from wasm_interp import Instance

    from .preview1._abi import Call, Row

    class Writable(Protocol):
        def write(self, text: str, /) -> object: ...


_NAMES = ("wasi", *dict.fromkeys(GROUPS.values()))


class Trace:
    """Which calls are shown, and where.

    Args:
        groups: "wasi" for all functions, or some of fs, clock, random, poll, sock and proc (which has the arguments and
            the environment too), separated by commas.
        file: a text file, or a callable that gets each line; stderr by default.

    Raises:
        ValueError: for another group.
    """

    def __init__(self, groups: str = "wasi", file: "Writable | Callable[[str], object] | None" = None) -> None:
        self.groups = frozenset(group.strip() for group in groups.split(",") if group.strip())
        for group in self.groups:
            if group not in _NAMES:
                raise ValueError(f"{group!r} is no group of functions: {', '.join(_NAMES)}")
        self._file = file

    def wrap(self, row: "Row", call: "Call") -> "Call":
        """The function that shows a line for each call, or the function itself if its group is not traced."""
        if not self.groups & {"wasi", GROUPS[row.name.partition("_")[0]]}:
            return call

        def traced(instance: "Instance", *arguments: int) -> "int | None":
            memory = instance.memory.view() if instance.memory is not None else None
            try:
                shown = f"{row.name}({row.shown(memory, arguments)})"
            except Exception as error:  # a trace must not change what a program does
                shown = f"{row.name}({', '.join(map(str, arguments))}) [{error!r}]"
            try:
                errno = call(instance, *arguments)
            except BaseException as error:
                self._show(f"{shown} = ? {type(error).__name__}")
                raise
            if errno:
                self._show(f"{shown} = E{NAMES[errno]}")
            elif row.results and instance.memory is not None:
                self._show(f"{shown} = {row.shown_results(instance.memory.view(), arguments)}")
            else:
                self._show(f"{shown} = 0")
            return errno

        return traced

    def _show(self, line: str) -> None:
        file = self._file if self._file is not None else sys.stderr
        if callable(file):
            file(line)
        elif file is not None:
            file.write(line + "\n")
