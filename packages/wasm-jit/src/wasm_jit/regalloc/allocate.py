"""Allocation in one forward pass over the selected instructions.

At each place the state says which virtual register is in which real one and which have been stored to their slot.
An operand that is not in a register is loaded; where no register is free, the one whose content is wanted last
gives way, and is stored if it was not before (a value never changes, so once is enough).  The state at the
beginning of a block is chosen when all forward ways to it have been walked, from what these ways have in registers;
every way then gets the moves that bring it there.  A loop's head has in registers what is wanted in the loop before
its next call, then what only passes through, as long as the loop leaves registers for it.

The processor's part (``amd64.emit``) subclasses ``Allocator``: it says how each kind of instruction uses registers,
and moves, loads and stores are its methods.  Registers are numbered as locations are (see ``moves``).
"""

from bisect import bisect_left
from heapq import heappop, heappush

from ..ir.function import BRANCH, CONST, JUMP, SWITCH, T_F32, T_V128, IRFunction, edges
from .moves import FIRST_SLOT, sequential

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..amd64.select import Machine, Selected
    from ..ir.function import Edge
    from .moves import Source

    Out = list[tuple[Any, ...]]

_FAR = 1 << 60
#: Registers of each kind that values which only pass through a loop leave free.
_SLACK = 1


class Way:
    """An edge that has been walked: what was where at its end, and the list that its moves are to go to.

    Attributes:
        changed: of a way back, which register its moves fill from where; None if they fill slots too.
    """

    __slots__ = ("changed", "edge", "out", "registers", "stored")

    def __init__(self, edge: "Edge", registers: "dict[int, int]", stored: "set[int]", out: "Out") -> None:
        self.edge = edge
        self.registers = registers
        self.stored = stored
        self.out = out
        self.changed: dict[int, Source] | None = None


class Allocator:
    """Walks the blocks; see the module."""

    #: Locations the allocator may use: a bit set for general registers, one for vector registers.
    general = 0
    vector = 0
    #: Those by way of which cycles of moves are broken.
    spare = 31
    general_spare = -1

    def __init__(self, f: IRFunction, selected: "Selected") -> None:
        self.f = f
        self.selected = selected
        self.types = selected.types
        self.uses = selected.uses
        self.calls = selected.calls
        self.registers: dict[int, int] = {}  # virtual → real
        self.holds = [-1] * FIRST_SLOT  # real → virtual
        self.free = 0
        self.locked = 0
        self.stored: set[int] = set()
        self.slots: dict[int, int] = {}
        self.narrow_slots: list[tuple[int, int]] = []  # (place where its value ends, slot)
        self.wide_slots: list[tuple[int, int]] = []
        self.slot_count = 0
        self.place = 0
        self.wants: dict[int, int] = dict(selected.wants)
        self.out: Out = []
        self.code: list[Out] = []
        self.ways: list[list[Way]] = [[] for _ in f.code]
        self.entries: list[dict[int, int]] = [{} for _ in f.code]
        self.entry_stored: list[set[int]] = [set() for _ in f.code]
        self.held: set[int] = set()  # what lives around the innermost loop
        self.end_of_loop = -_FAR  # the place where that ends
        self.wanted: set[int] = set()  # what is read in it
        self.wanted_in: dict[int, set[int]] = {}  # of loops' heads
        self.avoid = 0  # registers that what it passes to its next round is to be in
        self.avoided_in: dict[int, int] = {}
        self.peaks: dict[int, dict[int, int]] = {}
        incoming: list[list[Edge]] = [[] for _ in f.code]
        for term in f.term:
            for edge in edges(term):
                incoming[edge.target].append(edge)
        self.incoming = incoming

    # what the processor's part has to say

    def move(self, out: "Out", target: int, source: "Source", type_: int) -> None:
        """Append to ``out`` what copies a value of that type from one location to another."""
        raise NotImplementedError

    def instruction(self, machine: "Machine") -> None:
        """Allocate and emit one instruction."""
        raise NotImplementedError

    # registers

    def pool(self, v: int) -> int:
        """The registers that can hold ``v``."""
        return self.vector if T_F32 <= self.types[v] <= T_V128 else self.general

    def next_use(self, v: int) -> int:
        """The next place after this one where ``v`` is read, or a very far one."""
        places = self.uses.get(v)
        if not places:
            return _FAR
        now = self.place
        while places and places[-1] <= now:
            places.pop()
        return places[-1] if places else _FAR

    def use(self, v: int) -> int:
        """The register that holds ``v``, after loading it if none did; it stays for this instruction."""
        r = self.registers.get(v, -1)
        if r < 0:
            r = self.take(self.pool(v), self.wants.get(v, -1))
            self.move(self.out, r, FIRST_SLOT + self.slots[v], self.types[v])
            self.registers[v] = r
            self.holds[r] = v
        self.locked |= 1 << r
        return r

    def define(self, v: int, hint: int = -1) -> int:
        """A register for the new value ``v``."""
        r = self.take(self.pool(v), self.wants.get(v, hint), hint)
        self.registers[v] = r
        self.holds[r] = v
        self.locked |= 1 << r
        return r

    def take(self, pool: int, hint: int = -1, second: int = -1) -> int:
        """A free register of the pool, the hinted one if that is free; made free if there is none."""
        free = self.free & pool & ~self.locked
        if not free:
            self.evict(pool & ~self.locked)
            free = self.free & pool & ~self.locked
        if hint >= 0 and free >> hint & 1:
            r = hint
        elif second >= 0 and free >> second & 1:
            r = second
        else:
            free = free & ~self.avoid or free
            r = (free & -free).bit_length() - 1
        self.free &= ~(1 << r)
        return r

    def evict(self, pool: int) -> None:
        """Free the register of the pool whose content is wanted last."""
        best, best_place = -1, -_FAR
        end = self.end_of_loop
        for v, r in self.registers.items():
            if pool >> r & 1:
                place = self.next_use(v)
                if place > end and v in self.wanted:  # in the loop's next round
                    place = end
                if place > best_place:
                    best, best_place = v, place
        self.save(best)
        self.drop(best)

    def save(self, v: int) -> None:
        """Store ``v`` to its slot, if it is not there yet."""
        if v not in self.stored:
            self.stored.add(v)
            self.move(self.out, FIRST_SLOT + self.slot(v), self.registers[v], self.types[v])

    def drop(self, v: int) -> None:
        """Forget which register holds ``v``."""
        r = self.registers.pop(v, -1)
        if r >= 0:
            self.holds[r] = -1
            self.free |= 1 << r

    def end(self, v: int) -> None:
        """``v`` was read for the last time on this way, unless it lives around a loop."""
        if v not in self.held:
            r = self.registers.get(v, -1)
            if r >= 0:
                self.locked &= ~(1 << r)
                self.drop(v)

    def clear(self, r: int) -> None:
        """Make the register ``r`` free: what it holds moves to another one, or to its slot."""
        v = self.holds[r]
        if v >= 0:
            pool = self.pool(v)
            free = self.free & pool & ~self.locked & ~(1 << r)
            if free:
                other = (free & -free).bit_length() - 1
                self.move(self.out, other, r, self.types[v])
                self.free &= ~(1 << other)
                self.free |= 1 << r
                self.holds[r] = -1
                self.registers[v] = other
                self.holds[other] = v
            else:
                self.save(v)
                self.drop(v)
        self.free &= ~(1 << r)

    def slot(self, v: int) -> int:
        """The slot of ``v``; two values share one only if the one ends before the other is computed."""
        slot = self.slots.get(v, -1)
        if slot < 0:
            wide = self.types[v] == T_V128
            busy = self.wide_slots if wide else self.narrow_slots
            if busy and busy[0][0] < self.selected.starts.get(v, -_FAR):
                slot = heappop(busy)[1]
            else:
                if wide:
                    self.slot_count += self.slot_count & 1
                slot = self.slot_count
                self.slot_count += 1 + wide
            self.slots[v] = slot
            uses = self.uses.get(v)
            end = max(uses[0] if uses else self.place, self.selected.ends.get(v, -_FAR))
            heappush(busy, (end, slot))
        return slot

    def source(self, v: int, registers: "dict[int, int]") -> "Source":
        """Where a move finds ``v``: in itself if it is a constant, in a register, or in its slot."""
        f = self.f
        if f.op[v] == CONST:
            return self.types[v], f.aux[v]
        r = registers.get(v, -1)
        return r if r >= 0 else FIRST_SLOT + self.slots[v]

    # blocks

    def run(self) -> "list[Out]":
        """Allocate everything; returns the instructions of each block."""
        f, selected = self.f, self.selected
        for b in range(len(f.code)):
            out: Out = []
            self.out = out
            self.code.append(out)
            self.begin(b)
            head = f.loop[b]
            if head >= 0:
                self.held = selected.live_in[head]
                self.end_of_loop = selected.loop_end[head]
                self.wanted = self.wanted_in[head]
                self.avoid = self.avoided_in[head]
            else:
                self.held = self.wanted = set()
                self.end_of_loop = _FAR
                self.avoid = 0
            place = selected.start[b]
            for machine in selected.code[b]:
                self.place = place
                self.locked = 0
                self.instruction(machine)
                place += 1
            self.place = place
            self.locked = 0
            self.finish(b)
        return self.code

    def begin(self, b: int) -> None:
        """Choose the state at the beginning of a block, and bring every way there."""
        f, selected = self.f, self.selected
        ways = self.ways[b]
        self.place = selected.start[b] - 1
        live = selected.live_in[b]
        params = f.params[b]
        if b == 0:
            registers = self.parameters()
            stored = self.stored
        elif len(ways) == 1 and not params and f.loop[b] != b:
            way = ways[0]
            registers = {v: r for v, r in way.registers.items() if v in live}
            stored = way.stored & live
        else:
            registers, stored = self.meet(b, ways, live, params)
            self.entries[b] = dict(registers)
            self.entry_stored[b] = set(stored)
        self.adopt(registers, stored)
        if len(ways) > 1 or params or f.loop[b] == b:
            for way in ways:
                self.connect(way, b)
        if f.loop[b] == b:
            avoid = 0
            for edge in self.incoming[b]:
                for p, arg in zip(params, edge.args, strict=True):
                    if p in registers and arg not in live:
                        self.wants[arg] = registers[p]
                        avoid |= 1 << registers[p]
            self.avoided_in[b] = avoid

    def adopt(self, registers: "dict[int, int]", stored: "set[int]") -> None:
        self.registers = registers
        self.stored = stored
        holds = self.holds = [-1] * FIRST_SLOT
        free = self.general | self.vector
        for v, r in registers.items():
            holds[r] = v
            free &= ~(1 << r)
        self.free = free

    def parameters(self) -> "dict[int, int]":
        """Where the function's parameters are when it begins; those on the stack are stored."""
        raise NotImplementedError

    def meet(
        self, b: int, ways: "list[Way]", live: "set[int]", params: "list[int]"
    ) -> "tuple[dict[int, int], set[int]]":
        """The state at a block that several ways lead to, or a loop's head: what is worth a register, and which."""
        calls = self.calls
        start = self.selected.start[b]
        i = bisect_left(calls, start)
        limit = calls[i] if i < len(calls) else _FAR  # the next one
        loop = self.f.loop[b] == b
        end = self.selected.loop_end[b] if loop else -_FAR
        has_call = limit <= end
        wanted: set[int] = set()
        if loop:  # what is wanted in it, before its first call if it has one
            limit = min(limit, end)
            self.wanted_in[b] = wanted
        passing: list[tuple[int, int, int]] = []
        candidates: list[tuple[int, int, int]] = []  # next use, virtual register, wished-for register
        for p_index, p in enumerate(params):
            place = self.next_use(p)
            wish = -1
            for way in ways:
                arg = way.edge.args[p_index]
                if arg in way.registers and arg not in live:
                    wish = way.registers[arg]
                    break
            if place <= limit or not has_call:
                candidates.append((place, p, wish))
        for v in live:
            wish = -1
            count = 0
            for way in ways:
                r = way.registers.get(v, -1)
                if r >= 0:
                    count += 1
                    if wish < 0:
                        wish = r
            place = self.next_use(v)
            if loop:
                if place <= end:
                    wanted.add(v)
                if place <= limit:
                    if count or not has_call:
                        candidates.append((place, v, wish))
                elif not has_call:
                    passing.append((place, v, wish))
            elif count and (count == len(ways) or place <= limit):
                candidates.append((place, v, wish))
        registers: dict[int, int] = {}
        free = self.general | self.vector
        for group in (candidates, self.passing(b, passing)) if passing else (candidates,):
            group.sort()
            later = []
            for _, v, wish in group:
                if wish >= 0 and free >> wish & 1:
                    registers[v] = wish
                    free &= ~(1 << wish)
                else:
                    later.append(v)
            for v in later:
                pool = free & self.pool(v)
                if pool:
                    hint = self.wants.get(v, -1)
                    r = hint if hint >= 0 and pool >> hint & 1 else (pool & -pool).bit_length() - 1
                    registers[v] = r
                    free &= ~(1 << r)
        # what is in no register has to be in its slot, and what a loop with calls would store again and again too
        if has_call:
            stored = set(live)
        else:
            stored = live - registers.keys()
            if ways:
                stored |= live.intersection(*[way.stored for way in ways])
        stored.update([p for p in params if p not in registers])
        return registers, stored

    def passing(self, b: int, values: "list[tuple[int, int, int]]") -> "list[tuple[int, int, int]]":
        """Of values that live around a loop and are not read in it, those that its own leave registers for."""
        values.sort()
        kept = []
        for pool in (self.general, self.vector):
            those = [value for value in values if self.pool(value[1]) == pool]
            if any(value[2] >= 0 for value in those):
                # each is alive wherever the loop has the most values alive
                left = len(those) + pool.bit_count() - _SLACK - self.peak(b, pool)
                if left > 0:
                    kept += [value for value in those if value[2] >= 0][:left]
        return kept

    def peak(self, b: int, pool: int) -> int:
        """How many values that the pool is for are alive at once in the loop that begins with block ``b``."""
        peaks = self.peaks.get(pool)
        if peaks is None:
            peaks = self.peaks[pool] = {}
            f, selected = self.f, self.selected
            vector = pool == self.vector
            counted = [(T_F32 <= type_ <= T_V128) == vector for type_ in self.types]
            for block in range(len(f.code) - 1, b - 1, -1):
                head = f.loop[block]
                if head < b:
                    continue
                held = selected.live_in[head]
                level = sum([counted[v] for v in selected.live_in[block]])
                for p in f.params[block]:
                    level += counted[p]
                highest = level
                for _, d, x, y, z, _, ends in selected.code[block]:
                    if ends:
                        if ends & 1 and counted[x] and x not in held:
                            level -= 1
                        if ends & 2 and counted[y] and y not in held:
                            level -= 1
                        if ends & 4 and counted[z] and z not in held:
                            level -= 1
                        if ends & 8:
                            continue
                    if d >= 0 and counted[d]:
                        level += 1
                        if level > highest:
                            highest = level
                peaks[head] = max(peaks.get(head, 0), highest)
                if head == block:
                    peaks[f.parent[head]] = max(peaks.get(f.parent[head], 0), peaks[head])
        return peaks[b]

    def connect(self, way: Way, b: int) -> None:
        """Give a way the moves that bring it to the state at the beginning of block ``b``."""
        entries, stored, live = self.entries[b], self.entry_stored[b], self.selected.live_in[b]
        moves: list[tuple[int, Source]] = []
        types: dict[int, int] = {}
        registers, types_of = way.registers, self.types
        for v, r in entries.items():
            if registers.get(v, -1) != r and v in live:
                moves.append((r, self.source(v, registers)))
                types[r] = types_of[v]
        for v in stored - way.stored:
            if v in live:
                target = FIRST_SLOT + self.slot(v)
                moves.append((target, registers[v]))
                types[target] = types_of[v]
        for p, arg in zip(self.f.params[b], way.edge.args, strict=True):
            if p in entries:
                target = entries[p]
                moves.append((target, self.source(arg, registers)))
                types[target] = types_of[p]
            if p in stored:
                target = FIRST_SLOT + self.slot(p)
                moves.append((target, self.source(arg, registers)))
                types[target] = types_of[p]
        if not moves:
            return
        if max(types) < FIRST_SLOT:
            way.changed = {target: source for target, source in moves if target != source}
        for target, source in sequential(moves, self.spare, self.general_spare):
            self.move(way.out, target, source, types.get(target, T_V128))  # the spare one is wide enough for all

    def finish(self, b: int) -> None:
        """The block's terminator: its ways leave with the state as it is now."""
        f = self.f
        term = f.term[b]
        ways: dict[int, Way] = {}
        for edge in edges(term):
            if id(edge) in ways:
                continue
            target = edge.target
            if ways:
                way = Way(edge, dict(self.registers), set(self.stored), [])
            else:
                way = Way(edge, self.registers, self.stored, [])
            ways[id(edge)] = way
            if target <= b:
                self.connect(way, target)
            else:
                self.ways[target].append(way)
                if len(self.ways[target]) == 1:  # what comes by the other ways had better be where this one has it
                    for position, arg in enumerate(edge.args):
                        r = self.registers.get(arg, -1)
                        if r >= 0:
                            for other in self.incoming[target]:
                                self.wants.setdefault(other.args[position], r)
        if term[0] == JUMP:
            self.jump(b, ways[id(term[1])])
        elif term[0] == BRANCH:
            self.branch(b, ways[id(term[2])], ways[id(term[3])])
        elif term[0] == SWITCH:
            self.switch(b, [ways[id(edge)] for edge in term[2]])  # type: ignore[attr-defined]
        else:
            self.leave(b)

    def jump(self, b: int, way: Way) -> None:
        """The end of a block that goes one way."""
        raise NotImplementedError

    def branch(self, b: int, taken: Way, other: Way) -> None:
        """The end of a block that goes one of two ways, by the flags."""
        raise NotImplementedError

    def switch(self, b: int, ways: "list[Way]") -> None:
        """The end of a block that goes one of many ways, by a jump table."""
        raise NotImplementedError

    def leave(self, b: int) -> None:
        """The end of a block that leaves the function."""
        raise NotImplementedError
