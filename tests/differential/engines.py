"""What runs a program: wasmtime, which is compared with, and the engines of this repository.

An engine is one line in ENGINES.  All give the same observation of the same program, in the same terms.
"""

import atexit
import math
import struct
from collections.abc import Callable, Mapping, Sequence

import wasmtime
from wasm_decoder import Features
from wasm_decoder.syntax.types import F32, F64, I32, I64
from wasm_interp import Engine, Function, HostFunction, Instance, Interpreter, Memory, Store, Table, Trap
from wasm_interp import Global as WasmGlobal

from .modules import FUEL, HOST, Program

#: What one run shows, in order: pairs of what was looked at and what was seen.
Observation = list[tuple[str, object]]


class Extern:
    """An object that is passed as an external reference."""

    def __init__(self, label: str) -> None:
        self.label = label


EXTERN_OBJECTS = {label: Extern(label) for label in ("red", "green", "blue")}


def normal(value: object, functions: Mapping[object, str]) -> object:
    """A value in terms that compare equal exactly if the values are the same, but for the bits of NaNs."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value).hex()
    if isinstance(value, Extern):
        return value.label
    if isinstance(value, (list, tuple)):
        return tuple([normal(item, functions) for item in value])
    if isinstance(value, Function):
        return functions.get(value, "function")
    if isinstance(value, wasmtime.Func):
        return functions.get(address(value), "function")
    if isinstance(value, wasmtime.Val):
        return normal(value.value, functions)
    return value


def host(log: Observation) -> dict[str, Callable[..., object]]:
    """The functions of modules.HOST; each writes what it was given to the log."""

    def record(name: str, *args: object) -> None:
        log.append((f"host {name}", normal(args, {})))

    def mix(a: int, b: int, c: float) -> int:
        record("mix", a, b, c)
        return a ^ b

    def note(a: float, b: object) -> None:
        record("note", a, b)

    def pair(a: int) -> tuple[int, float]:
        record("pair", a)
        return a >> 1, (a & 0xFFFF) / 4

    return {"mix": mix, "note": note, "pair": pair}


def arguments(args: Sequence[object]) -> list[object]:
    return [EXTERN_OBJECTS[arg] if isinstance(arg, str) else arg for arg in args]


# wasmtime

_CODES = {
    "STACK_OVERFLOW": "call stack exhausted",
    "MEMORY_OUT_OF_BOUNDS": "out of bounds memory access",
    "TABLE_OUT_OF_BOUNDS": "out of bounds table access",
    "INDIRECT_CALL_TO_NULL": "uninitialized element",
    "BAD_SIGNATURE": "indirect call type mismatch",
    "INTEGER_OVERFLOW": "integer overflow",
    "INTEGER_DIVISION_BY_ZERO": "integer divide by zero",
    "BAD_CONVERSION_TO_INTEGER": "invalid conversion to integer",
    "UNREACHABLE": "unreachable",
}
# wasmtime has one code for both
_SAME = {"undefined element": "out of bounds table access"}


def configuration() -> wasmtime.Config:
    """wasmtime with the features of Core 2.0 and no others."""
    config = wasmtime.Config()
    config.cranelift_opt_level = "none"
    config.parallel_compilation = False
    for feature in (
        "threads", "tail_call", "multi_memory", "memory64", "relaxed_simd", "exceptions", "function_references", "gc",
        "wide_arithmetic", "custom_page_sizes", "stack_switching",
    ):  # fmt: skip
        setattr(config, f"wasm_{feature}", False)
    return config


ENGINE = wasmtime.Engine(configuration())
atexit.register(ENGINE.close)  # at the interpreter's end it would be too late


def address(function: wasmtime.Func) -> int:
    """What is the same for two Python objects that stand for the same function."""
    found: int = getattr(function._func, "__private")  # with a dot the name would be mangled in a class
    return found


_TYPES = {I32: wasmtime.ValType.i32, I64: wasmtime.ValType.i64, F32: wasmtime.ValType.f32, F64: wasmtime.ValType.f64}


def _valtype(functype: object) -> wasmtime.ValType:
    make = _TYPES.get(functype)  # type: ignore[call-overload]  # any type may be looked for
    return make() if make else wasmtime.ValType.externref()


def trap_name(error: wasmtime.Trap) -> str:
    """What wasmtime's trap is called here."""
    code = error.trap_code
    return _CODES[code.name] if code is not None else error.message


def run_wasmtime(program: Program) -> Observation:
    """What wasmtime makes of a program."""
    log: Observation = []
    store = wasmtime.Store(ENGINE)
    module = wasmtime.Module(ENGINE, program.binary)
    functions = host(log)
    imports = []
    for item in module.imports:
        assert item.name is not None
        functype = HOST[item.name]
        signature = wasmtime.FuncType([_valtype(t) for t in functype.params], [_valtype(t) for t in functype.results])
        imports.append(wasmtime.Func(store, signature, functions[item.name]))
    try:
        instance = wasmtime.Instance(store, module, imports)
    except wasmtime.Trap as trap:
        log.append(("instantiate", trap_name(trap)))
        return log
    exports = dict(instance.exports(store))
    names: dict[object, str] = {address(f): name for name, f in exports.items() if isinstance(f, wasmtime.Func)}
    fuel = exports.get("fuel")
    for name, args in program.calls:
        function = exports[name]
        assert isinstance(function, wasmtime.Func)
        if isinstance(fuel, wasmtime.Global):
            fuel.set_value(store, FUEL)
        try:
            result = normal(function(store, *arguments(args)), names)
        except wasmtime.Trap as trap:
            result = trap_name(trap)
        log.append((f"{name}{args}", result))
    for name, export in exports.items():
        if isinstance(export, wasmtime.Memory):
            log.append((name, bytes(export.read(store))))
        elif isinstance(export, wasmtime.Global):
            log.append((name, normal(export.value(store), names)))
        elif isinstance(export, wasmtime.Table):
            log.append((name, tuple([normal(export.get(store, i), names) for i in range(export.size(store))])))
        elif isinstance(export, wasmtime.Func) and name[0] == "v":
            log.append((name, normal(export(store), names)))
    return log


# The engines of this repository


def run(program: Program, engine: Engine) -> Observation:
    """What one of our engines makes of a program."""
    log: Observation = []
    functions = {name: HostFunction(HOST[name], call, name=name) for name, call in host(log).items()}
    store = Store(engine, features=Features.CORE_2_0)
    try:
        instance = store.instantiate(program.binary, {"host": functions})
    except Trap as trap:
        log.append(("instantiate", _SAME.get(trap.message, trap.message)))
        return log
    names: dict[object, str] = {
        f: name for name in instance.exports if isinstance(f := instance.exports[name], Function)
    }
    fuel = instance.exports.get("fuel")
    for name, args in program.calls:
        if isinstance(fuel, WasmGlobal):
            fuel.value = FUEL
        log.append((f"{name}{args}", _call(instance, name, arguments(args), names)))
    for name in instance.exports:
        item = instance.exports[name]
        if isinstance(item, Memory):
            log.append((name, item.read(0, len(item))))
        elif isinstance(item, WasmGlobal):
            log.append((name, normal(item.value, names)))
        elif isinstance(item, Table):
            log.append((name, tuple([normal(item.get(i), names) for i in range(item.size)])))
        elif isinstance(item, Function) and name[0] == "v":
            log.append((name, normal(item(), names)))
    return log


def _call(instance: Instance, name: str, args: list[object], names: Mapping[object, str]) -> object:
    function = instance.exports[name]
    assert isinstance(function, Function)
    try:
        return normal(function(*args), names)
    except Trap as trap:
        return _SAME.get(trap.message, trap.message)


#: Each engine by the name that users know it by.
ENGINES: dict[str, Callable[[], Engine]] = {
    "interpreter": Interpreter,
}


def difference(expected: Observation, actual: Observation) -> str | None:
    """The first thing that two observations disagree about, in words; None if there is none."""
    for (what, one), (also, other) in zip(expected, actual, strict=False):
        if what != also:
            return f"wasmtime: {what} = {one!r:.500}; here: {also} = {other!r:.500}"
        if one != other:
            if isinstance(one, bytes) and isinstance(other, bytes):
                places = [i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
                if not places:
                    return f"{what}: wasmtime has {len(one)} bytes, here are {len(other)}"
                at = places[0]
                return f"{what} at {at:#x}: wasmtime has {one[at : at + 16].hex()}, here is {other[at : at + 16].hex()}"
            return f"{what}: wasmtime gives {one!r:.500}, here is {other!r:.500}"
    if len(expected) != len(actual):
        return f"wasmtime shows {len(expected)} things, here are {len(actual)}"
    return None


def compare(program: Program, engines: Mapping[str, Engine]) -> tuple[str, str] | None:
    """The name of an engine that behaves differently from wasmtime, and how; None if all behave the same."""
    expected = run_wasmtime(program)
    for name, engine in engines.items():
        try:
            actual = run(program, engine)
        except Exception as error:
            return name, f"{type(error).__name__}: {error}"
        found = difference(expected, actual)
        if found:
            return name, found
    return None
