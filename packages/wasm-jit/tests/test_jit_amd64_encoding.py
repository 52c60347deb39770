"""Every row of the instruction table, in every form, encodes as GNU ``as`` does.

What ``as`` makes of the listing below is committed beside this file, so that the promise is checked where binutils is
missing; where it is there, the committed table itself is checked.  ``python test_jit_amd64_encoding.py`` writes the
table anew.
"""

import hashlib
import itertools
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from wasm_jit.amd64.assembler import Assembler
from wasm_jit.amd64.encoding import ROWS, Row
from wasm_jit.amd64.listing import instruction
from wasm_jit.amd64.registers import NONE, RSP

TABLE = Path(__file__).with_name("amd64_encodings.txt")
Values = tuple[int, ...]
Case = tuple[Row, str, Values]

DISPLACEMENTS = (0, 1, -1, 8, 127, 128, -128, -129, 0x1000, 0x7FFFFFFF, -0x80000000)
IMMEDIATES = {
    "b": (0, 1, 3, 127, -1, -128, 255),
    "s": (0, 1, -1, 127, 128, -128, -129, 0x12345678, 0x7FFFFFFF, -0x80000000),
    "z": (0, 1, -1, 128, 0x12345678, 0x7FFFFFFF, -0x80000000),
    "q": (0, 1, -1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, -0x80000000, -0x80000001, 1 << 32, (1 << 63) - 1, -1 << 63),
    "w": (0, 8, 32767),
}


def emitter_names() -> Iterator[tuple[str, Row, str]]:
    """Each emitter of the assembler with the row and form behind it: the first row that takes the form."""
    for mnemonic in ROWS.mnemonics():
        rows = ROWS[mnemonic]
        seen = set()
        for row in rows:
            for form in row.forms():
                if form not in seen:
                    seen.add(form)
                    yield (f"{mnemonic}_{form}" if form else mnemonic), row, form


def samples(name: str, row: Row, form: str) -> Iterator[Values]:
    """Operands for one emitter: low registers, high registers, then whatever the name seeds."""
    chance = random.Random(name)
    for number in range(4 if form else 1):
        values: list[int] = []
        for operand, kind in zip(row.operands, form, strict=True):
            register = (chance.randrange(8), chance.randrange(8, 16))[number] if number < 2 else chance.randrange(16)
            if kind == "r":
                values.append(register)
            elif kind == "c":
                values.append(chance.randrange(16))
            elif kind == "m":
                values += (register, chance.choice(DISPLACEMENTS))
            elif kind == "x":
                index = chance.choice([r for r in range(16) if r != RSP])
                base = NONE if number == 3 and chance.random() < 0.3 else register
                values += (base, index, chance.randrange(4), chance.choice(DISPLACEMENTS))
            elif kind == "l":
                values.append(0)
            elif operand in "sz" and row.width == 16:
                values.append(chance.choice((0, 1, -1, 127, 128, -128, -129, 32767, -32768)))
            else:
                values.append(chance.choice(IMMEDIATES[operand]))
        yield tuple(values)


ALL = range(16)
INDEXES = [r for r in ALL if r != RSP]
#: Emitters that stand for a class of encodings, with all operands of the class.
EXHAUSTIVE: dict[str, list[Values]] = {
    name: list(operands)
    for name, operands in {
        "mov32_rm": itertools.product((0, 9), ALL, DISPLACEMENTS),
        "mov64_mr": ((b, d, r) for b, d, r in itertools.product(ALL, DISPLACEMENTS, (0, 9))),
        "mov8_mr": itertools.product(ALL, (0, 8, 128), ALL),
        "mov32_rx": itertools.product((0, 9), (*ALL, NONE), INDEXES, range(4), (0, 127, -129)),
        "lea64_rx": itertools.product((1,), (*ALL, NONE), INDEXES, range(4), (0, -128, 128)),
        "add8_rr": itertools.product(ALL, ALL),
        "add32_rr": itertools.product(ALL, ALL),
        "add64_rr": itertools.product(ALL, ALL),
        "movzx8_rr": itertools.product(ALL, ALL),
        "xchg64_rr": itertools.product(range(1, 16), ALL),
        "set_cr": itertools.product(ALL, ALL),
        "cmov32_crr": itertools.product(ALL, (0, 9), (1, 15)),
        "add32_ri": itertools.product(ALL, IMMEDIATES["s"]),
        "add64_ri": itertools.product(ALL, IMMEDIATES["s"]),
        "add32_mi": itertools.product((0, 12, 13), DISPLACEMENTS, IMMEDIATES["s"]),
        "cmp8_mi": itertools.product((0, 12, 13), DISPLACEMENTS, IMMEDIATES["b"]),
        "mov64_ri": itertools.product(ALL, IMMEDIATES["q"]),
        "shl32_ri": itertools.product(ALL, range(32)),
        "push_r": itertools.product(ALL),
        "shlx64_rrr": itertools.product(ALL, ALL, ALL),
        "addsd_rr": itertools.product(ALL, ALL),
        "addsd_rx": itertools.product((0, 9), (*ALL, NONE), INDEXES, (3,), (0, 8, 1024)),
        "vaddsd_rrr": itertools.product(ALL, ALL, ALL),
        "vpaddd_rrr": itertools.product(ALL, ALL, ALL),
        "vmovaps_rr": itertools.product(ALL, ALL),
        "vmovss_rrr": itertools.product(ALL, (0, 9), ALL),
        "vpaddd_rrm": itertools.product((0, 9), (1, 10), ALL, (0, 16, 4096)),
        "vpaddd_rrx": itertools.product((0, 9), (1, 10), (*ALL, NONE), INDEXES, (2,), (0, 16, 4096)),
        "vpblendvb_rrrr": itertools.product((0, 9), (1, 10), ALL, ALL),
        "pextrq_rri": itertools.product(ALL, ALL, (0, 1)),
    }.items()
}


def cases() -> Iterator[tuple[str, list[Case]]]:
    """Every line of the table: its name and its instructions."""
    for name, row, form in emitter_names():
        yield name, [(row, form, values) for values in samples(name, row, form)]
    found = {name: (row, form) for name, row, form in emitter_names()}
    for name, operands in EXHAUSTIVE.items():
        yield f"{name} all", [(*found[name], values) for values in operands]


def emit(name: str, values: Values) -> bytes:
    """The instruction as the assembler's own method makes it."""
    assembler = Assembler()
    method = getattr(assembler, name)
    method(*values)
    return bytes(assembler.code)


def line(name: str, encodings: list[bytes]) -> str:
    if name.endswith(" all"):
        return f"{name} {len(encodings)} {hashlib.sha256(b'|'.join(encodings)).hexdigest()[:32]}"
    return f"{name} {' '.join(data.hex() for data in encodings)}"


def assemble(lines: list[str]) -> list[bytes]:
    """What GNU ``as`` makes of each line."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "a.s")
        source.write_text(".intel_syntax noprefix\n" + "\n".join(lines) + "\n")
        command = ["as", "--64", "-aln", "--listing-lhs-width=5", "-o", str(Path(folder, "a.o")), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:2000]
    found = re.findall(r"^ *\d+ [0-9a-f]{4,} ([0-9A-F ]+?) *\t", done.stdout, re.MULTILINE)
    assert len(found) == len(lines)
    return [bytes.fromhex(data) for data in found]


def reference() -> list[str]:
    """The table's lines, from ``as``."""
    everything = list(cases())
    encodings = iter(assemble([instruction(*case) for _, group in everything for case in group]))
    return [line(name, [next(encodings) for _ in group]) for name, group in everything]


@pytest.fixture(scope="module")
def table() -> dict[str, str]:
    lines = TABLE.read_text().splitlines()
    return {
        entry[: entry.index(" ", entry.find(" all") + 1)] if " all " in entry else entry.split()[0]: entry
        for entry in lines
    }


def test_every_row_and_form_encodes_as_the_system_assembler_does(table: dict[str, str]) -> None:
    wrong = []
    names = []
    for name, group in cases():
        names.append(name)
        if name not in table:
            wrong.append(f"{name}: not in the table")
        elif line(name, [row.encode(form, values) for row, form, values in group]) != table[name]:
            found = line(name, [row.encode(form, values) for row, form, values in group])
            wrong.append(f"{name}: {[instruction(*case) for case in group[:4]]} expected {table[name]}, not {found}")
    assert wrong == []
    assert len(names) == len(table)


def test_the_emitters_append_what_the_encoder_returns() -> None:
    for name, row, form in emitter_names():
        for values in samples(name, row, form):
            expected = row.encode(form, values)
            assert emit(name, values) == expected, (name, values)
            assert emit(name, values) == expected, (name, values, "remembered")
    for name in EXHAUSTIVE:
        row, form = next((row, form) for other, row, form in emitter_names() if other == name)
        for values in itertools.islice(samples(name + "again", row, form), 4):
            assert emit(name, values) == row.encode(form, values)


@pytest.mark.skipif(shutil.which("as") is None or sys.platform != "linux", reason="needs the GNU assembler (binutils)")
def test_the_committed_table_is_what_the_system_assembler_says() -> None:
    if subprocess.run(["as", "--64", "-o", "/dev/null", "/dev/null"], capture_output=True, check=False).returncode:
        pytest.skip("this binutils does not assemble for x86-64")
    assert TABLE.read_text().splitlines() == reference()


def test_immediates_that_do_not_fit_are_refused() -> None:
    assembler = Assembler()
    for name, values in (
        ("add64_ri", (0, 1 << 31)),
        ("add32_ri", (0, 1 << 32)),
        ("shl32_ri", (0, 256)),
        ("mov32_rm", (0, 1, 1 << 31)),
        ("add64_mi", (0, 0, 1 << 31)),
    ):
        with pytest.raises(Exception, match=r"immediate|format|too big|argument"):
            getattr(assembler, name)(*values)
    assert not assembler.code
    with pytest.raises(ValueError, match="rsp can't be an index"):
        assembler.mov32_rx(0, 1, RSP, 0, 0)


def test_unsigned_and_signed_immediates_of_32_bits_are_the_same() -> None:
    assembler = Assembler()
    for unsigned, signed in ((0xFFFFFFFF, -1), (0x80000000, -0x80000000)):
        for name in ("add32_ri", "mov32_ri", "test32_ri", "cmp32_ri"):
            emit_one = getattr(assembler, name)
            emit_one(3, unsigned)
            first = bytes(assembler.code)
            assembler.code.clear()
            emit_one(3, signed)
            assert bytes(assembler.code) == first
            assembler.code.clear()


def test_an_unknown_instruction_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no instruction bogus_rr"):
        _ = Assembler().bogus_rr


if __name__ == "__main__":
    TABLE.write_text("\n".join(reference()) + "\n")
