"""How compiled code and CPython call each other (``amd64.abi`` says by what rules).

An export is a real builtin whose entry is machine code: it takes arguments apart, changes stacks, runs, and builds
the result. A host function is called from machine code through the C API. ctypes makes these things and is on no call
path.

Common values take a short way that knows how CPython lays out int, float and bytes (``layout``); all others go
through the C API, and what is no plain int or float through Python functions (``convert``), which also word the errors.
"""
