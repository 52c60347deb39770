"""What is known about a module when its instructions are looked at (specification, section "Contexts" of the chapter
"Validation"): its index spaces, closed, and what instructions with each index do to the operand stack."""

from ..binary.datas import DataSegments
from ..errors import ValidationError
from ..features import Features
from ..syntax.instructions import OPS, Op
from ..syntax.module import Active, Data, Expr, Module
from ..syntax.types import I32, FuncType, GlobalType, HeapType, MemType, NumType, RefType, TableType, ValType, VecType
from .matching import DefType, close, close_global, close_heap, close_ref, close_table, deftypes
from .stack import MAX_REMEMBERED, Block, Choice, Drop, Effect, Label, Memory, Select, Wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .stack import Types

    #: The effect of an instruction with a prefix, its natural alignment (-1: it has no memarg) and number of lanes.
    Row = tuple[Effect, int, int]
    Tables = tuple[list[Effect | None], list[Effect], dict[int, Row], dict[int, Op]]

#: The natural alignment of loads and stores by opcode, -1 for all others.
NATURAL = [OPS[code].align if 0x28 <= code <= 0x3E else -1 for code in range(256)]

_effects: "dict[tuple[Types, Types], Effect]" = {}


def simple_effect(op: Op, addr: NumType = I32) -> Effect:
    """What an instruction does whose signature is in the table; ``addr`` is the memory's address type."""
    assert op.params is not None
    assert op.results is not None
    pops, pushes = (
        tuple([t if isinstance(t, (NumType, VecType)) else addr for t in types]) for types in (op.params, op.results)
    )
    return _effects.setdefault((pops, pushes), Effect(pops, pushes))


_known_tables: "dict[tuple[Features, NumType | None], Tables]" = {}


def _tables(features: Features, addr: NumType | None) -> "Tables":
    """The effects by opcode (see ``Context``) if ``addr`` is the address type of memory 0; None without a memory."""
    key = features, addr
    if key in _known_tables:
        return _known_tables[key]
    plain: list[Effect | None] = [None] * 256
    no_memory = Wrong("unknown memory 0")
    accesses: list[Effect] = [no_memory] * 256
    prefixed: dict[int, Row] = {}
    indexed: dict[int, Op] = {}
    indices = {"type", "func", "elem", "tag", "field", "u32"}
    # before there could be several there was a zero instead of an index
    indices |= {"table"} if Features.REFERENCE_TYPES in features else set()
    indices |= {"mem"} if Features.MULTI_MEMORY in features else set()
    for code, op in OPS.items():
        if op.feature not in features:
            continue
        kinds = op.immediates
        if kinds and indices.issuperset(kinds) and not op.name.startswith("return_call"):
            indexed[code] = op
        if op.params is None:
            continue
        if code < 256:
            if not kinds:
                plain[code] = simple_effect(op)
            elif kinds[0] == "memarg" and addr is not None:
                accesses[code] = simple_effect(op, addr)
        elif not kinds or kinds[0] == "lane":
            prefixed[code] = simple_effect(op), -1, op.lanes
        elif kinds[0] == "memarg" and op.feature != Features.THREADS:
            prefixed[code] = no_memory if addr is None else simple_effect(op, addr), op.align, op.lanes
    plain[0x1A] = Drop((), ())
    plain[0x1B] = Select((I32,), ())
    _known_tables[key] = plain, accesses, prefixed, indexed
    return _known_tables[key]


class Local:
    """The effects of reading and writing a local variable (or a global one) of some type."""

    __slots__ = ("defaultable", "get", "set", "tee")

    def __init__(self, type: ValType) -> None:
        self.get = Effect((), (type,))
        self.set = Effect((type,), ())
        self.tee = Effect((type,), (type,))
        self.defaultable = not isinstance(type, RefType) or type.nullable


class Context:
    """A module as its instructions see it, under one set of features.

    Attributes:
        types: the defined type of each type index.
        func_types: the type index of each function.
        tables, mems, globals: the closed type of each.
        memory: where stacks are remembered, and the block types that know some of them.
        effects: what instructions do, by opcode and immediates (see ``rules``).
        undefaultable: whether there may be locals without a default value.
        has_data_count: whether instructions may refer to data segments, for which the binary format has a section.
        blocks, ifs: block types by the one byte that stands for them, and the same for ``if``.

    What the body loop looks up by opcode or by index:
        plain: the effects of opcodes without prefix or immediates that have one signature.
        accesses: those of loads and stores in memory 0.
        prefixed: those of opcodes with a prefix that have one signature, with alignment and number of lanes.
        calls, global_gets, global_sets: those of ``call``, ``global.get`` and ``global.set``.
        indexed: the instructions of which an index, or two, are all that there is to know.
        by_index: their effects, by opcode and indices (-1 for the second that is not there).
    """

    def __init__(self, module: Module, features: Features) -> None:
        self.module = module
        self.features = features
        self.types = types = deftypes(module)
        self.func_types: Sequence[int] = module.func_types
        self.tables: list[TableType] = [close_table(t, types) for t in module.table_types]
        self.mems: Sequence[MemType] = module.mem_types
        self.globals: list[GlobalType] = [close_global(t, types) for t in module.global_types]
        self._locals: dict[ValType, Local] = {}
        self._params: dict[int, list[Local]] = {}
        self.undefaultable = False
        self._labels: dict[Types, Label] = {}
        self._declared: set[int] | None = None
        self.effects: dict[object, Effect] = {}
        self._calls: list[Effect] | None = None
        self.has_data_count = module.data_count is not None or module.binary is None
        self.memory = Memory()
        self._blocks: dict[tuple[ValType | int | None, bool], Block] = {}
        self.blocks: dict[int, Block] = {}
        self.ifs: dict[int, Block] = {}
        addr = self.mems[0].addr if self.mems else None
        self.plain, self.accesses, self.prefixed, self.indexed = _tables(features, addr)
        self.by_index: dict[tuple[int, int, int], Effect] = {}
        self.global_gets = [self.local(t.type).get for t in self.globals]
        self.global_sets = [
            self.local(t.type).set if t.mutable else Wrong(self.immutable(i)) for i, t in enumerate(self.globals)
        ]

    def renew(self) -> None:
        """Forget all stacks if they have become too many: between bodies, never within one."""
        if self.memory.remembered >= MAX_REMEMBERED:
            self.memory = Memory()
            self._blocks, self.blocks, self.ifs = {}, {}, {}

    def immutable(self, index: int) -> str:
        """The complaint about an assignment; the suites of 1.0 and 2.0 put it otherwise than that of 3.0."""
        words = "immutable global" if Features.GC in self.features else "global is immutable"
        return f"{words}: global {index}"

    @property
    def calls(self) -> "list[Effect]":
        """The effect of ``call``, by function index."""
        if self._calls is None:
            effects = {
                i: Effect(t.params, t.results) for i, t in ((i, self.func_type(i)) for i in set(self.func_types))
            }
            self._calls = [effects[i] for i in self.func_types]
        return self._calls

    def local(self, type: ValType) -> Local:
        """The effects of a variable of that type, as the module writes it.  Raises ValidationError."""
        found = self._locals.get(type)
        if found is None:
            found = self._locals[type] = Local(self.close(type))
            self.undefaultable |= not found.defaultable
        return found

    def params(self, type: int) -> "list[Local]":
        """The parameters of the function type with that index, as variables.  Raises ValidationError."""
        found = self._params.get(type)
        if found is None:
            found = self._params[type] = [self.local(t) for t in self.func_type(type).params]
        return found

    def label(self, types: "Types") -> Label:
        """The label that takes values of these closed types along: the same object for the same types."""
        found = self._labels.get(types)
        if found is None:
            found = self._labels[types] = Label(types, I32)
        return found

    def block(self, written: "ValType | int | None", conditional: bool = False) -> Block:
        """The block of a block type as a module writes it; ``conditional`` for ``if``.  Raises ValidationError."""
        key = written, conditional
        found = self._blocks.get(key)
        if found is None:
            if isinstance(written, int):
                comp = self.func_type(written)
            else:
                comp = FuncType((), () if written is None else (self.close(written),))
            condition: Types = (I32,) if conditional else ()
            found = self._blocks[key] = Block(comp, self.memory, condition, self.label)
        return found

    def choice(self, labels: "frozenset[Label]") -> Effect:
        """The effect of ``br_table`` with these different labels, behind its operand."""
        found = self.effects.get(labels)
        if found is None:
            targets = [label.types for label in labels]
            # before version 2.0 the types had to be the same, not only fit the same operands
            if len(set(map(len, targets))) > 1 or Features.REFERENCE_TYPES not in self.features:
                words = " and ".join(sorted({f"[{' '.join(map(repr, types))}]" for types in targets}))
                raise ValidationError(f"type mismatch: br_table has labels that take {words}")
            found = self.effects[labels] = Choice(targets)
        return found

    # Index spaces; all raise ValidationError for an index that is none

    def type(self, index: int) -> DefType:
        if index >= len(self.types):
            raise ValidationError(f"unknown type {index}")
        return self.types[index]

    def func_type(self, index: int) -> FuncType:
        return self.type(index).func()

    def func(self, index: int) -> DefType:
        if index >= len(self.func_types):
            raise ValidationError(f"unknown function {index}")
        return self.type(self.func_types[index])

    def table(self, index: int) -> TableType:
        if index >= len(self.tables):
            raise ValidationError(f"unknown table {index}")
        return self.tables[index]

    def mem(self, index: int) -> MemType:
        if index >= len(self.mems):
            raise ValidationError(f"unknown memory {index}")
        return self.mems[index]

    def tag(self, index: int) -> FuncType:
        tags = self.module.tag_types
        if index >= len(tags):
            raise ValidationError(f"unknown tag {index}")
        return self.func_type(tags[index].type)

    def elem(self, index: int) -> RefType:
        """The type of the references in an element segment."""
        if index >= len(self.module.elems):
            raise ValidationError(f"unknown elem segment {index}")
        return close_ref(self.module.elems[index].type, self.types)

    def data(self, index: int) -> None:
        if index >= len(self.module.datas):
            raise ValidationError(f"unknown data segment {index}")

    def close(self, type: ValType) -> ValType:
        return close(type, self.types)

    def close_ref(self, type: RefType) -> RefType:
        return close_ref(type, self.types)

    def close_heap(self, heap: HeapType) -> HeapType:
        return close_heap(heap, self.types)

    @property
    def declared(self) -> "set[int]":
        """The functions that occur outside bodies: these ``ref.func`` may name (specification, "Modules", C.refs)."""
        if self._declared is None:
            module = self.module
            found = {export.index for export in module.exports if export.kind == "func"}
            exprs: list[Expr] = [g.init for g in module.globals]
            exprs += [t.init for t in module.tables if t.init is not None]
            datas: Iterable[Data] = module.datas
            if isinstance(datas, DataSegments):
                datas = [data for _, data in datas.others()]
            exprs += [data.mode.offset for data in datas if isinstance(data.mode, Active)]
            for elem in module.elems:
                if isinstance(elem.mode, Active):
                    exprs.append(elem.mode.offset)
                for item in elem.init:
                    if isinstance(item, int):
                        found.add(item)
                    else:
                        exprs.append(item)
            for expr in exprs:
                if b"\xd2" in expr.data[expr.start : expr.end]:
                    found.update(i.immediates[0] for i in expr if i.op.code == 0xD2)  # type: ignore[misc]
            self._declared = found
        return self._declared
