"""The official test suites: every script of every suite, on every engine.

Where they are read from: ``../shared/testsuite`` beside the repository, or the folder that ``WASM_TESTSUITE`` names; it
holds ``core-1.0``, ``core-2.0``, ``core-3.0`` and ``proposals`` with the ``.wast`` files of the specification's
repositories.  Where neither exists the tests are one skip that says so, or a failure if ``CI`` is ``true``.

How to run some of them::

    pytest tests/spec                                               # everything
    pytest tests/spec -k "core-2.0 and interpreter"                 # one suite on one engine
    pytest tests/spec -k "core-2.0/simd/simd_const and interpreter" # one file
    pytest "tests/spec/test_spec_execution.py::test_script[core-2.0/i32.wast[interpreter]]"

What is here: ``suites`` (where the files are, what each suite may use), ``engines`` (what runs them), ``runner`` (a
script on an engine), ``verdicts`` (is the module refused as it should be, and with which words), ``values`` (arguments
and results), and the tests: of execution, of verdicts without any engine, and of round trips through both formats.

Every test of a file counts the assertions that it ran, and fails if the file has more.  Sums are printed at the end.
"""
