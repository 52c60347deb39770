"""Whether a module is refused as it should be, and with which words."""

from wasm_decoder import DecodeError, Features, ParseError, ValidationError, validate
from wasm_decoder.text.script import AssertModule, ScriptModule

#: Other words for the same: what is expected, by the first words of the official message, and how else it may begin.
EQUIVALENT: dict[str, tuple[str, ...]] = {
    # version 1.0 said it differently from those that follow
    "invalid UTF-8 encoding": ("malformed UTF-8 encoding",),
    "invalid mutability": ("malformed mutability",),
    "invalid section id": ("malformed section id",),
    "invalid value type": ("malformed value type",),
    "zero flag expected": ("zero byte expected",),
    "unexpected end": ("length out of bounds",),
    "result before parameter": ("unexpected token",),
    # version 2.0 said it differently from 3.0
    "malformed lane index": ("i8 constant out of range", "unexpected token"),
    # Offsets and limits have 64 bits in the text of version 3.0, which is the only one that is parsed: what was
    # malformed before is well-formed now, and still not valid.
    "i32 constant": ("offset out of range", "memory size", "table size", "integer too large"),
}


def admit(source: ScriptModule, features: Features) -> None:
    """Raise an error unless the module is well-formed and valid."""
    validate(source.module(features), features)


def refusal(command: AssertModule, features: Features) -> str | None:
    """Look at a module that must be malformed or invalid; what is wrong with the verdict, None if nothing is."""
    allowed: tuple[type[Exception], ...] = (DecodeError, ParseError, ValidationError)
    try:
        admit(command.source, features)
    except allowed as error:
        if says(error, command.message):
            return None
        return f"{type(error).__name__}: {error}; expected {command.message!r}"
    return f"accepted; expected {command.kind}: {command.message!r}"


def says(error: Exception, expected: str) -> bool:
    """Whether the message of an error begins with the expected words, or with others that mean the same."""
    message = getattr(error, "message", str(error))
    if message.startswith(expected):
        return True
    return any(expected.startswith(words) and message.startswith(others) for words, others in EQUIVALENT.items())
