"""What can go wrong while a module is linked and run (specification, sections "Instantiation" and "Trap")."""

from wasm_decoder import WasmError


class LinkError(WasmError):
    """An import is missing or is of the wrong kind or type.

    Attributes:
        module, field: the two names of the import.
    """

    def __init__(self, message: str, module: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.module = module
        self.field = field


class ExitError(WasmError):
    """The program ended itself (WASI ``proc_exit``).

    Attributes:
        code: the exit code; 0 is success.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message or f"the program exited with code {code}")
        self.code = code


class Frame:
    """A call of a function that was under way when a trap happened.

    Attributes:
        index: the function's index in its module.
        name: its name, from the name section or an export; "" if it has none.
        offset: where the instruction under way stands, in bytes from the start of the module; None if unknown, as in a
            module that was parsed from text.
        module: the name of the instance, "" if it has none.
    """

    __slots__ = ("index", "module", "name", "offset")

    def __init__(self, index: int, name: str = "", offset: int | None = None, module: str = "") -> None:
        self.index = index
        self.name = name
        self.offset = offset
        self.module = module

    def __repr__(self) -> str:
        name = f"{self.module}!" if self.module else ""
        name += self.name or "?"
        place = f" at {self.offset:#x}" if self.offset is not None else ""
        return f"{name} (function {self.index}{place})"


class Trap(WasmError):
    """Execution cannot go on.  There is a subclass for each kind.

    Attributes:
        message: what happened, in the official test suite's words.
        frames: the calls that were under way, innermost first; the same text is a note of the exception.
    """

    message: str = "trap"
    frames: tuple[Frame, ...] = ()

    def __init__(self, message: str | None = None) -> None:
        if message is not None:
            self.message = message
        super().__init__(self.message)


class Unreachable(Trap):
    """The instruction ``unreachable`` was executed."""

    message = "unreachable"


class DivideByZero(Trap):
    """An integer was divided by zero."""

    message = "integer divide by zero"


class IntegerOverflow(Trap):
    """The result of a signed division or of a truncation does not fit."""

    message = "integer overflow"


class InvalidConversion(Trap):
    """A NaN was truncated to an integer."""

    message = "invalid conversion to integer"


class MemoryOutOfBounds(Trap):
    """A memory was accessed beyond its end."""

    message = "out of bounds memory access"


class TableOutOfBounds(Trap):
    """A table was accessed beyond its end."""

    message = "out of bounds table access"


class UndefinedElement(Trap):
    """An indirect call named an element beyond the end of the table."""

    message = "undefined element"


class UninitializedElement(Trap):
    """An indirect call met a null reference in the table."""

    message = "uninitialized element"


class IndirectCallTypeMismatch(Trap):
    """An indirect call met a function of another type."""

    message = "indirect call type mismatch"


class CallStackExhausted(Trap):
    """Calls are nested too deeply."""

    message = "call stack exhausted"


class NullReference(Trap):
    """A reference that must not be null was."""

    message = "null reference"


class CastFailure(Trap):
    """A reference was cast to a type that it does not have."""

    message = "cast failure"


class ArrayOutOfBounds(Trap):
    """An array was accessed beyond its end."""

    message = "out of bounds array access"


class UnsupportedError(WasmError):
    """The module is valid, but this engine cannot run an instruction that it uses."""


class ResourceError(WasmError):
    """The host cannot provide what a module asks for, such as a memory of that size."""
