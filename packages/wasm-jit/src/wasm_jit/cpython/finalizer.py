"""Finalizers that always come to a decision."""

import ctypes

from ..amd64.assembler import Assembler
from ..amd64.registers import NE, RAX, RBX, RDI, RSI, E
from ..native.system import system
from . import layout
from .builtin import new_builtin
from .executions import immortal
from .support import call_api, support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_METH_O = 0x8
_new_method = ctypes.pythonapi.PyInstanceMethod_New
_new_method.restype = ctypes.py_object
_new_method.argtypes = (ctypes.py_object,)


def finalizer(function: "Callable[[T], None]", undecided: "list[T]") -> object:
    """What a class can have as ``__del__``: it calls the function with the object.

    If the function raises, or is not even called because a signal came first or there is no room on the stack, the
    object goes on the list, which keeps it: somebody has to look there later. A KeyboardInterrupt is sent again, for
    the program to have it; other exceptions than for lack of room are reported as those of finalizers are.
    """
    a = Assembler()
    good, other, keep, done = (a.label() for _ in range(4))
    a.push_r(RBX)
    a.mov64_rr(RBX, RSI)
    a.mov64_ri(RDI, immortal(function))
    call_api(a, "PyObject_CallOneArg")
    a.test64_rr(RAX, RAX)
    a.jcc(NE, good)
    a.mov64_ri(RDI, id(KeyboardInterrupt))
    call_api(a, "PyErr_ExceptionMatches")
    a.test32_rr(RAX, RAX)
    a.jcc(E, other)
    call_api(a, "PyErr_Clear")
    call_api(a, "PyErr_SetInterrupt")
    a.jmp(keep)
    a.bind(other)
    for kind in (RecursionError, MemoryError):
        a.mov64_ri(RDI, id(kind))
        call_api(a, "PyErr_ExceptionMatches")
        a.test32_rr(RAX, RAX)
        a.jcc(NE, keep)
    a.xor32_rr(RDI, RDI)
    call_api(a, "PyErr_WriteUnraisable")
    a.bind(keep)
    a.mov64_ri(RDI, immortal(undecided))
    a.mov64_rr(RSI, RBX)
    call_api(a, "PyList_Append")
    call_api(a, "PyErr_Clear")
    a.jmp(done)
    a.bind(good)
    a.mov64_rr(RDI, RAX)
    call_api(a, "Py_DecRef")
    a.bind(done)
    a.mov64_ri(RAX, id(None))
    a.mov64_rr(RDI, RAX)
    a.mov64_rr(RBX, RAX)
    call_api(a, "Py_IncRef")
    a.mov64_rr(RAX, RBX)
    a.pop_r(RBX)
    a.ret()
    code = support().glue.place(a.finish().data)
    code.keep()
    name = b"__del__\0"
    definition = bytes(32)
    words = (id(name) + layout.BYTES_DATA, system.exported(code.address), _METH_O, 0)
    address = id(definition) + layout.BYTES_DATA
    for number, word in enumerate(words):
        system.set_word(address + 8 * number, word)
    immortal(name), immortal(definition)
    method: object = _new_method(new_builtin(address, None, None))
    return method
