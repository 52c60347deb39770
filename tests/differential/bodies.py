"""Random function bodies: a walk that knows the operand stack as the validator does and picks what fits."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wasm_decoder.features import Features
from wasm_decoder.syntax.instructions import ADDR, BY_NAME, OPS, Op
from wasm_decoder.syntax.types import EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, FuncType, RefType, ValType

from .binary import CODE, s, u
from .choices import Choices

if TYPE_CHECKING:
    from .modules import Context

VALUE_TYPES: tuple[ValType, ...] = (I32, I64, F32, F64, V128, FUNCREF, EXTERNREF)
#: what may cross the boundary to Python in both engines
BOUNDARY_TYPES: tuple[ValType, ...] = (I32, I64, F32, F64, EXTERNREF, FUNCREF)

INTERESTING = {
    8: (0, 1, 2, 0x7F, 0x80, 0xFF),
    32: (0, 1, 2, 3, 7, 31, 32, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE,
         0xFFFFFFFF, 0x12345678, 0xDEADBEEF),
    64: (0, 1, 2, 63, 64, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF,
         0x8000000000000000, 0x8000000000000001, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF80000000, 0x123456789ABCDEF0),
    # bit patterns of floats
    -32: (0, 0x80000000, 0x3F800000, 0xBF800000, 0x3F000000, 0x40200000, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000,
          0x7FA00001, 0x7FC12345, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x4F000000, 0xCF000000,
          0x4EFFFFFF, 0x4F800000, 0x5F000000, 0x5F800000, 0x4B000000, 0x4AFFFFFF, 0x3EFFFFFF, 0x33800000, 0x42280000),
    -64: (0, 1 << 63, 0x3FF0000000000000, 0xBFF0000000000000, 0x3FE0000000000000, 0x4004000000000000,
          0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0xFFF8000000000000, 0x7FF4000000000001,
          0x7FF8000012345678, 1, 0x10000000000000, 0x7FEFFFFFFFFFFFFF, 0x41DFFFFFFFC00000, 0x41E0000000000000,
          0xC1E0000000200000, 0x41EFFFFFFFE00000, 0x41F0000000000000, 0x43E0000000000000, 0xC3E0000000000000,
          0x43F0000000000000, 0x4330000000000001, 0x432FFFFFFFFFFFFF, 0x47EFFFFFE0000000, 0x47EFFFFFF0000000,
          0x36A0000000000000, 0x3690000000000000, 0x4045000000000000),
}  # fmt: skip

# Which NaN comes out of these is not determined (specification, section "NaN Propagation"). Their results are made the
# canonical NaN before anything but another of these, or of those that see only that it is a NaN, can look at them.
_ARITHMETIC = ("add", "sub", "mul", "div", "sqrt", "min", "max", "ceil", "floor", "trunc", "nearest")
NONDETERMINISTIC = {f"{shape}.{op}" for shape in ("f32", "f64", "f32x4", "f64x2") for op in _ARITHMETIC} | {
    "f32.demote_f64", "f64.promote_f32", "f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4",
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "gt", "le", "ge")
INDIFFERENT = (
    NONDETERMINISTIC
    | {f"{shape}.{op}" for shape in ("f32", "f64", "f32x4", "f64x2") for op in _COMPARISONS}
    | {name for name in BY_NAME if ".trunc_f" in name or "trunc_sat" in name}
)

_CORE = [op for op in OPS.values() if op.feature in Features.CORE_2_0]
#: instructions that only work on the operand stack, with at most a lane as immediate
SIMPLE = [
    op for op in _CORE
    if op.params and op.results and ADDR not in op.params and set(op.immediates) <= {"lane", "lanes"}
]  # fmt: skip
TRAPPING = [op for op in SIMPLE if ".div_" in op.name or ".rem_" in op.name or ".trunc_f" in op.name]
SAFE = [op for op in SIMPLE if op not in TRAPPING]
LOADS = [op for op in _CORE if op.immediates[:1] == ("memarg",) and op.results]
STORES = [op for op in _CORE if op.immediates[:1] == ("memarg",) and not op.results]


def _by_operands(ops: Sequence[Op], count: int) -> dict[tuple[object, ...], list[Op]]:
    table: dict[tuple[object, ...], list[Op]] = {}
    for op in ops:
        assert op.params is not None
        table.setdefault(tuple(op.params[:count]), []).append(op)
    return table


_BY_FIRST = _by_operands(SAFE, 1)
_BY_RESULT = {t: [op for op in SAFE if op.results == (t,)] for t in (I32, I64, F32, F64, V128)}
_LOADS_OF = {t: [op for op in LOADS if op.results == (t,) and op.params == (ADDR,)] for t in _BY_RESULT}
_BY_TWO = _by_operands([op for op in SAFE if op.params and len(op.params) > 1], 2)


def _operand_shape(name: str) -> str:
    shape, _, operation = name.partition(".")
    return next((word for word in operation.split("_") if word in _CANONICAL), shape)


#: shape → (its value type, how to make the NaNs of the value in local n canonical)
_CANONICAL: dict[str, tuple[ValType, Callable[[bytes], bytes]]] = {
    "f32": (F32, lambda n: _select_number(n, CODE["f32.const"] + b"\0\0\xc0\x7f", "f32.eq", "select")),
    "f64": (F64, lambda n: _select_number(n, CODE["f64.const"] + b"\0\0\0\0\0\0\xf8\x7f", "f64.eq", "select")),
    "f32x4": (
        V128,
        lambda n: _select_number(n, CODE["v128.const"] + b"\0\0\xc0\x7f" * 4, "f32x4.eq", "v128.bitselect"),
    ),
    "f64x2": (
        V128,
        lambda n: _select_number(n, CODE["v128.const"] + b"\0\0\0\0\0\0\xf8\x7f" * 2, "f64x2.eq", "v128.bitselect"),
    ),
}


def _select_number(local: bytes, nan: bytes, eq: str, select: str) -> bytes:
    get, tee = CODE["local.get"] + local, CODE["local.tee"] + local
    return tee + nan + get + get + CODE[eq] + CODE[select] + tee


_INDIFFERENT_TO = {
    shape: [BY_NAME[name] for name in sorted(INDIFFERENT) if _operand_shape(name) == shape] for shape in _CANONICAL
}


class Frame:
    """A control frame: what its label takes, what it leaves, and where its part of the operand stack begins."""

    __slots__ = ("height", "label", "results", "unreachable")

    def __init__(self, height: int, label: Sequence[ValType], results: Sequence[ValType]) -> None:
        self.height = height
        self.label = list(label)
        self.results = list(results)
        self.unreachable = False


class Body:
    """Writes one function body."""

    def __init__(self, context: "Context", choices: Choices, type: FuncType, size: int, *, leaf: bool = False) -> None:
        self.context = context
        self.leaf = leaf
        self.choices = choices
        self.out = bytearray()
        self.stack: list[ValType] = []
        self.frames = [Frame(0, type.results, type.results)]
        declared = [choices.below(len(VALUE_TYPES)) for _ in range(choices.below(5))]
        self.locals = [*type.params, *[VALUE_TYPES[i] for i in declared]]
        self._params = len(type.params)
        self._scratch: dict[ValType, int] = {}
        self._left = size

    def write(self) -> bytes:
        """The code of the function: locals, instructions, end."""
        if not self.leaf:
            self._spend_fuel()
        self._instructions()
        self._finish()
        declarations = [b"\1" + encode_type(t) for t in self.locals[self._params :]]
        return u(len(declarations)) + b"".join(declarations) + bytes(self.out) + CODE["end"]

    # Emitting

    def emit(self, name: str, *immediates: bytes) -> None:
        self.context.used.add(name)
        self.out += CODE[name]
        for immediate in immediates:
            self.out += immediate

    def _i32(self, n: int) -> None:
        self.emit("i32.const", s(n - (1 << 32) if n >> 31 else n))

    def _spend_fuel(self) -> None:
        """Traps once the global 0, which counts loop iterations and calls, is used up."""
        self.emit("global.get", b"\0")
        self._i32(1)
        self.emit("i32.sub")
        self.emit("global.set", b"\0")
        self.emit("global.get", b"\0")
        self._i32(0)
        self.emit("i32.lt_s")
        self.emit("if", b"\x40")
        self.emit("unreachable")
        self.emit("end")

    # The operand stack

    def _region(self) -> list[ValType]:
        return self.stack[self.frames[-1].height :]

    def _top(self) -> ValType | None:
        return self.stack[-1] if len(self.stack) > self.frames[-1].height else None

    def _need(self, types: Sequence[object]) -> None:
        """Takes operands of these types off the stack, after pushing those that are not there."""
        region = self._region()
        wanted = list(types)
        have = min(len(region), len(wanted))
        if self.frames[-1].unreachable and region == wanted[len(wanted) - len(region) :] and len(region) <= len(wanted):
            del self.stack[len(self.stack) - len(region) :]  # what is missing below them comes from nowhere
            return
        while have and region[-have:] != wanted[:have]:
            have -= 1
        if have:
            del self.stack[-have:]
        for t in wanted[have:]:
            self._leaf(t)

    def _leaf(self, valtype: object) -> None:
        """Pushes a value of that type, without recording it on the stack."""
        choices = self.choices
        kind = choices.byte()
        if kind > 235:
            self._tree(valtype, 1 + (kind & 3))
            return
        if kind & 1:
            known = [i for i, t in enumerate(self.locals) if t == valtype]
            if known:
                self.emit("local.get", u(known[choices.below(len(known))]))
                return
        if kind & 6 == 6:
            known = [i for i, g in enumerate(self.context.globals) if g.type == valtype]
            if known:
                self.emit("global.get", u(known[choices.below(len(known))]))
                return
        if valtype == FUNCREF and kind & 2:
            self.emit("ref.func", u(choices.below(len(self.context.func_types))))
        elif isinstance(valtype, RefType):
            self.emit("ref.null", b"\x70" if valtype == FUNCREF else b"\x6f")
        else:
            self.emit(f"{valtype}.const", constant(choices, valtype))

    def _tree(self, type: object, depth: int) -> None:
        """Pushes a value of that type that several instructions compute, without recording it on the stack."""
        choices = self.choices
        kind = choices.byte()
        if depth == 0 or type not in _BY_RESULT or kind < 32:
            self._leaf(type)
        elif kind > 200 and self.context.memory:
            self._tree(I32, depth - 1)
            self._i32(0xFFF8)
            self.emit("i32.and")
            ops = _LOADS_OF[type]
            self._access(ops[choices.below(len(ops))])
        else:
            ops = _BY_RESULT[type]
            op = ops[choices.below(len(ops))]
            for operand in op.params or ():
                self._tree(operand, depth - 1)
            self.emit(op.name, self._immediates(op))
            if op.name in NONDETERMINISTIC:
                valtype, code = _CANONICAL[op.name.partition(".")[0]]
                self.out += code(self._local(valtype))

    def _immediates(self, op: Op) -> bytes:
        if op.immediates == ("lane",):
            return bytes([self.choices.below(op.lanes)])
        return bytes([self.choices.below(32) for _ in range(16)]) if op.immediates else b""

    def _local(self, valtype: ValType) -> bytes:
        """The index of a local of that type that nothing else lives in for long."""
        if valtype not in self._scratch:
            self._scratch[valtype] = len(self.locals)
            self.locals.append(valtype)
        return u(self._scratch[valtype])

    # Instructions

    def _instructions(self) -> None:
        choices = self.choices
        while self._left > 0 and not choices.exhausted:
            step = choices.byte()
            if step == 0:
                return
            self._left -= 1
            _STEPS[step](self)

    def _finish(self) -> None:
        """Leaves the results of the innermost frame on the stack and nothing else."""
        frame = self.frames[-1]
        results = frame.results
        while True:
            region = self._region()
            if frame.unreachable:
                if len(region) <= len(results) and region == results[len(results) - len(region) :]:
                    break
            elif len(region) <= len(results) and region == results[: len(region)]:
                for t in results[len(region) :]:
                    self._leaf(t)
                break
            elif frame.label == results and results and region[-len(results) :] == results:
                self.emit("br", b"\0")
                break
            self.emit("drop")
            self.stack.pop()
        del self.stack[frame.height :]

    def _nest(self, label: Sequence[ValType], params: Sequence[ValType], results: Sequence[ValType]) -> Frame:
        frame = Frame(len(self.stack), label, results)
        self.frames.append(frame)
        self.stack += params
        return frame

    def _unnest(self) -> None:
        self._finish()
        self.stack += self.frames.pop().results
        self.emit("end")

    def _stop(self) -> None:
        """After an instruction that does not go on to the next."""
        frame = self.frames[-1]
        del self.stack[frame.height :]
        frame.unreachable = True

    def simple(self) -> None:
        """An instruction that works on the operand stack alone, preferably on what is there."""
        choices = self.choices
        region = self._region()
        ops = SAFE
        kind = choices.byte()
        if len(region) > 1 and kind & 1:
            ops = _BY_TWO.get(tuple(region[-2:])) or SAFE
        elif region and kind & 6:
            ops = _BY_FIRST.get(tuple(region[-1:])) or SAFE
        if kind > 244:
            ops = TRAPPING
        self._operate(ops[choices.below(len(ops))])

    def _operate(self, op: Op) -> None:
        assert op.params is not None
        assert op.results is not None
        choices = self.choices
        while True:
            self._need(op.params)
            self.emit(op.name, self._immediates(op))
            self.stack += op.results  # type: ignore[arg-type]  # SIMPLE has no ADDR
            if op.name not in NONDETERMINISTIC:
                return
            shape = op.name.partition(".")[0]
            if not choices.chance(128) or (len(self.frames) > 1 and self.frames[-1].unreachable):
                break
            following = _INDIFFERENT_TO[shape]
            op = following[choices.below(len(following))]
        valtype, code = _CANONICAL[shape]
        self.out += code(self._local(valtype))

    def push(self) -> None:
        valtype = VALUE_TYPES[self.choices.below(len(VALUE_TYPES))]
        self._leaf(valtype)
        self.stack.append(valtype)

    def drop(self) -> None:
        if self._top() is None:
            self.push()
        self.emit("drop")
        self.stack.pop()

    def select(self) -> None:
        valtype = self._top() or VALUE_TYPES[self.choices.below(len(VALUE_TYPES))]
        self._need([valtype, valtype, I32])
        if isinstance(valtype, RefType) or self.choices.byte() & 1:
            self.emit("select t", b"\1", encode_type(valtype))
        else:
            self.emit("select")
        self.stack.append(valtype)

    def set_local(self) -> None:
        choices = self.choices
        top = self._top()
        known = [i for i, t in enumerate(self.locals) if t == top] or list(range(len(self.locals)))
        if not known:
            return
        local = known[choices.below(len(known))]
        valtype = self.locals[local]
        tee = choices.byte() & 1
        self._need([valtype])
        self.emit("local.tee" if tee else "local.set", u(local))
        if tee:
            self.stack.append(valtype)

    def set_global(self) -> None:
        known = [i for i, g in enumerate(self.context.globals) if g.mutable and i]
        if known:
            index = known[self.choices.below(len(known))]
            self._need([self.context.globals[index].type])
            self.emit("global.set", u(index))

    # Memory

    def _address(self) -> None:
        """Brings an i32 address to the top of the stack and takes it off; it is mostly within the first page."""
        kind = self.choices.byte()
        if kind == 255:
            self._need([I32])
        elif self._top() is I32 and kind & 1:
            self.stack.pop()
            self._i32(0xFFF8)
            self.emit("i32.and")
        elif kind > 224:
            self._tree(I32, 3)
            self._i32(0xFFF8)
            self.emit("i32.and")
        else:
            self._small_address()

    def _small_address(self) -> None:
        self._i32(self.choices.bits(16) if self.choices.byte() & 3 == 3 else self.choices.byte())

    def _memarg(self, op: Op) -> bytes:
        kind = self.choices.byte()
        offset = 0 if kind < 128 else self.choices.byte() if kind < 250 else self.choices.bits(32)
        return u(self.choices.below(op.align + 1)) + u(offset)

    def _access(self, op: Op) -> None:
        immediates = self._memarg(op)
        if op.lanes:
            immediates += bytes([self.choices.below(op.lanes)])
        self.emit(op.name, immediates)

    def load(self) -> None:
        if not self.context.memory:
            return
        op = LOADS[self.choices.below(len(LOADS))]
        assert op.params is not None
        assert op.results is not None
        if op.params == (ADDR,):
            self._address()
        else:
            self._small_address()
            self._leaf(op.params[1])
        self._access(op)
        self.stack += op.results  # type: ignore[arg-type]  # no ADDR among results

    def store(self) -> None:
        if not self.context.memory:
            return
        op = STORES[self.choices.below(len(STORES))]
        assert op.params is not None
        top = self._top()
        if top in op.params[1:]:
            assert top is not None
            local = self._local(top)
            self.emit("local.set", local)
            self.stack.pop()
            self._small_address()
            self.emit("local.get", local)
        else:
            self._address()
            self._leaf(op.params[1])
        self._access(op)

    def memory(self) -> None:
        if not self.context.memory:
            return
        choices = self.choices
        kind = choices.below(6)
        if kind == 0:
            self.emit("memory.size", b"\0")
            self.stack.append(I32)
        elif kind == 1:
            if choices.chance(16):
                self._need([I32])
                if not self.context.memory_max:
                    self._i32(1)
                    self.emit("i32.and")
            else:
                self._i32(choices.below(3))
            self.emit("memory.grow", b"\0")
            self.stack.append(I32)
        elif kind == 5:
            if self.context.datas:
                self.emit("data.drop", u(choices.below(self.context.datas)))
        else:
            self._small_address()
            self._small_address() if kind != 2 else self._leaf(I32)
            if kind == 4:
                if not self.context.datas:
                    self.out += CODE["drop"] * 2
                    return
                self._i32(choices.below(12))
                self.emit("memory.init", u(choices.below(self.context.datas)), b"\0")
            else:
                self._leaf(I32) if choices.chance(16) else self._small_address()
                self.emit("memory.fill", b"\0") if kind == 2 else self.emit("memory.copy", b"\0\0")

    # Tables and references

    def _index(self, size: int) -> None:
        """Pushes a number that is mostly below ``size``."""
        if self.choices.chance(8):
            self._leaf(I32)
        else:
            self._i32(self.choices.below(max(1, size)))

    def table(self) -> None:
        choices = self.choices
        tables = self.context.tables
        if not tables:
            return
        index = choices.below(len(tables))
        reftype = tables[index]
        n = u(index)
        size = self.context.table_sizes[index]
        kind = choices.below(9)
        if kind == 0:
            self.emit("table.size", n)
            self.stack.append(I32)
        elif kind == 1:
            self._index(size)
            self.emit("table.get", n)
            self.stack.append(reftype)
        elif kind == 2:
            self._index(size)
            self._leaf(reftype)
            self.emit("table.set", n)
        elif kind == 3:
            self._leaf(reftype)
            self._i32(choices.below(3)) if choices.byte() else self._leaf(I32)
            self.emit("table.grow", n)
            self.stack.append(I32)
        elif kind == 4:
            self._index(size)
            self._leaf(reftype)
            self._index(size // 2)
            self.emit("table.fill", n)
        elif kind == 5:
            others = [i for i, t in enumerate(tables) if t == reftype]
            other = others[choices.below(len(others))]
            least = min(size, self.context.table_sizes[other])
            for _ in range(3):
                self._index(least // 2 + 1)
            self.emit("table.copy", n, u(other))
        elif kind == 6:
            elems = [i for i, t in enumerate(self.context.elems) if t == reftype]
            if elems:
                for _ in range(3):
                    self._index(3)
                self.emit("table.init", u(elems[choices.below(len(elems))]), n)
        elif kind == 7:
            if self.context.elems:
                self.emit("elem.drop", u(choices.below(len(self.context.elems))))
        else:
            top = self._top()
            if not isinstance(top, RefType):
                self._leaf(reftype)
            else:
                self.stack.pop()
            self.emit("ref.is_null")
            self.stack.append(I32)

    # Calls

    def call(self) -> None:
        types, leaves = self.context.func_types, self.context.leaves
        if self.leaf or (leaves and self.choices.chance(192)):
            if not leaves:
                return
            index = leaves[self.choices.below(len(leaves))]
        else:
            index = self.choices.below(len(types))
        self._need(types[index].params)
        self.emit("call", u(index))
        self.stack += types[index].results

    def call_indirect(self) -> None:
        choices = self.choices
        tables = [i for i, t in enumerate(self.context.tables) if t == FUNCREF]
        if not tables or self.leaf:
            return
        types = self.context.func_types
        functype = types[choices.below(len(types))]
        table = tables[choices.below(len(tables))]
        self._need(functype.params)
        self._index(self.context.table_sizes[table])
        self.emit("call_indirect", u(self.context.type_index(functype)), u(table))
        self.stack += functype.results

    # Control

    def _block_type(self) -> tuple[list[ValType], list[ValType], bytes]:
        """Parameters (which are on the stack), results and the encoded block type."""
        choices = self.choices
        region = self._region()
        count = choices.below(min(len(region), 3) + 1) if not self.frames[-1].unreachable else 0
        params = region[len(region) - count :]
        kind = choices.byte() % 4
        results = (
            params if kind == 1 else [VALUE_TYPES[choices.below(len(VALUE_TYPES))] for _ in range(max(0, kind - 1))]
        )
        if not params and len(results) < 2:
            return params, results, encode_type(results[0]) if results else b"\x40"
        return params, results, s(self.context.type_index(FuncType(tuple(params), tuple(results))))

    def block(self) -> None:
        if len(self.frames) > 12:
            return
        params, results, blocktype = self._block_type()
        self._need(params)
        self.emit("block", blocktype)
        self._nest(results, params, results)
        self._instructions()
        self._unnest()

    def loop(self) -> None:
        if len(self.frames) > 12 or self.leaf:
            return
        params, results, blocktype = self._block_type()
        self._need(params)
        self.emit("loop", blocktype)
        self._nest(params, params, results)
        self._spend_fuel()
        self._instructions()
        if self.choices.byte() & 1:
            self._need([*params, I32])
            self.emit("br_if", b"\0")
            self.stack += params
        self._unnest()

    def if_(self) -> None:
        if len(self.frames) > 12:
            return
        if self._top() is I32 and not self.frames[-1].unreachable:
            local = self._local(I32)
            self.emit("local.set", local)
            self.stack.pop()
            params, results, blocktype = self._block_type()
            self._need(params)
            self.emit("local.get", local)
        else:
            params, results, blocktype = self._block_type()
            self._need(params)
            self._leaf(I32)
        self.emit("if", blocktype)
        frame = self._nest(results, params, results)
        self._instructions()
        if self.choices.byte() & 1 or params != results:
            self._finish()
            self.emit("else")
            frame.unreachable = False
            self.stack += params
            self._instructions()
        self._unnest()

    def br_if(self) -> None:
        label = self.choices.below(len(self.frames))
        types = self.frames[-1 - label].label
        self._need([*types, I32])
        self.emit("br_if", u(label))
        self.stack += types

    def br(self) -> None:
        label = self.choices.below(len(self.frames))
        self._need(self.frames[-1 - label].label)
        self.emit("br", u(label))
        self._stop()

    def br_table(self) -> None:
        choices = self.choices
        default = choices.below(len(self.frames))
        types = self.frames[-1 - default].label
        alike = [i for i in range(len(self.frames)) if self.frames[-1 - i].label == types]
        self._need([*types, I32])
        targets = [u(alike[choices.below(len(alike))]) for _ in range(choices.below(5))]
        self.emit("br_table", u(len(targets)), *targets, u(default))
        self._stop()

    def return_(self) -> None:
        self._need(self.frames[0].results)
        self.emit("return")
        self._stop()

    def unreachable(self) -> None:
        self.emit("unreachable")
        self._stop()

    def nop(self) -> None:
        self.emit("nop")


def encode_type(valtype: ValType) -> bytes:
    if isinstance(valtype, RefType):
        return b"\x70" if valtype == FUNCREF else b"\x6f"
    return bytes([valtype.code])


def constant(choices: Choices, valtype: object) -> bytes:
    """The immediate of a const instruction."""
    kind = choices.byte()
    if valtype is V128:
        width = (32, 64, -32, -64, 8, 8)[kind % 6]
        size = abs(width) // 8
        values = INTERESTING[width]
        lanes = b"".join(
            [values[choices.below(len(values))].to_bytes(size, "little") for _ in range(min(4, 16 // size))]
        )
        return choices.bits(128).to_bytes(16, "little") if kind > 200 else (lanes * 4)[:16]
    width = 32 if valtype in (I32, F32) else 64
    values = INTERESTING[width if valtype in (I32, I64) else -width]
    bits = kind % 16 if kind < 64 else values[choices.below(len(values))] if kind < 200 else choices.bits(width)
    if valtype in (F32, F64):
        if kind < 64:
            bits = values[kind % len(values)]
        return bits.to_bytes(width // 8, "little")
    return s(bits - (1 << width) if bits >> width - 1 else bits)


# How often each kind of step is taken, out of 255
_WEIGHTS: tuple[tuple[int, Callable[[Body], None]], ...] = (
    (97, Body.simple),
    (16, Body.push),
    (14, Body.set_local),
    (6, Body.set_global),
    (4, Body.drop),
    (6, Body.select),
    (18, Body.load),
    (18, Body.store),
    (7, Body.memory),
    (14, Body.table),
    (14, Body.call),
    (6, Body.call_indirect),
    (8, Body.block),
    (7, Body.loop),
    (8, Body.if_),
    (5, Body.br_if),
    (2, Body.br),
    (2, Body.br_table),
    (1, Body.return_),
    (1, Body.unreachable),
    (1, Body.nop),
)
_STEPS = [Body.nop] + [step for weight, step in _WEIGHTS for _ in range(weight)]
assert len(_STEPS) == 256
