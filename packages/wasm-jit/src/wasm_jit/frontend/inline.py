"""Which functions become part of their callers: small ones without loops that call nothing, or only such functions.

What is looked at is the callee alone, so that every caller finds the same answer, in whatever process it is compiled.
A body is scanned at most ``_DEPTH`` + 1 times for all its callers together, and read by each as if it stood there.
"""

from wasm_decoder import DecodeError, Features, ValidationError
from wasm_decoder.syntax.instructions import OPS

from .scan import INLINED, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wasm_decoder.syntax.module import Module

    from .scan import Body

#: Bytes of a body that is worth looking at, instructions of one that is inlined, and locals.
_BYTES, _INSTRUCTIONS, _LOCALS = 80, 24, 16
#: How deep inlined calls are nested.
_DEPTH = 2
#: How many instructions a function may get by inlining: some, and one for so many bytes of its own.
_ROOM, _BYTES_OF_ROOM = 200, 4

_CALL, _CALL_INDIRECT, _LOOP = 0x10, 0x11, 0x03


class Callee:
    """A function that can be inlined.

    Attributes:
        index: in the module's index space.
        body: its body.
        cost: how many instructions inlining adds, those of its own inlined calls included.
    """

    __slots__ = ("body", "cost", "index")

    def __init__(self, index: int, body: "Body", cost: int) -> None:
        self.index = index
        self.body = body
        self.cost = cost


class Callees:
    """The functions of a module, as far as somebody has asked for them."""

    def __init__(self, module: "Module", features: "Features | None" = None, depth: int = _DEPTH) -> None:
        """The functions of ``module``; ``features`` is what they have to be validated with, None if they are valid."""
        self.module = module
        self.features = features
        self._imports = len(module.func_types) - len(module.funcs)
        self._known: dict[int, Callee | None] = {}
        self._inner = Callees(module, features, depth - 1) if depth else None  # for calls in what is inlined

    @staticmethod
    def room(size: int) -> int:
        """How many instructions a function with a body of ``size`` bytes may get."""
        return _ROOM + size // _BYTES_OF_ROOM

    def find(self, index: int) -> "Callee | None":
        """The function of that index, if it can be inlined."""
        known = self._known
        if index not in known:
            known[index] = self._look(index)
        return known[index]

    def _look(self, index: int) -> "Callee | None":
        number = index - self._imports
        if number < 0:
            return None
        func = self.module.funcs[number]
        if func.end - func.start > _BYTES:
            return None
        if self.features is not None:
            from wasm_decoder.valid import validate_func

            try:
                validate_func(self.module, number, self.features)
            except (DecodeError, ValidationError):
                return None  # its callers go on until they call it
        body = scan(self.module, func, self._inner)
        cost = len(body.codes)
        for code, immediate in zip(body.codes, body.immediates, strict=True):
            if code == INLINED:
                cost += immediate.cost  # type: ignore[attr-defined]  # it is a Callee
            elif code in (_CALL, _CALL_INDIRECT, _LOOP) or OPS[code].feature not in Features.CORE_2_0:
                return None
        return Callee(index, body, cost) if cost <= _INSTRUCTIONS and len(body.locals) <= _LOCALS else None
