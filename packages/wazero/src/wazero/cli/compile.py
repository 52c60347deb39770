"""``wazero compile``: compile a module into a cache, or show the stages of its functions."""

from argparse import ArgumentTypeError

from wasm_decoder import WasmError, validate
from wasm_interp import UnsupportedError

from ..runtime import EngineUnavailable
from ..source import load_file
from .inspect import find_function, shown
from .options import CACHE, FEATURES, cache, parser
from .report import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from wasm_decoder import Module

_DESCRIPTION = """\
Compile every function of a module and keep the code, so that nothing is left to compile when wazero run, or a Runtime,
is given the same directory. With --dump, show what functions become instead.
"""
#: as ``wasm_jit.dump`` has them, which cannot be imported everywhere
_STAGES = ("ssa", "opt", "asm")


def main(argv: "Sequence[str]") -> int:
    """Compile one module; returns 0, or 1 after a message if that fails."""
    given = _parse(argv)
    try:
        import wasm_jit

        reason = wasm_jit.unavailable()
        if reason is not None:
            raise EngineUnavailable(f"the compiler cannot run here: {reason}")
        module = load_file(given.file, features=given.features)
        validate(module, given.features, bodies=False)
        imported = len(module.func_types) - len(module.funcs)
        numbers = [find_function(module, name) - imported for name in given.function]
        for name, number in zip(given.function, numbers, strict=True):
            if number < 0:
                raise ValueError(f"function {name} is imported")
        if given.dump:
            _dump(module, numbers if numbers else range(len(module.funcs)), given)
        else:
            _compile(module, numbers if numbers else range(len(module.funcs)), given)
    except (WasmError, OSError, ValueError) as error:
        fail(given.file, error)
        return 1
    return 0


def _parse(argv: "Sequence[str]") -> "Namespace":
    arguments = parser("compile", _DESCRIPTION)
    arguments.add_argument("file", metavar="FILE")
    arguments.add_argument("-o", "--cache", **CACHE)
    arguments.add_argument(
        "--dump",
        type=_stages,
        metavar="STAGES",
        help="print ssa, the function as it was built; opt, optimised; asm, machine code beside the instructions that "
        "it came from; several with commas between",
    )
    arguments.add_argument(
        "--function",
        action="append",
        default=[],
        metavar="FUNCTION",
        help="only this one, by name or index; may be given several times",
    )
    arguments.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="how many processes compile; by default one per processor if there is enough to do, 0 for none but this",
    )
    arguments.add_argument("--features", **FEATURES)
    given = arguments.parse_args(argv)
    given.cache = cache(given)
    if not given.dump and given.cache is None:
        arguments.error("say where to keep the code, with -o DIR or WAZERO_CACHE, or what to --dump")
    return given


def _stages(text: str) -> "list[str]":
    stages = text.split(",")
    for stage in stages:
        if stage not in _STAGES:
            raise ArgumentTypeError(f"there is no stage {stage!r}; there are {', '.join(_STAGES)}")
    return stages


def _dump(module: "Module", numbers: "Sequence[int]", given: "Namespace") -> None:
    from wasm_decoder import names
    from wasm_decoder.valid import validate_func
    from wasm_jit.dump import dump

    known = names(module).funcs
    imported = len(module.func_types) - len(module.funcs)
    for number in numbers:
        validate_func(module, number, given.features)
        name = known.get(number + imported)
        if name:
            print(f"; ${shown(name)}")
        try:
            for line in dump(module, number, given.dump):
                print(line)
        except UnsupportedError as error:
            if given.function:
                raise
            print(f"; function {number + imported}: {error}")


def _compile(module: "Module", numbers: "Sequence[int]", given: "Namespace") -> None:
    import wasm_jit

    kept = wasm_jit.Cache(given.cache)
    stored = kept.of(module, given.features)
    there = sum(stored.get(number) is not None for number in numbers)
    made = kept.fill(module, given.features, numbers, workers=given.workers)
    unknown = len(numbers) - there - made
    print(
        f"{stored.path}: {made:,} functions compiled, {there:,} were there"
        + (f", {unknown:,} use instructions that the compiler does not know" if unknown else "")
    )
