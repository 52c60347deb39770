"""The native engine: instances whose functions are compiled to machine code, each at its first call."""

import weakref
from array import array
from ctypes import ArgumentError
from functools import partial

from wasm_decoder.syntax.types import (
    F32,
    F64,
    FUNC,
    I32,
    I64,
    V128,
    FuncType,
    GlobalType,
    MemType,
    RefType,
    TableType,
)
from wasm_decoder.valid.matching import top_of
from wasm_interp import Engine, ExitError, Function, Instance, LinkError, UnsupportedError, function_of
from wasm_interp.runtime.deadlines import limited, look

from . import traces
from .amd64 import abi
from .cpython import convert
from .cpython.builtin import make_builtin
from .cpython.executions import keep_if_running
from .cpython.finalizer import finalizer
from .cpython.host import host_code
from .cpython.release import Turn
from .cpython.stub import compile_stub, set_code
from .cpython.support import support
from .helpers import helper
from .layout import Layout
from .memory import NativeGlobal, NativeMemory, NativeTable, context
from .native.system import system
from .routine import Routine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import BuiltinFunctionType

    from wasm_decoder import Features, Module
    from wasm_decoder.syntax.types import ValType
    from wasm_decoder.valid.matching import DefType
    from wasm_interp import Memory

    from .cache import Cache, Stored

_KINDS = {I32: "i", I64: "l", F32: "f", F64: "d", V128: "v"}


def compile_function(
    module: "Module", layout: Layout, number: int, *, guarded: bool, lazy: "Features | None"
) -> Routine:
    """As ``compile.compile_function``.  A program that comes from the cache never imports the compiler."""
    from .compile import compile_function

    return Routine.of(*compile_function(module, layout, number, guarded=guarded, lazy=lazy))


def _kinds(types: "tuple[ValType, ...]") -> str:
    """Value types as ``abi.VALUE_KINDS`` has them."""
    return "".join([("F" if top_of(t.heap) is FUNC else "E") if isinstance(t, RefType) else _KINDS[t] for t in types])


class _Code:
    """What the instances of a module share: where things are in their contexts, and the functions compiled so far."""

    def __init__(self, module: "Module") -> None:
        self.layout = Layout(module)
        self.compiled: dict[tuple[int, bool], traces.Compiled] = {}  # by number, and whether memory is guarded
        self.placed: dict[Stored, traces.Placed] = {}  # what was there when it was first asked for
        self.instances: weakref.WeakSet[Instance] = weakref.WeakSet()

    @classmethod
    def of(cls, module: "Module") -> "_Code":
        """The module's, made at first."""
        code: _Code = module.__dict__.setdefault("_native", None) or cls(module)
        module.__dict__["_native"] = code
        return code


class NativeFunction(Function):
    """A function of an instance of this engine."""

    __slots__ = ("_builtin", "record")

    def __init__(self, deftype: "DefType", instance: Instance, index: int, record: int) -> None:
        super().__init__(deftype, None, instance=instance, index=index)
        #: the address of the function record
        self.record = record
        self._builtin: BuiltinFunctionType | None = None

    def make_code(self) -> "Callable[..., object]":
        """As ``Function.make_code``."""
        return _raw(self.type, self)

    @property
    def turn(self) -> "Turn | None":
        """Whose calls without the GIL it belongs to."""
        assert self.instance is not None
        linked = self.instance.linked
        assert isinstance(linked, Linked)
        return linked.turn

    @property
    def builtin(self) -> "BuiltinFunctionType":
        """What Python calls: a builtin of machine code.  Most elements of tables never need one."""
        made = self._builtin
        if made is None:
            name, params, results = self.name or f"function{self.index}", self.type.params, self.type.results
            released = self.turn is not None
            made = self._builtin = make_builtin(
                name, _kinds(params), _kinds(results), self.record, self, released=released
            )
        return made

    def __call__(self, *args: object) -> object:
        """As ``Function.__call__``."""
        call = self._call
        if call is None:
            assert self.instance is not None
            seconds = self.instance.timeout
            call = self._call = self.builtin if seconds is None else limited(self.builtin, seconds)
        return call(*args)


class Linked:
    """What the engine keeps for an instance: its context, and what machine code has to find in it."""

    __slots__ = (
        "__weakref__", "_context", "_guard", "_helpers", "_kept", "_looked", "_missing", "code", "context", "engine",
        "features", "instance", "lazy", "module", "placed", "stub", "turn",
    )  # fmt: skip

    def __init__(self, engine: "Compiler", instance: Instance, features: "Features", lazy: bool) -> None:
        self.engine = engine
        self.turn = turn = engine.turn
        self.stub = _stub(turn is not None)
        self.instance = instance
        self.features = features
        self.lazy = lazy
        self.module = module = instance.module
        self.code = _Code.of(module)
        layout = self.code.layout
        self.context, self._context = context(layout.size)
        start = self.context
        while _undecided:
            _undecided.pop().again()
        self.guard()
        self._kept: list[object] = [instance.deftypes]
        self._helpers = 0
        self._missing = True
        self._looked = False
        self.placed: traces.Placed | None = None
        (turn or support()).prepare(start)
        system.set_word(start + layout.copy, system.symbol("memmove"))
        system.set_word(start + layout.fill, system.symbol("memset"))
        for i, deftype in enumerate(instance.deftypes):
            system.set_word(start + layout.types + 8 * i, id(deftype))
        for i in range(layout.imports):
            system.set_word(start + layout.imported + 8 * i, record_of(instance.function(i), turn))
        records = array("Q", bytes(abi.FUNCTION_SIZE * len(module.funcs)))
        step = abi.FUNCTION_SIZE // 8
        records[abi.F_CODE // 8 :: step] = array("Q", [self.stub]) * len(module.funcs)
        records[abi.F_CONTEXT // 8 :: step] = array("Q", [start]) * len(module.funcs)
        numbers = [id(deftype) for deftype in instance.deftypes]
        records[abi.F_TYPE // 8 :: step] = array("Q", [numbers[type_] for type_ in module.func_types[layout.imports :]])
        system.write(start + layout.functions, records.tobytes())

    def __reduce__(self) -> str:
        raise TypeError("an instance can't be copied or pickled")

    def watch(self) -> None:
        """Be found by those who hold no references."""
        _linked[self.context] = self
        self.code.instances.add(self.instance)
        for memory in self.instance.mems[:1]:
            memory.watch(self)

    def guard(self) -> None:
        """Have the garbage collector ask before it takes this, and be found until then; each guard asks only once."""
        self._guard = _Guard(self)
        self.watch()

    def keep_if_running(self) -> None:
        """Stay, if the garbage collector is about to take what calls that are under way come back to."""
        if keep_if_running(self, self.context, self.context + self.code.layout.size, self.turn):
            self.guard()

    def record(self, index: int) -> int:
        """The address of the record of a function that the module defines."""
        layout = self.code.layout
        return self.context + layout.functions + abi.FUNCTION_SIZE * (index - layout.imports)

    def complete(self) -> None:
        """Tell the context of memories, tables and globals, as far as they have been made."""
        if not self._missing:
            return
        instance, layout, start = self.instance, self.code.layout, self.context
        if instance.mems and not system.word(start + abi.MEMORY_BASE):
            memory = instance.mems[0]
            assert isinstance(memory, NativeMemory)
            system.set_word(start + abi.MEMORY_BASE, memory.address)
            memory.watch(self)
            self.refresh(memory)
        for i, table in enumerate(instance.tables):
            assert isinstance(table, NativeTable)
            system.set_word(start + layout.tables + 8 * i, table.descriptor)
        for i, cell in enumerate(instance.globals):
            assert isinstance(cell, NativeGlobal)
            system.set_word(start + layout.globals + 8 * i, cell.address)
        module = self.module
        self._missing = len(instance.globals) < len(module.global_types) or len(instance.tables) < len(
            module.table_types
        )

    def refresh(self, memory: "Memory") -> None:
        """The memory has grown."""
        system.set_word(self.context + abi.MEMORY_SIZE, len(memory))

    def compile(self, record: int) -> None:
        """Compile the function of a record and let its calls go there."""
        instance = self.instance
        if instance.exited is not None:
            raise ExitError(instance.exited, f"the instance has exited with code {instance.exited}")
        code, module = self.code, self.module
        layout = code.layout
        number = (record - self.context - layout.functions) // abi.FUNCTION_SIZE
        self.complete()
        guarded = self.guarded
        stored = self.stored if guarded else None  # what is kept relies on guards
        self.place_stored()
        if self.placed is not None and system.word(record + abi.F_CODE) != self.stub:
            return
        compiled = code.compiled.get((number, guarded))
        if compiled is None:
            routine = stored.get(number) if stored is not None else None
            if routine is None:
                if self.lazy:
                    from wasm_decoder.valid import validate_func

                    validate_func(module, number, self.features)
                lazy = self.features if self.lazy else None
                routine = compile_function(module, layout, number, guarded=guarded, lazy=lazy)
                if stored is not None:
                    stored.put(number, routine)
            compiled = self.install(number, routine, guarded)
        self._make_helpers()
        set_code(record, compiled.block.address)

    @property
    def stored(self) -> "Stored | None":
        """What the engine's cache has of the module, None without a cache."""
        cache = self.engine.cache
        return cache.of(self.module, self.features, guarded=self.guarded) if cache is not None else None

    @property
    def guarded(self) -> bool:
        """Whether its code may leave the bounds of memories to the processor."""
        return all(memory.guarded for memory in self.instance.mems if isinstance(memory, NativeMemory))

    def place_stored(self) -> None:
        """Let the calls of all functions that the cache has go to their code.  Only the first time does anything."""
        if self._looked or not self.guarded:
            return
        self._looked = True
        stored, code = self.stored, self.code
        if stored is None:
            return
        placed = code.placed.get(stored)
        if placed is None:
            image = stored.image
            if image is None:
                return
            block = support().code.place(image.linked(code.layout.helper))
            made = traces.Placed(code.instances, code.layout.imports, block, image)
            traces.watch(made)  # first, as an interrupt may come between
            placed = code.placed.setdefault(stored, made)  # another thread may run its own already
        self._make_helpers()
        start, step = placed.block.address, abi.FUNCTION_SIZE // 8
        codes = system.words(self.context + code.layout.functions, step * len(self.module.funcs))
        for number, offset in zip(placed.image.numbers, placed.image.starts, strict=False):
            codes[step * number + abi.F_CODE // 8] = start + offset
        self.placed = placed

    @property
    def compiled(self) -> "set[int]":
        """The functions that have code, by number."""
        guarded = self.guarded
        placed = self.placed.image.numbers if self.placed is not None else ()
        return {number for number, kind in self.code.compiled if kind == guarded}.union(placed)

    def install(self, number: int, routine: Routine, guarded: bool = True) -> traces.Compiled:
        """Put the code of a function where it can run, for all instances of the module; it does not run yet."""
        code = self.code
        layout = code.layout
        block = support().code.place(routine.linked(layout.helper))
        made = traces.Compiled(code.instances, number + layout.imports, block, routine)
        traces.watch(made)  # first, as an interrupt may come between
        return code.compiled.setdefault((number, guarded), made)  # another thread may run its own already

    def activate(self) -> None:
        """Let the calls of all functions that have been compiled go to their code."""
        self._make_helpers()
        if self.instance.exited is None:
            guarded = self.guarded
            for number in range(len(self.module.funcs)):
                compiled = self.code.compiled.get((number, guarded))
                if compiled is not None:
                    set_code(self.record(self.code.layout.imports + number), compiled.block.address)

    def _make_helpers(self) -> None:
        """Give the context the helpers that code asked for since the last time."""
        layout = self.code.layout
        for key, number in list(layout.helpers.items())[self._helpers :]:
            opcode, immediates = key
            functype, function = helper(self.instance, opcode, immediates)
            record = _Record(functype, function, 0, turn=self.turn)
            self._kept.append(record)
            system.set_word(self.context + layout.helper_records + 8 * number, record.address)
            self._helpers = number + 1

    def close(self) -> None:
        """The instance has exited: every call of its functions says so from now on."""
        for index in range(self.code.layout.imports, len(self.module.func_types)):
            set_code(self.record(index), self.stub)


class _Guard:
    """Is told when an instance is about to go."""

    __slots__ = ("_linked",)

    def __init__(self, linked: Linked) -> None:
        self._linked = linked

    def ask(self) -> None:
        """Keep the instance, if it is needed."""
        try:
            self._linked.keep_if_running()
        except ArgumentError as error:  # as ctypes words it
            raise RecursionError from error

    def again(self) -> None:
        """Let the collector ask later."""
        self._linked.guard()

    @classmethod
    def prepare(cls) -> None:
        """Make it what the collector tells."""
        if not hasattr(cls, "__del__"):
            setattr(cls, "__del__", finalizer(cls.ask, _undecided))  # noqa: B010  # mypy wants a function


#: Guards that were told where there was no room to look, or when a signal came first: their instances stay.
_undecided: "list[_Guard]" = []


class _Record:
    """The function record of a Python function: its words, and what they point to."""

    __slots__ = ("_called", "_words", "address")

    def __init__(
        self,
        functype: FuncType,
        called: "Callable[..., object]",
        type_: int,
        reference: object = None,
        turn: "Turn | None" = None,
    ) -> None:
        params, results = _kinds(functype.params), _kinds(functype.results)
        if turn is not None and "F" in results:
            called = _lending(called, turn)
        self._words = array("Q", bytes(abi.FUNCTION_SIZE))
        self._called = called
        self.address = self._words.buffer_info()[0]
        for offset, word in (
            (abi.F_CODE, host_code(params, results, turn is not None)),
            (abi.F_CONTEXT, turn.context if turn is not None else _host_context()),
            (abi.F_TYPE, type_),
            (abi.F_OBJECT, id(called)),
            (abi.F_REFERENCE, id(reference)),
        ):
            self._words[offset // 8] = word


_linked: "weakref.WeakValueDictionary[int, Linked]" = weakref.WeakValueDictionary()
_stubs: "list[int]" = []


def _stub(released: bool) -> int:
    """The code of all functions that have not been compiled."""
    if not _stubs:
        _stubs[:] = compile_stub(_compile), compile_stub(_compile, released=True)
        support().trap_handler, support().raised_handler = traces.trap, traces.raised
    return _stubs[released]


def _compile(record: int) -> None:
    look()  # a program that has much to compile is hardly ever interrupted anywhere else
    _linked[system.word(record + abi.F_CONTEXT)].compile(record)


class Compiler(Engine):
    """The native engine.  It runs Core 2.0; OSError from the constructor says why it can't run here.

    Args:
        guarded: let the processor check the bounds of memories, where there is address space for that; otherwise the
            code does.
        cache: where compiled code is kept from one process to the next; without one it is not.
        release_gil: run compiled code without the GIL, so that it runs at the same time as Python code and as the
            compiled code of other engines. Instances of this engine, whatever their store, run one call at a time: a
            second thread waits. So who wants to compute in several threads gives each a store with an engine of its
            own. A call then costs about 100 ns more, one of a host function as well. Tables are not shared with
            instances of other engines; functions, memories and globals are.
    """

    name = "compiler"

    def __init__(self, *, guarded: bool = True, cache: "Cache | None" = None, release_gil: bool = False) -> None:
        self.guarded = guarded
        self.cache = cache
        support()
        _Guard.prepare()
        self.turn = Turn() if release_gil else None
        convert.OTHER_RECORDS[:] = [_argument_record]

    def memory(self, type: "MemType") -> NativeMemory:
        """As ``Engine.memory``."""
        return NativeMemory(type, self.guarded)

    def table(self, type: "TableType", init: object) -> NativeTable:
        """As ``Engine.table``."""
        turn = self.turn
        return NativeTable(type, init, record_of if turn is None else partial(record_of, turn=turn), turn)

    def global_(self, type: "GlobalType", raw: object) -> NativeGlobal:
        """As ``Engine.global_``."""
        return NativeGlobal(type, raw)

    def link(self, instance: Instance, features: "Features", lazy: bool) -> None:
        """As ``Engine.link``.

        Raises LinkError for memories, tables and globals of another engine, UnsupportedError for a module that declares
        what is not in Core 2.0.
        """
        _check_module(instance.module, features)
        _check_imports(instance, self.turn)
        if self.cache is None or self.cache.of(instance.module, features).image is None:
            # not at the first call, which a signal handler may interrupt that wants to compile as well
            from . import compile  # noqa: A004, F401
        instance.linked = Linked(self, instance, features, lazy)

    def functions(self, instance: Instance, indices: "Sequence[int]") -> None:
        """As ``Engine.functions``."""
        linked = instance.linked
        assert isinstance(linked, Linked)
        linked.complete()
        layout, deftypes, types = linked.code.layout, instance.deftypes, instance.module.func_types
        start, imports, size = linked.context + layout.functions, layout.imports, abi.FUNCTION_SIZE
        records = system.words(start, size // 8 * len(instance.module.funcs))
        for index in indices:
            record = start + size * (index - imports)
            function = instance.keep(NativeFunction(deftypes[types[index]], instance, index, record))
            records[(record - start + abi.F_REFERENCE) // 8] = id(function)  # the instance keeps it

    def compile_all(self, instance: Instance, workers: int | None = None) -> int:
        """Compile every function of an instance now rather than at its first call.

        One with instructions that the compiler does not know is left for its first call to complain about.

        Args:
            instance: one of this engine.
            workers: how many processes compile; 0 compiles in this one. By default one per processor, if there is
                enough to do for them.

        Returns how many functions had to be compiled: those that were not yet, neither here nor in the cache.  Raises
        ValidationError if one of them is invalid and the instance was made without looking.
        """
        from .parallel import compile_all

        linked = instance.linked
        assert isinstance(linked, Linked)
        return compile_all(linked, workers)

    def exported(self, function: Function) -> object:
        """As ``Engine.exported``: the builtin."""
        return function.builtin if isinstance(function, NativeFunction) else function


_NATIVE = {"memory": NativeMemory, "table": NativeTable, "global": NativeGlobal}


def _check_module(module: "Module", features: "Features") -> None:
    """UnsupportedError if the module declares what the compiler does not know; its bodies are not looked at."""
    from wasm_decoder import DecodeError, Features, ValidationError, validate

    known = features & Features.CORE_2_0
    if known == features:
        return
    try:
        validate(module, known, bodies=False)
    except (DecodeError, ValidationError) as error:
        raise UnsupportedError(f"the native engine runs WebAssembly 2.0: {error}") from None


def _check_imports(instance: Instance, turn: "Turn | None") -> None:
    """LinkError if the instance imports something that machine code has no address for."""
    for table in instance.tables:
        if isinstance(table, NativeTable) and table.turn is not turn:
            raise LinkError(
                "incompatible import: tables are not shared between engines if one of them runs without the GIL"
            )
    spaces = {kind: iter(instance.spaces[kind]) for kind in _NATIVE}
    for wanted in instance.module.imports:
        kind = {MemType: "memory", TableType: "table", GlobalType: "global"}.get(wanted.type.__class__, "")
        if kind and not isinstance(next(spaces[kind]), _NATIVE[kind]):
            raise LinkError(
                f'incompatible import: "{wanted.module}" "{wanted.name}": compiled code needs a {kind} of the native '
                "engine, this is one of the portable engine",
                wanted.module,
                wanted.name,
            )


_contexts: "list[int]" = []


def _host_context() -> int:
    """The context that host functions run in; they need nothing of it but the execution."""
    if not _contexts:
        _contexts.append(system.allocate(abi.CONTEXT_HEAD))
        support().prepare(_contexts[0])
    return _contexts[0]


def record_of(function: Function, turn: "Turn | None" = None) -> int:
    """The address of the record of any function; it is valid as long as the function lives.

    It is for calls of instances with this turn: functions with another one are called as those of the host are.
    """
    if isinstance(function, NativeFunction) and function.turn is turn:
        return function.record
    records = function.linked
    if not isinstance(records, dict):
        records = function.linked = {}
    record: _Record | None = records.get(turn)
    if record is None:
        called: Callable[..., object] = function.host or function
        if function.host is not None and isinstance(getattr(called, "__self__", None), Instance):
            called = _exiting(called)
        made = _Record(function.type, called, id(function.deftype), function, turn)
        record = records.setdefault(turn, made)  # (another thread may have made one)
    return record.address


_arguments: "set[Function]" = set()


def _argument_record(value: object) -> "int | None":
    """The record of a function that Python passes as a reference.

    Compiled code may keep the reference anywhere, so a function that is no compiled one stays for good.
    """
    if not isinstance(value, Function):
        return None
    if isinstance(value, NativeFunction):
        return value.record
    _arguments.add(value)
    return record_of(value)


def _lending(called: "Callable[..., object]", turn: Turn) -> "Callable[..., object]":
    """A host function, and what it returns stays: what code without the GIL has can't be seen in its stack."""

    def call(*args: object) -> object:
        given = called(*args)
        for item in given if isinstance(given, (tuple, list)) else (given,):
            function = function_of(item)
            if function is not None and not (isinstance(function, NativeFunction) and function.turn is turn):
                turn.lent.add(function)
        return given

    call.__name__ = call.__qualname__ = convert.name(called)
    return call


def _exiting(called: "Callable[..., object]") -> "Callable[..., object]":
    """A host function that knows its instance: if it ends the program, the instance has exited."""

    def call(*args: object) -> object:
        try:
            return called(*args)
        except ExitError as error:
            instance: Instance = called.__self__  # type: ignore[attr-defined]  # a bound method
            instance.exited = error.code
            if isinstance(instance.linked, Linked):
                instance.linked.close()
            raise

    call.__name__ = call.__qualname__ = getattr(called, "__name__", "host function")
    return call


def _raw(functype: FuncType, function: "Callable[..., object]") -> "Callable[..., object]":
    """What the portable engine's code calls: the function for values as ``wasm_interp.runtime.values`` has them."""
    from wasm_interp.runtime.values import from_wasm, to_wasm

    params, results = functype.params, functype.results

    def code(*args: object) -> object:
        given = function(*[from_wasm(t, arg) for t, arg in zip(params, args, strict=True)])
        if len(results) == 1:
            return to_wasm(results[0], given)
        if not results:
            return None
        return tuple([to_wasm(t, value) for t, value in zip(results, given, strict=True)])  # type: ignore[call-overload]

    return code
