"""Imports: is what is given what a module asks for (specification, sections "External Typing" and "Instantiation")."""

from wasm_decoder.syntax.types import (
    FuncIndexType,
    FuncType,
    GlobalType,
    MemType,
    TableType,
    TagType,
)
from wasm_decoder.valid.matching import (
    close_global,
    close_table,
    deftype,
    matches_def,
    matches_global,
    matches_mem,
    matches_table,
)

from .function import function_of
from .globals import Global
from .host import HostFunction, host_function
from .instance import Instance
from .memory import Memory
from .table import Table
from .tag import Tag
from .traps import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wasm_decoder.syntax.module import Import

_KINDS = {FuncIndexType: "function", TableType: "table", MemType: "memory", GlobalType: "global", TagType: "tag"}


def resolve(instance: Instance, imports: "Mapping[str, object]") -> None:
    """Give an instance its imports.  Raises LinkError if one is missing or does not match."""
    for wanted in instance.module.imports:
        space = imports.get(wanted.module)
        exports = space.exports if isinstance(space, Instance) else space
        place = f'"{wanted.module}" "{wanted.name}"'
        if exports is None or wanted.name not in exports:  # type: ignore[operator]  # a mapping
            reason = f'module "{wanted.module}" has no "{wanted.name}"' if exports is not None else "no such module"
            message = f"unknown import: {place} ({_wanted(instance, wanted)}): {reason}"
            raise LinkError(message, wanted.module, wanted.name)
        given = exports[wanted.name]  # type: ignore[index]  # a mapping
        if not _take(instance, wanted, given):
            message = (
                f"incompatible import type: {place}: the module imports a {_wanted(instance, wanted)}, "
                f"it was given {_given(given)}"
            )
            raise LinkError(message, wanted.module, wanted.name)


def _take(instance: Instance, wanted: "Import", given: object) -> bool:
    """Add what is given to the index space that it belongs to, if it matches."""
    type_ = wanted.type
    if isinstance(type_, FuncIndexType):
        declared = instance.deftypes[type_.type]
        function = function_of(given)
        if function is not None:
            if not matches_def(function.deftype, declared):
                return False
            instance.add_import(function)
            return True
        if isinstance(given, HostFunction):
            if deftype(given.type) is not declared:
                return False
        elif callable(given):
            name = getattr(given, "__name__", "") or wanted.name
            comp: FuncType = declared.expand()  # type: ignore[assignment]  # a function's type
            given = HostFunction(comp, given, name=name)
        else:
            return False
        instance.add_import(host_function(given, declared, instance))
        return True
    if isinstance(type_, MemType):
        if not isinstance(given, Memory) or not matches_mem(given.type, type_):
            return False
        instance.mems.append(given)
    elif isinstance(type_, TableType):
        if not isinstance(given, Table) or not matches_table(given.type, close_table(type_, instance.deftypes)):
            return False
        instance.tables.append(given)
    elif isinstance(type_, GlobalType):
        if not isinstance(given, Global) or not matches_global(given.type, close_global(type_, instance.deftypes)):
            return False
        instance.globals.append(given)
    else:
        if not isinstance(given, Tag) or given.deftype is not instance.deftypes[type_.type]:
            return False
        instance.tags.append(given)
    return True


def _wanted(instance: Instance, wanted: "Import") -> str:
    type_ = wanted.type
    if isinstance(type_, (FuncIndexType, TagType)):
        return f"{_KINDS[type_.__class__]} {instance.deftypes[type_.type].expand()}"
    return describe(type_)


def describe(type: "TableType | MemType | GlobalType") -> str:
    """A type as a message shows it."""
    if isinstance(type, TableType):
        return f"table of {type.ref} {type.limits}" + (f" with {type.addr} indices" if repr(type.addr) != "i32" else "")
    if isinstance(type, MemType):
        return (
            f"memory {type.limits}"
            + (f" with {type.addr} addresses" if repr(type.addr) != "i32" else "")
            + (" shared" if type.shared else "")
            + (f" with pages of {1 << type.page_size_log2} bytes" if type.page_size_log2 != 16 else "")
        )
    return f"global {'mut ' if type.mutable else ''}{type.type}"


def _given(given: object) -> str:
    function = given if isinstance(given, HostFunction) else function_of(given)
    if function is not None:
        return f"a function {function.type}"
    if isinstance(given, Tag):
        return f"a tag {given.type}"
    if isinstance(given, (Table, Memory, Global)):
        return f"a {describe(given.type)}"
    return f"a Python object of type {given.__class__.__name__}"
