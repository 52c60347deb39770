"""The native engine of wazero for Python: under construction, as ``unavailable`` says, and not used yet."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .engine import Compiler

__version__ = "0.1.0"
__all__ = ["Compiler", "unavailable"]


def unavailable() -> str | None:
    """Why the native engine cannot run here, in words that can stand in a message; None if it can."""
    return "the native engine is not finished"


def __getattr__(name: str) -> object:
    if name != "Compiler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .engine import Compiler

    return Compiler
