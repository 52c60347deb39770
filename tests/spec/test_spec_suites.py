"""The suites are there, and whole; the harness counts what it should and fails what it should."""

import os

import pytest

from .suites import ASSERTIONS, FEATURES, HOW_TO_GET_THEM, count_assertions, read, root, scripts


def test_suites_are_there_and_whole() -> None:
    if root() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW_TO_GET_THEM)
        pytest.skip(HOW_TO_GET_THEM)
    assert {suite for suite, _ in scripts()} == set(FEATURES)
    for suite, least in ASSERTIONS.items():
        assert sum([count_assertions(read(*script)) for script in scripts() if script[0] == suite]) >= least


def test_assertions_in_comments_and_strings_do_not_count() -> None:
    text = (
        b'(assert_return) ;; (assert_trap)\n(; (assert_invalid) ;) ( assert_malformed "(assert_trap) ;;") (assert_trap'
    )
    assert count_assertions(text) == 3
    assert count_assertions(text, "(return|invalid)") == 1
