"""Where the parts of a module are in the context of its instances.

After the fixed head (``amd64.convention.Context``) come words, in this order: for each memory the address of its
descriptor (address, size in bytes); for each table the address of its descriptor (address, number of elements), an element
being the address of a function record or of an object; for each global the address of its value; for each type its number;
for each imported function the address of its record; for each defined function the address of its code; for each helper
(an instruction that Python carries out) the address of its record.
"""

from .amd64.convention import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.module import Module


class Layout:
    """Offsets in the context of instances of one module.

    Attributes:
        imports: how many functions are imported; the defined ones follow in the index space.
        helpers: number of each helper, by opcode and immediates, in the order in which code asked for them.
    """

    #: How many different helpers a module can use; more make the portable engine run the function.
    HELPERS = 1024

    def __init__(self, module: "Module") -> None:
        self.imports = len(module.func_types) - len(module.funcs)
        self.memories = Context.MODULE
        self.tables = self.memories + 8 * len(module.mem_types)
        self.globals = self.tables + 8 * len(module.table_types)
        self.types = self.globals + 8 * len(module.global_types)
        self.imported = self.types + 8 * len(module.subtypes)
        self.functions = self.imported + 8 * self.imports
        self.helper_records = self.functions + 8 * len(module.funcs)
        self.size = self.helper_records + 8 * self.HELPERS
        self.helpers: dict[object, int] = {}

    def helper(self, key: object) -> int:
        """The offset of the record of the helper that ``key`` names."""
        number = self.helpers.setdefault(key, len(self.helpers))
        if number >= self.HELPERS:
            raise OverflowError("too many helpers")
        return self.helper_records + 8 * number
