"""What each instruction does to the operand stack (specification, section "Instructions" of the chapter
"Validation"): the rules for those whose signature depends on more than the memory's address type.

Blocks, branches and variables are the body loop's own business; what is here is asked for once for each instruction
and its immediates.  A rule takes the context, the labels and the immediates, and raises ValidationError.
"""

from ..errors import ValidationError
from ..features import Features
from ..syntax.instructions import Op
from ..syntax.types import (
    ANY,
    ARRAY,
    EQ,
    EXN,
    EXTERN,
    FUNCREF,
    I31,
    I32,
    I64,
    ArrayType,
    FieldType,
    FuncType,
    HeapType,
    NumType,
    PackedType,
    RefType,
    StorageType,
    StructType,
    ValType,
)
from .context import Context, simple_effect
from .matching import matches_ref, matches_val, matches_vals, ref, top_of
from .stack import Effect, Jump, Label, OnReference, Repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Rule = Callable[..., Effect]
    Labels = Sequence[Label]


def effect(context: Context, op: Op, immediates: "tuple[Any, ...]", labels: "Labels") -> Effect:
    """What the instruction does to the operand stack; ``labels`` are those around it, the innermost last.

    Raises ValidationError if it does not fit the module.
    """
    rule = _RULES.get(op.name)
    # tail calls depend on the results of the function, branches on their label
    key = op.code, immediates, labels[0], _label(op, immediates, labels)
    found = context.effects.get(key)
    if found is None:
        # the suite wants to hear of a table or memory before a segment, which stands first
        for kind, value in zip(op.immediates[::-1], immediates[::-1], strict=True):
            check = _CHECKS.get(kind)
            if check is not None:
                check(context, op, value)
        if rule is None:
            return _in_memory(context, op, immediates)
        found = context.effects[key] = rule(context, labels, *immediates)
    return found


def _label(op: Op, immediates: "tuple[Any, ...]", labels: "Labels") -> Label | None:
    """The label that an instruction names."""
    index: int
    if op.immediates == ("label",):
        index = immediates[0]
    elif op.immediates == ("cast",):
        index = immediates[0][0]
    else:
        return None
    if index >= len(labels):
        raise ValidationError(f"unknown label {index}")
    return labels[~index]


# Immediates


def _check_memarg(context: Context, op: Op, memarg: "tuple[int, int, int]") -> None:
    align, offset, mem = memarg
    addr = context.mem(mem).addr
    if op.feature == Features.THREADS:
        if align != op.align:
            raise ValidationError(f"alignment must be natural for atomics: 2^{op.align} bytes, not 2^{align}")
    elif align > op.align:
        raise ValidationError(f"alignment must not be larger than natural: 2^{op.align} bytes, not 2^{align}")
    if addr is I32 and offset >> 32:
        raise ValidationError(f"offset out of range: {offset} in a 32-bit memory")


def _check_lane(context: Context, op: Op, lane: int) -> None:
    if lane >= op.lanes:
        raise ValidationError(f"invalid lane index {lane}: there are {op.lanes}")


def _check_lanes(context: Context, op: Op, lanes: bytes) -> None:
    if max(lanes) > 31:
        raise ValidationError(f"invalid lane index {max(lanes)}: there are 32")


_CHECKS: "dict[str, Callable[[Context, Op, Any], object]]" = {
    "memarg": _check_memarg,
    "lane": _check_lane,
    "lanes": _check_lanes,
    "mem": lambda context, op, index: context.mem(index),
    "table": lambda context, op, index: context.table(index),
    "data": lambda context, op, index: context.data(index),
    "elem": lambda context, op, index: context.elem(index),
    "func": lambda context, op, index: context.func(index),
    "type": lambda context, op, index: context.type(index),
}


def _in_memory(context: Context, op: Op, immediates: "tuple[Any, ...]") -> Effect:
    """An instruction with a signature in the table, where only the address type is open."""
    addr = I32
    for kind, value in zip(op.immediates, immediates, strict=True):
        if kind == "memarg":
            addr = context.mem(value[2]).addr
        elif kind == "mem":
            addr = context.mem(value).addr
    return simple_effect(op, addr)


# Calls


def _tail(callee: FuncType, labels: "Labels", *operand: ValType) -> Effect:
    if not matches_vals(callee.results, labels[0].types):
        results = " ".join(map(repr, labels[0].types))
        raise ValidationError(f"type mismatch: the function returns [{results}] but the callee is {callee!r}")
    return Jump((*callee.params, *operand))


def _return_call(context: Context, labels: "Labels", x: int) -> Effect:
    return _tail(context.func_type(context.func_types[x]), labels)


def _indirect(context: Context, x: int, table: int) -> "tuple[FuncType, ValType]":
    held = context.tables[table]
    if not matches_ref(held.ref, FUNCREF):
        raise ValidationError(f"type mismatch: table {table} holds {held.ref!r}, not functions")
    return context.func_type(x), held.addr


def _call_indirect(context: Context, labels: "Labels", x: int, table: int) -> Effect:
    callee, addr = _indirect(context, x, table)
    return Effect((*callee.params, addr), callee.results)


def _return_call_indirect(context: Context, labels: "Labels", x: int, table: int) -> Effect:
    callee, addr = _indirect(context, x, table)
    return _tail(callee, labels, addr)


def _call_ref(context: Context, labels: "Labels", x: int) -> Effect:
    callee = context.func_type(x)
    return Effect((*callee.params, context.types[x].ref(True)), callee.results)


def _return_call_ref(context: Context, labels: "Labels", x: int) -> Effect:
    return _tail(context.func_type(x), labels, context.types[x].ref(True))


def _throw(context: Context, labels: "Labels", x: int) -> Effect:
    return Jump(context.tag(x).params)


# Tables, segments


def _select(context: Context, labels: "Labels", types: "tuple[ValType, ...]") -> Effect:
    if len(types) != 1:
        raise ValidationError(f"invalid result arity: select chooses one value, not {len(types)}")
    chosen = context.close(types[0])
    return Effect((chosen, chosen, I32), (chosen,))


def _table_get(context: Context, labels: "Labels", x: int) -> Effect:
    return Effect((context.tables[x].addr,), (context.tables[x].ref,))


def _table_set(context: Context, labels: "Labels", x: int) -> Effect:
    return Effect((context.tables[x].addr, context.tables[x].ref), ())


def _table_size(context: Context, labels: "Labels", x: int) -> Effect:
    return Effect((), (context.tables[x].addr,))


def _table_grow(context: Context, labels: "Labels", x: int) -> Effect:
    held = context.tables[x]
    return Effect((held.ref, held.addr), (held.addr,))


def _table_fill(context: Context, labels: "Labels", x: int) -> Effect:
    held = context.tables[x]
    return Effect((held.addr, held.ref, held.addr), ())


def _table_init(context: Context, labels: "Labels", elem: int, table: int) -> Effect:
    found, wanted = context.elem(elem), context.tables[table].ref
    if not matches_ref(found, wanted):
        raise ValidationError(f"type mismatch: table {table} holds {wanted!r} but elem segment {elem} {found!r}")
    return Effect((context.tables[table].addr, I32, I32), ())


def _copy(to: NumType, source: NumType) -> Effect:
    return Effect((to, source, I64 if to is I64 and source is I64 else I32), ())


def _table_copy(context: Context, labels: "Labels", to: int, source: int) -> Effect:
    found, wanted = context.tables[source], context.tables[to]
    if not matches_ref(found.ref, wanted.ref):
        raise ValidationError(f"type mismatch: table {to} holds {wanted.ref!r} but table {source} {found.ref!r}")
    return _copy(wanted.addr, found.addr)


def _memory_copy(context: Context, labels: "Labels", to: int, source: int) -> Effect:
    return _copy(context.mems[to].addr, context.mems[source].addr)


# References


def _ref_null(context: Context, labels: "Labels", heap: HeapType) -> Effect:
    return Effect((), (ref(True, context.close_heap(heap)),))


def _ref_func(context: Context, labels: "Labels", x: int) -> Effect:
    if x not in context.declared:
        raise ValidationError(f"undeclared function reference {x}: it occurs in function bodies only")
    return Effect((), (context.func(x).ref(False),))


def _ref_is_null(context: Context, labels: "Labels") -> Effect:
    return OnReference(None, lambda top: I32)


def _ref_as_non_null(context: Context, labels: "Labels") -> Effect:
    return OnReference(None, lambda top: ref(False, top.heap))


def _br_on_null(context: Context, labels: "Labels", label: int) -> Effect:
    return OnReference(None, lambda top: ref(False, top.heap), labels[~label].types)


def _br_on_non_null(context: Context, labels: "Labels", label: int) -> Effect:
    types = labels[~label].types
    wanted = types[-1] if types else None
    if not isinstance(wanted, RefType):
        raise ValidationError("type mismatch: the label of br_on_non_null takes no reference")
    return OnReference(ref(True, wanted.heap), lambda top: None, types[:-1])


def _operand(heap: HeapType) -> RefType:
    """The type of references that can be tested for a heap type: its whole hierarchy."""
    return ref(True, top_of(heap))


def _ref_test(context: Context, labels: "Labels", heap: HeapType) -> Effect:
    return Effect((_operand(context.close_heap(heap)),), (I32,))


def _cast(nullable: bool) -> "Rule":
    def rule(context: Context, labels: "Labels", heap: HeapType) -> Effect:
        closed = context.close_heap(heap)
        return Effect((_operand(closed),), (ref(nullable, closed),))

    return rule


def _br_on_cast(on_fail: bool) -> "Rule":
    def rule(context: Context, labels: "Labels", cast: "tuple[int, RefType, RefType]") -> Effect:
        label, source, target = cast[0], context.close_ref(cast[1]), context.close_ref(cast[2])
        if not matches_ref(target, source):
            raise ValidationError(f"type mismatch: {target!r} is no subtype of {source!r}")
        rest = ref(source.nullable and not target.nullable, source.heap)
        taken, stays = (rest, target) if on_fail else (target, rest)
        types = labels[~label].types
        if not types or not matches_val(taken, types[-1]):
            takes = " ".join(map(repr, types))
            raise ValidationError(f"type mismatch: instruction requires a label for {taken!r} but it takes [{takes}]")
        return Effect((*types[:-1], source), (*types[:-1], stays))

    return rule


def _convert(source: HeapType, target: HeapType) -> "Rule":
    def convert(top: RefType) -> RefType:
        return ref(top.nullable, target)

    return lambda context, labels: OnReference(ref(True, source), convert)


# Aggregates


def _struct(context: Context, x: int) -> "tuple[FieldType, ...]":
    comp = context.types[x].expand()
    if not isinstance(comp, StructType):
        raise ValidationError(f"type mismatch: type {x} is not a structure type")
    return comp.fields


def _array(context: Context, x: int, write: bool = False) -> FieldType:
    comp = context.types[x].expand()
    if not isinstance(comp, ArrayType):
        raise ValidationError(f"type mismatch: type {x} is not an array type")
    if write and not comp.field.mutable:
        raise ValidationError(f"immutable array: type {x}")
    return comp.field


def _unpacked(storage: StorageType) -> ValType:
    return I32 if isinstance(storage, PackedType) else storage


def _defaultable(field: FieldType) -> None:
    if isinstance(field.storage, RefType) and not field.storage.nullable:
        raise ValidationError(f"type mismatch: {field.storage!r} has no default value")


def _struct_new(context: Context, labels: "Labels", x: int) -> Effect:
    return Effect(tuple([_unpacked(f.storage) for f in _struct(context, x)]), (context.types[x].ref(False),))


def _struct_new_default(context: Context, labels: "Labels", x: int) -> Effect:
    for field in _struct(context, x):
        _defaultable(field)
    return Effect((), (context.types[x].ref(False),))


def _field(context: Context, x: int, index: int) -> FieldType:
    fields = _struct(context, x)
    if index >= len(fields):
        raise ValidationError(f"unknown field {index}: type {x} has {len(fields)}")
    return fields[index]


def _check_packed(field: FieldType, extending: bool) -> ValType:
    if isinstance(field.storage, PackedType) != extending:
        words = "is packed" if not extending else "is not packed"
        raise ValidationError(f"type mismatch: {field.storage!r} {words}")
    return _unpacked(field.storage)


def _struct_get(extending: bool) -> "Rule":
    def rule(context: Context, labels: "Labels", x: int, index: int) -> Effect:
        return Effect((context.types[x].ref(True),), (_check_packed(_field(context, x, index), extending),))

    return rule


def _struct_set(context: Context, labels: "Labels", x: int, index: int) -> Effect:
    field = _field(context, x, index)
    if not field.mutable:
        raise ValidationError(f"immutable field {index} of type {x}")
    return Effect((context.types[x].ref(True), _unpacked(field.storage)), ())


def _array_new(context: Context, labels: "Labels", x: int) -> Effect:
    return Effect((_unpacked(_array(context, x).storage), I32), (context.types[x].ref(False),))


def _array_new_default(context: Context, labels: "Labels", x: int) -> Effect:
    _defaultable(_array(context, x))
    return Effect((I32,), (context.types[x].ref(False),))


def _array_new_fixed(context: Context, labels: "Labels", x: int, size: int) -> Effect:
    return Repeat(_unpacked(_array(context, x).storage), size, context.types[x].ref(False))


def _from_data(context: Context, x: int, write: bool = False) -> None:
    storage = _array(context, x, write).storage
    if isinstance(storage, RefType):
        raise ValidationError(f"array type is not numeric or vector: it holds {storage!r}")


def _from_elem(context: Context, x: int, elem: int, write: bool = False) -> None:
    storage, found = _array(context, x, write).storage, context.elem(elem)
    if not matches_val(found, storage):
        raise ValidationError(f"type mismatch: the array holds {storage!r} but elem segment {elem} {found!r}")


def _array_new_data(context: Context, labels: "Labels", x: int, data: int) -> Effect:
    _from_data(context, x)
    return Effect((I32, I32), (context.types[x].ref(False),))


def _array_new_elem(context: Context, labels: "Labels", x: int, elem: int) -> Effect:
    _from_elem(context, x, elem)
    return Effect((I32, I32), (context.types[x].ref(False),))


def _array_get(extending: bool) -> "Rule":
    def rule(context: Context, labels: "Labels", x: int) -> Effect:
        return Effect((context.types[x].ref(True), I32), (_check_packed(_array(context, x), extending),))

    return rule


def _array_set(context: Context, labels: "Labels", x: int) -> Effect:
    storage = _array(context, x, write=True).storage
    return Effect((context.types[x].ref(True), I32, _unpacked(storage)), ())


def _array_fill(context: Context, labels: "Labels", x: int) -> Effect:
    storage = _array(context, x, write=True).storage
    return Effect((context.types[x].ref(True), I32, _unpacked(storage), I32), ())


def _array_copy(context: Context, labels: "Labels", to: int, source: int) -> Effect:
    wanted, found = _array(context, to, write=True).storage, _array(context, source).storage
    if not matches_val(found, wanted):
        raise ValidationError(f"array types do not match: {wanted!r} and {found!r}")
    return Effect((context.types[to].ref(True), I32, context.types[source].ref(True), I32, I32), ())


def _array_init_data(context: Context, labels: "Labels", x: int, data: int) -> Effect:
    _from_data(context, x, write=True)
    return Effect((context.types[x].ref(True), I32, I32, I32), ())


def _array_init_elem(context: Context, labels: "Labels", x: int, elem: int) -> Effect:
    _from_elem(context, x, elem, write=True)
    return Effect((context.types[x].ref(True), I32, I32, I32), ())


def _always(effect: Effect) -> "Rule":
    return lambda context, labels: effect


_RULES: "dict[str, Rule]" = {
    "call_indirect": _call_indirect,
    "call_ref": _call_ref,
    "return_call": _return_call,
    "return_call_indirect": _return_call_indirect,
    "return_call_ref": _return_call_ref,
    "throw": _throw,
    "throw_ref": _always(Jump((ref(True, EXN),))),
    "select t": _select,
    "table.get": _table_get,
    "table.set": _table_set,
    "table.size": _table_size,
    "table.grow": _table_grow,
    "table.fill": _table_fill,
    "table.init": _table_init,
    "table.copy": _table_copy,
    "memory.copy": _memory_copy,
    "ref.null": _ref_null,
    "ref.func": _ref_func,
    "ref.is_null": _ref_is_null,
    "ref.as_non_null": _ref_as_non_null,
    "ref.eq": _always(Effect((ref(True, EQ), ref(True, EQ)), (I32,))),
    "br_on_null": _br_on_null,
    "br_on_non_null": _br_on_non_null,
    "ref.test": _ref_test,
    "ref.test null": _ref_test,
    "ref.cast": _cast(False),
    "ref.cast null": _cast(True),
    "br_on_cast": _br_on_cast(False),
    "br_on_cast_fail": _br_on_cast(True),
    "any.convert_extern": _convert(EXTERN, ANY),
    "extern.convert_any": _convert(ANY, EXTERN),
    "ref.i31": _always(Effect((I32,), (ref(False, I31),))),
    "i31.get_s": _always(Effect((ref(True, I31),), (I32,))),
    "i31.get_u": _always(Effect((ref(True, I31),), (I32,))),
    "struct.new": _struct_new,
    "struct.new_default": _struct_new_default,
    "struct.get": _struct_get(False),
    "struct.get_s": _struct_get(True),
    "struct.get_u": _struct_get(True),
    "struct.set": _struct_set,
    "array.new": _array_new,
    "array.new_default": _array_new_default,
    "array.new_fixed": _array_new_fixed,
    "array.new_data": _array_new_data,
    "array.new_elem": _array_new_elem,
    "array.get": _array_get(False),
    "array.get_s": _array_get(True),
    "array.get_u": _array_get(True),
    "array.set": _array_set,
    "array.len": _always(Effect((ref(True, ARRAY),), (I32,))),
    "array.fill": _array_fill,
    "array.copy": _array_copy,
    "array.init_data": _array_init_data,
    "array.init_elem": _array_init_elem,
}
