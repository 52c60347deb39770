"""Host modules: what Python offers to WebAssembly, with types read from annotations."""

from wasm_decoder.syntax import types
from wasm_interp import HostFunction, Instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, overload

    from wasm_interp import Function

    # what a value of each type is in Python: a type checker sees these
    i32 = int
    i64 = int
    f32 = float
    f64 = float
    v128 = bytes
    funcref = Function | None
    externref = object

    _F = TypeVar("_F", bound=Callable[..., object])
else:
    # and at run time the same names are the WebAssembly types
    i32 = types.I32
    i64 = types.I64
    f32 = types.F32
    f64 = types.F64
    v128 = types.V128
    funcref = types.FUNCREF
    externref = types.EXTERNREF

_BY_NAME: "dict[str, types.ValType]" = {
    repr(t): t for t in (*types.NUMBER_TYPES, types.V128, types.FUNCREF, types.EXTERNREF)
}


class HostModule(dict[str, object]):
    """What modules find under one import name: host functions, and what instances export.

    It is a dict, for ``imports={"env": host}`` or ``Runtime.register``::

        host = wazero.HostModule()

        @host.function
        def add(a: wazero.i32, b: wazero.i32) -> wazero.i32:
            return a + b
    """

    if TYPE_CHECKING:

        @overload
        def function(
            self, function: _F, /, *, type: types.FuncType | str | None = ..., name: str | None = ...
        ) -> _F: ...
        @overload
        def function(
            self, /, *, type: types.FuncType | str | None = ..., name: str | None = ...
        ) -> Callable[[_F], _F]: ...

    def function(
        self, function: "_F | None" = None, /, *, type: "types.FuncType | str | None" = None, name: str | None = None
    ) -> "_F | Callable[[_F], _F]":
        """Offer a Python function; use it as ``@host.function`` or ``@host.function(type=…, name=…)``.

        The function's type is ``type`` if given: a FuncType, or text such as ``"i32 i32 -> i64"`` (``"->"`` takes and
        returns nothing).  Else it is read from annotations with ``wazero.i32`` … ``wazero.externref``, several results
        as ``tuple[i32, i64]``.  A function with neither takes the type that each import declares.  If the first
        parameter is annotated ``wazero.Instance``, the calling instance is passed there.

        Arguments:
            name: what modules import it as; the function's own name by default.

        Returns the function, unchanged.  Raises TypeError if the type cannot be made out, ValueError if ``type`` is
        no type.
        """

        def offer(function: "_F") -> "_F":
            known = name if name is not None else function.__name__
            caller, annotated = _annotated(function)
            wanted = functype(type) if type is not None else annotated
            if wanted is not None:
                self[known] = HostFunction(wanted, function, name=known, caller=caller)
            elif caller:
                raise TypeError(f"{known} takes the calling Instance, so its other parameters need WebAssembly types")
            else:
                self[known] = function
            return function

        return offer if function is None else offer(function)


def functype(type: "types.FuncType | str") -> types.FuncType:
    """A function type from text such as ``"i32 i64 -> f64"``.  Raises ValueError if it is no such text."""
    if isinstance(type, types.FuncType):
        return type
    params, arrow, results = type.partition("->")
    if not arrow:
        raise ValueError(f"a function type is written like 'i32 i32 -> i64', not {type!r}")
    try:
        return types.FuncType(*(tuple(_BY_NAME[word] for word in side.split()) for side in (params, results)))
    except KeyError as error:
        raise ValueError(f"unknown type {error} in {type!r}; there are {', '.join(_BY_NAME)}") from None


def _annotated(function: "Callable[..., object]") -> "tuple[bool, types.FuncType | None]":
    """Whether the function wants the calling instance, and its type if the annotations give one."""
    # a bound method's first parameter is taken already; inspect would know more kinds of callable, and costs 10 ms
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    if code is None:
        return False, None
    names = code.co_varnames[plain is not function : code.co_argcount]
    try:
        found = plain.__annotations__
    except NameError:  # Python 3.14 looks the names up only now, and one of them only type checkers see
        annotationlib = __import__("annotationlib")
        found = annotationlib.get_annotations(plain, format=annotationlib.Format.FORWARDREF)
    annotations = {name: _evaluated(value, plain) for name, value in found.items()}
    caller = bool(names) and annotations.get(names[0]) is Instance
    params = [annotations.get(name) for name in names[caller:]]
    result = annotations.get("return")
    if result is None or result is type(None):
        results: tuple[object, ...] = ()
    elif getattr(result, "__origin__", None) is tuple:
        results = result.__args__  # type: ignore[attr-defined]  # an alias such as tuple[i32, i64]
    else:
        results = (result,)
    known = [_is_type(t) for t in (*params, *results)]
    if all(known) and (known or "return" in annotations):
        return caller, types.FuncType(tuple(params), results)  # type: ignore[arg-type]  # each was just looked at
    if any(known):
        raise TypeError(f"{function.__name__}: annotate every parameter and the result with WebAssembly types, or none")
    return caller, None


def _evaluated(annotation: object, function: "Callable[..., object]") -> object:
    if not isinstance(annotation, str):
        return annotation
    try:
        value: object = eval(annotation, function.__globals__)
    except Exception:
        return None  # a name that only type checkers see is no WebAssembly type
    return value


def _is_type(value: object) -> bool:
    return isinstance(value, (types.NumType, types.VecType, types.RefType))
