"""Function bodies: decoded and validated in one pass over their bytes (specification, section "Functions" and appendix
"Validation Algorithm").

The loop reads opcodes and immediates straight from the bytes and looks up what they do to the operand stack (see
``stack``); frequent instructions are tested first, rare ones are left to ``rules``.  Where something is wrong the loop
does not say what: the body walker of the decoder knows what is malformed, and the instruction iterator which
instruction is to blame.
"""

from ..binary.code import iterate, read_immediates, read_op
from ..binary.decode import decode_bodies, decode_locals
from ..binary.reader import Reader
from ..errors import DecodeError, ValidationError
from ..syntax.instructions import BY_NAME
from ..syntax.module import Func, Module
from ..syntax.types import EXN, F32, F64, I32, I64, ValType
from .context import NATURAL, Context, Local
from .matching import matches_vals, ref
from .rules import effect as effect_of
from .stack import Block, Effect, Label, Mismatch, Stack, Wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Bytes(Iterator[int], Protocol):
        """The iterator of a bytes object, which can be asked how many bytes are left, and be moved."""

        def __length_hint__(self) -> int: ...

        def __setstate__(self, index: int) -> None: ...


#: How many locals a function may have, as in other engines (JS API, "Implementation-defined Limits").
MAX_LOCALS = 50_000

_PUSH_I32, _PUSH_I64, _PUSH_F32, _PUSH_F64 = [Effect((), (t,)) for t in (I32, I64, F32, F64)]
_BLOCK = BY_NAME["block"]
_POP_I32 = Effect((I32,), ())
#: What the fifth byte of a signed 32-bit integer may be.
_LAST = frozenset((*range(0x08), *range(0x78, 0x80)))


def check_body(context: Context, index: int) -> None:
    """Decode and validate the body of ``module.funcs[index]``.

    Raises:
        DecodeError: it is malformed.
        ValidationError: it is not valid.
    """
    func = context.module.funcs[index]
    body = None
    try:
        context.renew()
        runs, start = decode_locals(func.data, func.start, func.end, context.features)
        body = _Body(context, func, start)
        _check(body, context.block(func.type), _variables(context, func.type, runs))
    except (Mismatch, ValidationError, IndexError) as error:
        _decode(context, func)
        raise _placed(context, index, error, func.start if body is None else body.pos()) from None
    except (StopIteration, _Malformed):
        _decode(context, func)
        raise DecodeError("unexpected end of section or function", func.end) from None


def _decode(context: Context, func: Func) -> None:
    """Go through a body once more with an eye on every byte: what is malformed is not even invalid.

    Raises DecodeError.
    """
    decode_bodies(Module(funcs=(func,), data_count=0 if context.has_data_count else None), context.features)


def _variables(context: Context, type: int, runs: "tuple[tuple[int, ValType], ...]") -> "list[Local]":
    """The parameters and locals of a function of the type with that index."""
    variables = context.params(type).copy()
    for count, val_type in runs:
        if len(variables) + count > MAX_LOCALS:
            total = len(variables) + sum([count for count, _ in runs])
            raise ValidationError(f"too many locals: {total}, at most {MAX_LOCALS}")
        variables += [context.local(val_type)] * count
    return variables


class _Malformed(Exception):  # an internal signal: the decoder knows the words
    pass


class _Body:
    """The bytes of a body, and what is seldom done with them.

    Attributes:
        it: the iterator over the bytes of the instructions.
    """

    __slots__ = ("context", "func", "it", "start")

    def __init__(self, context: Context, func: Func, start: int) -> None:
        self.context = context
        self.func = func
        self.start = start
        self.it: Bytes = iter(func.data[start : func.end])  # type: ignore[assignment]  # typeshed hides its methods

    def pos(self) -> int:
        """Where the iterator stands, in bytes as ``func.start`` counts."""
        return self.func.end - self.it.__length_hint__()

    def _read(self, back: int) -> Reader:
        """A reader that begins ``back`` bytes before the iterator; ``_follow`` lets the iterator go on behind it."""
        return Reader(self.func.data, self.pos() - back, self.context.features)

    def _follow(self, reader: Reader) -> None:
        if reader.pos > self.func.end:
            raise _Malformed
        self.it.__setstate__(reader.pos - self.start)

    def indexed(self, code: int, labels: "list[Label]") -> Effect:
        """The effect of an instruction that has an index or two, which the iterator is about to read."""
        it = self.it
        context = self.context
        op = context.indexed[code]
        x = next(it)
        if x > 127:
            x = _u32(it, x)
        y = -1
        if len(op.immediates) > 1:
            y = next(it)
            if y > 127:
                y = _u32(it, y)
        found = context.by_index.get((code, x, y))
        if found is None:
            found = effect_of(context, op, (x,) if y < 0 else (x, y), labels)
            context.by_index[code, x, y] = found
        return found

    def rare(self, labels: "list[Label]", back: int) -> Effect:
        """The effect of the instruction whose opcode stands ``back`` bytes before the iterator."""
        reader = self._read(back)
        op = read_op(reader)
        immediates = read_immediates(reader, op)
        if "data" in op.immediates and not self.context.has_data_count:
            raise _Malformed
        self._follow(reader)
        return effect_of(self.context, op, immediates, labels)

    def block_type(self, conditional: bool) -> Block:
        """The block type whose first byte stands before the iterator."""
        context = self.context
        reader = self._read(1)
        first = reader.pos
        (written,) = read_immediates(reader, _BLOCK)
        block = context.block(written, conditional)  # type: ignore[arg-type]  # what a block type is read as
        if reader.pos == first + 1:
            (context.ifs if conditional else context.blocks)[reader.data[first]] = block
        self._follow(reader)
        return block

    def try_table(self, labels: "list[Label]") -> Block:
        """The block type of the ``try_table`` whose opcode stands before the iterator, its catch clauses checked."""
        context = self.context
        reader = self._read(1)
        op = read_op(reader)
        written, catches = read_immediates(reader, op)
        self._follow(reader)
        for kind, tag, label in catches:  # type: ignore[attr-defined]  # what the clauses are read as
            types = () if tag is None else context.tag(tag).params
            if kind & 1:
                types += (ref(False, EXN),)
            if label >= len(labels):
                raise ValidationError(f"unknown label {label}")
            if not matches_vals(types, labels[~label].types):
                words = " ".join(map(repr, types)), " ".join(map(repr, labels[~label].types))
                raise ValidationError(f"type mismatch: catch clause has [{words[0]}] but its label takes [{words[1]}]")
        return context.block(written)  # type: ignore[arg-type]  # as above


class _Unset:
    """Locals without a default value that are not set yet (specification, section "Local Types")."""

    __slots__ = ("gets", "marks", "order", "unset", "variables")

    def __init__(self, variables: "list[Local]", gets: "list[Effect]", params: int) -> None:
        self.variables = variables
        self.gets = gets
        self.unset = {i for i in range(params, len(variables)) if not variables[i].defaultable}
        # which were set, in order, and how many at the beginning of each block
        self.order: list[int] = []
        self.marks: list[int] = []
        for i in self.unset:
            gets[i] = Wrong(f"uninitialized local {i}")

    def set(self, index: int) -> None:
        if index in self.unset:
            self.unset.discard(index)
            self.order.append(index)
            self.gets[index] = self.variables[index].get

    def enter(self) -> None:
        """A block begins."""
        self.marks.append(len(self.order))

    def leave(self) -> None:
        """A block ends: what was set in it may not be set behind it."""
        mark = self.marks.pop()
        while len(self.order) > mark:
            index = self.order.pop()
            self.unset.add(index)
            self.gets[index] = Wrong(f"uninitialized local {index}")


def _u32(it: "Iterator[int]", byte: int) -> int:
    """The rest of an unsigned LEB128 integer that began with ``byte``."""
    value = byte & 0x7F
    for shift in (7, 14, 21, 28):
        byte = next(it)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        raise _Malformed
    if value >> 32:
        raise _Malformed
    return value


def _check(body: _Body, block: Block, variables: "list[Local]") -> None:
    """Validate the instructions; ``block`` is the type of the function, ``variables`` are its parameters and locals.

    Raises StopIteration, _Malformed, Mismatch, ValidationError without a place, or IndexError for an unknown index.
    """
    context = body.context
    it = body.it
    plain, accesses, prefixed, natural = context.plain, context.accesses, context.prefixed, NATURAL
    calls, indexed = context.calls, context.indexed

    gets = [variable.get for variable in variables]
    unset = None
    if context.undefaultable and not all(variable.defaultable for variable in variables):
        unset = _Unset(variables, gets, len(block.params))

    # around the instruction: the blocks, the innermost last; their labels; the stacks around them
    blocks = [block]
    labels = [block.label]
    outers: list[Stack] = []
    stack = context.memory.empty

    for op in it:
        if op == 0x20:  # local.get
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[gets[i]]

        elif (effect := plain[op]) is not None:
            stack = stack[effect]

        elif op == 0x41:  # i32.const
            if next(it) > 127 and next(it) > 127 and next(it) > 127 and next(it) > 127 and next(it) not in _LAST:
                raise _Malformed
            stack = stack[_PUSH_I32]

        elif natural[op] >= 0:  # loads and stores
            if next(it) > natural[op]:
                stack = stack[body.rare(labels, 2)]
            elif next(it) > 127 and next(it) > 127 and next(it) > 127 and next(it) > 127 and next(it) > 15:
                stack = stack[body.rare(labels, 7)]
            else:
                stack = stack[accesses[op]]

        elif op == 0x21:  # local.set
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[variables[i].set]
            if unset is not None:
                unset.set(i)

        elif op == 0x22:  # local.tee
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[variables[i].tee]
            if unset is not None:
                unset.set(i)

        elif op == 0x0B:  # end
            block = blocks.pop()
            if stack is not block.exit:
                block.close(stack, "block" if blocks else "function")
            del labels[-1]
            if not blocks:
                break
            stack = outers.pop()[block.leave]
            if unset is not None:
                unset.leave()

        elif op == 0x10:  # call
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[calls[i]]

        elif op == 0x0D:  # br_if
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[labels[~i].br_if]

        elif op == 0x0C:  # br
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[labels[~i].br]

        elif 0x02 <= op <= 0x04:  # block, loop, if
            known = (context.ifs if op == 4 else context.blocks).get(next(it))
            block = body.block_type(op == 4) if known is None else known
            blocks.append(block)
            outers.append(stack[block.enter])
            labels.append(block.loop if op == 3 else block.label)
            stack = block.inner
            if unset is not None:
                unset.enter()

        elif op == 0x05:  # else
            otherwise = blocks[-1].otherwise
            if otherwise is None:
                raise _Malformed
            if stack is not otherwise.exit:
                otherwise.close(stack, "block")
            blocks[-1] = otherwise
            stack = otherwise.inner
            if unset is not None:
                unset.leave()
                unset.enter()

        elif op == 0x23:  # global.get
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[context.global_gets[i]]

        elif op == 0x24:  # global.set
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            stack = stack[context.global_sets[i]]

        elif op == 0x42:  # i64.const
            if next(it) > 127:
                for _ in range(8):
                    if next(it) < 128:
                        break
                else:
                    if next(it) not in (0x00, 0x7F):
                        raise _Malformed
            stack = stack[_PUSH_I64]

        elif op == 0x44:  # f64.const
            _skip(it, 8)
            stack = stack[_PUSH_F64]

        elif op == 0x43:  # f32.const
            _skip(it, 4)
            stack = stack[_PUSH_F32]

        elif op == 0x0F:  # return
            stack = stack[labels[0].br]

        elif op == 0x00:  # unreachable
            stack = context.memory.unreachable

        elif op == 0x01:  # nop
            pass

        elif op == 0x0E:  # br_table
            i = next(it)
            if i > 127:
                i = _u32(it, i)
            targets = set()
            for _ in range(i + 1):
                i = next(it)
                if i > 127:
                    i = _u32(it, i)
                targets.add(labels[~i])
            stack = stack[_POP_I32]
            if len(targets) == 1:
                stack = stack[labels[~i].br]
            else:
                stack = stack[context.choice(frozenset(targets))]

        elif op >= 0xFB:  # instructions with prefix
            number = next(it)
            size = 2
            if number > 127:
                number = number & 127 | next(it) << 7
                size = 3
            op = op << 16 | number
            row = prefixed.get(op)
            if row is None:
                stack = stack[body.indexed(op, labels) if op in indexed else body.rare(labels, size)]
                continue
            effect, align, lanes = row
            if align >= 0:
                if next(it) > align:
                    stack = stack[body.rare(labels, size + 1)]
                    continue
                if next(it) > 127 and next(it) > 127 and next(it) > 127 and next(it) > 127 and next(it) > 15:
                    stack = stack[body.rare(labels, size + 6)]
                    continue
            if lanes and next(it) >= lanes:
                raise ValidationError(f"invalid lane index: there are {lanes} lanes")
            stack = stack[effect]

        elif op == 0x1F:  # try_table
            block = body.try_table(labels)
            blocks.append(block)
            outers.append(stack[block.enter])
            labels.append(block.label)
            stack = block.inner
            if unset is not None:
                unset.enter()

        else:
            stack = stack[body.indexed(op, labels) if op in indexed else body.rare(labels, 1)]
    if blocks or it.__length_hint__():
        raise _Malformed


def _skip(it: "Bytes", count: int) -> None:
    for _ in range(count):
        next(it)


def _placed(context: Context, index: int, error: Exception, pos: int) -> ValidationError:
    """The error with its place: the last instruction that begins before ``pos``."""
    from ..custom.names import names

    module = context.module
    func = module.funcs[index]
    number = len(module.func_types) - len(module.funcs) + index
    message = str(error)
    offset = func.start
    mnemonic = None
    depth = 0  # how many blocks are around the instruction
    last = None
    try:
        _, start = decode_locals(func.data, func.start, func.end, context.features)
        for instr in iterate(func.data, start, func.end, context.features):
            if instr.offset >= pos:
                break
            if last is not None:
                depth += (last.op.immediates[:1] == ("block",)) - (last.op.code == 0x0B)
            last = instr
    except DecodeError:
        pass  # behind the place
    if last is not None:
        offset = last.offset
        mnemonic = last.op.mnemonic
        if isinstance(error, IndexError):
            kind = {"labels": "label", "func": "function"}.get(last.op.immediates[0], last.op.immediates[0])
            value = last.immediates[0]
            if isinstance(value, tuple):
                value = next(label for label in (*value, last.immediates[1]) if label > depth)
            message = f"unknown {kind} {value}"
    return ValidationError(message, offset, function=number, name=names(module).funcs.get(number), instruction=mnemonic)
