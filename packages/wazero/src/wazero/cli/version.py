"""``wazero version``: what is installed, which Python, which engine and why."""

import platform

from .. import __version__
from ..runtime import Runtime
from .options import parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: "Sequence[str]") -> int:
    """Print the versions; returns 0."""
    parser("version", "Show versions, the Python at hand and the engine.").parse_args(argv)
    runtime = Runtime()
    print(f"wazero {__version__}")
    print(f"python {platform.python_version()} ({platform.python_implementation()}, {platform.machine()})")
    why = f" ({runtime.engine_reason})" if runtime.engine_reason else ""
    print(f"engine {runtime.engine}{why}")
    return 0
