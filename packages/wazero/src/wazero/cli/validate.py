"""``wazero validate``: are these modules valid?"""

from wasm_decoder import WasmError, validate

from ..source import load_file
from .options import FEATURES, parser
from .report import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: "Sequence[str]") -> int:
    """Check each file; returns 0 if all are valid, else 1, with one line on standard error for each that is not."""
    arguments = parser("validate", "Check modules, every function body included. Silent where all is well.")
    arguments.add_argument("files", nargs="+", metavar="FILE")
    arguments.add_argument("--features", **FEATURES)
    given = arguments.parse_args(argv)
    code = 0
    for path in given.files:
        try:
            validate(load_file(path, features=given.features), given.features)
        except (WasmError, OSError) as error:
            fail(path, error)
            code = 1
    return code
