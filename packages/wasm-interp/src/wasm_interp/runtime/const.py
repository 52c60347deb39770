"""Constant expressions (specification, section "Constant Expressions"): initial values of globals, segments, tables."""

from .values import f32_from_bits, f64_from_bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.module import Expr

    from .instance import Instance

_ARITHMETIC = {
    "i32.add": lambda a, b: (a + b) & 0xFFFFFFFF,
    "i32.sub": lambda a, b: (a - b) & 0xFFFFFFFF,
    "i32.mul": lambda a, b: (a * b) & 0xFFFFFFFF,
    "i64.add": lambda a, b: (a + b) & 0xFFFFFFFFFFFFFFFF,
    "i64.sub": lambda a, b: (a - b) & 0xFFFFFFFFFFFFFFFF,
    "i64.mul": lambda a, b: (a * b) & 0xFFFFFFFFFFFFFFFF,
}
_CONSTANTS = {
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
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name](instr.immediates[0]))
        elif name in _ARITHMETIC:
            right = stack.pop()
            stack.append(_ARITHMETIC[name](stack.pop(), right))
        elif name == "global.get":
            stack.append(instance.globals[instr.immediates[0]].raw)  # type: ignore[index]  # a global's index
        elif name == "ref.func":
            stack.append(instance.function(instr.immediates[0]))  # type: ignore[arg-type]  # a function's index
        elif name == "end":
            break
        else:
            raise NotImplementedError(f"{name} in a constant expression")
    return stack[-1]
