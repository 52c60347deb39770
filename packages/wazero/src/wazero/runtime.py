"""The façade: one object that chooses an engine, loads modules, links them and keeps their instances."""

from wasm_decoder import Features, WasmError
from wasm_interp import Instance, Interpreter, Store, UnsupportedError
from wasm_interp.runtime.deadlines import checked

from .source import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Literal

    from wasi import Wasi
    from wasm_decoder import Module
    from wasm_interp import Engine
    from wasm_jit import Cache

    from .source import ModuleSource, Validate

    EngineName = Literal["auto", "compiler", "interpreter"]
    #: what one import name stands for: an instance's exports, or a mapping such as a HostModule
    Imports = Mapping[str, "Mapping[str, object] | Instance"]


class EngineUnavailable(WasmError):
    """The engine that was asked for by name cannot run here; the message says why."""


class Runtime:
    """Runs modules in one store: what it instantiates can be linked together.

    With engine="auto", a module that needs more than the native engine knows (beyond WebAssembly 2.0: several memories,
    tags, structures …) gets the portable engine; the two can import from each other.

    Attributes:
        engine: "compiler" (the native engine) or "interpreter" (the portable one).
        engine_reason: why the native engine is not used; None if it is.
        features: what modules may use.
        timeout: how many seconds each call of what it instantiates may take, None for any number.
        store: the ``wasm_interp.Store`` below.
        cache: the ``wasm_jit.Cache`` in use, None without one.
    """

    engine: str
    engine_reason: str | None
    features: Features
    timeout: float | None
    store: Store
    cache: "Cache | None"

    def __init__(
        self,
        engine: "EngineName" = "auto",
        *,
        features: Features = Features.CORE_3_0,
        cache: "str | PathLike[str] | None" = None,
        timeout: float | None = None,
        release_gil: bool = False,
    ) -> None:
        """Choose an engine and make an empty store.

        Arguments:
            engine: "auto" takes the native engine where it can run, else the portable one; "compiler" and
                "interpreter" insist on one.
            features: what modules may use.
            cache: a directory that keeps compiled code from one process to the next; it is made if need be.  Nobody
                else may be able to write to it.  The portable engine has no use for it.
            timeout: how many seconds each call from Python into an instance may take, start functions too, before it
                ends with TimeoutExpired; more than 0.  ``wazero.timeout`` does the same for a block, if the engine is
                the native one or there is a timeout here.
            release_gil: let native code run without the GIL: at the same time as Python code, and as the code of other
                runtimes in other threads.  This runtime runs one call at a time, a second thread waits.  Short calls
                and calls of host functions take about 100 ns longer.  The portable engine always has the GIL: with
                "auto", what it has to run is run with it.

        Raises EngineUnavailable if "compiler" cannot run here, ValueError for another name, a timeout that is none, or
        release_gil with the "interpreter", OSError if the cache cannot be made or is not private.
        """
        if timeout is not None:
            checked(timeout)
        self.engine, self.engine_reason, made = choose_engine(engine, cache, release_gil=release_gil)
        self.features = features
        self.timeout = timeout
        self.store = Store(made, features=features)
        self.cache = getattr(made, "cache", None)
        self._may_choose = engine == "auto" and self.engine == "compiler"

    def load(self, source: "ModuleSource") -> "Module":
        """Decode or parse a module, so that it can be instantiated several times; ``wazero.load`` says what it takes.

        It is validated when it is first instantiated.  Raises DecodeError, ParseError or OSError.
        """
        return load(source, features=self.features)

    def instantiate(
        self,
        source: "ModuleSource",
        imports: "Imports | None" = None,
        *,
        wasi: "Wasi | None" = None,
        name: str = "",
        validate: "Validate" = "eager",
        timeout: float | None = None,
    ) -> Instance:
        """Make an instance of a module: link its imports, fill its memory, call its start function.

        Arguments:
            source: what ``wazero.load`` takes: bytes, text, a path, a module.
            imports: for each module name that is imported, a mapping of names to what they stand for (host functions,
                Python callables, memories, globals, tables), or an instance.  Registered modules are found without.
            wasi: the system that a WASI program sees; without it there is none.
            name: what the instance is called in messages, and by ``register``.
            validate: "eager" checks every function body now, "lazy" each before its first call.
            timeout: as for ``Runtime``, for this instance.

        Raises what ``load`` raises, ValidationError, LinkError, and Trap from the start function.
        """
        module = self.load(source)
        timeout = self.timeout if timeout is None else timeout
        if wasi is not None:
            systems = {i.module for i in module.imports} & {"wasi_snapshot_preview1", "wasi_unstable"}
            imports = {**{system: wasi.imports(system) for system in systems}, **(imports or {})}
        if self._may_choose:
            if not self._native_knows(module, validate):
                return self._portable().instantiate(module, imports, name=name, validate=validate, timeout=timeout)
            if validate == "eager":
                validate = "lazy"  # it is valid, as was just seen
        try:
            return self.store.instantiate(module, imports, name=name, validate=validate, timeout=timeout)
        except UnsupportedError:
            if not self._may_choose or module.start is not None:  # what a start function did cannot be undone
                raise
            return self._portable().instantiate(module, imports, name=name, validate=validate, timeout=timeout)

    def _native_knows(self, module: "Module", when: "Validate") -> bool:
        """Whether it is WebAssembly 2.0 as far as it is to be validated; also false if it is not valid at all."""
        from wasm_decoder import validate

        try:
            validate(module, self.features & Features.CORE_2_0, bodies=when == "eager")
        except WasmError:
            return False
        return True

    def _portable(self) -> Store:
        """A store of the portable engine in which the same modules are registered."""
        store = Store(Interpreter(), features=self.features)
        store.modules = self.store.modules
        return store

    def register(self, name: str, exports: "Mapping[str, object] | Instance") -> None:
        """Let every later instantiation find an instance's exports, or a host module, under an import name."""
        self.store.register(name, exports)

    def __repr__(self) -> str:
        return f"<Runtime: {self.engine}>"


def choose_engine(
    name: str, cache: "str | PathLike[str] | None" = None, *, release_gil: bool = False
) -> "tuple[str, str | None, Engine]":
    """The engine's own name, why it is not the native one (None if it is), and it; raises as ``Runtime`` does."""
    if name == "interpreter":
        if release_gil:
            raise ValueError("the interpreter can't run without the GIL")
        return name, "the interpreter was asked for", Interpreter()
    if name not in ("auto", "compiler"):
        raise ValueError(f"engine is 'auto', 'compiler' or 'interpreter', not {name!r}")
    import wasm_jit

    reason = wasm_jit.unavailable()
    if reason is None:
        folder = None if cache is None else wasm_jit.Cache(cache)
        return "compiler", None, wasm_jit.Compiler(cache=folder, release_gil=release_gil)
    if name == "compiler":
        raise EngineUnavailable(f"the compiler cannot run here: {reason}")
    return "interpreter", reason, Interpreter()
