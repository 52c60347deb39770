"""The command ``wazero``: a module per subcommand, imported when it is called for."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: each subcommand with what it does; the module of the same name has ``main(argv) -> exit code``
COMMANDS = {
    "run": "run a WASI program, or call a function of a module",
    "compile": "compile a module ahead of time, or show what becomes of it",
    "validate": "say whether modules are valid",
    "inspect": "show what is in a module",
    "wat2wasm": "translate the text format into the binary format",
    "wasm2wat": "translate the binary format into the text format",
    "version": "show versions, the Python at hand and the engine",
}

_USAGE = f"""\
usage: wazero COMMAND [arguments]      (wazero COMMAND --help says more)

{chr(10).join(f"  {name:<10} {purpose}" for name, purpose in COMMANDS.items())}

Wherever a module is asked for, a file in the binary or the text format will do.
"""


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command.

    Arguments:
        argv: the arguments without the program's own name; ``sys.argv[1:]`` by default.

    Returns the exit code: that of the guest for ``run``, 0 or 1 for the other commands, 130 after Ctrl-C.  For
    arguments that it cannot make out, argparse raises SystemExit with 2.
    """
    argv = sys.argv[1:] if argv is None else argv
    command = argv[0] if argv else ""
    if command in ("", "help", "-h", "--help"):
        print(_USAGE, end="", file=sys.stdout if command else sys.stderr)
        return 0 if command else 2
    if command == "--version":
        command = "version"
    if command not in COMMANDS:
        print(f"wazero: there is no command {command!r}; wazero --help lists them", file=sys.stderr)
        return 2
    undo = _die_of_closed_pipes()
    try:
        code: int = __import__(f"{__name__}.{command}", fromlist=("main",)).main(argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130  # as a shell reports a program that SIGINT ended
    except BrokenPipeError:
        # where no signal ends us: no message, and none from the interpreter's own flush at exit either
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    finally:
        undo()
    return code


def _die_of_closed_pipes() -> "Callable[[], object]":
    """Let SIGPIPE end this process, as it ends native programs, when the reader of its output leaves: a guest that
    looks at no error would go on for ever.  Returns what undoes it."""
    import signal

    try:
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    except (AttributeError, ValueError):  # no such signal here, or not the main thread
        return lambda: None
    return lambda: signal.signal(signal.SIGPIPE, before or signal.SIG_DFL)
