"""The two searches: for modules that behave differently, and for bytes that only one side takes for a module."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import wasmtime
from wasm_decoder import DecodeError, Features, ValidationError, decode, print_wat, validate
from wasm_interp import Engine

from .choices import Choices
from .engines import VERSIONS, compare
from .modules import Program, generate
from .mutate import mutate
from .shrink import shrink
from .suites import binaries

# Where the two sides rightly differ: whether wasmtime "accepts" or "rejects" what we do not; what the message of the
# side that refuses the bytes contains; the features with which we would agree; and why it is as it should be.
# Anything else is an error.
EXPLAINED: tuple[tuple[str, str, Features, str], ...] = (
    (
        "accepts",
        "integer representation too long",
        Features.MEMORY64,
        "Core 2.0, section 5.3.7 (Limits): the bounds of a memory are u32, at most 5 bytes; wasmtime reads them as the "
        "u64, at most 10 bytes, of Core 3.0 whatever features are on.",
    ),
)


class Divergence(Exception):
    """What was found; the text is a report."""


class Count:
    """How much was tried, and what came out.

    Attributes:
        tried: how many modules or strings of bytes.
        instructions: how often a body had each instruction (each counts once for a module).
        outcomes: how often each outcome occurred.
    """

    def __init__(self) -> None:
        self.tried = 0
        self.instructions: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()


def seeds(seed: int, stop: Callable[[int], bool]) -> Iterator[random.Random]:
    """A source of randomness for each attempt, the same ones for the same seed."""
    i = 0
    while not stop(i):
        yield random.Random(f"{seed} {i}")
        i += 1


def until(count: int | None = None, seconds: float | None = None) -> Callable[[int], bool]:
    """Whether so many attempts were made or so much time has passed."""
    deadline = None if seconds is None else time.monotonic() + seconds

    def stop(i: int) -> bool:
        return (count is not None and i >= count) or (deadline is not None and time.monotonic() >= deadline)

    return stop


def describe(program: Program) -> str:
    """The program for a reader: its modules as text, and its calls."""
    texts = []
    for code in program.binaries:
        try:
            texts.append(print_wat(decode(code, Features.CORE_2_0)).rstrip() + "\n")
        except Exception as error:  # whatever is wrong with it, the bytes are there
            texts.append(f";; {error!r}\n;; {code.hex()}\n")
    return "".join(texts + [f";; {number}.{name}{args}\n" for number, name, args in program.calls])


def _kind(difference: str) -> str:
    """What stays of a difference when its cause gets smaller: no numbers, no arguments, no bytes."""
    return re.sub(r"\(.*?\)|\b[0-9a-f]{4,}\b|\d+", "", difference)[:80]


def search_modules(seed: int, stop: Callable[[int], bool], engines: Mapping[str, Engine], count: Count) -> None:
    """Run random modules.  Raises Divergence."""
    for rng in seeds(seed, stop):
        data = rng.randbytes(rng.choice((40, 80, 150, 300, 600)))
        program = generate(data)
        found = compare(program, engines)
        count.tried += 1
        count.instructions.update(program.used)
        if found:
            only = {found[0]: engines[found[0]]}
            wanted = _kind(found[1])

            def fails(candidate: bytes, engines: Mapping[str, Engine] = only, wanted: str = wanted) -> bool:
                again = compare(generate(candidate), engines)
                return again is not None and _kind(again[1]) == wanted

            data = shrink(data, fails)
            program = generate(data)
            name, difference = compare(program, only) or found
            raise Divergence(
                f";; {name} differs from wasmtime: {difference}\n{describe(program)};; made from {data.hex()}"
            )


def wasmtime_refusal(data: bytes, version: str = "core-2.0") -> str | None:
    """Why wasmtime does not accept these bytes; None if it does."""
    try:
        wasmtime.Module.validate(VERSIONS[version][0], data)
    except wasmtime.WasmtimeError as error:
        return str(error)
    return None


def our_refusal(data: bytes, features: Features) -> str | None:
    """Why we do not accept these bytes; None if we do.  Any other exception than the two that may come goes through."""
    try:
        validate(decode(data, features), features)
    except (DecodeError, ValidationError) as error:
        return str(error)
    return None


def judge(data: bytes, version: str = "core-2.0") -> str:
    """How both sides see these bytes: "accepted", "rejected", or the explanation of why they differ.

    Raises Divergence if there is none.
    """
    features = VERSIONS[version][1]
    theirs = wasmtime_refusal(data, version)
    try:
        ours = our_refusal(data, features)
    except Exception as error:
        raise Divergence(f"{version}: {error!r} (wasmtime: {theirs or 'accepts'})\n{data.hex()}") from error
    if (theirs is None) == (ours is None):
        return "accepted" if ours is None else "rejected"
    for who, message, more, why in EXPLAINED:
        refusal = ours if who == "accepts" else theirs
        if refusal is not None and message in refusal and (theirs is None) == (who == "accepts"):
            with_them = our_refusal(data, features | more)
            if (with_them is None) == (theirs is None):
                return why
    raise Divergence(f"{version}: wasmtime: {theirs or 'accepts'}\nhere: {ours or 'accepts'}\n{data.hex()}")


def search_bytes(seed: int, stop: Callable[[int], bool], count: Count, version: str = "core-2.0") -> None:
    """Damage modules.  Raises Divergence."""
    for data in binaries(version):
        count.tried += 1
        count.outcomes[judge(data, version)] += 1
    material = [data for data in binaries(version) if wasmtime_refusal(data, version) is None]
    for i, rng in enumerate(seeds(seed, stop)):
        if i % 50 == 0:
            material += generate(rng.randbytes(rng.randrange(300))).binaries
        choices = rng.randbytes(40)
        one, other = rng.choice(material), rng.choice(material)

        def differs(candidate: bytes, one: bytes = one, other: bytes = other) -> bool:
            try:
                judge(mutate(one, other, Choices(candidate)), version)
            except Divergence:
                return True
            return False

        count.tried += 1
        try:
            count.outcomes[judge(mutate(one, other, Choices(choices)), version)] += 1
        except Divergence:
            judge(mutate(one, other, Choices(shrink(choices, differs))), version)
