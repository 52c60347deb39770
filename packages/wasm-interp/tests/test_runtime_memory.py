"""Memories seen from Python."""

import pytest
from wasm_decoder.syntax.types import I64, Limits, MemType
from wasm_interp import Memory, MemoryOutOfBounds, ResourceError, Store


def test_size_and_growth() -> None:
    memory = Memory(MemType(Limits(1, 3)))
    assert (memory.size, len(memory)) == (1, 65536)
    assert memory.grow(2) == 1
    assert memory.grow(0) == 3
    assert memory.type == MemType(Limits(3, 3))
    with pytest.raises(ResourceError, match="a memory of 3 pages, at most 3, cannot grow by 1"):
        memory.grow(1)
    with pytest.raises(ValueError, match="negative"):
        memory.grow(-1)
    assert memory.size == 3


def test_reading_and_writing() -> None:
    memory = Memory(MemType(Limits(1, None)))
    memory.write(65533, b"abc")
    assert memory.read(65533, 3) == memory[65533:65536] == memory[65533:] == b"abc"
    memory[0] = 255
    memory[1:3] = bytearray(b"xy")
    assert memory[0:4] == b"\xffxy\0"
    assert memory[0] == 255
    memory.write(4, memoryview(b"1234")[::1].cast("H"))
    assert memory.read(4, 4) == b"1234"
    memory.write(65536, b"")
    assert memory.read(65536, 0) == b""


def test_places_outside() -> None:
    memory = Memory(MemType(Limits(1, None)))
    for act in (
        lambda: memory.read(65535, 2),
        lambda: memory.read(-1, 1),
        lambda: memory.read(0, -1),
        lambda: memory.write(65536, b"a"),
        lambda: memory.write(-1, b""),
        lambda: memory[65536],
        lambda: memory[-1],
        lambda: memory[0:65537],
        lambda: memory[-2:],
        lambda: memory.__setitem__(65536, 1),
        lambda: memory.__setitem__(slice(65535, 65537), b"ab"),
    ):
        with pytest.raises(MemoryOutOfBounds, match="out of bounds memory access"):
            act()
    with pytest.raises(ValueError, match="as many"):
        memory[0:2] = b"abc"
    with pytest.raises(ValueError, match="step"):
        _ = memory[0:8:2]
    with pytest.raises(ValueError, match=r"range|value"):
        memory[0] = 256


def test_views_outlive_growth_and_the_memory() -> None:
    memory = Memory(MemType(Limits(1, None)))
    view = memory.view()
    assert (view.nbytes, view.format, view.readonly) == (65536, "B", False)
    view[5] = 9
    assert memory[5] == 9
    memory.grow(10)
    assert view.nbytes == 65536
    assert view[5] == 9
    assert memory[5] == 9
    assert memory.view().nbytes == 11 * 65536
    del memory
    view[6] = 1
    assert bytes(view[5:7]) == b"\x09\x01"


def test_growing_page_by_page_keeps_the_content() -> None:
    memory = Memory(MemType(Limits(0, None)))
    for page in range(50):
        assert memory.grow(1) == page
        memory[page * 65536] = page
    assert [memory[page * 65536] for page in range(50)] == list(range(50))


def test_a_huge_memory_is_there_or_refused() -> None:
    try:
        memory = Memory(MemType(Limits(65536, None)))
    except ResourceError as error:
        assert "65536 pages" in str(error)  # noqa: PT017  # either is right
    else:
        memory[2**32 - 1] = 1
        assert memory[2**32 - 1] == 1
        assert memory.try_grow(1) == -1
    with pytest.raises(ResourceError, match="no room for a memory of"):
        Memory(MemType(Limits(2**47, None), I64))


def test_growth_is_seen_by_code_that_ran_before() -> None:
    instance = Store().instantiate("""
        (module (memory (export "memory") 1)
          (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "both") (param i32) (result i32)
            (i32.load (local.get 0)) (drop (memory.grow (i32.const 1)))
            (i32.add (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))))))""")
    memory = instance.exports.memory
    with pytest.raises(MemoryOutOfBounds):
        instance.exports.load(65536)
    memory.grow(1)
    memory[65536] = 3
    assert instance.exports.load(65536) == 3
    assert instance.exports.grow(1) == 2
    memory[3 * 65536 - 4] = 4
    assert instance.exports.load(3 * 65536 - 4) == 4
    memory[0] = 5
    assert instance.exports.both(0) == 5
    assert instance.exports.grow(-1) == -1


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_the_last_place_is_inside_and_the_next_is_not(size: int) -> None:
    number = "i64" if size == 8 else "i32"
    load = f"{number}.load" + {1: "8_u", 2: "16_u"}.get(size, "")
    store = f"{number}.store" + {1: "8", 2: "16"}.get(size, "")
    instance = Store().instantiate(f"""
        (module (memory (export "memory") 1)
          (func (export "load") (param i32) (result {number}) ({load} offset=3 (local.get 0)))
          (func (export "store") (param i32) ({store} offset=3 (local.get 0) ({number}.const 0x04030201))))""")
    memory = instance.exports.memory
    for address in range(65536 - size - 20, 65536 - size + 1):
        memory.write(65500, bytes(36))
        instance.exports.store(address - 3)
        expected = (0x04030201).to_bytes(8, "little")[:size]
        assert memory.read(address, size) == expected
        assert sum(memory.read(65500, 36)) == sum(expected)
        assert instance.exports.load(address - 3) == int.from_bytes(expected, "little")
    before = memory.read(65500, 36)
    for address in (65536 - size + 1, 65536, 2**31, 2**32 - 1, 2**32 + 2):
        for act in (instance.exports.load, instance.exports.store):
            with pytest.raises(MemoryOutOfBounds):
                act(address - 3)
    assert memory.read(65500, 36) == before
