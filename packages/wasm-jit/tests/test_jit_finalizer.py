"""Finalizers that always come to a decision: what they could not look at is kept."""

import signal
import sys
import types

import pytest
import wasm_jit

pytestmark = pytest.mark.skipif(wasm_jit.unavailable() is not None, reason=str(wasm_jit.unavailable()))

if wasm_jit.unavailable() is None:
    from wasm_jit.cpython.finalizer import finalizer

seen: list[object] = []
kept: list[object] = []
error: BaseException | None = None


def look(item: object) -> None:
    seen.append(type(item))
    if error is not None:
        raise error


@pytest.fixture(scope="module")
def kind() -> type:
    """A class with such a finalizer."""
    return type("Kind", (), {"__del__": finalizer(look, kept)})


@pytest.fixture
def drop(kind: type, monkeypatch: pytest.MonkeyPatch) -> "types.FunctionType":
    """Let an object of the class end, its finalizer raising the error."""

    def run(raised: BaseException | None) -> list[object]:
        monkeypatch.setattr(sys.modules[__name__], "error", raised)
        seen.clear()
        kept.clear()
        item = kind()
        del item
        assert seen == [kind]
        found: list[object] = [type(item) for item in kept]
        monkeypatch.setattr(sys.modules[__name__], "error", None)
        kept.clear()
        return found

    assert isinstance(run, types.FunctionType)
    return run


def test_an_object_that_was_looked_at_goes(drop: "types.FunctionType") -> None:
    assert drop(None) == []


def test_an_interrupt_keeps_the_object_and_comes_again(
    kind: type, drop: "types.FunctionType", monkeypatch: pytest.MonkeyPatch
) -> None:
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        assert drop(KeyboardInterrupt()) == [kind]
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [True]


@pytest.mark.parametrize("raised", [RecursionError(), MemoryError()], ids=["recursion", "memory"])
def test_no_room_keeps_the_object_silently(
    raised: BaseException, kind: type, drop: "types.FunctionType", capsys: pytest.CaptureFixture[str]
) -> None:
    assert drop(raised) == [kind]
    assert capsys.readouterr().err == ""


def test_another_exception_keeps_the_object_and_is_reported(
    kind: type, drop: "types.FunctionType", monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reported.append(report.exc_type))
    assert drop(ValueError("no")) == [kind]
    assert reported == [ValueError]
