"""Memory by address."""

import ctypes


def read(address: int, size: int) -> bytes:
    """Bytes of memory."""
    return ctypes.string_at(address, size)


def write(address: int, data: bytes) -> None:
    """Put bytes into memory."""
    ctypes.memmove(address, data, len(data))


def words(address: int, count: int) -> memoryview:
    """Memory as unsigned ints of eight bytes, each of which is written in one store."""
    return memoryview((ctypes.c_uint64 * count).from_address(address)).cast("B").cast("Q")


def word(address: int) -> int:
    """Eight bytes of memory as an unsigned int."""
    return ctypes.c_uint64.from_address(address).value


def set_word(address: int, value: int) -> None:
    """Write eight bytes in one store."""
    ctypes.c_uint64.from_address(address).value = value
