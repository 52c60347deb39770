"""Machine instructions on virtual registers become instructions of the processor.

Allocation and emission are one pass: ``Emitter.instruction`` gets the registers of an instruction's operands, ends
those that are not read again, takes one for the result, and appends calls of the assembler to the block's list.  They
are made when all blocks are done, because the moves on an edge, the size of the frame and the order of blocks come
later.
"""

from ..ir.function import RETURN, T_F32, T_F64
from ..regalloc.allocate import Way
from . import abi, linkage, sequences, vectors
from . import select as k
from .assembler import Code
from .calling import Calling
from .convention import CONTEXT, MEMORY, SCRATCH, VECTOR_SCRATCH
from .registers import AE, NE, NONE, NP, RAX, RCX, RDX, E, O, P
from .transfer import LOAD_OF, VECTOR_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .select import Machine

_BROADCASTS = {
    "vpbroadcastb": ("movzx8", "i8x16"), "vpbroadcastw": ("movzx16", "i16x8"), "vbroadcastss": ("mov32", "i32x4"),
}  # fmt: skip


_ROTATIONS = ("rol32", "rol64", "ror32", "ror64")
_LOGICAL = ("sub32", "sub64", "and32", "and64", "or32", "or64", "xor32", "xor64")
_SHIFTED = ("shl32", "shl64", "shr32", "shr64", "sar32", "sar64")


class Emitter(Calling):
    """Emits one function."""

    #: After which instruction (its virtual register, width, place) flags are as ``test`` would set them.
    flags = -1, "", -1

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
            if name[0] != "i":
                self.set_flags(d, name)
        elif kind == k.BINI:
            name, immediate = x
            ra = self.use(a)
            if ends & 1:
                self.end(a)
            rd = self.define(d, ra)
            if name[:4] == "imul":
                out.append((op(name + "_rri"), rd, ra, immediate))
            elif rd != ra and self.bmi and name in _ROTATIONS:
                out.append(
                    (
                        op("rorx" + name[3:] + "_rri"),
                        rd,
                        ra,
                        (immediate if name[2] == "r" else -immediate) % int(name[3:]),
                    )
                )
            else:
                if rd != ra:
                    out.append((op("mov64_rr"), rd, ra))
                out.append((op(name + "_ri"), rd, immediate))
                if name in _LOGICAL or (immediate and name in _SHIFTED):
                    self.set_flags(d, name)
        elif kind in (k.CMP, k.CMPI, k.CMPM):
            ra = self.use(a)
            if kind == k.CMP:
                if a == b and x[0] == "t" and self.flags == (a, x[4:], self.place - 1):
                    pass  # the instruction before has set them
                else:
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
            if name[0] != "i":
                self.set_flags(d, name)
        elif kind in (k.COPY, k.NEG):
            ra = self.use(a)
            if ends & 1:
                self.end(a)
            rd = self.define(d, ra)
            if rd != ra:
                out.append((op("mov64_rr"), rd, ra))
            if kind == k.NEG:
                out.append((op(x + "_r"), rd))
                self.set_flags(d, x)
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
            name = LOAD_OF[self.types[d]]
            if self.types[d] in VECTOR_TYPES:
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
            index, type_ = x
            out.append((op("mov64_rm"), SCRATCH, CONTEXT, self.layout.globals + 8 * index))
            name = LOAD_OF[type_]
            if type_ in VECTOR_TYPES:
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

    def set_flags(self, v: int, name: str) -> None:
        """The last instruction, whose name ends with its width, has set the flags of zero and sign for ``v``."""
        self.flags = v, name[-2:], self.place

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
                self.set_flags(d, width)
            else:
                out.append((op("lea" + width + "_rm"), rd, ra, displacement))
        elif not scale and not displacement and rd in (ra, rb):
            out.append((op("add" + width + "_rr"), rd, rb if rd == ra else ra))
            self.set_flags(d, width)
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
        elif self.types[d] not in VECTOR_TYPES:
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

    def jump(self, b: int, way: Way) -> None:
        self.out.append((self.splice, way.out))
        if way.edge.target != b + 1:
            self.out.append((self.asm.jmp, self.labels[way.edge.target]))

    def branch(self, b: int, taken: Way, other: Way) -> None:
        condition = self.selected.condition[b]
        if taken.edge.target == b + 1:
            taken, other = other, taken
            condition = condition ^ 1  # FLOAT_EQ and FLOAT_NE are each other's opposite too
        if taken.edge.target <= b < other.edge.target and taken.out and self.goes_before(taken, other):
            self.out.append((self.splice, taken.out))
            taken = Way(taken.edge, taken.registers, taken.stored, [])
        self.out.append((self.branches, b, condition, taken, other))

    def goes_before(self, back: Way, other: Way) -> bool:
        """Whether the moves of a way back can be made before it is known whether it is taken."""
        if back.changed is None:
            return False
        needed = self.selected.live_in[other.edge.target].union(other.edge.args)
        moved = {source: target for target, source in back.changed.items() if isinstance(source, int)}
        for v, r in other.registers.items():
            if r in back.changed and v in needed and r not in moved:
                return False
        for v, r in list(other.registers.items()):
            if r in back.changed:
                if v in needed:
                    other.registers[v] = moved[r]
                else:
                    del other.registers[v]
        return True

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
            if self.f.loop[b] == b:
                asm.align(32)
            asm.bind(self.labels[b])
            self.splice(out)
        while self.cold:
            label, out = self.cold.pop()
            asm.bind(label)
            self.splice(out)
        for (message, place), label in self.traps.items():
            asm.bind(label)
            linkage.trap(self, message, place)
        if self.traps:
            self.op("int3")()  # the last trap returns to here, not to where other code begins (``traces.find``)
        return asm.finish()
