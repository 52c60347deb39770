"""The official suites' modules: every one that should be valid is, every invalid one is refused with the right words.

Each module is validated as it was parsed and, encoded and decoded again, as bytes.  (What scripts do with their modules
is for the tests of the engines.)
"""

import os
from pathlib import Path

import pytest
from wasm_decoder import DecodeError, Features, Module, ValidationError, WasmError, decode, encode, validate
from wasm_decoder.text.script import AssertModule, Define, ScriptModule, parse_script

SUITES = {
    "core-1.0": Features.CORE_1_0,
    "core-2.0": Features.CORE_2_0,
    "core-3.0": Features.CORE_3_0,
    "proposals/custom-page-sizes": Features.CORE_3_0 | Features.CUSTOM_PAGE_SIZES,
    "proposals/wide-arithmetic": Features.CORE_3_0 | Features.WIDE_ARITHMETIC,
    # made before there were several tables
    "proposals/threads": Features.CORE_2_0 - Features.REFERENCE_TYPES - Features.SIMD | Features.THREADS,
}

REPOSITORY = next((p for p in Path(__file__).resolve().parents if (p / "packages").is_dir()), Path.cwd())
ROOT = Path(os.environ.get("WASM_TESTSUITE", REPOSITORY.parent / "shared" / "testsuite"))
FILES = [(suite, path) for suite in SUITES for path in sorted((ROOT / suite).rglob("*.wast"))]

pytestmark = [
    pytest.mark.spec,
    pytest.mark.skipif(
        not FILES, reason=f"no official test suites in {ROOT}: set WASM_TESTSUITE to the folder that holds core-2.0"
    ),
]


def check(module: Module, features: Features, expected: "AssertModule | None") -> str | None:
    """What is wrong with the verdict on the module."""
    try:
        validate(module, features)
    except ValidationError as error:
        if expected is None or expected.kind != "invalid":
            return f"should be valid: {error}"
        return None if error.message.startswith(expected.message) else f"should say {expected.message!r}: {error}"
    except DecodeError as error:
        return None if expected is not None and expected.kind == "malformed" else f"should be well-formed: {error}"
    if expected is None or expected.kind not in ("invalid", "malformed"):
        return None
    return f"should be {expected.kind}: {expected.message}"


def check_source(source: ScriptModule, features: Features, expected: "AssertModule | None") -> "list[str]":
    """What is wrong with the verdicts on a module of a script, as parsed and as bytes."""
    if source.form == "binary":
        try:
            module = source.module(features)
        except DecodeError as error:
            return [] if expected is not None and expected.kind == "malformed" else [f"should be well-formed: {error}"]
        return list(filter(None, [check(module, features, expected)]))
    if expected is not None and expected.kind == "malformed":
        # the text format read is that of 3.0: what was too large a number in 1.0 may be refused by ``validate`` only
        with pytest.raises(WasmError):
            validate(source.module(features), features)
        return []
    module = source.module(features)
    found = [check(module, features, expected)]
    try:
        decoded = decode(encode(module), features)
    except WasmError as error:
        # text is read whole; what the features lack has no binary form
        if expected is None or expected.kind != "invalid":
            found.append(f"should be well-formed: {error}")
    else:
        found.append(check(decoded, features, expected))
    return list(filter(None, found))


@pytest.mark.parametrize(("suite", "path"), FILES, ids=[path.relative_to(ROOT).as_posix() for _, path in FILES])
def test_modules(suite: str, path: Path) -> None:
    wrong = []
    for command in parse_script(path.read_bytes()):
        if isinstance(command, Define):
            found = check_source(command.source, SUITES[suite], None)
        elif isinstance(command, AssertModule):
            found = check_source(command.source, SUITES[suite], command)
        else:
            continue
        wrong += [f"line {command.line}: {what}" for what in found]
    assert not wrong, "\n".join(wrong)
