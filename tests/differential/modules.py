"""Random modules: sections around the bodies, a second module that imports from the first, and the calls to make."""

import math

from wasm_decoder.syntax.types import (
    EXTERNREF,
    F32,
    F64,
    FUNCREF,
    I32,
    I64,
    V128,
    FuncType,
    GlobalType,
    RefType,
    ValType,
)

from . import binary
from .binary import CODE, name, s, u, vector
from .bodies import BOUNDARY_TYPES, VALUE_TYPES, Body, constant, encode_type
from .choices import Choices

#: what fuel is set to before each call
FUEL = 60
#: names of objects that stand for themselves as external references
EXTERNS = ("red", "green", "blue")
#: numbers to be passed as f32 and f64
ARGUMENTS = (0.0, -0.0, 1.0, -1.5, 2.0**100, math.inf, -math.inf, 2.0**-140, 2.0**32, 0.5)


class Context:
    """What bodies can refer to."""

    def __init__(self) -> None:
        self.types: list[FuncType] = []
        self.func_types: list[FuncType] = []
        #: indices of functions that are small, have no loops and call only such functions that stand before them
        self.leaves: list[int] = []
        self.imported_funcs = 0
        self.globals: list[GlobalType] = []
        self.imported_globals = 0
        self.memory = False
        self.pages = 0
        self.memory_max = 0
        self.tables: list[RefType] = []
        self.table_sizes: list[int] = []
        self.table_maxima: list[int] = []
        self.elems: list[RefType] = []
        self.datas = 0
        #: names of the instructions that were generated
        self.used: set[str] = set()

    def type_index(self, type: FuncType) -> int:
        if type not in self.types:
            self.types.append(type)
        return self.types.index(type)


class Program:
    """One or two modules and the calls to make, in order.

    Attributes:
        binaries: the modules; one after the first imports what it needs from the first, under the name "first".
        calls: (number of the module, name of the exported function, arguments); floats are never NaN, external
            references are names.
        used: names of the instructions in the bodies.
    """

    __slots__ = ("binaries", "calls", "used")

    def __init__(self, binaries: list[bytes], calls: "list[Call]", used: set[str]) -> None:
        self.binaries = binaries
        self.calls = calls
        self.used = used


Call = tuple[int, str, tuple[object, ...]]

#: the host functions that every module may import, by name
HOST = {
    "mix": FuncType((I32, I64, F64), (I64,)),
    "note": FuncType((F32, EXTERNREF), ()),
    "pair": FuncType((I32,), (I32, F32)),
}


def generate(data: bytes) -> Program:
    """The modules and calls that a string of bytes stands for; every string stands for valid ones."""
    choices = Choices(data)
    linked = choices.chance(64)
    first = _Writer(choices, None)
    binaries, calls, used = [first.write()], first.calls(0), first.context.used
    if linked:
        second = _Writer(choices, first.context)
        binaries.append(second.write())
        calls += second.calls(1) + first.calls(0)
        used |= second.context.used
    return Program(binaries, calls, used)


def _export_name(prefixes: str, index: int, has_vector: bool) -> str:
    """What a function or global is exported as; those that have to do with vectors are not for Python."""
    return f"{prefixes[has_vector]}{index}"


class _Writer:
    """Writes one module."""

    def __init__(self, choices: Choices, first: Context | None) -> None:
        self._choices = choices
        self._first = first
        self._imports: list[bytes] = []
        self.context = Context()

    def write(self) -> bytes:
        choices, context = self._choices, self.context
        for host, functype in HOST.items():
            if choices.chance(64):
                self._import("host", host, b"\0" + u(context.type_index(functype)))
                context.func_types.append(functype)
        if self._first:
            self._import_from(self._first)
        context.imported_funcs = len(context.func_types)
        context.imported_globals = len(context.globals)
        for i in range(1 + choices.below(4)):
            among = VALUE_TYPES if i and choices.byte() & 1 else BOUNDARY_TYPES
            context.func_types.append(FuncType(_types(choices, among, 4), _types(choices, among, 4)))
        if choices.chance(24):
            context.func_types.append(FuncType((), ()))
        small = [choices.chance(96) for _ in context.func_types[context.imported_funcs :]]
        memory = self._memory()
        tables = self._tables()
        globals_ = self._globals()
        elems = self._elems()
        datas = self._datas()
        starters = [i for i, functype in enumerate(context.func_types) if functype == FuncType((), ())]
        start = u(starters[0]) if starters and choices.chance(128) else b""
        exports = self._exports()
        bodies = []
        defined = context.func_types[context.imported_funcs :]
        for i, functype in enumerate(defined):
            size = 1 + choices.below(4) if small[i] else 20 + choices.byte()
            body = Body(context, choices, functype, size, leaf=small[i]).write()
            bodies.append(u(len(body)) + body)
            if small[i]:
                context.leaves.append(context.imported_funcs + i)
        # vectors do not cross the boundary: a function for each global that holds one gives its halves
        halves = FuncType((), (I64, I64))
        for i, g in enumerate(context.globals):
            if g.type is V128:
                get = CODE["global.get"] + u(i)
                parts = [get + CODE["i64x2.extract_lane"] + bytes([lane]) for lane in (0, 1)]
                body = b"\0" + b"".join(parts) + CODE["end"]
                exports.append(name(f"v{i}") + b"\0" + u(context.imported_funcs + len(bodies)))
                bodies.append(u(len(body)) + body)
                defined = [*defined, halves]
        funcs = [u(context.type_index(functype)) for functype in defined]
        sections = {
            1: vector([b"\x60" + _types_of(t.params) + _types_of(t.results) for t in context.types]),
            2: _unless_empty(self._imports),
            3: vector(funcs),
            4: _unless_empty(tables),
            5: _unless_empty(memory),
            6: _unless_empty(globals_),
            7: vector(exports),
            8: start,
            9: vector(elems),
            12: u(len(datas)) if datas else b"",
            10: vector(bodies),
            11: _unless_empty(datas),
        }
        return binary.module(sections)

    def calls(self, module: int) -> list[Call]:
        """Calls of what the module exports."""
        choices, context = self._choices, self.context
        calls: list[Call] = []
        for i in range(context.imported_funcs, len(context.func_types)):
            functype = context.func_types[i]
            if V128 not in functype.params + functype.results:
                for _ in range(1 + choices.below(2)):
                    calls.append((module, f"f{i}", tuple([_argument(choices, t) for t in functype.params])))
        return calls

    def _import(self, module: str, item: str, description: bytes) -> None:
        self._imports.append(name(module) + name(item) + description)

    def _import_from(self, first: Context) -> None:
        """Some of what the first module offers; its fuel always."""
        choices, context = self._choices, self.context
        self._import("first", "fuel", b"\3" + encode_type(I32) + b"\1")
        context.globals.append(first.globals[0])
        for i, g in enumerate(first.globals):
            if i and choices.byte() & 1:
                item = _export_name("gw", i, g.type is V128)
                self._import("first", item, b"\3" + encode_type(g.type) + bytes([g.mutable]))
                context.globals.append(g)
        for i in range(first.imported_funcs, len(first.func_types)):
            functype = first.func_types[i]
            if choices.byte() & 1:
                item = _export_name("fx", i, V128 in functype.params + functype.results)
                self._import("first", item, b"\0" + u(context.type_index(functype)))
                context.func_types.append(functype)
        for i, reftype in enumerate(first.tables):
            if choices.byte() & 1:
                size, maximum = first.table_sizes[i], first.table_maxima[i]
                self._import("first", f"t{i}", b"\1" + encode_type(reftype) + b"\1" + u(size) + u(maximum))
                context.tables.append(reftype)
                context.table_sizes.append(size)
                context.table_maxima.append(maximum)
        if first.memory and choices.byte() & 1:
            context.memory, context.pages, context.memory_max = True, first.pages, first.memory_max
            self._import("first", "memory", b"\2" + _limits(first.pages, first.memory_max))

    def _memory(self) -> list[bytes]:
        choices, context = self._choices, self.context
        if context.memory or choices.chance(16):
            return []
        context.memory = True
        context.pages = 1 + choices.below(2)
        context.memory_max = 0 if choices.chance(16) else context.pages + choices.below(3)
        return [_limits(context.pages, context.memory_max)]

    def _tables(self) -> list[bytes]:
        choices, context = self._choices, self.context
        tables = []
        for _ in range(choices.below(4)):
            reftype = FUNCREF if not choices.chance(96) else EXTERNREF
            size = (6, 8, 4, 12, 3, 1, 0)[choices.below(7)]
            maximum = size + choices.below(6)
            context.tables.append(reftype)
            context.table_sizes.append(size)
            context.table_maxima.append(maximum)
            tables.append(encode_type(reftype) + b"\1" + u(size) + u(maximum))
        return tables

    def _globals(self) -> list[bytes]:
        choices, context = self._choices, self.context
        globals_ = []
        if not context.globals:
            context.globals.append(GlobalType(I32, True))
            globals_.append(encode_type(I32) + b"\1" + CODE["i32.const"] + s(FUEL) + CODE["end"])
        for _ in range(choices.below(6)):
            g = GlobalType(VALUE_TYPES[choices.below(len(VALUE_TYPES))], bool(choices.byte() & 1))
            globals_.append(encode_type(g.type) + bytes([g.mutable]) + self._init(g.type))
            context.globals.append(g)
        return globals_

    def _init(self, type: ValType) -> bytes:
        """A constant expression of that type."""
        choices, context = self._choices, self.context
        imported = [
            i for i, g in enumerate(context.globals[: context.imported_globals]) if not g.mutable and g.type == type
        ]
        if imported and choices.byte() & 1:
            return CODE["global.get"] + u(imported[choices.below(len(imported))]) + CODE["end"]
        if type == FUNCREF and choices.byte() & 1:
            return CODE["ref.func"] + u(choices.below(len(context.func_types))) + CODE["end"]
        if isinstance(type, RefType):
            return CODE["ref.null"] + encode_type(type) + CODE["end"]
        return CODE[f"{type}.const"] + constant(choices, type) + CODE["end"]

    def _offset(self, n: int) -> bytes:
        choices = self._choices
        return CODE["i32.const"] + s(choices.below(n) if not choices.chance(4) else choices.bits(16)) + CODE["end"]

    def _elems(self) -> list[bytes]:
        choices, context = self._choices, self.context
        elems = [b"\3\0" + vector([u(i) for i in range(len(context.func_types))])]  # each may be referred to
        context.elems.append(FUNCREF)
        for i, reftype in enumerate(context.tables):
            if reftype == FUNCREF and choices.byte() & 3:
                count = choices.below(min(9, context.table_sizes[i] + 1))
                indices = vector([u(choices.below(len(context.func_types))) for _ in range(count)])
                offset = self._offset(context.table_sizes[i] - count + 1)
                elems.append(b"\0" + offset + indices if i == 0 else b"\2" + u(i) + offset + b"\0" + indices)
                context.elems.append(FUNCREF)
        for _ in range(choices.below(3)):
            kind = choices.byte()
            reftype = EXTERNREF if kind & 1 else FUNCREF
            count = choices.below(5)
            exprs = vector([self._init(reftype) for _ in range(count)])
            fitting = [i for i, t in enumerate(context.tables) if t == reftype]
            if kind & 2 and fitting:
                table = fitting[choices.below(len(fitting))]
                head = b"\4" if not table and reftype == FUNCREF else b"\6" + u(table)
                tail = encode_type(reftype) if head[0] == 6 else b""
                elems.append(head + self._offset(context.table_sizes[table] - count + 1) + tail + exprs)
            else:
                elems.append(b"\5" + encode_type(reftype) + exprs)
            context.elems.append(reftype)
        return elems

    def _datas(self) -> list[bytes]:
        choices, context = self._choices, self.context
        datas = []
        for _ in range(choices.below(4) if context.memory else 0):
            content = bytes([choices.byte() for _ in range(choices.below(12))])
            active = choices.byte() & 1
            datas.append((b"\0" + self._offset(64) if active else b"\1") + u(len(content)) + content)
        context.datas = len(datas)
        return datas

    def _exports(self) -> list[bytes]:
        """Everything that the module has but what it imports; the fuel always."""
        context = self.context
        exports = [name("fuel") + b"\3\0"]
        exports += [name(f"t{i}") + b"\1" + u(i) for i in range(len(context.tables))]
        for i, g in enumerate(context.globals):
            if i:
                exports.append(name(_export_name("gw", i, g.type is V128)) + b"\3" + u(i))
        if context.memory:
            exports.append(name("memory") + b"\2\0")
        for i in range(context.imported_funcs, len(context.func_types)):
            functype = context.func_types[i]
            exports.append(name(_export_name("fx", i, V128 in functype.params + functype.results)) + b"\0" + u(i))
        return exports


def _limits(least: int, most: int) -> bytes:
    """``most`` 0 is none."""
    return b"\1" + u(least) + u(most) if most else b"\0" + u(least)


def _unless_empty(items: list[bytes]) -> bytes:
    return vector(items) if items else b""


def _types_of(types: tuple[ValType, ...]) -> bytes:
    return vector([encode_type(t) for t in types])


def _types(choices: Choices, among: tuple[ValType, ...], count: int) -> tuple[ValType, ...]:
    return tuple([among[choices.below(len(among))] for _ in range(choices.below(count))])


def _argument(choices: Choices, type: ValType) -> object:
    if type in (I32, I64):
        width = 32 if type is I32 else 64
        n = choices.bits(width) if choices.byte() & 1 else choices.byte()
        return n - (1 << width) if n >> width - 1 else n
    if type in (F32, F64):
        return ARGUMENTS[choices.below(len(ARGUMENTS))]
    if type == EXTERNREF:
        return (None, *EXTERNS)[choices.below(4)]
    return None
