"""Exceptions that leave compiled code, traps and others, with the frames that were under way.

A frame's size is known by the function, and at each place in it where a call, a trap or a fault can happen there is a
mark that tells the instruction's offset in the module, and which inlined call it belongs to.  So the frames are walked
from where the exception was raised with tables alone; nothing is noted at run time.
"""

import weakref
from _thread import RLock
from bisect import bisect_left, bisect_right

from wasm_interp import ExitError, Trap
from wasm_interp.runtime.function import func_name
from wasm_interp.runtime.traps import Frame, UninitializedElement, add_frames

from .amd64 import abi
from .amd64.linkage import ENTRY
from .cpython.executions import current
from .ir.function import PLACE_BITS
from .native.system import at_fork, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasm_interp import Instance

    from .image import Image
    from .native.code import Block
    from .routine import Routine

#: Bytes of code that a prologue is among the first of, and those of its instruction that calls the stack check.
_PROLOGUE, _CHECK = 64, 4


class Compiled:
    """The code of a function.

    Attributes:
        index: the function's, in its module.
        instances: the instances that run it.
        block: where the code is.
        frame: the size of its frame in bytes.
        marks: offsets in the code, ascending; ``places`` has the place for each.
        inlined: as ``Routine.inlined``.
    """

    __slots__ = ("__weakref__", "block", "frame", "index", "inlined", "instances", "marks", "places")

    def __init__(
        self,
        instances: "weakref.WeakSet[Instance]",
        index: int,
        block: "Block",
        routine: "Routine",
    ) -> None:
        self.instances = instances
        self.index = index
        self.block = block
        self.frame = routine.frame
        self.marks: Sequence[int] = routine.offsets
        self.places: Sequence[int] = routine.places
        self.inlined: Sequence[int] = routine.inlined

    def place(self, pc: int, returns: bool) -> int:
        """The mark of an address: of the call that returns there, or else of the instruction there."""
        offset = pc - self.block.address
        i = bisect_right(self.marks, offset) - 1
        if returns:  # the instruction after a call can have a mark of its own
            while i > 0 and self.marks[i - 1] == offset:
                i -= 1
        return self.places[i] if i >= 0 else 0

    def height(self, pc: int, left: int) -> int:
        """How far above the stack pointer the return address is at an address that was left as ``abi.LEFT`` says."""
        frame = self.frame
        if left == abi.IN_CALL or not frame:
            return frame
        start = self.block.address
        offset = pc - start
        if left == abi.AT:
            return 0 if self._checks(offset) else frame
        code = system.read(start, min(self.block.size, _PROLOGUE))
        opens = code.find(
            b"\x48\x83\xec" + bytes([frame]) if frame < 128 else b"\x48\x81\xec" + frame.to_bytes(4, "little")
        )
        if offset <= opens or self._checks(offset) or self._checks(offset + _CHECK):
            return 0  # the frame is not there yet
        return 0 if system.read(pc, 1) == b"\xc3" else frame  # or not any more

    def _checks(self, offset: int) -> bool:
        """Whether a stack check at entry returns to that offset."""
        i = bisect_left(self.marks, offset)
        return i < len(self.marks) and self.marks[i] == offset and self.places[i] == ENTRY


class Placed:
    """The code of many functions of a module, in one block.

    Attributes:
        image: the functions.
        block: where their code is.
    """

    __slots__ = ("__weakref__", "_imports", "_instances", "block", "image")

    def __init__(self, instances: "weakref.WeakSet[Instance]", imports: int, block: "Block", image: "Image") -> None:
        self._instances = instances
        self._imports = imports
        self.block = block
        self.image = image

    def at(self, pc: int) -> Compiled:
        """The code of the function that an address in the block belongs to."""
        image = self.image
        i = image.find(pc - self.block.address)
        routine = image.routine(i)
        block = self.block.part(image.starts[i], image.sizes[i])
        return Compiled(self._instances, image.numbers[i] + self._imports, block, routine)


#: By address. It changes in one step, as interrupts and other threads may come at any moment.
_codes: "list[tuple[int, weakref.ref[Compiled | Placed]]]" = []
_lock = RLock()


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # another thread may have had it


at_fork(after_in_child=_after_fork)


def _start(row: "tuple[int, object]") -> int:
    return row[0]


def watch(compiled: "Compiled | Placed") -> None:
    """Let traps find the code, as long as it lives."""
    start = compiled.block.address
    row = start, weakref.ref(compiled)
    with _lock:
        first = bisect_left(_codes, start, key=_start)
        last = bisect_left(_codes, start + compiled.block.size, key=_start)
        _codes[first:last] = [row]  # what was there before is gone


def find(pc: int) -> "Compiled | None":
    """The code that an address is in."""
    i = bisect_right(_codes, pc, key=_start) - 1
    found = _codes[i][1]() if i >= 0 else None
    if found is None or pc >= found.block.address + found.block.size:
        return None
    return found.at(pc) if isinstance(found, Placed) else found


def _frames(code: Compiled, place: int) -> "list[Frame]":
    """The frames at a place, those of inlined functions first."""
    found = []
    while place >> PLACE_BITS > 0:
        call = 2 * (place >> PLACE_BITS) - 2
        found.append(_frame(code, code.inlined[call], place & (1 << PLACE_BITS) - 1))
        place = code.inlined[call + 1]
    return [*found, _frame(code, code.index, place)]


def _frame(code: Compiled, index: int, offset: int) -> Frame:
    instances = list(code.instances)
    if not instances:
        return Frame(index)
    module = instances[0].module
    # which instance it was is not noted anywhere: it has a name if all that share the code have the same
    owners = {instance.name for instance in instances}
    # an offset in a body that was parsed from text tells nobody anything
    known = offset if offset > 0 and module.binary is not None else None
    return Frame(index, func_name(module, index), known, owners.pop() if len(owners) == 1 else "")


def walk(pc: int, sp: int, top: int, left: int) -> "list[Frame]":
    """The frames from an address and the stack pointer there, innermost first.

    The stack ends at ``top``; ``left`` says how the address is to be read, as ``abi.LEFT``.
    """
    frames: list[Frame] = []
    seen: dict[int, tuple[list[Frame], int]] = {}  # by address: a recursion has the same ones again and again
    stack = system.words(sp, max(top - sp, 0) // 8)
    at = 0
    while True:
        known = seen.get(pc)
        if known is None:
            code = find(pc)
            if code is None:
                return frames
            known = _frames(code, code.place(pc, left == abi.IN_CALL)), code.height(pc, left) // 8
            if left == abi.IN_CALL:
                seen[pc] = known
        here, height = known
        frames += here
        at += height
        if at >= len(stack):  # a call that was overtaken by another has not left its frames as they were
            return frames
        pc = stack[at]
        at += 1
        left = abi.IN_CALL


_KINDS = {kind.message: kind for kind in Trap.__subclasses__()}


def trap(kind: int, value: int) -> BaseException:
    """The exception for a trap of a kind (``abi.TRAP_MESSAGES``); an uninitialized element's index is ``value``."""
    message = abi.TRAP_MESSAGES[kind]
    if message == "uninitialized element":
        return UninitializedElement(f"{message} {value}")
    return _KINDS.get(message, Trap)(message)


def raised(error: BaseException, left: int, pc: int, sp: int) -> None:
    """An exception is about to leave compiled code, at the place that ``abi.LEFT`` and the following words say."""
    if isinstance(error, ExitError):
        return  # it is no failure
    execution = current()
    frames = walk(pc, sp, system.word(execution + abi.STACK_TOP), left)
    add_frames(error, frames, system.word(execution + abi.ACTIVE))
