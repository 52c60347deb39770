"""Instructions of structures, arrays and casts."""

from wasm_decoder.syntax.types import HEAP_TYPES, I8, I16, I32, ArrayType, PackedType, StructType

from . import expr as x
from .expr import GLOBALS, MEMORY, TRAPS, Value, constant, within
from .operands import MASKS, Operands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasm_decoder.syntax.types import StorageType

_PACKED = {I8: 8, I16: 16}
#: The names of abstract heap types in generated source.
HEAPS = {f"heap_{heap!r}": heap for heap in HEAP_TYPES.values()}


def _fields(o: Operands, index: int) -> "list[StorageType]":
    comp = o.names.deftypes[index].expand()
    if isinstance(comp, StructType):
        return [field.storage for field in comp.fields]
    assert isinstance(comp, ArrayType)
    return [comp.field.storage]


def _pop(o: Operands, storages: "Sequence[StorageType]") -> "list[str]":
    """The source of operands as fields of these types keep them; anything before them has been computed."""
    values = []
    for storage in reversed(storages):
        value = x.as_int(o.pop())
        if isinstance(storage, PackedType):
            value = x.and_(value, constant((1 << _PACKED[storage]) - 1), 32)
        else:
            value = o.stored(value, storage)
        values.append(value.text)
    values.reverse()
    return values


def _made(o: Operands, call: str) -> None:
    """A statement that makes something, with a reference to it as the result."""
    o.effect(MEMORY | TRAPS | GLOBALS)
    name = f"s{len(o.stack)}"
    for i, other in enumerate(o.stack):
        if other.deps & o.bit(name):
            o.spill(i)
    o.emit(f"{name} = {call}")
    o.stack.append(Value(name, x.ATOM, o.bit(name)))


def _done(o: Operands, call: str) -> None:
    """A statement that has an effect."""
    o.effect(MEMORY | TRAPS | GLOBALS)
    o.emit(call)


def struct_new(o: Operands) -> None:
    index = o.u()
    values = _pop(o, _fields(o, index))
    _made(o, f"StructRef(D{index}, [{', '.join(values)}])")


def struct_new_default(o: Operands) -> None:
    _made(o, f"struct_default(D{o.u()})")


def _structure(o: Operands) -> str:
    """The structure on top of the stack, which is not null."""
    o.effect(MEMORY | TRAPS)
    o.make_atom(-1)
    name = o.pop().text
    o.emit(f'if {name} is None: not_null({name}, "null structure reference")')
    return name


def _push_field(o: Operands, text: str, storage: "StorageType", signed: bool) -> None:
    if isinstance(storage, PackedType):
        bits = _PACKED[storage]
        value = Value(text, x.ATOM, MEMORY, 2, 0, (1 << bits) - 1)
        o.push(x.extend(value, bits) if signed else value)
    else:
        o.push(Value(text, x.ATOM, MEMORY, 2, 0, MASKS.get(storage, 0)))


def struct_get(o: Operands, signed: bool) -> None:
    index, field = o.u(), o.u()
    name = _structure(o)
    deps = o.bit(name) if name[0] in "sl" else 0
    _push_field(o, f"{name}.fields[{field}]", _fields(o, index)[field], signed)
    o.stack[-1].deps |= deps


def struct_set(o: Operands) -> None:
    index, field = o.u(), o.u()
    o.effect(MEMORY | TRAPS)
    o.make_atom(-2)
    o.make_atom(-1)
    value = _pop(o, [_fields(o, index)[field]])[0]
    name = _structure(o)
    _done(o, f"{name}.fields[{field}] = {value}")


def array_new(o: Operands) -> None:
    index = o.u()
    values = _pop(o, [*_fields(o, index), I32])
    _made(o, f"array_new(D{index}, {', '.join(values)})")


def array_new_default(o: Operands) -> None:
    index = o.u()
    _made(o, f"array_default(D{index}, {_pop(o, [I32])[0]})")


def array_new_fixed(o: Operands) -> None:
    index, count = o.u(), o.u()
    values = _pop(o, _fields(o, index) * count)
    _made(o, f"ArrayRef(D{index}, [{', '.join(values)}])")


def array_new_segment(o: Operands, kind: str) -> None:
    index, segment = o.u(), o.u()
    values = _pop(o, [I32, I32])
    _made(o, f"array_new_{kind}(D{index}, instance.{kind}s[{segment}], {', '.join(values)})")


def array_get(o: Operands, signed: bool) -> None:
    storage = _fields(o, o.u())[0]
    o.make_atom(-2)
    i = _pop(o, [I32])[0]
    array = o.pop().text
    _made(o, f"array_get({array}, {i})")
    name = o.stack.pop().text
    _push_field(o, name, storage, signed)
    top = o.stack[-1]
    top.deps = o.bit(name)
    if top.text == name:
        top.depth = 0


def array_set(o: Operands) -> None:
    storage = _fields(o, o.u())[0]
    values = _pop(o, [I32, storage])
    _done(o, f"array_set({o.pop().text}, {', '.join(values)})")


def array_len(o: Operands) -> None:
    array = o.pop()
    o.push(Value(f"len(array_elements({array.text}))", x.ATOM, array.deps | TRAPS, array.depth + 2, 0, 0xFFFFFFFF))


def array_fill(o: Operands) -> None:
    storage = _fields(o, o.u())[0]
    values = _pop(o, [I32, storage, I32])
    _done(o, f"array_fill({o.pop().text}, {', '.join(values)})")


def array_copy(o: Operands) -> None:
    o.u(), o.u()
    start, n = _pop(o, [I32, I32])
    source = o.pop().text
    to = _pop(o, [I32])[0]
    _done(o, f"array_copy({o.pop().text}, {to}, {source}, {start}, {n})")


def array_init(o: Operands, kind: str) -> None:
    o.u()
    segment = o.u()
    values = _pop(o, [I32, I32, I32])
    _done(o, f"array_init_{kind}(instance.{kind}s[{segment}], {o.pop().text}, {', '.join(values)})")


def _heap(o: Operands) -> str:
    """The name of the heap type that follows."""
    code = o.s()
    return f"heap_{HEAP_TYPES[code & 0x7F]!r}" if code < 0 else f"D{code}"


def ref_test(o: Operands, nullable: bool) -> None:
    heap = _heap(o)
    value = o.pop()
    text = f"ref_test({value.text}, {heap}, {nullable})"
    o.push(x.condition(text, x.ATOM, f"not {text}", value.deps, value.depth + 1))


def ref_cast(o: Operands, nullable: bool) -> None:
    heap = _heap(o)
    value = o.pop()
    o.push(Value(f"ref_cast({value.text}, {heap}, {nullable})", x.ATOM, value.deps | TRAPS, value.depth + 1))


def cast(o: Operands) -> "tuple[int, str]":
    """The label of a branch on a cast, and the test of the operand, which stays on the stack as an atom."""
    flags = o.data[o.pos]
    o.pos += 1
    label = o.u()
    _heap(o)
    heap = _heap(o)
    o.effect(MEMORY | TRAPS)
    o.make_atom(-1)
    return label, f"ref_test({o.stack[-1].text}, {heap}, {bool(flags & 2)})"


def ref_eq(o: Operands) -> None:
    b, a = o.pop(), o.pop()
    text = f"ref_eq({a.text}, {b.text})"
    o.push(x.condition(text, x.ATOM, f"not {text}", a.deps | b.deps, max(a.depth, b.depth) + 1))


def ref_i31(o: Operands) -> None:
    value = o.stack.pop()
    o.push(Value(f"I31Ref({x.as_int(value).text})", x.ATOM, value.deps, value.depth + 1))


def i31_get(o: Operands, signed: bool) -> None:
    o.effect(MEMORY | TRAPS)
    o.make_atom(-1)
    value = o.pop()
    o.emit(f'if {value.text} is None: not_null({value.text}, "null i31 reference")')
    found = Value(f"{within(value, x.ATOM)}.value", x.ATOM, value.deps, 1, 0, 0x7FFFFFFF)
    o.push(x.extend(found, 31) if signed else found)


def _nothing(o: Operands) -> None:
    pass


#: Instruction → what translates it.
AGGREGATES: "dict[str, Callable[[Operands], None]]" = {
    "struct.new": struct_new,
    "struct.new_default": struct_new_default,
    "struct.get": lambda o: struct_get(o, False),
    "struct.get_s": lambda o: struct_get(o, True),
    "struct.get_u": lambda o: struct_get(o, False),
    "struct.set": struct_set,
    "array.new": array_new,
    "array.new_default": array_new_default,
    "array.new_fixed": array_new_fixed,
    "array.new_data": lambda o: array_new_segment(o, "data"),
    "array.new_elem": lambda o: array_new_segment(o, "elem"),
    "array.get": lambda o: array_get(o, False),
    "array.get_s": lambda o: array_get(o, True),
    "array.get_u": lambda o: array_get(o, False),
    "array.set": array_set,
    "array.len": array_len,
    "array.fill": array_fill,
    "array.copy": array_copy,
    "array.init_data": lambda o: array_init(o, "data"),
    "array.init_elem": lambda o: array_init(o, "elem"),
    "ref.test": lambda o: ref_test(o, False),
    "ref.test null": lambda o: ref_test(o, True),
    "ref.cast": lambda o: ref_cast(o, False),
    "ref.cast null": lambda o: ref_cast(o, True),
    "ref.eq": ref_eq,
    "ref.i31": ref_i31,
    "i31.get_s": lambda o: i31_get(o, True),
    "i31.get_u": lambda o: i31_get(o, False),
    "any.convert_extern": _nothing,
    "extern.convert_any": _nothing,
}
