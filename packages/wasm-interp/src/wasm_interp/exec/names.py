"""What generated source calls the parts of an instance, and what the translator has to know of a module."""

from wasm_decoder.syntax.types import I64, FuncType, GlobalType
from wasm_decoder.valid.matching import deftypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder import Module


class Names:
    """What generated source calls the parts of an instance, by what the module says about them.

    Attributes:
        globals: for each global the source that reads it.
        private: the globals that nobody else sees: they live in variables of the generated functions' own namespace.
    """

    def __init__(self, module: "Module") -> None:
        self.module = module
        imported = sum([isinstance(i.type, GlobalType) for i in module.imports])
        exported = {e.index for e in module.exports if e.kind == "global"}
        self.global_types = module.global_types
        self.private = {
            i for i, each in enumerate(self.global_types) if i >= imported and i not in exported and each.mutable
        }
        self.deftypes = deftypes(module)
        self.func_types = module.func_types
        self.tag_types = [tag.type for tag in module.tag_types]
        self.imported_funcs = len(module.func_types) - len(module.funcs)
        self.addresses = [64 if mem.addr is I64 else 32 for mem in module.mem_types]
        self.table_addresses = [64 if table.addr is I64 else 32 for table in module.table_types]
        self.tables = module.table_types

    def functype(self, index: int) -> FuncType:
        """The function type of a type index, closed."""
        return self.deftypes[index].expand()  # type: ignore[return-value]  # valid modules call functions
