"""Calls between Python and WebAssembly: for each function type one function in each direction, made as source.

What is converted, and how, is known once the type is; a loop over the types at every call would take longer than the
call itself.
"""

from wasm_decoder.syntax.types import F64, I32, I64, V128

from .traps import ExitError
from .values import converter_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasm_decoder.syntax.types import FuncType, ValType

    from .function import Function
    from .instance import Instance

_RANGES = {I32: ("-0x80000000", "0xffffffff"), I64: ("-0x8000000000000000", "0xffffffffffffffff")}
_HALF = {I32: "0x80000000", I64: "0x8000000000000000"}
_WHOLE = {I32: "0x100000000", I64: "0x10000000000000000"}


def _checked(name: str, type: "ValType", convert: str) -> "tuple[str, str]":
    """A statement, and then an expression, for a Python object that becomes a value of the type.

    What is of the usual class and in range is not sent through a function.
    """
    if type is I32 or type is I64:
        low, high = _RANGES[type]
        test = f"if {name}.__class__ is not int or not {low} <= {name} <= {high}: {name} = {convert}({name})"
        return test, f"{name} & {high}"
    if type is F64:
        return f"if {name}.__class__ is not float: {name} = {convert}({name})", name
    return f"{name} = {convert}({name})", name


def _given(name: str, type: "ValType") -> str:
    """The source of a Python object for a value of the type; ``name`` is evaluated more than once."""
    if type is I32 or type is I64:
        return f"{name} if {name} < {_HALF[type]} else {name} - {_WHOLE[type]}"
    return f'{name}.to_bytes(16, "little")' if type is V128 else name


def _tuple(items: "list[str]") -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _results_out(types: "Sequence[ValType]", indent: str) -> "list[str]":
    """Lines that return what Python gets for the results in ``r``."""
    if not types:
        return [f"{indent}return None"]
    if len(types) == 1:
        return [f"{indent}return {_given('r', types[0])}"]
    names = [f"r{i}" for i in range(len(types))]
    values = _tuple([_given(name, result) for name, result in zip(names, types, strict=True)])
    return [f"{indent}{_tuple(names)} = r", f"{indent}return {values}"]


_callers: "dict[FuncType, Callable[..., Callable[..., object]]]" = {}
_hosts: "dict[tuple[FuncType, bool, bool], Callable[..., Callable[..., object]]]" = {}


def caller(function: "Function", run: "Callable[..., object] | None") -> "Callable[..., object]":
    """What Python calls: checks and converts arguments, calls ``run(code, *values)``, converts results.

    Without ``run`` the code is called itself.  Once the instance has exited it raises ExitError.
    """
    signature = function.type
    make = _callers.get(signature)
    if make is None:
        names = [f"a{i}" for i in range(len(signature.params))]
        converters = [f"to{i}" for i in range(len(names))]
        checks, values = [], []
        for name, param, converter in zip(names, signature.params, converters, strict=True):
            check, value = _checked(name, param, converter)
            checks.append(f"  {check}")
            values.append(value)
        lines = [
            f"def make({', '.join(['function, instance, run, refuse, ExitError', *converters])}):",
            f" def call({', '.join([*names, '/'] if names else [])}):",
            "  if instance is not None and instance.exited is not None: refuse(instance)",
            *checks,
            f"  try: r = run(function.code, {', '.join(values)}) if run else function.code({', '.join(values)})",
            "  except ExitError as exit:",
            "   if instance is not None: instance.exited = exit.code",
            "   raise",
            *_results_out(signature.results, "  "),
            " return call",
        ]
        make = _callers[signature] = _make(lines)
    made = make(function, function.instance, run, _refuse, ExitError, *[converter_in(t) for t in signature.params])
    made.__name__ = made.__qualname__ = function.name or "function"
    return made


def _refuse(instance: "Instance") -> None:
    assert instance.exited is not None
    raise ExitError(instance.exited, f"the instance has exited with code {instance.exited}")


def host_code(
    type: "FuncType",
    call: "Callable[..., object]",
    name: str,
    instance: "Instance | None",
    guard: "tuple[Callable[[], int], Callable[[int], None]] | None",
) -> "Callable[..., object]":
    """What WebAssembly calls: converts arguments, calls the host's function, checks and converts what it returns.

    With an instance, that is the first argument.  A guard's first function is called before the host's, and its second
    after it, with what the first returned.
    """
    key = type, instance is not None, guard is not None
    make = _hosts.get(key)
    if make is None:
        names = [f"a{i}" for i in range(len(type.params))]
        arguments = [_given(name, param) for name, param in zip(names, type.params, strict=True)]
        if instance is not None:
            arguments.insert(0, "instance")
        lines = [
            "def make(call, instance, enter, leave, results):",
            f" def code({', '.join(names)}):",
        ]
        if guard is None:
            lines.append(f"  r = call({', '.join(arguments)})")
        else:
            lines += [
                "  state = enter()",
                f"  try: r = call({', '.join(arguments)})",
                "  finally: leave(state)",
            ]
        if len(type.results) == 1 and type.results[0] in _RANGES:
            low, high = _RANGES[type.results[0]]
            lines.append(f"  if r.__class__ is int and {low} <= r <= {high}: return r & {high}")
        elif len(type.results) == 0:
            lines.append("  if r is None: return")
        lines += ["  return results(r)", " return code"]
        make = _hosts[key] = _make(lines)
    enter, leave = guard or (None, None)
    return make(call, instance, enter, leave, _host_results(type.results, name))


def _host_results(types: "Sequence[ValType]", name: str) -> "Callable[[object], object]":
    """What checks what a host function returned, with errors that name it."""
    convert = [converter_in(each) for each in types]

    def one(value: object, i: int) -> object:
        try:
            return convert[i](value)
        except (TypeError, OverflowError, ValueError) as error:
            place = f"result {i}" if len(convert) > 1 else "result"
            raise type(error)(f"host function {name}: {place}: {error}") from None

    def results(value: object) -> object:
        if not convert:
            raise TypeError(f"host function {name} has no result but returned {value.__class__.__name__}")
        if len(convert) == 1:
            return one(value, 0)
        if not isinstance(value, (tuple, list)) or len(value) != len(convert):
            given = f"{len(value)}" if isinstance(value, (tuple, list)) else value.__class__.__name__
            raise TypeError(f"host function {name} must return a tuple of {len(convert)} results, not {given}")
        return tuple([one(item, i) for i, item in enumerate(value)])

    return results


def _make(lines: "list[str]") -> "Callable[..., Callable[..., object]]":
    made: dict[str, Callable[..., Callable[..., object]]] = {}
    exec(compile("\n".join(lines), "<wasm adapter>", "exec", dont_inherit=True), made)
    return made["make"]
