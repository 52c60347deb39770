"""Instructions of memories and tables."""

from wasm_decoder.syntax.types import I32

from . import access
from . import expr as x
from .expr import GLOBALS, MEMORY, QUIET, TRAPS, WIDE, Value, constant, unsigned, within
from .operands import Operands
from .tree import If, Statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .tree import Node


def memarg(o: Operands) -> "tuple[int, str, int]":
    """The offset, the end of the memory's names, and its index."""
    align = o.u()
    memory = o.u() if align & 0x40 else 0
    return o.u(), f"_{memory}" if memory else "", memory


def address_of(o: Operands, offset: int, memory: int) -> Value:
    """The effective address, which replaces the topmost operand."""
    base = unsigned(o.pop(), o.names.addresses[memory])
    if not offset:
        return base
    if base.constant:
        return constant(base.low + offset)
    text = f"{within(base, x.ADD)} + {x.literal(offset)}"
    return Value(text, x.ADD, base.deps, base.depth + 1, base.low + offset, base.high + offset)


def load(o: Operands, family: str, low: int, high: int) -> None:
    offset, suffix, memory = memarg(o)
    address = address_of(o, offset, memory)
    text = access.load(family, suffix, address)
    value = Value(text, x.ATOM, address.deps | MEMORY, address.depth + 2, low, high)
    if family == "F32":
        # the conversion of a signalling NaN would make it quiet
        again = address
        if address.depth:
            text = access.load(family, suffix, Value(f"(t := {address.text})"))
            again = Value("t")
        bits = access.load("U32", suffix, again)
        text = f"v if (v := {text}) == v else f32_from_bits({bits})"
        value = Value(text, x.CONDITIONAL, value.deps, value.depth + 1)
    o.push(value)


def store(o: Operands, family: str, bits: int) -> None:
    offset, suffix, memory = memarg(o)
    o.ordered(2, 1)
    value = o.stack.pop() if access.ROUNDS else o.pop()
    if bits:
        value = x.and_(value, constant((1 << bits) - 1), bits)
        value = x.as_int(value)
    address = address_of(o, offset, memory)
    o.effect(MEMORY | TRAPS)
    if family == "F32" and value.kind not in (QUIET, WIDE):
        # in variables of their own: either may use the scratch variables t and v
        o.emit(f"w = {value.text}")
        again = address
        if address.depth:
            o.emit(f"t = {address.text}")
            again = Value("t")
        quiet: list[Node] = [Statement(access.store("F32", suffix, again, "w"), o.at)]
        nan: list[Node] = [Statement(access.store("U32", suffix, again, "f32_to_bits(w)"), o.at)]
        o.items.append(If("w == w", "w != w", quiet, nan, o.at))
        return
    o.emit(access.store(family, suffix, address, value.text))


def memory_size(o: Operands) -> None:
    index = o.u()
    o.push(Value(f"M{index}.size", x.ATOM, MEMORY, 1, 0, 1 << o.names.addresses[index] - 16))


def memory_grow(o: Operands) -> None:
    index = o.u()
    bits = o.names.addresses[index]
    pages = unsigned(o.pop(), bits)
    o.effect(MEMORY | TRAPS | GLOBALS)
    o.results(f"M{index}.try_grow({pages.text}) & {hex((1 << bits) - 1)}", (I32,))


def helper(o: Operands, call: str, operands: "Sequence[int]") -> None:
    """A statement that calls a helper; ``operands`` has the number of bits of each, 0 for what is no integer."""
    values = []
    for bits in reversed(operands):
        value = o.pop()
        values.append((x.as_int(unsigned(value, bits)) if bits else value).text)
    values.reverse()
    o.effect(MEMORY | TRAPS | GLOBALS)
    o.emit(call.format(", ".join(values)))


def memory_init(o: Operands) -> None:
    segment, memory = o.u(), o.u()
    helper(o, f"memory_init(M{memory}, instance.datas[{segment}], {{}})", (o.names.addresses[memory], 32, 32))


def data_drop(o: Operands) -> None:
    o.effect(MEMORY | TRAPS)
    o.emit(f'instance.datas[{o.u()}] = b""')


def memory_copy(o: Operands) -> None:
    target, source = o.u(), o.u()
    bits = o.names.addresses[target], o.names.addresses[source]
    helper(o, f"memory_copy(M{target}, M{source}, {{}})", (*bits, min(bits)))


def memory_fill(o: Operands) -> None:
    memory = o.u()
    bits = o.names.addresses[memory]
    helper(o, f"memory_fill(M{memory}, {{}})", (bits, 32, bits))


# Tables


def table_get(o: Operands) -> None:
    table = o.u()
    index = unsigned(o.pop(), o.names.table_addresses[table])
    o.stack.append(index)
    o.effect(TRAPS | MEMORY)
    index = o.stack.pop()
    o.at = ~o.at
    o.results(f"T{table}[{index.text}]", (o.names.tables[table].ref,))
    o.at = ~o.at


def table_set(o: Operands) -> None:
    table = o.u()
    helper(o, f"table_set(T{table}, {{}})", (o.names.table_addresses[table], 0))


def table_size(o: Operands) -> None:
    table = o.u()
    o.push(Value(f"len(T{table})", x.ATOM, MEMORY, 1, 0, 0xFFFFFFFF))


def table_grow(o: Operands) -> None:
    table = o.u()
    bits = o.names.table_addresses[table]
    count, init = unsigned(o.pop(), bits), o.pop()
    o.effect(MEMORY | TRAPS | GLOBALS)
    o.results(f"O{table}.try_grow({count.text}, {init.text}) & {hex((1 << bits) - 1)}", (I32,))


def table_fill(o: Operands) -> None:
    table = o.u()
    bits = o.names.table_addresses[table]
    helper(o, f"table_fill(T{table}, {{}})", (bits, 0, bits))


def table_copy(o: Operands) -> None:
    target, source = o.u(), o.u()
    bits = o.names.table_addresses[target], o.names.table_addresses[source]
    helper(o, f"table_copy(T{target}, T{source}, {{}})", (*bits, min(bits)))


def table_init(o: Operands) -> None:
    segment, table = o.u(), o.u()
    bits = o.names.table_addresses[table]
    helper(o, f"table_init(T{table}, instance.elems[{segment}], {{}})", (bits, 32, 32))


def elem_drop(o: Operands) -> None:
    o.effect(MEMORY | TRAPS)
    o.emit(f"instance.elems[{o.u()}] = []")


def _loading(family: str, low: int, high: int) -> "Callable[[Operands], None]":
    return lambda o: load(o, family, low, high)


def _storing(family: str, bits: int) -> "Callable[[Operands], None]":
    return lambda o: store(o, family, bits)


#: Instruction → what translates it.
STORAGE: "dict[str, Callable[[Operands], None]]" = {
    "i32.load": _loading("U32", 0, 0xFFFFFFFF),
    "i64.load": _loading("U64", 0, 0xFFFFFFFFFFFFFFFF),
    "f32.load": _loading("F32", 0, 0),
    "f64.load": _loading("F64", 0, 0),
    "i32.store": _storing("U32", 32),
    "i64.store": _storing("U64", 64),
    "f32.store": _storing("F32", 0),
    "f64.store": _storing("F64", 0),
    "memory.size": memory_size,
    "memory.grow": memory_grow,
    "memory.init": memory_init,
    "data.drop": data_drop,
    "memory.copy": memory_copy,
    "memory.fill": memory_fill,
    "table.get": table_get,
    "table.set": table_set,
    "table.size": table_size,
    "table.grow": table_grow,
    "table.fill": table_fill,
    "table.copy": table_copy,
    "table.init": table_init,
    "elem.drop": elem_drop,
}
for _type, _sizes in (("i32", (8, 16)), ("i64", (8, 16, 32))):
    for _bits in _sizes:
        _half = 1 << _bits - 1
        STORAGE[f"{_type}.load{_bits}_s"] = _loading(f"I{_bits}", -_half, _half - 1)
        STORAGE[f"{_type}.load{_bits}_u"] = _loading(f"U{_bits}", 0, 2 * _half - 1)
        STORAGE[f"{_type}.store{_bits}"] = _storing(f"U{_bits}", _bits)
