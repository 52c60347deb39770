"""Sums over all scripts at the end of a run."""

from collections import Counter

import pytest

from .suites import root

# without the suites there is nothing to do but to say so, which test_spec_suites does
collect_ignore = [] if root() else ["test_spec_execution.py", "test_spec_round_trips.py", "test_spec_verdicts.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/spec/" in item.path.as_posix():
            item.add_marker(pytest.mark.spec)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was run, by suite and by what it was run on; properties of reports come through from xdist's workers."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            properties = dict(getattr(report, "user_properties", ()))
            if getattr(report, "when", "") == "call" and "suite" in properties:
                key = str(properties["suite"]), str(properties["on"])
                for what in ("ran", "passed"):
                    sums[*key, what] += int(str(properties[what]))
    if sums:
        terminalreporter.section("official test suites")
        for suite, on in sorted({key[:2] for key in sums}):
            ran, passed = sums[suite, on, "ran"], sums[suite, on, "passed"]
            terminalreporter.line(f"{suite} on {on}: {ran} assertions ran, {passed} passed")
