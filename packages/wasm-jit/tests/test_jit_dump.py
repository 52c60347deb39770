"""The stages of a function as text."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wasm_jit
from wasm_decoder import Module, decode, encode, parse_wat

if wasm_jit.unavailable() is not None:
    pytest.skip(f"no native engine: {wasm_jit.unavailable()}", allow_module_level=True)

from wasm_jit.amd64 import processor
from wasm_jit.amd64.assembler import Assembler, Code
from wasm_jit.compile import compile_function
from wasm_jit.dump import STAGES, Tracer, dump
from wasm_jit.layout import Layout

TEXT = """(module
  (func $log (import "env" "log") (param i32))
  (memory 1)
  (table $t 2 funcref)
  (type $binary (func (param i32 i32) (result i32)))
  (global $g (mut i64) (i64.const 0))
  (func $sum (export "sum") (param $n i32) (param $x f64) (result i32) (local $s i32)
    (loop $again
      (local.set $s (i32.add (local.get $s) (i32.load offset=16 (local.get $n))))
      (f64.store (local.get $n) (f64.mul (local.get $x) (f64.const 2.5)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))
    (local.get $s))
  (func $choose (param i32) (result i32)
    (block $a (block $b (block $c (br_table $a $b $c (local.get 0))) (return (i32.const 5))) (return (i32.const 6)))
    (call $log (i32.const 1))
    (call_indirect $t (type $binary) (i32.const 1) (i32.const 2) (local.get 0)))
  (func $various (param i32 i64 f64 v128) (result i64)
    (global.set $g (i64.div_s (local.get 1) (i64.extend_i32_u (memory.grow (local.get 0)))))
    (drop (i32.trunc_f64_s (f64.min (local.get 2) (f64.const 1))))
    (v128.store (i32.const 32) (i32x4.mul (local.get 3) (v128.const i32x4 1 2 3 4)))
    (if (i32.and (f64.eq (local.get 2) (f64.const 7)) (i32.const 1)) (then unreachable))
    (i64.rotl (select (global.get $g) (local.get 1) (i64.lt_u (local.get 1) (i64.const 9))) (local.get 1))))
"""
MODULE = decode(encode(parse_wat(TEXT)))
SUM, CHOOSE, VARIOUS = range(3)


def lines(number: int, *stages: str, module: Module = MODULE, guarded: bool = True) -> list[str]:
    return list(dump(module, number, stages or STAGES, guarded=guarded))


@pytest.mark.parametrize("number", [SUM, CHOOSE, VARIOUS])
def test_all_stages_come_in_order(number: int) -> None:
    heads = [line for line in lines(number) if line.startswith("; function")]
    assert heads == [f"; function {number + 1}, {stage}" for stage in ("ssa", "opt", "asm")]
    for stage in STAGES:
        only = lines(number, stage)
        assert only[0] == f"; function {number + 1}, {stage}"
        assert len(only) > 3


def test_ssa_is_what_was_built_and_opt_what_is_left() -> None:
    ssa, opt = lines(VARIOUS, "ssa"), lines(VARIOUS, "opt")
    assert ssa[1].startswith("b0(v0: i32, v1: i64, v2: f64, v3: v128):")
    assert any("i32x4.mul v3" in line for line in ssa)
    assert any("unreachable" in line for line in opt)
    dead = decode(encode(parse_wat("(module (func (param i32) (drop (i32.mul (local.get 0) (local.get 0)))))")))
    assert any("i32.mul" in line for line in lines(0, "ssa", module=dead))
    assert not any("i32.mul" in line for line in lines(0, "opt", module=dead))


def test_machine_code_stands_beside_the_instruction_that_it_came_from() -> None:
    asm = lines(SUM, "asm")
    place = MODULE.binary.index(bytes.fromhex("28 02 10")) if MODULE.binary else -1
    (load,) = [line for line in asm if "i32.load" in line]
    assert load.endswith(f"; {place:#x} i32.load offset=16")
    assert "dword ptr [r15+" in load
    assert any("vmulsd" in line or "mulsd" in line for line in asm)
    assert sum("no stack left, or an interrupt" in line for line in lines(CHOOSE, "asm")) == 1
    various = lines(VARIOUS, "asm")
    assert any("helper memory.grow 0" in line for line in various)
    assert any(re.search(r"call .*; 0x[0-9a-f]+ i64\.div_s$", line) for line in various)


def test_jumps_go_to_blocks_and_every_block_has_a_place() -> None:
    asm = lines(CHOOSE, "asm")
    blocks = {line[:-1] for line in lines(CHOOSE, "opt") if re.match(r"b\d+\(", line)}
    heads = {line[:-1] for line in asm if re.fullmatch(r"b\d+:", line)}
    assert heads == {block.partition("(")[0] for block in blocks}
    assert {match[1] for line in asm if (match := re.search(r"\bj\w+ (b\d+)$", line))} <= heads
    assert any("table of 2 jumps" in line for line in asm)


def traced(number: int, features: "frozenset[str] | None", guarded: bool) -> tuple[Code, Code, Tracer]:
    """The code of a function, once from the assembler and once from the one that looks on."""
    tracer = Tracer()

    class Observer:
        def ssa(self, f: object) -> None:
            pass

        def opt(self, f: object) -> None:
            pass

        def assembler(self) -> Assembler:
            return tracer

    plain, _, _ = compile_function(MODULE, Layout(MODULE), number, features, guarded=guarded)
    other, _, _ = compile_function(MODULE, Layout(MODULE), number, features, Observer(), guarded=guarded)
    return plain, other, tracer


FEATURES = [processor.features(), processor.BASE]


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("features", FEATURES, ids=["all", "base"])
@pytest.mark.parametrize("number", [SUM, CHOOSE, VARIOUS])
def test_looking_on_changes_nothing(number: int, features: frozenset[str], guarded: bool) -> None:
    plain, other, _ = traced(number, features, guarded)
    assert other.data == plain.data
    assert other.relocations == plain.relocations
    assert [mark for mark in other.marks if isinstance(mark[1], int)] == plain.marks


def test_every_byte_of_the_code_is_listed() -> None:
    plain, other, tracer = traced(VARIOUS, None, True)
    end, cut = 0, False
    for line in tracer.listing(other, 0, {}):
        match = re.match(r" *([0-9a-f]+)  ((?:[0-9a-f]{2} ?){1,10})(\+?)", line)
        if match:
            start, shown = int(match[1], 16), bytes.fromhex(match[2])
            assert start == end or (cut and end < start <= end + 5)
            assert plain.data[start : start + len(shown)] == shown
            end, cut = start + len(shown), match[3] == "+"
    assert end == plain.size


@pytest.mark.skipif(shutil.which("as") is None or sys.platform != "linux", reason="needs the GNU assembler (binutils)")
@pytest.mark.parametrize("number", [SUM, CHOOSE, VARIOUS])
def test_the_text_means_the_bytes(number: int, tmp_path: Path) -> None:
    """What is listed, assembled by the system's assembler, is the code."""
    plain, other, tracer = traced(number, None, True)
    source = [".intel_syntax noprefix"]
    for line in tracer.listing(other, 0, {}):
        match = re.match(r" *([0-9a-f]+)  (?:[0-9a-f]{2} ?){1,10}\+? +([^;]+)", line)
        if match:
            text = match[2].strip()
            text = re.sub(r"^(j[a-z]+|call) (0x[0-9a-f]+)$", r"\1 start+\2", text)
            text = re.sub(r"\[rip\+(0x[0-9a-f]+)\]", r"[rip+start+\1]", text)
            source.append(f".org {int(match[1], 16)}, 0x90" if text[0] == "." else text)
            if text[0] == ".":
                source[-1] = f".byte {', '.join(map(str, plain.data[int(match[1], 16) : _next_aligned(match[1])]))}"
    source.insert(1, "start:")
    (tmp_path / "a.s").write_text("\n".join(source) + "\n", encoding="utf-8")
    done = subprocess.run(["as", "--64", "-o", tmp_path / "a.o", tmp_path / "a.s"], capture_output=True, text=True)
    if "unrecognized option" in done.stderr:
        pytest.skip("this binutils does not assemble for x86-64")
    assert done.returncode == 0, done.stderr
    subprocess.run(["ld", "-Ttext=0", "--oformat=binary", "-o", tmp_path / "a.bin", tmp_path / "a.o"], check=True)
    assert (tmp_path / "a.bin").read_bytes()[: plain.size] == plain.data[: plain.size]


def _next_aligned(offset: str) -> int:
    return -(-int(offset, 16) // 32) * 32
