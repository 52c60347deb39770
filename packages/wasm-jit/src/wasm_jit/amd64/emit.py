"""Machine instructions on virtual registers become instructions of the processor.

Allocation and emission are one pass: ``Emitter.instruction`` gets the registers of an instruction's operands, ends
those that are not read again, takes one for the result, and appends calls of the assembler to the block's list.  They
are made when all blocks are done, because the moves on an edge, the size of the frame and the order of blocks come
later.
"""

from ..ir.function import (
    CALL,
    CALL_INDIRECT,
    CONST,
    RETURN,
    T_F32,
    T_F64,
    T_I32,
    T_I64,
    T_REF,
    T_V128,
    IRFunction,
    type_code,
)
from ..regalloc.allocate import Allocator, Way
from ..regalloc.moves import FIRST_SLOT, sequential
from . import abi, linkage, sequences, vectors
from . import select as k
from .assembler import Assembler, Code
from .convention import (
    CONTEXT,
    GENERAL,
    MEMORY,
    PARAMETERS,
    RESULTS,
    SCRATCH,
    VECTOR,
    VECTOR_PARAMETERS,
    VECTOR_RESULTS,
    VECTOR_SCRATCH,
    VECTOR_SCRATCH_2,
)
from .registers import AE, NE, NONE, NP, RAX, RCX, RDX, RSP, A, E, O, P

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wasm_decoder.syntax.module import Module

    from ..layout import Layout
    from ..regalloc.allocate import Out
    from ..regalloc.moves import Source
    from .select import Machine, Selected

_GENERAL_SET = sum(1 << r for r in GENERAL)
_VECTOR_SET = sum(1 << r + 16 for r in VECTOR)
_VECTOR_TYPES = (T_F32, T_F64, T_V128)
_LOAD_OF = {T_I32: "mov32", T_I64: "mov64", T_REF: "mov64", T_F32: "movss", T_F64: "movsd", T_V128: "movups"}
# How many bytes of memory instructions access; the vector instructions that are not here access 16.
_ACCESS_SIZES = {
    **{f"{name}32": 4 for name in ("mov", "add", "sub", "imul", "and", "or", "xor", "cmp")},
    **{f"{name}64": 8 for name in ("mov", "add", "sub", "imul", "and", "or", "xor", "cmp")},
    **{f"{name}ss": 4 for name in ("mov", "add", "sub", "mul", "div")}, "ucomiss": 4,
    **{f"{name}sd": 8 for name in ("mov", "add", "sub", "mul", "div")}, "ucomisd": 8,
    **{f"{name}{kind}": size for kind, size in (("b", 1), ("w", 2), ("d", 4), ("q", 8)) for name in ("pinsr", "pextr")},
    **{f"pmov{sign}x{kinds}": 8 for sign in "sz" for kinds in ("bw", "wd", "dq")},
    "mov8": 1, "movzx8": 1, "movsx8_32": 1, "movsx8_64": 1, "vpbroadcastb": 1,
    "mov16": 2, "movzx16": 2, "movsx16_32": 2, "movsx16_64": 2, "vpbroadcastw": 2,
    "movsxd": 4, "vbroadcastss": 4, "movddup": 8,
}  # fmt: skip
_BROADCASTS = {
    "vpbroadcastb": ("movzx8", "i8x16"), "vpbroadcastw": ("movzx16", "i16x8"), "vbroadcastss": ("mov32", "i32x4"),
}  # fmt: skip
_SIZE_OF = {T_V128: 16}


def locations(types: "list[int]", general: "tuple[int, ...]", vector: "tuple[int, ...]") -> "tuple[list[int], int]":
    """Where values of these types are passed (a place on the stack is −1 − its offset), and how many bytes of stack."""
    found = []
    next_general, next_vector = iter(general), iter(vector)
    stack = 0
    for type_ in types:
        is_vector = type_ in _VECTOR_TYPES
        r = next(next_vector if is_vector else next_general, -1)
        if r >= 0:
            found.append(r + 16 if is_vector else r)
        else:
            size = _SIZE_OF.get(type_, 8)
            stack += -stack % size
            found.append(-1 - stack)
            stack += size
    return found, stack + -stack % 16


class Emitter(Allocator):
    """Emits one function."""

    general = _GENERAL_SET
    vector = _VECTOR_SET
    spare = VECTOR_SCRATCH + 16

    def __init__(
        self,
        f: IRFunction,
        selected: "Selected",
        module: "Module",
        layout: "Layout",
        *,
        avx: bool = True,
        bmi: bool = True,
        guarded: bool = True,
        asm: "Assembler | None" = None,
    ) -> None:
        super().__init__(f, selected)
        self.module = module
        self.layout = layout
        self.leaves = False  # whether it calls what may belong to another instance
        self.asm = Assembler() if asm is None else asm
        self.avx = avx
        self.bmi = bmi
        self.guarded = guarded  # whether accesses beyond the end of memory fault by themselves
        self.labels = [self.asm.label() for _ in f.code]
        self.outgoing = 0  # bytes of stack for arguments
        self.cold: list[tuple[int, Out]] = []  # what stands after the function: (label, code)
        self.prefix = "v" if avx else ""
        self.methods: dict[str, Any] = {}
        self.traps: dict[tuple[str, int], int] = {}
        self.frame_size = 0
        self.vector_name = ""  # of the sequence being emitted
        self.index: tuple[int, bool] = (0, False)
        self.pending_results: list[int] = []

    def op(self, name: str) -> "Any":
        """The assembler's method of that name."""
        method = self.methods.get(name)
        if method is None:
            method = self.methods[name] = getattr(self.asm, name)
        return method

    # moves

    def stack(self, slot: int) -> int:
        """The displacement of a slot from the stack pointer; argument space lies below the slots."""
        return slot * 8

    def move(self, out: "Out", target: int, source: "Source", type_: int) -> None:
        if not isinstance(source, int):
            self.constant(out, target, *source)
        elif target >= FIRST_SLOT:
            if source >= FIRST_SLOT:
                through = VECTOR_SCRATCH_2 + 16
                self.move(out, through, source, type_ if type_ in _VECTOR_TYPES else T_F64)
                source = through
                type_ = type_ if type_ in _VECTOR_TYPES else T_F64
            elif source >= 16 and type_ not in _VECTOR_TYPES:
                type_ = T_F64
            out.append((self.slot_access, "store", type_, source & 15, target - FIRST_SLOT))
        elif source >= FIRST_SLOT:
            if target >= 16 and type_ not in _VECTOR_TYPES:
                type_ = T_F64
            out.append((self.slot_access, "load", type_, target & 15, source - FIRST_SLOT))
        elif target < 16:
            if source < 16:
                out.append((self.op("mov64_rr" if type_ != T_I32 else "mov32_rr"), target, source))
            else:
                out.append((self.op("movxq_rr"), target, source - 16))
                if type_ == T_I32:
                    out.append((self.op("mov32_rr"), target, target))
        elif source < 16:
            out.append((self.op("movqx_rr"), target - 16, source))
        else:
            out.append((self.op(self.prefix + "movaps_rr"), target - 16, source - 16))

    def slot_access(self, what: str, type_: int, r: int, slot: int) -> None:
        """Emit the access to a slot, whose place is known when all code has been allocated."""
        name = _LOAD_OF[type_]
        if type_ in _VECTOR_TYPES:
            name = self.prefix + name
        if what == "load":
            self.op(name + "_rm")(r, RSP, self.outgoing + slot * 8)
        else:
            self.op(name + "_mr")(RSP, self.outgoing + slot * 8, r)

    def constant(self, out: "Out", target: int, type_: int, bits: int) -> None:
        """Load a constant, without touching the flags."""
        if target >= FIRST_SLOT:
            if type_ in (T_I32, T_F32):
                out.append((self.slot_constant, target - FIRST_SLOT, bits))
                return
            if type_ == T_V128:
                self.constant(out, VECTOR_SCRATCH_2 + 16, type_, bits)
                out.append((self.slot_access, "store", type_, VECTOR_SCRATCH_2, target - FIRST_SLOT))
            else:
                out.append((self.op("mov64_ri"), SCRATCH, bits))
                out.append((self.slot_access, "store", T_I64, SCRATCH, target - FIRST_SLOT))
        elif target < 16:
            out.append((self.op("mov64_ri" if type_ != T_I32 else "mov32_ri"), target, bits))
        elif not bits:
            r = target - 16
            out.append((self.op("vxorps_rrr"), r, r, r) if self.avx else (self.op("xorps_rr"), r, r))
        else:
            size = {T_F32: 4, T_F64: 8, T_V128: 16}[type_]
            out.append((self.load_constant, _LOAD_OF[type_], target - 16, bits.to_bytes(size, "little")))

    def slot_constant(self, slot: int, bits: int) -> None:
        self.op("mov32_mi")(RSP, self.outgoing + slot * 8, bits - (1 << 32) if bits >> 31 else bits)

    def load_constant(self, name: str, r: int, data: bytes) -> None:
        self.op(self.prefix + name + "_rl")(r, self.asm.constant(data))

    # instructions

    def instruction(self, machine: "Machine") -> None:
        kind, d, a, b, c, x, ends = machine
        out, op = self.out, self.op
        if kind == k.LEA:
            self.lea(d, a, b, x, ends)
        elif kind == k.LOAD:
            name, offset, place = x
            if self.pool(d) == self.vector and name[0] != "v":
                name = self.prefix + name
            index = self.use(a) if a >= 0 else -1
            if ends & 1:
                self.end(a)
            r = self.define(d, index) & 15
            self.access(x[0], index, offset, place)
            if name in _BROADCASTS and not self.avx:
                self.broadcast(name, r, index, offset)
            elif index >= 0:
                out.append((op(name + "_rx"), r, MEMORY, index, 0, offset))
            else:
                out.append((op(name + "_rm"), r, MEMORY, offset))
        elif kind == k.STORE:
            name, offset, place = x
            if self.pool(b) == self.vector:
                name = self.prefix + name
            index = self.use(a) if a >= 0 else -1
            r = self.use(b) & 15
            self.access(x[0], index, offset, place)
            if index >= 0:
                out.append((op(name + "_xr"), MEMORY, index, 0, offset, r))
            else:
                out.append((op(name + "_mr"), MEMORY, offset, r))
        elif kind == k.BIN:
            name, commutative = x
            ra, rb = self.use(a), self.use(b)
            if commutative and not ends & 1 and ends & 2:
                a, b, ra, rb = b, a, rb, ra
                ends = ends & 8 | 1
            if ends & 1 and a != b:
                self.end(a)
            rd = self.define(d, ra)
            if rd != ra:
                out.append((op("mov64_rr"), rd, ra))
            out.append((op(name + "_rr"), rd, rb))
        elif kind == k.BINI:
            name, immediate = x
            ra = self.use(a)
            if ends & 1:
                self.end(a)
            rd = self.define(d, ra)
            if name[:4] == "imul":
                out.append((op(name + "_rri"), rd, ra, immediate))
            else:
                if rd != ra:
                    out.append((op("mov64_rr"), rd, ra))
                out.append((op(name + "_ri"), rd, immediate))
        elif kind in (k.CMP, k.CMPI, k.CMPM):
            ra = self.use(a)
            if kind == k.CMP:
                name = x if x[0] != "u" else self.prefix + x
                out.append((op(name + "_rr"), ra & 15, self.use(b) & 15))
            elif kind == k.CMPI:
                out.append((op(x[0] + "_ri"), ra, x[1]))
            else:
                name, offset, place = x
                self.access(name, self.use(b) if b >= 0 else -1, offset, place)
                self.with_memory(name, (ra,), b, offset)
        elif kind == k.MOVI:
            self.constant(out, self.define(d), *x)
        elif kind in (k.FBIN, k.FBINM, k.FBINC):
            self.float_binary(kind, d, a, b, x, ends)
        elif kind == k.SETCC:
            r = self.define(d)
            if x == k.FLOAT_EQ:
                out += ((op("set_cr"), NP, SCRATCH), (op("set_cr"), E, r), (op("and32_rr"), r, SCRATCH))
            elif x == k.FLOAT_NE:
                out += ((op("set_cr"), P, SCRATCH), (op("set_cr"), NE, r), (op("or32_rr"), r, SCRATCH))
            else:
                out.append((op("set_cr"), x, r))
            out.append((op("movzx8_rr"), r, r))
        elif kind == k.CMOV:
            self.conditional_move(d, a, b, x, ends)
        elif kind == k.UN:
            self.unary(d, a, x, ends)
        elif kind == k.BINM:
            name, offset, place = x
            ra = self.use(a)
            if b >= 0:
                self.use(b)
            if ends & 1 and a != b:
                self.end(a)
            rd = self.define(d, ra)
            if rd != ra:
                out.append((op("mov64_rr"), rd, ra))
            self.access(name, self.use(b) if b >= 0 else -1, offset, place)
            self.with_memory(name, (rd,), b, offset)
        elif kind == k.COPY:
            ra = self.use(a)
            if ends & 1:
                self.end(a)
            rd = self.define(d, ra)
            if rd != ra:
                out.append((op("mov64_rr"), rd, ra))
        elif kind == k.SHIFT:
            self.shift(d, a, b, x, ends)
        elif kind == k.STOREI:
            name, offset, place, immediate = x
            self.access(name, self.use(a) if a >= 0 else -1, offset, place)
            if a >= 0:
                out.append((op(name + "_xi"), MEMORY, self.use(a), 0, offset, immediate))
            else:
                out.append((op(name + "_mi"), MEMORY, offset, immediate))
        elif kind == k.GLOBAL_GET:
            r = self.define(d) & 15
            out.append((op("mov64_rm"), SCRATCH, CONTEXT, self.layout.globals + 8 * x))
            name = _LOAD_OF[self.types[d]]
            if self.types[d] in _VECTOR_TYPES:
                name = self.prefix + name
            out.append((op(name + "_rm"), r, SCRATCH, 0))
        elif kind == k.SIZE:
            r = self.define(d)
            what, index = x
            if what == "memory":
                out.append((op("mov64_rm"), r, CONTEXT, abi.MEMORY_SIZE))
                out.append((op("shr64_ri"), r, self.module.mem_types[index].page_size_log2))
            else:
                out.append((op("mov64_rm"), r, CONTEXT, self.layout.tables + 8 * index))
                out.append((op("mov64_rm"), r, r, 8))
        elif kind == k.GLOBAL_SET:
            r = self.use(a) & 15
            out.append((op("mov64_rm"), SCRATCH, CONTEXT, self.layout.globals + 8 * x))
            name = _LOAD_OF[self.types[a]]
            if self.types[a] in _VECTOR_TYPES:
                name = self.prefix + name
            out.append((op(name + "_mr"), SCRATCH, 0, r))
        elif kind == k.DIVIDE:
            self.divide(d, a, b, x, ends)
            return
        elif kind == k.CALLS:
            self.call(d, a, x, ends)
            return
        elif kind == k.SEQUENCE:
            ra = self.use(a) & 15
            rb = self.use(b) & 15 if b >= 0 else -1
            rc = self.use(c) & 15 if c >= 0 else -1
            name, place, immediate = x
            if name in vectors.SEQUENCES:
                vectors.emit(self, name, self.define(d) & 15, ra, rb, rc, immediate)
            else:
                sequences.emit(self, name, self.define(d) & 15, ra, rb, place)
        elif kind == k.LOAD_LANE:
            name, offset, place, lane = x
            ra = self.use(a)
            if b >= 0:
                self.use(b)
            if ends & 1:
                self.end(a)
            rd = self.define(d, ra) & 15
            if self.avx:
                before: tuple[int, ...] = (rd, ra & 15)
            else:
                before = (rd,)
                if rd != ra & 15:
                    out.append((op("movaps_rr"), rd, ra & 15))
            self.access(name, self.use(b) if b >= 0 else -1, offset, place)
            self.with_memory(self.prefix + name, before, b, offset, lane)
        elif kind == k.STORE_LANE:
            name, offset, place, lane = x
            rb = self.use(b) & 15
            self.access(name, self.use(a) if a >= 0 else -1, offset, place)
            if a >= 0:
                out.append((op(f"{self.prefix}{name}_xri"), MEMORY, self.use(a), 0, offset, rb, lane))
            else:
                out.append((op(f"{self.prefix}{name}_mri"), MEMORY, offset, rb, lane))
        elif kind == k.RESULTS:
            self.result(d, x)
        elif kind == k.SWITCHES:
            self.index = self.use(a), ends & 1 and a not in self.held
        elif kind == k.RETURNS:
            self.returns(x[1])
            return
        else:
            raise k.Unsupported(kind)
        # what ended without having been ended for the result's sake
        if ends:
            if ends & 1:
                self.end(a)
            if ends & 2:
                self.end(b)
            if ends & 4:
                self.end(c)
            if ends & 8:
                self.drop(d)

    def access(self, name: str, index: int, offset: int, place: int) -> None:
        """Before an access to memory at a register (−1 for none) + offset: a check, or a mark for the fault."""
        out, op = self.out, self.op
        if self.guarded:
            out.append((self.asm.mark, place))
            return
        end = offset + _ACCESS_SIZES.get(name, 16)
        if index < 0:
            out.append((op("mov64_ri"), SCRATCH, end))
        elif end < 1 << 31:
            out.append((op("lea64_rm"), SCRATCH, index, end))
        else:
            out += ((op("mov64_ri"), SCRATCH, end), (op("add64_rr"), SCRATCH, index))
        out.append((op("cmp64_rm"), SCRATCH, CONTEXT, abi.MEMORY_SIZE))
        out.append((self.asm.jcc, A, self.trap("out of bounds memory access", place)))

    def with_memory(self, name: str, before: "tuple[int, ...]", index: int, offset: int, *after: int) -> None:
        """An instruction with a memory operand at index (a virtual register, −1 for none) + offset."""
        form = name + "_" + "r" * len(before)
        tail = "i" * len(after)
        if index >= 0:
            self.out.append((self.op(f"{form}x{tail}"), *before, MEMORY, self.use(index), 0, offset, *after))
        else:
            self.out.append((self.op(f"{form}m{tail}"), *before, MEMORY, offset, *after))

    def broadcast(self, name: str, r: int, index: int, offset: int) -> None:
        """A load to every lane, where the processor has no instruction for it."""
        load, shape = _BROADCASTS[name]
        if index >= 0:
            self.out.append((self.op(load + "_rx"), SCRATCH, MEMORY, index, 0, offset))
        else:
            self.out.append((self.op(load + "_rm"), SCRATCH, MEMORY, offset))
        vectors.emit(self, shape + ".splat", r, SCRATCH, -1, -1, None)

    def lea(self, d: int, a: int, b: int, x: "tuple[str, int, int]", ends: int) -> None:
        width, scale, displacement = x
        out, op = self.out, self.op
        ra = self.use(a) if a >= 0 else -1
        rb = self.use(b) if b >= 0 else -1
        if ends & 1:
            self.end(a)
        if ends & 2:
            self.end(b)
        rd = self.define(d, ra if ra >= 0 else rb)
        if rb < 0:
            if rd == ra:
                out.append((op("add" + width + "_ri"), rd, displacement))
            else:
                out.append((op("lea" + width + "_rm"), rd, ra, displacement))
        elif not scale and not displacement and rd in (ra, rb):
            out.append((op("add" + width + "_rr"), rd, rb if rd == ra else ra))
        elif ra < 0:
            if rd == rb and not displacement:
                out.append((op("shl" + width + "_ri"), rd, scale))
            elif scale == 1:
                out.append((op("lea" + width + "_rx"), rd, rb, rb, 0, displacement))
            else:
                out.append((op("lea" + width + "_rx"), rd, NONE, rb, scale, displacement))
        else:
            out.append((op("lea" + width + "_rx"), rd, ra, rb, scale, displacement))

    def float_binary(self, kind: int, d: int, a: int, b: int, x: "Any", ends: int) -> None:
        out, op = self.out, self.op
        name = x[0]
        ra = self.use(a)
        rb = self.use(b) if b >= 0 else -1
        if kind == k.FBIN and x[1] and not ends & 1 and ends & 2:
            a, b, ra, rb = b, a, rb, ra
            ends = ends & 8 | 1
        if ends & 1 and a != b:
            self.end(a)
        rd = self.define(d, ra) & 15
        ra &= 15
        if self.avx:
            before: tuple[int, ...] = (rd, ra)
            name = "v" + name
        else:
            before = (rd,)
            if rd != ra:
                out.append((op("movaps_rr"), rd, ra))
        form = "r" * len(before)
        if kind == k.FBIN:
            out.append((op(f"{name}_{form}r"), *before, rb & 15))
        elif kind == k.FBINM:
            self.access(x[0], self.use(b) if b >= 0 else -1, x[1], x[2])
            self.with_memory(name, before, b, x[1])
        else:
            # abs and neg of a scalar are done on the whole register
            size = 16 if name.endswith("ps") else {T_F32: 4, T_F64: 8}.get(self.types[d], 16)
            data = x[1][:size]
            out.append((self.with_constant, f"{name}_{form}l", before, data))

    def with_constant(self, name: str, before: "tuple[int, ...]", data: bytes) -> None:
        self.op(name)(*before, self.asm.constant(data))

    def vector3(self, out: "Out", name: str, d: int, a: int, b: int) -> None:
        """d = a op b on vector registers (b may be a general one); without AVX d is not b, or b is a too."""
        if self.avx:
            out.append((self.op(f"v{name}_rrr"), d, a, b))
        else:
            if d != a:
                out.append((self.op("movaps_rr"), d, a))
            out.append((self.op(f"{name}_rr"), d, b))

    def load_bytes(self, d: int, data: bytes) -> None:
        """d = constant of 16 bytes."""
        self.out.append((self.with_constant, self.prefix + "movups_rl", (d,), data))

    def vector_constant(self, out: "Out", name: str, d: int, a: int, data: bytes) -> None:
        """d = a op constant."""
        if self.avx:
            out.append((self.with_constant, f"v{name}_rrl", (d, a), data))
        else:
            if d != a:
                out.append((self.op("movaps_rr"), d, a))
            out.append((self.with_constant, f"{name}_rl", (d,), data))

    def unary(self, d: int, a: int, x: "tuple[str, int | None]", ends: int) -> None:
        name, immediate = x
        out, op = self.out, self.op
        ra = self.use(a)
        if ends & 1:
            self.end(a)
        rd = self.define(d, ra) & 15
        source = ra & 15
        if name in ("movd_from", "movq_from"):
            out.append((op("movxq_rr"), rd, source))
            if name == "movd_from":
                out.append((op("mov32_rr"), rd, rd))
        elif name in ("movd_to", "movq_to"):
            out.append((op("movqx_rr"), rd, source))
        elif self.types[d] not in _VECTOR_TYPES:
            if name in ("popcnt32", "popcnt64", "lzcnt32", "lzcnt64", "tzcnt32", "tzcnt64") and rd != source:
                out.append((op("xor32_rr"), rd, rd))  # these wait for their target on some processors
            out.append((op(name + "_rr"), rd, source))
        else:
            if ra < 16 and self.avx:  # from a general register: the rest of the target must not be waited for
                out.append((op("vxorps_rrr"), rd, rd, rd))
            elif ra < 16:
                out.append((op("xorps_rr"), rd, rd))
            if self.avx:
                operands: tuple[int, ...] = (rd, rd if ra < 16 else source, source)
                name = "v" + name
            else:
                operands = (rd, source)
            form = "r" * len(operands)
            if immediate is None:
                out.append((op(f"{name}_{form}"), *operands))
            else:
                out.append((op(f"{name}_{form}i"), *operands, immediate))

    def conditional_move(self, d: int, a: int, b: int, x: "tuple[int, str]", ends: int) -> None:
        """d = condition ? a : b."""
        condition, width = x
        out, op = self.out, self.op
        ra, rb = self.use(a), self.use(b)
        if condition == k.FLOAT_EQ:  # a only if equal and ordered: the same as b if not equal or not ordered
            a, b, ra, rb = b, a, rb, ra
            ends = ends & 12 | (ends & 1) << 1 | (ends & 2) >> 1
            conditions: tuple[int, ...] = (NE, P)
        elif condition == k.FLOAT_NE:
            conditions = (NE, P)
        else:
            conditions = (condition,)
            if not ends & 2 and ends & 1:
                a, b, ra, rb = b, a, rb, ra
                ends = ends & 12 | 2
                conditions = (condition ^ 1,)
        # now d begins as b and becomes a on any of the conditions
        if ends & 2 and a != b:
            self.end(b)
        rd = self.define(d, rb)
        if width == "vector":
            if rd != rb:
                out.append((op(self.prefix + "movaps_rr"), rd & 15, rb & 15))
            take, done = self.asm.label(), self.asm.label()
            if len(conditions) == 1:
                out.append((self.asm.jcc, conditions[0] ^ 1, done))
            else:
                out += [(self.asm.jcc, each, take) for each in conditions]
                out += ((self.asm.jmp, done), (self.asm.bind, take))
            out += ((op(self.prefix + "movaps_rr"), rd & 15, ra & 15), (self.asm.bind, done))
        else:
            if rd != rb:
                out.append((op("mov64_rr"), rd, rb))
            for each in conditions:
                out.append((op(f"cmov{width}_crr"), each, rd, ra))
        if ends & 1:
            self.end(a)

    def shift(self, d: int, a: int, b: int, x: "tuple[str | None, str]", ends: int) -> None:
        three, by_cl = x
        out, op = self.out, self.op
        if three is not None and self.bmi:
            ra, rb = self.use(a), self.use(b)
            if ends & 1:
                self.end(a)
            if ends & 2:
                self.end(b)
            out.append((op(three + "_rrr"), self.define(d, ra), ra, rb))
            return
        ra, rb = self.use(a), self.use(b)
        if rb != RCX:
            if ra == RCX:  # the value makes room for the count
                out.append((op("mov64_rr"), SCRATCH, ra))
                ra = SCRATCH
            if self.holds[RCX] != a or not ends & 1:
                self.clear(RCX)
            out.append((op("mov32_rr"), RCX, rb))
        if ends & 1:
            self.end(a)
        if ends & 2:
            self.end(b)
        free, self.free = self.free, self.free & ~(1 << RCX)
        rd = self.define(d, ra)
        self.free |= free & 1 << RCX
        if self.holds[RCX] < 0:
            self.free |= 1 << RCX
        if rd != ra:
            out.append((op("mov64_rr"), rd, ra))
        out.append((op(by_cl + "_r"), rd))

    def divide(self, d: int, a: int, b: int, x: "tuple[int, bool, bool, int]", ends: int) -> None:
        width, signed, remainder, place = x
        out, op = self.out, self.op
        ra, rb = self.use(a), self.use(b)
        divisor = rb
        if rb in (RAX, RDX):
            divisor = SCRATCH
            out.append((op("mov64_rr"), SCRATCH, rb))
        if ends & 1:
            self.end(a)
        if ends & 2:
            self.end(b)
        # ra and the divisor still hold what they held: nothing has been written
        self.locked |= 1 << ra | 1 << divisor | 1 << RAX | 1 << RDX
        if self.holds[RDX] >= 0:
            self.clear(RDX)
        if self.holds[RAX] >= 0:
            self.clear(RAX)
        if ra != RAX:
            out.append((op("mov64_rr"), RAX, ra))
        done = self.asm.label()
        asm = self.asm
        if place:
            out += ((op(f"test{width}_rr"), divisor, divisor), (asm.jcc, E, self.trap("integer divide by zero", place)))
            if signed:
                ordinary = asm.label()
                out += ((op(f"cmp{width}_ri"), divisor, -1), (asm.jcc, NE, ordinary))
                if remainder:
                    out += ((op("xor32_rr"), RDX, RDX), (asm.jmp, done))
                else:  # the one number that minus one divides out of range is the one that minus 1 overflows
                    out += ((op(f"cmp{width}_ri"), RAX, 1), (asm.jcc, O, self.trap("integer overflow", place)))
                out.append((asm.bind, ordinary))
        if signed:
            out += ((op("cdq" if width == 32 else "cqo"),), (op(f"idiv{width}_r"), divisor))
        else:
            out += ((op("xor32_rr"), RDX, RDX), (op(f"div{width}_r"), divisor))
        out.append((asm.bind, done))
        result, other = (RDX, RAX) if remainder else (RAX, RDX)
        for r in (result, other):
            if self.holds[r] < 0:
                self.free |= 1 << r
        self.free &= ~(1 << result)
        self.registers[d] = result
        self.holds[result] = d
        if ends & 8:
            self.drop(d)

    def trap(self, message: str, place: int) -> int:
        """The label of the code, out of the way, that traps."""
        key = message, place
        label = self.traps.get(key)
        if label is None:
            label = self.traps[key] = self.asm.label()
        return label

    # calls

    def call(self, d: int, a: int, x: "tuple[Any, ...]", ends: int) -> None:
        what, args, ending = x
        out, op, f = self.out, self.op, self.f
        types = [self.types[arg] for arg in args]
        where, size = locations(types, PARAMETERS, VECTOR_PARAMETERS)
        self.outgoing = max(self.outgoing, size)
        element = -1
        if a >= 0:
            element = self.use(a)
        gone = {arg for arg in ending if arg not in self.held}
        if ends & 1 and a not in self.held:
            gone.add(a)
        for v in list(self.registers):
            if v not in gone:
                self.save(v)
        moves: list[tuple[int, Source]] = []
        typed: dict[int, int] = {}
        for arg, target in zip(args, where, strict=True):
            if f.op[arg] == CONST:
                source: Source = (self.types[arg], f.aux[arg])
            else:
                r = self.registers.get(arg, -1)
                source = r if r >= 0 else FIRST_SLOT + self.slots[arg]
            if target < 0:
                self.pass_on_stack(source, -1 - target, self.types[arg])
            else:
                moves.append((target, source))
                typed[target] = self.types[arg]
        if element >= 0:
            out.append((op("mov32_rr"), SCRATCH, element))
        for target, source in sequential(moves, self.spare):
            self.move(out, target, source, typed.get(target, T_V128))
        for v in list(self.registers):
            self.drop(v)
        results = self.result_types(what, d)
        self.pending_results, _ = locations(results, RESULTS, VECTOR_RESULTS)
        linkage.call(self, what)
        if d >= 0:
            r = 16 if self.types[d] in _VECTOR_TYPES else RAX
            self.registers[d] = r
            self.holds[r] = d
            self.free &= ~(1 << r)
            if ends & 8:
                self.drop(d)

    def result_types(self, what: "tuple[Any, ...]", d: int) -> "list[int]":
        """The type codes of the results of a call."""
        if what[0] == CALL:
            functype = self.module.functype(self.module.func_types[what[1]])
        elif what[0] == CALL_INDIRECT:
            functype = self.module.functype(what[1])
        else:
            return [self.types[d]] if d >= 0 else []
        return [type_code(t) for t in functype.results]

    def pass_on_stack(self, source: "Source", offset: int, type_: int) -> None:
        """Store an argument to the argument space at the bottom of the frame."""
        out = self.out
        wide = type_ == T_V128
        if isinstance(source, int) and source < FIRST_SLOT:
            r = source & 15
        else:
            r = VECTOR_SCRATCH if wide or type_ in _VECTOR_TYPES else SCRATCH
            self.move(out, r + 16 if r == VECTOR_SCRATCH and (wide or type_ in _VECTOR_TYPES) else r, source, type_)
        name = _LOAD_OF[type_]
        if type_ in _VECTOR_TYPES:
            name = self.prefix + name
        elif type_ == T_I32:
            name = "mov64"
        out.append((self.op(name + "_mr"), RSP, offset, r))

    def result(self, d: int, index: int) -> None:
        where = self.pending_results[index]
        if where >= 0:
            self.registers[d] = where
            self.holds[where] = d
            self.free &= ~(1 << where)
        else:
            r = self.define(d)
            name = _LOAD_OF[self.types[d]]
            if r >= 16:
                name = self.prefix + name
            self.out.append((self.op("mov64_rm"), SCRATCH, CONTEXT, abi.EXECUTION))
            self.out.append((self.op(name + "_rm"), r & 15, SCRATCH, abi.RESULT_SPACE - 1 - where))

    def returns(self, values: "tuple[int, ...]") -> None:
        f = self.f
        where, _ = locations([self.types[v] for v in values], RESULTS, VECTOR_RESULTS)
        moves: list[tuple[int, Source]] = []
        typed: dict[int, int] = {}
        for v, target in zip(values, where, strict=True):
            if f.op[v] == CONST:
                source: Source = (self.types[v], f.aux[v])
            else:
                r = self.registers.get(v, -1)
                source = r if r >= 0 else FIRST_SLOT + self.slots[v]
            if target < 0:
                self.return_in_memory(source, -1 - target, self.types[v])
            else:
                moves.append((target, source))
                typed[target] = self.types[v]
        for target, source in sequential(moves, self.spare):
            self.move(self.out, target, source, typed.get(target, T_V128))
        self.out.append((self.epilogue,))

    def return_in_memory(self, source: "Source", offset: int, type_: int) -> None:
        """Store a result to the execution's result space."""
        if isinstance(source, int) and source < FIRST_SLOT:
            r = source
        else:  # by way of a vector register, as SCRATCH is taken
            r = VECTOR_SCRATCH + 16
            if not isinstance(source, int):
                source = (T_F32 if type_ == T_I32 else T_F64 if type_ != T_V128 else T_V128, source[1])
            self.move(self.out, r, source, type_)
        name = _LOAD_OF[type_]
        if r >= 16:
            name = self.prefix + (name if type_ in _VECTOR_TYPES else "movss" if type_ == T_I32 else "movsd")
        self.out.append((self.op("mov64_rm"), SCRATCH, CONTEXT, abi.EXECUTION))
        self.out.append((self.op(name + "_mr"), SCRATCH, abi.RESULT_SPACE + offset, r & 15))

    def epilogue(self) -> None:
        if self.frame_size:
            self.op("add64_ri")(RSP, self.frame_size)
        self.asm.ret()

    # blocks

    def parameters(self) -> "dict[int, int]":
        params = self.f.params[0]
        where, _ = locations([self.types[p] for p in params], PARAMETERS, VECTOR_PARAMETERS)
        registers = {}
        for p, location in zip(params, where, strict=True):
            if location >= 0:
                registers[p] = location
            else:
                self.stored.add(p)
                self.out.append((self.incoming_parameter, -1 - location, self.types[p], self.slot(p)))
        return registers

    def incoming_parameter(self, offset: int, type_: int, slot: int) -> None:
        """Copy a parameter from above the return address to its slot."""
        name = _LOAD_OF[T_V128 if type_ == T_V128 else T_F64]
        if self.avx:
            name = "v" + name
        self.op(name + "_rm")(VECTOR_SCRATCH, RSP, self.frame_size + 8 + offset)
        self.op(name + "_mr")(RSP, self.outgoing + slot * 8, VECTOR_SCRATCH)

    def jump(self, b: int, way: Way) -> None:
        self.out.append((self.splice, way.out))
        if way.edge.target != b + 1:
            self.out.append((self.asm.jmp, self.labels[way.edge.target]))

    def splice(self, out: "Out") -> None:
        for function, *operands in out:
            function(*operands)

    def branch(self, b: int, taken: Way, other: Way) -> None:
        condition = self.selected.condition[b]
        if taken.edge.target == b + 1:
            taken, other = other, taken
            condition = condition ^ 1  # FLOAT_EQ and FLOAT_NE are each other's opposite too
        self.out.append((self.branches, b, condition, taken, other))

    def branches(self, b: int, condition: int, taken: Way, other: Way) -> None:
        asm, labels = self.asm, self.labels
        back = taken.edge.target <= b
        if not taken.out:
            self.jump_if(condition, labels[taken.edge.target])
        elif back:  # a loop's moves stand in line
            skip = asm.label()
            self.jump_if(condition ^ 1, skip)
            self.splice(taken.out)
            asm.jmp(labels[taken.edge.target])
            asm.bind(skip)
        else:
            stub = asm.label()
            self.jump_if(condition, stub)
            self.cold.append((stub, [*taken.out, (asm.jmp, labels[taken.edge.target])]))
        self.splice(other.out)
        if other.edge.target != b + 1:
            asm.jmp(labels[other.edge.target])

    def jump_if(self, condition: int, label: int) -> None:
        asm = self.asm
        if condition == k.FLOAT_EQ:
            skip = asm.label()
            asm.jcc(P, skip)
            asm.jcc(E, label)
            asm.bind(skip)
        elif condition == k.FLOAT_NE:
            asm.jcc(P, label)
            asm.jcc(NE, label)
        else:
            asm.jcc(condition, label)

    def switch(self, b: int, ways: "list[Way]") -> None:
        self.out.append((self.switches, *self.index, ways))

    def switches(self, index: int, index_ends: bool, ways: "list[Way]") -> None:
        asm, op = self.asm, self.op
        targets = []
        stubs: dict[int, int] = {}
        for way in ways:
            label = self.labels[way.edge.target]
            if way.out:
                if id(way) not in stubs:
                    stubs[id(way)] = asm.label()
                    self.cold.append((stubs[id(way)], [*way.out, (asm.jmp, label)]))
                label = stubs[id(way)]
            targets.append(label)
        default = targets.pop()
        if targets:
            op("cmp32_ri")(index, len(targets))
            asm.jcc(AE, default)
            table = asm.table(targets)
            op("lea64_rl")(SCRATCH, table)
            if not index_ends:  # two registers are needed: the index comes back from a third place
                op("movqx_rr")(VECTOR_SCRATCH, index)
            op("movsxd_rx")(index, SCRATCH, index, 2, 0)
            op("add64_rr")(SCRATCH, index)
            if not index_ends:
                op("movxq_rr")(index, VECTOR_SCRATCH)
            op("jmp_r")(SCRATCH)
        else:
            asm.jmp(default)

    def leave(self, b: int) -> None:
        term = self.f.term[b]
        if term[0] != RETURN:
            self.out.append((self.asm.jmp, self.trap("unreachable", term[1])))  # type: ignore[arg-type]  # its offset

    # the whole

    def emit(self) -> Code:
        """The function's code."""
        blocks = self.run()
        asm = self.asm
        slots = self.slot_count * 8
        self.outgoing += -self.outgoing % 16
        size = self.outgoing + slots
        size += 8 * self.leaves
        self.frame_size = size + (8 - size) % 16 if size or self.selected.calls else 0
        linkage.prologue(self)
        for b, out in enumerate(blocks):
            head = self.f.loop[b] == b
            if head:
                asm.align(16)
            asm.bind(self.labels[b])
            if head:
                linkage.loop_head(self)
            self.splice(out)
        while self.cold:
            label, out = self.cold.pop()
            asm.bind(label)
            self.splice(out)
        for (message, place), label in self.traps.items():
            asm.bind(label)
            linkage.trap(self, message, place)
        return asm.finish()
