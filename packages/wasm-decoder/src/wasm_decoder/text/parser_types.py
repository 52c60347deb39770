"""Indices, types and type uses (specification, sections "Text Format, Types" and "Type Uses")."""

from ..syntax.types import (
    HEAP_TYPES,
    I32,
    I64,
    PACKED_TYPES,
    VAL_TYPES,
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
from .lexer import Cursor, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_HEAP_TYPES = {repr(heap): heap for heap in HEAP_TYPES.values()}
_VAL_TYPES = {repr(t): t for t in VAL_TYPES.values()}
_REF_TYPES = {name: t for name, t in _VAL_TYPES.items() if isinstance(t, RefType)}
_PACKED_TYPES = {repr(t): t for t in PACKED_TYPES}

#: What the members of an index space are called in errors, and in ``custom.names.Names``.
SPACES = {
    "type": ("type", "types"),
    "func": ("function", "funcs"),
    "table": ("table", "tables"),
    "memory": ("memory", "mems"),
    "global": ("global", "globals"),
    "tag": ("tag", "tags"),
    "elem": ("elem segment", "elems"),
    "data": ("data segment", "datas"),
}


class TypeParser(Cursor):
    """Knows the index spaces of a module and its types."""

    __slots__ = ("field_names", "func_types", "ids", "names", "nested_names", "recs", "subtypes")

    def __init__(self, source: Source, pos: int = 0) -> None:
        super().__init__(source, pos)
        #: the identifiers of each index space
        self.ids: dict[str, dict[str, int]] = {space: {} for space in SPACES}
        #: the parts of ``custom.names.Names``
        self.names: dict[str, dict[int, str]] = {part: {} for _, part in SPACES.values()}
        self.nested_names: dict[str, dict[int, dict[int, str]]] = {"locals": {}, "labels": {}, "fields": {}}
        self.recs: list[RecType] = []
        self.subtypes: list[SubType] = []
        #: the first type index of each function type that a type use without index may stand for
        self.func_types: dict[FuncType, int] = {}
        #: the identifiers of the fields of each structure type
        self.field_names: dict[int, dict[str, int]] = {}

    # Indices

    def at_index(self) -> bool:
        """Whether the next token may be an index."""
        first = self.tokens[self.pos][:1]
        return first == "$" or first.isdigit()

    def index(self, space: str) -> int:
        """An index of that space, as a number or by its identifier."""
        token = self.tokens[self.pos]
        if token[:1] != "$":
            return self.u32()
        ids = self.ids[space]
        index = ids.get(token)
        if index is None:
            index = ids.get(self.source.identifier(self.pos))
            if index is None:
                self.fail(f"unknown {SPACES[space][0]} {token}")
        self.pos += 1
        return index

    def optional_index(self, space: str) -> int:
        """An index of that space if there is one, else 0."""
        return self.index(space) if self.at_index() else 0

    def name_annotation(self) -> str | None:
        """What ``(@name "…")`` says, if the next tokens are such an annotation."""
        if not self.opens("(@name"):
            return None
        name = self.name()
        self.expect(")")
        return name

    def label_or_name(self) -> tuple[str | None, str | None]:
        """An optional identifier; and the name for the name section, which an annotation can make another one."""
        identifier = self.identifier()
        name = self.name_annotation()
        if name is None and identifier is not None:
            name = identifier[1:]
        return identifier, name

    # Types

    def heap_type(self) -> HeapType:
        """A heap type."""
        heap = _HEAP_TYPES.get(self.tokens[self.pos])
        if heap is None:
            return self.index("type")
        self.pos += 1
        return heap

    def ref_type(self) -> RefType:
        """A reference type."""
        ref = _REF_TYPES.get(self.tokens[self.pos])
        if ref is not None:
            self.pos += 1
            return ref
        if not self.opens("ref"):
            self.unexpected()
        nullable = self.tokens[self.pos] == "null"
        if nullable:
            self.pos += 1
        ref = RefType(nullable, self.heap_type())
        self.expect(")")
        return ref

    def val_type(self) -> ValType:
        """A value type."""
        val_type = _VAL_TYPES.get(self.tokens[self.pos])
        if val_type is None:
            return self.ref_type()
        self.pos += 1
        return val_type

    def val_types(self) -> list[ValType]:
        """Value types up to a closing parenthesis, and that."""
        types = []
        while self.tokens[self.pos] != ")":
            types.append(self.val_type())
        self.pos += 1
        return types

    def _storage_type(self) -> StorageType:
        packed = _PACKED_TYPES.get(self.tokens[self.pos])
        if packed is None:
            return self.val_type()
        self.pos += 1
        return packed

    def _field_type(self) -> FieldType:
        if not self.opens("mut"):
            return FieldType(self._storage_type(), False)
        storage = self._storage_type()
        self.expect(")")
        return FieldType(storage, True)

    def _comp_type(self, index: int) -> CompType:
        """What is in the parentheses of the composite type with that type index, and the closing one."""
        keyword = self.tokens[self.pos]
        self.pos += 1
        if keyword == "func":
            func_type = self.func_type(lambda *_: None)
            self.expect(")")
            return func_type
        if keyword == "array":
            array = ArrayType(self._field_type())
            self.expect(")")
            return array
        if keyword != "struct":
            self.unexpected(self.pos - 1)
        fields: list[FieldType] = []
        ids: dict[str, int] = {}
        while self.opens("field"):
            at = self.pos
            identifier, name = self.label_or_name()
            if name is None:
                while self.tokens[self.pos] != ")":
                    fields.append(self._field_type())
            else:
                if identifier in ids:
                    self.fail(f"duplicate field {identifier}", at)
                if identifier is not None:
                    ids[identifier] = len(fields)
                self.nested_names["fields"].setdefault(index, {})[len(fields)] = name
                fields.append(self._field_type())
            self.expect(")")
        self.expect(")")
        if ids:
            self.field_names[index] = ids
        return StructType(tuple(fields))

    def _sub_type(self) -> SubType:
        """A type definition behind its ``(type``, with the closing parenthesis."""
        index = len(self.subtypes)
        self.label_or_name()
        final, supers = True, []
        nested = self.opens("sub")
        if nested:
            final = self.tokens[self.pos] == "final"
            if final:
                self.pos += 1
            while self.at_index():
                supers.append(self.index("type"))
        self.expect("(")
        sub = SubType(final, tuple(supers), self._comp_type(index))
        if nested:
            self.expect(")")
        self.expect(")")
        self.subtypes.append(sub)
        return sub

    def type_definition(self) -> None:
        """A recursive group or a single type, behind its ``(rec`` or ``(type``, with the closing parenthesis."""
        if self.tokens[self.pos - 1] == "type":
            index = len(self.subtypes)
            sub = self._sub_type()
            self.recs.append(RecType((sub,)))
            if sub.final and not sub.supers and isinstance(sub.comp, FuncType):
                self.func_types.setdefault(sub.comp, index)
            return
        group = []
        while self.opens("type"):
            group.append(self._sub_type())
        self.expect(")")
        self.recs.append(RecType(tuple(group)))

    def func_type(self, bind: "Callable[[str | None, str | None, int], None] | None") -> FuncType:
        """Parameters and results; ``bind`` gets identifier, name and index of each named parameter.

        No ``bind`` means that they can have no names.
        """
        params: list[ValType] = []
        results: list[ValType] = []
        while self.opens("param"):
            if bind is not None:
                at = self.pos
                identifier, name = self.label_or_name()
                if self.pos != at:
                    bind(identifier, name, len(params))
                    params.append(self.val_type())
                    self.expect(")")
                    continue
            params += self.val_types()
        while self.opens("result"):
            results += self.val_types()
        if self.tokens[self.pos] == "(" and self.tokens[self.pos + 1] == "param":
            self.fail("unexpected token param: result before parameter", self.pos + 1)
        return FuncType(tuple(params), tuple(results))

    def type_use(self, bind: "Callable[[str | None, str | None, int], None] | None" = None) -> int:
        """A type use; the type index, of a type that is added to the module if there is none yet."""
        if not self.opens("type"):
            return self.type_index(self.func_type(bind))
        at = self.pos
        index = self.index("type")
        self.expect(")")
        if self.tokens[self.pos] == "(" and self.tokens[self.pos + 1] in ("param", "result"):
            inline = self.func_type(bind)
            if index >= len(self.subtypes):
                self.fail(f"unknown type {index}", at)
            if self.subtypes[index].comp != inline:
                self.fail("inline function type differs from the type it refers to", at)
        return index

    def type_index(self, type: FuncType) -> int:
        """The index of a function type, which is added to the module if there is none yet."""
        index = self.func_types.get(type)
        if index is None:
            index = self.func_types[type] = len(self.subtypes)
            sub = SubType(True, (), type)
            self.subtypes.append(sub)
            self.recs.append(RecType((sub,)))
        return index

    def limits(self) -> Limits:
        """Minimum and optional maximum."""
        minimum = self.u64()
        return Limits(minimum, self.u64() if self.tokens[self.pos][:1].isdigit() else None)

    def address_type(self) -> NumType:
        """i32 or i64 if it stands there, else i32."""
        token = self.tokens[self.pos]
        if token in ("i32", "i64"):
            self.pos += 1
        return I64 if token == "i64" else I32

    def table_type(self) -> TableType:
        """A table type."""
        addr = self.address_type()
        limits = self.limits()
        return TableType(limits, self.ref_type(), addr)

    def mem_type(self) -> MemType:
        """A memory type."""
        addr = self.address_type()
        limits = self.limits()
        shared = self.tokens[self.pos] == "shared"
        if shared:
            self.pos += 1
        return MemType(limits, addr, shared, self.page_size())

    def page_size(self) -> int:
        """The logarithm of the page size if ``(pagesize …)`` stands there, else 16."""
        if not self.opens("pagesize"):
            return 16
        size = self.u64()
        if size.bit_count() != 1:
            self.fail(f"invalid custom page size {size}", self.pos - 1)
        self.expect(")")
        return size.bit_length() - 1

    def global_type(self) -> GlobalType:
        """A global type."""
        if not self.opens("mut"):
            return GlobalType(self.val_type(), False)
        mutable = GlobalType(self.val_type(), True)
        self.expect(")")
        return mutable
