"""WASI preview 1: arguments, files, clocks, randomness and sockets for WebAssembly programs, in a jail that holds.

``Wasi`` is a program's world; its ``imports()`` are the host module ``wasi_snapshot_preview1``.
"""

from ._wasi import Wasi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .clocks import Clock, FixedClock, SteppingClock
    from .errnos import WasiError
    from .fs.base import BytesFile, Directory, File, FileSystem, Stat
    from .fs.host import HostDir
    from .fs.memory import MemoryFS
    from .fs.readonly import ReadOnly, TraversableFS, ZipFS
    from .sockets import SocketPolicy
    from .trace import Trace

__version__ = "0.1.0"

__all__ = [
    "BytesFile",
    "Clock",
    "Directory",
    "File",
    "FileSystem",
    "FixedClock",
    "HostDir",
    "MemoryFS",
    "ReadOnly",
    "SocketPolicy",
    "Stat",
    "SteppingClock",
    "Trace",
    "TraversableFS",
    "Wasi",
    "WasiError",
    "ZipFS",
]

_PLACES = {
    "Clock": "clocks",
    "FixedClock": "clocks",
    "SteppingClock": "clocks",
    "WasiError": "errnos",
    "BytesFile": "fs.base",
    "Directory": "fs.base",
    "File": "fs.base",
    "FileSystem": "fs.base",
    "Stat": "fs.base",
    "HostDir": "fs.host",
    "MemoryFS": "fs.memory",
    "ReadOnly": "fs.readonly",
    "TraversableFS": "fs.readonly",
    "ZipFS": "fs.readonly",
    "SocketPolicy": "sockets",
    "Trace": "trace",
}


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f".{place}", __name__), name)
    return value
