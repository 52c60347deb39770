"""Closed types and subtyping (specification 3.0, sections "Types" and "Matching" of the chapter "Validation").

A module writes types with indices into its own type section.  Here they are closed: an index becomes the defined type
that it stands for, a ``DefType``.  Defined types are interned by their structure, so two modules that write the same
recursive group share its objects, and equality of types is identity, in the whole process.  Reference types to them
are interned too.
"""

from weakref import WeakValueDictionary

from ..errors import ValidationError
from ..features import Features
from ..syntax.types import (
    ABSTRACT_HEAP_TYPES,
    ANY,
    ARRAY,
    EQ,
    EXN,
    EXTERN,
    EXTERNREF,
    FUNC,
    FUNCREF,
    I31,
    NOEXN,
    NOEXTERN,
    NOFUNC,
    NONE,
    STRUCT,
    AbsHeapType,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemType,
    NumType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    ValType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import cast

    from ..syntax.module import Module
else:

    def cast(_type, value):
        return value


#: How long a chain of declared supertypes may be, as in other engines (JS API, "Implementation-defined Limits").
MAX_SUBTYPING_DEPTH = 63

#: The bottom of all value types: what a stack holds that cannot be reached.  No module writes it; messages say "value".
BOT = NumType("value", 0, Features.NONE)
#: The bottom of all heap types: behind a reference that cannot be reached.
BOT_HEAP = AbsHeapType("bot", 0, "(ref null bot)", Features.NONE)


class DefType:
    """A defined type (specification, "Defined Types"): one member of a closed recursive group.

    Two of them are the same type if and only if they are the same object.

    Attributes:
        final: whether it cannot be a supertype.
        supers: the declared supertypes.
        ancestors: all its supertypes, itself among them.
        depth: how many supertypes lie between it and a type without any.
    """

    __slots__ = ("__weakref__", "_comp", "_null_ref", "_ref", "ancestors", "depth", "final", "group", "index", "supers")

    def __init__(self, group: "_Group", index: int) -> None:
        self.group = group
        self.index = index
        sub = group.subtypes[index]
        self.final = sub.final
        self.supers: tuple[DefType, ...] = ()
        self.ancestors: frozenset[DefType] = frozenset((self,))
        self.depth = 0
        self._comp: CompType | None = None
        # not interned by value: a table of them would keep this type alive
        self._ref = RefType(False, _heap(self))
        self._null_ref = RefType(True, _heap(self))

    def expand(self) -> CompType:
        """The composite type that it defines, closed: heap types in it are abstract or ``DefType``."""
        if self._comp is None:
            members = self.group.members
            self._comp = _substitute(self.group.subtypes[self.index].comp, lambda i: members[~i])
        return self._comp

    def func(self) -> FuncType:
        """The function type that it defines, closed.  Raises ValidationError if it defines a type of another kind."""
        comp = self.expand()
        if isinstance(comp, FuncType):
            return comp
        raise ValidationError(f"type mismatch: {self!r} is not a function type")

    def ref(self, nullable: bool) -> RefType:
        """The reference type to it, always the same object."""
        return self._null_ref if nullable else self._ref

    def __repr__(self) -> str:
        comp = self.group.subtypes[self.index].comp
        if isinstance(comp, FuncType):
            return f"(func [{_words(comp.params)}] -> [{_words(comp.results)}])"
        if isinstance(comp, StructType):
            return f"(struct {_words(comp.fields)})" if comp.fields else "(struct)"
        return f"(array {_words((comp.field,))})"


def _words(types: "Sequence[StorageType | FieldType]") -> str:
    """Some types for a message: not too many, and of those that they refer to just the kind."""
    words = []
    for each in types[:8]:
        mutable = isinstance(each, FieldType) and each.mutable
        storage = each.storage if isinstance(each, FieldType) else each
        heap: object = storage.heap if isinstance(storage, RefType) else None
        if isinstance(storage, RefType) and not isinstance(heap, AbsHeapType):
            target = f"rec.{~heap}" if isinstance(heap, int) else f"{kind_of(cast('DefType', heap))} ..."
            word = f"(ref {'null ' if storage.nullable else ''}{target})"
        else:
            word = repr(storage)
        words.append(f"(mut {word})" if mutable else word)
    return " ".join([*words, "..."] if len(types) > 8 else words)


class _Group:
    """A closed recursive group: heap types in ``subtypes`` are abstract, ``DefType``, or ~i for its member i."""

    __slots__ = ("__weakref__", "members", "subtypes")

    def __init__(self, subtypes: "tuple[SubType, ...]") -> None:
        self.subtypes = subtypes
        self.members = tuple([DefType(self, i) for i in range(len(subtypes))])


#: Every group in use, by its structure.
_groups: "WeakValueDictionary[tuple[object, ...], _Group]" = WeakValueDictionary()


def _heap(type: DefType) -> HeapType:
    """The specification counts defined types among the heap types, once types are closed; no module writes one."""
    return cast("HeapType", type)


def deftypes(module: "Module") -> "tuple[DefType, ...]":
    """The closed type of each type index of the module (specification, "Rolling and Unrolling").

    The result is remembered with the module.  Raises ValidationError for a reference to a type that is not defined
    yet; whether supertypes fit is for ``validate`` to say.
    """
    return module._derived("deftypes", lambda: _roll(module.types))


def deftype(comp: CompType) -> DefType:
    """The final type without supertypes that a closed composite type stands for, as for a host function."""
    return _intern((SubType(True, (), comp),), ())[0]


def _roll(types: "tuple[RecType, ...]") -> "tuple[DefType, ...]":
    known: list[DefType] = []
    first = end = 0  # the type indices of the group at hand

    def closed(index: int) -> "DefType | int":
        if index < first:
            return known[index]
        if index < end:
            return ~(index - first)
        raise ValidationError(f"unknown type {index}")

    for group in types:
        first = len(known)
        end = first + len(group.subtypes)
        subtypes = []
        supers = []
        for own, sub in enumerate(group.subtypes, first):
            for index in sub.supers:
                if index >= own:
                    raise ValidationError(f"unknown type {index}: a supertype stands before its subtypes")
            supers.append([closed(index) for index in sub.supers])
            subtypes.append(SubType(sub.final, (), _substitute(sub.comp, closed)))
        known += _intern(tuple(subtypes), supers)
    return tuple(known)


def _intern(subtypes: "tuple[SubType, ...]", supers: "Sequence[Sequence[DefType | int]]") -> "tuple[DefType, ...]":
    key = (subtypes, tuple(map(tuple, supers))) if any(supers) else (subtypes,)
    group = _groups.get(key)
    if group is None:
        group = _Group(subtypes)
        for member, ups in zip(group.members, supers, strict=False):
            if ups:
                member.supers = tuple([up if isinstance(up, DefType) else group.members[~up] for up in ups])
                member.depth = 1 + max(up.depth for up in member.supers)
                if member.depth > MAX_SUBTYPING_DEPTH:
                    raise ValidationError(f"sub type: more than {MAX_SUBTYPING_DEPTH} supertypes above one another")
                member.ancestors = member.ancestors.union(*[up.ancestors for up in member.supers])
        group = _groups.setdefault(key, group)
    return group.members


def _substitute(comp: CompType, heap: "Callable[[int], DefType | int]") -> CompType:
    """The composite type with every heap type that is an index replaced; itself if there is none."""

    def value(type: ValType) -> ValType:
        if isinstance(type, RefType) and isinstance(type.heap, int):
            found = heap(type.heap)
            if isinstance(found, DefType):
                return found.ref(type.nullable)
            return RefType(type.nullable, found)
        return _canonical(type)

    def field(type: FieldType) -> FieldType:
        if isinstance(type.storage, RefType):
            return FieldType(value(type.storage), type.mutable)
        return type

    if isinstance(comp, FuncType):
        if any(isinstance(t, RefType) for t in comp.params + comp.results):
            return FuncType(tuple(map(value, comp.params)), tuple(map(value, comp.results)))
        return comp
    if isinstance(comp, StructType):
        return StructType(tuple(map(field, comp.fields)))
    return ArrayType(field(comp.field))


#: The one object for each reference type to an abstract heap type.
_ABSTRACT = {(nullable, heap): RefType(nullable, heap) for heap in ABSTRACT_HEAP_TYPES for nullable in (False, True)}
_ABSTRACT[True, FUNC] = FUNCREF
_ABSTRACT[True, EXTERN] = EXTERNREF
_ABSTRACT[False, BOT_HEAP] = RefType(False, BOT_HEAP)
_ABSTRACT[True, BOT_HEAP] = RefType(True, BOT_HEAP)


def _canonical(type: ValType) -> ValType:
    """The interned object for a closed value type."""
    if isinstance(type, RefType):
        heap: object = type.heap
        if isinstance(heap, DefType):
            return heap.ref(type.nullable)
        if isinstance(heap, AbsHeapType):
            return _ABSTRACT[type.nullable, heap]
    return type


def ref(nullable: bool, heap: "HeapType | DefType") -> RefType:
    """The reference type to a closed heap type, always the same object."""
    if isinstance(heap, DefType):
        return heap.ref(nullable)
    return _ABSTRACT[nullable, cast("AbsHeapType", heap)]


def close_heap(type: HeapType, types: "Sequence[DefType]") -> HeapType:
    """A heap type of a module, closed with the module's ``deftypes``.  Raises ValidationError for an unknown index."""
    if not isinstance(type, int):
        return type
    if type >= len(types):
        raise ValidationError(f"unknown type {type}")
    return _heap(types[type])


def close(type: ValType, types: "Sequence[DefType]") -> ValType:
    """A value type of a module, closed with the module's ``deftypes``; the result can be compared with ``is``.

    Raises ValidationError for an index that is none.
    """
    if isinstance(type, RefType):
        return ref(type.nullable, close_heap(type.heap, types))
    return type


def close_ref(type: RefType, types: "Sequence[DefType]") -> RefType:
    """As ``close``, for what is known to be a reference type."""
    return ref(type.nullable, close_heap(type.heap, types))


def close_table(type: TableType, types: "Sequence[DefType]") -> TableType:
    """A table type of a module, closed."""
    return TableType(type.limits, close_ref(type.ref, types), type.addr)


def close_global(type: GlobalType, types: "Sequence[DefType]") -> GlobalType:
    """A global type of a module, closed."""
    return GlobalType(close(type.type, types), type.mutable)


# Matching: every function says whether the first type is a subtype of the second, both closed

#: What each abstract heap type lies directly below.
_ABOVE = {
    NONE: (I31, STRUCT, ARRAY), I31: (EQ,), STRUCT: (EQ,), ARRAY: (EQ,), EQ: (ANY,), NOFUNC: (FUNC,),
    NOEXTERN: (EXTERN,), NOEXN: (EXN,), BOT_HEAP: (NONE, NOFUNC, NOEXTERN, NOEXN),
}  # fmt: skip


def _all_above(heap: AbsHeapType) -> "frozenset[AbsHeapType]":
    return frozenset((heap,)).union(*map(_all_above, _ABOVE.get(heap, ())))


#: All supertypes of each abstract heap type, itself among them.
_SUPERTYPES = {heap: _all_above(heap) for heap in (*ABSTRACT_HEAP_TYPES, BOT_HEAP)}
#: The abstract heap type that a composite type lies directly below, and the bottom of its hierarchy.
_KIND = {FuncType: (FUNC, NOFUNC), StructType: (STRUCT, NONE), ArrayType: (ARRAY, NONE)}


def top_of(heap: "HeapType | DefType") -> AbsHeapType:
    """The top of the hierarchy that a closed heap type belongs to: any, func, extern or exn; ``BOT_HEAP`` has none."""
    abstract = kind_of(heap)
    for top in (ANY, FUNC, EXTERN, EXN):
        if top in _SUPERTYPES[abstract] and abstract is not BOT_HEAP:
            return top
    return BOT_HEAP


def kind_of(heap: "HeapType | DefType") -> AbsHeapType:
    """The least abstract heap type at or above a closed heap type."""
    if isinstance(heap, DefType):
        return _KIND[type(heap.group.subtypes[heap.index].comp)][0]
    return cast("AbsHeapType", heap)


def matches_heap(a: "HeapType | DefType", b: "HeapType | DefType") -> bool:
    """Heap types (specification, "Heap Types")."""
    if a is b:
        return True
    if isinstance(a, DefType):
        return b in a.ancestors if isinstance(b, DefType) else b in _SUPERTYPES[kind_of(a)]
    if isinstance(b, DefType):
        return a is BOT_HEAP or a is _KIND[type(b.group.subtypes[b.index].comp)][1]
    return b in _SUPERTYPES[cast("AbsHeapType", a)]


def matches_ref(a: RefType, b: RefType) -> bool:
    """Reference types (specification, "Reference Types")."""
    return (b.nullable or not a.nullable) and matches_heap(a.heap, b.heap)


def matches_val(a: StorageType, b: StorageType) -> bool:
    """Value types and packed types (specification, "Value Types", "Field Types")."""
    if a is b or a is BOT:
        return True
    return isinstance(a, RefType) and isinstance(b, RefType) and matches_ref(a, b)


def matches_vals(a: "Sequence[ValType]", b: "Sequence[ValType]") -> bool:
    """Result types (specification, "Result Types")."""
    return len(a) == len(b) and all(map(matches_val, a, b))


def matches_field(a: FieldType, b: FieldType) -> bool:
    """Field types: mutable ones must be the same (specification, "Field Types")."""
    return (
        a.mutable == b.mutable
        and matches_val(a.storage, b.storage)
        and (not b.mutable or matches_val(b.storage, a.storage))
    )


def matches_comp(a: CompType, b: CompType) -> bool:
    """Composite types (specification, "Composite Types")."""
    if isinstance(a, FuncType):
        return isinstance(b, FuncType) and matches_vals(b.params, a.params) and matches_vals(a.results, b.results)
    if isinstance(a, StructType):
        return (
            isinstance(b, StructType) and len(a.fields) >= len(b.fields) and all(map(matches_field, a.fields, b.fields))
        )
    return isinstance(b, ArrayType) and matches_field(a.field, b.field)


def matches_def(a: DefType, b: DefType) -> bool:
    """Defined types, and so functions (specification, "Defined Types", "Function Types")."""
    return b in a.ancestors


def matches_limits(a: Limits, b: Limits) -> bool:
    """Limits (specification, "Limits")."""
    return a.min >= b.min and (b.max is None or (a.max is not None and a.max <= b.max))


def matches_table(a: TableType, b: TableType) -> bool:
    """Table types: the same references, limits within limits (specification, "Table Types")."""
    return (
        a.addr is b.addr
        and matches_limits(a.limits, b.limits)
        and matches_ref(a.ref, b.ref)
        and matches_ref(b.ref, a.ref)
    )


def matches_mem(a: MemType, b: MemType) -> bool:
    """Memory types (specification, "Memory Types"; sharing and page sizes: the proposals of these names)."""
    return (
        a.addr is b.addr
        and a.shared == b.shared
        and a.page_size_log2 == b.page_size_log2
        and matches_limits(a.limits, b.limits)
    )


def matches_global(a: GlobalType, b: GlobalType) -> bool:
    """Global types: mutable ones must be the same (specification, "Global Types")."""
    return a.mutable == b.mutable and matches_val(a.type, b.type) and (not b.mutable or matches_val(b.type, a.type))


def matches_tag(a: DefType, b: DefType) -> bool:
    """Tag types: the same function type (specification, "Tag Types")."""
    return a is b
