"""``wazero wasm2wat``: from the binary format to the text format."""

import sys

from wasm_decoder import WasmError, print_wat

from ..source import load_file
from .options import FEATURES, parser
from .report import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: "Sequence[str]") -> int:
    """Print one module as text; returns 0, or 1 after a message if it is no module."""
    arguments = parser("wasm2wat", "Translate a module from the binary format into the text format.")
    arguments.add_argument("file", metavar="FILE")
    arguments.add_argument("-o", "--output", default="-", metavar="FILE", help="where to write, not standard output")
    arguments.add_argument("--features", **FEATURES)
    given = arguments.parse_args(argv)
    try:
        text = print_wat(load_file(given.file, features=given.features))
        if given.output == "-":
            sys.stdout.write(text)
        else:
            with open(given.output, "w", encoding="utf-8") as file:
                file.write(text)
    except (WasmError, OSError) as error:
        fail(given.file, error)
        return 1
    return 0
