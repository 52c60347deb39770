"""Stores and instantiation (specification, sections "Store" and "Instantiation")."""

from wasm_decoder import Features, Module
from wasm_decoder.binary.datas import DataSegments
from wasm_decoder.syntax.module import Active
from wasm_decoder.valid.matching import close_global, close_table, deftypes

from .const import evaluate
from .deadlines import checked
from .instance import Exports, Instance
from .link import resolve
from .tag import Tag
from .traps import LinkError, MemoryOutOfBounds, TableOutOfBounds, Trap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from wasm_decoder.syntax.module import Data, Expr

    from .engine import Engine

    Imports = Mapping[str, Mapping[str, object] | Instance]


class Store:
    """Where instances live and find each other.

    Attributes:
        engine: what runs their functions.
        features: what modules may use.
        modules: what was registered, by name.
    """

    def __init__(self, engine: "Engine | None" = None, *, features: Features = Features.CORE_3_0) -> None:
        """A store with an engine of its own choice, by default the portable one."""
        if engine is None:
            from ..exec.engine import Interpreter

            engine = Interpreter()
        self.engine = engine
        self.features = features
        self.modules: dict[str, Exports | Mapping[str, object]] = {}

    def register(self, name: str, exports: "Instance | Mapping[str, object]") -> None:
        """Offer the exports of an instance, or any mapping of host functions, memories, tables, globals and tags, to
        later instantiations under a module name; what had the name before is no longer found."""
        self.modules[name] = exports.exports if isinstance(exports, Instance) else exports

    def instantiate(
        self,
        module: "Module | bytes | bytearray | memoryview | str",
        imports: "Imports | None" = None,
        *,
        name: str = "",
        validate: 'Literal["eager", "lazy"]' = "eager",
        timeout: float | None = None,
    ) -> Instance:
        """Make an instance of a module, run its start function, and return it.

        Args:
            module: the module, decoded, in the binary format, or as text.
            imports: by module name, what the module may import: host functions (or plain Python functions, which get
                the type that the import declares), and what other instances export.  A module name that is not in it is
                looked for among the registered ones.
            name: what traps call the instance; it is not registered.
            validate: "eager" validates everything first, "lazy" each body before it first runs.
            timeout: how many seconds each call from Python may take, the start function's too; TimeoutExpired ends one
                that takes longer.  By default calls are not timed.

        Raises:
            DecodeError, ParseError, ValidationError: it is no valid module.
            LinkError: an import is missing or has another type.
            ResourceError: the host cannot provide what it asks for.
            Trap: a segment does not fit, or the start function traps.  What was written to imported memories and tables
                before stays, as the specification says.
        """
        module = self._decoded(module)
        self._validate(module, validate)
        if timeout is not None:
            checked(timeout)
        instance = Instance(module, self.engine, deftypes(module), name, timeout)
        resolve(instance, {**self.modules, **imports} if imports else self.modules)
        self.engine.link(instance, self.features, validate == "lazy")
        self._allocate(instance)
        if Features.BULK_MEMORY not in self.features:
            _check_segments(instance)
        _initialize(instance)
        if module.start is not None:
            instance.function(module.start)()
        return instance

    def _decoded(self, module: "Module | bytes | bytearray | memoryview | str") -> Module:
        import wasm_decoder

        if isinstance(module, Module):
            return module
        if isinstance(module, str):
            return wasm_decoder.parse_wat(module)
        return wasm_decoder.decode(module, self.features)

    def _validate(self, module: Module, when: str) -> None:
        from wasm_decoder.valid import validate

        if when not in ("eager", "lazy"):
            raise ValueError(f'validate is "eager" or "lazy", not {when!r}')
        validate(module, self.features, bodies=when == "eager")

    def _allocate(self, instance: Instance) -> None:
        """Make what the module defines, imports being there already."""
        module, engine, types = instance.module, self.engine, instance.deftypes
        for mem in module.mems:
            instance.mems.append(engine.memory(mem))
        for tag in module.tags:
            instance.tags.append(Tag(types[tag.type]))
        for definition in module.globals:
            value = evaluate(definition.init, instance)
            instance.globals.append(engine.global_(close_global(definition.type, types), value))
        for table in module.tables:
            init = evaluate(table.init, instance) if table.init is not None else None
            instance.tables.append(engine.table(close_table(table.type, types), init))
        for elem in module.elems:
            # declared references exist only to be taken with ref.func
            items = () if elem.mode == "declarative" else elem.init
            instance.elems.append(_references(items, instance))


def _references(items: "tuple[int, ...] | tuple[Expr, ...]", instance: Instance) -> "list[object]":
    if items and isinstance(items[0], int):
        return [*instance.functions(items)]
    return [evaluate(item, instance) for item in items]  # type: ignore[arg-type]  # none is an int


def _initialize(instance: Instance) -> None:
    """Copy the active segments, in order: what was copied stays when a later one does not fit."""
    module = instance.module
    datas = module.datas
    instance.datas[:] = [b""] * len(datas)
    i = 0  # the next data segment
    try:
        for number, elem in enumerate(module.elems):
            if isinstance(elem.mode, Active):
                start: int = evaluate(elem.mode.offset, instance)  # type: ignore[assignment]  # an address
                elements = instance.tables[elem.mode.index].elements
                items = instance.elems[number]
                if start + len(items) > len(elements):
                    raise TableOutOfBounds
                elements[start : start + len(items)] = items
                instance.elems[number] = []
        if isinstance(datas, DataSegments):
            binary = datas.binary
            buffer, size = (instance.mems[0].buffer, len(instance.mems[0])) if instance.mems else (bytearray(), 0)
            for i, place, first, end in zip(range(len(datas)), datas.addresses, datas.starts, datas.ends, strict=True):
                if place < 0:
                    _copy(instance, i, datas[i])
                elif (stop := place + end - first) <= size:
                    buffer[place:stop] = binary[first:end]
                else:
                    raise MemoryOutOfBounds
        else:
            for i, data in enumerate(datas):
                _copy(instance, i, data)
    except Trap:
        # functions that are in somebody else's table by now can still use what was not copied
        instance.datas[i:] = [data.init for data in datas[i:]]
        raise


def _copy(instance: Instance, number: int, data: "Data") -> None:
    """Copy a data segment to its memory, or keep it if it is passive."""
    if isinstance(data.mode, Active):
        start: int = evaluate(data.mode.offset, instance)  # type: ignore[assignment]  # an address
        instance.mems[data.mode.index].write(start, data.init)
    else:
        instance.datas[number] = data.init


def _check_segments(instance: Instance) -> None:
    """Version 1.0 copies either all active segments or none.  Raises LinkError."""
    for elem in instance.module.elems:
        if isinstance(elem.mode, Active):
            start: int = evaluate(elem.mode.offset, instance)  # type: ignore[assignment]  # an address
            if start + len(elem.init) > len(instance.tables[elem.mode.index]):
                raise LinkError("elements segment does not fit")
    for data in instance.module.datas:
        if isinstance(data.mode, Active):
            start = evaluate(data.mode.offset, instance)  # type: ignore[assignment]  # an address
            if start + len(data.init) > len(instance.mems[data.mode.index]):
                raise LinkError("data segment does not fit")
