"""A script on an engine."""

from collections.abc import Callable

from wasm_decoder import Features, Module
from wasm_decoder.syntax.types import F32, F64, I32, I64, FuncType
from wasm_decoder.text.script import (
    Action,
    AssertFailure,
    AssertModule,
    AssertReturn,
    Command,
    Define,
    Get,
    Instantiate,
    Invoke,
    Register,
    Thread,
    Wait,
    parse_script,
)
from wasm_interp import Engine, Global, HostFunction, Instance, LinkError, Store, Trap, WasmException, function_of

from .values import argument, matches
from .verdicts import refusal, says

# What the reference interpreter offers to every script, as a module of its own; the functions are Python's.
_SPECTEST = """(module
  (global (export "global_i32") i32 (i32.const 666))
  (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6))
  (global (export "global_f64") f64 (f64.const 666.6))
  (table (export "table") 10 20 funcref)
  (memory (export "memory") 1 2){})"""

# What newer scripts find there besides.
_SPECTEST_MORE = {
    Features.MEMORY64: '(table (export "table64") i64 10 20 funcref)',
    Features.THREADS: '(memory (export "shared_memory") 1 2 shared)',
}

_PRINTS = {
    "print": (),
    "print_i32": (I32,),
    "print_i64": (I64,),
    "print_f32": (F32,),
    "print_f64": (F64,),
    "print_i32_f32": (I32, F32),
    "print_f64_f64": (F64, F64),
}


class Failure(Exception):
    """A command did not do what it should."""


class Runner:
    """Runs the commands of one script.

    Attributes:
        assertions: how many assertions were run.
        failures: for each command that failed, its line and what was wrong.
    """

    def __init__(self, engine: Engine, features: Features) -> None:
        self._features = features
        self._store = Store(engine, features=features)
        more = "".join([fields for feature, fields in _SPECTEST_MORE.items() if feature in features])
        # its own features: in version 1.0, which the scripts of threads build on, a module has one memory only
        spectest = Store(engine, features=features | Features.CORE_3_0).instantiate(
            _SPECTEST.format(more), name="spectest"
        )
        prints = {name: HostFunction(FuncType(params, ()), _ignore, name=name) for name, params in _PRINTS.items()}
        self._store.register("spectest", {**{name: spectest.exports[name] for name in spectest.exports}, **prints})
        self._definitions: dict[str | None, Module] = {}
        self._instances: dict[str | None, Instance] = {}
        self.assertions = 0
        self.failures: list[str] = []

    def run(self, text: bytes) -> None:
        """Run a script to its end, whatever fails."""
        for command in parse_script(text):
            asserts = isinstance(command, (AssertReturn, AssertFailure, AssertModule))
            self.assertions += asserts
            try:
                self._run(command)
            except Failure as failure:
                self.failures.append(f"line {command.line}: {failure}")
            except Exception as error:
                self.failures.append(f"line {command.line}: {type(error).__name__}: {error}")

    def _run(self, command: Command) -> None:
        if isinstance(command, Define):
            self._define(command)
        elif isinstance(command, Instantiate):
            self._keep(command.name, self._store.instantiate(self._definitions[command.definition]))
        elif isinstance(command, Register):
            self._store.register(command.as_name, self._instance(command.module))
        elif isinstance(command, (Invoke, Get)):
            self._act(command)
        elif isinstance(command, AssertReturn):
            self._assert_return(command)
        elif isinstance(command, AssertFailure):
            self._assert_failure(command)
        elif isinstance(command, AssertModule):
            self._assert_module(command)
        elif isinstance(command, (Thread, Wait)):
            raise Failure("the harness runs no threads")
        else:
            raise Failure(f"the harness does not know {command!r}")

    def _define(self, command: Define) -> None:
        # a definition stays the latest even if it cannot be instantiated; so no later command finds an older one
        name = command.source.name
        self._instances.pop(None, None)
        module = command.source.module(self._features)
        self._definitions[name] = self._definitions[None] = module
        if command.instantiate:
            self._keep(name, self._store.instantiate(module, name=(name or "")[1:]))

    def _keep(self, name: str | None, instance: Instance) -> None:
        self._instances[name] = self._instances[None] = instance

    def _instance(self, name: str | None) -> Instance:
        if name not in self._instances:
            raise Failure(f"no instance {name or ''}")
        return self._instances[name]

    def _act(self, action: Action) -> object:
        extern = self._instance(action.module).exports[action.field]
        if isinstance(action, Get):
            assert isinstance(extern, Global)
            return extern.value
        function = function_of(extern)
        assert function is not None
        return function(*map(argument, action.args))

    def _assert_return(self, command: AssertReturn) -> None:
        value = self._act(command.action)
        expected = command.results
        values = () if value is None and not expected else (value,) if len(expected) == 1 else value
        if not isinstance(values, tuple) or len(values) != len(expected):
            raise Failure(f"{_named(command.action)} returned {value!r}, expected {expected!r}")
        extern = self._instance(command.action.module).exports[command.action.field]
        function = function_of(extern)
        of = repr(function.type.results[0]) if function is not None and function.type.results else ""
        if not all(matches(*pair, of) for pair in zip(values, expected, strict=True)):
            raise Failure(f"{_named(command.action)} returned {value!r}, expected {expected!r}")

    def _assert_failure(self, command: AssertFailure) -> None:
        if command.kind == "exception":
            self._fails(lambda: self._act(command.action), WasmException, "")
        else:
            self._fails(lambda: self._act(command.action), Trap, command.message)

    def _assert_module(self, command: AssertModule) -> None:
        if command.kind in ("unlinkable", "uninstantiable"):
            kind = LinkError if command.kind == "unlinkable" else Trap
            module = command.source.module(self._features)
            self._fails(lambda: self._store.instantiate(module), kind, command.message)
            return
        wrong = refusal(command, self._features)
        if wrong:
            raise Failure(wrong)

    def _fails(self, act: Callable[[], object], kind: type[Exception], message: str) -> None:
        try:
            value = act()
        except kind as error:
            if not says(error, message):
                raise Failure(f"{error}, expected {message!r}") from error
            return
        raise Failure(f"{value!r}, expected {message!r}")


def _ignore(*_: object) -> None:
    """The print functions of spectest print nothing."""


def _named(action: Action) -> str:
    return (
        f"{action.module or ''} {action.field!r}"
        if not isinstance(action, Invoke)
        else f"{action.field!r}{action.args!r}"
    )
