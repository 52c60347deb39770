"""The native engine of wazero for Python: under construction, as ``unavailable`` says, and not used yet."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_interp import Engine

__version__ = "0.1.0"
__all__ = ["engine", "unavailable"]


def unavailable() -> str | None:
    """Why the native engine cannot run here, in words that can stand in a message; None if it can."""
    return "the native engine is not finished: it does not compile modules yet"


def engine() -> "Engine":
    """A native engine for a ``wasm_interp.Store``.  Raises RuntimeError with what ``unavailable`` says, if anything."""
    raise RuntimeError(unavailable())
