"""Parameters, calls and results: the registers and the stack that ``convention`` says."""

from ..ir.function import CALL, CALL_INDIRECT, T_F32, T_F64, T_I32, T_V128, type_code
from ..regalloc.moves import FIRST_SLOT, sequential
from . import abi, linkage
from .convention import (
    CONTEXT,
    PARAMETERS,
    RESULTS,
    SCRATCH,
    VECTOR_PARAMETERS,
    VECTOR_RESULTS,
    VECTOR_SCRATCH,
)
from .registers import RAX, RSP
from .transfer import LOAD_OF, VECTOR_TYPES, Transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..regalloc.moves import Source

_SIZE_OF = {T_V128: 16}


def locations(types: "list[int]", general: "tuple[int, ...]", vector: "tuple[int, ...]") -> "tuple[list[int], int]":
    """Where values of these types are passed (a place on the stack is −1 − its offset), and how many bytes of stack."""
    found = []
    next_general, next_vector = iter(general), iter(vector)
    stack = 0
    for type_ in types:
        is_vector = type_ in VECTOR_TYPES
        r = next(next_vector if is_vector else next_general, -1)
        if r >= 0:
            found.append(r + 16 if is_vector else r)
        else:
            size = _SIZE_OF.get(type_, 8)
            stack += -stack % size
            found.append(-1 - stack)
            stack += size
    return found, stack + -stack % 16


class Calling(Transfer):
    """Emits what goes in and out of functions."""

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
        name = LOAD_OF[T_V128 if type_ == T_V128 else T_F64]
        if self.avx:
            name = "v" + name
        self.op(name + "_rm")(VECTOR_SCRATCH, RSP, self.frame_size + 8 + offset)
        self.op(name + "_mr")(RSP, self.outgoing + slot * 8, VECTOR_SCRATCH)

    def call(self, d: int, a: int, x: "tuple[Any, ...]", ends: int) -> None:
        what, args, ending = x
        out, op = self.out, self.op
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
            source = self.source(arg, self.registers)
            if target < 0:
                self.pass_on_stack(source, -1 - target, self.types[arg])
            else:
                moves.append((target, source))
                typed[target] = self.types[arg]
        if element >= 0:
            out.append((op("mov32_rr"), SCRATCH, element))
        for target, source in sequential(moves, self.spare, self.general_spare if element < 0 else -1):
            self.move(out, target, source, typed.get(target, T_V128))
        for v in list(self.registers):
            self.drop(v)
        results = self.result_types(what, d)
        self.pending_results, _ = locations(results, RESULTS, VECTOR_RESULTS)
        linkage.call(self, what)
        if d >= 0:
            r = 16 if self.types[d] in VECTOR_TYPES else RAX
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
        if isinstance(source, int) and source < FIRST_SLOT:
            r = source
        else:
            r = VECTOR_SCRATCH + 16 if type_ in VECTOR_TYPES else SCRATCH
            self.move(out, r, source, type_)
        name = LOAD_OF[type_]
        if type_ in VECTOR_TYPES:
            name = self.prefix + name
        elif type_ == T_I32:
            name = "mov64"
        out.append((self.op(name + "_mr"), RSP, offset, r & 15))

    def result(self, d: int, index: int) -> None:
        where = self.pending_results[index]
        if where >= 0:
            self.registers[d] = where
            self.holds[where] = d
            self.free &= ~(1 << where)
        else:
            r = self.define(d)
            name = LOAD_OF[self.types[d]]
            if r >= 16:
                name = self.prefix + name
            self.out.append((self.op("mov64_rm"), SCRATCH, CONTEXT, abi.EXECUTION))
            self.out.append((self.op(name + "_rm"), r & 15, SCRATCH, abi.RESULT_SPACE - 1 - where))

    def returns(self, values: "tuple[int, ...]") -> None:
        where, _ = locations([self.types[v] for v in values], RESULTS, VECTOR_RESULTS)
        moves: list[tuple[int, Source]] = []
        typed: dict[int, int] = {}
        for v, target in zip(values, where, strict=True):
            source = self.source(v, self.registers)
            if target < 0:
                self.return_in_memory(source, -1 - target, self.types[v])
            else:
                moves.append((target, source))
                typed[target] = self.types[v]
        for target, source in sequential(moves, self.spare, self.general_spare):
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
        name = LOAD_OF[type_]
        if r >= 16:
            name = self.prefix + (name if type_ in VECTOR_TYPES else "movss" if type_ == T_I32 else "movsd")
        self.out.append((self.op("mov64_rm"), SCRATCH, CONTEXT, abi.EXECUTION))
        self.out.append((self.op(name + "_mr"), SCRATCH, abi.RESULT_SPACE + offset, r & 15))

    def epilogue(self) -> None:
        if self.frame_size:
            self.op("add64_ri")(RSP, self.frame_size)
        self.asm.ret()
