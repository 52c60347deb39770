"""Whatever a module passes to the functions, it gets an errno: never another exception, never a wait without end."""

import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wasi import HostDir, MemoryFS, SteppingClock
from wasi.errnos import NAMES
from wasi.preview1._table import rows
from wasm_decoder.syntax.types import I64
from wasm_interp import ExitError

if TYPE_CHECKING:
    from packages.wasi.tests.conftest import Start

SIZE = 1 << 16
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 24, 48, 64, 100, 255, 256, 1000, 4096, SIZE - 8, SIZE - 1, SIZE, SIZE + 1]
NUMBERS += [-1, -2, -8, -(1 << 31), (1 << 31) - 1]
LARGE = [*NUMBERS, 1 << 32, -(1 << 63), (1 << 63) - 1, (1 << 30) - 1, 66, 2]
LIKELY, LIKELY_LARGE = [0, 1, 1, 2, 3, 3, 4, 5, 1000, 1000, 4096], [0, 1, 2, 66, (1 << 30) - 1]
NAMES_OF_FILES = [b"a", b"d", b"d/b", b"..", b"../x", b"l", b".", b"", b"/", b"\xff", b"n/", b"d/../a", b"x" * 300]


@pytest.mark.parametrize("module", ["wasi_snapshot_preview1", "wasi_unstable"])
@pytest.mark.parametrize("kind", ["host", "memory", "readonly"])
@pytest.mark.parametrize("seed", range(4))
def test_random_calls(start: "Start", tmp_path: Path, module: str, kind: str, seed: int) -> None:
    choose = random.Random(f"{module} {kind} {seed}")
    mount: HostDir | MemoryFS
    if kind == "memory":
        mount = MemoryFS({"a": b"hello", "d/b": b"x" * 1000}, quota=100_000, inodes=50)
    else:
        (tmp_path / "d").mkdir()
        (tmp_path / "a").write_bytes(b"hello")
        (tmp_path / "d" / "b").write_bytes(b"x" * 1000)
        (tmp_path / "l").symlink_to("d")
        mount = HostDir(tmp_path, readonly=kind == "readonly")
    table = [row for row in rows(module) if row.name != "proc_exit"]
    # nothing that fills the host's disk
    if kind == "host":
        table = [
            row for row in table if row.name not in ("fd_allocate", "fd_filestat_set_size", "fd_pwrite", "fd_seek")
        ]
    guest = start(module=module, mounts={"/": mount}, clock=SteppingClock(), stdin=b"some input", random=1)
    memory = guest.memory.data
    del memory[SIZE:]
    seen = set()
    for _ in range(2000):
        if choose.random() < 0.1 or 0 not in guest.wasi.descriptors.open:
            memory[:] = choose.choice([bytes(SIZE), choose.randbytes(SIZE)])
            for at in range(0, 1024, 16):
                struct.pack_into(
                    "<II", memory, at, choose.choice([1000, 4096, SIZE - 4]), choose.choice([0, 1, 5, 300])
                )
            for at in (1000, 4096):
                name = choose.choice(NAMES_OF_FILES)
                memory[at : at + len(name)] = name
        if 3 not in guest.wasi.descriptors.open or choose.random() < 0.02:
            guest.wasi.close()
            guest = start(module=module, mounts={"/": mount}, clock=SteppingClock(), stdin=b"some input", random=1)
            guest.memory.data = memory
        row = choose.choice(table)
        if choose.random() < 0.5:
            arguments = [choose.choice(LARGE if wasm is I64 else NUMBERS) for wasm in row.type.params]
        else:  # what is likely to get further
            arguments = [choose.choice(LIKELY_LARGE if wasm is I64 else LIKELY) for wasm in row.type.params]
            arguments[:1] = [choose.choice([3, 3, 4, 5])][: len(arguments)]
        try:
            errno = guest.raw(row.name, *arguments)
        except ExitError:
            guest.wasi.exit_code = None
            continue
        assert 0 <= errno < len(NAMES)
        seen.add(errno)
    assert {0, NAMES.index("BADF"), NAMES.index("FAULT"), NAMES.index("INVAL")} <= seen
    assert len(seen) > 5
