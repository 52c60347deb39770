"""What the system lent, given back when nothing references it any more: not earlier, and not while it is in use.

The garbage collector runs the finalizers and weak references' callbacks of all that it found unreachable *before* it
looks whether a finalizer made some of it reachable again (as ``cpython.executions.keep_if_running`` does with
instances whose code is under way). So what tells of the end must be an object that the collector doesn't look at, and
that ends with its last reference: a capsule is one.

It may end anywhere, also where the recursion limit leaves no room for a call of Python. So a capsule's destructor is
machine code, which puts what is to be given back on a list. Then it has the list worked off, if there is room;
otherwise that is left to the next one that ends or begins.
"""

import ctypes

from ..amd64.assembler import Assembler
from ..amd64.registers import NE, RAX, RBX, RDI, RDX, RSI, RSP, E
from ..cpython import layout
from .system import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_set_context = ctypes.pythonapi.PyCapsule_SetContext
_set_context.argtypes = (ctypes.py_object, ctypes.c_void_p)


class Owned:
    """Referenced by all who need a thing; with the last reference the thing is given back.

    Args:
        give_back: is called once, in whatever thread; not at the end of the process.
        clears: the address of a word that is 0 from the moment of the last reference on; 0 for none.
    """

    __slots__ = ("_token", "_what")

    def __init__(self, give_back: "Callable[[], object]", clears: int = 0) -> None:
        _room(4)  # ctypes words a RecursionError in another way
        work_off()
        what = self._what = [give_back]
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(what))  # the capsule's, before a signal can end that again
        token = self._token = _new_capsule(id(what), None, _destructor())
        _set_context(token, clears)

    def give_back(self) -> None:
        """Now, instead of later; a second time does nothing."""
        _do(self._what)

    def keep(self) -> None:
        """Never."""
        self._what.clear()


_ended: "list[list[Callable[[], object]]]" = []


def work_off() -> None:
    """Give back what is on the list, unless there is no room on Python's stack for that."""
    while _ended:
        try:
            _room(12)
            what = _ended.pop()
        except (RecursionError, IndexError):  # (another thread was faster)
            return
        _do(what)


def _do(what: "list[Callable[[], object]]") -> None:
    try:
        give_back = what.pop()
    except IndexError:
        return
    give_back()


def _room(depth: int) -> None:
    """RecursionError if Python can't call that deep from here, C functions between."""
    if depth:
        [*map(_room, (depth - 1,))]


_addresses: "list[int]" = []


def _destructor() -> int:
    """The address of the destructor; 0 while it is being made, as what is made for it stays."""
    if not _addresses:
        import atexit

        from .code import CodeSpace

        _addresses.append(0)
        try:
            open_ = system.allocate(system.PAGE)
            block = CodeSpace(system.PAGE).place(_code(open_))
        except BaseException:
            _addresses.clear()
            raise
        block.keep()
        system.set_word(open_, 1)
        atexit.register(system.set_word, open_, 0)
        _addresses[0] = system.exported(block.address)
    return _addresses[0]


def _code(open_: int) -> bytes:
    """destructor(rdi: capsule); the word at ``open_`` is 0 if the process is about to end."""
    a = Assembler()
    frame = 32
    untouched, worked, other, no_room, done = (a.label() for _ in range(5))
    exception = ((RDI, 0), (RSI, 8), (RDX, 16))

    def call(name: str) -> None:
        a.mov64_ri(RAX, layout.api(name))
        a.call_r(RAX)

    a.push_r(RBX)
    a.sub64_ri(RSP, frame)
    a.mov64_rr(RBX, RDI)
    for register, offset in exception:
        a.lea64_rm(register, RSP, offset)
    call("PyErr_Fetch")
    a.mov64_rr(RDI, RBX)
    call("PyCapsule_GetContext")
    a.test64_rr(RAX, RAX)
    a.jcc(E, untouched)
    a.mov64_mi(RAX, 0, 0)
    a.bind(untouched)
    a.mov64_rr(RDI, RBX)
    a.xor32_rr(RSI, RSI)
    call("PyCapsule_GetPointer")
    a.mov64_rr(RBX, RAX)
    a.mov64_ri(RDI, _immortal(_ended))
    a.mov64_rr(RSI, RAX)
    call("PyList_Append")
    a.mov64_rr(RDI, RBX)
    call("Py_DecRef")
    a.mov64_ri(RAX, open_)
    a.cmp64_mi(RAX, 0, 0)
    a.jcc(E, done)
    a.mov64_ri(RDI, _immortal(work_off))
    call("PyObject_CallNoArgs")
    a.mov64_rr(RDI, RAX)
    a.test64_rr(RAX, RAX)
    a.jcc(NE, worked)
    a.mov64_ri(RDI, id(KeyboardInterrupt))
    call("PyErr_ExceptionMatches")
    a.test32_rr(RAX, RAX)
    a.jcc(E, other)
    call("PyErr_SetInterrupt")  # for the program to have it, which it would not get from here
    a.jmp(no_room)
    a.bind(other)
    for kind in (RecursionError, MemoryError):
        a.mov64_ri(RDI, id(kind))
        call("PyErr_ExceptionMatches")
        a.test32_rr(RAX, RAX)
        a.jcc(NE, no_room)
    a.xor32_rr(RDI, RDI)
    call("PyErr_WriteUnraisable")  # as of any finalizer
    a.bind(no_room)
    call("PyErr_Clear")
    a.jmp(done)
    a.bind(worked)
    call("Py_DecRef")
    a.bind(done)
    for register, offset in exception:
        a.mov64_rm(register, RSP, offset)
    call("PyErr_Restore")
    a.add64_ri(RSP, frame)
    a.pop_r(RBX)
    a.ret()
    return a.finish().data


def _immortal(item: object) -> int:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))
    return id(item)
