"""Vector instructions: functions of ``vector``, or its expressions written in place."""

from wasm_decoder.syntax.instructions import OPS
from wasm_decoder.syntax.types import I32

from . import access
from . import expr as x
from .expr import MEMORY, TRAPS, Value, constant
from .operands import MASKS, Operands
from .storage import address_of, memarg
from .vector import VECTOR_INLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wasm_decoder.syntax.instructions import Op


def _written(op: "Op", arguments: "list[str]") -> str:
    """The source of a vector operation; where it is written in place, arguments are atoms."""
    inline = VECTOR_INLINE.get(op.name)
    if inline is not None:
        return inline.format(*arguments)
    return f"v_{op.name.replace('.', '_')}({', '.join(arguments)})"


def _push(o: Operands, op: "Op", arguments: "list[str]", deps: int, depth: int) -> None:
    result = op.results[0] if op.results else I32
    o.push(Value(_written(op, arguments), x.ATOM, deps, depth + 4, 0, MASKS.get(result, 0)))


def _operation(o: Operands, op: "Op") -> None:
    assert op.params is not None
    immediates: list[str] = []
    if op.immediates == ("lane",):
        immediates.append(str(o.data[o.pos]))
        o.pos += 1
    elif op.immediates == ("lanes",):
        immediates.append(repr(o.data[o.pos : o.pos + 16]))
        o.pos += 16
    if op.name in VECTOR_INLINE:
        for i in range(len(op.params), 0, -1):
            o.make_atom(-i)
    arguments = []
    deps = depth = 0
    for param in reversed(op.params):
        value = x.as_int(o.stored(o.pop(), param))  # type: ignore[arg-type]  # no address type here
        arguments.append(value.text)
        deps |= value.deps
        depth = max(depth, value.depth)
    arguments.reverse()
    _push(o, op, arguments + immediates, deps, depth)


def _load(o: Operands, op: "Op") -> None:
    offset, suffix, memory = memarg(o)
    arguments = []
    deps = 0
    if op.lanes:
        o.ordered(2, 1)
        o.make_atom(-1)
        vector = o.pop()
        deps = vector.deps
        arguments = [vector.text, str(o.data[o.pos])]
        o.pos += 1
    address = address_of(o, offset, memory)
    text = access.load(f"U{8 << op.align}", suffix, address)
    o.stack.append(Value(text, x.ATOM, address.deps | MEMORY, address.depth + 2, 0, 1))
    if op.name in VECTOR_INLINE:
        o.make_atom(-1)
    loaded = o.stack.pop()
    _push(o, op, [*arguments, loaded.text], loaded.deps | deps, loaded.depth)


def _store(o: Operands, op: "Op") -> None:
    offset, suffix, memory = memarg(o)
    o.ordered(2, 1)
    o.make_atom(-1)
    arguments = [o.pop().text, str(o.data[o.pos])]
    o.pos += 1
    address = address_of(o, offset, memory)
    o.effect(MEMORY | TRAPS)
    o.emit(access.store(f"U{8 << op.align}", suffix, address, _written(op, arguments)))


def _eight_more(address: Value) -> Value:
    if address.constant:
        return constant(address.low + 8)
    return Value(f"{address.text} + 8", x.ADD, address.deps, 1)


def _atomic_address(o: Operands) -> "tuple[Value, str]":
    """The effective address as an atom, and the end of the memory's names."""
    offset, suffix, memory = memarg(o)
    o.stack.append(address_of(o, offset, memory))
    o.make_atom(-1)
    return o.stack.pop(), suffix


def _v128_load(o: Operands) -> None:
    address, suffix = _atomic_address(o)
    low = access.load("U64", suffix, address)
    high = access.load("U64", suffix, _eight_more(address))
    o.push(Value(f"{low} | {high} << 64", x.OR, address.deps | MEMORY, 3))


def _v128_store(o: Operands) -> None:
    o.ordered(2, 1)
    o.make_atom(-1)
    value = o.stack.pop().text
    address, suffix = _atomic_address(o)
    o.effect(MEMORY | TRAPS)
    # the upper half first: where it does not fit nothing is written
    o.emit(access.store("U64", suffix, _eight_more(address), f"{value} >> 64"))
    o.emit(access.store("U64", suffix, address, f"{value} & 0xffffffffffffffff"))


def _v128_const(o: Operands) -> None:
    o.push(Value(hex(int.from_bytes(o.data[o.pos : o.pos + 16], "little"))))
    o.pos += 16


def _translation(op: "Op") -> "Callable[[Operands], None]":
    if op.immediates[:1] == ("memarg",):
        return (lambda o: _store(o, op)) if "store" in op.name else (lambda o: _load(o, op))
    return lambda o: _operation(o, op)


#: Instruction → what translates it.
VECTORS: "dict[str, Callable[[Operands], None]]" = {
    op.name: _translation(op) for code, op in OPS.items() if code >> 16 == 0xFD
}
VECTORS.update({"v128.load": _v128_load, "v128.store": _v128_store, "v128.const": _v128_const})
