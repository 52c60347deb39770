"""How this CPython lays out the objects that machine code looks into, and where its C API is.

Only exact ints, floats, bytes and tuples are looked into; their layout is the same in all release builds of a version
(Include/cpython/longintrepr.h, floatobject.h, bytesobject.h, tupleobject.h).
"""

import ctypes
import sys

from ..native.system import system

TYPE = 8
#: int: from 3.12 a word with the number of digits × 8 and the sign (0 positive, 1 zero, 2 negative) in two bits,
#: before that the number of digits with the sign of the int; then digits of 30 bits.
INT_TAGGED = sys.version_info >= (3, 12)
INT_HEAD, INT_DIGITS = 16, 24
FLOAT_VALUE = 16
BYTES_SIZE, BYTES_DATA = 16, 32
TUPLE_SIZE, TUPLE_ITEMS = 16, tuple.__basicsize__  # 3.14 has a hash between them
LIST_SIZE = 16
#: From 3.12 None is immortal: handing it out needs no count.
IMMORTAL_NONE = sys.version_info >= (3, 12)


#: What stands in for functions of C's long where that has 32 bits (Windows).
_LONGER = {
    "PyLong_FromLong": "PyLong_FromLongLong",
    "PyLong_AsLong": "PyLong_AsLongLong",
    "PyLong_AsLongAndOverflow": "PyLong_AsLongLongAndOverflow",
}


def _int_head(value: int) -> int:
    return ctypes.c_int64.from_address(id(value) + INT_HEAD).value


def known() -> bool:
    """Whether objects really look like that here."""
    big = [0, 1, -1, 5, 2**30 - 1, -(2**30) + 1]
    for value in big:
        head = _int_head(value)
        sign = 1 - (head & 3) if INT_TAGGED else (head > 0) - (head < 0)
        digits = head >> 3 if INT_TAGGED else abs(head)
        if digits > 1 or (value and ctypes.c_uint32.from_address(id(value) + INT_DIGITS).value * sign != value):
            return False
    head = _int_head(2**30)
    some = (1.5, b"0123456789abcdef", (None, 7))
    return (
        (head >> 3 if INT_TAGGED else head) == 2
        and ctypes.c_double.from_address(id(some[0]) + FLOAT_VALUE).value == 1.5
        and ctypes.c_int64.from_address(id(some[1]) + BYTES_SIZE).value == 16
        and ctypes.string_at(id(some[1]) + BYTES_DATA, 16) == some[1]
        and ctypes.c_int64.from_address(id(some[2]) + TUPLE_SIZE).value == 2
        and ctypes.c_int64.from_address(id(some[2]) + TUPLE_ITEMS).value == id(None)
        and all(ctypes.c_int64.from_address(id(item) + TYPE).value == id(type(item)) for item in (1, *some))
    )


def api(name: str) -> int:
    """Where machine code calls a function of the C API."""
    if ctypes.sizeof(ctypes.c_long) < 8:
        name = _LONGER.get(name, name)
    address = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    assert address is not None
    return system.imported(address)


def object_at(address: int) -> object:
    """The object at an address."""
    found: object = ctypes.cast(address, ctypes.py_object).value
    return found
