"""Every script of the official suites on every engine."""

from collections.abc import Callable

import pytest

from .engines import ENGINES, make
from .runner import Runner
from .suites import FEATURES, count_assertions, read, scripts

_CASES = [
    pytest.param(suite, script, engine, id=f"{suite}/{script}[{engine}]")
    for engine, (_, suites) in ENGINES.items()
    for suite, script in scripts()
    if suite in suites
]


@pytest.mark.parametrize(("suite", "script", "engine"), _CASES)
def test_script(suite: str, script: str, engine: str, record_property: Callable[[str, object], None]) -> None:
    text = read(suite, script)
    runner = Runner(make(engine), FEATURES[suite])
    runner.run(text)
    record_property("suite", suite)
    record_property("on", engine)
    record_property("ran", runner.assertions)
    record_property("passed", runner.assertions - len(runner.failures))
    assert not runner.failures, "\n".join([f"{len(runner.failures)} failures", *runner.failures[:20]])
    assert runner.assertions >= count_assertions(text)
