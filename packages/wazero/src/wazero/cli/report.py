"""How the commands say what went wrong: one line on standard error, with the place; below it a trap's frames."""

import sys

from wasm_interp import Trap


def fail(path: str, error: Exception) -> None:
    """Print an error that has to do with a file, and its notes: those of a trap are its frames."""
    if isinstance(error, BrokenPipeError):
        raise error  # it is about our own output, and not worth a word
    sys.stdout.flush()
    print(f"wazero: {describe(path, error)}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)


def describe(path: str, error: Exception) -> str:
    """The error in one line, the file first."""
    if isinstance(error, Trap):
        return f"{path}: trap: {error.message}"
    if isinstance(error, OSError):
        return f"{error.filename or path}: {error.strerror or error}"
    return f"{path}: {error}"
