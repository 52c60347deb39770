"""``wazero.run``: arguments, streams, environment, folders, exit codes, in the manner of ``subprocess.run``."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wasi
import wazero

Guest = Callable[[str], str]


def test_output_is_captured_and_the_exit_code_returned(guest: Guest) -> None:
    done = wazero.run(guest("fail"))
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert "returncode=3" in repr(done)


def test_a_program_that_just_returns_succeeds(guest: Guest) -> None:
    assert wazero.run(guest("cat")).returncode == 0


def test_check_raises_with_the_whole_result(guest: Guest) -> None:
    with pytest.raises(wazero.ExitError, match="code 3") as failed:
        wazero.run(guest("fail"), check=True)
    assert isinstance(failed.value, wazero.FailedRun)
    assert failed.value.code == 3
    assert failed.value.completed.stderr == b"err\n"
    wazero.run(guest("cat"), check=True).check_returncode()


def test_arguments_follow_the_name_of_the_program(guest: Guest) -> None:
    done = wazero.run(guest("args"), "one", "", "zwei Wörter", Path("some/path"))
    assert done.stdout == "args.wat\0one\0\0zwei Wörter\0some/path\0".encode()
    assert done.args == ["args.wat", "one", "", "zwei Wörter", "some/path"]


def test_the_environment_is_empty_unless_given(guest: Guest) -> None:
    assert wazero.run(guest("env")).stdout == b""
    assert wazero.run(guest("env"), env={"A": "1", "B": "zwei=2"}).stdout == b"A=1\0B=zwei=2\0"


@pytest.mark.parametrize("given", [b"line\nno end", io.BytesIO(b"line\nno end")])
def test_standard_input(guest: Guest, given: "bytes | io.BytesIO") -> None:
    assert wazero.run(guest("cat"), stdin=given).stdout == b"line\nno end"


def test_standard_input_is_empty_by_default(guest: Guest) -> None:
    assert wazero.run(guest("cat")).stdout == b""


def test_a_real_file_as_standard_input_and_output(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\0\xff" * 5000)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        done = wazero.run(guest("cat"), stdin=source, stdout=target)
    assert done.stdout is None
    assert (tmp_path / "out").read_bytes() == b"\0\xff" * 5000


def test_input_is_what_standard_input_holds(guest: Guest) -> None:
    assert wazero.run(guest("cat"), input=b"\xff").stdout == b"\xff"
    assert wazero.run(guest("cat"), input="naïve").stdout == "naïve".encode()
    with pytest.raises(ValueError, match="either"):
        wazero.run(guest("cat"), input=b"", stdin=b"")


def test_text(guest: Guest) -> None:
    assert wazero.run(guest("cat"), input="naïve\n", text=True).stdout == "naïve\n"
    assert wazero.run(guest("cat"), input="naïve", encoding="latin-1").stdout == "naïve"
    assert wazero.run(guest("cat"), input=b"\xff", text=True, errors="replace").stdout == "\ufffd"
    assert wazero.run(guest("cat"), input=b"a\r\nb\rc\n", text=True).stdout == "a\nb\nc\n"
    with pytest.raises(UnicodeDecodeError):
        wazero.run(guest("cat"), input=b"\xff", text=True)


def test_inherited_streams(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    done = wazero.run(guest("fail"), capture_output=False)
    assert (done.stdout, done.stderr) == (None, None)
    assert capfd.readouterr() == ("out\n", "err\n")


def test_folders(guest: Guest, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "note.txt").write_text("found", encoding="utf-8")
    assert wazero.run(guest("file"), mounts={"/": folder}, check=True).stdout == b"found"
    assert wazero.run(guest("file")).returncode != 0
    (folder / "note.txt").unlink()
    assert wazero.run(guest("create"), mounts={"/": folder}).returncode == 0
    assert (folder / "note.txt").exists()


def test_folders_in_memory_and_read_only(guest: Guest, tmp_path: Path) -> None:
    assert wazero.run(guest("file"), mounts={"/": {"note.txt": "kept in memory"}}).stdout == b"kept in memory"
    readonly = wasi.HostDir(tmp_path, readonly=True)
    before = sorted(tmp_path.iterdir())
    assert wazero.run(path := guest("create"), mounts={"/": readonly}).returncode == 69  # EROFS
    assert sorted(tmp_path.iterdir()) == sorted([*before, Path(path)])


def test_clocks_and_randomness_are_the_hosts_or_what_is_given(guest: Guest) -> None:
    def chance(clock: wasi.Clock | None = None, random: int | None = None) -> bytes:
        stdout = wazero.run(guest("chance"), clock=clock, random=random).stdout
        assert isinstance(stdout, bytes)
        return stdout

    real = chance()
    assert abs(int.from_bytes(real[:8], "little") - time.time_ns()) < 60 * 10**9
    assert chance()[16:] != real[16:]
    fixed = chance(wasi.FixedClock(7 * 10**9), random=1)
    assert fixed[:8] == fixed[8:16] == (7 * 10**9).to_bytes(8, "little")
    assert chance(wasi.FixedClock(7 * 10**9), random=1) == fixed
    assert chance(wasi.FixedClock(7 * 10**9), random=2) != fixed


def test_a_program_may_import_more_than_wasi() -> None:
    seen: list[int] = []
    done = wazero.run(
        """(module (import "env" "note" (func $note (param i32))) (memory (export "memory") 1)
          (func (export "_start") (call $note (i32.const 7))))""",
        imports={"env": {"note": seen.append}},
    )
    assert (done.returncode, done.args, seen) == (0, ["module"], [7])


def test_a_trap_shows_what_the_program_had_said(guest: Guest) -> None:
    with pytest.raises(wazero.Trap, match="unreachable") as trapped:
        wazero.run(guest("trap"))
    assert [frame.name for frame in trapped.value.frames] == ["inner", "start"]
    assert any("panic: no more" in note for note in trapped.value.__notes__)


def test_what_is_no_program(guest: Guest) -> None:
    with pytest.raises(wazero.LinkError, match="_start"):
        wazero.run("(module)")
