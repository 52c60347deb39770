"""Instructions (specification, section "Text Format, Instructions"), from tokens straight to their binary form."""

from ..binary.leb128 import signed, unsigned
from ..binary.writer import val_type
from .immediates import READERS, SIMPLE
from .lexer import Source
from .parser_types import TypeParser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What is open while instructions are parsed: a folded instruction whose operands are being read, or a block.  A folded
# `if` begins as a condition, becomes _THEN_DONE when its `(then` opens and _ELSE_DONE when its `(else` opens.
_FOLDED, _HINTED, _CONDITION, _THEN_DONE, _ELSE_DONE, _BRANCH, _FOLDED_BLOCK, _BLOCK, _IF, _ELSE = range(10)

# What may come next: any instruction, folded ones only, or no more instructions.
_ANY, _FOLDED_ONLY, _NONE = range(3)
_NEXT = {
    _FOLDED: _FOLDED_ONLY, _HINTED: _FOLDED_ONLY, _CONDITION: _FOLDED_ONLY, _THEN_DONE: _NONE, _ELSE_DONE: _NONE,
    _BRANCH: _ANY, _FOLDED_BLOCK: _ANY, _BLOCK: _ANY, _IF: _ANY, _ELSE: _ANY,
}  # fmt: skip

_BLOCKS = {"block": b"\x02", "loop": b"\x03", "if": b"\x04", "try_table": b"\x1f"}
_ELSE_CODE = b"\x05"
_END_CODE = b"\x0b"
_CATCHES = {"catch": 0, "catch_ref": 1, "catch_all": 2, "catch_all_ref": 3}

_NOTHING: "tuple[int, Any]" = (-1, None)
_HINT = "(@metadata.code.branch_hint"


class CodeParser(TypeParser):
    """Knows the locals and labels of the function that is being parsed."""

    __slots__ = ("_blocks", "_depth", "_function", "_labels", "hints", "locals", "uses_data")

    def __init__(self, source: Source, pos: int = 0) -> None:
        super().__init__(source, pos)
        #: whether an instruction refers to a data segment, so that the binary format needs the data count section
        self.uses_data = False
        #: offset in the body and value of the branch hints of each function
        self.hints: dict[int, list[tuple[int, bytes]]] = {}
        self.enter(None)

    def enter(self, func: int | None) -> None:
        """Forget the locals and labels: what comes now is the function with that index, or a constant expression."""
        self._function = func
        self.locals: dict[str, int] = {}
        # for each label in scope, the depth of its block; how many blocks are open; how many there were
        self._labels: dict[str, int] = {}
        self._depth = 0
        self._blocks = 0

    def instructions(self, out: bytearray, single: bool = False) -> None:
        """Append instructions up to a closing parenthesis that none of them opened, or a single folded instruction.

        What is open is kept on a list, so that nesting may be of any depth.
        """
        tokens = self.tokens
        simple, readers = SIMPLE, READERS
        stack: list[tuple[int, Any]] = []
        bottom = _FOLDED_ONLY if single else _ANY
        allowed = bottom
        pos = self.pos
        while True:
            token = tokens[pos]
            if token == "(":
                token = tokens[pos + 1]
                code = simple.get(token)
                if code is not None:
                    if allowed == _NONE:
                        self.unexpected(pos)
                    pos += 2
                else:
                    reader = readers.get(token)
                    if reader is None or allowed == _NONE:
                        self.pos = pos
                        self._open(out, stack)
                        pos = self.pos
                        allowed = _NEXT[stack[-1][0]] if stack else bottom
                        continue
                    self.pos = pos + 2
                    code = reader(self)
                    pos = self.pos
                if tokens[pos] == ")":
                    out += code
                    pos += 1
                else:
                    stack.append((_FOLDED, code))
                    allowed = _FOLDED_ONLY
                    continue
            elif token == ")":
                if not stack:
                    break
                self.pos = pos
                kind, value = stack.pop()
                if kind == _FOLDED:
                    out += value
                else:
                    self._close(kind, value, out)
                pos += 1
                allowed = _NEXT[stack[-1][0]] if stack else bottom
            else:
                self.pos = pos
                if allowed != _ANY:
                    self.unexpected()
                code = simple.get(token)
                if code is not None:
                    out += code
                    pos += 1
                    continue
                self.pos = pos + 1
                reader = readers.get(token)
                if reader is not None:
                    out += reader(self)
                else:
                    self._plain_block(token, out, stack)
                pos = self.pos
                continue
            if single and not stack:
                break
        self.pos = pos

    def expression(self, single: bool = False) -> bytes:
        """A constant expression in its binary form, up to a closing parenthesis or of a single folded instruction."""
        self.enter(None)
        out = bytearray()
        self.instructions(out, single)
        out += _END_CODE
        return bytes(out)

    def _open(self, out: bytearray, stack: "list[tuple[int, Any]]") -> None:
        """Go behind the ``(`` and the keyword of something that is no plain instruction."""
        keyword = self.tokens[self.pos + 1]
        kind, value = stack[-1] if stack else _NOTHING
        self.pos += 2
        if keyword == "then" and kind == _CONDITION:
            label, name, header, hint = value
            self._hint_here(hint, out)
            out += header
            stack[-1] = _THEN_DONE, self._push_label(label, name)
            stack.append((_BRANCH, None))
        elif keyword == "else" and kind == _THEN_DONE:
            out += _ELSE_CODE
            stack[-1] = _ELSE_DONE, value
            stack.append((_BRANCH, None))
        elif stack and _NEXT[kind] == _NONE:
            self.unexpected(self.pos - 1)
        elif keyword == _HINT:
            self._branch_hint(out, stack)
        elif keyword == "if":
            stack.append((_CONDITION, (*self.label_or_name(), b"\x04" + self._block_type(), None)))
        elif keyword in _BLOCKS:
            stack.append((_FOLDED_BLOCK, self._block(keyword, out)))
        else:
            self.unexpected(self.pos - 1)

    def _close(self, kind: int, value: "Any", out: bytearray) -> None:
        """End something other than a folded plain instruction at its ``)``."""
        if kind in (_FOLDED_BLOCK, _THEN_DONE, _ELSE_DONE):
            out += _END_CODE
            self._pop_label(value)
        elif kind == _HINTED:
            code, hint = value
            self._hint_here(hint, out)
            out += code
        elif kind != _BRANCH:  # a condition without branches, a plain block without end
            self.unexpected()

    def _plain_block(self, keyword: str, out: bytearray, stack: "list[tuple[int, Any]]") -> None:
        """Go behind the keyword, just passed, that begins, divides or ends a block, and what belongs to it."""
        if keyword in _BLOCKS:
            stack.append((_IF if keyword == "if" else _BLOCK, self._block(keyword, out)))
            return
        kind, value = stack[-1] if stack else _NOTHING
        if keyword == "end" and kind in (_BLOCK, _IF, _ELSE):
            out += _END_CODE
            self._pop_label(value)
            stack.pop()
        elif keyword == "else" and kind == _IF:
            out += _ELSE_CODE
            stack[-1] = _ELSE, value
        else:
            self.unexpected(self.pos - 1)
        at = self.pos
        label = self.identifier()
        if label is not None and label != value[0]:
            self.fail(f"mismatching label {label}", at)

    def _block(self, keyword: str, out: bytearray) -> "tuple[str | None, int | None]":
        """Label and type of a block, whose first bytes are appended."""
        label, name = self.label_or_name()
        out += _BLOCKS[keyword]
        out += self._block_type()
        if keyword == "try_table":
            out += self._catches()
        return self._push_label(label, name)

    def _block_type(self) -> bytes:
        """A type use; no type and a single result have forms of their own."""
        if self.tokens[self.pos] != "(":
            return b"\x40"
        if self.tokens[self.pos + 1] == "type":
            return signed(self.type_use())
        block = self.func_type(None)
        if block.params or len(block.results) > 1:
            return signed(self.type_index(block))
        return val_type(block.results[0]) if block.results else b"\x40"

    def _catches(self) -> bytes:
        clauses = []
        while self.tokens[self.pos] == "(" and self.tokens[self.pos + 1] in _CATCHES:
            kind = _CATCHES[self.tokens[self.pos + 1]]
            self.pos += 2
            clause = bytes((kind,))
            if kind < 2:
                clause += unsigned(self.index("tag"))
            clauses.append(clause + unsigned(self.label()))
            self.expect(")")
        return unsigned(len(clauses)) + b"".join(clauses)

    # Labels

    def label(self) -> int:
        """A label index, as a number or by its identifier."""
        token = self.tokens[self.pos]
        if token[:1] != "$":
            return self.u32()
        depth = self._labels.get(self.source.identifier(self.pos))
        if depth is None:
            self.fail(f"unknown label {token}")
        self.pos += 1
        return self._depth - depth

    def _push_label(self, label: str | None, name: str | None) -> "tuple[str | None, int | None]":
        """Enter a block; what is returned is needed at its end."""
        if name is not None and self._function is not None:
            self.nested_names["labels"].setdefault(self._function, {})[self._blocks] = name
        self._blocks += 1
        self._depth += 1
        if label is None:
            return None, None
        shadowed = self._labels.get(label)
        self._labels[label] = self._depth
        return label, shadowed

    def _pop_label(self, pushed: "tuple[str | None, int | None]") -> None:
        label, shadowed = pushed
        self._depth -= 1
        if label is not None:
            if shadowed is None:
                del self._labels[label]
            else:
                self._labels[label] = shadowed

    # Branch hints

    def _branch_hint(self, out: bytearray, stack: "list[tuple[int, Any]]") -> None:
        """The rest of a branch hint, and the beginning of the instruction that it belongs to."""
        hint = self.strings()
        self.expect(")")
        folded = self.tokens[self.pos] == "("
        self.pos += folded
        keyword = self.tokens[self.pos]
        if keyword not in ("br_if", "if") or (stack and _NEXT[stack[-1][0]] == _FOLDED_ONLY and not folded):
            self.unexpected()
        self.pos += 1
        if not folded:
            self._hint_here(hint, out)
            self.pos -= 1
        elif keyword == "if":
            stack.append((_CONDITION, (*self.label_or_name(), b"\x04" + self._block_type(), hint)))
        else:
            stack.append((_HINTED, (READERS[keyword](self), hint)))

    def _hint_here(self, hint: bytes | None, out: bytearray) -> None:
        if hint is not None and self._function is not None:
            self.hints.setdefault(self._function, []).append((len(out), hint))
