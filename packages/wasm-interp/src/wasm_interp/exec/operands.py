"""The operand stack of the translator, and the immediates of instructions.

The stack holds expressions (``expr``) that are written where they are used, so that WebAssembly's stack code becomes
expression trees again.  An expression is put into a variable before something happens that it depends on or that must
not happen before it: ``s3`` is the variable for position 3 of the stack, ``l3`` is local 3.  An expression at a
position of the stack depends on variables of that and higher positions only, so values can be moved one by one.
"""

from wasm_decoder.syntax.types import I32, I64, VAL_TYPES, FuncType

from . import expr as x
from .expr import MEMORY, QUIET, TRAPS, WIDE, Value, unsigned
from .tree import Statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasm_decoder.syntax.types import ValType

    from .names import Names
    from .tree import Node

#: Expressions nested more deeply than this are put into a variable (CPython allows 200 parentheses in one another).
_MAX_DEPTH = 24
#: The greatest value of each integer type, and its number of bits.
MASKS: "dict[object, int]" = {I32: 0xFFFFFFFF, I64: 0xFFFFFFFFFFFFFFFF}
BITS: "dict[object, int]" = {I32: 32, I64: 64}

_NOTHING = FuncType((), ())
#: The block types that are one byte.
_ONE_RESULT = {code: FuncType((), (each,)) for code, each in VAL_TYPES.items()}
_REFERENCE = _ONE_RESULT[0x70]


class Operands:
    """The state of a translation that all instructions share.

    Attributes:
        names: about the module.
        data, pos: the bytes of the body, and where the next immediate or instruction is.
        at: where the instruction is that is being translated; inverted (``~``) in statements whose IndexError is about
            a table.
        type: the function's type.
        locals: the local variables that the body uses.
        stack: the operand stack.
        items: the statements of the innermost construct so far.
    """

    def __init__(self, names: "Names", index: int) -> None:
        func = names.module.funcs[index - names.imported_funcs]
        body = func.body
        self.names = names
        self.data = func.data
        self.pos = self.at = body.start
        self.end = body.end
        self.type = names.functype(func.type)
        self.locals: dict[int, Value] = {}
        self.stack: list[Value] = []
        self.items: list[Node] = []
        self._runs = func.locals
        self._bits: dict[str, int] = {}

    # Variables

    def bit(self, name: str) -> int:
        bit = self._bits.get(name)
        if bit is None:
            bit = self._bits[name] = x.FIRST_VARIABLE << len(self._bits)
        return bit

    def local_type(self, index: int) -> "ValType":
        params = self.type.params
        if index < len(params):
            return params[index]
        index -= len(params)
        for count, declared in self._runs:
            if index < count:
                return declared
            index -= count
        raise AssertionError("an unknown local in a valid body")

    def local(self, index: int) -> Value:
        name = f"l{index}"
        value = Value(name, x.ATOM, self.bit(name), 0, 0, MASKS.get(self.local_type(index), 0))
        self.locals[index] = value
        return value

    # The operand stack

    def push(self, value: Value) -> None:
        stack = self.stack
        stack.append(value)
        if value.depth > _MAX_DEPTH:
            self.spill(len(stack) - 1)

    def pop(self) -> Value:
        """The topmost operand, an f32 rounded."""
        stack = self.stack
        if stack[-1].kind == WIDE:
            self.spill(len(stack) - 1)
        return stack.pop()

    def make_atom(self, i: int) -> None:
        """Have the operand at position i (negative: from the top) be a name or a literal."""
        stack = self.stack
        value = stack[i]
        if value.depth or value.prec < x.LITERAL or value.kind == x.CONDITION:
            self.spill(i if i >= 0 else len(stack) + i)

    def spill(self, i: int) -> None:
        """Put the operand at position i into its variable."""
        value = self.stack[i]
        if value.constant:
            return
        name = f"s{i}"
        if value.text == name:
            return
        self._assign(name, value, i)
        if value.kind in (WIDE, QUIET):
            self.stack[i] = Value(name, x.ATOM, self.bit(name), 0, 0, 0, QUIET)
        else:
            high = 1 if value.kind == x.CONDITION else value.high
            self.stack[i] = Value(name, x.ATOM, self.bit(name), 0, value.low, high)

    def assign(self, name: str, value: Value) -> None:
        """A statement that puts a value, which is no longer on the stack, into a variable."""
        self._assign(name, value, len(self.stack))

    def _assign(self, name: str, value: Value, position: int) -> None:
        bit = self.bit(name)
        deps = value.deps
        traps = deps & (MEMORY | TRAPS)
        for j, other in enumerate(self.stack):
            # what reads the variable must come before; so must what traps before this does
            if j != position and (
                other.deps & bit
                or (traps and j < position and (other.deps & TRAPS or (deps & TRAPS and other.deps & MEMORY)))
            ):
                self.spill(j)
        text = x.as_int(value).text
        if value.kind == WIDE:
            self.emit(f"C[0] = {text}")
            text = "C[0]"
        self.emit(f"{name} = {text}")

    def effect(self, deps: int) -> None:
        """What comes next has an effect on operands that depend on ``deps``, or must not happen before they trap."""
        for i, value in enumerate(self.stack):
            if value.deps & deps:
                self.spill(i)

    def settle(self) -> None:
        """Control is about to branch: operands have to be in variables that do not change."""
        for i, value in enumerate(self.stack):
            if not value.constant:
                self.spill(i)

    def emit(self, text: str) -> None:
        """Add a statement."""
        self.items.append(Statement(text, self.at))

    def ordered(self, first: int, second: int) -> None:
        """The operand at ``first`` from the top will be evaluated after the one at ``second``: keep traps in order."""
        a, b = self.stack[-first].deps, self.stack[-second].deps
        if (a & TRAPS and b & (TRAPS | MEMORY)) or (a & MEMORY and b & TRAPS):
            self.spill(len(self.stack) - first)

    def stored(self, value: Value, type: "ValType") -> Value:
        """A value as variables have it."""
        bits = BITS.get(type)
        return value if bits is None else unsigned(value, bits)

    def slot(self, i: int, type: "ValType") -> Value:
        """What is at position i of the stack, in its variable."""
        name = f"s{i}"
        return Value(name, x.ATOM, self.bit(name), 0, 0, MASKS.get(type, 0))

    def results(self, call: str, types: "Sequence[ValType]") -> None:
        """A statement that makes the call, which gives values of these types."""
        height = len(self.stack)
        if not types:
            self.emit(call)
            return
        if len(types) == 1:
            code = self.data[self.pos]
            if code == 0x21:  # straight into the local variable
                self.pos += 1
                index = self.u()
                local = self.locals.get(index) or self.local(index)
                self.assign(local.text, Value(call))
                return
            if code == 0x1A:
                self.pos += 1
                self.emit(call)
                return
        names = [f"s{i}" for i in range(height, height + len(types))]
        for name in names:
            bit = self.bit(name)
            for j, other in enumerate(self.stack):
                if other.deps & bit:
                    self.spill(j)
        self.emit(f"{', '.join(names)} = {call}")
        self.stack += [self.slot(i, t) for i, t in enumerate(types, height)]

    # Immediates

    def u(self) -> int:
        """Read an unsigned LEB128."""
        data, pos = self.data, self.pos
        byte = data[pos]
        pos += 1
        result = byte & 0x7F
        shift = 7
        while byte & 0x80:
            byte = data[pos]
            pos += 1
            result |= (byte & 0x7F) << shift
            shift += 7
        self.pos = pos
        return result

    def s(self) -> int:
        """Read a signed LEB128."""
        start = self.pos
        result = self.u()
        if self.data[self.pos - 1] & 0x40:
            result -= 1 << 7 * (self.pos - start)
        return result

    def block_type(self) -> FuncType:
        byte = self.data[self.pos]
        if byte == 0x40:
            self.pos += 1
            return _NOTHING
        found = _ONE_RESULT.get(byte)
        if found is not None:
            self.pos += 1
            return found
        if byte in (0x63, 0x64):
            self.pos += 1
            self.s()
            return _REFERENCE  # which one does not matter
        index = self.s()
        if index < 0:
            return _REFERENCE
        return self.names.functype(index)
