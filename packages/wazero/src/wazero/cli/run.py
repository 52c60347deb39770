"""``wazero run``: run a WASI program, or call one function of a module."""

import os
from argparse import ArgumentTypeError

from wasi import HostDir, Wasi
from wasm_decoder import WasmError
from wasm_interp import ExitError, TimeoutExpired, Trap, function_of
from wasm_interp.runtime.deadlines import checked

from ..runtime import Runtime
from ..source import load_file
from . import values
from .options import CACHE, FEATURES, cache, parser
from .report import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from typing import Any

    from wasm_interp import Function, Instance

#: exit codes of our own, as shells and wrappers such as ``env`` use them
TIMED_OUT, CANNOT_RUN, NOT_FOUND, TRAPPED = 124, 126, 127, 134

_DESCRIPTION = """\
Run a WASI program, or call a function of a module with --invoke. The exit code is the program's own;
124: it took longer than --timeout allows, 126: the file is no module that can run, 127: it cannot be read,
134: it trapped.
"""
_EPILOG = """\
Options stand before the file or directly behind it; from the first other argument on everything belongs to the program.
Put -- behind the file if the program's own arguments begin with one of these options.
"""


def main(argv: "Sequence[str]") -> int:
    """Run one program; returns the exit code."""
    arguments = _parser()
    ours, theirs = split(argv)
    given = arguments.parse_args(ours)
    path: str = given.file
    try:
        code = _run(path, theirs, given)
    except ExitError as error:
        code = error.code
    except Trap as error:
        fail(path, error)
        return TRAPPED
    except TimeoutExpired as error:
        fail(path, error)
        return TIMED_OUT
    except FileNotFoundError as error:
        fail(path, error)
        return NOT_FOUND
    except (WasmError, OSError, values.BadValue) as error:
        fail(path, error)
        return CANNOT_RUN
    return code if os.name == "nt" else code & 0xFF


def _run(path: str, theirs: "Sequence[str]", given: "Namespace") -> int:
    runtime = Runtime(given.engine, features=given.features, cache=cache(given), timeout=given.timeout)
    module = load_file(path, features=given.features)
    with Wasi(
        args=(os.path.basename(path), *(() if given.invoke else theirs)),
        env=given.env,
        stdin="inherit",
        stdout="inherit",
        stderr="inherit",
        mounts=dict(given.mount),
        trace=given.trace,
    ) as wasi:
        instance = runtime.instantiate(module, wasi=wasi, name=os.path.basename(path), validate="lazy")
        if given.invoke:
            return _invoke(instance, given.invoke, theirs)
        if "_start" not in instance.exports:
            raise values.BadValue(f"it exports no _start, so it is no program; {_invocable(instance)}")
        return wasi.start(instance)


def _invoke(instance: "Instance", name: str, words: "Sequence[str]") -> int:
    """Call a function with arguments read from text, and print its results, one a line."""
    function = _functions(instance).get(name)
    if function is None:
        raise values.BadValue(f"it exports no function {name!r}; {_invocable(instance)}")
    params, results = function.type.params, function.type.results
    if len(words) != len(params):
        signature = f"({', '.join(map(repr, params))})"
        raise values.BadValue(f"{name}{signature} takes {len(params)} arguments, not {len(words)}")
    arguments = list(map(values.read, words, params))
    if "_initialize" in instance.exports:
        instance.exports._initialize()  # a WASI reactor wants this before any other call
    got = function(*arguments)
    for value, wanted in zip(got if isinstance(got, tuple) else (got,), results, strict=False):
        print(values.write(value, wanted))
    return 0


def _functions(instance: "Instance") -> "dict[str, Function]":
    exports = instance.exports
    return {name: function for name in exports if (function := function_of(exports[name])) is not None}


def _invocable(instance: "Instance") -> str:
    names = _functions(instance)
    return f"--invoke takes {', '.join(names)}" if names else "it exports no function at all"


def split(argv: "Sequence[str]") -> "tuple[list[str], list[str]]":
    """Which arguments are ours, the file among them, and which belong to the program.

    Options of ours may also stand directly behind the file; ``--`` there, or the first word that is none, ends them.
    """
    file = False
    i = 0
    while i < len(argv):
        word = argv[i]
        option, equals, _ = word.partition("=")
        if option in _OPTIONS:
            i += 1 if equals else 2
        elif file:
            return list(argv[:i]), list(argv[i + (word == "--") :])
        else:
            file = not word.startswith("-")  # an unknown option stays ours, to be complained about
            i += 1
    return list(argv), []


def _parser() -> "ArgumentParser":
    arguments = parser("run", _DESCRIPTION)
    arguments.usage = "wazero run [options] FILE [options] [--] [arguments]"
    arguments.epilog = _EPILOG
    arguments.add_argument("file", metavar="FILE")
    for option, row in _OPTIONS.items():
        arguments.add_argument(option, **row)
    return arguments


def _env(text: str) -> "tuple[str, str]":
    name, equals, value = text.partition("=")
    if not name:
        raise ArgumentTypeError(f"{text!r} has no name")
    return name, value if equals else os.environ.get(name, "")


def _timeout(text: str) -> float:
    try:
        return checked(float(text))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0") from None


def _mount(text: str) -> "tuple[str, HostDir]":
    """What the guest calls it, and the folder."""
    rest = text.removesuffix(":ro")
    host, _, guest = rest.rpartition(":")
    if not host or not guest:
        raise ArgumentTypeError(f"{text!r} is not HOST:GUEST or HOST:GUEST:ro")
    try:
        return guest, HostDir(host, readonly=rest != text)
    except OSError as error:
        raise ArgumentTypeError(f"{host!r} cannot be mounted: {error.strerror}") from None
    except NotImplementedError as error:
        raise ArgumentTypeError(str(error)) from None


#: every option of ours, each with one value; ``split`` and the parser are made from it
_OPTIONS: "dict[str, dict[str, Any]]" = {
    "--env": {
        "action": "append",
        "default": [],
        "type": _env,
        "metavar": "NAME[=VALUE]",
        "help": "set a variable; without a value, pass it on",
    },
    "--mount": {
        "action": "append",
        "default": [],
        "type": _mount,
        "metavar": "HOST:GUEST[:ro]",
        "help": "let the program see a folder under another name; with :ro it cannot change anything there",
    },
    "--invoke": {
        "metavar": "NAME",
        "help": "call this exported function with the arguments and print what it returns, one result a line",
    },
    "--trace": {
        "metavar": "GROUPS",
        "help": "show the program's WASI calls on standard error: fs, clock, random, poll, sock, proc, or wasi for all",
    },
    "--timeout": {
        "type": _timeout,
        "metavar": "SECONDS",
        "help": "end it with exit code 124 if it takes longer",
    },
    "--engine": {
        "choices": ("auto", "compiler", "interpreter"),
        "default": "auto",
        "help": "native, portable, or the better one that can run here (the default)",
    },
    "--features": FEATURES,
    "--cache": CACHE,
}
