"""What may stand for a module: its bytes, its text, the path of a file with either, or a module loaded before."""

from os import PathLike, fspath

from wasm_decoder import Features, Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeGuard

    #: what every function here that wants a module takes
    ModuleSource = Module | bytes | bytearray | memoryview | str | PathLike[str]
    Validate = Literal["eager", "lazy"]


def load(source: "ModuleSource", *, features: Features = Features.CORE_3_0) -> Module:
    """Decode or parse a module; it is not validated yet.

    Arguments:
        source: bytes are the binary format; a string that begins with a parenthesis or a comment, white space aside, is
            the text format; any other string, and any path, names a file that holds either.  A Module is returned as
            it is.
        features: what the binary format may use.

    Raises DecodeError or ParseError if it is no module, OSError if the file cannot be read.
    """
    if isinstance(source, Module):
        return source
    if isinstance(source, str) and not is_path(source):
        return _parse(source)
    if isinstance(source, (str, PathLike)):
        return load_file(fspath(source), features=features)
    return _decode(source, features)


def is_path(source: "ModuleSource") -> "TypeGuard[str | PathLike[str]]":
    """Whether it names a file, rather than being a module or its text."""
    return isinstance(source, PathLike) or (isinstance(source, str) and source.lstrip()[:1] not in ("(", ";"))


def load_file(path: str, *, features: Features = Features.CORE_3_0) -> Module:
    """Decode or parse the module in a file, whatever the file is called; raises as ``load`` does."""
    with open(path, "rb") as file:
        data = file.read()
    if is_text(data):
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            from wasm_decoder import ParseError

            before = data[: error.start].decode()
            line = before.count("\n") + 1
            raise ParseError("malformed UTF-8 encoding", line, len(before) - before.rfind("\n")) from None
        return _parse(text)
    return _decode(data, features)


def is_text(data: bytes) -> bool:
    """Whether the content of a file is meant as the text format: it begins with a parenthesis or a comment."""
    return data[:4096].lstrip(b" \t\r\n\f")[:1] in (b"(", b";")


def _parse(text: str) -> Module:
    from wasm_decoder import parse_wat

    return parse_wat(text)


def _decode(data: "bytes | bytearray | memoryview", features: Features) -> Module:
    from wasm_decoder import decode

    return decode(data, features)
