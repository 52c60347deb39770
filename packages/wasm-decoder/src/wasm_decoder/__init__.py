"""Read, check and write WebAssembly modules in pure Python."""

from .errors import DecodeError, ParseError, ValidationError, WasmError
from .features import Features
from .syntax.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .binary.code import encode_instrs, iterate
    from .binary.decode import decode, decode_bodies
    from .binary.encode import encode, encode_func
    from .binary.listing import disassemble
    from .custom.names import Names, name_section, names
    from .text.parser import parse_wat
    from .text.printer import print_wat
    from .text.script import parse_script
    from .valid import validate, validate_func

__version__ = "0.1.0"
__all__ = [
    "DecodeError",
    "Features",
    "Module",
    "Names",
    "ParseError",
    "ValidationError",
    "WasmError",
    "decode",
    "decode_bodies",
    "disassemble",
    "encode",
    "encode_func",
    "encode_instrs",
    "iterate",
    "name_section",
    "names",
    "parse_script",
    "parse_wat",
    "print_wat",
    "validate",
    "validate_func",
]

# Where the names are that are loaded when they are first asked for: who only decodes has no need of the text format.
_LAZY = {
    "Names": "custom.names",
    "decode": "binary.decode",
    "decode_bodies": "binary.decode",
    "disassemble": "binary.listing",
    "encode": "binary.encode",
    "encode_func": "binary.encode",
    "encode_instrs": "binary.code",
    "iterate": "binary.code",
    "name_section": "custom.names",
    "names": "custom.names",
    "parse_script": "text.script",
    "parse_wat": "text.parser",
    "print_wat": "text.printer",
    "validate": "valid",
    "validate_func": "valid",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sys import modules

    module = f"{__name__}.{_LAZY[name]}"
    __import__(module)  # importlib would import more than it does
    value: object = getattr(modules[module], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
