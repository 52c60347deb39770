"""Tokens (specification, section "Text Format, Lexical Format"), comments and annotations.

One regular expression cuts the whole text into a list of strings.  Where a token stands is not kept: an error looks it
up by cutting the text again, which costs nothing as long as there is no error.
"""

import re

from ..errors import ParseError
from ..syntax.instructions import OPS
from ..syntax.types import HEAP_TYPES, PACKED_TYPES, VAL_TYPES
from .numbers import unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_IDCHAR = r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]"
_STRING = r'"[^"\\\x00-\x1f\x7f]*+(?:\\[^\x00-\x1f\x7f][^"\\\x00-\x1f\x7f]*+)*+"'

# The last alternatives match what is no token, one character at a time, and the end of the text as an empty token.
_TOKEN = re.compile(
    rf"(?:[ \t\n\r]++|;;[^\n\r]*+)*+(\((?:@(?:{_IDCHAR}++|{_STRING})?)?|\)|(?:{_IDCHAR}++|{_STRING})++|[^ \t\n\r]|\Z)"
)
_COMMENT = re.compile(rf"{_STRING}|;;[^\n\r]*+|\(;")
_COMMENT_INSIDE = re.compile(r"\(;|;\)")
_NOT_NEWLINE = re.compile(r"[^\n\r]")
_NEWLINE = re.compile(r"\r\n?|\n")

_ESCAPE = re.compile(rb"\\(u\{[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*\}|[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPES = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b'"': b'"', b"'": b"'", b"\\": b"\\"}

_LITERAL = re.compile(
    rf"""[+-]?(?:[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?
    |0x[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*(?:\.(?:[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)?)?(?:[pP][+-]?[0-9]+(?:_[0-9]+)*)?
    |inf|nan(?::0x[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)?)
    |(?:offset|align)=(?:[0-9]+(?:_[0-9]+)*|0x[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)
    |{_STRING}|\${_IDCHAR}+|\${_STRING}""",
    re.VERBOSE,
)

_WORDS = """
module type func extern exn any param result local import export table memory global tag elem data start offset item
declare mut ref null rec sub final field shared pagesize then catch catch_ref catch_all catch_all_ref i8x16 i16x8 i32x4
i64x2 f32x4 f64x2 nan:canonical nan:arithmetic definition instance binary quote register invoke get either ref.extern
ref.host ref.struct ref.array ref.exn thread wait assert_return assert_trap assert_exhaustion assert_exception
assert_malformed assert_malformed_custom assert_invalid assert_invalid_custom assert_unlinkable assert_uninstantiable
assert_return_canonical_nan assert_return_arithmetic_nan ( )
"""

#: Every keyword that is no number: a token that is neither here nor a literal is an unknown operator.
_KEYWORDS = {
    *(op.mnemonic for op in OPS.values()),
    *map(repr, (*VAL_TYPES.values(), *PACKED_TYPES, *HEAP_TYPES.values())),
    *_WORDS.split(),
}

_MAX_MESSAGE = 120  # characters

#: The annotations that the parser looks at; all others are skipped.
_KNOWN_ANNOTATIONS = ("(@name", "(@custom", "(@datacount", "(@metadata.code.branch_hint")


class Source:
    """A text and its tokens, with an empty one at the end.

    A known annotation begins with two tokens, the parenthesis and the same with ``@`` and its name: ``(``, ``(@name``.
    Raises ParseError for a comment or annotation without end, and bytes that are no UTF-8.
    """

    __slots__ = ("_origin", "text", "tokens")

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, str):
            data = bytes(text)
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                before = data[: error.start].decode()
                raise ParseError("malformed UTF-8 encoding", *_place(before, len(before))) from None
        #: the text, with blanks for block comments
        self.text = _blank_comments(text) if "(;" in text else text
        self.tokens: list[str] = _TOKEN.findall(self.text)
        # where annotations were taken out: for each token its number in the text
        self._origin: list[int] | None = None
        if "(@" in text:
            self._drop_annotations()

    def offset(self, index: int) -> int:
        """Where in the text the token with that index begins, in characters."""
        if self._origin is not None:
            index = self._origin[index]
        for number, match in enumerate(_TOKEN.finditer(self.text)):
            if number == index:
                return match.start(1)
        return len(self.text)

    def lines(self, indices: list[int]) -> list[int]:
        """The lines on which the tokens with those ascending indices begin, counted from 1."""
        text, origin = self.text, self._origin
        starts = [match.start(1) for match in _TOKEN.finditer(text)]
        lines = []
        line = end = 0
        for index in indices:
            start = starts[origin[index] if origin else index]
            line += len(_NEWLINE.findall(text, end, start))
            end = start
            lines.append(line + 1)
        return lines

    def error(self, message: str, index: int) -> ParseError:
        """The error to raise if ``message`` is to be said about the token with that index."""
        if len(message) > _MAX_MESSAGE:  # a token can be as long as the text
            message = message[: _MAX_MESSAGE - 1] + "…"
        return ParseError(message, *_place(self.text, self.offset(index)))

    def unexpected(self, index: int) -> ParseError:
        """The error to raise if no token like the one with that index can stand where it stands."""
        token = self.tokens[index]
        if not token:
            return self.error("unexpected token: the text ends", index)
        if token.startswith("$"):
            self.identifier(index)
        if known(token) or token.startswith("(@"):
            return self.error(f"unexpected token {token}", index)
        if token == '"':
            return self.error("unclosed string", index)
        if len(token) == 1 and token not in ",;[]{}" and not re.match(_IDCHAR, token):
            return self.error(f"illegal character {token!r}", index)
        return self.error(f"unknown operator {token}", index)

    def string(self, index: int) -> bytes:
        """The bytes that the string literal with that index stands for."""
        token = self.tokens[index]
        if token[:1] != '"' or len(token) < 2 or ("\\" not in token and token.count('"') != 2):
            raise self.unexpected(index)
        return self._unquote(token, index)

    def name(self, index: int) -> str:
        """The characters that the string literal with that index stands for."""
        return self._utf8(self.string(index), index)

    def identifier(self, index: int) -> str:
        """The identifier token with that index as if it had been written without quotes, ``$`` included."""
        token = self.tokens[index]
        if '"' in token:
            if not re.fullmatch(rf"\${_STRING}", token):
                raise self.error(f"unknown operator {token}", index)
            token = "$" + self._utf8(self._unquote(token[1:], index), index)
        if token == "$":
            raise self.error("empty identifier", index)
        return token

    def _utf8(self, content: bytes, index: int) -> str:
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise self.error("malformed UTF-8 encoding", index) from None

    def _unquote(self, token: str, index: int) -> bytes:
        """The bytes of a literal in quotes."""
        try:
            content = token[1:-1].encode()
        except UnicodeEncodeError:  # a lone surrogate in a str
            raise self.error("malformed UTF-8 encoding", index) from None
        if "\\" not in token:
            return content
        if not re.fullmatch(_STRING, token):
            raise self.unexpected(index)

        def replace(match: "re.Match[bytes]") -> bytes:
            escape = match[1]
            if escape in _ESCAPES:
                return _ESCAPES[escape]
            if len(escape) == 2:
                return bytes((int(escape, 16),))
            if len(escape) > 2:
                code = int(escape[2:-1], 16)
                if code < 0xD800 or 0xE000 <= code < 0x110000:
                    return chr(code).encode()
            raise self.error(f"illegal escape \\{escape.decode(errors='replace')}", index)

        return _ESCAPE.sub(replace, content)

    def _drop_annotations(self) -> None:
        """Take the annotations that mean nothing here out of the tokens."""
        tokens, kept, origin = self.tokens, [], []
        end = len(tokens) - 1
        index = 0
        while index <= end:
            token = tokens[index]
            if not token.startswith("(@"):
                kept.append(token)
                origin.append(index)
                index += 1
                continue
            if len(token) == 2:
                raise self.error("empty annotation id", index)
            if token[2] == '"':
                name = self._utf8(self._unquote(token[2:], index), index)
                if not name:
                    raise self.error("empty annotation id", index)
                token = "(@" + name
            if token in _KNOWN_ANNOTATIONS:
                kept += "(", token
                origin += index, index
                index += 1
                continue
            opening = index
            depth = 1
            while depth:
                index += 1
                token = tokens[index]
                if not token:
                    raise self.error("unclosed annotation", opening)
                if token[0] == "(":
                    depth += 1
                elif token == ")":
                    depth -= 1
                elif token == '"' or (len(token) == 1 and token not in ",;[]{}" and not re.match(_IDCHAR, token)):
                    raise self.unexpected(index)
            index += 1
        self.tokens = kept
        self._origin = origin


def known(token: str) -> bool:
    """Whether the token has a meaning anywhere in the text format."""
    return token in _KEYWORDS or _LITERAL.fullmatch(token) is not None


def _place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset in the text, both counted from 1."""
    line, start = 1, 0
    for newline in _NEWLINE.finditer(text, 0, offset):
        line += 1
        start = newline.end()
    return line, offset - start + 1


def _blank_comments(text: str) -> str:
    """The text with blanks where it has block comments, so that every character stays where it is."""
    parts: list[str] = []
    copied = pos = 0
    while match := _COMMENT.search(text, pos):
        pos = match.end()
        if match[0] != "(;":
            continue
        start = match.start()
        depth = 1
        while depth:
            inside = _COMMENT_INSIDE.search(text, pos)
            if inside is None:
                raise ParseError("unclosed comment", *_place(text, start))
            depth += 1 if inside[0] == "(;" else -1
            pos = inside.end()
        parts += text[copied:start], _NOT_NEWLINE.sub(" ", text[start:pos])
        copied = pos
    return "".join(parts) + text[copied:]


class Cursor:
    """Where in the tokens of a source a parser is."""

    __slots__ = ("pos", "source", "tokens")

    def __init__(self, source: Source, pos: int = 0) -> None:
        self.source = source
        self.tokens = source.tokens
        #: index of the next token
        self.pos = pos

    def fail(self, message: str, index: int | None = None) -> "NoReturn":
        """Say that about the token with that index, the next one by default."""
        raise self.source.error(message, self.pos if index is None else index)

    def unexpected(self, index: int | None = None) -> "NoReturn":
        """Say that the token with that index, the next one by default, cannot stand where it stands."""
        raise self.source.unexpected(self.pos if index is None else index)

    def known(self) -> bool:
        """Whether the next token has a meaning anywhere in the text format."""
        return known(self.tokens[self.pos])

    def expect(self, token: str) -> None:
        """Go behind the next token, which must be this one."""
        if self.tokens[self.pos] != token:
            self.unexpected()
        self.pos += 1

    def sees(self, keyword: str) -> bool:
        """Whether the next tokens are ``(`` and the keyword."""
        return self.tokens[self.pos] == "(" and self.tokens[self.pos + 1] == keyword

    def opens(self, keyword: str) -> bool:
        """Whether the next tokens are ``(`` and the keyword; if so, go behind them."""
        if self.tokens[self.pos] == "(" and self.tokens[self.pos + 1] == keyword:
            self.pos += 2
            return True
        return False

    def skip(self) -> None:
        """Go behind the ``)`` that belongs to the last ``(``."""
        tokens, pos = self.tokens, self.pos
        depth = 1
        while depth:
            token = tokens[pos]
            if token == ")":
                depth -= 1
            elif token == "(":
                depth += 1
            elif not token:
                self.unexpected(pos)
            pos += 1
        self.pos = pos

    def u32(self) -> int:
        """An unsigned number of 32 bits."""
        return self._unsigned(32)

    def u64(self) -> int:
        """An unsigned number of 64 bits."""
        return self._unsigned(64)

    def _unsigned(self, bits: int) -> int:
        try:
            value = unsigned(self.tokens[self.pos], bits)
        except OverflowError:
            self.fail(f"i{bits} constant out of range {self.tokens[self.pos]}")
        except ValueError:
            self.unexpected()
        self.pos += 1
        return value

    def string(self) -> bytes:
        """A string literal."""
        content = self.source.string(self.pos)
        self.pos += 1
        return content

    def strings(self) -> bytes:
        """Any number of string literals, joined."""
        parts = []
        while self.tokens[self.pos][:1] == '"':
            parts.append(self.string())
        return b"".join(parts)

    def name(self) -> str:
        """A string literal that must be UTF-8."""
        content = self.source.name(self.pos)
        self.pos += 1
        return content

    def identifier(self) -> str | None:
        """An identifier with its ``$`` if there is one."""
        if self.tokens[self.pos][:1] == "$":
            identifier = self.source.identifier(self.pos)
            self.pos += 1
            return identifier
        return None
