"""Structured control as Python has it: the tree of a function body, and how it becomes lines of source.

The translator builds a tree of statements, blocks, loops, conditionals and jumps.  Two forms of it become Python:

- *structured*: a loop, and a block that somebody branches out of, is ``while True``, with ``break`` and ``continue``; a
  jump further out sets ``br`` and breaks until it is there; a jump to where control would go anyhow vanishes, and with
  it the blocks that nobody jumps out of;
- *dispatched*, for what nests too deeply for Python and for big switches: the outer constructs are cut into numbered
  states, and a loop picks the state ``pc`` with a balanced tree of comparisons.  What is inside a state is structured.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

#: Constructs nested more deeply than this are dispatched (CPython allows 20 loops in one another).
MAX_HEIGHT = 15
#: What follows a conditional is moved into its ``else`` as long as this keeps the indentation below it.
MAX_INDENT = 24
#: A switch with more different targets than this is dispatched.
MAX_CASES = 6


class Statement:
    """A line of source that control goes on after, and the offset of the instruction that it is for."""

    __slots__ = ("offset", "text")

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset


class Label:
    """A place that control jumps to: the end of a block, or the head of a loop.

    Attributes:
        place: what it is equal to if it is the same place in control flow; set by ``_shape``.
        state: the number of the state that begins there, in a dispatched function.
    """

    __slots__ = ("place", "state")

    def __init__(self) -> None:
        self.place = -1
        self.state = -1


class Block:
    """Statements with a label at the end; ``loops`` while True if somebody breaks out of it."""

    __slots__ = ("body", "label", "loops", "tall")

    def __init__(self, label: Label, body: "list[Node]", tall: bool) -> None:
        self.label = label
        self.body = body
        self.tall = tall
        self.loops = False


class Loop:
    """Statements with a label at their head, ``end`` is where control goes when they are through."""

    __slots__ = ("body", "end", "label", "tall")

    def __init__(self, label: Label, body: "list[Node]", tall: bool) -> None:
        self.label = label
        self.end = Label()
        self.body = body
        self.tall = tall


class If:
    """One of two lists of statements."""

    __slots__ = ("condition", "inverse", "offset", "other", "tall", "then")

    def __init__(
        self, condition: str, inverse: str, then: "list[Node]", other: "list[Node]", offset: int, tall: bool = False
    ) -> None:
        self.condition = condition
        self.inverse = inverse
        self.then = then
        self.other = other
        self.offset = offset
        self.tall = tall


class Jump:
    """Control goes to the label; without one, ``text`` leaves the function."""

    __slots__ = ("label", "offset", "text")

    def __init__(self, label: Label | None, text: str, offset: int) -> None:
        self.label = label
        self.text = text
        self.offset = offset


class Switch:
    """One of several lists of statements, each of which ends in a jump: ``cases[table[i]]``, else the last.

    ``index`` is the source of i and an atom.
    """

    __slots__ = ("cases", "index", "offset", "table")

    def __init__(self, index: str, table: "list[int]", cases: "list[list[Node]]", offset: int) -> None:
        self.index = index
        self.table = table
        self.cases = cases
        self.offset = offset


class Try:
    """Statements, and what is done when they raise ``WasmException`` (as ``e``): the first handler whose test holds.

    Every handler ends in a jump.
    """

    __slots__ = ("body", "handlers", "offset", "tall")

    def __init__(self, body: "list[Node]", handlers: "list[tuple[str, list[Node]]]", offset: int, tall: bool) -> None:
        self.body = body
        self.handlers = handlers
        self.offset = offset
        self.tall = tall


if TYPE_CHECKING:
    Node: TypeAlias = Statement | Block | Loop | If | Jump | Switch | Try
    Line: TypeAlias = tuple[int, str, int]


class Emitter:
    """Writes the lines of one function."""

    def __init__(self, final: str, offset: int, head: str) -> None:
        """``final`` is the statement that ends the function at its end, "" for none; ``offset`` its instruction's;
        ``head`` the one that begins each repetition of a loop.
        """
        self._head = head
        self._final = final
        self._offset = offset
        self._places = 1  # place 0 is the end of the function
        self._found: list[tuple[int, str, int] | None] = []
        self._whiles: list[_While] = []

    def function(self, body: "list[Node]") -> "list[Line]":
        """The lines of a function's body."""
        if any(getattr(node, "tall", False) for node in body):
            self._dispatch(*_flatten(body))
        else:
            body = self._shape(body, 0, 0, [])
            if self._emit(body, 1) and self._final:
                self._line(1, self._final, self._offset)
        return [line for line in self._found if line is not None]

    def _line(self, indent: int, text: str, offset: int) -> None:
        self._found.append((indent, text, offset))

    # First step: find out where jumps lead, drop the needless ones

    def _place(self) -> int:
        self._places += 1
        return self._places

    def _shape(self, nodes: "list[Node]", place: int, indent: int, around: "list[Block | Loop]") -> "list[Node]":
        """Resolve the jumps in a list of nodes after which control is at ``place``; ``around`` is what encloses it."""
        last = len(nodes) - 1
        for i, node in enumerate(nodes):
            if node.__class__ is Statement:
                continue
            here = place if i == last else self._place()
            if isinstance(node, Jump):
                if node.label is not None and node.label.state < 0:
                    if node.label.place == place:
                        return nodes[:i]
                    self._aim(node.label, around)
                return nodes[: i + 1]
            if isinstance(node, Block):
                node.label.place = here
                node.body = self._shape(node.body, here, indent + 1, [*around, node])
            elif isinstance(node, Loop):
                node.end.place = here
                node.label.place = self._place()
                if not node.body or not _leaves(node.body[-1]):
                    node.body.append(Jump(node.end, "", 0))
                node.body = self._shape(node.body, node.label.place, indent + 1, [*around, node])
            elif isinstance(node, If):
                if i < last and indent < MAX_INDENT:
                    # where one side jumps to where this list ends, the rest belongs to the other side
                    if node.then and self._goes_to(node.then[-1], place):
                        node.other = [*node.other, *nodes[i + 1 :]]
                        last, here = i, place
                    elif node.other and self._goes_to(node.other[-1], place):
                        node.then = [*node.then, *nodes[i + 1 :]]
                        last, here = i, place
                node.then = self._shape(node.then, here, indent + 1, around)
                node.other = self._shape(node.other, here, indent + 1, around)
                if last == i:
                    return nodes[: i + 1]
            elif isinstance(node, Try):
                node.body = self._shape(node.body, here, indent + 1, around)
                node.handlers = [(test, self._shape(h, here, indent + 2, around)) for test, h in node.handlers]
            elif isinstance(node, Switch):
                node.cases = [self._shape(case, place, indent + 1, around) for case in node.cases]
                return nodes[: i + 1]
        return nodes

    @staticmethod
    def _goes_to(node: "Node", place: int) -> bool:
        return isinstance(node, Jump) and node.label is not None and node.label.state < 0 and node.label.place == place

    def _aim(self, label: Label, around: "list[Block | Loop]") -> None:
        """See to it that there is a loop to break out of, or to continue, for a jump to the label."""
        place = label.place
        if place == 0:
            return  # a return statement
        block = None
        for node in reversed(around):
            if isinstance(node, Loop):
                if place in (node.label.place, node.end.place):
                    return
            elif node.label.place == place:
                if node.loops:
                    return
                block = block or node
            if node.label is label:
                break
        if block is not None:
            block.loops = True

    # Second step: lines

    def _emit(self, nodes: "list[Node]", indent: int) -> bool:
        """Write the lines for a list of shaped nodes; whether control can reach what comes after them."""
        work = [iter(nodes)]
        while work:
            for node in work[-1]:
                if isinstance(node, Statement):
                    self._line(indent, node.text, node.offset)
                elif isinstance(node, If):
                    rest = self._if(node, indent)
                    if rest is not None:
                        # one side has left, so the other needs no indentation
                        work.append(iter(rest))
                        break
                elif isinstance(node, Jump):
                    self._jump(node, indent)
                    return False
                elif isinstance(node, Switch):
                    return self._switch(node, indent)
                elif isinstance(node, Try):
                    if not self._try(node, indent):
                        return False
                elif isinstance(node, Block) and not node.loops:
                    if not self._emit(node.body, indent):
                        return False
                elif not self._while(node, indent):
                    return False
            else:
                work.pop()
        return True

    def _jump(self, node: Jump, indent: int) -> None:
        label = node.label
        if label is None:
            self._line(indent, node.text, node.offset)
            return
        whiles = self._whiles
        place = label.place
        if label.state >= 0:
            self._line(indent, f"pc = {label.state}", node.offset)
            place = whiles[0].head
        elif place == 0:
            self._line(indent, self._final or "return", node.offset)
            return
        for level in range(len(whiles) - 1, -1, -1):
            target = whiles[level]
            if place in (target.head, target.end):
                break
        else:
            raise AssertionError("a jump out of nowhere")
        self._go(level, place == target.head, indent, node.offset)

    def _go(self, level: int, again: bool, indent: int, offset: int) -> None:
        """Continue the loop at that level, or break out of it."""
        whiles = self._whiles
        if not again:
            whiles[level].ends = True
        if level < len(whiles) - 1:
            code = 2 * level + again
            self._line(indent, f"br = {code}", offset)
            for crossed in whiles[level + 1 :]:
                crossed.through.add(code)
            again = False
        self._line(indent, "continue" if again else "break", offset)

    def _while(self, node: "Block | Loop", indent: int) -> bool:
        """Write a loop; whether control can reach what comes after it."""
        if isinstance(node, Loop):
            this = _While(node.label.place, node.end.place)
        else:
            this = _While(-1, node.label.place)
        level = len(self._whiles)
        before = len(self._found)
        self._found.append(None)
        self._line(indent, "while True:", 0)
        if self._head and isinstance(node, Loop):
            self._line(indent + 1, self._head, 0)
        self._whiles.append(this)
        if self._suite(node.body, indent + 1) and isinstance(node, Block):
            self._line(indent + 1, "break", 0)
            this.ends = True
        self._whiles.pop()
        if this.through:
            # jumps from inside that go further out than this loop
            if this.ends:
                self._found[before] = (indent, f"br = {2 * level}", 0)
                self._line(indent, f"if br < {2 * level}:", 0)
                self._pass_on(this.through, indent + 1)
            else:
                self._pass_on(this.through, indent)
        return this.ends

    def _pass_on(self, through: "set[int]", indent: int) -> None:
        again = 2 * (len(self._whiles) - 1) + 1  # the code of "continue" for the loop that we are in now
        if again not in through:
            self._line(indent, "break", 0)
        elif len(through) == 1:
            self._line(indent, "continue", 0)
        else:
            self._line(indent, f"if br == {again}:", 0)
            self._line(indent + 1, "continue", 0)
            self._line(indent, "break", 0)

    def _suite(self, nodes: "list[Node]", indent: int) -> bool:
        """As ``_emit``, at least one line."""
        before = len(self._found)
        reached = self._emit(nodes, indent)
        if len(self._found) == before:
            self._line(indent, "pass", 0)
        return reached

    def _if(self, node: If, indent: int) -> "list[Node] | None":
        """Write a conditional.  If one side leaves, the other is returned, and is to be written next."""
        then, other = node.then, node.other
        if not then and not other:
            self._line(indent, node.condition, node.offset)
            return None
        if not then or (other and _leaves(other[-1]) and not _leaves(then[-1])):
            self._line(indent, f"if {node.inverse}:", node.offset)
            then, other = other, then
        else:
            self._line(indent, f"if {node.condition}:", node.offset)
        if not self._suite(then, indent + 1):
            return other
        if other:
            at = len(self._found)
            if len(other) == 1 and isinstance(other[0], If):
                rest = self._if(other[0], indent)
                first = self._found[at]
                if first is not None and first[1].startswith("if "):
                    self._found[at] = (first[0], "el" + first[1], first[2])
                    if rest:
                        self._line(indent, "else:", 0)
                        self._suite(rest, indent + 1)
                    return None
                del self._found[at:]  # a condition that stands alone
            self._line(indent, "else:", 0)
            self._suite(other, indent + 1)
        return None

    def _try(self, node: Try, indent: int) -> bool:
        """Write what handles exceptions; whether control can reach what comes after it."""
        self._line(indent, "try:", node.offset)
        reached = self._suite(node.body, indent + 1)
        self._line(indent, "except WasmException as e:", node.offset)
        word = "if"
        for test, handler in node.handlers:
            self._line(indent + 1, f"{word} {test}:", node.offset)
            reached |= self._suite(handler, indent + 2)
            word = "elif"
        self._line(indent + 1, "else:", node.offset)
        self._line(indent + 2, "raise", node.offset)
        return reached

    def _switch(self, node: Switch, indent: int) -> bool:
        """Write a switch; whether control can reach what comes after it."""
        table, cases = node.table, node.cases
        if len(table) > 3 and all(len(c) == 1 and _state(c[0]) >= 0 for c in cases):
            states = [_state(case[0]) for case in cases]
            numbers = ", ".join([str(states[i]) for i in table])
            self._line(
                indent, f"pc = ({numbers})[{node.index}] if {node.index} < {len(table)} else {states[-1]}", node.offset
            )
            self._go(0, True, indent, node.offset)
            return False
        # runs of equal cases: from which index on each begins
        runs: list[tuple[int, int]] = []
        for i, case in enumerate([*table, len(cases) - 1]):
            if not runs or runs[-1][1] != case:
                runs.append((i, case))
        return self._pick(node, runs, 0, len(runs), indent)

    def _pick(self, node: Switch, runs: "list[tuple[int, int]]", low: int, high: int, indent: int) -> bool:
        if high - low == 1:
            return self._suite(node.cases[runs[low][1]], indent)
        middle = (low + high) // 2
        number = runs[middle][0]
        self._line(indent, f"if {node.index} < {number}:" if number > 1 else f"if not {node.index}:", node.offset)
        if not self._pick(node, runs, low, middle, indent + 1):
            return self._pick(node, runs, middle, high, indent)
        self._line(indent, "else:", 0)
        self._pick(node, runs, middle, high, indent + 1)
        return True

    # The dispatched form

    def _dispatch(self, states: "list[list[Node]]", tries: "list[tuple[int, int, Try]]") -> None:
        """Write the loop over the states; each of ``tries`` covers a range of them, inner ones come first."""
        self._line(1, "pc = 0", 0)
        self._line(1, "while True:", 0)
        if self._head:
            self._line(2, self._head, 0)
        self._whiles.append(_While(self._place(), -1))
        if tries:
            self._line(2, "try:", 0)
        self._states(states, 0, len(states), 3 if tries else 2)
        if tries:
            self._line(2, "except WasmException as e:", 0)
            for first, end, node in tries:
                for test, handler in node.handlers:
                    self._line(3, f"if {first} <= pc < {end} and {test}:", node.offset)
                    self._suite(self._shape(handler, -2, 4, []), 4)
            self._line(3, "raise", 0)
        self._whiles.pop()

    def _states(self, states: "list[list[Node]]", low: int, high: int, indent: int) -> None:
        if high - low == 1:
            body = self._shape(states[low], 0, indent, [])
            if self._emit(body, indent):
                self._line(indent, self._final or "return", self._offset)
            return
        middle = (low + high) // 2
        self._line(indent, f"if pc < {middle}:" if middle > 1 else "if not pc:", 0)
        self._states(states, low, middle, indent + 1)
        self._line(indent, "else:", 0)
        self._states(states, middle, high, indent + 1)


class _While:
    """A loop that is being written.

    Attributes:
        head, end: the places that ``continue`` and ``break`` lead to; -1 for none.
        ends: whether something breaks out of it to its end.
        through: the codes in ``br`` of jumps that leave it for loops further out.
    """

    __slots__ = ("end", "ends", "head", "through")

    def __init__(self, head: int, end: int) -> None:
        self.head = head
        self.end = end
        self.ends = False
        self.through: set[int] = set()


def _state(node: "Node") -> int:
    return node.label.state if isinstance(node, Jump) and node.label is not None else -1


def _leaves(node: "Node") -> bool:
    """Whether control does not come to what follows the node."""
    return isinstance(node, (Jump, Switch))


def _flatten(body: "list[Node]") -> "tuple[list[list[Node]], list[tuple[int, int, Try]]]":
    """Cut a function's body into states: every tall construct is opened, what is inside it and low stays whole.

    The second result says which states an opened ``Try`` covers: the first and the one after the last.
    """
    states: list[list[Node]] = [[]]
    tries: list[tuple[int, int, Try]] = []
    current = states[0]

    def begin(label: Label) -> None:
        nonlocal current
        if not current or not _leaves(current[-1]):
            current.append(Jump(label, "", 0))
        current = []
        label.state = len(states)
        states.append(current)

    # what is still to do: lists of nodes with the position in them, and labels that come after them
    work: list[tuple[list[Node], int] | Label | tuple[int, Try]] = [(body, 0)]
    # labels get their numbers when their state begins; jumps see them later, when lines are written
    while work:
        task = work.pop()
        if isinstance(task, Label):
            begin(task)
            continue
        if isinstance(task[0], int):
            first, attempt = task
            tries.append((first, len(states), attempt))
            begin(Label())
            continue
        nodes, i = task
        while i < len(nodes):
            node = nodes[i]
            i += 1
            if not getattr(node, "tall", False):
                current.append(node)
                continue
            work.append((nodes, i))
            if isinstance(node, Block):
                work.append(node.label)
                work.append((node.body, 0))
            elif isinstance(node, Loop):
                begin(node.label)
                work.append((node.body, 0))
            elif isinstance(node, Try):
                begin(Label())
                work.append((len(states) - 1, node))
                work.append((node.body, 0))
            elif isinstance(node, If):
                then, other, end = Label(), Label(), Label()
                current.append(
                    If(
                        node.condition, node.inverse,
                        [Jump(then, "", node.offset)], [Jump(other, "", node.offset)], node.offset,
                    )
                )  # fmt: skip
                # in order: then, a jump to the end, other, the end
                work.append(end)
                work.append((node.other, 0))
                work.append(other)
                over: list[Node] = [] if node.then and _leaves(node.then[-1]) else [Jump(end, "", 0)]
                work.append((over, 0))
                work.append((node.then, 0))
                work.append(then)
            break
    return states, tries
