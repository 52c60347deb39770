"""What it costs to begin: importing, and the first result of a small module, beside Python's own start.

python benchmarks/startup.py [repetitions]

Each row starts fresh interpreters, all rows taking turns, and shows the least processor time, user and system, that one
took, so that a busy machine disturbs little; the ratio to the first row can be compared between machines. The last
column is the most memory that one had, on Linux.
"""

import resource
import subprocess
import sys
import tempfile

#: (module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
ADD = "0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b"

ROWS = {
    "python itself": "pass",
    "import wazero": "import wazero",
    "import wazero, Runtime()": "import wazero; wazero.Runtime()",
    **{
        f"first result, {engine}": f"import wazero; runtime = wazero.Runtime('{engine}'); "
        f"runtime.instantiate(bytes.fromhex('{ADD}')).exports.add(1, 2)"
        for engine in ("interpreter", "auto")
    },
    "first result, from cache": "import sys, wazero; runtime = wazero.Runtime(cache=sys.argv[1]); "
    f"runtime.instantiate(bytes.fromhex('{ADD}')).exports.add(1, 2)",
    "wazero.run imported": "from wazero import run",
    "command line imported": "import wazero.cli.run",
    # what the standard library asks for the same
    "import argparse": "import argparse",
    "import typing": "import typing",
    "import asyncio": "import asyncio",
}


def seconds(code: str, folder: str) -> float:
    """What a fresh interpreter, isolated from the user's environment, takes of the processor to run the code.

    The folder is for what is kept from one run to the next.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-c", code, folder], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def mebibytes(code: str, folder: str) -> float:
    """The most memory that it has, as the system tells it; 0 where it doesn't."""
    look = "\nfor line in open('/proc/self/status'):\n  if line[:6] == 'VmHWM:': print(line.split()[1])"
    done = subprocess.run([sys.executable, "-I", "-c", code + look, folder], stdout=subprocess.PIPE, text=True)
    return int(done.stdout or 0) / 1024


def main(repetitions: int = 20) -> None:
    """Measure and print one line for each row."""
    best = dict.fromkeys(ROWS, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repetitions):
            for name, code in ROWS.items():
                best[name] = min(best[name], seconds(code, folder))
        memory = {name: mebibytes(code, folder) for name, code in ROWS.items()}
    bare = best["python itself"]
    print(f"{sys.implementation.name} {sys.version.split()[0]}, least of {repetitions}")
    for name, took in best.items():
        more = f"{(took - bare) * 1e3:+7.1f} ms  {took / bare:5.2f} ×"
        print(f"{name:<26} {took * 1e3:7.1f} ms  {more}  {memory[name]:5.1f} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
