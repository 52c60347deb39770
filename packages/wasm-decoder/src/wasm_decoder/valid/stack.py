"""The operand stack of the validator, as an automaton (specification, appendix "Validation Algorithm").

A stack is a list of types that grows at one end, and code keeps it going through the same few contents.  So each
content is one object, a ``Stack``; what an instruction does to stacks is another, an ``Effect``; and each stack
remembers what every effect made of it.  The first time, ``stack[effect]`` checks and computes; from then on it is one
look-up in a dictionary, whatever the number of operands.  A block begins with the empty stack and remembers the one
around it, so nothing is copied.
"""

from ..errors import ValidationError
from ..syntax.types import FuncType, NumType, RefType, ValType, VecType
from .matching import BOT, BOT_HEAP, matches_val, matches_vals, ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Types = tuple[ValType, ...]

#: How many operands a function may have on its stack at a time: a limit of this implementation.
MAX_HEIGHT = 1 << 20

#: How many stacks and steps between them are remembered.  Real modules of 26 MB come to some thousands.
MAX_REMEMBERED = 1 << 16


class Mismatch(Exception):  # an internal signal, which becomes a ValidationError where the place is known
    """The operands are not what an instruction requires."""

    def __init__(self, required: "Types", stack: "Stack", who: str = "instruction") -> None:
        super().__init__()
        self.required = required
        self.stack = stack
        self.who = who

    def __str__(self) -> str:
        has = self.stack.types(len(self.required) if self.who == "instruction" else 1 << 30)
        return f"type mismatch: {self.who} requires {_brief(self.required)} but stack has {_brief(has)}"


def _brief(types: "Types") -> str:
    """Types in brackets; of very many the last ones, which are on top."""
    return f"[{'... ' if len(types) > 16 else ''}{' '.join(map(repr, types[-16:]))}]"


class Stack(dict["Effect | ValType", "Stack"]):
    """One content of the operand stack, above the entry of the innermost block.

    Attributes:
        top: the type on top, BOT where it can be any type (unreachable code), None on the empty stack.
        below: the stack without its top; below unreachable code there is always more of it.
        height: how many known types there are.
        memory: where its stacks are counted.
    """

    __slots__ = ("below", "height", "memory", "top")
    below: "Stack"

    def __init__(self, top: ValType | None, height: int, memory: "Memory") -> None:
        self.top = top
        self.height = height
        self.memory = memory

    def __missing__(self, effect: "Effect") -> "Stack":
        after = effect.apply(self)
        memory = self.memory
        if memory.remembered < MAX_REMEMBERED:
            memory.remembered += 1
            self[effect] = after
        return after

    def push(self, type: ValType) -> "Stack":
        after = self.get(type)
        if after is None:
            memory = self.memory
            after = Stack(type, self.height + 1, memory)
            after.below = self
            if after.height > MAX_HEIGHT:
                raise ValidationError(f"operand stack too high: at most {MAX_HEIGHT} values")
            if memory.remembered < MAX_REMEMBERED:
                memory.remembered += 1
                self[type] = after
        return after

    def types(self, count: int) -> "Types":
        """The upmost ``count`` types that are known, the top last."""
        found: list[ValType] = []
        stack = self
        while stack.height and len(found) < count:
            assert stack.top is not None
            found.append(stack.top)
            stack = stack.below
        return tuple(found[::-1])

    # a dictionary is compared by its content, a stack is what it is
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__  # type: ignore[assignment]  # a dict is unhashable


class Memory:
    """The two stacks that all others grow from, and how many are remembered.

    Attributes:
        empty: the empty stack.
        unreachable: the stack of code that cannot be reached, which has whatever is asked of it.
        remembered: how many stacks and steps are remembered.
    """

    __slots__ = ("empty", "remembered", "unreachable")

    def __init__(self) -> None:
        self.remembered = 0
        self.empty = Stack(None, 0, self)
        self.empty.below = self.empty
        self.unreachable = Stack(BOT, 0, self)
        self.unreachable.below = self.unreachable


class Effect:
    """What an instruction does to the operand stack: types that it pops, the top last, and pushes.

    Effects are compared by identity: they are the keys by which stacks remember.
    """

    __slots__ = ("pops", "pushes")

    def __init__(self, pops: "Types", pushes: "Types") -> None:
        self.pops = pops
        self.pushes = pushes

    def apply(self, stack: Stack) -> Stack:
        """The stack afterwards.  Raises Mismatch."""
        after = pop(stack, self.pops)
        for pushed in self.pushes:
            after = after.push(pushed)
        return after


def pop(stack: Stack, types: "Types", who: str = "instruction") -> Stack:
    """The stack without ``types``.  Raises Mismatch."""
    after = stack
    for wanted in reversed(types):
        top = after.top
        if top is not wanted and (top is None or not matches_val(top, wanted)):
            raise Mismatch(types, stack, who)
        if not after.height:
            break  # unreachable code has all the rest, too
        after = after.below
    return after


class Jump(Effect):
    """An instruction that does not go on to the next one."""

    __slots__ = ()

    def __init__(self, pops: "Types") -> None:
        super().__init__(pops, ())

    def apply(self, stack: Stack) -> Stack:
        pop(stack, self.pops)
        return stack.memory.unreachable


class Choice(Jump):
    """``br_table``: the stack must fit each of several labels."""

    __slots__ = ("targets",)

    def __init__(self, targets: "list[Types]") -> None:
        super().__init__(())
        self.targets = targets

    def apply(self, stack: Stack) -> Stack:
        for types in self.targets:
            pop(stack, types)
        return stack.memory.unreachable


class Wrong(Effect):
    """An instruction that is wrong whatever the stack, found out only if it occurs."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        super().__init__((), ())
        self.message = message

    def apply(self, stack: Stack) -> Stack:
        raise ValidationError(self.message)


class Drop(Effect):
    """``drop``: pops anything."""

    __slots__ = ()

    def apply(self, stack: Stack) -> Stack:
        if stack.top is None:
            raise Mismatch((BOT,), stack)
        return stack.below


class Select(Effect):
    """``select`` without a type: two numbers or vectors of one type, and a condition."""

    __slots__ = ()

    def apply(self, stack: Stack) -> Stack:
        rest = pop(stack, self.pops)
        second, first = rest.top, rest.below.top
        for operand in (second, first):
            if not isinstance(operand, (NumType, VecType)):
                if operand is None:
                    raise Mismatch((BOT, BOT, *self.pops), stack)
                raise ValidationError(
                    f"type mismatch: select without a type chooses numbers or vectors, not {operand!r}"
                )
        assert first is not None
        assert second is not None
        if first is BOT:
            first = second
        elif first is not second and second is not BOT:
            raise Mismatch((first, first, *self.pops), stack)
        return rest.below.below.push(first)


class Repeat(Effect):
    """``array.new_fixed``: pops as many operands of one type as it says, perhaps millions."""

    __slots__ = ("count",)

    def __init__(self, type: ValType, count: int, result: ValType) -> None:
        super().__init__((type,), (result,))
        self.count = count

    def apply(self, stack: Stack) -> Stack:
        after = stack
        for _ in range(self.count):
            after = pop(after, self.pops)
            if after is stack.memory.unreachable:
                break
        return after.push(self.pushes[0])


class OnReference(Effect):
    """An instruction whose result depends on the reference on top of the stack, whatever that is.

    Below it must be ``pops``, which stay.  ``result`` makes of its type what is pushed in its place, or None.
    """

    __slots__ = ("keeps", "operand", "result")

    def __init__(
        self, operand: RefType | None, result: "Callable[[RefType], ValType | None]", keeps: "Types" = ()
    ) -> None:
        super().__init__(keeps, keeps)
        self.operand = operand
        self.result = result

    def apply(self, stack: Stack) -> Stack:
        top = stack.top
        if top is BOT:
            top = ref(False, BOT_HEAP)
        if not isinstance(top, RefType):
            if top is None:
                raise Mismatch((BOT,) if self.operand is None else (self.operand,), stack)
            raise ValidationError(f"type mismatch: instruction requires a reference but stack has [{top!r}]")
        if self.operand is not None and not matches_val(top, self.operand):
            raise Mismatch((self.operand,), stack)
        after = super().apply(stack.below)
        result = self.result(top)
        return after if result is None else after.push(result)


class Label:
    """What a branch to a label takes along: the results of a block, the parameters of a loop.

    Attributes:
        types: these types.
        br: the effect of ``br``.
        br_if: the effect of ``br_if``.
    """

    __slots__ = ("br", "br_if", "types")

    def __init__(self, types: "Types", condition: ValType) -> None:
        self.types = types
        self.br = Jump(types)
        self.br_if = Effect((*types, condition), types)


class Block:
    """The type of a block, or of a function body, and what follows from it.

    Attributes:
        params, results: the types.
        enter, leave: what the block does to the stack around it, at its beginning and after its end.
        inner: the stack in it at its beginning.
        exit: the stack at its end; None if there cannot be a right one, as at the end of an ``if`` that lacks ``else``.
        label, loop: the label, as ``block`` and as ``loop``.
        otherwise: for an ``if`` the same type for the part behind ``else``; None for all other blocks.
    """

    __slots__ = ("enter", "exit", "inner", "label", "leave", "loop", "otherwise", "params", "results")

    def __init__(self, type: FuncType, memory: Memory, condition: "Types", labels: "Callable[[Types], Label]") -> None:
        self.params = type.params
        self.results = type.results
        self.enter = Effect(type.params + condition, ())
        self.leave = Effect((), type.results)
        self.label = labels(type.results)
        self.loop = labels(type.params)
        self.inner = _stack_of(type.params, memory)
        self.exit: Stack | None = _stack_of(type.results, memory)
        self.otherwise: Block | None = None
        if condition:
            self.otherwise = Block(type, memory, (), labels)
            if type.params != type.results:
                self.exit = None

    def close(self, stack: Stack, what: str = "block") -> None:
        """Check the stack at the end of the block, where it is not just ``exit``.  Raises Mismatch."""
        if self.otherwise is not None and not matches_vals(self.params, self.results):
            params, results = _brief(self.params), _brief(self.results)
            raise ValidationError(f"type mismatch: if without else requires {results} but stack has {params}")
        rest = pop(stack, self.results, what)
        if rest.height:
            raise Mismatch(self.results, stack, what)


def _stack_of(types: "Types", memory: Memory) -> Stack:
    stack = memory.empty
    for pushed in types:
        stack = stack.push(pushed)
    return stack
