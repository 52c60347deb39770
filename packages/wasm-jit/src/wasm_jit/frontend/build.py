"""A scanned body becomes values and blocks, in one pass that also numbers values, folds constants and hoists.

Locals vanish: each name stands for the value it holds where it is read, and where ways meet with different values a
block parameter stands for them.  An expression that was computed before, at a place that every way to here passes
through, is not computed again (value numbering): ``table`` maps what was computed to its value, and a log takes
back what an ended arm or a passed branch put there.  A load is computed again only after memory may have changed.

A dear computation whose operands come from outside a loop is put before the loop, and so is the reading of a global
that never changes.  Anything that can trap or change state stays where it stands; and a loop reads again what signal
handlers or other threads, which run at interrupts, may have changed.

Where the code itself checks the bounds of memory, an access that a former one has checked already is not checked.

A call that the scan has marked is not made: the callee's body is read in its place, with the arguments as its locals.
"""

from wasm_decoder import Features
from wasm_decoder.syntax.instructions import ADDR, BY_NAME, OPS
from wasm_decoder.syntax.types import FUNCREF, I32
from wasm_interp import UnsupportedError

from ..ir.fold import simplify
from ..ir.function import (
    BLOCK_PARAM,
    BRANCH,
    CALL,
    CALL_INDIRECT,
    CONST,
    EFFECT,
    JUMP,
    PARAM,
    PLACE_BITS,
    RESULT,
    RETURN,
    SWITCH,
    T_I32,
    T_NONE,
    T_REF,
    UNREACHABLE,
    Edge,
    IRFunction,
    type_code,
)
from .scan import INLINED, Block, Body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wasm_decoder.syntax.module import Module
    from wasm_decoder.syntax.types import FuncType

    from .inline import Callee

# what to do with an opcode
(
    _LOCAL_GET, _LOCAL_SET, _LOCAL_TEE, _CONSTANT, _BINARY, _UNARY, _LOAD, _STORE, _BR, _BR_IF, _END, _BLOCK, _LOOP,
    _IF, _ELSE, _CALL, _RETURN, _BR_TABLE, _DROP, _SELECT, _UNREACHABLE, _NOP, _GLOBAL_GET, _GLOBAL_SET, _CALL_INDIRECT,
    _LANE, _INLINE, _OTHER,
) = range(28)  # fmt: skip

_BY_NAME = {
    "local.get": _LOCAL_GET,
    "local.set": _LOCAL_SET,
    "local.tee": _LOCAL_TEE,
    "i32.const": _CONSTANT,
    "i64.const": _CONSTANT,
    "f32.const": _CONSTANT,
    "f64.const": _CONSTANT,
    "v128.const": _CONSTANT,
    "br": _BR,
    "br_if": _BR_IF,
    "br_table": _BR_TABLE,
    "end": _END,
    "block": _BLOCK,
    "loop": _LOOP,
    "if": _IF,
    "else": _ELSE,
    "call": _CALL,
    "call_indirect": _CALL_INDIRECT,
    "return": _RETURN,
    "drop": _DROP,
    "select": _SELECT,
    "select t": _SELECT,
    "unreachable": _UNREACHABLE,
    "nop": _NOP,
    "global.get": _GLOBAL_GET,
    "global.set": _GLOBAL_SET,
}

# Numeric instructions that can trap: they stay in place, and run even if nobody wants the result.
_TRAPPING = {
    code
    for code, op in OPS.items()
    if (op.name[4:7] in ("div", "rem") and op.name[0] == "i") or (".trunc_f" in op.name and op.name[3] == ".")
}
# Computations dear enough to be worth a register across a loop.
_DEAR = {
    code
    for code, op in OPS.items()
    if any(word in op.name for word in ("mul", "div", "rem", "sqrt", "convert", "trunc", "popcnt", "splat"))
}
# How many bytes an access reaches.
_REACH = {code: 1 << op.align for code, op in OPS.items() if op.immediates == ("memarg",)}
# In the table: the access that has checked the furthest at an address.
_CHECKED = -0x20
# The full-width load that gives back what a store wrote.
_LOAD_OF_STORE = {BY_NAME[f"{t}.store"].code: BY_NAME[f"{t}.load"].code for t in ("i32", "i64", "f32", "f64", "v128")}
_I64_EQZ = BY_NAME["i64.eqz"].code
_GLOBAL = BY_NAME["global.get"].code
_WITHOUT_CHANGE = {BY_NAME[name].code for name in ("memory.size", "table.size", "table.get", "ref.func")}
_TABLE_SIGNATURES: "dict[str, tuple[tuple[object, ...], tuple[object, ...]]]" = {
    "ref.func": ((), (FUNCREF,)),
    "table.get": ((I32,), (FUNCREF,)),
    "table.set": ((I32, FUNCREF), ()),
    "table.size": ((), (I32,)),
    "table.grow": ((FUNCREF, I32), (I32,)),
    "table.fill": ((I32, FUNCREF, I32), ()),
    "table.copy": ((I32, I32, I32), ()),
    "table.init": ((I32, I32, I32), ()),
    "memory.copy": ((I32, I32, I32), ()),
}

_PLAN = {INLINED: (_INLINE, T_NONE)}  # opcode → what to do, result type code


def _plan(code: int) -> "tuple[int, int]":
    op = OPS[code]
    if op.feature not in Features.CORE_2_0:
        raise UnsupportedError(f"{op.name} is not supported by the compiler yet")
    what = _OTHER
    result = T_NONE
    if op.results:
        result = T_I32 if op.results[0] == ADDR else type_code(op.results[0])  # type: ignore[arg-type]  # ADDR is the only str
    if op.name in _BY_NAME:
        what = _BY_NAME[op.name]
    elif op.params is not None and op.immediates[:1] == ("memarg",) and code < 0xFE0000:
        what = _OTHER if "lane" in op.immediates else _LOAD if op.results else _STORE
    elif op.params is not None and not op.immediates and op.results and len(op.results) == 1:
        what = (_UNARY, _BINARY, _LANE)[len(op.params) - 1]
    elif op.immediates and op.immediates[0] in ("lane", "lanes"):
        what = _LANE
    _PLAN[code] = plan = what, result
    return plan


_NO_EDGE, _DIFFERENT = -2, -1
#: How many values branches may pass before it is known which of them are needed: this bounds memory (eight bytes each).
_MOST_PASSED = 30_000_000


class _Frame:
    """An open block, loop or if.

    Attributes:
        block: what the scan found out of it.
        height: how many operands lie below its parameters.
        assigned: the locals that it assigns.
        header: the block that a branch to it goes to, for a loop; -1 for the others, where it goes to the end.
        edges: the branches to its end.
        mark: how much of the log holds at its end, -1 for all.
        state: the state of memory in which every branch to the end leaves, if it is the same one.
        else_edge: of an if whose other arm has not come yet, the way there; with ``saved`` the assigned locals and the
            parameters, and ``memory`` the state of memory, as they were at the if.
    """

    __slots__ = ("assigned", "block", "edges", "else_edge", "header", "height", "mark", "memory", "saved", "state")

    def __init__(self, block: Block, height: int) -> None:
        self.block = block
        self.height = height
        self.assigned = _bits(block.assigned)
        self.header = -1
        self.edges: list[Edge] = []
        self.mark = -1
        self.else_edge: Edge | None = None
        self.saved: list[int] = []
        self.memory = 0
        self.state = _NO_EDGE


def _bits(mask: int) -> "list[int]":
    """The positions of the ones in ``mask``."""
    positions = []
    while mask:
        low = mask & -mask
        positions.append(low.bit_length() - 1)
        mask ^= low
    return positions


def build(module: "Module", body: Body, *, guarded: bool = True) -> IRFunction:
    """The function in static single assignment form; ``guarded`` as for ``compile_function``."""
    return _Builder(module, body, guarded).run()


class _Builder:
    """What is known while a body is read."""

    def __init__(self, module: "Module", body: Body, guarded: bool) -> None:
        self.module = module
        self.body = body
        self.guarded = guarded
        self.checks: dict[int, tuple[int, int, int]] = {}  # of what is in ``table`` as checked: reach, block, memory
        self.f = IRFunction()
        self.table: dict[object, int] = {}
        self.log: list[object] = []
        self.constants: dict[tuple[int, object], int] = {}
        self.home: list[int] = []  # of each value the loop it is computed in
        self.preheader: dict[int, int] = {}
        self.hoisted: dict[int, dict[object, int]] = {}
        self.open_loops: list[int] = [-1]
        self.passed = 0  # values that branches pass, needed or not
        self.memory = 0  # grows whenever memory or tables may have changed
        self.last_memory = 0
        self.called = 0  # grows whenever any global may have changed
        self.assigned: dict[int, int] = {}  # of a global that was assigned, as ``called``; the later one counts
        self.site = 0  # what to add to offsets while an inlined function is read (see ``IRFunction.inlined``)
        self.block = 0
        self.stack: list[int] = []
        self.locals: list[int] = []
        self.frames: list[_Frame] = []

    # values

    def constant(self, type_: int, bits: int) -> int:
        """The value of a constant; constants stand in no block."""
        key = type_, bits
        value = self.constants.get(key)
        if value is None:
            value = self.constants[key] = self.f.value(CONST, type_, aux=bits)
            self.home.append(-1)
        return value

    def pinned(
        self, op: int, type_: int, x: int = -1, y: int = -1, z: int = -1, aux: object = None, at: int = -1
    ) -> int:
        """A value that is computed here and nowhere else."""
        f = self.f
        value = f.value(op, type_, x, y, z, aux)
        self.home.append(self.open_loops[-1])
        f.code[self.block].append(value)
        if at >= 0:
            f.offset[value] = self.site + self.body.offsets[at]
        return value

    def pure(self, op: int, type_: int, x: int, y: int = -1, z: int = -1, aux: object = None) -> int:
        """A value without effects: simplified, found again, or computed as far out of the loops as it pays."""
        known = simplify(self, op, type_, x, y, z, aux)
        if known >= 0:
            return known
        f = self.f
        key = (op, x, y, z, aux)
        loop = self.open_loops[-1]
        if loop >= 0 and op in _DEAR:
            home = self.home_of(x, y, z)
            if home != loop:
                inside = self.open_loops[self.open_loops.index(home) + 1]
                found = self.hoisted[inside]
                value = found.get(key, -1)
                if value < 0:
                    value = found[key] = f.value(op, type_, x, y, z, aux)
                    self.home.append(home)
                    f.code[self.preheader[inside]].append(value)
                return value
        value = f.value(op, type_, x, y, z, aux)
        self.home.append(loop)
        f.code[self.block].append(value)
        self.table[key] = value
        self.log.append(key)
        return value

    def home_of(self, *values: int) -> int:
        """The innermost open loop in which one of the values is computed, -1 for none."""
        best = -1
        hoisted, parent = self.hoisted, self.f.parent
        for value in values:
            if value >= 0:
                home = self.home[value]
                while home >= 0 and home not in hoisted:  # that loop is closed
                    home = parent[home]
                if home >= 0 and (best < 0 or self.open_loops.index(home) > self.open_loops.index(best)):
                    best = home
        return best

    def changed(self) -> None:
        """Memory or tables may have changed: what was loaded is not to be relied on."""
        self.last_memory += 1
        self.memory = self.last_memory

    def forget(self, mark: int) -> None:
        """Take back what was found after ``mark``: not every way to here passes through it."""
        if mark >= 0:
            log, table = self.log, self.table
            while len(log) > mark:
                table.pop(log.pop(), None)

    # control

    def new_block(self) -> int:
        return self.f.block(self.open_loops[-1])

    def edge(self, label: int) -> Edge:
        """A branch to a label: the locals that its block assigns, then the label's operands."""
        frames, locals_ = self.frames, self.locals
        frame = frames[-1 - label]
        loop = frame.header >= 0
        args = [locals_[i] for i in frame.assigned]
        arity = len(frame.block.params if loop else frame.block.results)
        if arity:
            args += self.stack[-arity:]
        if loop:
            return Edge(args, frame.header)
        self.passed += len(args)
        if self.passed > _MOST_PASSED:
            raise UnsupportedError("the function has too many branches for its number of locals to be compiled")
        edge = Edge(args)
        frame.edges.append(edge)
        if frame.mark < 0:
            mark = len(self.log)
            for inner in frames[len(frames) - label :]:
                if 0 <= inner.mark < mark:
                    mark = inner.mark
            frame.mark = mark
        frame.state = self.memory if frame.state in (_NO_EDGE, self.memory) else _DIFFERENT
        return edge

    def leave(self, i: int) -> int:
        """Control does not pass instruction ``i``: go on where it comes in again, and return the index before that.

        That is the other arm or the end of the innermost block or, if no branch leads there, of the next one out.
        """
        while True:
            frame = self.frames[-1]
            if frame.else_edge is not None:
                self.start_else(frame)
                if frame.block.else_ >= 0:
                    return frame.block.else_
                # no else: its parameters fall through to the end
                self.f.term[self.block] = (JUMP, self.edge(0))
            self.frames.pop()
            if frame.header >= 0:
                self.close_loop(frame)
            if frame.edges:
                self.join(frame)
                return frame.block.end
            if not self.frames:
                return -1

    def start_else(self, frame: _Frame) -> None:
        """Begin the other arm with the locals and operands that the first one began with."""
        edge = frame.else_edge
        assert edge is not None
        frame.else_edge = None
        self.forget(frame.mark)
        self.memory = frame.memory
        self.block = edge.target = self.new_block()
        count = len(frame.assigned)
        for local, value in zip(frame.assigned, frame.saved, strict=False):
            self.locals[local] = value
        self.stack[frame.height :] = frame.saved[count:]

    def join(self, frame: _Frame) -> None:
        """Go on at the end of a block: one parameter for each local or operand on which the ways there differ."""
        f = self.f
        edges = frame.edges
        self.forget(frame.mark)
        self.block = target = self.new_block()
        values: list[int] = []
        keep = []
        if len(edges) == 1:
            values = edges[0].args
        else:
            home = self.open_loops[-1]
            for position, column in enumerate(zip(*[edge.args for edge in edges], strict=True)):
                value = column[0]
                if column.count(value) != len(column):
                    value = f.value(BLOCK_PARAM, f.type[value], aux=target)
                    self.home.append(home)
                    f.params[target].append(value)
                    keep.append(position)
                values.append(value)
        if frame.state == _DIFFERENT:
            self.changed()
        else:
            self.memory = frame.state
        for edge in edges:
            args = edge.args
            edge.args = [args[position] for position in keep]
            edge.target = target
        for local, value in zip(frame.assigned, values, strict=False):
            self.locals[local] = value
        self.stack[frame.height :] = values[len(frame.assigned) :]

    def open_loop(self, block: Block) -> None:
        """A loop's head: a parameter for each local that the loop assigns, and for each of its own parameters."""
        f = self.f
        frame = _Frame(block, len(self.stack) - len(block.params))
        before, outer = self.block, self.open_loops[-1]
        header = f.block()
        f.loop[header] = header
        f.parent[header] = outer
        args = [self.locals[i] for i in frame.assigned] + self.stack[frame.height :]
        params = []
        for value in args:
            params.append(f.value(BLOCK_PARAM, f.type[value], aux=header))
            self.home.append(header)
        f.params[header] = params
        f.term[before] = (JUMP, Edge(args, header))
        for local, value in zip(frame.assigned, params, strict=False):
            self.locals[local] = value
        self.stack[frame.height :] = params[len(frame.assigned) :]
        frame.header = header
        self.frames.append(frame)
        self.open_loops.append(header)
        self.hoisted[header] = {}
        self.preheader[header] = before
        self.block = header
        self.changed()
        self.called = self.memory

    def close_loop(self, frame: _Frame) -> None:
        self.open_loops.pop()
        del self.hoisted[frame.header]

    def open_if(self, block: Block) -> None:
        """A conditional: the first arm follows; the other one finds what it needs in the frame."""
        f = self.f
        condition = self.stack.pop()
        frame = _Frame(block, len(self.stack) - len(block.params))
        frame.mark = len(self.log)
        frame.memory = self.memory
        frame.saved = [self.locals[i] for i in frame.assigned] + self.stack[frame.height :]
        frame.else_edge = Edge([])
        self.frames.append(frame)
        then = self.new_block()
        f.term[self.block] = (BRANCH, condition, Edge([], then), frame.else_edge)
        self.block = then

    # instructions

    def run(self) -> IRFunction:
        """Read the function's body."""
        f, body = self.f, self.body
        f.results = body.outer.results
        self.block = self.new_block()
        for index, type_ in enumerate(body.locals):
            if index < body.params:
                value = f.value(PARAM, type_, aux=index)
                self.home.append(-1)
                f.params[0].append(value)
            else:
                value = self.constant(type_, 0)
            self.locals.append(value)
        if self.read():
            f.term[self.block] = (RETURN, tuple(self.stack[len(self.stack) - len(f.results) :]))
        return f

    def inline(self, callee: "Callee", i: int) -> int:
        """Read the body of a function that instruction ``i`` calls; returns the last instruction that is done with."""
        stack = self.stack
        before = self.body, self.locals, self.frames, self.site
        body = callee.body
        height = len(stack) - body.params
        inlined = self.f.inlined
        inlined.append((callee.index, self.site + self.body.offsets[i]))
        self.site = len(inlined) << PLACE_BITS
        self.body = body
        self.locals = [*stack[height:], *[self.constant(type_, 0) for type_ in body.locals[body.params :]]]
        self.frames = []
        del stack[height:]
        returns = self.read()
        self.body, self.locals, self.frames, self.site = before
        return i if returns else self.leave(i)

    def read(self) -> bool:
        """Read a body whose locals are there; returns whether its end is reached, with the results on the stack."""
        f, body = self.f, self.body
        codes, immediates = body.codes, body.immediates
        plans, table = _PLAN, self.table
        outer = body.outer
        stack, locals_, frames = self.stack, self.locals, self.frames
        push, pop = stack.append, stack.pop
        frames.append(_Frame(outer, len(stack)))
        frames[0].assigned = []  # locals are not wanted after the end
        i = 0
        last = len(codes) - 1
        while i < last:
            code = codes[i]
            immediate: Any = immediates[i]
            what, result = plans.get(code) or _plan(code)
            if what == _LOCAL_GET:
                push(locals_[immediate])
            elif what == _BINARY:
                y = pop()
                x = pop()
                known = table.get((code, x, y, -1, None), -1)
                if known >= 0:
                    push(known)
                elif code in _TRAPPING and not self.cannot_trap(code, y):
                    push(self.pinned(code, result, x, y, at=i))
                else:
                    push(self.pure(code, result, x, y))
            elif what == _CONSTANT:
                push(self.constant(result, immediate))
            elif what == _LOCAL_SET:
                locals_[immediate] = pop()
            elif what == _LOCAL_TEE:
                locals_[immediate] = stack[-1]
            elif what == _LOAD:
                x = pop()
                key: object = (code, x, immediate, self.memory)
                known = table.get(key, -1)
                if known < 0:
                    known = self.pinned(code, result, x, aux=immediate, at=i)
                    if not self.guarded:
                        self.check(known, code, x, immediate)
                    table[key] = known
                    self.log.append(key)
                push(known)
            elif what == _STORE:
                y = pop()
                x = pop()
                stored = self.pinned(code, T_NONE, x, y, aux=immediate, at=i)
                if not self.guarded:
                    self.check(stored, code, x, immediate)
                self.changed()
                if code in _LOAD_OF_STORE:
                    key = (_LOAD_OF_STORE[code], x, immediate, self.memory)
                    table[key] = y
                    self.log.append(key)
            elif what == _UNARY:
                x = pop()
                known = table.get((code, x, -1, -1, None), -1)
                if known >= 0:
                    push(known)
                elif code in _TRAPPING:
                    push(self.pinned(code, result, x, at=i))
                else:
                    push(self.pure(code, result, x))
            elif what == _BR_IF:
                condition = pop()
                taken = self.edge(immediate)
                following = self.new_block()
                f.term[self.block] = (BRANCH, condition, taken, Edge([], following))
                self.block = following
            elif what == _END:
                frame = frames[-1]
                if frame.edges or frame.else_edge is not None:
                    f.term[self.block] = (JUMP, self.edge(0))
                    i = self.leave(i)
                else:
                    frames.pop()
                    if frame.header >= 0:
                        self.close_loop(frame)
            elif what == _BLOCK:
                frames.append(_Frame(immediate, len(stack) - len(immediate.params)))
            elif what == _LOOP:
                self.open_loop(immediate)
            elif what == _IF:
                self.open_if(immediate)
            elif what in (_BR, _ELSE):  # the end of a first arm is a branch to the end
                f.term[self.block] = (JUMP, self.edge(immediate if what == _BR else 0))
                i = self.leave(i)
            elif what == _CALL:
                functype = self.module.functype(self.module.func_types[immediate])
                self.call(CALL, functype, -1, (immediate,), i)
            elif what == _INLINE:
                i = self.inline(immediate, i)
            elif what == _RETURN:
                if self.site:
                    f.term[self.block] = (JUMP, self.edge(len(frames) - 1))
                else:
                    f.term[self.block] = (RETURN, tuple(stack[len(stack) - len(outer.results) :]))
                i = self.leave(i)
            elif what == _DROP:
                pop()
            elif what == _SELECT:
                z = pop()
                y = pop()
                x = pop()
                known = table.get((0x1B, x, y, z, None), -1)
                push(known if known >= 0 else self.pure(0x1B, f.type[x], x, y, z))
            elif what == _GLOBAL_GET:
                push(self.read_global(immediate))
            elif what == _GLOBAL_SET:
                x = pop()
                self.pinned(EFFECT, T_NONE, aux=(code, immediate, (x,)))
                self.last_memory += 1
                self.assigned[immediate] = self.last_memory
                key = (_GLOBAL, immediate, self.last_memory)
                table[key] = x
                self.log.append(key)
            elif what == _CALL_INDIRECT:
                x = pop()
                self.call(CALL_INDIRECT, self.module.functype(immediate[0]), x, immediate, i)
            elif what == _BR_TABLE:
                labels, default = immediate
                x = pop()
                made: dict[int, Edge] = {}
                for label in (*labels, default):
                    if label not in made:
                        made[label] = self.edge(label)
                f.term[self.block] = (SWITCH, x, tuple([made[label] for label in (*labels, default)]))
                i = self.leave(i)
            elif what == _UNREACHABLE:
                f.term[self.block] = (UNREACHABLE, self.site + body.offsets[i])
                i = self.leave(i)
            elif what == _LANE:
                count = len(OPS[code].params or ())
                x, y, z = (*stack[-count:], -1, -1)[:3]
                del stack[-count:]
                known = table.get((code, x, y, z, immediate), -1)
                push(known if known >= 0 else self.pure(code, result, x, y, z, immediate))
            elif what == _OTHER:
                self.other(code, immediate, i)
            if i < 0:  # nothing reaches the end
                return False
            i += 1
        if frames and frames[-1].edges:
            f.term[self.block] = (JUMP, self.edge(0))
            self.join(frames[-1])
        return True

    def check(self, access: int, code: int, x: int, offset: int) -> None:
        """Have an access not checked (its place is 0) if one before it has checked as much.

        Selection may put a load down to where its value is used, past other loads in its block, but past nothing else.
        """
        key = _CHECKED, x
        reach = offset + _REACH[code]
        former = self.table.get(key, -1)
        checked, block, memory = self.checks.get(former, (-1, -1, -1))
        if reach > checked:
            self.checks[access] = reach, self.block, self.memory
            self.table[key] = access
            self.log.append(key)
        elif (block, memory) != (self.block, self.memory) or self.f.type[access] == T_NONE:
            self.f.offset[access] = 0

    def read_global(self, index: int) -> int:
        """The value of a global: what is known of it, or read here, or before all loops if it never changes."""
        global_type = self.module.global_types[index]
        since = max(self.called, self.assigned.get(index, 0)) if global_type.mutable else 0
        key = (_GLOBAL, index, since)
        value = self.table.get(key, -1)
        if value < 0:
            type_ = type_code(global_type.type)
            what = (_GLOBAL, index, ())
            if global_type.mutable or len(self.open_loops) == 1:
                value = self.pinned(EFFECT, type_, aux=what)
            else:
                inside = self.open_loops[1]
                found = self.hoisted[inside]
                value = found.get(key, -1)
                if value < 0:
                    value = found[key] = self.f.value(EFFECT, type_, aux=what)
                    self.home.append(-1)
                    self.f.code[self.preheader[inside]].append(value)
            self.table[key] = value
            self.log.append(key)
        return value

    def cannot_trap(self, code: int, divisor: int) -> bool:
        """Whether a division by this value never traps: a constant that is neither 0 nor, for the quotient, −1."""
        f = self.f
        if f.op[divisor] != CONST or not f.aux[divisor]:
            return False
        return code not in (0x6D, 0x7F) or f.aux[divisor] != (0xFFFFFFFF if code == 0x6D else 0xFFFFFFFFFFFFFFFF)

    def call(self, op: int, functype: "FuncType", x: int, what: "tuple[object, ...]", at: int) -> None:
        """A call: its results go on the operand stack, and nothing that was loaded is to be relied on after it."""
        stack = self.stack
        height = len(stack) - len(functype.params)
        args = tuple(stack[height:])
        del stack[height:]
        types = [type_code(t) for t in functype.results]
        value = self.pinned(op, types[0] if len(types) == 1 else T_NONE, x, aux=(*what, args), at=at)
        self.changed()
        self.called = self.memory
        if len(types) == 1:
            stack.append(value)
        elif types:
            stack += [self.pinned(RESULT, type_, value, aux=index) for index, type_ in enumerate(types)]

    def other(self, code: int, immediate: object, at: int) -> None:
        """An instruction with effects that no rule above is for; the table tells its operands and results."""
        stack = self.stack
        op = OPS[code]
        if op.name == "ref.null":
            stack.append(self.constant(T_REF, 0))
            return
        if op.name == "ref.is_null":
            stack.append(self.pure(_I64_EQZ, T_I32, stack.pop()))
            return
        params: Sequence[object] | None = op.params
        results: Sequence[object] | None = op.results
        if params is None or results is None:
            params, results = self.signature(op.name)
        height = len(stack) - len(params)
        args = tuple(stack[height:])
        del stack[height:]
        type_ = T_NONE
        if results:
            type_ = T_I32 if results[0] == ADDR else type_code(results[0])  # type: ignore[arg-type]  # ADDR is the only str
        value = self.pinned(EFFECT, type_, aux=(code, immediate, args), at=at)
        if code not in _WITHOUT_CHANGE:
            self.changed()
        if results:
            stack.append(value)

    def signature(self, name: str) -> "tuple[tuple[object, ...], tuple[object, ...]]":
        """Operands and results of the instructions whose types depend on their immediates."""
        return _TABLE_SIGNATURES[name]
