"""What instantiation copies, in which order, and what is left where something does not fit."""

import pytest
from wasm_decoder import Features, encode, parse_wat
from wasm_decoder.binary.leb128 import signed, unsigned
from wasm_interp import Instance, LinkError, Store, Trap

FORMS = ["binary", "text"]


def instantiate(text: str, form: str, imports: dict[str, Instance] | None = None) -> Instance:
    """Segments of a module in the binary format are not looked at one by one: both ways have to come to the same."""
    return Store().instantiate(encode(parse_wat(text)) if form == "binary" else text, imports)


@pytest.mark.parametrize("form", FORMS)
def test_segments_are_copied_in_order(form: str) -> None:
    instance = instantiate(
        """(module (memory 1) (global $g i32 (i32.const 3))
          (data (i32.const 0) "abcdef") (data (global.get $g) "123") (data (i32.const 4) "X") (data $kept "passive")
          (data (offset (i32.add (i32.const 1) (i32.const 0))) "Y") (data (i32.const 65536) "")
          (func (export "init") (param i32 i32) (memory.init $kept (i32.const 0) (local.get 0) (local.get 1))))""",
        form,
    )
    memory = instance.memory
    assert memory is not None
    assert memory.read(0, 8) == b"aYc1X3\0\0"
    instance.exports.init(2, 5)
    assert memory.read(0, 6) == b"ssive3"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "segment", ['(i32.const 65535) "no"', '(i32.const -1) "n"', '(i32.const -1) ""', "(i32.const 65537)"]
)
def test_what_was_copied_stays_when_a_segment_does_not_fit(form: str, segment: str) -> None:
    owner = instantiate('(module (memory (export "m") 1))', form)
    with pytest.raises(Trap, match="out of bounds memory access"):
        instantiate(
            f"""(module (memory (import "o" "m") 1)
              (data (i32.const 0) "first") (data {segment}) (data (i32.const 0) "third"))""",
            form,
            {"o": owner},
        )
    assert owner.exports.m.read(0, 5) == b"first"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("misfit", "dropped"), [("(elem (i32.const 10) $use)", 0), ('(data (i32.const -1) "n")', 1)])
def test_segments_behind_the_one_that_does_not_fit_are_not_dropped(form: str, misfit: str, dropped: int) -> None:
    """A function that is in another instance's table by then can use them."""
    owner = instantiate(
        """(module (table (export "t") 2 funcref) (memory (export "m") 1)
          (func (export "call") (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0))))""",
        form,
    )
    with pytest.raises(Trap, match="out of bounds"):
        instantiate(
            f"""(module (table (import "o" "t") 2 funcref) (memory (import "o" "m") 1)
              (elem (i32.const 0) $use) {misfit if "elem" in misfit else ""}
              (data (i32.const 0) "first") {misfit if "data" in misfit else ""} (data (i32.const 0) "third")
              (func $use (param i32)
                (if (local.get 0)
                  (then (memory.init {1 + dropped} (i32.const 0) (i32.const 0) (i32.const 5)))
                  (else (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 5))))))""",
            form,
            {"o": owner},
        )
    owner.exports.call(1)
    assert owner.exports.m.read(0, 5) == b"third"
    if dropped:
        with pytest.raises(Trap, match="out of bounds memory access"):
            owner.exports.call(0)
    else:
        owner.exports.call(0)
        assert owner.exports.m.read(0, 5) == b"first"


def test_version_1_copies_all_segments_or_none() -> None:
    features = Features.CORE_1_0
    owner = Store(features=features).instantiate('(module (memory (export "m") 1))')
    binary = encode(
        parse_wat('(module (memory (import "o" "m") 1) (data (i32.const 0) "first") (data (i32.const 65535) "no"))')
    )
    with pytest.raises(LinkError, match="data segment does not fit"):
        Store(features=features).instantiate(binary, {"o": owner})
    assert owner.exports.m.read(0, 5) == bytes(5)


def test_thirty_thousand_segments() -> None:
    """As C programs have them that were linked without merging."""
    segments = [b"\0\x41" + signed(4 * n) + b"\x0b\2" + n.to_bytes(2, "little") for n in range(30_000)]
    content = unsigned(len(segments)) + b"".join(segments)
    binary = b"\0asm\1\0\0\0" + b"\5\3\1\0\2" + b"\x0b" + unsigned(len(content)) + content
    memory = Store().instantiate(binary).memory
    assert memory is not None
    assert memory.read(0, 120_000) == b"".join([n.to_bytes(4, "little") for n in range(30_000)])
    assert not any(memory.read(120_000, 11_072))
