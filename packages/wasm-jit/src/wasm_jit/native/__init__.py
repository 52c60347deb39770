"""What the native engine asks of the operating system: executable memory, guarded memory, stacks, faults, time.

``unavailable`` says whether it can be had here. What differs between systems is behind ``system``. On macOS and Windows
nobody has run this yet, so there it has to be asked for: ``WAZERO_UNTESTED=1`` in the environment.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_answer: "list[str | None]" = []


def unavailable() -> "str | None":
    """Why machine code can't run in this process, in words for a user; None where it can. The answer is kept."""
    if not _answer:
        _answer.append(next((reason for reason in (check() for check in _CHECKS) if reason), None))
    return _answer[0]


def _interpreter() -> "str | None":
    if sys.implementation.name != "cpython":
        return f"machine code needs CPython, this is {sys.implementation.name}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 15):
        return (
            f"CPython {sys.version_info[0]}.{sys.version_info[1]} is not known: its objects may be laid out otherwise"
        )
    if not getattr(sys, "_is_gil_enabled", lambda: True)() or (hasattr(sys, "abiflags") and "t" in sys.abiflags):
        return "free-threaded CPython is not supported"
    if hasattr(sys, "gettotalrefcount"):
        return "debug builds of CPython are not supported"
    return None


def _objects() -> "str | None":
    try:
        import ctypes

        from ..cpython.layout import known
    except ImportError as error:
        return f"ctypes is missing: {error}"
    api = ctypes.pythonapi
    api.PyInterpreterState_Get.restype = ctypes.c_void_p
    if api.PyInterpreterState_GetID(ctypes.c_void_p(api.PyInterpreterState_Get())):
        return "machine code runs in the main interpreter only, this is a sub-interpreter"
    if not known():
        return "the objects of this CPython are laid out in another way"
    return None


def _system() -> "str | None":
    name = str(sys.platform)
    if name == "linux":
        return None
    known = {"darwin": "macOS", "win32": "Windows"}.get(name)
    if known is None:
        return f"machine code on {name} is not written yet"
    if os.environ.get("WAZERO_UNTESTED") != "1":
        return f"machine code on {known} is untested; WAZERO_UNTESTED=1 in the environment tries it"
    return None


def _processor() -> "str | None":
    from .system import system

    machine = system.machine()
    if machine != "x86_64" or sys.maxsize < 1 << 32:
        return f"machine code for {machine} with {'64' if sys.maxsize > 1 << 32 else '32'} bits is not written yet"
    if system.shadow_stack():
        return "the process has a shadow stack, which changes of stacks are an attack for"
    return None


def _execution() -> "str | None":
    try:
        from .code import CodeSpace
        from .system import system

        space = CodeSpace(system.PAGE)
        block = space.allocate(16)
        block.write(bytes.fromhex("b8 2a 00 00 00 c3"))  # mov eax, 42; ret
        if system.call(block.address) != 42:
            return "machine code that was made here does not run"
        block.release()
    except (ImportError, OSError) as error:
        return f"executable memory is denied: {error}"
    return None


_CHECKS: "tuple[Callable[[], str | None], ...]" = (_interpreter, _system, _processor, _objects, _execution)
