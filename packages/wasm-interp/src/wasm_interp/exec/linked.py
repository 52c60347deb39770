"""The names that generated code finds: one namespace for each instance, filled as functions come to need it."""

from itertools import cycle
from types import FunctionType, ModuleType
from weakref import WeakValueDictionary

from wasm_decoder.syntax.instructions import OPS

from ..runtime.deadlines import look, time_left
from ..runtime.function import Function, func_name
from ..runtime.traps import Frame, UnsupportedError
from ..runtime.values import f32_from_bits, f64_from_bits
from . import access
from .aggregates import HEAPS
from .calls import FILE, run, run_limited
from .names import Names
from .numeric import NAMESPACE, TailCall
from .translate import Source, translate
from .vector import VECTOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from wasm_decoder import Features, Module

    from ..runtime.instance import Instance
    from ..runtime.memory import Memory


class ModuleCode:
    """What instances of a module share: its functions as Python code objects, made when they are first needed.

    Attributes:
        module: the module.
        limited: whether it keeps to deadlines.
        names: what it says about the names that sources use.
        tail_calling: the functions that make tail calls, as far as they are translated.
    """

    __slots__ = ("__weakref__", "_codes", "_offsets", "limited", "module", "names", "tail_calling")

    def __init__(self, module: "Module", limited: bool) -> None:
        self.module = module
        self.limited = limited
        self.names = Names(module)
        self._codes: dict[int, CodeType] = {}
        self._offsets: dict[int, list[int]] = {}
        self.tail_calling: set[int] = set()

    def source(self, index: int) -> Source:
        """The source of a function that the module defines."""
        try:
            return translate(self.names, index, self.limited)
        except KeyError as error:
            code = error.args[0]
            if not isinstance(code, int):
                raise
            name = OPS[code].name if code in OPS else hex(code)
            raise UnsupportedError(f"{name} in function {index} is not supported by the interpreter yet") from None

    def code(self, index: int, validate: "Features | None") -> "CodeType":
        """The code object of such a function; with features given, the body is validated first."""
        found = self._codes.get(index)
        if found is None:
            if validate is not None:
                from wasm_decoder import validate_func

                validate_func(self.module, index - self.names.imported_funcs, validate)
            source = self.source(index)
            unit = compile(source.text, FILE, "exec", dont_inherit=True)
            found = next(constant for constant in unit.co_consts if hasattr(constant, "co_code"))
            self._offsets[index] = source.offsets
            if source.tail_calls:
                self.tail_calling.add(index)
            self._codes[index] = found
        return found

    def offset(self, index: int, line: int) -> int:
        """The offset of the instruction that a line of a function is for, see ``Source.offsets``."""
        return self._offsets[index][line - 1]

    def data(self, index: int) -> bytes:
        """The bytes that offsets count in."""
        return self.module.funcs[index - self.names.imported_funcs].data


_modules: "WeakValueDictionary[tuple[int, bool], ModuleCode]" = WeakValueDictionary()


def module_code(module: "Module", limited: bool) -> ModuleCode:
    """The code of a module: the same for all its instances, with deadlines or without, as long as one of them lives."""
    # a module lives as long as its code, so the key is not used again before the entry is gone
    key = id(module), limited
    found = _modules.get(key)
    if found is None:
        found = _modules[key] = ModuleCode(module, limited)
    return found


#: False now and then: asking for the next one takes a quarter of the time that a look at the clock takes.
_pulse = cycle((*[True] * 31, False))


class Linked:
    """An instance as generated code sees it.

    Attributes:
        instance, code: the instance and its module's code.
        namespace: the globals of its functions.  Names: ``f`` functions, ``g`` globals (their values), ``G`` globals
            (the objects), ``M`` memories, ``O`` tables, ``T`` their elements, ``D`` defined types, ``R`` references to
            functions, ``X`` tags, ``b`` functions as tail calls call them, each with an index; the families of
            ``access``; ``v_`` vector functions; the names of ``numeric``.
    """

    __slots__ = ("__weakref__", "_defined", "_features", "_module", "_views", "code", "instance", "namespace")

    def __init__(self, instance: "Instance", features: "Features | None") -> None:
        """``features`` are given if bodies are to be validated before they are translated."""
        self.instance = instance
        self.code = module_code(instance.module, instance.timeout is not None or time_left() is not None)
        self._features = features
        self._defined: dict[int, FunctionType] = {}
        self._views: dict[str, tuple[str, Memory]] = {}
        # the dictionary of a module: PyPy treats its values as constants
        self._module = ModuleType("wasm")
        self.namespace: dict[str, object] = self._module.__dict__
        self.namespace.update(NAMESPACE, instance=instance, linked=self, pulse=_pulse, look=look)

    def frame(self, index: int, line: int) -> Frame:
        """The frame of a function that was at that line of its source."""
        offset = self.code.offset(index, line)
        offset = max(offset, ~offset)
        # the offset in a body that was parsed from text tells nobody anything
        known = offset if offset and self.code.module.binary is not None else None
        return Frame(index, func_name(self.code.module, index), known, self.instance.name)

    def function(self, index: int) -> Function:
        """A function that the module defines; its code is made when it is first called."""
        names = self.code.names
        deftype = names.deftypes[names.func_types[index]]
        return Function(
            deftype,
            self._stub(index),
            instance=self.instance,
            index=index,
            run=run_limited if self.code.limited else run,
        )

    def _stub(self, index: int) -> "Callable[..., object]":
        """What stands for a function until it is first called."""
        names = self.code.names
        arity = len(names.functype(names.func_types[index]).params)
        return _stub_factory(arity)(lambda: self.define(index))

    def define(self, index: int) -> FunctionType:
        """The function with that index, one that the module defines, as a Python function."""
        found = self._defined.get(index)
        if found is not None:
            return found
        namespace = self.namespace
        code = self.code.code(index, self._features)
        for needed in code.co_names:
            if needed not in namespace:
                self._provide(needed)
        body = found = FunctionType(code, namespace, f"f{index}")
        function = self.instance.function(index)
        if index in self.code.tail_calling:
            function.tail = body
            found = _bouncing(code.co_argcount)(body, TailCall)
        namespace[f"b{index}"] = body
        namespace[f"f{index}"] = self._defined[index] = function.code = found
        return found

    def _provide(self, name: str) -> None:
        """Put what a name stands for into the namespace, unless it is the name of an attribute."""
        instance = self.instance
        value: object
        kind, number = name[0], name[1:]
        if number.isdigit() and kind in "fbgGMOTDRX":
            index = int(number)
            if kind == "f":
                value = self._callee(index)
            elif kind == "b":
                value = self._body(index)
            elif kind == "g":
                value = instance.globals[index].raw
            elif kind == "G":
                value = instance.globals[index]
            elif kind == "M":
                value = instance.mems[index]
            elif kind == "O":
                value = instance.tables[index]
            elif kind == "T":
                value = instance.tables[index].elements
            elif kind == "D":
                value = instance.deftypes[index]
            elif kind == "X":
                value = instance.tags[index]
            else:
                value = instance.function(index)
        elif name.startswith("v_"):
            value = _vector_function(name)
        elif name.startswith("heap_"):
            value = HEAPS[name]
        elif name.startswith("nan"):
            bits = int(name[6:], 16)
            value = f32_from_bits(bits) if name[3:5] == "32" else f64_from_bits(bits)
        else:
            family, _, index_text = name.partition("_")
            if family.removeprefix("P") not in access.FORMATS and family != "MEM":
                return
            memory = instance.mems[int(index_text or 0)]
            if not self._views:
                for each in instance.mems:
                    each.watch(self)
            self._views[name] = family, memory
            value = access.provide(family, memory)
        self.namespace[name] = value

    def _body(self, index: int) -> "Callable[..., object]":
        """What a tail call calls: without the loop around a body that makes tail calls itself."""
        function = self.instance.function(index)
        if function.instance is not self.instance:
            return function.tail or function.code

        def define() -> "Callable[..., object]":
            self.define(index)
            found: Callable[..., object] = self.namespace[f"b{index}"]  # type: ignore[assignment]  # a function
            return found

        return _stub_factory(len(function.type.params))(define)

    def _callee(self, index: int) -> "Callable[..., object]":
        function = self.instance.function(index)
        code = function.code
        if function.instance is None or function.instance is self.instance:
            return code
        provider = function.instance.linked
        if not isinstance(provider, Linked) or function.index in provider._defined:
            return code

        # another instance's function that has no code yet: ours is replaced when it gets it
        def define() -> "Callable[..., object]":
            found = self.namespace[f"f{index}"] = provider.define(function.index)
            return found

        return _stub_factory(len(function.type.params))(define)

    def refresh(self, memory: "Memory") -> None:
        """A memory has grown."""
        for name, (family, of) in self._views.items():
            if of is memory:
                self.namespace[name] = access.provide(family, memory)


_factories: "dict[int, Callable[[Callable[[], Callable[..., object]]], Callable[..., object]]]" = {}


def _stub_factory(arity: int) -> "Callable[[Callable[[], Callable[..., object]]], Callable[..., object]]":
    """Makes functions of so many parameters that first ask for the real function, then call it.

    With parameters of their own they take no space on the machine's stack, as ``*args`` would.
    """
    found = _factories.get(arity)
    if found is None:
        parameters = ", ".join([f"a{i}" for i in range(arity)])
        made: dict[str, Callable[[Callable[[], Callable[..., object]]], Callable[..., object]]] = {}
        exec(f"def make(define):\n def stub({parameters}): return define()({parameters})\n return stub", made)
        found = _factories[arity] = made["make"]
    return found


_bouncers: "dict[int, Callable[..., FunctionType]]" = {}


def _bouncing(arity: int) -> "Callable[..., FunctionType]":
    """Makes functions that make the tail calls that a body returns, until one returns results."""
    found = _bouncers.get(arity)
    if found is None:
        parameters = ", ".join([f"a{i}" for i in range(arity)])
        made: dict[str, Callable[..., FunctionType]] = {}
        exec(
            f"def make(body, TailCall):\n def bounce({parameters}):\n  result = body({parameters})\n"
            "  while result.__class__ is TailCall: result = result.code(*result.args)\n"
            "  return result\n return bounce",
            made,
        )
        found = _bouncers[arity] = made["make"]
    return found


_vector_names: "dict[str, str]" = {}


def _vector_function(name: str) -> "Callable[..., object]":
    if not _vector_names:
        for code, op in OPS.items():
            if code >> 16 == 0xFD:
                _vector_names[f"v_{op.name.replace('.', '_')}"] = op.name
    return VECTOR[_vector_names[name]]
