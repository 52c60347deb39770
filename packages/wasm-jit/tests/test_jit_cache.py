"""The cache: what it promises about files that are damaged, old, foreign, or written by several at once."""

import errno
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import wasm_jit
from wasm_decoder import DecodeError, Features, Module, ValidationError, decode, encode, parse_wat
from wasm_interp import Instance, Store, Trap

if wasm_jit.unavailable() is not None:
    pytest.skip(f"no native engine: {wasm_jit.unavailable()}", allow_module_level=True)

from wasm_jit import Cache, Compiler, cache, engine
from wasm_jit.amd64 import processor
from wasm_jit.compile import compile_function
from wasm_jit.image import Image
from wasm_jit.layout import Layout
from wasm_jit.routine import Routine

TEXT = """(module
  (memory (export "memory") 1)
  (table $t 1 10 funcref)
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $sum (export "sum") (param $n i32) (result i32) (local $s i32)
    (loop $again
      (local.set $s (call $add (local.get $s) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "pages") (result i32) (drop (memory.grow (i32.const 1))) (memory.size))
  (func (export "elements") (result i32) (drop (table.grow $t (ref.func $add) (i32.const 2))) (table.size $t))
  (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (elem declare func $add))
"""
BINARY = encode(parse_wat(TEXT))
MODULE = decode(BINARY)
FUNCTIONS = "".join(
    f'(func (export "f{n}") (param i32) (result i32) (i32.mul (local.get 0) (i32.const {n + 3})))' for n in range(40)
)
Start = Callable[..., Instance]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def start(directory: Path) -> Start:
    """A new start: an instance of a module that knows nothing but what is in the cache."""

    def start(binary: bytes = BINARY, features: Features = Features.CORE_3_0, validate: str = "eager") -> Instance:
        store = Store(Compiler(cache=Cache(directory)), features=features)
        return store.instantiate(decode(binary, features), validate="lazy" if validate == "lazy" else "eager")

    return start


def use(instance: Instance) -> tuple[object, ...]:
    """Call every function, and return what they say."""
    exports = instance.exports
    with pytest.raises(Trap) as trap:
        exports.load(1 << 20)
    return (
        exports.add(2, 3), exports.sum(100), exports.load(0), exports.pages(), exports.elements(), exports.half(5.0),
        trap.value.message, [(frame.index, frame.offset) for frame in trap.value.frames],
    )  # fmt: skip


def save(instance: Instance) -> Path:
    """Write the cache of an instance, and return the only file in it."""
    linked = instance.linked
    assert isinstance(linked, engine.Linked)
    assert linked.engine.cache is not None
    linked.engine.cache.save()
    (file,) = Path(linked.engine.cache.directory).iterdir()
    return file


def forbid(patch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be compiled, nor validated."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("this was to come from the cache")

    patch.setattr(engine, "compile_function", fail)
    patch.setattr("wasm_decoder.valid.validate_func", fail)


@pytest.mark.parametrize("validate", ["eager", "lazy"])
def test_a_second_start_compiles_nothing(start: Start, monkeypatch: pytest.MonkeyPatch, validate: str) -> None:
    first = start(validate=validate)
    expected = use(first)
    save(first)
    second = start(validate=validate)
    forbid(monkeypatch)
    assert use(second) == expected


def test_without_a_cache_every_start_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Store(Compiler()).instantiate(decode(BINARY))
    forbid(monkeypatch)
    with pytest.raises(AssertionError, match="from the cache"):
        instance.exports.add(1, 2)


def test_what_was_compiled_last_is_saved_when_the_cache_goes(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Cache(directory)
    instance = Store(Compiler(cache=kept)).instantiate(decode(BINARY))
    assert instance.exports.add(1, 2) == 3
    assert not list(directory.iterdir())
    del instance, kept
    gc.collect()
    other = Store(Compiler(cache=Cache(directory))).instantiate(decode(BINARY))
    forbid(monkeypatch)
    assert other.exports.add(1, 2) == 3


def test_saving_happens_while_a_long_program_compiles(
    start: Start, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    exports = start().exports
    assert exports.add(1, 2) == 3
    assert not list(directory.iterdir())
    now[0] += 10
    assert exports.half(3.0) == 1.5
    assert len(list(directory.iterdir())) == 1


def test_a_program_goes_on_when_the_directory_is_gone(start: Start, directory: Path) -> None:
    instance = start()
    directory.rmdir()
    assert instance.exports.add(1, 2) == 3
    linked = instance.linked
    assert isinstance(linked, engine.Linked)
    assert linked.engine.cache is not None
    with pytest.raises(FileNotFoundError):
        linked.engine.cache.save()
    directory.mkdir(mode=0o700)
    linked.engine.cache.save()
    assert len(list(directory.iterdir())) == 1


def test_a_full_disk_stops_no_program(start: Start, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "_PAUSE", 0.0)
    monkeypatch.setattr(cache, "_write", full)
    instance = start()
    use(instance)
    with pytest.raises(OSError, match="No space left"):
        save(instance)
    assert not list(directory.iterdir())


def test_what_could_not_be_written_whole_is_removed(
    start: Start, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    instance = start()
    assert instance.exports.add(1, 2) == 3
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save(instance)
    assert not list(directory.iterdir())
    save(instance)


# what a routine is


def routines(module: Module) -> list[Routine]:
    return [Routine.of(*compile_function(module, Layout(module), number)) for number in range(len(module.funcs))]


def test_a_packed_routine_is_the_routine() -> None:
    for routine in routines(decode(BINARY)):
        again = Routine.unpack(routine.pack())
        for part in Routine.__slots__:
            assert getattr(again, part) == getattr(routine, part), part


@pytest.mark.parametrize("immediates", [None, 0, -1, (), (5,), (1, 2, 3), 1 << 40])
def test_keys_of_helpers_survive(immediates: object) -> None:
    routine = routines(decode(BINARY))[0]
    routine.helpers = [(3, (0x40, immediates)), (9, (0xFC0F, (1, 0)))]
    assert Routine.unpack(routine.pack()).helpers == routine.helpers


def test_the_code_does_not_depend_on_the_order_of_compiling(directory: Path) -> None:
    """Helpers have numbers in the order in which they turn up; the code that is kept has none."""
    module = decode(BINARY)
    layout = Layout(module)
    backwards = [Routine.of(*compile_function(module, layout, number)).pack() for number in (5, 4, 3, 2, 1, 0)]
    assert [routine.pack() for routine in routines(module)] == backwards[::-1]
    kept = Cache(directory)
    first = Store(Compiler(cache=kept)).instantiate(decode(BINARY))
    assert first.exports.elements() == 3
    assert first.exports.pages() == 2
    second = Store(Compiler(cache=kept)).instantiate(decode(BINARY))
    assert second.exports.pages() == 2
    assert second.exports.elements() == 3


def test_an_image_is_its_routines() -> None:
    made = dict(enumerate(routines(MODULE)))
    made[7] = routines(MODULE)[4]
    made[7].data, made[7].helpers = bytes(64), [(3, (0x40, None)), (60, (0xFC0F, (1, 0)))]
    packed = Image.pack(made)
    image = Image(packed, len(made))
    assert list(image.numbers) == [0, 1, 2, 3, 4, 5, 7]
    for number, routine in made.items():
        found = image.get(number)
        assert found is not None
        assert found.pack() == routine.pack()
    assert [(number, routine.pack()) for number, routine in image.items()] == [(n, r.pack()) for n, r in made.items()]
    assert image.get(6) is None
    assert image.get(8) is None
    assert Image.pack(dict(image.items())) == packed
    code = image.linked(lambda key: key[0])
    for i, routine in enumerate(made.values()):
        begin, size = image.starts[i], len(routine.data)
        assert begin % 64 == 0
        assert code[begin : begin + size] == routine.linked(lambda key: key[0])
        # a call at the very end returns to the byte behind it
        assert [image.find(begin), image.find(begin + size)] == [i, i]
    assert Image(Image.pack({}), 0).get(0) is None


def test_the_first_call_finds_the_code_of_all_functions(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    first = start()
    expected = use(first)
    save(first)
    second = start()
    linked = second.linked
    assert isinstance(linked, engine.Linked)
    assert linked.compiled == set()
    forbid(monkeypatch)
    assert second.exports.add(1, 2) == 3
    assert linked.compiled == set(range(6))
    monkeypatch.setattr(engine.Linked, "compile", None)  # not even asked
    assert use(second) == expected


def test_instances_of_a_module_share_what_was_placed(start: Start, directory: Path) -> None:
    first = start()
    assert first.exports.add(1, 2) == 3
    save(first)
    module = decode(BINARY)
    store = Store(Compiler(cache=Cache(directory)))
    one, two = store.instantiate(module), store.instantiate(module)
    assert one.exports.add(1, 2) == two.exports.add(1, 2) == 3
    assert use(one) == use(two)
    assert isinstance(one.linked, engine.Linked)
    assert isinstance(two.linked, engine.Linked)
    assert one.linked.placed is two.linked.placed is not None
    assert one.linked.compiled == two.linked.compiled == set(range(6))


def test_placed_code_finds_the_helpers_of_a_module_that_has_others(start: Start, directory: Path) -> None:
    first = start()
    expected = use(first)
    save(first)
    module = decode(BINARY)
    other = Store(Compiler()).instantiate(module)
    assert (other.exports.elements(), other.exports.pages()) == (3, 2)
    again = Store(Compiler(cache=Cache(directory))).instantiate(module)
    assert use(again) == expected


def test_placed_code_goes_with_its_module(start: Start, directory: Path) -> None:
    first = start()
    assert first.exports.add(1, 2) == 3
    save(first)
    second = start()
    assert second.exports.add(1, 2) == 3
    linked = second.linked
    assert isinstance(linked, engine.Linked)
    assert linked.placed is not None
    placed = weakref.ref(linked.placed)
    del second, linked
    gc.collect()
    assert placed() is None


# keys


def key(module: Module, directory: Path, features: Features = Features.CORE_3_0, *, guarded: bool = True) -> str:
    return Cache(directory).of(module, features, guarded=guarded).path


def test_the_key_has_everything_that_the_code_depends_on(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = decode(BINARY)
    keys = [key(module, directory)]
    assert key(decode(BINARY), directory) == keys[0]
    assert os.path.dirname(keys[0]) == str(directory)
    keys.append(key(decode(BINARY + b"\0\3\1xy"), directory))  # with a custom section all offsets are others
    keys.append(key(parse_wat(TEXT), directory))
    keys.append(key(module, directory, Features.CORE_2_0))
    keys.append(key(module, directory, guarded=False))
    with monkeypatch.context() as patch:
        patch.setattr(processor, "_found", [frozenset(("sse4.1", "sse4.2", "popcnt", "bmi1", "lzcnt"))])
        keys.append(key(module, directory))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_versions", ["another version"])
        keys.append(key(module, directory))
    assert len(set(keys)) == len(keys)


def test_debugging_information_makes_no_difference_but_by_its_size(directory: Path) -> None:
    def with_debug(content: bytes) -> Module:
        custom = b"\x0b.debug_line" + content
        return decode(BINARY[:8] + b"\0" + bytes([len(custom)]) + custom + BINARY[8:])

    keys = [key(with_debug(content), directory) for content in (b"one", b"two", b"three")]
    assert keys[0] == keys[1] != keys[2]
    assert key(MODULE, directory) not in keys


def test_the_version_is_that_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = set()
    (tmp_path / "sub").mkdir()
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    for name, content in (("cache.py", "a"), ("cache.py", "b"), ("sub/x.py", ""), ("sub/x.txt", "b"), ("sub/y.py", "")):
        (tmp_path / name).write_text(content)
        monkeypatch.setattr(cache, "_versions", [])
        versions.add(cache._compiler())
    assert len(versions) == 4  # the text file makes no difference
    assert all(version.startswith(wasm_jit.__version__ + " ") for version in versions)


def test_a_function_that_stricter_features_refuse_does_not_come_from_the_cache(start: Start) -> None:
    extend = encode(parse_wat('(module (func (export "f") (param i32) (result i32) (i32.extend8_s (local.get 0))))'))
    wide = start(extend, Features.CORE_3_0, "lazy")
    assert wide.exports.f(255) == -1
    save(wide)
    narrow = start(extend, Features.CORE_1_0, "lazy")
    with pytest.raises(DecodeError, match="illegal opcode c0"):
        narrow.exports.f(255)


def test_an_invalid_function_is_not_kept(start: Start, directory: Path) -> None:
    invalid = encode(parse_wat('(module (func (export "f") (result i32) (i64.const 0)) (func (export "g")))'))
    for _ in range(2):
        instance = start(invalid, validate="lazy")
        with pytest.raises(ValidationError):
            instance.exports.f()
        assert instance.exports.g() is None
        save(instance)


# damage


def there(directory: Path) -> int:
    """How many functions the file has, all of which are as the compiler makes them."""
    stored = Cache(directory).of(MODULE, Features.CORE_3_0)
    count = 0
    for number, routine in enumerate(routines(MODULE)):
        found = stored.get(number)
        assert found is None or found.pack() == routine.pack()
        count += found is not None
    return count


def test_no_flipped_byte_and_no_truncation_goes_unnoticed(start: Start, directory: Path) -> None:
    instance = start()
    expected = use(instance)
    file = save(instance)
    whole = file.read_bytes()
    assert there(directory) == len(MODULE.funcs)
    key = file.stem
    damages = [whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))]
    damages += [whole[:size] for size in range(len(whole))] + [whole + b"\0"]
    for damaged in damages:
        file.write_bytes(damaged)
        stored = Cache(directory).of(MODULE, Features.CORE_3_0)
        assert Path(stored.path).stem == key
        assert stored.image is None
        assert stored.get(0) is None
    # and the damage is mended
    for damaged in (whole[:-1], whole[:-300], damages[len(whole) // 2]):
        file.write_bytes(damaged)
        again = start()
        assert use(again) == expected
        save(again)
        assert file.read_bytes() == whole


def test_files_that_are_something_else_are_replaced(start: Start, directory: Path) -> None:
    instance = start()
    expected = use(instance)
    file = save(instance)
    whole = file.read_bytes()
    for content in (b"", b"wasmcode", bytes(200), os.urandom(1000), whole[:8] + b"\1" + whole[9:]):
        file.write_bytes(content)
        again = start()
        assert use(again) == expected
        assert save(again).read_bytes() == whole


def test_a_file_under_the_name_of_another_one_is_ignored(start: Start, directory: Path) -> None:
    instance = start()
    assert instance.exports.add(2, 3) == 5
    file = save(instance)
    other = encode(parse_wat('(module (func (export "add") (param i32 i32) (result i32) (i32.const -1)))'))
    os.replace(file, Cache(directory).of(decode(other), Features.CORE_3_0).path)
    assert start(other).exports.add(2, 3) == -1


# who may


def test_directory_and_files_are_private(start: Start, directory: Path) -> None:
    instance = start()
    assert instance.exports.add(1, 1) == 2
    before = os.umask(0)
    try:
        file = save(instance)
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_a_directory_that_others_can_write_is_refused(directory: Path, mode: int) -> None:
    directory.mkdir(parents=True)
    directory.chmod(mode)
    with pytest.raises(PermissionError, match="only its owner can write") as refused:
        Cache(directory)
    assert refused.value.filename == str(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(directory: Path) -> None:
    directory.mkdir(parents=True, mode=0o700)
    os.chown(directory, 12345, 12345)
    with pytest.raises(PermissionError, match="that is you"):
        Cache(directory)


def test_a_directory_that_is_opened_to_others_later_is_used_no_more(start: Start, directory: Path) -> None:
    instance = start()
    assert instance.exports.add(1, 1) == 2
    file = save(instance)
    kept = Cache(directory)
    directory.chmod(0o777)
    assert kept.of(decode(BINARY), Features.CORE_3_0).get(0) is None
    directory.chmod(0o700)
    file.chmod(0o666)
    assert Cache(directory).of(decode(BINARY), Features.CORE_3_0).get(0) is None


def test_links_and_pipes_are_not_followed(start: Start, directory: Path, tmp_path: Path) -> None:
    instance = start()
    assert instance.exports.add(1, 1) == 2
    file = save(instance)
    whole = file.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert Cache(directory).of(decode(BINARY), Features.CORE_3_0).get(0) is None
    again = start()
    assert again.exports.add(1, 1) == 2
    save(again)
    assert not file.is_symlink()
    assert file.read_bytes() == whole
    file.unlink()
    os.mkfifo(file)
    assert Cache(directory).of(decode(BINARY), Features.CORE_3_0).get(0) is None
    assert start().exports.add(1, 1) == 2


# several at once


def test_two_users_add_to_one_file(start: Start, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = start(), start()
    assert one.exports.add(1, 1) == 2
    assert two.exports.half(3.0) == 1.5
    save(one)
    save(two)
    three = start()
    forbid(monkeypatch)
    assert three.exports.add(1, 1) == 2
    assert three.exports.half(3.0) == 1.5


def test_what_a_killed_writer_left_is_swept_up(start: Start, directory: Path) -> None:
    instance = start()
    assert instance.exports.add(1, 1) == 2
    file = save(instance)
    left = directory / f".{file.name}.0123"
    left.write_bytes(b"half a file")
    assert instance.exports.half(3.0) == 1.5
    assert save(instance) == file


def test_threads_compile_and_save_at_once(start: Start, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_PAUSE", 0.0)
    monkeypatch.setattr(cache, "_SHARE", 0)
    binary = encode(parse_wat(f"(module {FUNCTIONS})"))
    instance = start(binary)
    wrong: list[object] = []

    def work(which: int) -> None:
        for n in range(which, 40, 4):
            got = instance.exports[f"f{n}"](7)
            if got != 7 * (n + 3):
                wrong.append((n, got))

    threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    save(instance)
    again = start(binary)
    forbid(monkeypatch)
    assert [again.exports[f"f{n}"](7) for n in range(40)] == [7 * (n + 3) for n in range(40)]


_WRITER = """
import sys
from wasm_decoder import decode, encode, parse_wat
from wasm_interp import Store
from wasm_jit import Cache, Compiler, cache
directory, which = sys.argv[1], int(sys.argv[2])
cache._versions[:] = [sys.argv[3]]  # the parent's, whatever becomes of the source meanwhile
functions = "".join(
    f'(func (export "f{n}") (param i32) (result i32) (i32.mul (local.get 0) (i32.const {n + 3})))' for n in range(40)
)
binary = encode(parse_wat(f"(module {functions})"))
for _ in range(10):
    kept = Cache(directory)
    instance = Store(Compiler(cache=kept)).instantiate(decode(binary))
    for n in range(which, 40, 4):
        assert instance.exports[f"f{n}"](7) == 7 * (n + 3)
        kept.save()
"""


def test_many_processes_write_at_once(directory: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(directory)]
    children = [subprocess.Popen([*command, str(n), cache._compiler()]) for n in range(4)]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    (file,) = directory.iterdir()
    stored = Cache(directory).of(decode(encode(parse_wat(f"(module {FUNCTIONS})"))), Features.CORE_3_0)
    assert stored.path == str(file)
    assert [n for n in range(40) if stored.get(n) is None] == []


def test_a_forked_child_saves_what_it_compiled(directory: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _FORKING, str(directory)]
    child = subprocess.run(command, capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (0, "")
    (file,) = directory.iterdir()
    count = int.from_bytes(file.read_bytes()[12:16], "little")
    assert count == 3


_FORKING = """
import os, sys
from wasm_decoder import decode, encode, parse_wat
from wasm_interp import Store
from wasm_jit import Cache, Compiler
binary = encode(parse_wat('(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) '
    '(local.get 1))) (func (export "sub") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1))) '
    '(func (export "mul") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1))))'))
cache = Cache(sys.argv[1])
instance = Store(Compiler(cache=cache)).instantiate(decode(binary))
instance.exports.add(2, 3)
child = os.fork()
assert instance.exports.sub(8, 3) == 5
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    assert instance.exports.mul(8, 3) == 24
"""
