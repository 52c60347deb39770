"""The scripts of the official test suite, ``.wast``: what they consist of, and how they are read.

The grammar is that of the reference interpreter ("Scripts" in its manual), with the commands that older suites and the
proposals use.
"""

from .._record import Record
from ..features import Features
from ..syntax.module import Module
from . import numbers
from .immediates import SHAPES
from .lexer import Cursor, Source
from .parser import SCANNED, ModuleParser, parse_wat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class ScriptModule:
    """A module in a script; it is read when somebody asks, because some are there to be malformed.

    Attributes:
        form: how it is written: "text", "binary", or "quote", which is text inside strings.
        name: its identifier with ``$``, None without one.
        content: the bytes of a "binary", the text in UTF-8 (or what claims to be) of a "quote", empty otherwise.
    """

    __slots__ = ("_parser", "_pos", "content", "form", "name")

    def __init__(self, form: str, name: str | None, content: bytes, source: Source, pos: int) -> None:
        self.form = form
        self.name = name
        self.content = content
        self._parser = source
        self._pos = pos

    def module(self, features: Features = Features.CORE_3_0) -> Module:
        """Read it.  ``features`` are what the binary format has; text is always read whole.

        Raises DecodeError or ParseError.
        """
        if self.form == "binary":
            from ..binary.decode import decode

            return decode(self.content, features)
        if self.form == "quote":
            return parse_wat(self.content)
        parser = ModuleParser(self._parser, self._pos)
        module = parser.module()
        if parser.tokens[parser.pos] not in (")", ""):  # the text ends where a whole script is one module
            parser.unexpected()
        return module

    def __repr__(self) -> str:
        return f"ScriptModule({self.form!r}, {self.name!r})"


# Values


class Const(Record):
    """A number or vector; ``type`` is "i32", "i64", "f32", "f64" or "v128".

    ``value`` is a signed int; for floats the bits as an unsigned int; for vectors 16 bytes.
    """

    __slots__ = ("type", "value")
    type: str
    value: int | bytes


class Nan(Record):
    """Any of the NaNs of a float type: ``kind`` is "canonical" or "arithmetic"."""

    __slots__ = ("type", "kind")
    type: str
    kind: str


class Lanes(Record):
    """A vector of which some lanes are Nan."""

    __slots__ = ("lanes",)
    lanes: "tuple[Const | Nan, ...]"


class Ref(Record):
    """A reference; ``kind`` is "null", "extern", "host", "func", "any", "eq", "i31", "struct", "array" or "exn".

    ``value`` is the number of a particular extern or host reference, the heap type of a particular null, and None
    for any reference of that kind.
    """

    __slots__ = ("kind", "value")
    kind: str
    value: int | str | None


class Either(Record):
    """One of several results."""

    __slots__ = ("choices",)
    choices: "tuple[Result, ...]"


Result = Const | Nan | Lanes | Ref | Either


# Commands; `line` is where each begins, counted from 1


class Define(Record):
    """``(module …)``; with ``instantiate`` false ``(module definition …)``."""

    __slots__ = ("line", "source", "instantiate")
    line: int
    source: ScriptModule
    instantiate: bool


class Instantiate(Record):
    """``(module instance $name $definition)``; None for ``definition`` is the latest."""

    __slots__ = ("line", "name", "definition")
    line: int
    name: str | None
    definition: str | None


class Register(Record):
    """``(register "as" $module)``; None for ``module`` is the latest."""

    __slots__ = ("line", "as_name", "module")
    line: int
    as_name: str
    module: str | None


class Invoke(Record):
    """``(invoke $module "field" arguments)``; None for ``module`` is the latest."""

    __slots__ = ("line", "module", "field", "args")
    line: int
    module: str | None
    field: str
    args: tuple[Const | Ref, ...]


class Get(Record):
    """``(get $module "field")``, the value of a global; None for ``module`` is the latest."""

    __slots__ = ("line", "module", "field")
    line: int
    module: str | None
    field: str


Action = Invoke | Get


class AssertReturn(Record):
    """The action returns these results."""

    __slots__ = ("line", "action", "results")
    line: int
    action: Action
    results: tuple[Result, ...]


class AssertFailure(Record):
    """The action fails with this message; ``kind`` is "trap", "exhaustion" or "exception" (whose message is empty)."""

    __slots__ = ("line", "kind", "action", "message")
    line: int
    kind: str
    action: Action
    message: str


class AssertModule(Record):
    """The module is refused with this message.

    ``kind`` is "malformed", "malformed_custom", "invalid", "invalid_custom", "unlinkable" or "uninstantiable".
    """

    __slots__ = ("line", "kind", "source", "message")
    line: int
    kind: str
    source: ScriptModule
    message: str


class Thread(Record):
    """``(thread $name (shared (module $module))* commands)``."""

    __slots__ = ("line", "name", "shared", "commands")
    line: int
    name: str
    shared: tuple[str, ...]
    commands: "tuple[Command, ...]"


class Wait(Record):
    """``(wait $thread)``."""

    __slots__ = ("line", "thread")
    line: int
    thread: str


Command = (
    Define | Instantiate | Register | Invoke | Get | AssertReturn | AssertFailure | AssertModule | Thread | Wait
)  # fmt: skip


def parse_script(text: str | bytes) -> list[Command]:
    """The commands of a script.  Modules in it are read when asked for.  Raises ParseError."""
    source = Source(text)
    parser = _ScriptParser(source)
    if parser.tokens[0] == "(" and parser.tokens[1] in SCANNED:
        return [Define(1, ScriptModule("text", None, b"", source, 0), True)]
    starts = []
    while parser.tokens[parser.pos]:
        starts.append(parser.pos)
        parser.expect("(")
        parser.skip()
    commands = []
    for start, line in zip(starts, source.lines(starts), strict=True):
        parser.pos = start
        commands.append(parser.command(line))
    return commands


class _ScriptParser(Cursor):
    __slots__ = ()

    def command(self, line: int) -> Command:
        self.expect("(")
        keyword = self.tokens[self.pos]
        parse = _COMMANDS.get(keyword)
        if parse is None:
            self.unexpected()
        self.pos += 1
        command = parse(self, line, keyword)
        self.expect(")")
        return command

    def _module(self, line: int, _: str) -> Command:
        if self._passes("instance"):
            return Instantiate(line, self.identifier(), self.identifier())
        definition = self._passes("definition")
        return Define(line, self._source(), not definition)

    def _passes(self, keyword: str) -> bool:
        if self.tokens[self.pos] != keyword:
            return False
        self.pos += 1
        return True

    def _source(self) -> ScriptModule:
        """A module behind its keyword, up to the closing parenthesis."""
        start = self.pos
        name = self.identifier()
        form = self.tokens[self.pos]
        if form in ("binary", "quote"):
            self.pos += 1
            return ScriptModule(form, name, self.strings(), self.source, start)
        self.skip()
        self.pos -= 1
        return ScriptModule("text", name, b"", self.source, start)

    def _register(self, line: int, _: str) -> Command:
        return Register(line, self.name(), self.identifier())

    def _invoke(self, line: int, _: str) -> Invoke:
        module, field = self.identifier(), self.name()
        args = []
        while self.tokens[self.pos] == "(":
            value = self._value()
            if not isinstance(value, (Const, Ref)):
                self.unexpected()
            args.append(value)
        return Invoke(line, module, field, tuple(args))

    def _get(self, line: int, _: str) -> Get:
        return Get(line, self.identifier(), self.name())

    def _action(self, line: int) -> Action:
        if self.opens("invoke"):
            action: Action = self._invoke(line, "invoke")
        elif self.opens("get"):
            action = self._get(line, "get")
        else:
            self.unexpected()
        self.expect(")")
        return action

    def _assert_return(self, line: int, _: str) -> Command:
        action = self._action(line)
        results = []
        while self.tokens[self.pos] == "(":
            results.append(self._value())
        return AssertReturn(line, action, tuple(results))

    def _assert_nan(self, line: int, keyword: str) -> Command:
        """What version 1.0 has; the type of the result is not written: a Nan without type is of any."""
        return AssertReturn(line, self._action(line), (Nan("", keyword.split("_")[2]),))

    def _assert_failure(self, line: int, keyword: str) -> Command:
        kind = keyword.removeprefix("assert_")
        if kind == "trap" and self.sees("module"):
            return self._assert_module(line, "assert_uninstantiable")
        return AssertFailure(line, kind, self._action(line), "" if kind == "exception" else self.name())

    def _assert_module(self, line: int, keyword: str) -> Command:
        if not self.opens("module"):
            self.unexpected()
        self._passes("definition")
        source = self._source()
        self.expect(")")
        return AssertModule(line, keyword.removeprefix("assert_"), source, self.name())

    def _thread(self, line: int, _: str) -> Command:
        name = self._required_identifier()
        shared = []
        while self.opens("shared"):
            self.expect("(")
            self.expect("module")
            shared.append(self._required_identifier())
            self.expect(")")
            self.expect(")")
        commands = []
        while self.tokens[self.pos] == "(":
            commands.append(self.command(line))
        return Thread(line, name, tuple(shared), tuple(commands))

    def _wait(self, line: int, _: str) -> Command:
        return Wait(line, self._required_identifier())

    def _required_identifier(self) -> str:
        identifier = self.identifier()
        if identifier is None:
            self.unexpected()
        return identifier

    # Values

    def _value(self) -> Result:
        """A constant or a pattern of results, parentheses included."""
        self.expect("(")
        keyword = self.tokens[self.pos]
        self.pos += 1
        value: Result
        if keyword in _NUMBERS:
            value = self._number(*_NUMBERS[keyword])
        elif keyword == "v128.const":
            value = self._vector()
        elif keyword == "either":
            choices = []
            while self.tokens[self.pos] == "(":
                choices.append(self._value())
            value = Either(tuple(choices))
        elif keyword == "ref.null":
            heap = self.tokens[self.pos]
            value = Ref("null", None if heap == ")" else heap)
            self.pos += heap != ")"
        elif keyword in _REFERENCES:
            value = Ref(keyword.removeprefix("ref."), None if self.tokens[self.pos] == ")" else self.u32())
        else:
            self.unexpected(self.pos - 1)
        self.expect(")")
        return value

    def _number(self, type: str, bits: int) -> Const | Nan:
        token = self.tokens[self.pos]
        try:
            if type[0] == "i":
                value: Const | Nan = Const(type, numbers.signed(token, bits))
            elif token in ("nan:canonical", "nan:arithmetic"):
                value = Nan(type, token[4:])
            else:
                value = Const(type, numbers.float_bits(token, bits))
        except ValueError:
            self.unexpected()
        except OverflowError:
            self.fail(f"constant out of range {token}")
        self.pos += 1
        return value

    def _vector(self) -> Const | Lanes:
        shape = SHAPES.get(self.tokens[self.pos])
        if shape is None:
            self.unexpected()
        self.pos += 1
        kind, bits, count = shape
        lanes = [self._number(f"{kind}{bits}", bits) for _ in range(count)]
        content = bytearray()
        for lane in lanes:
            if isinstance(lane, Nan):
                return Lanes(tuple(lanes))
            assert isinstance(lane.value, int)
            content += (lane.value & (1 << bits) - 1).to_bytes(bits // 8, "little")
        return Const("v128", bytes(content))


_NUMBERS = {f"{number}.const": (number, int(number[1:])) for number in ("i32", "i64", "f32", "f64")}
_REFERENCES = frozenset(
    f"ref.{kind}" for kind in ("extern", "host", "func", "any", "eq", "i31", "struct", "array", "exn")
)

_COMMANDS: "dict[str, Callable[[_ScriptParser, int, str], Command]]" = {
    "module": _ScriptParser._module,
    "register": _ScriptParser._register,
    "invoke": _ScriptParser._invoke,
    "get": _ScriptParser._get,
    "assert_return": _ScriptParser._assert_return,
    "assert_return_canonical_nan": _ScriptParser._assert_nan,
    "assert_return_arithmetic_nan": _ScriptParser._assert_nan,
    **dict.fromkeys(("assert_trap", "assert_exhaustion", "assert_exception"), _ScriptParser._assert_failure),
    **{
        f"assert_{kind}": _ScriptParser._assert_module
        for kind in (
            "malformed",
            "malformed_custom",
            "invalid",
            "invalid_custom",
            "unlinkable",
            "uninstantiable",
        )
    },
    "thread": _ScriptParser._thread,
    "wait": _ScriptParser._wait,
}
