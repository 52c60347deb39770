"""random_get."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wasi import Wasi

#: Bytes asked for at a time, so that a large request can be interrupted.
_CHUNK = 1 << 20


def random_get(wasi: "Wasi", buf: memoryview) -> None:
    for at in range(0, len(buf), _CHUNK):
        size = min(_CHUNK, len(buf) - at)
        buf[at : at + size] = wasi.random(size)
