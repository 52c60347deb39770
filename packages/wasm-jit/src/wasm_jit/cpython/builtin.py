"""Builtins whose code is machine code."""

import ctypes
from types import BuiltinFunctionType

from ..amd64.assembler import Assembler
from ..amd64.registers import R10, RAX
from ..native.system import system
from . import layout
from .entry import entry
from .support import support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_METH_FASTCALL = 0x80
new_builtin = ctypes.pythonapi.PyCFunction_NewEx
new_builtin.restype = ctypes.py_object
new_builtin.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)


class Export(tuple[object, ...]):
    """The ``__self__`` of a builtin: its name, the address of its function record, and all that must live as long as
    it does.

    A tuple, because the garbage collector never empties one: even in a cycle that is being freed, the builtin's
    definition, which is in here, is there until the builtin is gone.
    """

    __slots__ = ()

    @property
    def function(self) -> object:
        """The function that the builtin stands for: its owner."""
        return self[2]

    def __repr__(self) -> str:
        return f"<export {self[0]!r}>"


def make_builtin(
    name: str,
    params: str,
    results: str,
    record: int,
    owner: object,
    *,
    doc: str = "",
    names: "Sequence[str] | None" = None,
    module: str | None = None,
    released: bool = False,
) -> BuiltinFunctionType:
    """A builtin that calls a compiled function.

    Args:
        name: its ``__name__``.
        params, results: kinds of values (``abi.VALUE_KINDS``).
        record: address of the function record, whose code and context are those at the time of each call.
        owner: what keeps record, context and code; the builtin references it.
        doc: its ``__doc__``.
        names: of its parameters, for ``inspect``; p0, p1, … by default.
        module: its ``__module__``.
        released: run it without the GIL; its context has a turn (``release``) then.

    It takes positional arguments only, raises TypeError, OverflowError and ValueError as builtins do, and returns
    None, a value or a tuple.
    """
    a = Assembler()
    a.mov64_ri(R10, record)
    a.mov64_ri(RAX, entry(params, results, released))
    a.jmp_r(RAX)
    code = support().glue.place(a.finish().data)
    words = [*(names if names is not None else [f"p{number}" for number in range(len(params))])]
    signature = f"({', '.join([*words, '/'] if words else [])})"
    c_name = name.replace("\0", "\\0").encode("utf-8", "replace") + b"\0"
    c_doc = c_name[:-1] + f"{signature}\n--\n\n{doc}".encode("utf-8", "replace") + b"\0"
    definition = bytearray(32)
    address = ctypes.addressof(ctypes.c_char.from_buffer(definition))
    for offset, value in ((0, _data(c_name)), (8, code.address), (16, _METH_FASTCALL), (24, _data(c_doc))):
        system.set_word(address + offset, value)
    kept = bytes(definition)
    self = Export((name, record, owner, code, c_name, c_doc, kept))
    made = new_builtin(_data(kept), self, module)
    assert isinstance(made, BuiltinFunctionType)
    return made


def _data(text: bytes) -> int:
    """Where the bytes are, as long as the object lives."""
    return id(text) + layout.BYTES_DATA


def record_of(function: object) -> int | None:
    """The address of the function record behind a builtin from here; None for anything else."""
    if type(function) is BuiltinFunctionType and type(function.__self__) is Export:
        record = function.__self__[1]
        assert isinstance(record, int)
        return record
    return None
