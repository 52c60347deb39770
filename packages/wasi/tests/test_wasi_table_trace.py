"""The table of functions, the older version of WASI, and the trace."""

import io
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from wasi import Trace, Wasi
from wasm_decoder.syntax.types import I32, I64, FuncType
from wasm_interp import ExitError

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Start

#: The functions of the document and their WebAssembly types: i and I are i32 and i64.
_SIGNATURES = """
args_get ii  args_sizes_get ii  environ_get ii  environ_sizes_get ii  clock_res_get ii  clock_time_get iIi  fd_advise
iIIi  fd_allocate iII  fd_close i  fd_datasync i  fd_fdstat_get ii  fd_fdstat_set_flags ii  fd_fdstat_set_rights iII
fd_filestat_get ii  fd_filestat_set_size iI  fd_filestat_set_times iIIi  fd_pread iiiIi  fd_prestat_get ii
fd_prestat_dir_name iii  fd_pwrite iiiIi  fd_read iiii  fd_readdir iiiIi  fd_renumber ii  fd_seek iIii  fd_sync i
fd_tell ii  fd_write iiii  path_create_directory iii  path_filestat_get iiiii  path_filestat_set_times iiiiIIi
path_link iiiiiii  path_open iiiiiIIii  path_readlink iiiiii  path_remove_directory iii  path_rename iiiiii
path_symlink iiiii  path_unlink_file iii  poll_oneoff iiii  proc_exit i  proc_raise i  sched_yield -  random_get ii
sock_accept iii  sock_recv iiiiii  sock_send iiiii  sock_shutdown ii
"""


def test_signatures() -> None:
    expected = {}
    words = _SIGNATURES.split()
    for name, letters in zip(words[::2], words[1::2], strict=True):
        params = tuple({"i": I32, "I": I64}[letter] for letter in letters if letter != "-")
        expected[name] = FuncType(params, () if name == "proc_exit" else (I32,))
    assert len(expected) == 46
    with Wasi() as wasi:
        assert {name: function.type for name, function in wasi.imports().items()} == expected
        del expected["sock_accept"]
        assert {name: function.type for name, function in wasi.imports("wasi_unstable").items()} == expected
        with pytest.raises(ValueError, match="not a version"):
            wasi.imports("wasi_snapshot_preview2")


def test_unstable_numbers_whence_otherwise(start: "Start") -> None:
    guest = start(module="wasi_unstable", mounts={"/": {"a": b"0123456789"}})
    fd = guest.open("a")
    assert guest.call("fd_seek", fd, 3, 2) == 3, "2 is from the start"
    assert guest.call("fd_seek", fd, 2, 0) == 5, "0 is from here"
    assert guest.call("fd_seek", fd, -1, 1) == 9, "1 is from the end"
    assert guest.errno("fd_seek", fd, 0, 3) == "EINVAL"


def test_unstable_lays_out_filestat_otherwise(start: "Start") -> None:
    guest = start(module="wasi_unstable", mounts={"/": {"a": b"0123456789"}})
    fd = guest.open("a")
    guest.call("fd_filestat_set_times", fd, 11, 22, 5)
    guest.memory.data[0:64] = b"\xee" * 64
    assert guest.raw("fd_filestat_get", fd, 0) == 0
    filetype, nlink, size, atim, mtim = struct.unpack_from("<B3xIQQQ", guest.memory.data, 16)
    assert (filetype, nlink, size, atim, mtim) == (4, 1, 10, 11, 22)
    assert guest.memory.data[56:64] == b"\xee" * 8, "it is 56 bytes long"


def traced(start: "Start", groups: str) -> list[str]:
    """What is shown of a few calls of every group."""
    file = io.StringIO()
    guest = start(trace=Trace(groups, file), mounts={"/": {"a.txt": b"hello"}}, stdin=b"in\n")
    guest.call("args_sizes_get")
    guest.call("clock_time_get", 1, 1)
    fd = guest.open("a.txt", 1, rights=2 | 4 | 64)
    guest.call("fd_seek", fd, -2, 2)
    guest.read(fd, 10)
    guest.write(1, b'"quoted"\n', bytes(100))
    guest.open_errno("gone")
    guest.call("path_filestat_get", 3, 1, "a.txt")
    guest.call("fd_fdstat_get", fd)
    guest.errno("fd_close", 99)
    guest.call("random_get", 8)
    guest.errno("sock_shutdown", 0, 3)
    guest.errno("poll_oneoff", 0, 0, 0)
    guest.errno("fd_seek", fd, 0, 9)
    guest.raw("fd_write", 1, -8, 9, 0)
    with pytest.raises(ExitError):
        guest.raw("proc_exit", 3)
    return file.getvalue().splitlines()


def test_trace_of_everything(start: "Start") -> None:
    lines = traced(start, "wasi")
    assert "args_sizes_get() = 0, 0" in lines
    assert lines[1].startswith("clock_time_get(MONOTONIC, 1) = ")
    assert 'path_open(3, SYMLINK_FOLLOW, "a.txt", CREAT, fd_read|fd_seek|fd_write, ' in lines[2]
    assert lines[2].endswith(" = 4")
    assert lines[3] == "fd_seek(4, -2, END) = 3"
    assert lines[4] == "fd_read(4, [10]) = 2"
    assert lines[5].startswith(r'fd_write(1, ["\"quoted\"\n", "\x00\x00')
    assert lines[5].endswith('"…]) = 109')
    assert lines[6].endswith(" = ENOENT")
    assert lines[7].startswith('path_filestat_get(3, SYMLINK_FOLLOW, "a.txt") = {REGULAR_FILE, size=5, ino=')
    assert lines[8] == "fd_fdstat_get(4) = {REGULAR_FILE, flags=0, rights=fd_read|fd_seek|fd_write, inheriting=0}"
    assert lines[9] == "fd_close(99) = EBADF"
    assert lines[11] == "sock_shutdown(0, RD|WR) = ENOTSOCK"
    assert lines[12] == "poll_oneoff([], 0x0, 0) = EINVAL"
    assert lines[13] == "fd_seek(4, 0, 9) = EINVAL"
    assert lines[14] == "fd_write(1, 0xfffffff8[9]) = EFAULT"
    assert lines[15] == "proc_exit(3) = ? ExitError"
    assert len(lines) == 16


@pytest.mark.parametrize("module", ["wasi_snapshot_preview1", "wasi_unstable"])
def test_trace_of_waiting(start: "Start", module: str) -> None:
    lines: list[str] = []
    guest = start(trace=Trace("poll", lines.append), module=module)
    clock, descriptor = {
        "wasi_snapshot_preview1": ("<QB7xI4xQ8xH6x", "<QB7xI28x"),
        "wasi_unstable": ("<QB7x8xI4xQ8xH6x", "<QB7xI36x"),
    }[module]
    data = (
        struct.pack(clock, 1, 0, 1, 500, 1) + struct.pack(clock, 1, 0, 0, 10**12, 0) + struct.pack(descriptor, 1, 1, 7)
    )
    guest.memory.data[0 : len(data)] = data
    assert guest.raw("poll_oneoff", 0, 1000, 3, 2000) == 0
    guest.raw("poll_oneoff", -1, 1000, 3, 2000)
    assert lines == [
        "poll_oneoff([CLOCK MONOTONIC 500 ABSTIME, CLOCK REALTIME 1000000000000, FD_READ 7], 0x3e8, 3) = 2",
        "poll_oneoff(0xffffffff, 0x3e8, 3) = EFAULT",
    ]


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ("fs", {"path_open", "fd_seek", "fd_read", "fd_write", "path_filestat_get", "fd_fdstat_get", "fd_close"}),
        ("clock", {"clock_time_get"}),
        ("random", {"random_get"}),
        ("poll, sock", {"poll_oneoff", "sock_shutdown"}),
        ("proc", {"args_sizes_get", "proc_exit"}),
        ("", set()),
    ],
)
def test_trace_of_some_groups(start: "Start", groups: str, names: set[str]) -> None:
    assert {line.partition("(")[0] for line in traced(start, groups)} == names


def test_trace_goes_to_stderr_or_a_callable(start: "Start", capsys: pytest.CaptureFixture[str]) -> None:
    start(trace="proc").call("args_sizes_get")
    assert capsys.readouterr().err == "args_sizes_get() = 0, 0\n"
    lines: list[str] = []
    start(trace=Trace("wasi", lines.append)).raw("sched_yield")
    assert lines == ["sched_yield() = 0"]


def test_what_is_not_needed_is_not_imported() -> None:
    program = (
        # PyPy's contextvars are Python and import more; they are needed
        "import contextvars, sys; before = set(sys.modules); import wasi; wasi.Wasi(mounts={'/': {}}).imports()\n"
        "late = {'typing', 'dataclasses', 'enum', 're', 'selectors', 'socket', 'select', 'zipfile', 'asyncio',"
        " 'random', 'collections.abc', 'pathlib', 'logging', 'subprocess'}\n"
        "print(sorted((set(sys.modules) - before) & late))"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-c", _with_path(program)], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def _with_path(program: str) -> str:
    import wasi
    import wasm_decoder
    import wasm_interp

    places = sorted(
        {str(module.__file__).rsplit(module.__name__, 1)[0] for module in (wasi, wasm_decoder, wasm_interp)}
    )
    return f"import sys; sys.path[:0] = {places!r}\n{program}"
