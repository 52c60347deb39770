"""The functions of ``wasi_snapshot_preview1`` and ``wasi_unstable``, grouped as the document groups them.

``_table`` lists them, ``_abi`` makes of each row what a module imports; the other modules hold what they do, on decoded
arguments: numbers, bytes, memoryviews of the guest's memory and descriptors whose rights were checked.  They return the
function's result and raise ``WasiError`` or ``OSError``.
"""

from . import _args, _clock, _fd, _path, _poll, _proc, _random, _sock
from ._abi import function
from ._table import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._wasi import Wasi
    from ._abi import Call, Row

# where each group of functions is; the first word of a function's name says its group
_GROUPS = {
    "args": _args,
    "environ": _args,
    "clock": _clock,
    "fd": _fd,
    "path": _path,
    "poll": _poll,
    "proc": _proc,
    "sched": _proc,
    "random": _random,
    "sock": _sock,
}


def functions(wasi: "Wasi", name: str) -> "Iterator[tuple[Row, Call]]":
    """The rows of that version of WASI with their functions, for one program."""
    for row in rows(name):
        yield row, function(row, wasi, getattr(_GROUPS[row.name.partition("_")[0]], row.name))
