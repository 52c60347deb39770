"""The kernels: what each computes, how much of it is timed, and what must come out."""

from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent

Number = int | float


class Kernel(NamedTuple):
    """A program ``run(n)``.

    Attributes:
        name: of its source and module, without the suffix.
        n, result: the argument for machine code (0.02 to 0.3 s), and what ``run`` returns for it (i32 if an int,
            f64 if a float) when ``gcc -O2`` compiled the source.
        small, small_result: the same for the portable engine.
    """

    name: str
    n: int
    result: Number
    small: int
    small_result: Number

    @property
    def module(self) -> bytes:
        """The built module."""
        return (HERE / f"{self.name}.wasm").read_bytes()

    @property
    def source(self) -> Path:
        """The C source."""
        return HERE / f"{self.name}.c"


KERNELS = tuple(
    Kernel(*row)
    for row in (
        ("fib", 38, 39_088_169, 16, 987),
        ("matrix", 400, 7_697_375_000.0, 12, 5_329.5),
        ("nbody", 1_200_000, -0.17993664916542942, 100, -0.1799400411188014),
        ("spectral", 1_300, 1.2742241506757999, 10, 1.2718440192507248),
        ("mandelbrot", 1_000, 30_330_814, 10, 3_364),
        ("fannkuch", 10, 111_196, 5, 7_011),
        ("trees", 17, 2_086_229, 5, 125),
        ("sha256", 25_000, -1_282_383_407, 1, 1_101_586_317),
        ("sieve", 8_000_000, 539_777, 2_500, 367),
        ("quicksort", 1_200_000, 612_034_251, 500, -303_152_210),
        ("callback", 160_000, -1_833_187_977, 100, -406_574_361),
        ("vm", 50_000, -1_528_670_589, 20, 114_932),
        ("hash", 2_000_000, 1_524_764_305, 100, 833_758_490),
        ("lz", 2_500, -1_716_599_198, 1, -1_621_815_141),
        ("json", 5_000, 1_034_342_219, 1, 1_254_352_358),
        ("regex", 3_000, 464_811_266, 1, 210_755_016),
        ("stencil", 1_000, 3.0, 8, 12.720656377438026),
        ("lu", 700, -509_830.7441940385, 12, -83.23588997116839),
        ("pi", 2_500, -1_589_478_511, 20, -2_020_482_813),
        ("dot", 70_000, 850_056_544.0, 1, -183_257.875),
    )
)
