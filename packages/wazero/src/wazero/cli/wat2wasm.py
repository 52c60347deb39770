"""``wazero wat2wasm``: from the text format to the binary format."""

import sys

from wasm_decoder import WasmError, encode, validate

from ..source import load_file
from .options import FEATURES, parser
from .report import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: "Sequence[str]") -> int:
    """Translate one file; returns 0, or 1 after a message if it is no valid module."""
    arguments = parser("wat2wasm", "Translate a module from the text format into the binary format.")
    arguments.add_argument("file", metavar="FILE")
    arguments.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="where to write; FILE with the suffix .wasm by default, - is standard output",
    )
    arguments.add_argument("--no-check", action="store_true", help="do not validate the module first")
    arguments.add_argument("--features", **FEATURES)
    given = arguments.parse_args(argv)
    try:
        module = load_file(given.file, features=given.features)
        binary = encode(module)
        if not given.no_check:
            validate(module, given.features)
        stem = given.file.removesuffix(".wat")
        output = given.output or f"{stem}.wasm"
        if output == "-":
            sys.stdout.buffer.write(binary)
        else:
            with open(output, "wb") as file:
                file.write(binary)
    except (WasmError, OSError) as error:
        fail(given.file, error)
        return 1
    return 0
