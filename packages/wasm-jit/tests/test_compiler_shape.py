"""What the machine code of small functions looks like: what is in a loop, and what is not."""

import re

import pytest
import wasm_jit
from wasm_decoder import decode, encode, parse_wat

if wasm_jit.unavailable() is not None:
    pytest.skip(f"no native engine: {wasm_jit.unavailable()}", allow_module_level=True)

from wasm_jit.amd64 import processor
from wasm_jit.compile import compile_function
from wasm_jit.dump import dump
from wasm_jit.layout import Layout


def listing(func: str, number: int = 0) -> "list[str]":
    """The machine code of a function: instructions, and labels as "b1:"."""
    module = decode(encode(parse_wat(f"(module (memory 1) {func})")))
    found = []
    for line in dump(module, number, ("asm",)):
        match = re.match(r"(b\d+:)$| *[0-9a-f]+  (?:[0-9a-f]{2} ?){1,10}\+? +([^;]*[^; ])", line)
        if match:
            found.append(match[1] or match[2])
    return found


def loops(func: str) -> "list[list[str]]":
    """The instructions of each loop in one piece, from its head to its last branch back, without labels."""
    code = listing(func)
    places = {line[:-1]: i for i, line in enumerate(code) if line.endswith(":")}
    ends: dict[int, int] = {}
    for i, line in enumerate(code):
        match = re.match(r"j\w+ (b\d+)$", line)
        if match and places[match[1]] < i:
            ends[places[match[1]]] = i
    return [[line for line in code[start : end + 1] if not line.endswith(":")] for start, end in sorted(ends.items())]


def test_values_that_pass_through_a_loop_keep_their_registers() -> None:
    code = listing("""(func (param i32 i32 i32 i32 i32 i32) (result i32)
      (loop $next
        (i32.store (local.get 0) (i32.const 7))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
      (i32.add (i32.add (local.get 1) (local.get 2)) (i32.add (local.get 3) (i32.mul (local.get 4) (local.get 5)))))""")
    assert not any("[rsp" in line for line in code)


def test_values_that_pass_through_a_loop_leave_its_own_the_registers() -> None:
    count = 16
    sets = "".join(f"(local.set {i} (i32.load offset={4 * i} (local.get 0)))" for i in range(2, count))
    sums = "".join(f"(i32.xor (local.get {i}))" for i in range(2, count))
    params = " ".join(["i32"] * (count - 2))
    inside, = loops(f"""(func (param i32 i32) (result i32) (local {params}) {sets}
      (loop $next
        (i32.store (local.get 0) (i32.mul (local.get 1) (i32.add (local.get 0) (i32.const 3))))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
      (i32.const 0) {sums})""")  # fmt: skip
    assert not any("[rsp" in line for line in inside)


def test_what_a_loop_reads_is_loaded_before_it() -> None:
    inside, = loops("""(func $f (param i32 i32)
      (call $f (local.get 0) (local.get 1))
      (loop $next
        (i32.store (local.get 0) (local.get 1))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 4))))))""")  # fmt: skip
    assert not any("[rsp" in line for line in inside)


def test_a_loop_ends_in_one_jump_and_moves_come_before_it() -> None:
    inside, = loops("""(func (param i32) (result i32) (local i32 i32 i32)
      (local.set 2 (i32.const 1))
      (loop $next
        (local.set 3 (i32.add (local.get 1) (local.get 2)))
        (local.set 1 (local.get 2))
        (local.set 2 (local.get 3))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))""")  # fmt: skip
    assert [line for line in inside if line[0] == "j"] == [inside[-1]]
    assert inside[-1].startswith("jne ")
    assert len(inside) <= 6


def test_moves_stay_behind_the_branch_if_the_way_out_needs_what_they_overwrite() -> None:
    inside, = loops("""(func (param i32) (result i32) (local i32)
      (loop $next
        (local.set 1 (local.get 0))
        (br_if $next (i32.load (local.tee 0 (i32.load (local.get 0))))))
      (local.get 1))""")  # fmt: skip
    assert inside[-1].startswith("jmp ")


def test_a_cycle_of_registers_needs_no_vector_register() -> None:
    inside, = loops("""(func (param i32 i32 i32 i32) (result i32) (local i32)
      (loop $next
        (i32.store (local.get 1) (local.get 2))
        (local.set 4 (local.get 1))
        (local.set 1 (local.get 2))
        (local.set 2 (local.get 3))
        (local.set 3 (local.get 4))
        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))""")  # fmt: skip
    assert not any("xmm" in line or "[rsp" in line for line in inside)
    assert sum(line.startswith("mov e") for line in inside) <= 3
    assert sum(line.startswith("mov ") for line in inside) == 5  # the store, and four moves for a cycle of three


@pytest.mark.parametrize(
    ("condition", "jump"),
    [
        ("(local.tee 0 (i32.sub (local.get 0) (i32.const 1)))", "jne"),
        ("(i32.ge_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))", "jns"),
        ("(i32.lt_s (local.tee 0 (i32.xor (local.get 0) (local.get 1))) (i32.const 0))", "js"),
        ("(i32.eqz (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1))))", "je"),
        ("(i32.eqz (local.tee 0 (i32.sub (i32.const 0) (local.get 0))))", "je"),
    ],
)
def test_flags_that_are_set_are_not_set_again(condition: str, jump: str) -> None:
    inside, = loops(f"(func (param i32 i32) (loop $next (br_if $next {condition})))")  # fmt: skip
    assert len(inside) == 2
    assert inside[1].split()[0] == jump


@pytest.mark.parametrize(
    "condition",
    [
        "(local.tee 0 (i32.mul (local.get 0) (local.get 1)))",  # sets other flags
        "(local.tee 0 (i32.rotl (local.get 0) (i32.const 3)))",  # sets none of these
        "(local.tee 0 (i32.shl (local.get 0) (i32.const 32)))",  # shifts nothing: sets none
    ],
)
def test_flags_that_say_something_else_are_set_anew(condition: str) -> None:
    inside, = loops(f"(func (param i32 i32) (loop $next (br_if $next {condition})))")  # fmt: skip
    assert sum(line.startswith("test") for line in inside) == 1


def test_heads_of_loops_are_aligned() -> None:
    module = decode(
        encode(
            parse_wat("""(module (memory 1) (func (param i32)
              (i32.store8 (local.get 0) (i32.const 1))
              (loop $next (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))""")
        )
    )
    code = compile_function(module, Layout(module), 0)[0]
    back = code.data.index(b"\x75")  # jne, two bytes
    distance = int.from_bytes(code.data[back + 1 : back + 2], "little", signed=True)
    assert (back + 2 + distance) % 32 == 0


def test_what_traps_stands_out_of_line() -> None:
    code = listing("""(func (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable))
      (i32.add (local.get 0) (i32.const 1)))""")
    jumps = [line.split()[0] for line in code[: code.index("ret")] if line[0] == "j"]
    assert jumps == ["je"]


@pytest.mark.skipif("bmi2" not in processor.features(), reason="this processor has no rorx")
def test_a_rotation_needs_no_copy() -> None:
    code = listing("""(func (param i32) (result i32)
      (i32.xor (local.get 0)
        (i32.xor (i32.rotr (local.get 0) (i32.const 6)) (i32.rotl (local.get 0) (i32.const 7)))))""")
    assert [line for line in code if line.startswith("rorx")] == ["rorx eax, edi, 6", "rorx ecx, edi, 25"]


def test_extensions_of_what_is_short_already_are_no_instructions() -> None:
    code = listing("""(func (param i32 i32)
      (i32.store (local.get 1)
        (i32.wrap_i64 (i64.shr_u (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const 613566757)) (i64.const 32)))))""")
    assert [line.split()[0] for line in code if line[0] != "b"] == ["imul", "shr", "mov", "ret"]


def test_a_short_value_is_stored_at_its_full_width() -> None:
    """An i64 may be in the register of the i32 that it extends; it is still an i64."""
    code = listing("""(global $g (mut i64) (i64.const -1))
      (func (param i32) (global.set $g (i64.extend_i32_u (local.get 0))))""")
    assert code[-2].startswith("mov qword ptr [r11")


def test_a_sum_of_three_is_one_address() -> None:
    code = listing("""(func (param i32 i32) (result i32)
      (i32.add (i32.add (local.get 0) (i32.const -12)) (local.get 1)))""")
    assert [line for line in code if line[0] != "b"] == ["lea eax, [rdi+rsi*1-12]", "ret"]


@pytest.mark.parametrize("branch", ["(br_if 0 (local.get 0))", "(br_if 0 (local.get 0)) (br_if {half} (local.get 0))"])
def test_loops_may_be_nested_deeply(branch: str) -> None:
    """Every loop inside the one before; work that grew with the square of the depth would not come to an end here."""
    depth = 30_000
    closing = b"".join(
        b"\x20\x00\x0d\x00" + (b"\x20\x00\x0d" + leb((depth - i) // 2) if "half" in branch else b"") + b"\x0b"
        for i in range(depth)
    )
    body = b"\x00" + b"\x03\x40" * depth + closing + b"\x0b"
    code = b"\x01" + leb(len(body)) + body
    module = decode(
        b"\0asm\1\0\0\0" + b"\x01\x05\x01\x60\x01\x7f\x00" + b"\x03\x02\x01\x00" + b"\x0a" + leb(len(code)) + code
    )
    assert compile_function(module, Layout(module), 0)[0].size > depth


def leb(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
