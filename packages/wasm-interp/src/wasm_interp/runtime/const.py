"""Constant expressions (specification, section "Constant Expressions"): initial values of globals, segments, tables."""

from wasm_decoder.syntax.types import ArrayType, StructType

from .aggregates import ArrayRef, I31Ref, StructRef, array_default, array_new, pack_all, struct_default
from .traps import UnsupportedError
from .values import f32_from_bits, f64_from_bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wasm_decoder.syntax.module import Expr
    from wasm_decoder.valid.matching import DefType

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
        elif name == "ref.i31":
            stack.append(I31Ref(stack.pop()))  # type: ignore[arg-type]  # an i32
        elif name in ("any.convert_extern", "extern.convert_any"):
            pass
        elif name.startswith(("struct.", "array.")):
            stack.append(_aggregate(name, instance.deftypes[immediate], instr.immediates[-1], stack))
        else:
            raise UnsupportedError(f"{name} in a constant expression is not supported by this engine")
    return stack[-1]


def _aggregate(name: str, deftype: "DefType", count: "Any", stack: "list[Any]") -> object:
    """What an instruction that makes a structure or an array makes of the operands, which it removes."""
    comp = deftype.expand()
    if isinstance(comp, StructType):
        if name == "struct.new_default":
            return struct_default(deftype)
        storages = [field.storage for field in comp.fields]
        values = stack[len(stack) - len(storages) :]
        del stack[len(stack) - len(storages) :]
        return StructRef(deftype, pack_all(storages, values))
    assert isinstance(comp, ArrayType)
    storage = comp.field.storage
    if name == "array.new_default":
        return array_default(deftype, stack.pop())
    if name == "array.new":
        n = stack.pop()
        return array_new(deftype, pack_all([storage], [stack.pop()])[0], n)
    values = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return ArrayRef(deftype, pack_all([storage] * count, values))
