"""Which modules of the official suites are well-formed and valid, without any engine; and with which words not."""

from collections.abc import Callable

import pytest
from wasm_decoder import WasmError
from wasm_decoder.text.script import AssertModule, Define, parse_script

from .suites import FEATURES, count_assertions, read, scripts
from .verdicts import admit, refusal


@pytest.mark.parametrize(
    ("suite", "script"), [pytest.param(*case, id=f"{'/'.join(case)}[verdicts]") for case in scripts()]
)
def test_verdicts(suite: str, script: str, record_property: Callable[[str, object], None]) -> None:
    text = read(suite, script)
    features = FEATURES[suite]
    ran = 0
    failures = []
    for command in parse_script(text):
        if isinstance(command, AssertModule) and command.kind in ("invalid", "malformed"):
            ran += 1
            wrong = refusal(command, features)
            if wrong:
                failures.append(f"line {command.line}: {wrong}")
        elif isinstance(command, (Define, AssertModule)):
            try:
                admit(command.source, features)
            except WasmError as error:
                failures.append(f"line {command.line}: {error}")
    record_property("suite", suite)
    record_property("on", "decoder and validator")
    record_property("ran", ran)
    record_property("passed", max(ran - len(failures), 0))
    assert not failures, "\n".join([f"{len(failures)} failures", *failures[:20]])
    assert ran >= count_assertions(text, "(invalid|malformed)")
