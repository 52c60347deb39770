"""Values of WebAssembly as words on a command line."""

import struct

from wasm_decoder.syntax.types import F32, F64, I32, I64, V128, NumType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.types import ValType

_INTS = {I32: 32, I64: 64}


class BadValue(ValueError):
    """A word that cannot be what it should be; the message says what that is."""


def read(word: str, type: "ValType") -> object:
    """A value from its text: integers as in Python, also 0x…; floats also in hexadecimal, nan and inf; 32 hexadecimal
    digits for a v128; ``null`` for a reference.  Raises BadValue."""
    try:
        if isinstance(type, NumType) and type in _INTS:
            value = int(word, 0)
            bits = _INTS[type]
            if not -(1 << bits - 1) <= value < 1 << bits:
                raise BadValue(f"{word} does not fit in an {type!r}")
            return value
        if type is F32 or type is F64:
            return float.fromhex(word) if "0x" in word.lower() else float(word)
        if type is V128:
            vector = bytes.fromhex(word.removeprefix("0x"))
            if len(vector) == 16:
                return vector
    except BadValue:
        raise
    except ValueError:
        pass
    if not isinstance(type, NumType) and type is not V128 and word == "null":
        return None
    raise BadValue(f"{word!r} is no {type!r}")


def write(value: object, type: "ValType") -> str:
    """The text of a result, which ``read`` understands: decimal, the shortest digits that mean the same float."""
    if type is F32 and isinstance(value, float):
        return _shortest(value)
    if type is V128 and isinstance(value, bytes):
        return f"0x{value.hex()}"
    return "null" if value is None else repr(value)


def _shortest(value: float) -> str:
    """The shortest decimal digits that round to the same 32-bit float."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        try:
            if struct.pack("<f", float(text)) == struct.pack("<f", value):
                return repr(float(text))
        except OverflowError:  # rounded up beyond the largest one
            continue
    return repr(value)
