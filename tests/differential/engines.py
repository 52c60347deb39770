"""What runs a program: wasmtime, which is compared with, and the engines of this repository.

An engine is one line in ENGINES.  All give the same observation of the same program, in the same terms.
"""

import atexit
import ctypes
import math
import struct
from collections.abc import Callable, Mapping, Sequence

import wasm_jit
import wasmtime
from wasm_decoder import Features
from wasm_decoder.syntax.types import F32, F64, I32, I64
from wasm_interp import Engine, HostFunction, Instance, Interpreter, Memory, Store, Table, Trap, function_of
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
    function = function_of(value)
    if function is not None:
        return functions.get(function, "function")
    if isinstance(value, wasmtime.Func):
        return functions.get(identity(value), "function")
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
#: how many frames of a trap wasmtime tells of
_FRAMES = 20
# wasmtime has one code for both
_SAME = {"undefined element": "out of bounds table access"}


_LATER = ("tail_call", "multi_memory", "memory64", "relaxed_simd", "exceptions", "function_references", "gc")
_PROPOSED = ("threads", "wide_arithmetic", "custom_page_sizes", "stack_switching")


def _engine(later: bool) -> wasmtime.Engine:
    """wasmtime with the features of Core 2.0 or, with the later ones, of Core 3.0, and no others."""
    config = wasmtime.Config()
    config.cranelift_opt_level = "none"
    config.parallel_compilation = False
    for feature in _LATER:
        setattr(config, f"wasm_{feature}", later)
    for feature in _PROPOSED:
        setattr(config, f"wasm_{feature}", False)
    engine = wasmtime.Engine(config)
    atexit.register(engine.close)  # at the interpreter's end it would be too late
    return engine


ENGINE = _engine(later=False)
#: wasmtime and our features for each version of the specification, which is named as its suite is
VERSIONS = {
    "core-2.0": (ENGINE, Features.CORE_2_0),
    "core-3.0": (_engine(later=True), Features.CORE_3_0),
}


def identity(function: wasmtime.Func) -> object:
    """What is the same for two references to the same function: its code and its instance.

    An instance makes a record of its own for a function that it imports, so that the record's address would not do.
    """
    record: int = getattr(function._func, "__private")  # with a dot the name would be mangled in a class
    return ctypes.string_at(record, 8), ctypes.string_at(record + 24, 8)


_TYPES = {I32: wasmtime.ValType.i32, I64: wasmtime.ValType.i64, F32: wasmtime.ValType.f32, F64: wasmtime.ValType.f64}


def _valtype(functype: object) -> wasmtime.ValType:
    make = _TYPES.get(functype)  # type: ignore[call-overload]  # any type may be looked for
    return make() if make else wasmtime.ValType.externref()


def trap_name(error: wasmtime.Trap) -> str:
    """What wasmtime's trap is called here, and where it was."""
    code = error.trap_code
    name = _CODES[code.name] if code is not None else error.message
    return _where(name, [frame.func_index for frame in error.frames])


def _where(kind: str, indices: Sequence[int]) -> str:
    """A trap in words: its kind, and the functions under way, innermost first; how many fit on a stack differs."""
    return kind if kind == "call stack exhausted" else f"{kind} in {', '.join(map(str, indices[:_FRAMES]))}"


def run_wasmtime(program: Program) -> Observation:
    """What wasmtime makes of a program."""
    log: Observation = []
    store = wasmtime.Store(ENGINE)
    functions = host(log)
    instances: list[dict[str, wasmtime._exportable.AsExtern]] = []
    names: dict[object, str] = {}
    for number, code in enumerate(program.binaries):
        module = wasmtime.Module(ENGINE, code)
        imports: list[wasmtime._exportable.AsExtern] = []
        for item in module.imports:
            assert item.name is not None
            if item.module == "first":
                imports.append(instances[0][item.name])
                continue
            params, results = HOST[item.name].params, HOST[item.name].results
            signature = wasmtime.FuncType([_valtype(t) for t in params], [_valtype(t) for t in results])
            imports.append(wasmtime.Func(store, signature, functions[item.name]))
        try:
            exports = dict(wasmtime.Instance(store, module, imports).exports(store))
        except wasmtime.Trap as trap:
            log.append((f"instantiate {number}", trap_name(trap)))
            break
        instances.append(exports)
        for name, export in exports.items():
            if isinstance(export, wasmtime.Func):
                names.setdefault(identity(export), f"{number}.{name}")
    for number, name, args in program.calls:
        if number >= len(instances):
            continue
        function, fuel = instances[number][name], instances[number].get("fuel")
        assert isinstance(function, wasmtime.Func)
        if isinstance(fuel, wasmtime.Global):
            fuel.set_value(store, FUEL)
        try:
            result = normal(function(store, *arguments(args)), names)
        except wasmtime.Trap as trap:
            result = trap_name(trap)
        log.append((f"{number}.{name}{args}", result))
    for number, exports in enumerate(instances):
        for name, export in exports.items():
            what = f"{number}.{name}"
            if isinstance(export, wasmtime.Memory):
                log.append((what, bytes(export.read(store))))
            elif isinstance(export, wasmtime.Global) and name[0] != "w":
                log.append((what, normal(export.value(store), names)))
            elif isinstance(export, wasmtime.Table):
                elements = [normal(export.get(store, i), names) for i in range(export.size(store))]
                log.append((what, tuple(elements)))
            elif isinstance(export, wasmtime.Func) and name[0] == "v":
                log.append((what, normal(export(store), names)))
    return log


# The engines of this repository


def kind(trap: Trap) -> str:
    """What kind of trap it is, and where; a message may say more, such as which element is uninitialized."""
    message = type(trap).message
    return _where(_SAME.get(message, message), [frame.index for frame in trap.frames])


def run(program: Program, engine: Engine) -> Observation:
    """What one of our engines makes of a program."""
    log: Observation = []
    functions = {name: HostFunction(HOST[name], call, name=name) for name, call in host(log).items()}
    store = Store(engine, features=Features.CORE_2_0)
    store.register("host", functions)
    instances: list[Instance] = []
    names: dict[object, str] = {}
    for number, code in enumerate(program.binaries):
        try:
            instance = store.instantiate(code, validate="lazy" if len(code) % 2 else "eager")
        except Trap as trap:
            log.append((f"instantiate {number}", kind(trap)))
            break
        instances.append(instance)
        if number == 0:
            store.register("first", instance)
        for name in instance.exports:
            item = instance.exports[name]
            known = function_of(item)
            if known is not None:
                names.setdefault(known, f"{number}.{name}")
    for number, name, args in program.calls:
        if number >= len(instances):
            continue
        exports = instances[number].exports
        if "fuel" in exports:
            exports["fuel"].value = FUEL
        try:
            result = normal(exports[name](*arguments(args)), names)
        except Trap as trap:
            result = kind(trap)
        log.append((f"{number}.{name}{args}", result))
    for number, instance in enumerate(instances):
        for name in instance.exports:
            item = instance.exports[name]
            what = f"{number}.{name}"
            if isinstance(item, Memory):
                log.append((what, item.read(0, len(item))))
            elif isinstance(item, WasmGlobal) and name[0] != "w":
                log.append((what, normal(item.value, names)))
            elif isinstance(item, Table):
                log.append((what, tuple([normal(item.get(i), names) for i in range(item.size)])))
            elif name[0] == "v":
                log.append((what, normal(item(), names)))
    return log


#: Each engine by the name that users know it by; the native one also as it is where nothing guards memory.
ENGINES: dict[str, Callable[[], Engine]] = {
    "interpreter": Interpreter,
}
if wasm_jit.unavailable() is None:
    ENGINES["compiler"] = wasm_jit.Compiler
    ENGINES["compiler-without-guards"] = lambda: wasm_jit.Compiler(guarded=False)


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
