"""``python -m tests.differential``: search for as long as you like.  Exit code 1 if something was found."""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from wasm_decoder.features import Features
from wasm_decoder.syntax.instructions import OPS

from .engines import ENGINES, VERSIONS
from .fuzz import Count, Divergence, search_bytes, search_modules, until


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long, both searches together (default: 2)")
    parser.add_argument("--count", type=int, help="how many modules and how many damaged binaries at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what to start from (default: the time)")
    parser.add_argument("--engine", action="append", choices=sorted(ENGINES), help="only this engine; may be repeated")
    parser.add_argument("--only", choices=["modules", "bytes"], help="only one of the two searches")
    parser.add_argument("--save", type=Path, default=Path(), help="folder for what was found (default: here)")
    options = parser.parse_args()
    engines = {name: ENGINES[name]() for name in options.engine or ENGINES}
    print(f"seed {options.seed}, engines: {', '.join(engines)}", flush=True)
    share = 60 * options.minutes / (1 if options.only else 2)  # seconds for each search
    failed = False
    if options.only != "bytes":
        count = Count()
        stop = until(options.count, share)
        failed |= _search("modules", options, count, partial(search_modules, options.seed, stop, engines, count))
        core = [op.name for op in OPS.values() if op.feature in Features.CORE_2_0]
        missing = [name for name in core if name not in count.instructions]
        print(f"  instructions generated: {len(core) - len(missing)} of {len(core)}", *missing[:20])
        rarest = [f"{name} {n}" for name, n in sorted(count.instructions.items(), key=lambda item: item[1])[:5]]
        print(f"  in the fewest modules: {', '.join(rarest)}")
    for version in VERSIONS if options.only != "modules" else ():
        count = Count()
        stop = until(options.count, share / len(VERSIONS))
        search = partial(search_bytes, options.seed, stop, count, version)
        failed |= _search(f"bytes-{version}", options, count, search)
        for outcome, n in count.outcomes.most_common():
            print(f"  {n} {outcome}")
    return failed


def _search(what: str, options: argparse.Namespace, count: Count, run: Callable[[], None]) -> bool:
    """Whether something was found."""
    start = time.monotonic()
    found = None
    try:
        run()
    except KeyboardInterrupt:
        print("interrupted")
    except Divergence as divergence:
        found = str(divergence)
    seconds = time.monotonic() - start
    print(
        f"{what}: {count.tried} tried in {seconds:.0f} s, {count.tried / max(seconds, 1e-9):.0f} a second", flush=True
    )
    if found is not None:
        path = options.save / f"divergence-{what}-{options.seed}.wat"
        path.write_text(found + "\n", encoding="utf-8")
        print(f"found, and written to {path}:\n{found}")
    return found is not None


if __name__ == "__main__":
    sys.exit(main())
