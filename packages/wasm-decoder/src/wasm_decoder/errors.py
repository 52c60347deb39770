"""What can be wrong with a module.  The whole runtime has one tree of errors; its root is here."""


class WasmError(Exception):
    """The root of every error that a WebAssembly module, as opposed to the Python program, is the reason for."""


class DecodeError(WasmError):
    """The bytes are not a module in the binary format (specification, chapter "Binary Format").

    Attributes:
        message: what is wrong, in the official test suite's words where it has any.
        offset: where, in bytes from the start of the module; None where no place is to blame.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at offset {offset:#x})")
        self.message = message
        self.offset = offset


class ParseError(WasmError):
    """The text is not a module in the text format (specification, chapter "Text Format").

    Attributes:
        message: what is wrong, in the official test suite's words where it has any.
        line, column: where, both counted from 1, columns in characters.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"{message} (line {line}, column {column})")
        self.message = message
        self.line = line
        self.column = column


class ValidationError(WasmError):
    """The module is well-formed but not valid (specification, chapter "Validation").

    Attributes:
        message: what is wrong, in the official test suite's words where it has any, then what was expected.
        offset: where, in bytes from the start of the module; None where no place is to blame.
        function: index of the function whose body is invalid, in the function index space; None elsewhere.
        name: the name of that function, if the name section has one.
        instruction: the mnemonic of the instruction at ``offset``, if one is to blame.
    """

    def __init__(
        self,
        message: str,
        offset: int | None = None,
        *,
        function: int | None = None,
        name: str | None = None,
        instruction: str | None = None,
    ) -> None:
        place = []
        if function is not None:
            place.append(f"function {function}" + (f" ${name}" if name else ""))
        if instruction is not None:
            place.append(instruction)
        if offset is not None:
            place.append(f"offset {offset:#x}")
        super().__init__(f"{message} (in {', '.join(place)})" if place else message)
        self.message = message
        self.offset = offset
        self.function = function
        self.name = name
        self.instruction = instruction
