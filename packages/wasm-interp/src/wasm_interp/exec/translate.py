"""A function body becomes Python source, in one pass over its bytes.

The operand stack holds expressions (``expr``) that are written where they are used, so that WebAssembly's stack code
becomes expression trees again.  An expression is put into a variable before something happens that it depends on or
that must not happen before it: ``s3`` is the variable for position 3 of the stack, ``l3`` is local 3.  An expression at
a position of the stack depends on variables of that and higher positions only, so values are moved in order.
"""

from wasm_decoder.syntax.instructions import OPS
from wasm_decoder.syntax.types import F32, F64, I32, I64, FuncType, GlobalType, RefType
from wasm_decoder.valid.matching import close, deftypes

from ..runtime.values import f32_from_bits, f64_from_bits
from . import access
from . import expr as x
from .expr import GLOBALS, MEMORY, QUIET, TRAPS, WIDE, Value, constant, twice, unsigned, within
from .tree import MAX_CASES, MAX_HEIGHT, Block, Emitter, If, Jump, Label, Loop, Statement, Switch
from .vector import VECTOR_INLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasm_decoder import Module
    from wasm_decoder.syntax.instructions import Op
    from wasm_decoder.syntax.types import ValType

    from .tree import Line, Node

#: Expressions nested more deeply than this are put into a variable (CPython allows 200 parentheses in one another).
_MAX_DEPTH = 24
_MASKS = {I32: 0xFFFFFFFF, I64: 0xFFFFFFFFFFFFFFFF}
_BITS = {I32: 32, I64: 64}
_DEFAULTS = {F32: "0.0", F64: "0.0"}


class Names:
    """What generated source calls the parts of an instance, by what the module says about them.

    Attributes:
        globals: for each global the source that reads it.
        private: the globals that nobody else sees: they live in variables of the generated functions' own namespace.
    """

    def __init__(self, module: "Module") -> None:
        self.module = module
        imported = sum([isinstance(i.type, GlobalType) for i in module.imports])
        exported = {e.index for e in module.exports if e.kind == "global"}
        self.global_types = module.global_types
        self.private = {
            i for i, type in enumerate(self.global_types) if i >= imported and i not in exported and type.mutable
        }
        self.deftypes = deftypes(module)
        self.func_types = module.func_types
        self.imported_funcs = len(module.func_types) - len(module.funcs)
        self.addresses = [_BITS[mem.addr] for mem in module.mem_types]
        self.table_addresses = [_BITS[table.addr] for table in module.table_types]
        self.tables = module.table_types

    def functype(self, index: int) -> FuncType:
        """The function type of a type index, closed."""
        return self.deftypes[index].expand()  # type: ignore[return-value]  # valid modules call functions


class Source:
    """The Python source of a function.

    Attributes:
        text: the source, a function definition.
        offsets: for each line the offset of the instruction that it is for, 0 for none.
    """

    __slots__ = ("offsets", "text")

    def __init__(self, header: "list[str]", lines: "list[Line]") -> None:
        self.offsets = [0] * len(header) + [line[2] for line in lines]
        self.text = "\n".join([*header, *["    " * indent + text for indent, text, _ in lines], ""])


def translate(names: Names, index: int) -> Source:
    """The source of a function that the module defines; ``index`` counts the imported ones.  The body must be valid."""
    return _Translator(names, index).source()


class _Control:
    """A block, loop, conditional, or the whole function, that is being translated.

    Attributes:
        kind: "block", "loop", "if", "else" or "func".
        height: how many operands lie below it.
        base: what a branch to it carries.
        reached: whether a branch leads to it.
        inner: how deeply constructs nest in it.
    """

    __slots__ = (
        "base", "condition", "height", "inner", "items", "kind", "label", "offset", "operands", "params", "reached",
        "results", "then",
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


class _Translator:
    def __init__(self, names: Names, index: int) -> None:
        self.names = names
        self.index = index
        func = names.module.funcs[index - names.imported_funcs]
        self.data = func.data
        self.type = names.functype(func.type)
        body = func.body
        self.pos = body.start
        self.end = body.end
        self.at = body.start
        self.runs = func.locals
        self.locals: dict[int, Value] = {}
        self.bits: dict[str, int] = {}
        self.stack: list[Value] = []
        self.items: list[Node] = []
        self.controls: list[_Control] = []
        self.assigned_globals: set[int] = set()
        self.final = ""
        self.final_at = 0

    def source(self) -> Source:
        self.controls.append(_Control("func", 0, FuncType((), self.type.results), self.items, self.at))
        self._run()
        lines = Emitter(self.final, self.final_at).function(self.items)
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
        if not lines and len(header) == 1:
            header.append("    pass")
        return Source(header, lines)

    # Variables

    def _bit(self, name: str) -> int:
        bit = self.bits.get(name)
        if bit is None:
            bit = self.bits[name] = x.FIRST_VARIABLE << len(self.bits)
        return bit

    def _local_type(self, index: int) -> "ValType":
        params = self.type.params
        if index < len(params):
            return params[index]
        index -= len(params)
        for count, type in self.runs:
            if index < count:
                return type
            index -= count
        raise AssertionError("an unknown local in a valid body")

    def _default(self, index: int) -> str:
        type = self._local_type(index)
        return "None" if isinstance(type, RefType) else _DEFAULTS.get(type, "0")

    def _local(self, index: int) -> Value:
        name = f"l{index}"
        value = Value(name, x.ATOM, self._bit(name), 0, 0, _MASKS.get(self._local_type(index), 0))
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
        kind = value.kind
        high = 1 if kind == x.CONDITION else value.high
        self.stack[i] = Value(
            name, x.ATOM, self._bit(name), 0, value.low, high, QUIET if kind in (WIDE, QUIET) else x.PLAIN
        )

    def assign(self, name: str, value: Value) -> None:
        """A statement that puts a value, which is no longer on the stack, into a variable."""
        self._assign(name, value, len(self.stack))

    def _assign(self, name: str, value: Value, position: int) -> None:
        bit = self._bit(name)
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
        self.items.append(Statement(text, self.at))

    def ordered(self, first: int, second: int) -> None:
        """The operand at ``first`` from the top will be evaluated after the one at ``second``: keep the order of traps."""
        a, b = self.stack[-first].deps, self.stack[-second].deps
        if (a & TRAPS and b & (TRAPS | MEMORY)) or (a & MEMORY and b & TRAPS):
            self.spill(len(self.stack) - first)

    def stored(self, value: Value, type: "ValType") -> Value:
        """A value as variables have it."""
        bits = _BITS.get(type)  # type: ignore[call-overload]  # other types have none
        return value if bits is None else unsigned(value, bits)

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
        found = _ONE.get(byte)
        if found is not None:
            self.pos += 1
            return found
        if byte in (0x63, 0x64):
            self.pos += 1
            self.s()
            return _ONE[0x70]  # only that it is a reference matters
        index = self.s()
        if index < 0:
            return _ONE[0x70]
        return self.names.functype(index)

    # The pass

    def _run(self) -> None:
        data = self.data
        stack = self.stack
        pos, end = self.pos, self.end
        numeric = _NUMERIC
        others = _OTHERS
        locals = self.locals
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
                local = locals.get(index) or self._local(index)
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
        type = self.block_type()
        height = len(self.stack) - len(type.params)
        self.settle()
        for i, param in enumerate(type.params):
            self._place(height + i, self.stack[height + i], param)
            self.stack[height + i] = self._slot(height + i, param)
        self._enter("loop", type)

    def if_(self) -> None:
        type = self.block_type()
        condition = self.pop()
        control = self._enter("if", type)
        control.condition = condition
        control.operands = self.stack[control.height :]

    def _slot(self, i: int, type: "ValType") -> Value:
        """What is at position i of the stack, in its variable."""
        name = f"s{i}"
        return Value(name, x.ATOM, self._bit(name), 0, 0, _MASKS.get(type, 0))  # type: ignore[call-overload]  # as above

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
        for i, type in enumerate(control.results, control.height):
            value = self.stack[i] = self.stored(self.stack[i], type)
            if value.constant:
                self._place(i, value, type)
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
                then, other = body, []
                outside = self.items
                self.items = other
                for i, (value, type) in enumerate(zip(control.operands, control.results, strict=True), control.height):
                    self._place(i, value, type)
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
        self.stack += [self._slot(i, type) for i, type in enumerate(control.results, control.height)]
        return True

    def _final(self) -> str:
        """The statement at the function's end."""
        nodes = self._return()
        last = nodes.pop()
        assert isinstance(last, Jump)
        self.items += nodes
        if len(last.text) > 60:
            self.settle()
            last = self._return()[-1]  # type: ignore[assignment]  # as before
        return last.text if self.type.results else ""

    def _return(self) -> "list[Node]":
        """What returns the topmost operands."""
        results = self.type.results
        if not results:
            return [Jump(None, "return", self.at)]
        count = len(results)
        for i in range(len(self.stack) - count, len(self.stack)):
            if self.stack[i].kind == WIDE:
                self.spill(i)
        values = [x.as_int(self.stored(v, t)).text for v, t in zip(self.stack[-count:], results, strict=True)]
        return [Jump(None, "return " + ", ".join(values), self.at)]

    def _branch(self, depth: int) -> "list[Node]":
        """What branches to a label; operands stay on the stack."""
        control = self.controls[-1 - depth]
        if control.kind == "func":
            return self._return()
        control.reached = True
        count = len(control.base)
        if count:
            outside = self.items
            self.items = moves = []
            for i, type in enumerate(control.base):
                self._place(control.height + i, self.stack[i - count], type)
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
        self.items += self._return()
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
        self._results(f"{callee}({arguments})", type.results)

    def _results(self, call: str, types: "Sequence[ValType]") -> None:
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
                local = self.locals.get(index) or self._local(index)
                self.assign(local.text, Value(call))
                return
            if code == 0x1A:
                self.pos += 1
                self.emit(call)
                return
        names = [f"s{i}" for i in range(height, height + len(types))]
        for name in names:
            bit = self._bit(name)
            for j, other in enumerate(self.stack):
                if other.deps & bit:
                    self.spill(j)
        self.emit(f"{', '.join(names)} = {call}")
        self.stack += [self._slot(i, type) for i, type in enumerate(types, height)]

    def call(self) -> None:
        index = self.u()
        self._call(f"f{index}", self.names.functype(self.names.func_types[index]))

    def call_indirect(self) -> None:
        type, table = self.u(), self.u()
        bits = self.names.table_addresses[table]
        self.stack.append(unsigned(self.stack.pop(), bits))
        self.effect(MEMORY | TRAPS)
        self.make_atom(-1)
        index = self.stack.pop().text
        self.emit(f"f = T{table}[{index}]")
        self.emit(f"if f is None or f.deftype is not D{type}: check_callee(f, D{type}, {index})")
        self._call("f.code", self.names.functype(type))

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
        test = self._test(condition)[0]
        if condition.kind == x.CONDITION and condition.prec <= x.CONDITIONAL:
            test = f"({test})"
        elif condition.kind != x.CONDITION and unsigned(condition, 32).prec <= x.CONDITIONAL:
            test = f"({test})"
        text = f"{within(a, x.LOGICAL_OR)} if {test} else {within(b, x.CONDITIONAL)}"
        kind = QUIET if a.kind == b.kind == QUIET else x.PLAIN
        self.push(
            Value(
                text, x.CONDITIONAL, a.deps | b.deps | condition.deps, max(a.depth, b.depth, condition.depth) + 1,
                min(a.low, b.low), max(a.high, b.high), kind,
            )
        )  # fmt: skip

    def select_typed(self) -> None:
        for _ in range(self.u()):
            self.s()
        self.select()

    def global_get(self) -> None:
        index = self.u()
        type = self.names.global_types[index]
        high = _MASKS.get(type.type, 0)  # type: ignore[call-overload]  # as above
        if index in self.names.private:
            self.push(Value(f"g{index}", x.ATOM, GLOBALS, 0, 0, high))
        elif type.mutable:
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

    # Memory

    def _memarg(self) -> "tuple[int, str, int]":
        """The offset, the end of the memory's names, and its index."""
        align = self.u()
        memory = self.u() if align & 0x40 else 0
        return self.u(), f"_{memory}" if memory else "", memory

    def _address(self, offset: int, memory: int) -> Value:
        """The effective address, which replaces the topmost operand."""
        base = unsigned(self.pop(), self.names.addresses[memory])
        if not offset:
            return base
        if base.constant:
            return constant(base.low + offset)
        text = f"{within(base, x.ADD)} + {x.literal(offset)}"
        return Value(text, x.ADD, base.deps, base.depth + 1, base.low + offset, base.high + offset)

    def load(self, family: str, low: int, high: int) -> None:
        offset, suffix, memory = self._memarg()
        address = self._address(offset, memory)
        text = access.load(family, suffix, address)
        value = Value(text, x.ATOM, address.deps | MEMORY, address.depth + 2, low, high)
        if family == "F32":
            # the conversion of a signalling NaN would make it quiet
            if address.depth:
                again = Value("t", x.ATOM)
                if "(t :=" not in text:
                    text = access.load(family, suffix, Value(f"(t := {address.text})", x.ATOM))
            else:
                again = address
            bits = access.load("U32", suffix, again)
            text = f"v if (v := {text}) == v else f32_from_bits({bits})"
            value = Value(text, x.CONDITIONAL, value.deps, value.depth + 1)
        self.push(value)

    def store(self, family: str, bits: int) -> None:
        offset, suffix, memory = self._memarg()
        self.ordered(2, 1)
        value = self.stack.pop()
        if bits:
            value = x.and_(value, constant((1 << bits) - 1), bits)
            value = x.as_int(value)
        address = self._address(offset, memory)
        self.effect(MEMORY | TRAPS)
        if family == "F32" and value.kind not in (QUIET, WIDE):
            self.emit(f"t = {address.text}" if address.depth or address.prec < x.LITERAL else "")
            if not self.items[-1].text:  # type: ignore[union-attr]  # the statement just made
                self.items.pop()
                again = address
            else:
                again = Value("t", x.ATOM)
            self.emit(f"v = {value.text}")
            quiet: list[Node] = [Statement(access.store("F32", suffix, again, "v"), self.at)]
            nan: list[Node] = [Statement(access.store("U32", suffix, again, "f32_to_bits(v)"), self.at)]
            self.items.append(If("v == v", "v != v", quiet, nan, self.at))
            return
        self.emit(access.store(family, suffix, address, value.text))

    def memory_size(self) -> None:
        index = self.u()
        self.push(Value(f"M{index}.size", x.ATOM, MEMORY, 1, 0, 1 << self.names.addresses[index] - 16))

    def memory_grow(self) -> None:
        index = self.u()
        bits = self.names.addresses[index]
        pages = unsigned(self.pop(), bits)
        self.effect(MEMORY | TRAPS | GLOBALS)
        self._results(f"M{index}.try_grow({pages.text}) & {hex((1 << bits) - 1)}", (I32,))

    def helper(self, call: str, operands: "Sequence[int]") -> None:
        """A statement that calls a helper; ``operands`` has the number of bits of each, 0 for what is no integer."""
        values = []
        for bits in reversed(operands):
            value = self.pop()
            values.append((x.as_int(unsigned(value, bits)) if bits else value).text)
        values.reverse()
        self.effect(MEMORY | TRAPS | GLOBALS)
        self.emit(call.format(", ".join(values)))

    def memory_init(self) -> None:
        segment, memory = self.u(), self.u()
        self.helper(f"memory_init(M{memory}, instance.datas[{segment}], {{}})", (self.names.addresses[memory], 32, 32))

    def data_drop(self) -> None:
        self.effect(MEMORY | TRAPS)
        self.emit(f'instance.datas[{self.u()}] = b""')

    def memory_copy(self) -> None:
        target, source = self.u(), self.u()
        bits = self.names.addresses[target], self.names.addresses[source]
        self.helper(f"memory_copy(M{target}, M{source}, {{}})", (*bits, min(bits)))

    def memory_fill(self) -> None:
        memory = self.u()
        bits = self.names.addresses[memory]
        self.helper(f"memory_fill(M{memory}, {{}})", (bits, 32, bits))

    # Tables

    def table_get(self) -> None:
        table = self.u()
        index = unsigned(self.pop(), self.names.table_addresses[table])
        # a statement of its own, so that the error tells that it was a table
        self.effect(TRAPS | MEMORY)
        self._results(f"T{table}[{index.text}]", (self.names.tables[table].ref,))

    def table_set(self) -> None:
        table = self.u()
        self.helper(f"table_set(T{table}, {{}})", (self.names.table_addresses[table], 0))

    def table_size(self) -> None:
        table = self.u()
        self.push(Value(f"len(T{table})", x.ATOM, MEMORY, 1, 0, 0xFFFFFFFF))

    def table_grow(self) -> None:
        table = self.u()
        bits = self.names.table_addresses[table]
        count, init = unsigned(self.pop(), bits), self.pop()
        self.effect(MEMORY | TRAPS | GLOBALS)
        self._results(f"O{table}.try_grow({count.text}, {init.text}) & {hex((1 << bits) - 1)}", (I32,))

    def table_fill(self) -> None:
        table = self.u()
        bits = self.names.table_addresses[table]
        self.helper(f"table_fill(T{table}, {{}})", (bits, 0, bits))

    def table_copy(self) -> None:
        target, source = self.u(), self.u()
        bits = self.names.table_addresses[target], self.names.table_addresses[source]
        self.helper(f"table_copy(T{target}, T{source}, {{}})", (*bits, min(bits)))

    def table_init(self) -> None:
        segment, table = self.u(), self.u()
        bits = self.names.table_addresses[table]
        self.helper(f"table_init(T{table}, instance.elems[{segment}], {{}})", (bits, 32, 32))

    def elem_drop(self) -> None:
        self.effect(MEMORY | TRAPS)
        self.emit(f"instance.elems[{self.u()}] = []")

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

    # Floats

    def f32_const(self) -> None:
        bits = int.from_bytes(self.data[self.pos : self.pos + 4], "little")
        self.pos += 4
        self._float(f32_from_bits(bits), bits, "nan32")

    def f64_const(self) -> None:
        bits = int.from_bytes(self.data[self.pos : self.pos + 8], "little")
        self.pos += 8
        self._float(f64_from_bits(bits), bits, "nan64")

    def _float(self, value: float, bits: int, nan: str) -> None:
        if value != value:
            self.push(Value(f"{nan}_{bits:x}"))
            return
        text = repr(value).replace("inf", "1e999")
        # the range says that it is a literal
        self.push(Value(text, x.UNARY if text[0] == "-" else x.ATOM, 0, 0, 1, 1, QUIET))

    # Vectors and other instructions with a prefix

    def prefixed_fc(self) -> None:
        _PREFIXED[0xFC << 16 | self.u()](self)

    def prefixed_fd(self) -> None:
        code = 0xFD << 16 | self.u()
        found = _PREFIXED.get(code)
        if found is not None:
            found(self)
        else:
            self.vector(OPS[code])

    def vector(self, op: "Op") -> None:
        """A vector instruction other than v128.load, v128.store and v128.const: a function or an expression."""
        name = op.name
        kinds = op.immediates
        if kinds and kinds[0] == "memarg":
            self._vector_memory(op)
            return
        immediates: list[str] = []
        if kinds == ("lane",):
            immediates.append(str(self.data[self.pos]))
            self.pos += 1
        elif kinds == ("lanes",):
            immediates.append(repr(self.data[self.pos : self.pos + 16]))
            self.pos += 16
        assert op.params is not None
        assert op.results is not None
        count = len(op.params)
        inline = VECTOR_INLINE.get(name)
        if inline is not None:
            for i in range(count, 0, -1):
                self.make_atom(-i)
        values: list[Value] = []
        for type in reversed(op.params):
            value = self.pop()
            values.append(x.as_int(self.stored(value, type)))  # type: ignore[arg-type]  # no address type here
        values.reverse()
        deps = depth = 0
        for value in values:
            deps |= value.deps
            depth = max(depth, value.depth)
        self._vector_result(op, inline, [v.text for v in values], immediates, deps, depth)

    def _vector_result(
        self, op: "Op", inline: str | None, values: "list[str]", immediates: "list[str]", deps: int, depth: int
    ) -> None:
        text = _vector(op.name, inline, [*values, *immediates])
        result = op.results[0] if op.results else I32
        self.push(Value(text, x.ATOM, deps, depth + 4, 0, _MASKS.get(result, 0)))  # type: ignore[call-overload]  # as above

    def _vector_memory(self, op: "Op") -> None:
        offset, suffix, memory = self._memarg()
        bits = 8 << op.align
        lane = ""
        if op.lanes:
            lane = str(self.data[self.pos])
            self.pos += 1
        name = op.name
        inline = VECTOR_INLINE.get(name)
        if "store" in name:
            self.ordered(2, 1)
            self.make_atom(-1)
            vector = self.pop()
            address = self._address(offset, memory)
            self.effect(MEMORY | TRAPS)
            self.emit(access.store(f"U{bits}", suffix, address, _vector(name, inline, [vector.text, lane])))
            return
        values = []
        deps = 0
        if op.lanes:
            self.ordered(2, 1)
            self.make_atom(-1)
            vector = self.pop()
            deps = vector.deps
            values = [vector.text, lane]
        address = self._address(offset, memory)
        text = access.load(f"U{bits}", suffix, address)
        self.stack.append(Value(text, x.ATOM, address.deps | deps | MEMORY, address.depth + 2, 0, 1))
        if inline is not None:
            self.make_atom(-1)
        loaded = self.stack.pop()
        self._vector_result(op, inline, [*values, loaded.text], [], loaded.deps | deps, loaded.depth)

    def v128_load(self) -> None:
        offset, suffix, memory = self._memarg()
        address = self._address(offset, memory)
        self.stack.append(address)
        self.make_atom(-1)
        address = self.stack.pop()
        low = access.load("U64", suffix, address)
        high = access.load("U64", suffix, self._eight_more(address))
        self.push(Value(f"{low} | {high} << 64", x.OR, address.deps | MEMORY, 3))

    @staticmethod
    def _eight_more(address: Value) -> Value:
        if address.constant:
            return constant(address.low + 8)
        return Value(f"{address.text} + 8", x.ADD, address.deps, 1)

    def v128_store(self) -> None:
        offset, suffix, memory = self._memarg()
        self.make_atom(-2)
        self.ordered(2, 1)
        self.make_atom(-1)
        value = self.stack.pop().text
        address = self._address(offset, memory)
        self.stack.append(address)
        self.make_atom(-1)
        address = self.stack.pop()
        self.effect(MEMORY | TRAPS)
        # the upper half first: where it does not fit nothing is written
        self.emit(access.store("U64", suffix, self._eight_more(address), f"{value} >> 64"))
        self.emit(access.store("U64", suffix, address, f"{value} & 0xffffffffffffffff"))

    def v128_const(self) -> None:
        number = int.from_bytes(self.data[self.pos : self.pos + 16], "little")
        self.pos += 16
        self.push(Value(hex(number)))


def _vector(name: str, inline: str | None, arguments: "list[str]") -> str:
    if inline is not None:
        return inline.format(*arguments)
    return f"v_{name.replace('.', '_')}({', '.join(arguments)})"


_NOTHING = FuncType((), ())
_ONE: "dict[int, FuncType]" = {}


def _one_result() -> None:
    from wasm_decoder.syntax.types import ABSTRACT_HEAP_TYPES, V128

    for type in (I32, I64, F32, F64, V128):
        _ONE[type.code] = FuncType((), (type,))
    for heap in ABSTRACT_HEAP_TYPES:
        _ONE[heap.code] = FuncType((), (RefType(True, heap),))


_one_result()

# The tables: opcode → what translates it

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


def _skip_special(translator: _Translator, kind: str) -> None:
    if kind == "memarg":
        translator._memarg()
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


_NUMERIC: "dict[int, Callable[[_Translator], None]]" = {}
_OTHERS: "dict[int, Callable[[_Translator], None]]" = {}
_PREFIXED: "dict[int, Callable[[_Translator], None]]" = {}


def _unary(function: "Callable[[Value, int], Value]", bits: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        self.push(function(self.stack.pop(), bits))

    return translate


def _binary(function: "Callable[[Value, Value, int], Value]", bits: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        b = self.stack.pop()
        self.push(function(self.stack.pop(), b, bits))

    return translate


def _binary_atom(function: "Callable[[Value, Value, int], Value]", bits: int) -> "Callable[[_Translator], None]":
    """As ``_binary``, for what uses its right operand more than once."""

    def translate(self: _Translator) -> None:
        self.make_atom(-1)
        b = self.stack.pop()
        self.push(function(self.stack.pop(), b, bits))

    return translate


def _comparison(
    function: "Callable[[Value, Value, int, str], Value]", operator: str, bits: int
) -> "Callable[[_Translator], None]":
    signed = function is x.compare_s

    def translate(self: _Translator) -> None:
        if signed:
            b = self.stack[-1]
            if b.high >= 1 << bits - 1 or b.low < -1 << bits - 1:
                self.stack[-1] = unsigned(b, bits)
            self.make_atom(-1)
        b = self.stack.pop()
        self.push(function(self.stack.pop(), b, bits, operator))

    return translate


def _float_binary(operator: str, prec: int, kind: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        b = self.pop()
        a = self.pop()
        text = f"{within(a, prec)} {operator} {within(b, prec + 1)}"
        self.push(Value(text, prec, a.deps | b.deps, max(a.depth, b.depth) + 1, 0, 0, kind))

    return translate


def _float_divide(kind: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        b = self.stack[-1]
        by_constant = b.kind == QUIET and b.low == 1 and float(b.text) != 0
        if not by_constant:
            self.make_atom(-2)
            self.make_atom(-1)
        b = self.pop()
        a = self.pop()
        deps, depth = a.deps | b.deps, max(a.depth, b.depth) + 1
        if by_constant:
            self.push(Value(f"{within(a, x.MUL)} / {within(b, x.UNARY)}", x.MUL, deps, depth, 0, 0, kind))
            return
        text = f"{a.text} / {b.text} if {b.text} else divide({a.text}, {b.text})"
        self.push(Value(text, x.CONDITIONAL, deps, depth + 1, 0, 0, kind))

    return translate


def _float_compare(operator: str, inverse: str) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        b = self.pop()
        a = self.pop()
        left, right = within(a, x.OR), within(b, x.OR)
        opposite = f"{left} {inverse} {right}" if inverse else f"not {left} {operator} {right}"
        depth = max(a.depth, b.depth) + 1
        self.push(
            Value(f"{left} {operator} {right}", x.COMPARE, a.deps | b.deps, depth, 0, 1, x.CONDITION, opposite)
        )

    return translate


def _float_helper(helper: str, arity: int, kind: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        values = [self.pop() for _ in range(arity)]
        values.reverse()
        deps = depth = 0
        for value in values:
            deps |= value.deps
            depth = max(depth, value.depth)
        self.push(Value(f"{helper}({', '.join([v.text for v in values])})", x.ATOM, deps, depth + 1, 0, 0, kind))

    return translate


def _float_pick(operator: str, helper: str) -> "Callable[[_Translator], None]":
    """min and max: the helper is for NaNs and zeros."""

    def translate(self: _Translator) -> None:
        self.make_atom(-2)
        self.make_atom(-1)
        b = self.pop().text
        a = self.pop()
        deps = a.deps | (self._bit(b) if b[0] in "ls" else GLOBALS)
        text = f"{a.text} if {a.text} {operator} {b} else {b} if {b} {operator} {a.text} else {helper}({a.text}, {b})"
        self.push(Value(text, x.CONDITIONAL, deps, 3, 0, 0, QUIET))

    return translate


def _float_negate(self: _Translator) -> None:
    a = self.pop()
    self.push(Value(f"-{within(a, x.UNARY)}", x.UNARY, a.deps, a.depth + 1, 0, 0, a.kind))


def _float_abs(self: _Translator) -> None:
    a = self.pop()
    self.push(Value(f"abs({a.text})", x.ATOM, a.deps, a.depth + 1, 0, 0, a.kind))


def _float_copysign(self: _Translator) -> None:
    b = self.pop()
    a = self.pop()
    self.push(
        Value(f"copysign({a.text}, {b.text})", x.ATOM, a.deps | b.deps, max(a.depth, b.depth) + 1, 0, 0, a.kind)
    )


def _float_root(kind: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        a = self.pop()
        first, again = twice(a)
        text = f"sqrt({again}) if {first} >= 0.0 else root({again})"
        self.push(Value(text, x.CONDITIONAL, a.deps, a.depth + 1, 0, 0, kind))

    return translate


def _to_int(helper: str, bits: int, deps: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        a = self.pop()
        self.push(Value(f"{helper}({a.text})", x.ATOM, a.deps | deps, a.depth + 1, 0, (1 << bits) - 1))

    return translate


def _from_int(bits: int, sign: bool, kind: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        a = self.stack.pop()
        a = x.signed(a, bits) if sign else unsigned(a, bits)
        self.push(Value(f"{within(x.as_int(a), x.ADD)} + 0.0", x.ADD, a.deps, a.depth + 1, 0, 0, kind))

    return translate


def _f32_from_i64(sign: bool) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        a = self.stack.pop()
        a = x.signed(a, 64) if sign else unsigned(a, 64)
        self.push(Value(f"f32_from_int({x.as_int(a).text})", x.ATOM, a.deps, a.depth + 1, 0, 0, QUIET))

    return translate


def _wrap(self: _Translator) -> None:
    pass  # congruent modulo 2^64 is congruent modulo 2^32


def _extend_u(self: _Translator) -> None:
    self.push(unsigned(self.stack.pop(), 32))


def _extend_s(source: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        self.push(x.extend(self.stack.pop(), source))

    return translate


def _demote(self: _Translator) -> None:
    a = self.pop()
    self.push(Value(a.text, a.prec, a.deps, a.depth, 0, 0, WIDE))


def _promote(self: _Translator) -> None:
    a = self.pop()
    if a.kind != QUIET:
        first, again = twice(a)
        a = Value(f"{again} if {first} == {again} else quiet({again})", x.CONDITIONAL, a.deps, a.depth + 1, 0, 0, QUIET)
    self.push(a)


def _reinterpret_from(helper: str, bits: int) -> "Callable[[_Translator], None]":
    def translate(self: _Translator) -> None:
        a = unsigned(self.stack.pop(), bits)
        self.push(Value(f"{helper}({a.text})", x.ATOM, a.deps, a.depth + 1))

    return translate


def _tables() -> None:
    from wasm_decoder.syntax.instructions import BY_NAME

    def numeric(name: str, translate: "Callable[[_Translator], None]") -> None:
        code = BY_NAME[name].code
        (_NUMERIC if code < 256 else _PREFIXED)[code] = translate

    for prefix, bits in (("i32.", 32), ("i64.", 64)):
        for name, unary in (("eqz", x.eqz), ("clz", x.clz), ("ctz", x.ctz), ("popcnt", x.popcnt)):
            numeric(prefix + name, _unary(unary, bits))
        for name, binary in (
            ("add", x.add), ("sub", x.sub), ("mul", x.mul), ("div_u", x.div_u), ("rem_u", x.rem_u), ("and", x.and_),
            ("or", x.or_), ("xor", x.xor), ("shl", x.shl), ("shr_u", x.shr_u), ("shr_s", x.shr_s),
        ):  # fmt: skip
            numeric(prefix + name, _binary(binary, bits))
        for name, binary in (("div_s", x.div_s), ("rem_s", x.rem_s), ("rotl", x.rotl), ("rotr", x.rotr)):
            numeric(prefix + name, _binary_atom(binary, bits))
        for word, operator in (("lt", "<"), ("gt", ">"), ("le", "<="), ("ge", ">=")):
            numeric(f"{prefix}{word}_u", _comparison(x.compare_u, operator, bits))
            numeric(f"{prefix}{word}_s", _comparison(x.compare_s, operator, bits))
        for word, operator in (("eq", "=="), ("ne", "!=")):
            numeric(prefix + word, _comparison(x.equal, operator, bits))
        for source in (8, 16, 32):
            if source < bits:
                numeric(f"{prefix}extend{source}_s", _extend_s(source))
        for float_, sign in [(f, s) for f in ("f32", "f64") for s in "su"]:
            numeric(f"{prefix}trunc_{float_}_{sign}", _to_int(f"trunc{bits}_{sign}", bits, TRAPS))
            numeric(f"{prefix}trunc_sat_{float_}_{sign}", _to_int(f"trunc_sat{bits}_{sign}", bits, 0))
    for prefix, kind in (("f32.", WIDE), ("f64.", QUIET)):
        for name, operator, prec in (("add", "+", x.ADD), ("sub", "-", x.ADD), ("mul", "*", x.MUL)):
            numeric(prefix + name, _float_binary(operator, prec, kind))
        numeric(prefix + "div", _float_divide(kind))
        for name, operator, inverse in (
            ("eq", "==", "!="), ("ne", "!=", "=="), ("lt", "<", ""), ("gt", ">", ""), ("le", "<=", ""), ("ge", ">=", ""),
        ):  # fmt: skip
            numeric(prefix + name, _float_compare(operator, inverse))
        for name in ("ceil", "floor", "trunc", "nearest"):
            numeric(prefix + name, _float_helper("float_" + name, 1, QUIET))
        numeric(prefix + "min", _float_pick("<", "float_min"))
        numeric(prefix + "max", _float_pick(">", "float_max"))
        numeric(prefix + "neg", _float_negate)
        numeric(prefix + "abs", _float_abs)
        numeric(prefix + "copysign", _float_copysign)
        numeric(prefix + "sqrt", _float_root(kind))
    for sign in "su":
        numeric(f"f64.convert_i32_{sign}", _from_int(32, sign == "s", QUIET))
        numeric(f"f64.convert_i64_{sign}", _from_int(64, sign == "s", QUIET))
        numeric(f"f32.convert_i32_{sign}", _from_int(32, sign == "s", WIDE))
        numeric(f"f32.convert_i64_{sign}", _f32_from_i64(sign == "s"))
    numeric("i32.wrap_i64", _wrap)
    numeric("i64.extend_i32_u", _extend_u)
    numeric("i64.extend_i32_s", _extend_s(32))
    numeric("f32.demote_f64", _demote)
    numeric("f64.promote_f32", _promote)
    numeric("i32.reinterpret_f32", _to_int("f32_to_bits", 32, 0))
    numeric("i64.reinterpret_f64", _to_int("f64_to_bits", 64, 0))
    numeric("f32.reinterpret_i32", _reinterpret_from("f32_from_bits", 32))
    numeric("f64.reinterpret_i64", _reinterpret_from("f64_from_bits", 64))

    def loading(family: str, low: int, high: int) -> "Callable[[_Translator], None]":
        return lambda self: self.load(family, low, high)

    def storing(family: str, bits: int) -> "Callable[[_Translator], None]":
        return lambda self: self.store(family, bits)

    others: dict[str, Callable[[_Translator], None]] = {
        "i32.load": loading("U32", 0, 0xFFFFFFFF), "i64.load": loading("U64", 0, 0xFFFFFFFFFFFFFFFF),
        "f32.load": loading("F32", 0, 0), "f64.load": loading("F64", 0, 0),
        "f32.store": storing("F32", 0), "f64.store": storing("F64", 0),
        "i32.store": storing("U32", 32), "i64.store": storing("U64", 64),
    }  # fmt: skip
    for prefix in ("i32.", "i64."):
        for bits in (8, 16, 32):
            if f"{prefix}store{bits}" in BY_NAME:
                half = 1 << bits - 1
                others[f"{prefix}load{bits}_s"] = loading(f"I{bits}", -half, half - 1)
                others[f"{prefix}load{bits}_u"] = loading(f"U{bits}", 0, 2 * half - 1)
                others[f"{prefix}store{bits}"] = storing(f"U{bits}", bits)
    special = {"block": "block", "loop": "loop", "if": "if_", "else": "else_", "end": "end_", "return": "return_"}
    for name in (
        "unreachable", "nop", "br", "br_if", "br_table", "call", "call_indirect", "drop", "select", "global.get",
        "global.set", "memory.size", "memory.grow", "memory.init", "data.drop", "memory.copy", "memory.fill",
        "table.init", "elem.drop", "table.copy", "table.get", "table.set", "table.grow", "table.size", "table.fill",
        "ref.null", "ref.is_null", "ref.func", "f32.const", "f64.const", "v128.load", "v128.store", "v128.const",
    ):  # fmt: skip
        special[name] = name.replace(".", "_")
    special["select t"] = "select_typed"
    for name, method in special.items():
        others[name] = getattr(_Translator, method)
    for name, translate in others.items():
        code = BY_NAME[name].code
        (_OTHERS if code < 256 else _PREFIXED)[code] = translate
    _OTHERS[0xFC] = _Translator.prefixed_fc
    _OTHERS[0xFD] = _Translator.prefixed_fd


_tables()
