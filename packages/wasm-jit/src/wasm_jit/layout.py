"""Where the parts of a module are in the context of its instances.

After the fixed head (``amd64.abi``) come the addresses of the C library's memmove and memset; then, a word each:
for each table the address of its descriptor (address of the elements, their number), an element being the address
of a function record or of an object, or 0; for each global the address of its value; for each type its number; for
each imported function and for each helper (an instruction that Python carries out) the address of its record; then
the records of the functions that the module defines.
"""

from .amd64.abi import CONTEXT_HEAD, FUNCTION_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.module import Module


class Layout:
    """Offsets in the context of instances of one module.

    Attributes:
        imports: how many functions are imported; the defined ones follow in the index space.
        copy, fill: of memmove and memset.
        tables, globals, types, imported, helper_records, functions: where each row begins.
        size: of the whole context, in bytes.
        helpers: the number of each helper, by opcode and immediates.
    """

    #: How many different helpers the code of a module can use; there are few in real ones.
    HELPERS = 1024

    def __init__(self, module: "Module") -> None:
        self.imports = len(module.func_types) - len(module.funcs)
        self.copy = CONTEXT_HEAD
        self.fill = self.copy + 8
        self.tables = self.fill + 8
        self.globals = self.tables + 8 * len(module.table_types)
        self.types = self.globals + 8 * len(module.global_types)
        self.imported = self.types + 8 * len(module.subtypes)
        self.helper_records = self.imported + 8 * self.imports
        self.functions = self.helper_records + 8 * self.HELPERS
        self.functions += -self.functions % FUNCTION_SIZE
        self.size = self.functions + FUNCTION_SIZE * len(module.funcs)
        self.helpers: dict[tuple[int, object], int] = {}

    def helper(self, key: tuple[int, object]) -> int:
        """The offset of the word for the helper that ``key`` names.  Raises OverflowError if there are too many."""
        number = self.helpers.setdefault(key, len(self.helpers))
        if number >= self.HELPERS:
            raise OverflowError("too many helpers")
        return self.helper_records + 8 * number
