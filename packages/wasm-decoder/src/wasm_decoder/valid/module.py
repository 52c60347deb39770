"""Modules, all but function bodies (specification, sections "Types" and "Modules" of the chapter "Validation")."""

from ..binary.code import END, iterate
from ..binary.datas import DataSegments
from ..errors import ValidationError
from ..features import Features
from ..syntax.instructions import BY_NAME
from ..syntax.module import Active, Data, Elem, Expr, Module
from ..syntax.types import (
    FUNC,
    I32,
    I64,
    FuncIndexType,
    FuncType,
    GlobalType,
    Limits,
    MemType,
    NumType,
    RefType,
    StorageType,
    StructType,
    TableType,
    TagType,
    ValType,
)
from .context import Context, simple_effect
from .matching import matches_comp, matches_ref
from .rules import effect as effect_of
from .stack import Effect, Mismatch, pop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: The instructions that constant expressions are made of, by the feature that brought each.
_CONSTANT = {
    Features.NONE: ("i32.const", "i64.const", "f32.const", "f64.const", "global.get", "end"),
    Features.SIMD: ("v128.const",),
    Features.REFERENCE_TYPES: ("ref.null", "ref.func"),
    Features.EXTENDED_CONST: ("i32.add", "i32.sub", "i32.mul", "i64.add", "i64.sub", "i64.mul"),
    Features.GC: (
        "ref.i31", "struct.new", "struct.new_default", "array.new", "array.new_default", "array.new_fixed",
        "any.convert_extern", "extern.convert_any",
    ),
}  # fmt: skip


def check_types(module: Module, features: Features) -> None:
    """Check that the types belong to the features, before they are closed.  Raises ValidationError."""
    aggregates = Features.GC in features
    for group in module.types:
        if not aggregates and len(group.subtypes) != 1:
            raise _needs(Features.GC, "a recursive type group")
        for sub in group.subtypes:
            comp = sub.comp
            if isinstance(comp, FuncType):
                if len(comp.results) > 1 and Features.MULTI_VALUE not in features:
                    raise ValidationError(f"invalid result arity: {len(comp.results)} results of a function type")
                _check_val_types(comp.params + comp.results, features)
            else:
                fields = comp.fields if isinstance(comp, StructType) else (comp.field,)
                _check_val_types([field.storage for field in fields], features)
            if not aggregates and (not isinstance(comp, FuncType) or not sub.final or sub.supers):
                raise _needs(Features.GC, "a type that is not just a function type")


def check_module(context: Context) -> None:
    """Check everything but the types' features and the function bodies.  Raises ValidationError."""
    module = context.module
    features = context.features
    _check_subtypes(context)
    for import_ in module.imports:
        _check_extern(context, import_.type)
    for index in set(context.func_types):
        context.func_type(index)
    if len(context.tables) > 1 and Features.REFERENCE_TYPES not in features:
        raise ValidationError(f"multiple tables: {len(context.tables)}")
    if len(context.mems) > 1 and Features.MULTI_MEMORY not in features:
        raise ValidationError(f"multiple memories: {len(context.mems)}")
    imported = len(context.globals) - len(module.globals)

    for table in module.tables:
        _check_table(context, table.type)
        if table.init is not None:
            if Features.FUNCTION_REFERENCES not in features:
                raise _needs(Features.FUNCTION_REFERENCES, "an initial value of a table")
            check_constant(context, table.init, table.type.ref, imported)
        elif not table.type.ref.nullable:
            raise ValidationError(f"type mismatch: a table of {table.type.ref!r} without an initial value")
    for mem in module.mems:
        _check_mem(context, mem)
    for tag in module.tags:
        _check_tag(context, tag)
    for number, global_ in enumerate(module.globals, imported):
        _check_global(context, global_.type)
        check_constant(context, global_.init, global_.type.type, number if Features.GC in features else imported)
    _check_exports(context)
    if module.start is not None:
        start = context.func(module.start).expand()
        if start != FuncType((), ()):
            raise ValidationError(f"start function: function {module.start} has type {start!r}, not [] -> []")
    known = len(context.globals) if Features.GC in features else imported
    for number, elem in enumerate(module.elems):
        _check_elem(context, number, elem, known)
    datas: Iterable[Data] = module.datas
    if isinstance(datas, DataSegments) and context.mems and context.mems[0].addr is I32:
        datas = [data for _, data in datas.others()]
    for data in datas:
        if isinstance(data.mode, Active):
            mem = context.mem(data.mode.index)
            check_constant(context, data.mode.offset, mem.addr, known)
        elif Features.BULK_MEMORY not in features:
            raise _needs(Features.BULK_MEMORY, "a passive data segment")


def check_constant(context: Context, expr: Expr, expected: ValType, globals: int) -> None:
    """Check a constant expression (specification, "Constant Expressions").

    Args:
        context: the module.
        expr: the expression.
        expected: the type that it must have, as the module writes it.
        globals: how many globals it may refer to.

    Raises:
        ValidationError: it is not constant or not of that type.
    """
    labels = [context.label(())]
    constant = _constant(context.features)
    wanted = context.close(expected)
    stack = context.memory.empty
    instr = None
    try:
        for instr in iterate(expr.data, expr.start, expr.end, context.features):
            op = instr.op
            if op.code not in constant:
                raise ValidationError(f"constant expression required: {op.mnemonic} is not constant")
            effect = constant[op.code]
            if effect is not None:
                stack = stack[effect]
            elif op.code == END:
                break
            elif op.name == "global.get":
                index = instr.immediates[0]
                assert isinstance(index, int)
                if index >= globals:
                    raise ValidationError(f"unknown global {index}")
                if context.globals[index].mutable:
                    raise ValidationError(f"constant expression required: global {index} is mutable")
                stack = stack[context.global_gets[index]]
            else:
                stack = stack[effect_of(context, op, instr.immediates, labels)]
        if pop(stack, (wanted,), "constant expression").height:
            raise Mismatch((wanted,), stack, "constant expression")
    except (Mismatch, ValidationError) as error:
        if instr is None:
            raise ValidationError(str(error), expr.start) from None
        raise ValidationError(str(error), instr.offset, instruction=instr.op.mnemonic) from None


_constants: "dict[Features, dict[int, Effect | None]]" = {}


def _constant(features: Features) -> "dict[int, Effect | None]":
    """The effects of the instructions that are constant, by opcode; None for those that it takes more to know of."""
    found = _constants.get(features)
    if found is None:
        ops = [BY_NAME[name] for feature, names in _CONSTANT.items() if feature in features for name in names]
        found = _constants[features] = {op.code: None if op.params is None else simple_effect(op) for op in ops}
    return found


def _needs(feature: Features, what: str) -> ValidationError:
    return ValidationError(f"{what} needs the feature {feature!r}")


# Types


def _check_val_types(types: "Iterable[StorageType]", features: Features) -> None:
    """Check that the features know these types."""
    for used in types:
        if not isinstance(used, RefType):
            needed = used.feature
        elif isinstance(used.heap, int) or not used.nullable:
            needed = Features.FUNCTION_REFERENCES
        else:
            needed = used.heap.feature
        if needed not in features:
            raise _needs(needed, f"the type {used!r}")


def _check_subtypes(context: Context) -> None:
    """Check that each type may be below the supertype that it declares (specification, "Recursive Types")."""
    for index, (lower, sub) in enumerate(zip(context.types, context.module.subtypes, strict=True)):
        if len(sub.supers) > 1:
            raise ValidationError(f"sub type: type {index} declares {len(sub.supers)} supertypes, one is allowed")
        for upper in lower.supers:
            if upper.final:
                raise ValidationError(f"sub type: the supertype {upper!r} of type {index} is final")
            if not matches_comp(lower.expand(), upper.expand()):
                raise ValidationError(f"sub type: {lower!r}, type {index}, does not match its supertype {upper!r}")


def _check_extern(context: Context, type: object) -> None:
    if isinstance(type, FuncIndexType):
        context.func_type(type.type)
    elif isinstance(type, TableType):
        _check_table(context, type)
    elif isinstance(type, MemType):
        _check_mem(context, type)
    elif isinstance(type, GlobalType):
        _check_global(context, type)
    elif isinstance(type, TagType):
        _check_tag(context, type)


def _check_limits(limits: Limits, most: int, message: str) -> None:
    if limits.max is not None and limits.min > limits.max:
        raise ValidationError(
            f"size minimum must not be greater than maximum: {limits.min} is greater than {limits.max}"
        )
    if max(limits.min, limits.max or 0) > most:
        raise ValidationError(message)


def _check_address(context: Context, addr: NumType, what: str) -> None:
    if addr is I64 and Features.MEMORY64 not in context.features:
        raise _needs(Features.MEMORY64, what)


def _check_table(context: Context, type: TableType) -> None:
    if Features.REFERENCE_TYPES in context.features or type.ref.heap is not FUNC:
        _check_val_types((type.ref,), context.features)
    context.close(type.ref)
    _check_address(context, type.addr, "a 64-bit table")
    bits = 64 if type.addr is I64 else 32
    _check_limits(type.limits, (1 << bits) - 1, f"table size must be at most 2^{bits}-1")


def _check_mem(context: Context, type: MemType) -> None:
    _check_address(context, type.addr, "a 64-bit memory")
    log2 = type.page_size_log2
    if log2 != 16 and Features.CUSTOM_PAGE_SIZES not in context.features:
        raise _needs(Features.CUSTOM_PAGE_SIZES, "a page size other than 65536")
    if log2 not in (0, 16):
        raise ValidationError(f"invalid custom page size: 2^{log2} bytes, neither 1 nor 65536")
    if type.addr is I64:
        most = (1 << 64 - log2) - (log2 == 0)
        message = f"memory size must be at most {most} pages"
    else:
        most = (1 << 32 - log2) - (log2 == 0)
        message = f"memory size must be at most {most} pages (4GiB)"
    _check_limits(type.limits, most, message)
    if type.shared:
        if Features.THREADS not in context.features:
            raise _needs(Features.THREADS, "a shared memory")
        if type.limits.max is None:
            raise ValidationError("shared memory must have maximum")


def _check_global(context: Context, type: GlobalType) -> None:
    _check_val_types((type.type,), context.features)
    context.close(type.type)


def _check_tag(context: Context, type: TagType) -> None:
    if Features.EXCEPTIONS not in context.features:
        raise _needs(Features.EXCEPTIONS, "a tag")
    results = context.func_type(type.type).results
    if results:
        raise ValidationError(f"non-empty tag result type [{' '.join(map(repr, results))}]")


# Exports, segments


def _check_exports(context: Context) -> None:
    names = set()
    spaces = {
        "func": ("function", len(context.func_types)),
        "table": ("table", len(context.tables)),
        "memory": ("memory", len(context.mems)),
        "global": ("global", len(context.globals)),
        "tag": ("tag", len(context.module.tag_types)),
    }
    for export in context.module.exports:
        word, count = spaces[export.kind]
        if export.index >= count:
            raise ValidationError(f"unknown {word} {export.index}: it is exported as {export.name!r}")
        if export.name in names:
            raise ValidationError(f"duplicate export name {export.name!r}")
        names.add(export.name)


def _check_elem(context: Context, number: int, elem: Elem, globals: int) -> None:
    holds = context.close_ref(elem.type)
    # how the plain form of a segment, a list of functions, is represented, in version 1.0 as well
    if elem.type != RefType(False, FUNC) and Features.REFERENCE_TYPES in context.features:
        _check_val_types((elem.type,), context.features)
    if isinstance(elem.mode, Active):
        table = context.table(elem.mode.index)
        if not matches_ref(holds, table.ref):
            raise ValidationError(
                f"type mismatch: table {elem.mode.index} holds {table.ref!r} but elem segment {number} {holds!r}"
            )
        check_constant(context, elem.mode.offset, table.addr, globals)
    elif not context.features & (Features.BULK_MEMORY | Features.REFERENCE_TYPES):
        raise _needs(Features.BULK_MEMORY, f"a {elem.mode} element segment")
    if holds.heap is FUNC and elem.init and isinstance(elem.init[0], int):
        context.func(max(elem.init))  # there may be thousands, and every function is a func
        return
    for item in elem.init:
        if isinstance(item, int):
            func = context.func(item)
            if not matches_ref(func.ref(False), holds):
                raise ValidationError(
                    f"type mismatch: elem segment {number} holds {holds!r} but function {item} {func!r}"
                )
        else:
            check_constant(context, item, elem.type, globals)
