"""From a row of the table of functions to a function that modules can import.

A row says what a function of the document takes and gives.  From it come the function's WebAssembly type, the code
that checks and decodes arguments and stores results, and the line that a trace shows.  A decoder is generated as Python
source and compiled when its function is first called: a program imports many functions and calls few.

Pointers are checked before anything is done: a bad one is EFAULT and leaves no trace (document, ``errno.fault``).
Alignment is not asked for.
"""

from struct import Struct

from wasm_decoder.syntax.types import I32, I64, FuncType

from .. import flags, rights
from ..errnos import EBADF, EFAULT, EINVAL, ENOMEM, WasiError, from_oserror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from wasm_decoder.syntax.types import NumType
    from wasm_interp import Instance

    from .._wasi import Wasi

    Call = Callable[..., "int | None"]

_U32, _U64 = "0xFFFFFFFF", "0xFFFFFFFFFFFFFFFF"


class Type:
    """A type of the document as a parameter.

    Attributes:
        wasm: the WebAssembly types of the arguments that it takes up: none, one, or a pointer and a length.
        code: the Python expression that decodes them; ``{0}`` and ``{1}`` stand for the arguments.
        checks: statements that come before it.
        rest: whether ``show`` needs the arguments that follow as well.
    """

    rest = False

    def __init__(self, wasm: "tuple[NumType, ...]", code: str, *checks: str) -> None:
        self.wasm = wasm
        self.code = code
        self.checks = checks

    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        """How a trace shows it."""
        return str(arguments[0] & (0xFFFFFFFF if self.wasm[0] is I32 else 0xFFFFFFFFFFFFFFFF))


class _Signed(Type):
    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        return str(arguments[0])


class _Enum(Type):
    """One of ``names``; anything else is EINVAL.  ``values`` is their order in the code, if the wire has another."""

    def __init__(self, names: "tuple[str, ...]", values: "tuple[int, ...]" = ()) -> None:
        code = f"{values}[{{0}}]" if values else "{0}"
        super().__init__((I32,), code, f"if not 0 <= {{0}} < {len(names)}: return {EINVAL}")
        self._names = names

    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        (value,) = arguments
        return self._names[value] if 0 <= value < len(self._names) else str(value)


class _Flags(Type):
    """A set of ``names``; an unknown bit is EINVAL."""

    def __init__(self, names: "tuple[str, ...]", wasm: "NumType" = I32, *, strict: bool = True) -> None:
        mask = (1 << len(names)) - 1
        checks = (f"if {{0}} & ~{mask:#x}: return {EINVAL}",) if strict else ()
        super().__init__((wasm,), "{0}" if strict else f"{{0}} & {mask:#x}", *checks)
        self._names = names

    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        return show_flags(self._names, arguments[0])


class _Slice(Type):
    """A pointer and a length, decoded into a memoryview or a copy of the bytes."""

    def __init__(self, code: str, *, shown: bool) -> None:
        super().__init__(
            (I32, I32),
            code,
            f"{{0}} &= {_U32}; {{1}} &= {_U32}",
            f"if {{0}} + {{1}} > size: return {EFAULT}",
        )
        self._shown = shown

    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        at, length = (value & 0xFFFFFFFF for value in arguments)
        if self._shown and memory is not None and at + length <= len(memory):
            return show_bytes(memory[at : at + length])
        return f"{at:#x}[{length}]"


class _Buffers(Type):
    """An array of iovec or ciovec."""

    def __init__(self, *, shown: bool) -> None:
        super().__init__((I32, I32), f"iovecs(memory, size, {{0}} & {_U32}, {{1}} & {_U32})")
        self._shown = shown

    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        at, count = (value & 0xFFFFFFFF for value in arguments)
        try:
            buffers = iovecs(memory or memoryview(b""), len(memory or b""), at, count)
        except WasiError:
            return f"{at:#x}[{count}]"
        shown = [show_bytes(buffer) if self._shown else str(len(buffer)) for buffer in buffers[:8]]
        return f"[{', '.join(shown)}{', …' if len(buffers) > 8 else ''}]"


class _Pointer(Type):
    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        return f"{arguments[0] & 0xFFFFFFFF:#x}"


class Layout:
    """How a subscription lies in memory; both unpack to userdata, type, clock (or fd), timeout, subclockflags."""

    def __init__(self, name: str, clock: str, descriptor: str) -> None:
        self.name = name
        self.clock = Struct(clock)
        self.descriptor = Struct(descriptor)


PREVIEW1 = Layout("PREVIEW1", "<QB7xI4xQ8xH6x", "<QB7xI28x")
# the clock has an identifier of its own in front, which nothing comes of
UNSTABLE = Layout("UNSTABLE", "<QB7x8xI4xQ8xH6x", "<QB7xI36x")


class _Subscriptions(Type):
    """A pointer to subscriptions, decoded into how they lie there and where; how many is another argument."""

    rest = True

    def __init__(self, layout: Layout) -> None:
        super().__init__((I32,), f"({layout.name}, {{0}} & {_U32})")
        self._layout = layout

    def show(self, memory: "memoryview | None", *arguments: int) -> str:
        at, _, count = (value & 0xFFFFFFFF for value in arguments[:3])
        size = self._layout.clock.size
        if memory is None or at + size * count > len(memory):
            return f"{at:#x}"
        shown = []
        for place in range(at, at + size * min(count, 8), size):
            _, kind, clock, timeout, subflags = self._layout.clock.unpack_from(memory, place)
            name = _Enum(flags.EVENTTYPES).show(None, kind)
            if kind == flags.EVENT_CLOCK:
                clock = _Enum(flags.CLOCKIDS).show(None, clock)
                shown.append(f"{name} {clock} {timeout}{' ABSTIME' if subflags & 1 else ''}")
            else:
                shown.append(f"{name} {self._layout.descriptor.unpack_from(memory, place)[2]}")
        return f"[{', '.join(shown)}{', …' if count > 8 else ''}]"


#: The types of parameters.  ``fd[rights]`` is a descriptor that must have these rights; ``fd`` is its number.
PARAMS: "dict[str, Type]" = {
    "fd": Type((I32,), f"{{0}} & {_U32}"),
    "size": Type((I32,), f"{{0}} & {_U32}"),
    "exitcode": Type((I32,), f"{{0}} & {_U32}"),
    "filesize": Type((I64,), f"{{0}} & {_U64}"),
    "filedelta": _Signed((I64,), "{0}"),
    "timestamp": Type((I64,), f"{{0}} & {_U64}"),
    "dircookie": Type((I64,), f"{{0}} & {_U64}"),
    "clockid": _Enum(flags.CLOCKIDS),
    "whence": _Enum(flags.WHENCES),
    "whence_unstable": _Enum(flags.WHENCES_UNSTABLE, (flags.CUR, flags.END, flags.SET)),
    "advice": _Enum(flags.ADVICES),
    "signal": _Enum(flags.SIGNALS),
    # programs ask for "all rights" by setting bits that do not exist
    "rights": _Flags(rights.NAMES, I64, strict=False),
    "fdflags": _Flags(flags.FDFLAGS),
    "fstflags": _Flags(flags.FSTFLAGS),
    "lookup": _Flags(flags.LOOKUPFLAGS),
    "oflags": _Flags(flags.OFLAGS),
    "riflags": _Flags(flags.RIFLAGS),
    "siflags": _Flags(()),
    "sdflags": _Flags(flags.SDFLAGS),
    "string": _Slice("bytes(memory[{0}:{0} + {1}])", shown=True),
    "buffer": _Slice("memory[{0}:{0} + {1}]", shown=False),
    "iovecs": _Buffers(shown=False),
    "ciovecs": _Buffers(shown=True),
    "pointer": _Pointer((I32,), f"{{0}} & {_U32}"),
    "subscriptions": _Subscriptions(PREVIEW1),
    "subscriptions_unstable": _Subscriptions(UNSTABLE),
    # no argument of the guest: its memory
    "memory": Type((), "memory"),
}


class Result:
    """A type of the document as a result: ``packing`` stores it; ``show`` is how a trace shows what was stored."""

    def __init__(self, packing: str, show: "Callable[[tuple[int, ...]], str]" = lambda values: str(values[0])) -> None:
        self.struct = Struct(packing)
        self.show = show


def _show_filestat(values: "tuple[int, ...]") -> str:
    return f"{{{flags.FILETYPES[values[2]]}, size={values[4]}, ino={values[1]}, nlink={values[3]}}}"


def _show_fdstat(values: "tuple[int, ...]") -> str:
    filetype, fdflags, base, inheriting = values
    return (
        f"{{{flags.FILETYPES[filetype]}, flags={show_flags(flags.FDFLAGS, fdflags)}, "
        f"rights={show_flags(rights.NAMES, base)}, inheriting={show_flags(rights.NAMES, inheriting)}}}"
    )


#: The types of results and how they lie in memory.
RESULTS = {
    "fd": Result("<I"),
    "size": Result("<I"),
    "filesize": Result("<Q"),
    "timestamp": Result("<Q"),
    "fdstat": Result("<BxHxxxxQQ", _show_fdstat),
    "filestat": Result("<QQB7xQQQQQ", _show_filestat),
    "filestat_unstable": Result("<QQB3xIQQQQ", _show_filestat),
    "prestat": Result("<BxxxI", lambda values: f"{{DIR, name_len={values[1]}}}"),
    "roflags": Result("<H", lambda values: show_flags(flags.ROFLAGS, values[0])),
}
#: What several values make up one result.
_RECORDS = ("fdstat", "filestat", "filestat_unstable", "prestat")

_IOVEC = Struct("<II")


def iovecs(memory: memoryview, size: int, at: int, count: int) -> "list[memoryview]":
    """The buffers of an iovec array, without the empty ones.

    Raises:
        WasiError: EFAULT (the array or a buffer is not in memory), EINVAL (more than 4 GiB in all).
    """
    end = at + 8 * count
    if end > size:
        raise WasiError(EFAULT)
    buffers = []
    total = 0
    for start, length in _IOVEC.iter_unpack(memory[at:end]):
        if start + length > size:
            raise WasiError(EFAULT)
        if length:
            total += length
            buffers.append(memory[start : start + length])
    if total > 0xFFFFFFFF:
        raise WasiError(EINVAL)
    return buffers


class Row:
    """A function: ``params`` are (name, type, rights), ``results`` are (name, type)."""

    def __init__(
        self,
        name: str,
        params: "tuple[tuple[str, str, int], ...]",
        results: "tuple[tuple[str, str], ...]",
        *,
        returns: bool = True,
    ) -> None:
        self.name = name
        self.params = params
        self.results = results
        #: False for what never comes back and so gives no errno
        self.returns = returns

    @property
    def type(self) -> FuncType:
        """The function's WebAssembly type."""
        taken = [wasm for _, kind, _ in self.params for wasm in PARAMS[kind].wasm]
        return FuncType((*taken, *[I32 for _ in self.results]), (I32,) if self.returns else ())

    def source(self) -> str:
        """The source of ``make``, which gives the function for one process."""
        taken: list[str] = []
        checks: list[str] = []
        values = ["wasi"]
        uses_memory = bool(self.results)
        for name, kind, needed in self.params:
            spec = PARAMS[kind]
            arguments = [f"{name}_{i}" if i else name for i in range(len(spec.wasm))]
            taken += arguments
            code = spec.code.format(*arguments)
            checks += [check.format(*arguments) for check in spec.checks]
            if needed >= 0:
                checks += [
                    f"descriptor_{name} = descriptors.get({name} & {_U32})",
                    f"if descriptor_{name} is None: return {EBADF}",
                ]
                if needed:
                    checks += [
                        f"if {needed:#x} & ~descriptor_{name}.rights: return descriptor_{name}.refusal({needed:#x})"
                    ]
                code = f"descriptor_{name}"
            uses_memory = uses_memory or len(spec.wasm) == 2 or "memory" in code
            values.append(code)
        stores = []
        for i, (_, kind) in enumerate(self.results):
            taken.append(f"result_{i}")
            checks += [
                f"result_{i} &= {_U32}",
                f"if result_{i} + {RESULTS[kind].struct.size} > size: return {EFAULT}",
            ]
            value = ("*" if kind in _RECORDS else "") + ("value" if len(self.results) == 1 else f"value[{i}]")
            stores.append(f"pack_{kind}(memory, result_{i}, {value})")
        # descriptors come after pointers: a call with both wrong says EFAULT whatever the descriptor is
        checks.sort(key=lambda line: "descriptor_" in line)
        lines = ["if wasi.exit_code is not None: exited(wasi)", "try:"]
        if uses_memory:
            lines += [
                "    owner, owned, memory, size = wasi.memory",
                "    if owner is not instance or len(owned) != size: memory, size = look(wasi, instance)",
            ]
        lines += [f"    {check}" for check in checks]
        call = f"call({', '.join(values)})"
        lines += [f"    value = {call}" if self.results else f"    {call}"]
        lines += [f"    {store}" for store in stores]
        if self.returns:
            lines += ["    return 0"]
        lines += [
            "except WasiError as error: return error.errno",
            "except OSError as error: return from_oserror(error)",
            f"except MemoryError: return {ENOMEM}",
        ]
        body = "\n".join(f"        {line}" for line in lines)
        head = f"def make(wasi, descriptors, call):\n    def {self.name}({', '.join(['instance', *taken])}):\n"
        return f"{head}{body}\n    return {self.name}\n"

    def shown(self, memory: "memoryview | None", arguments: "tuple[int, ...]") -> str:
        """The arguments as a trace shows them."""
        shown = []
        at = 0
        for _, kind, _ in self.params:
            spec = PARAMS[kind]
            if spec.wasm:
                shown.append(spec.show(memory, *arguments[at : None if spec.rest else at + len(spec.wasm)]))
                at += len(spec.wasm)
        return ", ".join(shown)

    def shown_results(self, memory: memoryview, arguments: "tuple[int, ...]") -> str:
        """The results as a trace shows them, read from where they were stored."""
        pointers = arguments[len(arguments) - len(self.results) :]
        shown = []
        for (_, kind), at in zip(self.results, pointers, strict=True):
            result = RESULTS[kind]
            shown.append(result.show(result.struct.unpack_from(memory, at & 0xFFFFFFFF)))
        return ", ".join(shown)


def parse(table: str, substitutes: "dict[str, str] | None" = None) -> "Iterable[Row]":
    """The rows of a table.

    Args:
        table: a line for each function: its name, its parameters as ``name:type`` (or the type alone, if both are the
            same), ``->`` and its results in the same manner; ``noreturn`` for a function that gives no errno.
        substitutes: types that take the place of others, for another version of WASI.
    """
    change = substitutes or {}
    for line in table.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        arrow = words.index("->")
        params = []
        for word in words[1:arrow]:
            name, _, kind = word.partition(":")
            kind, bracket, needed = (kind or name).partition("[")
            bits = rights.rights(needed.rstrip("]").replace("+", " ")) if bracket else -1
            params.append((name.partition("[")[0], change.get(kind, kind), bits))
        results = []
        for word in words[arrow + 1 :]:
            if word != "noreturn":
                name, _, kind = word.partition(":")
                results.append((name, change.get(kind or name, kind or name)))
        yield Row(words[0], tuple(params), tuple(results), returns="noreturn" not in words)


def _look(wasi: "Wasi", instance: "Instance") -> "tuple[memoryview, int]":
    """The memory of an instance, which is remembered until another instance calls or the memory has grown.

    It is remembered as one tuple, so that instances that call in several threads never get each other's.
    """
    owned = instance.memory
    if owned is None:
        raise WasiError(EFAULT)
    view = owned.view()
    wasi.memory = (instance, owned, view, len(view))
    return view, len(view)


def _exited(wasi: "Wasi") -> None:
    raise wasi.exited()


_compiled: "dict[str, Callable[..., Call]]" = {}


def function(row: Row, wasi: "Wasi", call: "Callable[..., object]") -> "Call":
    """The function for one process; its decoder is made when it is first called."""
    made: Call | None = None

    def first(*arguments: "Any") -> "int | None":
        nonlocal made
        if made is None:
            source = row.source()
            make = _compiled.get(source)
            if make is None:
                scope: dict[str, Any] = {
                    "WasiError": WasiError,
                    "from_oserror": from_oserror,
                    "iovecs": iovecs,
                    "look": _look,
                    "exited": _exited,
                    "PREVIEW1": PREVIEW1,
                    "UNSTABLE": UNSTABLE,
                }
                scope.update((f"pack_{name}", result.struct.pack_into) for name, result in RESULTS.items())
                exec(compile(source, f"<wasi {row.name}>", "exec"), scope)
                make = _compiled[source] = scope["make"]
            made = make(wasi, wasi.descriptors.open, call)
        return made(*arguments)

    return first


def show_flags(names: "tuple[str, ...]", value: int) -> str:
    """Set bits by name, joined with ``|``; "all" if they are many."""
    shown = [name for bit, name in enumerate(names) if value >> bit & 1]
    if len(shown) > 3 and len(shown) == len(names):
        return "all"
    rest = value & ~((1 << len(names)) - 1) & 0xFFFFFFFFFFFFFFFF
    if rest:
        shown.append(f"{rest:#x}")
    return "|".join(shown) or "0"


def show_bytes(data: memoryview) -> str:
    """The first bytes, as text if they are."""
    start = bytes(data[:48])
    text = repr(start)[2:-1].replace('"', '\\"').replace("\\'", "'")
    return f'"{text}"{"…" if len(data) > 48 else ""}'
