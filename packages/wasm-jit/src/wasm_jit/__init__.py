"""The native engine of wazero for Python: WebAssembly compiled to machine code, by Python, at run time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .cache import Cache
    from .engine import Compiler

__version__ = "0.1.0"
__all__ = ["Cache", "Compiler", "unavailable"]

#: where each public name lives
_HOMES = {"Cache": "cache", "Compiler": "engine"}


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
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(f"{__name__}.{_HOMES[name]}", fromlist=(name,)), name)
    globals()[name] = value
    return value
