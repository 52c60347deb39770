"""Read, check and write WebAssembly modules in pure Python."""

from .errors import DecodeError, ParseError, ValidationError, WasmError
from .features import Features
from .syntax.module import Module

__version__ = "0.1.0"
__all__ = ["DecodeError", "Features", "Module", "ParseError", "ValidationError", "WasmError"]
