"""Instances of modules (specification, section "Module Instances")."""

from .function import Function
from .globals import Global
from .memory import Memory
from .table import Table
from .tag import Tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from wasm_decoder import Module
    from wasm_decoder.valid.matching import DefType

    from .engine import Engine


class Exports:
    """What an instance offers, by name: ``exports.name``, ``exports["name"]``, iteration, ``in``, ``len``.

    There are no public methods, so that every name is the module's own.  Names are in the module's order.
    """

    __slots__ = ("__instance", "__known", "__names")

    def __init__(self, instance: "Instance") -> None:
        self.__instance = instance
        self.__names = {export.name: export for export in instance.module.exports}
        self.__known: dict[str, object] = {}

    # What an export is only the module knows, and the caller of it: a union would have to be cast at every use.

    def __getitem__(self, name: str) -> "Any":
        """The export of that name.  Raises KeyError."""
        found = self.__known.get(name)
        if found is None:
            export = self.__names[name]
            instance = self.__instance
            if export.kind == "func":
                function = instance.function(export.index)
                found = instance.engine.exported(function) if instance.timeout is None else function
            else:
                found = instance.spaces[export.kind][export.index]
            self.__known[name] = found
        return found

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_Exports__"):  # a copy that is being made has nothing yet
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the instance has no export {name!r}", name=name, obj=self) from None

    def __iter__(self) -> "Iterator[str]":
        return iter(self.__names)

    def __len__(self) -> int:
        return len(self.__names)

    def __contains__(self, name: object) -> bool:
        return name in self.__names

    def __dir__(self) -> "list[str]":
        return list(self.__names)

    def __repr__(self) -> str:
        return f"<Exports: {', '.join(self.__names)}>"


class Instance:
    """A module at work in a store.

    Attributes:
        module: the module.
        engine: what runs its functions.
        name: what the store knows the instance by, "" for nothing.
        exports: what it offers.
        timeout: how many seconds each call from Python may take, None for any number.
        exited: the code with which the program ended itself, None while it has not.
        deftypes: the closed type of each type index.
        tables, mems, globals, tags: the index spaces; ``function`` is that of the functions.
        elems, datas: the segments: lists of references, and bytes; empty once they are dropped.
        linked: what the engine keeps for the instance.
    """

    __slots__ = (
        "__weakref__", "_functions", "datas", "deftypes", "elems", "engine", "exited", "exports", "globals", "linked",
        "mems", "module", "name", "tables", "tags", "timeout",
    )  # fmt: skip

    def __init__(
        self,
        module: "Module",
        engine: "Engine",
        deftypes: "tuple[DefType, ...]",
        name: str = "",
        timeout: float | None = None,
    ) -> None:
        self.module = module
        self.name = name
        self.timeout = timeout
        self.exited: int | None = None
        self.deftypes = deftypes
        self.tables: list[Table] = []
        self.mems: list[Memory] = []
        self.globals: list[Global] = []
        self.tags: list[Tag] = []
        self.elems: list[list[object]] = []
        self.datas: list[bytes] = []
        self.linked: object = None
        self.engine = engine
        self._functions: dict[int, Function] = {}
        self.exports = Exports(self)

    @property
    def spaces(self) -> "Mapping[str, Sequence[Table | Memory | Global | Tag]]":
        """The index spaces by the kind that exports and imports are of."""
        return {"table": self.tables, "memory": self.mems, "global": self.globals, "tag": self.tags}

    @property
    def memory(self) -> Memory | None:
        """The memory exported as "memory", else the first memory, None without any."""
        for export in self.module.exports:
            if export.name == "memory" and export.kind == "memory":
                return self.mems[export.index]
        return self.mems[0] if self.mems else None

    def function(self, index: int) -> Function:
        """The function of that index, imported ones first: always the same object."""
        found = self._functions.get(index)
        if found is None:
            self.engine.functions(self, (index,))
            found = self._functions[index]
        return found

    def functions(self, indices: "Collection[int]") -> "list[Function]":
        """The functions of these indices."""
        known = self._functions
        if missing := [index for index in dict.fromkeys(indices) if index not in known]:
            self.engine.functions(self, missing)
        return [known[index] for index in indices]

    def keep(self, function: Function) -> Function:
        """Take a function as the one of its index, and return it; if another thread was quicker, that thread's."""
        return self._functions.setdefault(function.index, function)

    def add_import(self, function: Function) -> None:
        """Take a function as the next one of the index space."""
        self._functions[len(self._functions)] = function

    def __repr__(self) -> str:
        return f"<Instance{' ' + self.name if self.name else ''}: {', '.join(self.exports)}>"
