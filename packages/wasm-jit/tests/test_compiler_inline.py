"""Calls that are not made: which functions are inlined, that nobody can tell, and what the frames of traps say."""

import pytest
import wasm_jit
from wasm_decoder import Features, Module, ValidationError, decode, encode, parse_wat, validate
from wasm_interp import Interpreter, Store, Trap, UnsupportedError
from wasm_interp.runtime.traps import Frame
from wasm_jit.frontend import inline
from wasm_jit.frontend.build import build
from wasm_jit.frontend.inline import Callees
from wasm_jit.frontend.scan import INLINED, Body, scan
from wasm_jit.ir.function import CALL, EFFECT, IRFunction, print_ir
from wasm_jit.ir.prune import prune

native = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

ADD = "(func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))"


def module_of(text: str) -> Module:
    """With offsets that mean something."""
    return decode(encode(parse_wat(text)))


def function(text: str, number: int = -1) -> IRFunction:
    """The last function of a module, or another one, after the passes."""
    module = parse_wat(text)
    validate(module)
    f = build(module, scan(module, module.funcs[number], Callees(module)))
    prune(f)
    return f


def calls(f: IRFunction) -> "list[object]":
    """The indices of the functions that are called directly."""
    return [f.aux[v][0] for code in f.code for v in code if f.op[v] == CALL]


# what is inlined

INLINE = [
    ("a small function", "(func $f (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))"),
    ("one without results", "(func $f (param i32) (i32.store (i32.const 0) (local.get 0)))"),
    ("one that does nothing", "(func $f)"),
    ("one that never returns", "(func $f unreachable)"),
    ("one with branches", """(func $f (param i32) (result i32) (block (br_if 0 (local.get 0)) (return (i32.const 5)))
        (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))"""),
    ("one with several results", "(func $f (param i32) (result i32 i64) (local.get 0) (i64.const 1))"),
    ("one that calls such a function", "(func $g) (func $f (call $g) (call $g))"),
    ("one that calls one that calls one", "(func $h) (func $g (call $h)) (func $f (call $g))"),
]  # fmt: skip
KEEP = [
    ("an imported function", '(import "m" "f" (func $f))'),
    ("a function with a loop", "(func $f (loop))"),
    ("a large function", f"(func $f {'(i32.store (i32.const 0) (i32.const 1))' * 20})"),
    ("one with many locals", f"(func $f (local {'i32 ' * 100}))"),
    ("one that calls itself", "(func $f (if (global.get 0) (then (call $f))))"),
    ("one of two that call each other", "(func $f (call $g)) (func $g (call $f))"),
    ("one that calls an import", '(import "m" "f" (func $g)) (func $f (call $g))'),
    ("one that calls indirectly", "(table 1 funcref) (func $f (call_indirect (i32.const 0)))"),
    ("one that calls too deeply", "(func $a) (func $b (call $a)) (func $c (call $b)) (func $f (call $c))"),
    ("one that gets large", f"(func $g {'(nop)' * 9}) (func $f (call $g) (call $g) (call $g))"),
]


def caller(text: str) -> str:
    """A module with a function behind ``text`` that calls ``$f`` twice."""
    module = parse_wat(f"{text} (memory 1) (global i32 (i32.const 1))")
    index = next(i for i, name in enumerate(_names(text)) if name == "$f")
    functype = module.functype(module.func_types[index])
    args = "".join(f"({t}.const 7)" for t in functype.params)
    drops = "(drop)" * len(functype.results)
    return f'{text} (memory 1) (global i32 (i32.const 1)) (func (export "f") {f"{args} call $f {drops}" * 2})'


def _names(text: str) -> "list[str]":
    return [part.split()[0].rstrip(")") for part in text.split("(func ")[1:]]


@pytest.mark.parametrize("text", [row[1] for row in INLINE], ids=[row[0] for row in INLINE])
def test_is_inlined(text: str) -> None:
    f = function(caller(text))
    assert calls(f) == []
    assert len(f.inlined) >= 1


@pytest.mark.parametrize("text", [row[1] for row in KEEP], ids=[row[0] for row in KEEP])
def test_is_called(text: str) -> None:
    f = function(caller(text))
    assert len(calls(f)) == 2
    assert f.inlined == []


def test_what_is_inlined_is_folded_with_its_surroundings() -> None:
    inner = "(call $add (i32.const 7) (i32.const 9))"
    f = function(f"{ADD} (func (param i32) (result i32) (call $add (local.get 0) {inner}))")
    assert [line.strip() for line in print_ir(f).splitlines() if "i32.add" in line] == ["v4: i32 = i32.add v0, 0x10"]


def test_the_callee_is_read_once_for_all_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counting(module: Module, func: object, callees: "Callees | None" = None) -> Body:
        read.append(func)
        return scan(module, func, callees)  # type: ignore[arg-type]  # it is a Func

    monkeypatch.setattr(inline, "scan", counting)
    text = "(func $c) (func $b (call $c)) (func $f (call $b) (call $c))" + "(func (call $f) (call $b) (call $c))" * 50
    module = parse_wat(text)
    callees = Callees(module)
    for func in module.funcs:
        scan(module, func, callees)
    assert max(map(read.count, read)) <= 3
    large = parse_wat(f"(func $f {'(nop)' * 1000}) (func (call $f))")
    read.clear()
    assert Callees(large).find(0) is None
    assert read == []


def test_what_a_function_gets_by_inlining_is_bounded() -> None:
    callee = f"(func $f (param i32) {'(i32.store (local.get 0) (i32.const 1))' * 5})"
    for count in (10, 1000):
        module = parse_wat(f"(memory 1) {callee} (func {'(call $f (i32.const 8))' * count})")
        callees = Callees(module)
        size = module.funcs[1].end - module.funcs[1].start
        body = scan(module, module.funcs[1], callees)
        cost = [each.cost for code, each in zip(body.codes, body.immediates, strict=True) if code == INLINED]  # type: ignore[attr-defined]
        assert 0 < sum(cost) <= callees.room(size) < 200 + size


def test_the_text_of_the_stages_says_what_was_inlined() -> None:
    f = function(f"{ADD} (func $twice (param i32) (result i32) (call $add (local.get 0) (local.get 0)))"
        "(func (param i32) (result i32) (call $twice (local.get 0)))")  # fmt: skip
    assert [line.rsplit(" ", 1)[0] for line in print_ir(f).splitlines() if line[0] == ";"] == [
        "; call 1: function 1 inlined at",
        "; call 2: function 0 inlined at",
    ]


# that nobody can tell

PROGRAMS = [
    ("locals are zero at every call", """(func $f (param i32) (result i32) (local i32)
        (local.set 1 (i32.add (local.get 1) (local.get 0))) (local.get 1))
        (func (export "f") (param i32) (result i32) (local i32)
          (loop (local.set 1 (i32.add (local.get 1) (call $f (local.get 0))))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1))"""),
    ("arguments are copies", """(func $f (param i32) (result i32) (local.set 0 (i32.mul (local.get 0) (i32.const 5)))
        (local.get 0))
        (func (export "f") (param i32) (result i32) (i32.add (call $f (local.get 0)) (local.get 0)))"""),
    ("returning leaves the callee only", """(func $f (param i32) (result i32)
        (block (block (br_if 1 (local.get 0)) (return (i32.const 70))) (return (i32.const 71))) (i32.const 72))
        (func (export "f") (param i32) (result i32) (block (result i32) (i32.add (i32.const 1000)
          (call $f (i32.and (local.get 0) (i32.const 1))))))"""),
    ("what lies on the stack stays there", """(func $f (param i32 i32) (result i32 i32) (local.get 1) (local.get 0))
        (func (export "f") (param i32) (result i32) (i32.const 100) (i32.const 20) (call $f (local.get 0)
        (i32.const 3)) i32.sub i32.mul i32.add)"""),
    ("a callee may not come back", """(func $f (param i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 3)) (then unreachable)) (i32.const 9))
        (func $g (result i32) unreachable)
        (func (export "f") (param i32) (result i32)
          (if (result i32) (i32.gt_s (local.get 0) (i32.const 100)) (then (call $g)) (else (call $f (local.get 0))))
        )"""),
    ("nor any of its ways", """(func $f (param i32) (if (local.get 0) (then unreachable) (else unreachable)))
        (func (export "f") (param i32) (result i32) (block (br_if 0 (local.get 0)) (call $f (local.get 0)) (drop
        (i32.const 1))) (i32.const 4))"""),
    ("memory and globals change", """(memory 1) (global $g (mut i32) (i32.const 1))
        (func $f (param i32) (i32.store (i32.const 8) (local.get 0)) (global.set $g (local.get 0)))
        (func (export "f") (param i32) (result i32)
          (i32.store (i32.const 8) (i32.const 2)) (drop (i32.load (i32.const 8))) (drop (global.get $g))
          (if (local.get 0) (then (call $f (local.get 0))))
          (i32.add (i32.load (i32.const 8)) (global.get $g)))"""),
    ("a stored value is known whoever stored it", """(memory 1)
        (func $put (param i32 i64) (i64.store (local.get 0) (local.get 1)))
        (func $get (param i32) (result i64) (i64.load (local.get 0)))
        (func (export "f") (param i32) (result i32) (call $put (i32.const 16) (i64.extend_i32_u (local.get 0)))
          (call $put (i32.const 24) (i64.const -1)) (i32.wrap_i64 (call $get (i32.const 16))))"""),
    ("a callee with a jump table", """(func $f (param i32) (result i32)
        (block (block (block (br_table 0 1 2 0 (local.get 0))) (return (i32.const 1))) (return (i32.const 2)))
        (i32.const 3))
        (func (export "f") (param i32) (result i32) (i32.add (call $f (local.get 0)) (call $f (i32.const 1))))"""),
]  # fmt: skip


@native
@pytest.mark.parametrize("text", [row[1] for row in PROGRAMS], ids=[row[0] for row in PROGRAMS])
@pytest.mark.parametrize("guarded", [True, False])
def test_results_are_as_without_inlining(text: str, guarded: bool) -> None:
    seen = []
    for engine in (wasm_jit.Compiler(guarded=guarded), Interpreter()):
        one = Store(engine).instantiate(text)
        results: list[object] = []
        for n in (1, 2, 3, 5, 7, 101):
            try:
                results.append(one.exports.f(n))
            except Trap as trap:
                results.append(trap.message)
        seen.append(results)
    assert seen[0] == seen[1]
    assert function(text).inlined


# frames

NESTED = """(memory 1)
    (func $leaf (param i32) (result i32) (nop) (i32.load offset=4 (local.get 0)))
    (func $mid (param i32) (result i32) (i32.const 1) (i32.add (call $leaf (local.get 0))))
    (func (export "run") (param i32) (result i32) (nop) (nop) (call $mid (local.get 0)) (call $leaf (i32.const 8))
      i32.add)
    (func (export "late") (param i32) (result i32) (i32.const 0) (call $leaf (i32.const 16)) (call $mid (local.get 0))
      i32.add i32.add)"""


@native
@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("name", ["run", "late"])
def test_a_trap_in_an_inlined_function_has_all_frames(name: str, guarded: bool) -> None:
    module = module_of(NESTED)
    assert calls(function(NESTED)) == []
    one = Store(wasm_jit.Compiler(guarded=guarded)).instantiate(module, name="mine")
    with pytest.raises(Trap) as caught:
        one.exports[name](65536)
    binary = module.binary
    assert binary is not None
    frames = caught.value.frames
    assert [(f.module, f.name, f.index) for f in frames] == [
        ("mine", "leaf", 0), ("mine", "mid", 1), ("mine", name, 2 if name == "run" else 3),
    ]  # fmt: skip
    offsets = [frame.offset or 0 for frame in frames]
    assert [binary[offset] for offset in offsets] == [0x28, 0x10, 0x10]
    assert [binary[offset + 1] for offset in offsets[1:]] == [0, 1]
    for frame, offset in zip(frames, offsets, strict=True):
        func = module.funcs[frame.index]
        assert func.start <= offset < func.end
    assert "leaf" in caught.value.__notes__[0]


@native
def test_helpers_in_inlined_functions_have_their_frames() -> None:
    one = Store(wasm_jit.Compiler()).instantiate("""(table 1 funcref)
        (func $set (param i32) (table.set 0 (local.get 0) (ref.null func)))
        (func (export "f") (param i32) (call $set (local.get 0)))""")
    with pytest.raises(Trap, match="out of bounds table access") as caught:
        one.exports.f(1)
    assert [frame.index for frame in caught.value.frames] == [0, 1]


@native
def test_a_call_before_an_inlined_load_is_in_no_inlined_function() -> None:
    """The call returns to the very instruction that the load is."""
    module = module_of("""(memory 1) (func $leaf (result i32) (i32.load (i32.const 16)))
        (func $deep (loop) unreachable)
        (func (export "f") (result i32) (call $deep) (call $leaf))""")
    one = Store(wasm_jit.Compiler()).instantiate(module)
    with pytest.raises(Trap) as caught:
        one.exports.f()
    frames: tuple[Frame, ...] = caught.value.frames
    assert [frame.index for frame in frames] == [1, 2]
    assert module.binary is not None
    assert module.binary[frames[1].offset or 0 : (frames[1].offset or 0) + 2] == b"\x10\1"


@native
def test_the_stages_show_where_inlined_code_comes_from() -> None:
    from wasm_jit.dump import dump

    lines = list(dump(module_of(NESTED), 2))
    asm = lines[next(i for i, line in enumerate(lines) if line.endswith(", asm")) :]
    assert sum(line.startswith("; call ") for line in asm) == 3
    assert any(line.endswith("i32.load offset=4") and "; 2:0x" in line for line in asm)


# laziness


def invalid() -> Module:
    """A module whose function 0 is small and not valid, and called by 1 on one way."""
    return module_of("""(func $bad (result i32) (i64.const 1))
        (func (export "f") (param i32) (result i32)
          (if (result i32) (local.get 0) (then (call $bad)) (else (i32.const 7))))""")


def test_what_is_not_valid_is_not_inlined() -> None:
    assert Callees(invalid(), Features.CORE_2_0).find(0) is None
    assert Callees(parse_wat(ADD), Features.CORE_2_0).find(0) is not None


@native
@pytest.mark.parametrize("together", [False, True])
def test_an_invalid_function_matters_when_it_is_called(together: bool) -> None:
    compiler = wasm_jit.Compiler()
    one = Store(compiler).instantiate(invalid(), validate="lazy")
    if together:
        with pytest.raises(ValidationError):
            compiler.compile_all(one, 0)
    for _ in range(2):
        assert one.exports.f(0) == 7
        with pytest.raises(ValidationError):
            one.exports.f(1)


@native
def test_what_the_compiler_does_not_know_matters_when_it_is_called() -> None:
    text = """(func $tail (result i32) (return_call $seven)) (func $seven (result i32) (i32.const 7))
        (func (export "f") (param i32) (result i32)
          (if (result i32) (local.get 0) (then (call $tail)) (else (call $seven))))"""
    one = Store(wasm_jit.Compiler(), features=Features.CORE_3_0).instantiate(text)
    assert one.exports.f(0) == 7
    with pytest.raises(UnsupportedError):
        one.exports.f(1)


# globals


def reads(text: str) -> "list[int]":
    """Of each reading of a global in the last function how many loops are around it."""
    f = function(text)
    found = []
    for b, code in enumerate(f.code):
        for v in code:
            if f.op[v] == EFFECT and f.aux[v][0] == 0x23:
                depth, loop = 0, f.loop[b]
                while loop >= 0:
                    depth, loop = depth + 1, f.parent[loop]
                found.append(depth)
    return found


LOOP = """(func (param i32) (result i32) (local i32) (loop (loop
    (local.set 1 (i32.add (local.get 1) (global.get 0))) {} (br_if 0 (local.get 1)))
    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.add (local.get 1) (global.get 0)))"""


def test_a_global_that_never_changes_is_read_before_all_loops() -> None:
    for declared in ("(global i32 (i32.const 5))", '(import "m" "g" (global i32))'):
        assert reads(f"{declared} (memory 1) {LOOP.format('(i32.store (local.get 0) (local.get 1))')}") == [0]
        assert reads(f"{declared} (func $h (loop)) {LOOP.format('(call $h)')}") == [0]


def test_a_global_that_can_change_is_read_again_in_every_round() -> None:
    assert reads(f"(global (mut i32) (i32.const 5)) {LOOP.format('')}") == [2]


def test_memory_is_no_global() -> None:
    twice = "(global.get 0) (i32.store (i32.const 0) (i32.const 1)) (global.get 0) i32.add"
    assert reads(f"(memory 1) (global (mut i32) (i32.const 5)) (func (result i32) {twice})") == [0]


def test_another_global_is_another_one() -> None:
    text = """(global (mut i32) (i32.const 5)) (global (mut i32) (i32.const 6)) (func $h (loop)) (func (result i32)
        (global.get 0) (global.set 1 (i32.const 1)) (global.get 0) i32.add {} (global.get 0) i32.add)"""
    assert reads(text.format("")) == [0]
    assert reads(text.format("(call $h)")) == [0, 0]
    assert reads(text.format("(if (global.get 1) (then (global.set 0 (i32.const 2))))")) == [0, 0]
