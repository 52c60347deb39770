"""The portable engine beside pywasm and plain Python, on the same work: ``python -m benchmarks.interp``.

Kernels are in ``kernels/`` (C and the built module).  All that can run on the Python at hand is run, in turns, each
kernel with a size that suits pywasm, and the best time counts, so that other load on the machine matters less.
Translation is not part of the times: every function has been called before.  What pywasm needs is a package of that
name (``pip install pywasm``); without it the column is empty, as on a Python that it does not run on.
"""

import contextlib
import hashlib
import io
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wasm_interp import Store

_MODULE = Path(__file__).parent / "kernels" / "kernels.wasm"

Kernel = Callable[[int], object]

#: How many calls are timed together: PyPy compiles what runs often.
_REPEAT = 2 if sys.implementation.name == "cpython" else 100


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def matrix(n: int) -> float:
    a = [[i + j * 0.5 for j in range(n)] for i in range(n)]
    b = [[i - j * 0.25 for j in range(n)] for i in range(n)]
    c = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += a[i][k] * b[k][j]
            c[i][j] = total
    return sum([c[i][i] for i in range(n)])


def sieve(limit: int) -> int:
    composite = bytearray(limit)
    count = 0
    for i in range(2, limit):
        if composite[i]:
            continue
        count += 1
        for j in range(i * 2, limit, i):
            composite[j] = 1
    return count


def _round_constants() -> list[int]:
    primes = [p for p in range(2, 312) if all(p % q for q in range(2, p))]
    return [int((p ** (1 / 3) % 1) * 2**32) for p in primes]


_K = _round_constants()


def sha256(length: int) -> int:
    h = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
    mask = 0xFFFFFFFF
    data = bytearray(i * 7 & 255 for i in range(length)) + b"\x80" + bytes(55) + (length * 8).to_bytes(8, "big")
    for block in range(0, length + 64, 64):
        w = [int.from_bytes(data[block + 4 * i : block + 4 * i + 4], "big") for i in range(16)]
        for i in range(16, 64):
            x, y = w[i - 15], w[i - 2]
            s0 = (x >> 7 | x << 25) ^ (x >> 18 | x << 14) ^ x >> 3
            s1 = (y >> 17 | y << 15) ^ (y >> 19 | y << 13) ^ y >> 10
            w.append(w[i - 16] + (s0 & mask) + w[i - 7] + (s1 & mask) & mask)
        a, b, c, d, e, f, g, k = h
        for i in range(64):
            s1 = ((e >> 6 | e << 26) ^ (e >> 11 | e << 21) ^ (e >> 25 | e << 7)) & mask
            t1 = k + s1 + ((e & f) ^ (~e & g)) + _K[i] + w[i]
            s0 = ((a >> 2 | a << 30) ^ (a >> 13 | a << 19) ^ (a >> 22 | a << 10)) & mask
            t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
            a, b, c, d, e, f, g, k = t1 + t2 & mask, a, b, c, d + t1 & mask, e, f, g
        h = [x + y & mask for x, y in zip(h, (a, b, c, d, e, f, g, k), strict=True)]
    return h[0]


def fnv(length: int) -> int:
    text = bytes(97 + i % 26 for i in range(length))
    h = 0xCBF29CE484222325
    for _ in range(3):
        for byte in text:
            h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h + (h >> 32) & 0xFFFFFFFF


#: Name, the argument, and the same work in plain Python.
KERNELS: list[tuple[str, int, Kernel]] = [
    ("fib", 16, fib),
    ("matrix", 14, matrix),
    ("sieve", 2500, sieve),
    ("sha256", 256, sha256),
    ("hash", 1000, fnv),
]


def ours() -> dict[str, Kernel]:
    """The kernels on the portable engine."""
    exports = Store().instantiate(_MODULE.read_bytes()).exports
    return {name: exports[name] for name, _, _ in KERNELS}


def pywasm_kernels() -> dict[str, Kernel]:
    """The kernels on pywasm; none where it is not installed or does not run."""
    try:
        import pywasm  # type: ignore[import-untyped, import-not-found, unused-ignore]  # it has no types

        with contextlib.redirect_stdout(io.StringIO()):
            runtime = pywasm.core.Runtime()
            instance = runtime.instance_from_file(str(_MODULE))
    except (ImportError, AttributeError, SyntaxError) as error:
        print(f"pywasm does not run here: {error}", file=sys.stderr)
        return {}

    def kernel(name: str) -> Kernel:
        return lambda n: runtime.invocate(instance, name, [n])[0]

    return {name: kernel(name) for name, _, _ in KERNELS}


def timed(kernel: Kernel, argument: int, repeat: int) -> float:
    """Seconds for one call."""
    start = time.perf_counter()
    for _ in range(repeat):
        kernel(argument)
    return (time.perf_counter() - start) / repeat


def main() -> None:
    """Print a table: milliseconds on each, and how many times faster than pywasm, and than plain Python, ours is."""
    columns: dict[str, dict[str, Kernel]] = {
        "interpreter": ours(), "pywasm": pywasm_kernels(), "plain Python": {name: f for name, _, f in KERNELS},
    }  # fmt: skip
    assert hashlib.sha256(bytes(i * 7 & 255 for i in range(256))).digest()[:4] == sha256(256).to_bytes(4, "big")
    print(f"{sys.implementation.name} {sys.version.split()[0]}, milliseconds a call")
    print(f"{'':8}" + "".join([f"{name:>14}" for name in columns]) + "   pywasm/ours   ours/plain")
    ratios: dict[str, list[float]] = {"pywasm": [], "plain Python": []}
    for name, argument, plain in KERNELS:
        best: dict[str, float] = {}
        for turn in range(25):
            for column, kernels in columns.items():
                if name not in kernels or (column == "pywasm" and turn > 2):
                    continue
                if not turn:
                    value = kernels[name](argument)
                    if isinstance(value, int):
                        value &= 0xFFFFFFFF
                    assert value == plain(argument), f"{name} on {column}: {value}"
                repeat = 1 if column == "pywasm" else _REPEAT
                best[column] = min(best.get(column, math.inf), timed(kernels[name], argument, repeat))
        cells = [f"{best[column] * 1e3:14.3f}" if column in best else f"{'':14}" for column in columns]
        plain_ratio = best["interpreter"] / best["plain Python"]
        ratios["plain Python"].append(plain_ratio)
        wasm_ratio = ""
        if "pywasm" in best:
            ratios["pywasm"].append(best["pywasm"] / best["interpreter"])
            wasm_ratio = f"{ratios['pywasm'][-1]:.0f}"
        print(f"{name:8}{''.join(cells)}{wasm_ratio:>14}{plain_ratio:13.2f}")
    means = {name: math.exp(sum(map(math.log, values)) / len(values)) for name, values in ratios.items() if values}
    pywasm_mean = f"{means['pywasm']:.0f}" if "pywasm" in means else ""
    print(f"{'geometric mean':50}{pywasm_mean:>14}{means['plain Python']:13.2f}")


if __name__ == "__main__":
    main()
