"""From a function of a module to machine code."""

from .amd64 import processor
from .amd64.emit import Emitter
from .amd64.select import select
from .frontend.build import build
from .frontend.scan import scan
from .ir.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.module import Module

    from .amd64.assembler import Code
    from .layout import Layout


def compile_function(
    module: "Module", layout: "Layout", number: int, features: "frozenset[str] | None" = None
) -> "tuple[Code, int]":
    """The code of the function that the module defines as its ``number``-th, and the size of its frame in bytes.

    The function is valid.  ``features`` are the processor's (``amd64.processor``), by default those of this one.
    """
    if features is None:
        features = processor.features()
    avx = "avx2" in features
    f = build(module, scan(module, module.funcs[number]))
    counts = prune(f)
    emitter = Emitter(f, select(f, counts, avx=avx), module, layout, avx=avx, bmi="bmi2" in features)
    code = emitter.emit()
    return code, emitter.frame_size
