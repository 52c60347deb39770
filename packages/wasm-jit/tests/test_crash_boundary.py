"""Rows of the crash table: values that cross the boundary, and what is at the edge of what there is room for."""

from collections.abc import Callable

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

#: What the programs below say about values that cross the boundary, and about whose functions and memories they are.
BOUNDARY = {
    "v128 in and out, through host functions and globals": '''
        one = instance("""
            (import "h" "id" (func $id (param v128 i32 v128) (result v128)))
            (global $g (export "g") (mut v128) (v128.const i64x2 1 2))
            (func (export "f") (param v128 v128) (result v128 v128)
                (global.set $g (call $id (local.get 0) (i32.const 7) (local.get 1)))
                (global.get $g) (local.get 0))""", {"h": {"id": lambda a, n, b: b}})
        a, b = bytes(range(16)), bytes(range(16, 32))
        for _ in range(300):
            assert one.exports.f(a, b) == (b, a)
        assert one.exports.g.value == b
        one.exports.g.value = a
        wrong_type = [(bad, TypeError) for bad in ("0" * 16, None, 5, [0] * 16)]
        for bad, kind in ((b"", ValueError), (bytes(17), ValueError), *wrong_type):
            raises(kind, "", one.exports.f, bad, b)
            raises(kind, "", one.exports.f, a, bad)
            returns = '(import "h" "f" (func $f (result v128))) (func (export "f") (result v128) (call $f))'
            raises(kind, "", instance(returns,
                {"h": {"f": lambda: bad}}).exports.f)
        ''',
    "many vectors as arguments and results": '''
        params = " ".join(["v128"] * 40)
        gets = " ".join(f"(local.get {39 - i})" for i in range(40))
        one = instance(f"""(import "h" "f" (func $h (param {params}) (result {params})))
            (func (export "f") (param {params}) (result {params}) {gets} (call $h))""",
            {"h": {"f": lambda *args: args[::-1]}})
        given = tuple(bytes([i]) * 16 for i in range(40))
        assert one.exports.f(*given) == given
        ''',
    "a function of another store": '''
        text = """(table (export "t") 4 funcref) (type $t (func (param i32) (result i32)))
            (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "set") (param i32 funcref) (table.set (local.get 0) (local.get 1)))
            (func (export "get") (param i32) (result funcref) (table.get (local.get 0)))
            (func (export "call") (param i32 i32) (result i32) (call_indirect (type $t) (local.get 1) (local.get 0)))"""
        one, two, portable = instance(text), instance(text), instance(text, engine=Interpreter())
        worlds = (one, two, portable)
        for to in worlds:
            for i, from_ in enumerate(worlds):
                to.exports.set(i, from_.exports.double)
                assert function_of(to.exports.get(i)) is function_of(from_.exports.double)
                assert to.exports.call(i, 21) == 42
                to.exports.t[3] = from_.exports.double
                assert to.exports.call(3, 4) == 8
        importer = """(import "m" "double" (func $d (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $d (local.get 0)))"""
        for engine in (Compiler(), Interpreter()):
            for from_ in worlds:
                assert instance(importer, {"m": from_}, engine).exports.f(5) == 10
        del one, two, portable, from_
        gc.collect()
        for to in worlds:
            assert [to.exports.call(i, 1) for i in range(3)] == [2, 2, 2]
        ''',
    "functions that are no WebAssembly functions": '''
        one = instance("""(table 1 funcref) (func (export "f") (param funcref) (table.set (i32.const 0) (local.get 0)))
            (func (export "c") (call_indirect (i32.const 0)))""")
        for bad in (print, len, lambda: 1, 0, "f", object(), one, type):
            raises(TypeError, "funcref", one.exports.f, bad)
        raises(Trap, "uninitialized element", one.exports.c)
        returns = '(import "h" "f" (func $f (result funcref))) (func (export "f") (result funcref) (call $f))'
        raises(TypeError, "", instance(returns,
            {"h": {"f": lambda: print}}).exports.f)
        ''',
    "stale views": """
        one = instance('''(memory (export "memory") 1 3)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))''')
        memory = one.memory
        old = memory.view()
        assert one.exports.grow(1) == 1 and len(old) == 65536 and len(memory.view()) == 131072
        old[5] = 7
        assert memory[5] == 7
        new = memory.view()
        new[131071] = 1
        del one, memory
        gc.collect()
        assert old[5] == 7 and new[131071] == 1
        old[65535] = 3
        assert new[65535] == 3
        raises(IndexError, "", lambda: new[131072])
        """,
    "integers and objects of every size": """
        one = instance('''(func (export "f") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
            (local.get 0) (local.get 1) (local.get 2) (local.get 3))''')
        f = one.exports.f
        assert f(2**32 - 1, -2**63, 1, True) == (-1, -2**63, 1.0, 1.0)
        class Evil:
            def __index__(self): gc.collect(); return 5
            def __float__(self): gc.collect(); return 2.5
        assert f(Evil(), Evil(), Evil(), Evil()) == (5, 5, 2.5, 2.5)
        for bad in (2**32, -2**31 - 1, 10**1000):
            raises(OverflowError, "", f, bad, 0, 0, 0)
        for bad in (2**64, -2**63 - 1, -10**1000):
            raises(OverflowError, "", f, 0, bad, 0, 0)
        raises(OverflowError, "", f, 0, 0, 0, 10**1000)
        for args in ((), (1,), (1, 2, 3), (1, 2, 3, 4, 5), tuple(range(1000))):
            raises(TypeError, "arguments", f, *args)
        for bad in (None, "1", b"1", [], 1j):
            for i in range(4):
                args = [0] * 4
                args[i] = bad
                raises(TypeError, "", f, *args)
        raises(TypeError, "", lambda: f(1, 2, 3, 4, x=5))
        """,
    "arguments that call back": """
        holder = []
        class Evil:
            def __init__(self, depth): self.depth = depth
            def __index__(self):
                return self.depth and holder[0].exports.f(Evil(self.depth - 1)) + 1
        holder.append(instance('(func (export "f") (param i32) (result i32) (local.get 0))'))
        assert holder[0].exports.f(Evil(50)) == 50
        raises(RecursionError, "", holder[0].exports.f, Evil(10**6))
        """,
}

LIMITS = {
    "a guest that grows its memory to the limit": '''
        one = instance("""(memory (export "memory") 0)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "poke") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
            (func (export "size") (result i32) (memory.size))""")
        grow = one.exports.grow
        raises(Trap, "out of bounds memory access", one.exports.poke, 0)
        size = 0
        while size < 65536 and grow(4096) == size:
            size += 4096
            one.exports.poke(size * 65536 - 1)
            if size < 65536:
                raises(Trap, "out of bounds memory access", one.exports.poke, size * 65536)
        assert one.exports.size() == size == one.memory.size
        if size == 65536:
            assert grow(1) == -1 and grow(-1) == -1 and grow(65536) == -1
        assert grow(0) == size
        ''',
    "memory growth beyond the address space that is allowed": '''
        import resource
        one = instance("""(memory (export "memory") 1) (func (export "grow") (param i32) (result i32) (memory.grow
            (local.get 0)))
            (func (export "f") (param i32) (result i32) (i32.load (local.get 0)))""")
        assert one.exports.f(0) == 0 and one.exports.grow(0) == 1
        resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))
        assert one.exports.grow(1) in (1, -1)
        assert one.exports.f(65532) == 0
        raises(WasmError, "no room for", instance, "(memory 1)")
        raises(Trap, "out of bounds memory access", one.exports.f, -4)
        ''',
    "little address space from the start": '''
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
        assert instance('(func (export "f") (param i32) (result i32) (local.get 0))').exports.f(7) == 7
        one = instance("""(memory (export "memory") 1) (func (export "grow") (param i32) (result i32) (memory.grow
            (local.get 0)))
            (func (export "f") (param i32) (result i32) (i32.load offset=8 (local.get 0)))""")
        one.memory.write(65528, b"\\x05")
        assert one.exports.f(65520) == 5
        for address in (65525, 65536, -1, -8, -9, -2**31):
            raises(Trap, "out of bounds memory access", one.exports.f, address)
        while one.exports.grow(100) > 0:
            pass
        assert one.exports.f(len(one.memory) - 12) == 0
        raises(Trap, "out of bounds memory access", one.exports.f, len(one.memory) - 11)
        raises(WasmError, "no room for a memory", instance, "(memory 30000)")
        ''',
    "no memory left in a host function": '''
        import resource
        one = instance("""(import "h" "f" (func $h (result i32))) (func (export "f") (result i32) (call $h))""",
            {"h": {"f": lambda: len(bytearray(1 << 40))}})
        raises(MemoryError, "", one.exports.f)
        ''',
    "huge memory offsets": """
        loads = ("i32.load", "i64.load", "f32.load", "f64.load", "i32.load8_s", "i64.load32_u", "v128.load",
            "v128.load8x8_u", "v128.load64_splat")
        stores = {"i32.store": "i32.const 0", "i64.store": "i64.const 0", "f64.store": "f64.const 0",
            "i64.store8": "i64.const 0", "v128.store": "v128.const i64x2 0 0"}
        for offset in (65533, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff):
            one = instance('(memory 1)' + " ".join(
                [f'(func (export "{name}") (param i32) (drop ({name} offset={offset} (local.get 0))))'
                 f'(func (export "{name} const") (drop ({name} offset={offset} (i32.const 3))))' for name in loads] +
                [f'(func (export "{name}") (param i32) ({name} offset={offset} (local.get 0) ({value})))'
                 for name, value in stores.items()]))
            for name in one.exports:
                for address in ((3, 0x7fffffff, -1, -65536) if "const" not in name else (None,)):
                    args = [] if address is None else [address]
                    raises(Trap, "out of bounds memory access", one.exports[name], *args)
        """,
    "unaligned accesses at the end of memory": """
        sizes = {"i32.load": 4, "i64.load": 8, "f32.load": 4, "f64.load": 8, "i32.load8_u": 1, "i32.load16_s": 2,
            "i64.load32_s": 4, "v128.load": 16,
            "v128.load32x2_s": 8, "v128.load16_splat": 2, "v128.load64_zero": 8}
        one = instance('(memory 1 2) (func (export "grow") (drop (memory.grow (i32.const 1))))' +
            " ".join(f'''(func (export "{n}") (param i32) (drop ({n} (local.get 0))))
            (func (export "{n} 7") (param i32) (drop ({n} offset=7 (local.get 0))))''' for n in sizes))
        for end in (65536, 131072):
            for name, size in sizes.items():
                for offset, suffix in ((0, ""), (7, " 7")):
                    one.exports[name + suffix](end - size - offset)
                    for beyond in range(1, size + 1):
                        first = end - size - offset + beyond
                        raises(Trap, "out of bounds memory access", one.exports[name + suffix], first)
            one.exports.grow()
        """,
    "a store across the end writes nothing": '''
        one = instance("""(memory (export "memory") 1) (func (export "f") (param i32) (i64.store (local.get 0)
            (i64.const -1)))
            (func (export "v") (param i32) (v128.store (local.get 0) (v128.const i64x2 -1 -1)))""")
        for address in range(65529, 65536):
            raises(Trap, "out of bounds memory access", one.exports.f, address)
        for address in range(65521, 65536):
            raises(Trap, "out of bounds memory access", one.exports.v, address)
        assert one.memory.read(65500, 36) == bytes(36)
        ''',
    "bulk operations at every edge": '''
        one = instance("""(memory (export "memory") 1) (data $d "12345678") (table $t 8 funcref) (elem $e funcref
            (ref.null func) (ref.null func))
            (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
            (func (export "init") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tcopy") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tinit") (param i32 i32 i32) (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tfill") (param i32 i32 i32) (table.fill $t (local.get 0) (ref.null func) (local.get 2)))
            (func (export "tget") (param i32 i32 i32) (drop (table.get $t (local.get 0))))""")
        edges = (0, 1, 7, 8, 9, 65535, 65536, 65537, 0x7fffffff, -0x80000000, -65536, -2, -1)
        traps = 0
        for name in ("copy", "fill", "init", "tcopy", "tinit", "tfill", "tget"):
            for a in edges:
                for b in edges:
                    for c in edges:
                        try:
                            one.exports[name](a, b, c)
                        except Trap as trap:
                            traps += 1
                            assert "out of bounds" in str(trap)
        assert traps > 5000
        assert len(one.memory) == 65536
        ''',
    "tables of the maximum size": '''
        raises(WasmError, "no room for a table", instance, "(table 0xffffffff funcref)")
        one = instance("""(table $t (export "t") 1000000 funcref) (elem (i32.const 999999) $f) (func $f (result i32)
            (i32.const 5))
            (func (export "f") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
            (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))""")
        assert one.exports.f(999999) == 5
        raises(Trap, "uninitialized element", one.exports.f, 0)
        for index in (1000000, -1, 0x7fffffff, -0x80000000):
            raises(Trap, "undefined element", one.exports.f, index)
        assert one.exports.grow(-1) == -1 and one.exports.grow(0x7fffffff) == -1
        assert one.exports.grow(1) == 1000000
        raises(Trap, "uninitialized element", one.exports.f, 1000000)
        ''',
    "huge functions, deep nesting, wide jump tables": '''
        depth = 400
        labels = " ".join(str(i % depth) for i in range(20000))
        one = instance(f"""(func (export "f") (param i32) (result i32) {"(block " * depth}
            (br_table {labels} 0 (local.get 0)) {")" * depth} (i32.const 9))""")
        for index in (0, 19999, 20000, -1):
            assert one.exports.f(index) == 9
        ''',
    "every processor exception is a trap": '''
        one = instance("""(func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
            (func (export "rem") (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
            (func (export "ldiv") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
            (func (export "urem") (param i32 i32) (result i32) (i32.rem_u (local.get 0) (local.get 1)))
            (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
            (func (export "utrunc") (param f32) (result i64) (i64.trunc_f32_u (local.get 0)))""")
        e = one.exports
        raises(Trap, "integer overflow", e.div, -2**31, -1)
        raises(Trap, "integer overflow", e.ldiv, -2**63, -1)
        for f in (e.div, e.rem, e.ldiv, e.urem):
            raises(Trap, "integer divide by zero", f, 1, 0)
        assert e.rem(-2**63, -1) == 0
        raises(Trap, "invalid conversion to integer", e.trunc, float("nan"))
        for x in (2.0**31, -2.0**31 - 1, float("inf"), -float("inf"), 1e300):
            raises(Trap, "integer overflow", e.trunc, x)
        for x in (2.0**64, -1.0, float("inf")):
            raises(Trap, "integer overflow", e.utrunc, x)
        ''',
}

TABLE = {**BOUNDARY, **LIMITS}


@pytest.mark.parametrize("name", TABLE)
def test_the_process_survives(name: str, survives: Callable[[str], None]) -> None:
    survives(TABLE[name])
