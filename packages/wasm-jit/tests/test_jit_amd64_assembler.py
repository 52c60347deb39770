"""Labels, jumps, constants, tables, marks and relocations of the assembler."""

import random

import pytest
from wasm_jit.amd64.assembler import ABS64, DISP32, PC32, Assembler
from wasm_jit.amd64.registers import LE, NE, RAX, RBX, RCX, RDX


def signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def filler(assembler: Assembler, size: int) -> None:
    """Code of this many bytes."""
    for _ in range(size):
        assembler.nop()


@pytest.mark.parametrize(("distance", "size"), [(0, 2), (127, 2), (128, 5), (100_000, 5)])
def test_a_forward_jump_is_short_up_to_127_bytes(distance: int, size: int) -> None:
    a = Assembler()
    label = a.label()
    a.jmp(label)
    filler(a, distance)
    a.bind(label)
    a.ret()
    code = a.finish()
    assert code.size == size + distance + 1
    assert signed(code.data[1:size]) == distance
    assert code.labels[label] == size + distance


@pytest.mark.parametrize(("distance", "size"), [(0, 2), (126, 2), (127, 6), (100_000, 6)])
def test_a_backward_jump_is_short_up_to_128_bytes(distance: int, size: int) -> None:
    a = Assembler()
    label = a.here()
    filler(a, distance)
    a.jcc(NE, label)
    code = a.finish()
    assert code.size == distance + size
    assert signed(code.data[distance + (1 if size == 2 else 2) :]) == -(distance + size)


def follow(data: bytes, at: int) -> tuple[int, int]:
    """Size and target of the jump at an offset."""
    if data[at] == 0xEB or data[at] & 0xF0 == 0x70:
        return 2, at + 2 + signed(data[at + 1 : at + 2])
    near = 5 if data[at] == 0xE9 else 6
    return near, at + near + signed(data[at + near - 4 : at + near])


def test_random_jumps_reach_their_labels_and_are_short_where_that_is_possible() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        a = Assembler()
        count = chance.choice((3, 30, 300))
        labels = [a.label() for _ in range(count)]
        jumps: list[int] = []
        for label in labels:
            filler(a, chance.randrange(chance.choice((2, 40))))
            if chance.random() < 0.1:
                a.align(chance.choice((2, 16, 32)))
            a.bind(label)
            a.mark(-1)
            target = labels[min(max(labels.index(label) + chance.randrange(-9, 9), 0), count - 1)]
            jumps.append(target)
            if chance.random() < 0.3:
                a.jmp(target)
            else:
                a.jcc(chance.randrange(16), target)
        code = a.finish()
        missed = 0
        for (offset, _), target in zip(code.marks, jumps, strict=True):
            size, reached = follow(code.data, offset)
            assert reached == code.labels[target]
            missed += size > 2 and -128 <= reached - offset - 2 <= 127
        # the layout is not the least one possible where alignment or a chain of jumps lies between, but close to it
        assert missed <= len(jumps) // 10 + 1


def test_alignment_fills_with_long_no_operations() -> None:
    for before in range(16):
        a = Assembler()
        filler(a, before)
        a.align(16)
        a.mark("loop")
        a.ret()
        code = a.finish()
        ((offset, value),) = code.marks
        assert (offset, value) == (-(-before // 16) * 16, "loop")
        assert code.data[offset] == 0xC3


def test_constants_are_shared_aligned_and_relative_to_the_instruction() -> None:
    a = Assembler()
    one, many = (1).to_bytes(8, "little"), bytes(range(16))
    a.movsd_rl(1, a.constant(one))
    ends = [len(a.code)]
    a.movaps_rl(9, a.constant(many))
    ends.append(len(a.code))
    a.add64_li(a.constant(one), 0x1000)  # four bytes of immediate come after the field
    ends.append(len(a.code))
    a.cmp32_li(a.constant(one), 5)  # one byte
    ends.append(len(a.code))
    a.pshufd_rli(0, a.constant(many), 0x1B)
    ends.append(len(a.code))
    code = a.finish()
    fields = [(ends[0], 4), (ends[1], 4), (ends[2], 8), (ends[3], 5), (ends[4], 5)]
    targets = [end + signed(code.data[end - size : end - size + 4]) for end, size in fields]
    assert targets[0] == targets[2] == targets[3]
    assert targets[1] == targets[4]
    assert code.data[targets[0] : targets[0] + 8] == one
    assert code.data[targets[1] : targets[1] + 16] == many
    assert targets[1] % 16 == 0
    assert targets[0] % 8 == 0
    assert len(code.data) == targets[0] + 8
    assert code.size == ends[-1]


def test_a_jump_table_holds_distances_from_its_own_start() -> None:
    a = Assembler()
    labels = [a.label() for _ in range(3)]
    table = a.table([labels[2], labels[0], labels[2], labels[1]])
    a.lea64_rl(RAX, table)
    for label in labels:
        a.bind(label)
        filler(a, 300)
    code = a.finish()
    start = code.labels[table]
    assert start % 4 == 0
    entries = [start + signed(code.data[start + 4 * n : start + 4 * n + 4]) for n in range(4)]
    assert entries == [code.labels[labels[n]] for n in (2, 0, 2, 1)]


def test_marks_move_with_the_code() -> None:
    a = Assembler()
    end = a.label()
    a.jmp(end)
    a.mark(1)
    a.nop()
    a.mark((2, "any value"))
    a.bind(end)
    assert a.finish().marks == [(2, 1), (3, (2, "any value"))]


def test_calls_inside_and_relocations_outside() -> None:
    a = Assembler()
    inner = a.label()
    a.call(inner)
    a.call_symbol("f", 16)
    a.jmp_symbol("f")
    a.mov64_symbol(RBX, "g", 1)
    a.bind(inner)
    a.ret()
    code = a.finish()
    assert code.data[0] == 0xE8
    assert 5 + signed(code.data[1:5]) == code.labels[inner]
    assert code.relocations == [(6, PC32, "f", 16), (11, PC32, "f", 0), (17, ABS64, "g", 1)]
    where = {"f": 0x7F00_0000_1000, "g": 0x7FFF_FFFF_FFF0}
    linked = code.link(0x7F00_0000_0000, lambda symbol: where[str(symbol)])
    assert 0x7F00_0000_0000 + 10 + signed(linked[6:10]) == where["f"] + 16
    assert 0x7F00_0000_0000 + 15 + signed(linked[11:15]) == where["f"]
    assert int.from_bytes(linked[17:25], "little") == where["g"] + 1
    with pytest.raises(ValueError, match="'f' is more than 2 GiB away"):
        code.link(0, lambda symbol: where[str(symbol)])


def test_an_assembler_is_empty_again_after_finish() -> None:
    a = Assembler()
    emit = a.add32_rr
    pieces = []
    for _ in range(2):
        label = a.here()
        emit(RAX, RCX)
        a.movss_rl(0, a.constant(b"abcd"))
        a.jcc(LE, label)
        pieces.append(a.finish().data)
    assert pieces[0] == pieces[1]


def test_labels_are_placed_exactly_once() -> None:
    a = Assembler()
    a.jmp(a.label())
    with pytest.raises(ValueError, match="label 0 was not placed"):
        a.finish()
    a = Assembler()
    label = a.here()
    a.bind(label)
    with pytest.raises(ValueError, match="label 0 was placed twice"):
        a.finish()


def test_layout_takes_a_fixed_number_of_steps() -> None:
    """A chain in which each short jump needs the next to be short: rounds until nothing changes would not end soon."""
    a = Assembler()
    labels = [a.label() for _ in range(20_000)]
    for number, label in enumerate(labels):
        a.bind(label)
        a.jmp(labels[min(number + 42, len(labels) - 1)])
        a.nop()
    code = a.finish()
    assert code.size <= 20_000 * 6


def test_a_displacement_is_known_when_the_code_is_linked() -> None:
    a = Assembler()
    a.mov32_rr(RAX, RCX)
    a.mov64_rm(RDX, RBX, 0x7FFF)
    a.displacement("field", 8)
    a.ret()
    code = a.finish()
    assert code.relocations == [(5, DISP32, "field", 8)]
    a.mov32_rr(RAX, RCX)
    a.mov64_rm(RDX, RBX, -0x2000 + 8)
    a.ret()
    assert code.link(64, lambda symbol: {"field": -0x2000}[str(symbol)]) == a.finish().data
