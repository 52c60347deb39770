"""The system calls of Linux that the native engine needs (manual pages, section 2). All raise OSError.

Addresses and sizes are ints, in bytes; sizes are rounded up to pages by the kernel, addresses must be at pages.
"""

import ctypes
import mmap
import os

PAGE = mmap.PAGESIZE
NONE, READ, WRITE, EXECUTE = 0, mmap.PROT_READ, mmap.PROT_WRITE, mmap.PROT_EXEC

_MAP_FIXED, _MAP_NORESERVE, _MAP_FIXED_NOREPLACE = 0x10, 0x4000, 0x100000
_MFD_CLOEXEC, _MFD_EXEC = 1, 0x10
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_mmap = _libc.mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_munmap = _libc.munmap
_munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_mprotect = _libc.mprotect
_mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_madvise = _libc.madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def pages(size: int) -> int:
    """The size rounded up to whole pages."""
    return -(-size // PAGE) * PAGE


def reserve(size: int) -> int:
    """Address space that nothing else gets and nobody may touch, zero when it is opened; costs no memory."""
    address = _mmap(None, size, NONE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, -1, 0)
    if address == _FAILED:
        raise _error(f"can't reserve {size} bytes of address space")
    return int(address)


def allocate(size: int) -> int:
    """Pages to read and write, zero."""
    address = _mmap(None, size, READ | WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if address == _FAILED:
        raise _error(f"can't allocate {size} bytes")
    return int(address)


def map_file(descriptor: int, size: int, access: int) -> int:
    """A shared mapping of a file."""
    address = _mmap(None, size, access, mmap.MAP_SHARED, descriptor, 0)
    if address == _FAILED:
        raise _error(f"can't map {size} bytes")
    return int(address)


def protect(address: int, size: int, access: int) -> None:
    """Change what may be done with pages."""
    if _mprotect(address, size, access):
        raise _error("can't change the protection of memory")


def discard(address: int, size: int) -> None:
    """Give the content of private pages back; they read as zero afterwards."""
    if _madvise(address, size, 4):
        raise _error("can't discard memory")


def release(address: int, size: int) -> None:
    """Unmap."""
    if _munmap(address, size):
        raise _error("can't unmap memory")


def memory_file(name: str, size: int) -> int:
    """The descriptor of a new file in memory that may be mapped executable."""
    create = getattr(os, "memfd_create", None)
    if create is None:
        raise OSError(38, "this Python was built without memfd_create")
    try:
        descriptor: int = create(name, _MFD_CLOEXEC | _MFD_EXEC)
    except OSError:  # Linux before 6.3 doesn't know the second flag, and needs none
        descriptor = create(name, _MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def system_call(number: int, *arguments: int) -> int:
    """A system call by number."""
    result = int(_syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments]))
    if result == -1:
        raise _error(f"system call {number}")
    return result


def call(address: int, *arguments: int) -> int:
    """Call machine code of the System V convention with ints, for an int. The GIL is released meanwhile."""
    function = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * len(arguments))(address)
    return int(function(*[argument - (argument >> 63 << 64) for argument in arguments]))


def symbol(name: str) -> int:
    """The address of a function of the C library."""
    address = ctypes.cast(getattr(_libc, name), ctypes.c_void_p).value
    if address is None:
        raise OSError(2, f"the C library has no {name}")
    return address


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
