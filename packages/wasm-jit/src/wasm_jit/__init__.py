"""The native engine of wazero for Python: WebAssembly compiled to machine code, by Python, at run time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .engine import Compiler

__version__ = "0.1.0"
__all__ = ["Compiler", "unavailable"]


def unavailable() -> str | None:
    """Why the native engine cannot run here, in words that can stand in a message; None if it can."""
    from .native import unavailable

    reason = unavailable()
    if reason is None:
        from .amd64.processor import BASE, features

        missing = BASE - features()
        if missing:
            reason = f"the processor lacks {', '.join(sorted(missing))}"
    return reason


def __getattr__(name: str) -> object:
    if name != "Compiler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .engine import Compiler

    return Compiler
