"""A function body becomes Python source, in one pass over its bytes.

What instructions do with their operands is in ``arithmetic``, ``storage`` and ``lanes``; here are control, calls and
variables.
"""

from wasm_decoder.syntax.instructions import BY_NAME, OPS
from wasm_decoder.syntax.types import F32, F64, FuncType, RefType

from . import expr as x
from .aggregates import AGGREGATES, cast
from .arithmetic import NUMERIC
from .expr import GLOBALS, MEMORY, QUIET, TRAPS, WIDE, Value, constant, unsigned, within
from .lanes import VECTORS
from .operands import MASKS, Operands
from .storage import STORAGE, memarg
from .tree import MAX_CASES, MAX_HEIGHT, Block, Emitter, If, Jump, Label, Loop, Switch, Try

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasm_decoder.syntax.types import ValType

    from .names import Names
    from .tree import Line, Node


class Source:
    """The Python source of a function.

    Attributes:
        text: the source, a function definition.
        offsets: for each line the offset of the instruction that it is for, 0 for none; inverted where an IndexError is
            about a table.
        tail_calls: whether it returns ``TailCall`` objects.
    """

    __slots__ = ("offsets", "tail_calls", "text")

    def __init__(self, header: "list[str]", lines: "list[Line]", tail_calls: bool) -> None:
        self.tail_calls = tail_calls
        self.offsets = [0] * len(header) + [line[2] for line in lines]
        self.text = "\n".join([*header, *["    " * indent + text for indent, text, _ in lines], ""])


def translate(names: "Names", index: int, limited: bool = False) -> Source:
    """The source of a function that the module defines; ``index`` counts the imported ones.  The body must be valid.

    With ``limited`` it looks at the clock every now and then.
    """
    return Translator(names, index).source(_LOOK if limited else "")


#: A statement that hardly ever looks at the deadline.
_LOOK = "next(pulse) or look()"


class _Control:
    """A block, loop, conditional, or the whole function, that is being translated.

    Attributes:
        kind: "block", "loop", "if", "else", "dead else", "try" or "func".
        height: how many operands lie below it.
        base: what a branch to it carries.
        reached: whether a branch leads to it.
        inner: how deeply constructs nest in it.
    """

    __slots__ = (
        "base", "condition", "handlers", "height", "inner", "items", "kind", "label", "offset", "operands", "params",
        "reached", "results", "then",
    )  # fmt: skip

    def __init__(self, kind: str, height: int, type: FuncType, items: "list[Node]", offset: int) -> None:
        self.kind = kind
        self.height = height
        self.params = type.params
        self.results = type.results
        self.base = type.params if kind == "loop" else type.results
        self.items = items
        self.offset = offset
        self.label = Label()
        self.reached = False
        self.inner = 0
        self.condition: Value | None = None
        self.then: list[Node] = []
        self.operands: list[Value] = []
        self.handlers: list[tuple[str, list[Node]]] = []


class Translator(Operands):
    """A translation of one body."""

    def __init__(self, names: "Names", index: int) -> None:
        super().__init__(names, index)
        self.index = index
        self.controls: list[_Control] = []
        self.assigned_globals: set[int] = set()
        self.final = ""
        self.final_at = 0
        self.tail_calls = False

    def source(self, head: str) -> Source:
        """``head`` is a statement for the beginning of the function and of each loop, "" for none."""
        self.controls.append(_Control("func", 0, FuncType((), self.type.results), self.items, self.at))
        self._run()
        lines = Emitter(self.final, self.final_at, head).function(self.items)
        params = len(self.type.params)
        header = [f"def f{self.index}({', '.join([f'l{i}' for i in range(params)])}):"]
        if self.assigned_globals:
            header.append("    global " + ", ".join([f"g{i}" for i in sorted(self.assigned_globals)]))
        defaults: dict[str, list[str]] = {}
        for i in sorted(self.locals):
            if i >= params:
                defaults.setdefault(self._default(i), []).append(f"l{i} = ")
        for default, targets in defaults.items():
            for i in range(0, len(targets), 32):
                header.append("    " + "".join(targets[i : i + 32]) + default)
        if head:
            header.append(f"    {head}")
        if not lines and len(header) == 1:
            header.append("    pass")
        return Source(header, lines, self.tail_calls)

    def _default(self, index: int) -> str:
        declared = self.local_type(index)
        return "None" if isinstance(declared, RefType) else "0.0" if declared in (F32, F64) else "0"

    # The pass

    def _run(self) -> None:
        data = self.data
        stack = self.stack
        pos, end = self.pos, self.end
        numeric = _OPERATIONS
        others = _OTHERS
        variables = self.locals
        while pos < end:
            self.at = pos
            code = data[pos]
            pos += 1
            if 0x20 <= code <= 0x22:
                index = data[pos]
                pos += 1
                if index > 127:
                    self.pos = pos - 1
                    index = self.u()
                    pos = self.pos
                local = variables.get(index) or self.local(index)
                if code == 0x20:
                    stack.append(local)
                    continue
                value = stack.pop()
                if local.high:
                    value = unsigned(value, 32 if local.high == 0xFFFFFFFF else 64)
                if value.text != local.text:
                    self.assign(local.text, value)
                if code == 0x22:
                    stack.append(value if value.constant else local)
            elif code == 0x41 or code == 0x42:
                number = data[pos]
                pos += 1
                if number > 127:
                    self.pos = pos - 1
                    number = self.s()
                    pos = self.pos
                elif number > 63:
                    number -= 128
                stack.append(constant(number & (0xFFFFFFFF if code == 0x41 else 0xFFFFFFFFFFFFFFFF)))
            elif code in numeric:
                numeric[code](self)
            else:
                self.pos = pos
                others[code](self)
                pos = self.pos

    def skip(self) -> None:
        """Move to where control can come from elsewhere: what is before it cannot be reached."""
        while True:
            del self.stack[self.controls[-1].height :]
            code = self._skip()
            if code == 0x05:
                self._else(False)
                return
            if self._end(False):
                return

    def _skip(self) -> int:
        """Move behind the next ``else`` or ``end`` of the construct that we are in; which it was."""
        data = self.data
        pos = self.pos
        depth = 0
        while True:
            self.at = pos
            code = data[pos]
            pos += 1
            if code == 0x0B or code == 0x05:
                if not depth:
                    self.pos = pos
                    return code
                depth -= code == 0x0B
                continue
            if code >= 0xFB:
                self.pos = pos
                code = code << 16 | self.u()
                pos = self.pos
            elif 0x02 <= code <= 0x04 or code == 0x1F:
                depth += 1
            for kind in _SKIPS[code]:
                if kind == "u":
                    while data[pos] > 127:
                        pos += 1
                    pos += 1
                elif kind.isdigit():
                    pos += int(kind)
                else:
                    self.pos = pos
                    _skip_special(self, kind)
                    pos = self.pos

    # Control

    def _enter(self, kind: str, type: FuncType) -> _Control:
        height = len(self.stack) - len(type.params)
        self.settle()
        control = _Control(kind, height, type, self.items, self.at)
        self.items = []
        self.controls.append(control)
        return control

    def block(self) -> None:
        self._enter("block", self.block_type())

    def loop(self) -> None:
        signature = self.block_type()
        height = len(self.stack) - len(signature.params)
        self.settle()
        for i, param in enumerate(signature.params):
            self._place(height + i, self.stack[height + i], param)
            self.stack[height + i] = self.slot(height + i, param)
        self._enter("loop", signature)

    def if_(self) -> None:
        signature = self.block_type()
        condition = self.pop()
        control = self._enter("if", signature)
        control.condition = condition
        control.operands = self.stack[control.height :]

    def _place(self, i: int, value: Value, type: "ValType") -> None:
        """Put a value into the variable for position i, as a value of that type."""
        value = self.stored(value, type)
        name = f"s{i}"
        if value.text == name:
            return
        if value.kind == WIDE:
            self.emit(f"C[0] = {value.text}")
            self.emit(f"{name} = C[0]")
        else:
            self.emit(f"{name} = {x.as_int(value).text}")

    def else_(self) -> None:
        self._else(True)

    def _else(self, reachable: bool) -> None:
        control = self.controls[-1]
        if reachable:
            self._fall(control)
            control.kind = "else"
        else:
            control.kind = "dead else"  # what comes before it does not reach the end
        control.then = self.items
        self.items = []
        self.stack[control.height :] = control.operands

    def _fall(self, control: _Control) -> None:
        """The results of a construct go where a branch to its end puts them."""
        for i, result in enumerate(control.results, control.height):
            value = self.stack[i] = self.stored(self.stack[i], result)
            if value.constant:
                self._place(i, value, result)
            else:
                self.spill(i)

    def end_(self) -> None:
        if not self._end(True):
            self.skip()

    def _end(self, reachable: bool) -> bool:
        """The end of a construct: whether control can reach what comes after it."""
        control = self.controls.pop()
        kind = control.kind
        if kind == "func":
            if reachable:
                self.final = self._final()
                self.final_at = self.at
            self.pos = self.end
            return True
        if reachable:
            self._fall(control)
        body = self.items
        self.items = control.items
        height = control.inner + 1
        tall = height > MAX_HEIGHT
        outer = self.controls[-1]
        if kind == "block":
            if control.reached:
                self.items.append(Block(control.label, body, tall))
            else:
                self.items += body
                height -= 1
        elif kind == "try":
            if control.handlers:
                body = [Try(body, control.handlers, control.offset, tall)]
            if control.reached:
                self.items.append(Block(control.label, body, tall))
            else:
                self.items += body
        elif kind == "loop":
            if control.reached:
                self.items.append(Loop(control.label, body, tall))
            else:
                self.items += body
                height -= 1
        else:
            condition = control.condition
            assert condition is not None
            text, inverse = self._test(condition)
            if kind == "if":  # without else: operands are the results
                then: list[Node] = body
                other: list[Node] = []
                outside = self.items
                self.items = other
                for i, (value, result) in enumerate(zip(control.operands, control.results, strict=True)):
                    self._place(control.height + i, value, result)
                self.items = outside
                reachable = True
            else:
                then, other = control.then, body
                reachable = reachable or kind == "else"
            node: Node = If(text, inverse, then, other, control.offset, tall)
            self.items.append(Block(control.label, [node], tall) if control.reached else node)
        outer.inner = max(outer.inner, height)
        del self.stack[control.height :]
        if not reachable and (kind == "loop" or not control.reached):
            return False
        self.stack += [self.slot(i, result) for i, result in enumerate(control.results, control.height)]
        return True

    def _final(self) -> str:
        """The statement at the function's end, short enough to be written in several places."""
        if not self.type.results:
            return ""
        text = self._return().text
        if len(text) > 60:
            self.settle()
            text = self._return().text
        return text

    def _return(self) -> Jump:
        """What returns the topmost operands."""
        results = self.type.results
        if not results:
            return Jump(None, "return", self.at)
        count = len(results)
        for i in range(len(self.stack) - count, len(self.stack)):
            if self.stack[i].kind == WIDE:
                self.spill(i)
        values = [x.as_int(self.stored(v, t)).text for v, t in zip(self.stack[-count:], results, strict=True)]
        return Jump(None, "return " + ", ".join(values), self.at)

    def _branch(self, depth: int) -> "list[Node]":
        """What branches to a label; operands stay on the stack."""
        control = self.controls[-1 - depth]
        if control.kind == "func":
            return [self._return()]
        control.reached = True
        count = len(control.base)
        if count:
            outside = self.items
            moves: list[Node] = []
            self.items = moves
            for i, carried in enumerate(control.base):
                self._place(control.height + i, self.stack[i - count], carried)
            self.items = outside
            return [*moves, Jump(control.label, "", self.at)]
        return [Jump(control.label, "", self.at)]

    def br(self) -> None:
        depth = self.u()
        self.effect(MEMORY | TRAPS)
        self.items += self._branch(depth)
        self.skip()

    def _carried(self, depth: int) -> None:
        """A branch that may not be taken: what it carries is written twice, so it should be short."""
        for i in range(len(self.stack) - len(self.controls[-1 - depth].base), len(self.stack)):
            if self.stack[i].depth > 1 or self.stack[i].kind == WIDE:
                self.spill(i)

    @staticmethod
    def _test(condition: Value) -> "tuple[str, str]":
        """The source of a condition and of its opposite."""
        if condition.kind != x.CONDITION:
            condition = unsigned(condition, 32)
            return condition.text, f"not {within(condition, x.NOT)}"
        return condition.text, condition.inverse or f"not {within(condition, x.NOT)}"

    def br_if(self) -> None:
        depth = self.u()
        condition = self.pop()
        self.effect(MEMORY | TRAPS)
        self._carried(depth)
        self.items.append(If(*self._test(condition), self._branch(depth), [], self.at))

    def br_table(self) -> None:
        targets = [self.u() for _ in range(self.u() + 1)]
        self.stack.append(unsigned(self.stack.pop(), 32))
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        index = self.pop().text
        cases: dict[int, int] = {}
        default = targets.pop()
        for depth in targets:
            cases.setdefault(depth, len(cases))
        table = [cases[depth] for depth in targets]
        cases.pop(default, None)
        order = {depth: i for i, depth in enumerate(cases)}
        order[default] = len(cases)
        table = [order[depth] for depth in targets]
        self._carried(default)
        nodes = [self._branch(depth) for depth in order]
        if len(nodes) == 1:
            self.items += nodes[0]
        else:
            self.items.append(Switch(index, table, nodes, self.at))
            if len(nodes) > MAX_CASES:
                for control in self.controls:
                    control.inner = max(control.inner, MAX_HEIGHT)
        self.skip()

    def return_(self) -> None:
        self.effect(MEMORY | TRAPS)
        self.items.append(self._return())
        self.skip()

    def unreachable(self) -> None:
        self.effect(MEMORY | TRAPS)
        self.items.append(Jump(None, "raise Unreachable", self.at))
        self.skip()

    def nop(self) -> None:
        pass

    # Calls

    def _arguments(self, types: "Sequence[ValType]") -> str:
        if not types:
            return ""
        for i in range(len(self.stack) - len(types), len(self.stack)):
            if self.stack[i].kind == WIDE:
                self.spill(i)
        values = self.stack[-len(types) :]
        del self.stack[-len(types) :]
        return ", ".join([x.as_int(self.stored(v, t)).text for v, t in zip(values, types, strict=True)])

    def _call(self, callee: str, type: FuncType) -> None:
        arguments = self._arguments(type.params)
        self.effect(MEMORY | TRAPS | GLOBALS)
        self.results(f"{callee}({arguments})", type.results)

    def call(self) -> None:
        index = self.u()
        self._call(f"f{index}", self.names.functype(self.names.func_types[index]))

    def call_indirect(self) -> None:
        self._call("f.code", self._callee())

    def _callee(self) -> FuncType:
        """Statements that take a callee from a table and check it."""
        expected, table = self.u(), self.u()
        bits = self.names.table_addresses[table]
        self.stack.append(unsigned(self.stack.pop(), bits))
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        index = self.stack.pop().text
        self.at = ~self.at
        self.emit(f"f = T{table}[{index}]")
        self.at = ~self.at
        self.emit(f"if f is None or f.deftype is not D{expected}: check_callee(f, D{expected}, {index})")
        return self.names.functype(expected)

    # Tail calls: the function returns what is to be called, and whoever called it makes the call

    def _tail_call(self, callee: str, signature: FuncType) -> None:
        arguments = self._arguments(signature.params)
        self.effect(MEMORY | TRAPS)
        comma = "," if len(signature.params) == 1 else ""
        self.tail_calls = True
        self.items.append(Jump(None, f"return TailCall({callee}, ({arguments}{comma}))", self.at))
        self.skip()

    def return_call(self) -> None:
        index = self.u()
        self._tail_call(f"b{index}", self.names.functype(self.names.func_types[index]))

    def return_call_indirect(self) -> None:
        self._tail_call("f.tail or f.code", self._callee())

    def return_call_ref(self) -> None:
        self._tail_call("f.tail or f.code", self._referenced())

    # Parametric and variable instructions

    def drop(self) -> None:
        value = self.stack.pop()
        if value.deps & (MEMORY | TRAPS):
            self.stack.append(value)
            self.spill(len(self.stack) - 1)
            self.stack.pop()

    def select(self) -> None:
        stack = self.stack
        for i in (2, 3):  # both are computed, whichever is taken
            if stack[-i].deps & (MEMORY | TRAPS) or stack[-i].kind == WIDE:
                if stack[-2].deps & (MEMORY | TRAPS) and stack[-3].deps & (MEMORY | TRAPS):
                    self.spill(len(stack) - 3)
                self.spill(len(stack) - i)
        condition, b, a = stack.pop(), x.as_int(stack.pop()), x.as_int(stack.pop())
        if condition.constant:
            self.push(a if condition.low else b)
            return
        if condition.kind != x.CONDITION:
            condition = unsigned(condition, 32)
        text = f"{within(a, x.LOGICAL_OR)} if {within(condition, x.LOGICAL_OR)} else {within(b, x.CONDITIONAL)}"
        kind = QUIET if a.kind == b.kind == QUIET else x.PLAIN
        self.push(
            Value(
                text, x.CONDITIONAL, a.deps | b.deps | condition.deps, max(a.depth, b.depth, condition.depth) + 1,
                min(a.low, b.low), max(a.high, b.high), kind,
            )
        )  # fmt: skip

    def select_typed(self) -> None:
        for _ in range(self.u()):
            self.block_type()  # a value type is one
        self.select()

    def global_get(self) -> None:
        index = self.u()
        declared = self.names.global_types[index]
        high = MASKS.get(declared.type, 0)
        if index in self.names.private:
            self.push(Value(f"g{index}", x.ATOM, GLOBALS, 0, 0, high))
        elif declared.mutable:
            self.push(Value(f"G{index}.raw", x.ATOM, GLOBALS, 1, 0, high))
        else:
            self.push(Value(f"g{index}", x.ATOM, 0, 0, 0, high))

    def global_set(self) -> None:
        index = self.u()
        value = self.stored(self.pop(), self.names.global_types[index].type)
        self.effect(GLOBALS | MEMORY | TRAPS)
        if index in self.names.private:
            self.assigned_globals.add(index)
            self.emit(f"g{index} = {x.as_int(value).text}")
        else:
            self.emit(f"G{index}.raw = {x.as_int(value).text}")

    # References

    def ref_null(self) -> None:
        self.s()
        self.push(Value("None"))

    def ref_is_null(self) -> None:
        value = self.pop()
        text = within(value, x.OR)
        self.push(x.condition(f"{text} is None", x.COMPARE, f"{text} is not None", value.deps, value.depth + 1))

    def ref_func(self) -> None:
        self.push(Value(f"R{self.u()}"))

    def ref_as_non_null(self) -> None:
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        self.emit(f'not_null({self.stack[-1].text}, "null reference")')

    def call_ref(self) -> None:
        self._call("f.code", self._referenced())

    def _referenced(self) -> FuncType:
        """Statements that take a callee from the stack and check that it is not null."""
        expected = self.names.functype(self.u())
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        self.emit(f"f = {self.stack.pop().text}")
        self.emit('if f is None: not_null(f, "null function reference")')
        return expected

    def br_on_null(self) -> None:
        depth = self.u()
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        reference = self.stack.pop()
        self._carried(depth)
        text = reference.text
        self.items.append(If(f"{text} is None", f"{text} is not None", self._branch(depth), [], self.at))
        self.stack.append(reference)

    def br_on_non_null(self) -> None:
        depth = self.u()
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        self._carried(depth)
        text = self.stack[-1].text
        self.items.append(If(f"{text} is not None", f"{text} is None", self._branch(depth), [], self.at))
        self.stack.pop()

    def br_on_cast(self) -> None:
        depth, test = cast(self)
        self._carried(depth)
        self.items.append(If(test, f"not {test}", self._branch(depth), [], self.at))

    def br_on_cast_fail(self) -> None:
        depth, test = cast(self)
        self._carried(depth)
        self.items.append(If(f"not {test}", test, self._branch(depth), [], self.at))

    # Exceptions

    def throw(self) -> None:
        tag = self.u()
        self.effect(MEMORY | TRAPS)
        arguments = self._arguments(self.names.functype(self.names.tag_types[tag]).params)
        comma = ", " if arguments else ""
        self.items.append(Jump(None, f"raise throw(X{tag}{comma}{arguments})", self.at))
        self.skip()

    def throw_ref(self) -> None:
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        reference = self.stack.pop().text
        self.emit(f'not_null({reference}, "null exception reference")')
        self.items.append(Jump(None, f"raise {reference}", self.at))
        self.skip()

    def try_table(self) -> None:
        signature = self.block_type()
        height = len(self.stack) - len(signature.params)
        self.settle()
        operands = self.stack[height:]
        del self.stack[height:]
        # the handlers stand outside of the block, so its labels are theirs
        handlers = [self._catch(height) for _ in range(self.u())]
        self.stack += operands
        self._enter("try", signature).handlers = handlers

    def _catch(self, height: int) -> "tuple[str, list[Node]]":
        """One catch clause: the test of the exception ``e``, and what is done with it."""
        kind = self.data[self.pos]
        self.pos += 1
        tag = self.u() if kind < 2 else -1
        depth = self.u()
        params = self.names.functype(self.names.tag_types[tag]).params if tag >= 0 else ()
        for i, param in enumerate(params):
            self.stack.append(Value(f"e.raw[{i}]", x.ATOM, 0, 1, 0, MASKS.get(param, 0)))
        if kind & 1:
            self.stack.append(Value("e"))
        branch = self._branch(depth)
        del self.stack[height:]
        return (f"e.tag is X{tag}" if tag >= 0 else "True"), branch

    # Instructions with a prefix

    def prefixed(self) -> None:
        _PREFIXED[self.data[self.pos - 1] << 16 | self.u()](self)


# Opcode → the kinds of its immediates, for those that are skipped: "u" is an LEB128, a digit that many bytes
_SKIPS: "dict[int, tuple[str, ...]]" = {}


def _skip_table() -> None:
    kinds = {
        "type": "u", "func": "u", "table": "u", "mem": "u", "global": "u", "local": "u", "elem": "u", "data": "u",
        "tag": "u", "field": "u", "label": "u", "u32": "u", "i32": "u", "i64": "u", "heap": "u", "lane": "1",
        "f32": "4", "f64": "8", "v128": "16", "lanes": "16", "zero": "1",
    }  # fmt: skip
    for code, op in OPS.items():
        _SKIPS[code] = tuple([kinds.get(kind, kind) for kind in op.immediates])


_skip_table()


def _skip_special(translator: Translator, kind: str) -> None:
    if kind == "memarg":
        memarg(translator)
    elif kind == "block":
        translator.block_type()
    elif kind == "labels":
        for _ in range(translator.u()):
            translator.u()
    elif kind == "types":
        for _ in range(translator.u()):
            translator.block_type()
    elif kind == "cast":
        translator.pos += 1
        for _ in range(3):
            translator.u()
    elif kind == "catches":
        for _ in range(translator.u()):
            translator.pos += 1
            if translator.data[translator.pos - 1] < 2:
                translator.u()
            translator.u()
    else:
        raise AssertionError(kind)


#: Opcode → what translates it: ``_OPERATIONS`` those without immediates, ``_PREFIXED`` those with a prefix.
_OPERATIONS: "dict[int, Callable[[Translator], None]]" = {}
_OTHERS: "dict[int, Callable[[Translator], None]]" = {}
_PREFIXED: "dict[int, Callable[[Translator], None]]" = {}

_CONTROL: "dict[str, Callable[[Translator], None]]" = {
    "unreachable": Translator.unreachable,
    "nop": Translator.nop,
    "block": Translator.block,
    "loop": Translator.loop,
    "if": Translator.if_,
    "else": Translator.else_,
    "end": Translator.end_,
    "br": Translator.br,
    "br_if": Translator.br_if,
    "br_table": Translator.br_table,
    "return": Translator.return_,
    "call": Translator.call,
    "call_indirect": Translator.call_indirect,
    "return_call": Translator.return_call,
    "return_call_indirect": Translator.return_call_indirect,
    "return_call_ref": Translator.return_call_ref,
    "drop": Translator.drop,
    "select": Translator.select,
    "select t": Translator.select_typed,
    "global.get": Translator.global_get,
    "global.set": Translator.global_set,
    "ref.null": Translator.ref_null,
    "ref.is_null": Translator.ref_is_null,
    "ref.func": Translator.ref_func,
    "ref.as_non_null": Translator.ref_as_non_null,
    "call_ref": Translator.call_ref,
    "br_on_null": Translator.br_on_null,
    "br_on_non_null": Translator.br_on_non_null,
    "br_on_cast": Translator.br_on_cast,
    "br_on_cast_fail": Translator.br_on_cast_fail,
    "throw": Translator.throw,
    "throw_ref": Translator.throw_ref,
    "try_table": Translator.try_table,
}


def _fill_tables() -> None:
    for table in (_CONTROL, NUMERIC, STORAGE, VECTORS, AGGREGATES):
        for name, translation in table.items():
            op = BY_NAME[name]
            if op.code > 0xFF:
                _PREFIXED[op.code] = translation
            elif table is NUMERIC and not op.immediates:
                _OPERATIONS[op.code] = translation
            else:
                _OTHERS[op.code] = translation
    for prefix in (0xFB, 0xFC, 0xFD, 0xFE):
        _OTHERS[prefix] = Translator.prefixed


_fill_tables()
