"""Functions of a module in the binary format: made when they are asked for."""

import pickle

import pytest
from wasm_decoder import DecodeError, Module, decode, encode, parse_wat
from wasm_decoder.binary.functions import Functions
from wasm_decoder.syntax.module import Func

TEXT = "(module (func $a) (func $b (param i32)) (func $c (result i32) i32.const 7))"


def test_they_are_a_sequence_like_any_other() -> None:
    data = encode(parse_wat(TEXT))
    module = decode(data)
    funcs = module.funcs
    assert isinstance(funcs, Functions)
    assert funcs == tuple(funcs) == parse_wat(TEXT).funcs
    assert tuple([func.type for func in funcs]) == funcs.types
    assert [(func.start, func.end) for func in funcs] == list(zip(funcs.starts, funcs.ends, strict=True))
    assert (funcs[-1], funcs[0]) == (funcs[2], next(iter(funcs)))
    assert funcs[1:] == (funcs[1], funcs[2])
    assert funcs != funcs[1:]
    for index in (3, -4):
        with pytest.raises(IndexError):
            funcs[index]
    assert pickle.loads(pickle.dumps(funcs)) == funcs
    assert module.func_types == [0, 1, 2]
    assert repr(funcs) == "<Functions: 3>"
    assert "3 funcs" in repr(module)
    assert encode(module) == data
    assert encode(Module(types=module.types, funcs=tuple(funcs), customs=module.customs)) == data


def test_a_size_of_any_length() -> None:
    for size in (2, 127, 128, 16383, 16384, 70000):
        body = bytes(1) + b"\1" * (size - 2) + b"\x0b"
        (func,) = decode(encode(Module(types=decode(encode(parse_wat(TEXT))).types, funcs=(Func(0, body),)))).funcs
        assert func.data[func.start : func.end] == body


@pytest.mark.parametrize("cut", range(1, 12))
def test_no_cut_goes_unnoticed(cut: int) -> None:
    with pytest.raises(DecodeError):
        decode(encode(parse_wat(TEXT))[:-cut])
