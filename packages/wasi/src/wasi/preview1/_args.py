"""args_get, args_sizes_get, environ_get, environ_sizes_get."""

from struct import pack_into

from ..errnos import EFAULT, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi


def _get(memory: memoryview, pointers: int, at: int, strings: "list[bytes]") -> None:
    """Stores the strings from ``at`` on, each with a NUL, and where each of them is at ``pointers``."""
    data = b"".join([string + b"\0" for string in strings])
    if pointers + 4 * len(strings) > len(memory) or at + len(data) > len(memory):
        raise WasiError(EFAULT)
    places = []
    place = at
    for string in strings:
        places.append(place)
        place += len(string) + 1
    memory[at:place] = data
    pack_into(f"<{len(places)}I", memory, pointers, *places)


def _sizes(strings: "list[bytes]") -> "tuple[int, int]":
    return len(strings), sum([len(string) + 1 for string in strings])


def args_get(wasi: "Wasi", memory: memoryview, argv: int, argv_buf: int) -> None:
    _get(memory, argv, argv_buf, wasi.args)


def args_sizes_get(wasi: "Wasi") -> "tuple[int, int]":
    return _sizes(wasi.args)


def environ_get(wasi: "Wasi", memory: memoryview, environ: int, environ_buf: int) -> None:
    _get(memory, environ, environ_buf, wasi.environ)


def environ_sizes_get(wasi: "Wasi") -> "tuple[int, int]":
    return _sizes(wasi.environ)
