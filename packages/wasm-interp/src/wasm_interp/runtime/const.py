"""Constant expressions (specification, section "Constant Expressions"): initial values of globals, segments, tables."""

from .traps import UnsupportedError
from .values import f32_from_bits, f64_from_bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wasm_decoder.syntax.module import Expr

    from .instance import Instance

_ARITHMETIC: "dict[str, Callable[[Any, Any], object]]" = {
    "i32.add": lambda a, b: (a + b) & 0xFFFFFFFF,
    "i32.sub": lambda a, b: (a - b) & 0xFFFFFFFF,
    "i32.mul": lambda a, b: (a * b) & 0xFFFFFFFF,
    "i64.add": lambda a, b: (a + b) & 0xFFFFFFFFFFFFFFFF,
    "i64.sub": lambda a, b: (a - b) & 0xFFFFFFFFFFFFFFFF,
    "i64.mul": lambda a, b: (a * b) & 0xFFFFFFFFFFFFFFFF,
}
_CONSTANTS: "dict[str, Callable[[Any], object]]" = {
    "i32.const": lambda value: value & 0xFFFFFFFF,
    "i64.const": lambda value: value & 0xFFFFFFFFFFFFFFFF,
    "f32.const": f32_from_bits,
    "f64.const": f64_from_bits,
    "v128.const": lambda value: int.from_bytes(value, "little"),
    "ref.null": lambda heap: None,
}


def evaluate(expr: "Expr", instance: "Instance") -> object:
    """The value of a valid constant expression, in the representation of ``values``."""
    stack: list[object] = []
    for instr in expr:
        name = instr.op.name
        immediate: Any = instr.immediates[0] if instr.immediates else None
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name](immediate))
        elif name in _ARITHMETIC:
            right = stack.pop()
            stack.append(_ARITHMETIC[name](stack.pop(), right))
        elif name == "global.get":
            stack.append(instance.globals[immediate].raw)
        elif name == "ref.func":
            stack.append(instance.function(immediate))
        elif name == "end":
            break
        else:
            raise UnsupportedError(f"{name} in a constant expression is not supported by this engine")
    return stack[-1]
