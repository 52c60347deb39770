"""From a function of a module to machine code."""

import gc

from .amd64 import processor
from .amd64.assembler import Assembler
from .amd64.emit import Emitter
from .amd64.select import select
from .frontend.build import build
from .frontend.inline import Callees
from .frontend.scan import scan
from .ir.order import order
from .ir.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from wasm_decoder import Features
    from wasm_decoder.syntax.module import Module

    from .amd64.assembler import Code
    from .ir.function import IRFunction
    from .layout import Layout

    class Observer(Protocol):
        """Who wants to see the stages of a compilation (``dump``)."""

        def ssa(self, f: IRFunction) -> None:
            """The function as it was built."""

        def opt(self, f: IRFunction) -> None:
            """The function after the last optimisation."""

        def assembler(self) -> Assembler:
            """What emits the code."""


#: Assemblers that are done with their last function: one that has been used knows its emitters.
_idle: "list[Assembler]" = []


def compile_function(
    module: "Module",
    layout: "Layout",
    number: int,
    features: "frozenset[str] | None" = None,
    observer: "Observer | None" = None,
    *,
    guarded: bool = True,
    lazy: "Features | None" = None,
) -> "tuple[Code, int, list[tuple[int, int]]]":
    """The code of the function that the module defines as its ``number``-th.

    Arguments:
        module: the module.
        layout: of the contexts of its instances.
        number: of the function, which is valid.
        features: the processor's (``amd64.processor``), by default those of this one.
        observer: is told of the stages.
        guarded: whether the processor checks the bounds of memories; otherwise the code does.
        lazy: what other bodies have to be validated with before one of them is inlined; None if they are valid.

    Returns the code, the size of its frame in bytes, and what was inlined (``IRFunction.inlined``).
    """
    enabled = gc.isenabled()
    gc.disable()  # it would look again and again at the lists of the function, which are no garbage before the end
    try:
        return _compile(module, layout, number, features, observer, guarded, lazy)
    finally:
        if enabled:
            gc.enable()


def _compile(
    module: "Module",
    layout: "Layout",
    number: int,
    features: "frozenset[str] | None",
    observer: "Observer | None",
    guarded: bool,
    lazy: "Features | None",
) -> "tuple[Code, int, list[tuple[int, int]]]":
    if features is None:
        features = processor.features()
    avx = "avx2" in features
    f = build(module, scan(module, module.funcs[number], _callees(module, lazy)), guarded=guarded)
    if observer is not None:
        observer.ssa(f)
    counts = prune(f)
    order(f)
    if observer is not None:
        observer.opt(f)
        asm = observer.assembler()
    else:
        asm = _idle.pop() if _idle else Assembler()
    selected = select(f, counts, avx=avx)
    emitter = Emitter(f, selected, module, layout, avx=avx, bmi="bmi2" in features, guarded=guarded, asm=asm)
    code = emitter.emit()
    if observer is None:
        _idle.append(asm)
    return code, emitter.frame_size, f.inlined


def _callees(module: "Module", lazy: "Features | None") -> Callees:
    """What is known of the functions that may be inlined, of this module."""
    known: dict[Features | None, Callees] = module.__dict__.setdefault("_callees", {})
    found = known.get(lazy)
    if found is None:
        found = known[lazy] = Callees(module, lazy)
    return found
