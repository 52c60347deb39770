"""Random modules: sections around the bodies, and a plan of the calls to make."""

import math

from wasm_decoder.syntax.types import EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, FuncType, GlobalType, ValType

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
        self.imported_funcs = 0
        self.globals: list[GlobalType] = [GlobalType(I32, True)]
        self.imported_globals = 0
        self.memory = False
        self.memory_max = 0
        self.tables: list[ValType] = []
        self.table_sizes: list[int] = []
        self.elems: list[ValType] = []
        self.datas = 0
        #: names of the instructions that were generated
        self.used: set[str] = set()

    def type_index(self, type: FuncType) -> int:
        if type not in self.types:
            self.types.append(type)
        return self.types.index(type)


class Program:
    """A module and the calls to make, in order.

    Attributes:
        binary: the module.
        calls: (name of the exported function, arguments); floats are never NaN, external references are names.
        used: names of the instructions in its bodies.
    """

    __slots__ = ("binary", "calls", "used")

    def __init__(self, binary: bytes, calls: list[tuple[str, tuple[object, ...]]], used: set[str]) -> None:
        self.binary = binary
        self.calls = calls
        self.used = used


#: the host functions that every module may import, by name
HOST = {
    "mix": FuncType((I32, I64, F64), (I64,)),
    "note": FuncType((F32, EXTERNREF), ()),
    "pair": FuncType((I32,), (I32, F32)),
}


def _types(choices: Choices, among: tuple[ValType, ...], count: int) -> tuple[ValType, ...]:
    return tuple([among[choices.below(len(among))] for _ in range(choices.below(count))])


def _init(context: Context, choices: Choices, type: ValType) -> bytes:
    """A constant expression of that type."""
    if type == FUNCREF:
        if choices.byte() & 1:
            return CODE["ref.func"] + u(choices.below(len(context.func_types))) + CODE["end"]
        return CODE["ref.null"] + b"\x70" + CODE["end"]
    if type == EXTERNREF:
        return CODE["ref.null"] + b"\x6f" + CODE["end"]
    return CODE[f"{type}.const"] + constant(choices, type) + CODE["end"]


def _offset(choices: Choices, n: int) -> bytes:
    return CODE["i32.const"] + s(choices.below(n) if not choices.chance(4) else choices.bits(16)) + CODE["end"]


def generate(data: bytes) -> Program:
    """The module and calls that a string of bytes stands for; every string stands for a valid one."""
    choices = Choices(data)
    context = Context()
    imports: list[bytes] = []
    for host, functype in HOST.items():
        if choices.chance(64):
            imports.append(name("host") + name(host) + b"\0" + u(context.type_index(functype)))
            context.func_types.append(functype)
    context.imported_funcs = len(context.func_types)
    count = 1 + choices.below(4)
    for i in range(count):
        among = VALUE_TYPES if i and choices.byte() & 1 else BOUNDARY_TYPES
        context.func_types.append(FuncType(_types(choices, among, 4), _types(choices, among, 4)))
    funcs = context.func_types[context.imported_funcs :]
    context.memory = not choices.chance(16)
    pages = 1 + choices.below(2)
    context.memory_max = 0 if choices.chance(16) else pages + choices.below(3)
    tables = []
    for _ in range(choices.below(4)):
        reftype = FUNCREF if not choices.chance(96) else EXTERNREF
        size = (6, 8, 4, 12, 3, 1, 0)[choices.below(7)]
        context.tables.append(reftype)
        context.table_sizes.append(size)
        tables.append(encode_type(reftype) + b"\1" + u(size) + u(size + choices.below(6)))

    globals_ = [encode_type(I32) + b"\1" + CODE["i32.const"] + s(FUEL) + CODE["end"]]
    for _ in range(choices.below(6)):
        global_type = GlobalType(VALUE_TYPES[choices.below(len(VALUE_TYPES))], bool(choices.byte() & 1))
        context.globals.append(global_type)
        init = _init(context, choices, global_type.type)
        globals_.append(encode_type(global_type.type) + bytes([global_type.mutable]) + init)

    elems = _elems(context, choices)
    datas = []
    for _ in range(choices.below(4) if context.memory else 0):
        content = bytes([choices.byte() for _ in range(choices.below(12))])
        active = choices.byte() & 1
        datas.append((b"\0" + _offset(choices, 64) if active else b"\1") + u(len(content)) + content)
    context.datas = len(datas)

    exports = [name("fuel") + b"\3\0"]
    exports += [name(f"t{i}") + b"\1" + u(i) for i in range(len(tables))]
    exports += [name(f"g{i}") + b"\3" + u(i) for i, g in enumerate(context.globals) if i and g.type is not V128]
    if context.memory:
        exports.append(name("memory") + b"\2\0")
    callable_ = []
    for i, functype in enumerate(context.func_types):
        if i >= context.imported_funcs and V128 not in functype.params + functype.results:
            exports.append(name(f"f{i}") + b"\0" + u(i))
            callable_.append((f"f{i}", functype))
    calls = []
    for export, functype in callable_:
        for _ in range(1 + choices.below(2)):
            calls.append((export, tuple([_argument(choices, t) for t in functype.params])))
    starters = [i for i, functype in enumerate(context.func_types) if functype == FuncType((), ())]
    start = u(starters[0]) if starters and choices.chance(64) else b""

    bodies = []
    for functype in funcs:
        body = Body(context, choices, functype, 20 + choices.byte()).write()
        bodies.append(u(len(body)) + body)
    # vectors do not cross the boundary: a function for each global that holds one gives its halves
    func_indices = [u(context.type_index(functype)) for functype in funcs]
    halves = FuncType((), (I64, I64))
    for i, g in enumerate(context.globals):
        if g.type is V128:
            get = CODE["global.get"] + u(i)
            body = b"\0" + b"".join([get + CODE["i64x2.extract_lane"] + bytes([lane]) for lane in (0, 1)]) + CODE["end"]
            exports.append(name(f"v{i}") + b"\0" + u(context.imported_funcs + len(bodies)))
            bodies.append(u(len(body)) + body)
            func_indices.append(u(context.type_index(halves)))

    sections = {
        1: vector([b"\x60" + _results(functype.params) + _results(functype.results) for functype in context.types]),
        2: vector(imports) if imports else b"",
        3: vector(func_indices),
        4: vector(tables) if tables else b"",
        5: vector([b"\1" + u(pages) + u(context.memory_max) if context.memory_max else b"\0" + u(pages)])
        if context.memory
        else b"",
        6: vector(globals_),
        7: vector(exports),
        8: start,
        9: vector(elems),
        12: u(len(datas)) if datas else b"",
        10: vector(bodies),
        11: vector(datas) if datas else b"",
    }
    return Program(binary.module(sections), calls, context.used)


def _results(types: tuple[ValType, ...]) -> bytes:
    return vector([encode_type(t) for t in types])


def _elems(context: Context, choices: Choices) -> list[bytes]:
    everything = vector([u(i) for i in range(len(context.func_types))])
    elems = [b"\3\0" + everything]  # declares every function, so that each may be referred to
    context.elems.append(FUNCREF)
    for i, reftype in enumerate(context.tables):
        if reftype == FUNCREF and choices.byte() & 3:
            count = choices.below(min(9, context.table_sizes[i] + 1))
            indices = vector([u(choices.below(len(context.func_types))) for _ in range(count)])
            offset = _offset(choices, context.table_sizes[i] - count + 1)
            elems.append(b"\0" + offset + indices if i == 0 else b"\2" + u(i) + offset + b"\0" + indices)
            context.elems.append(FUNCREF)
    for _ in range(choices.below(3)):
        kind = choices.byte()
        reftype = EXTERNREF if kind & 1 else FUNCREF
        count = choices.below(5)
        exprs = vector([_init(context, choices, reftype) for _ in range(count)])
        fitting = [i for i, t in enumerate(context.tables) if t == reftype]
        if kind & 2 and fitting:
            table = fitting[choices.below(len(fitting))]
            head = b"\4" if not table and reftype == FUNCREF else b"\6" + u(table)
            tail = encode_type(reftype) if head[0] == 6 else b""
            elems.append(head + _offset(choices, context.table_sizes[table] - count + 1) + tail + exprs)
        else:
            elems.append(b"\5" + encode_type(reftype) + exprs)
        context.elems.append(reftype)
    return elems


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
