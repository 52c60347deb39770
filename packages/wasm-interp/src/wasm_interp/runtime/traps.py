"""What can go wrong while a module is linked and run (specification, sections "Instantiation" and "Trap")."""

from _thread import get_ident

from wasm_decoder import WasmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """A call of a function that was under way when a trap happened or another exception was raised.

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
        frames: the WebAssembly calls that were under way, innermost first, those beyond host functions included; a note
            of the exception says the same for each stretch of calls without a host function in between.
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


#: How many frames of a stretch a note shows: the innermost and the outermost ones.
_SHOWN = 24


class _Stretch(str):
    """The note about calls without a host function in between, and where they were: thread and depth of nesting."""

    __slots__ = ("depth", "thread")

    depth: int
    thread: int

    def __reduce__(self) -> "tuple[type[str], tuple[str]]":
        return str, (str(self),)


def add_frames(error: BaseException, frames: "Sequence[Frame]", depth: int) -> None:
    """Say with an exception through which WebAssembly calls it passes: as a note, and in the frames of a trap.

    ``depth`` says how often Python had called WebAssembly in this thread, one inside the other.  An exception that is
    raised again, and passes the same calls again, gets no second note.  One that refuses notes passes as it is.
    """
    if not frames:
        return
    half = _SHOWN // 2
    lines = [f"  {frame!r}" for frame in (frames if len(frames) <= _SHOWN else frames[:half])]
    if len(frames) > _SHOWN:
        lines.append(f"  ... {len(frames) - _SHOWN} more ...")
        lines += [f"  {frame!r}" for frame in frames[-half:]]
    note = _Stretch("WebAssembly calls, innermost first:\n" + "\n".join(lines))
    note.thread, note.depth = get_ident(), depth
    try:
        notes = getattr(error, "__notes__", ())
        last = next((known for known in reversed(notes) if type(known) is _Stretch), None)
        # the calls of a recursion look alike; those further out are the same journey of the exception
        outwards = last is not None and last.thread == note.thread and depth < last.depth
        if note in notes and not outwards:
            return
        error.add_note(note)
        if isinstance(error, Trap):
            error.frames += tuple(frames)
    except Exception:  # what the exception's own class makes of attributes is its affair
        return
