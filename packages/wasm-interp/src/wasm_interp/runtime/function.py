"""Functions (specification, section "Function Instances")."""

from .adapters import caller
from .deadlines import limited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wasm_decoder import Module
    from wasm_decoder.syntax.types import FuncType
    from wasm_decoder.valid.matching import DefType

    from .instance import Instance


def func_name(module: "Module", index: int) -> str:
    """The name of a function in the name section of its module, or of an export, or ""."""
    from wasm_decoder.custom.names import names

    found = names(module).funcs.get(index)
    if found is None:
        exports = module._derived("func_names", lambda: {e.index: e.name for e in module.exports if e.kind == "func"})
        found = exports.get(index, "")
    return found


class Function:
    """A function of an instance or of the host, callable from Python.

    Arguments are checked as a builtin checks its own: TypeError for a wrong count or type, OverflowError for an int
    out of range.  A call raises Trap, ExitError once the instance has exited, and whatever a host function raises.

    Attributes:
        type: its function type; references to defined types in it are closed.
        deftype: the defined type; two functions have the same type if and only if this is the same object.
        instance: the instance that it belongs to, None for a host function.
        index: its index in the module of that instance, -1 for a host function.
        code: what calls inside WebAssembly call: takes and returns values in the representation of ``values``; made
            when it is first asked for, where ``make_code`` makes it.
        tail: for engines: what a tail call calls instead of ``code``, None if that will do.
        host: of a host function, the Python function behind it, to be called with Python's values; None for others.
        linked: what an engine that the function does not belong to keeps for it.
    """

    __slots__ = (
        "__weakref__", "_call", "_make", "_name", "_run", "code", "deftype", "host", "index", "instance", "linked",
        "tail", "type",
    )  # fmt: skip

    def __init__(
        self,
        deftype: "DefType",
        code: "Callable[..., object] | None",
        *,
        name: str = "",
        instance: "Instance | None" = None,
        index: int = -1,
        run: "Callable[..., object] | None" = None,
        host: "Callable[..., object] | None" = None,
        make: "Callable[[], Callable[..., object]] | None" = None,
    ) -> None:
        """Without ``code``, ``make`` or a subclass's ``make_code`` gives it."""
        self.deftype = deftype
        self.type: FuncType = deftype.expand()  # type: ignore[assignment]  # functions have function types
        if code is not None:
            self.code = code
        self._make = make
        self.tail: Callable[..., object] | None = None
        self._name = name
        self.instance = instance
        self.index = index
        self.host = host
        self.linked: object = None
        self._run = run
        self._call: Callable[..., object] | None = None

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Called for what is not there yet: a slot that is filled costs nothing."""
            if name != "code":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            self.code = made = self.make_code()
            return made

    def make_code(self) -> "Callable[..., object]":
        """What ``code`` is from now on."""
        assert self._make is not None
        return self._make()

    @property
    def name(self) -> str:
        """Its name in the name section, or of an export, or ""."""
        if not self._name and self.instance is not None:
            self._name = func_name(self.instance.module, self.index)
        return self._name

    def __call__(self, *args: object) -> object:
        """Call it: no result is None, several are a tuple."""
        call = self._call
        if call is None:
            call = caller(self, self._run)
            if self.instance is not None and self.instance.timeout is not None:
                call = limited(call, self.instance.timeout)
            self._call = call
        return call(*args)

    def __repr__(self) -> str:
        name = f" {self.name}" if self.name else ""
        number = f" {self.index}" if self.index >= 0 else ""
        return f"<Function{number}{name}: {self.type}>"


def function_of(value: object) -> "Function | None":
    """The function behind a Python object: itself, or what the builtin that an engine exports it as stands for."""
    if isinstance(value, Function):
        return value
    function = getattr(getattr(value, "__self__", None), "function", None)
    return function if isinstance(function, Function) else None
