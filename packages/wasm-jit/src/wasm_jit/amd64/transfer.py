"""Moving values between registers, stack slots, constants and memory on x86-64: what all of emission rests on.

Each method appends calls of the assembler, with their operands, to a list; ``splice`` makes them.
"""

from ..ir.function import T_F32, T_F64, T_I32, T_I64, T_REF, T_V128, IRFunction
from ..regalloc.allocate import Allocator
from ..regalloc.moves import FIRST_SLOT
from . import abi
from .convention import CONTEXT, GENERAL, MEMORY, SCRATCH, VECTOR, VECTOR_SCRATCH, VECTOR_SCRATCH_2
from .registers import RSP, A

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wasm_decoder.syntax.module import Module

    from ..layout import Layout
    from ..regalloc.allocate import Out
    from ..regalloc.moves import Source
    from .assembler import Assembler
    from .select import Selected

_GENERAL_SET = sum(1 << r for r in GENERAL)
_VECTOR_SET = sum(1 << r + 16 for r in VECTOR)
#: Types whose values are in vector registers.
VECTOR_TYPES = (T_F32, T_F64, T_V128)
#: What loads and stores a value of each type.
LOAD_OF = {T_I32: "mov32", T_I64: "mov64", T_REF: "mov64", T_F32: "movss", T_F64: "movsd", T_V128: "movups"}
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


class Transfer(Allocator):
    """An allocator whose moves are instructions of the processor."""

    general = _GENERAL_SET
    vector = _VECTOR_SET
    spare = VECTOR_SCRATCH + 16
    general_spare = SCRATCH

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
        asm: "Assembler",
    ) -> None:
        super().__init__(f, selected)
        self.module = module
        self.layout = layout
        self.leaves = False  # whether it calls what may belong to another instance
        self.asm = asm
        self.avx = avx
        self.bmi = bmi
        self.guarded = guarded  # whether accesses beyond the end of memory fault by themselves
        self.labels = [self.asm.label() for _ in f.code]
        self.outgoing = 0  # bytes of stack for arguments
        self.cold: list[tuple[int, Out]] = []  # what stands after the function: (label, code)
        self.prefix = "v" if avx else ""
        self.methods: dict[str, Any] = asm.__dict__  # it keeps the emitters that it has made there
        self.traps: dict[tuple[str, int], int] = {}
        self.frame_size = 0
        self.vector_name = ""  # of the sequence being emitted
        self.index: tuple[int, bool] = (0, False)
        self.pending_results: list[int] = []

    def op(self, name: str) -> "Any":
        """The assembler's method of that name."""
        method = self.methods.get(name)
        if method is None:
            method = getattr(self.asm, name)
        return method

    def move(self, out: "Out", target: int, source: "Source", type_: int) -> None:
        if not isinstance(source, int):
            self.constant(out, target, *source)
        elif target >= FIRST_SLOT:
            if source >= FIRST_SLOT:
                through = VECTOR_SCRATCH_2 + 16
                self.move(out, through, source, type_ if type_ in VECTOR_TYPES else T_F64)
                source = through
                type_ = type_ if type_ in VECTOR_TYPES else T_F64
            elif source >= 16 and type_ not in VECTOR_TYPES:
                type_ = T_F64
            out.append((self.slot_access, "store", type_, source & 15, target - FIRST_SLOT))
        elif source >= FIRST_SLOT:
            if target >= 16 and type_ not in VECTOR_TYPES:
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
        name = LOAD_OF[type_]
        if type_ in VECTOR_TYPES:
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
            out.append((self.load_constant, LOAD_OF[type_], target - 16, bits.to_bytes(size, "little")))

    def slot_constant(self, slot: int, bits: int) -> None:
        self.op("mov32_mi")(RSP, self.outgoing + slot * 8, bits - (1 << 32) if bits >> 31 else bits)

    def load_constant(self, name: str, r: int, data: bytes) -> None:
        self.op(self.prefix + name + "_rl")(r, self.asm.constant(data))

    def vector3(self, out: "Out", name: str, d: int, a: int, b: int) -> None:
        """d = a op b on vector registers (b may be a general one); without AVX d is not b, or b is a too."""
        if self.avx:
            out.append((self.op(f"v{name}_rrr"), d, a, b))
        else:
            if d != a:
                out.append((self.op("movaps_rr"), d, a))
            out.append((self.op(f"{name}_rr"), d, b))

    def vector_constant(self, out: "Out", name: str, d: int, a: int, data: bytes) -> None:
        """d = a op constant."""
        if self.avx:
            out.append((self.with_constant, f"v{name}_rrl", (d, a), data))
        else:
            if d != a:
                out.append((self.op("movaps_rr"), d, a))
            out.append((self.with_constant, f"{name}_rl", (d,), data))

    def load_bytes(self, d: int, data: bytes) -> None:
        """d = constant of 16 bytes."""
        self.out.append((self.with_constant, self.prefix + "movups_rl", (d,), data))

    def with_constant(self, name: str, before: "tuple[int, ...]", data: bytes) -> None:
        self.op(name)(*before, self.asm.constant(data))

    def access(self, name: str, index: int, offset: int, place: int) -> None:
        """Before an access to memory at a register (−1 for none) + offset: a check, or a mark for the fault.

        Without guards there is no check at place 0.
        """
        out, op = self.out, self.op
        if self.guarded:
            out.append((self.asm.mark, place))
            return
        if not place:
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

    def trap(self, message: str, place: int) -> int:
        """The label of the code, out of the way, that traps."""
        key = message, place
        label = self.traps.get(key)
        if label is None:
            label = self.traps[key] = self.asm.label()
        return label

    def splice(self, out: "Out") -> None:
        for function, *operands in out:
            function(*operands)
