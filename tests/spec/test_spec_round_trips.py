"""Every module of the official suites survives both formats, whether it is valid or not."""

import pytest
from wasm_decoder import Features, decode, encode, parse_wat, print_wat
from wasm_decoder.text.script import AssertModule, Define, parse_script

from .suites import read, scripts

# Whatever can be read: a module of version 1.0 is one of all later versions.
_ALL = Features.CORE_3_0 | Features.THREADS | Features.CUSTOM_PAGE_SIZES | Features.WIDE_ARITHMETIC

# Many scripts are the same in several suites.
_CASES = {read(*case): pytest.param(*case, id=f"{'/'.join(case)}[round trips]") for case in scripts()}


@pytest.mark.parametrize(("suite", "script"), _CASES.values())
def test_round_trips(suite: str, script: str) -> None:
    for command in parse_script(read(suite, script)):
        if isinstance(command, Define) or (isinstance(command, AssertModule) and command.kind != "malformed"):
            module = command.source.module(_ALL)
            binary = encode(module)
            again = decode(binary, _ALL)
            assert again == module, f"line {command.line}"
            assert encode(again) == binary, f"line {command.line}"
            assert parse_wat(print_wat(module)) == module, f"line {command.line}"
