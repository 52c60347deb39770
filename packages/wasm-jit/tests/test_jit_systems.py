"""What the native engine asks of operating systems that the tests do not run on: conventions, layouts, emitted code.

Code that stands between the calling conventions runs here, on any x86-64 system: the other side is machine code of our
own with the rules of the other convention.
"""

import ctypes
import os
import subprocess
import sys
from _thread import start_new_thread
from pathlib import Path
from time import sleep

import pytest
from wasm_jit import native
from wasm_jit.amd64 import abi, microsoft, segments
from wasm_jit.amd64.assembler import Assembler
from wasm_jit.amd64.registers import (
    NE,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
)

needs_machine_code = pytest.mark.skipif(native.unavailable() is not None, reason=str(native.unavailable()))

if native.unavailable() is None:
    from wasm_jit.native import faults
    from wasm_jit.native.code import Block, CodeSpace
    from wasm_jit.native.system import system
    from wasm_jit.native.ticker import ticker

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="its module needs the C library of a POSIX system")

#: What a function may change in each convention.
VOLATILE = {"microsoft": (RAX, RCX, RDX, R8, R9, R10, R11), "system v": (RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11)}
VOLATILE_VECTORS = {"microsoft": range(6), "system v": range(16)}
KEPT = (RBX, RBP, R12, R13, R14, R15)


def placed(code: bytes) -> "Block":
    """Code that stays."""
    block = CodeSpace(4096).place(code)
    block.keep()
    return block


def ruin(a: Assembler, convention: str) -> None:
    """Change all that a function may change, but the registers of results."""
    for register in VOLATILE[convention]:
        if register != RAX:
            a.mov64_ri(register, 0xBAD0BAD0BAD0BAD0 + register)
    a.mov64_ri(R11, 0xBAD0BAD0BAD0BAD0)
    for register in VOLATILE_VECTORS[convention]:
        if register:
            a.movqx_rr(register, R11)


def microsoft_sum() -> bytes:
    """A function of Microsoft's convention: 1·a + 2·b + 4·c + 8·d + 16·e + 32·f, or −1 if the stack is not aligned.
    It uses the 32 bytes that belong to it.
    """
    a = Assembler()
    crooked = a.label()
    a.lea64_rm(RAX, RSP, 8)
    a.test32_ri(RAX, 15)
    a.jcc(NE, crooked)
    for number, register in enumerate((RCX, RDX, R8, R9)):
        a.mov64_mr(RSP, 8 + 8 * number, register)
    a.xor32_rr(RAX, RAX)
    for number in range(6):
        a.mov64_rm(R10, RSP, 8 + 8 * number)
        a.shl64_ri(R10, number)
        a.add64_rr(RAX, R10)
    for number in range(4):
        a.mov64_mi(RSP, 8 + 8 * number, -1)
    ruin(a, "microsoft")
    a.ret()
    a.bind(crooked)
    a.mov64_ri(RAX, -1)
    a.ret()
    return a.finish().data


@needs_machine_code
def test_a_thunk_passes_six_integers_and_keeps_what_has_to_be_kept() -> None:
    values = [3, 10**12, 5, 7, 11, 10**15]
    # a caller of the System V convention
    a = Assembler()
    wrong, end = a.label(), a.label()
    for register in KEPT:
        a.push_r(register)
    a.sub64_ri(RSP, 8)
    for register in KEPT:
        a.mov64_ri(register, 1000 + register)
    for register, value in zip((RDI, RSI, RDX, RCX, R8, R9), values, strict=True):
        a.mov64_ri(register, value)
    a.mov64_ri(RAX, placed(microsoft.thunk(placed(microsoft_sum()).address)).address)
    a.call_r(RAX)
    for register in KEPT:
        a.cmp64_ri(register, 1000 + register)
        a.jcc(NE, wrong)
    a.jmp(end)
    a.bind(wrong)
    a.mov64_ri(RAX, -2)
    a.bind(end)
    a.add64_ri(RSP, 8)
    for register in reversed(KEPT):
        a.pop_r(register)
    a.ret()
    assert system.call(placed(a.finish().data).address) == sum(value << n for n, value in enumerate(values))


@needs_machine_code
def test_a_thunk_passes_a_float_both_ways() -> None:
    a = Assembler()
    a.addsd_rr(0, 0)
    ruin(a, "microsoft")
    a.ret()
    thunk = placed(microsoft.thunk(placed(a.finish().data).address))
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(system.exported(thunk.address))
    assert function(1.25) == 2.5


def system_v_sum() -> bytes:
    """A function of the System V convention: 1·a + 2·b + 4·c + 8·d + 16·R10, or −1 if the stack is not aligned."""
    a = Assembler()
    crooked = a.label()
    a.lea64_rm(RAX, RSP, 8)
    a.test32_ri(RAX, 15)
    a.jcc(NE, crooked)
    a.xor32_rr(RAX, RAX)
    for number, register in enumerate((RDI, RSI, RDX, RCX, R10)):
        a.shl64_ri(register, number)
        a.add64_rr(RAX, register)
    ruin(a, "system v")
    a.ret()
    a.bind(crooked)
    a.mov64_ri(RAX, -1)
    a.ret()
    return a.finish().data


@needs_machine_code
def test_a_bridge_passes_four_integers_and_keeps_what_microsofts_convention_keeps() -> None:
    bridge = placed(microsoft.bridge(placed(system_v_sum()).address))
    # a caller of Microsoft's convention: everything that it may rely on has a value of its own
    a = Assembler()
    wrong, end = a.label(), a.label()
    for register in KEPT:
        a.push_r(register)
    a.sub64_ri(RSP, 40)  # 32 of them the callee's
    relied = (*KEPT, RSI, RDI)
    for register in relied:
        a.mov64_ri(register, 1000 + register)
    for register in range(6, 16):
        a.mov64_ri(R11, 2000 + register)
        a.movqx_rr(register, R11)
    for number, register in enumerate((RCX, RDX, R8, R9, R10)):
        a.mov64_ri(register, 10 ** (number + 1))
    a.mov64_ri(RAX, bridge.address)
    a.call_r(RAX)
    for register in relied:
        a.cmp64_ri(register, 1000 + register)
        a.jcc(NE, wrong)
    for register in range(6, 16):
        a.movxq_rr(R11, register)
        a.cmp64_ri(R11, 2000 + register)
        a.jcc(NE, wrong)
    a.jmp(end)
    a.bind(wrong)
    a.mov64_ri(RAX, -2)
    a.bind(end)
    a.add64_ri(RSP, 40)
    for register in reversed(KEPT):
        a.pop_r(register)
    a.ret()
    caller = placed(a.finish().data)
    assert system.call(caller.address) == sum(10 ** (n + 1) << n for n in range(5))


# what is emitted for a system, told from its bytes


@pytest.mark.parametrize(
    ("segment", "register", "offset", "wide", "expected"),
    [
        (segments.FS, R13, 0, True, "64 4c 8b 2c 25 00 00 00 00"),  # mov r13, fs:[0]
        (segments.FS, RAX, 0, True, "64 48 8b 04 25 00 00 00 00"),  # mov rax, fs:[0]
        (segments.GS, R13, 0x48, False, "65 44 8b 2c 25 48 00 00 00"),  # mov r13d, gs:[0x48]
        (segments.GS, RAX, 0x48, False, "65 40 8b 04 25 48 00 00 00"),  # mov eax, gs:[0x48], with a prefix to spare
    ],
)
def test_words_of_the_thread_are_loaded(segment: int, register: int, offset: int, wide: bool, expected: str) -> None:
    a = Assembler()
    segments.load(a, segment, register, offset, wide)
    assert a.finish().data == bytes.fromhex(expected)


def test_words_of_the_thread_are_stored() -> None:
    a = Assembler()
    segments.store(a, segments.GS, 0x1478, R11)
    assert a.finish().data == bytes.fromhex("65 4c 89 1c 25 78 14 00 00")  # mov gs:[0x1478], r11


# the handlers, called with what the systems would pass

SIGSEGV, SIGBUS, SIGURG = 11, 10, 16  # of macOS


class Fault:
    """A range of code with a trap exit, a memory, and room for what systems say of an access from one to the other."""

    def __init__(self) -> None:
        self.page = system.allocate(3 * 4096)
        self.code, self.memory, self.exit = 0x7000_0000_0000, 0x7100_0000_0000, 0x7200_0000_0000
        self.unwatch = (
            faults.watch_code(self.code, self.code + 4096, self.exit),
            faults.watch_memory(self.memory, self.memory + 4096),
        )
        self.stack = self.page + 4096

    def end(self) -> None:
        for unwatch in self.unwatch:
            unwatch()

    def put(self, words: "dict[int, int]") -> int:
        """The address of memory that has these words at these offsets."""
        start, self.page = self.page, self.page + 512
        for offset, value in words.items():
            system.set_word(start + offset, value)
        return start


def darwin_handler(earlier: int) -> int:
    from wasm_jit.native import darwin, signals

    return placed(signals._handler(darwin._SIGNALS, earlier)).address


@needs_machine_code
@on_posix
@pytest.mark.parametrize("number", [SIGSEGV, SIGBUS])
def test_a_fault_on_macos_goes_on_at_the_trap_exit(number: int) -> None:
    fault = Fault()
    registers = fault.put({72: fault.stack, 144: fault.code + 16})  # rsp, rip
    information = fault.put({8: 2, 24: fault.memory + 100})  # si_code, si_addr
    system.call(darwin_handler(0), number, information, fault.put({48: registers}))
    fault.end()
    assert system.word(registers + 144) == fault.exit
    assert system.word(registers + 72) == fault.stack - 8
    assert system.word(fault.stack - 8) == fault.code + 16


@needs_machine_code
@on_posix
@pytest.mark.parametrize(
    ("pc", "address", "code"), [(0, 100, 2), (16, -1, 2), (16, 100, 0)], ids=["other code", "other memory", "sent"]
)
def test_other_faults_on_macos_go_to_the_earlier_handler_with_what_came(pc: int, address: int, code: int) -> None:
    fault = Fault()
    a = Assembler()
    a.mov64_ri(RAX, fault.put({}))
    for number, register in enumerate((RDI, RSI, RDX)):
        a.mov64_mr(RAX, 8 * number, register)
    a.ret()
    earlier = fault.put({8 * SIGBUS: placed(a.finish().data).address})
    registers = fault.put({72: fault.stack, 144: fault.code + pc if pc else 0x1000})
    passed = (SIGBUS, fault.put({8: code, 24: fault.memory + address}), fault.put({48: registers}))
    seen = fault.page - 5 * 512
    system.call(darwin_handler(earlier), *passed)
    fault.end()
    assert [system.word(seen + 8 * number) for number in range(3)] == list(passed)
    assert system.word(registers + 72) == fault.stack


def execution(fault: Fault, limit: int) -> "tuple[int, int]":
    """A made-up execution whose stack is the fault's, and a context that leads to it."""
    made = fault.put(
        {abi.LIMIT: limit & 2**64 - 1, abi.STACK_LIMIT: fault.stack, abi.STACK_TOP: fault.stack + 4096,
         abi.STACK_BOTTOM: fault.stack - 1024}
    )  # fmt: skip
    return made, fault.put({abi.INTERRUPT: 0x7300_0000_0000})


@needs_machine_code
@on_posix
def test_the_tickers_signal_on_macos_interrupts_compiled_code_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault()
    made, context = execution(fault, abi.ASKED)
    table = fault.put({0: made})
    system.set_word(made + abi.THREAD, 77)
    monkeypatch.setattr(system, "thread", lambda a, register: a.mov64_ri(register, 77))
    monkeypatch.setattr(ticker(), "table", table)
    handler = darwin_handler(fault.put({}))
    for pc, limit, diverted in (
        (fault.code + 5, abi.ASKED, True),
        (0x1000, abi.ASKED, False),
        (fault.code + 5, 123, False),
    ):
        system.set_word(made + abi.LIMIT, limit & 2**64 - 1)
        registers = fault.put({72: fault.stack + 64, 144: pc, 128: context})
        system.call(handler, SIGURG, fault.put({}), fault.put({48: registers}))
        assert (system.word(registers + 144) == 0x7300_0000_0000) == diverted
        assert system.word(registers + 72) == fault.stack + 64 - 8 * diverted
    assert system.word(fault.stack + 56) == fault.code + 5
    assert system.word(context + abi.EXECUTION) == made
    # on Python's stack it is not asked again so soon
    system.set_word(made + abi.LIMIT, abi.ASKED & 2**64 - 1)
    registers = fault.put({72: 0x1000, 144: 0x1000})
    system.call(handler, SIGURG, fault.put({}), fault.put({48: registers}))
    fault.end()
    assert system.word(made + abi.LIMIT) == abi.AWAY & 2**64 - 1


@needs_machine_code
@pytest.mark.parametrize(
    ("kind", "pc", "address", "ours"),
    [(0xC0000005, 16, 100, True), (0x80000001, 16, 100, False), (0xC0000005, -16, 100, False),
     (0xC0000005, 16, 5000, False)],
    ids=["fault", "guard page", "other code", "other memory"],
)  # fmt: skip
def test_the_vectored_handler_diverts_faults_of_compiled_code(kind: int, pc: int, address: int, ours: bool) -> None:
    from wasm_jit.native import vectored

    fault = Fault()
    record = fault.put({0: kind, 40: fault.memory + address})
    context = fault.put({152: fault.stack, 248: fault.code + pc})
    handler = placed(microsoft.thunk(placed(vectored._handler()).address))
    answer = system.call(handler.address, fault.put({0: record, 8: context}))
    fault.end()
    assert answer & 0xFFFFFFFF == (0xFFFFFFFF if ours else 0)
    assert system.word(context + 248) == (fault.exit if ours else fault.code + pc)
    assert system.word(context + 152) == fault.stack - 8 * ours
    assert system.word(fault.stack - 8) == (fault.code + pc if ours else 0)


# the ticker's parts


@needs_machine_code
@pytest.mark.parametrize(
    ("pc", "sp", "flags", "diverted", "limit"),
    [
        (16, 64, 0x100003, True, abi.ASKED),
        (-16, 64, 0x100003, False, abi.ASKED),
        (16, 64, 0x100003 | 0x8000000, False, abi.ASKED),  # an exception is about to be delivered
        (-16, 4200, 0x100003, False, abi.AWAY),
    ],
    ids=["compiled code", "other code", "in the kernel", "Python's stack"],
)
def test_the_ticker_on_windows_diverts_a_suspended_thread(
    monkeypatch: pytest.MonkeyPatch, pc: int, sp: int, flags: int, diverted: bool, limit: int
) -> None:
    from wasm_jit.native import windows

    fault = Fault()
    made, context = execution(fault, abi.ASKED)
    called: list[str] = []

    def symbol(name: str) -> int:
        called.append(name)
        a = Assembler()
        if name == "GetThreadContext":
            a.mov32_mi(RSI, windows.CONTEXT_FLAGS, flags)
        a.mov32_ri(RAX, 1)
        ruin(a, "system v")
        a.ret()
        return placed(a.finish().data).address

    monkeypatch.setattr(windows, "symbol", symbol)
    page = system.allocate(4096)
    thread = page + windows._CONTEXT
    system.set_word(thread + windows.CONTEXT_RIP, fault.code + pc)
    system.set_word(thread + windows.CONTEXT_RSP, fault.stack + sp)
    system.set_word(thread + windows.CONTEXT_R14, context)
    a = Assembler()
    a.push_r(RBX)
    a.mov64_ri(RBX, page)
    a.mov64_ri(RAX, made)
    windows.interrupt(a, page)
    a.pop_r(RBX)
    a.ret()
    system.call(placed(a.finish().data).address)
    fault.end()
    assert called == ["SuspendThread", "GetThreadContext", "SetThreadContext", "ResumeThread"]
    assert system.word(thread + windows.CONTEXT_RSP) == fault.stack + sp - 8 * diverted
    assert system.word(thread + windows.CONTEXT_RIP) == (0x7300_0000_0000 if diverted else fault.code + pc)
    assert system.word(fault.stack + sp - 8) == (fault.code + pc if diverted else 0)
    assert system.word(made + abi.LIMIT) == limit & 2**64 - 1


@needs_machine_code
@on_posix
def test_the_sleep_on_macos_ends_when_somebody_wakes_it_and_does_not_begin_in_another_state() -> None:
    from wasm_jit.native import darwin

    page = system.allocate(4096)
    darwin.prepare(page, 1, 1)

    def function(emit: str, *arguments: "int | None") -> int:
        a = Assembler()
        a.push_r(RBX)
        a.mov64_ri(RBX, page)
        getattr(darwin, emit)(a, *arguments)
        a.pop_r(RBX)
        a.ret()
        return placed(a.finish().data).address

    wait, wake = function("sleep", 0, None), function("wake")
    system.call(function("sleep", 1, None))  # the state is 0
    ended: list[int] = []
    start_new_thread(lambda: ended.append(system.call(wait)), ())
    sleep(0.05)
    assert not ended
    system.set_word(page, 1)
    system.call(wake)
    for _ in range(1000):
        if ended:
            break
        sleep(0.01)
    assert ended


# what asks for systems that are untested


@pytest.mark.parametrize(("platform", "name"), [("darwin", "macOS"), ("win32", "Windows")])
def test_an_untested_system_has_to_be_asked_for(monkeypatch: pytest.MonkeyPatch, platform: str, name: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("WAZERO_UNTESTED", raising=False)
    assert native._system() == f"machine code on {name} is untested; WAZERO_UNTESTED=1 in the environment tries it"
    monkeypatch.setenv("WAZERO_UNTESTED", "1")
    assert native._system() is None


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="they know CPython's objects")
def test_the_modules_of_other_systems_can_be_imported_anywhere() -> None:
    program = "import wasm_jit.native.windows"
    if sys.platform != "win32":
        program += ", wasm_jit.native.darwin, wasm_jit.native.vectored"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cache_says_where_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from wasm_jit import Cache

    monkeypatch.setattr(os, "supports_dir_fd", set())
    with pytest.raises(OSError, match="relative to a directory"):
        Cache(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
