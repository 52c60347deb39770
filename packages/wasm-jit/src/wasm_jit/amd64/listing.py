"""Instructions in the Intel syntax, as GNU ``as`` reads them."""

from .registers import CONDITIONS, NAMES, NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .encoding import Row

_POINTERS = {8: "byte ptr", 16: "word ptr", 32: "dword ptr", 64: "qword ptr", 128: "xmmword ptr"}
#: What the assembler calls otherwise than the manual.
_NAMES = {
    "movqx": "movq",
    "movxq": "movq",
    "vmovqx": "vmovq",
    "vmovxq": "vmovq",
    **{f"mov{sign}x{width}{tail}": f"mov{sign}x" for sign in "sz" for width in (8, 16) for tail in ("", "_")},
}
_BY_CL = ("shldcl", "shrdcl", "rolcl", "rorcl", "shlcl", "shrcl", "sarcl")


def instruction(
    row: "Row", form: str, values: "tuple[int, ...]", label: "Callable[[int], str]" = lambda _: "rip+0"
) -> str:
    """The instruction of a row in a form with these operands (see ``encoding``).

    ``label`` says what stands in the brackets of an operand at a label.
    """
    rest = iter(values)
    name = row.mnemonic
    if any(flag[0] == "@" for flag in row.flags):
        name = name.removesuffix(str(row.width))
    extends = name.startswith(("movzx", "movsx"))
    general = row.width or (64 if "W" in row.flags or name in ("push", "pop", "jmp", "call") else 32)
    wide = "q" in row.operands and name == "mov"
    operands = []
    for operand, kind in zip(row.operands, form, strict=True):
        value = next(rest)
        if kind == "c":
            name += CONDITIONS[value]
        elif kind == "i":
            operands.append(str(value))
        elif kind == "r":
            width = general if operand in "EGRBO" else 128
            if operand == "E" and "byte" in row.flags:
                width = 8
            elif operand == "E" and extends:
                width = row.flags["ptr"]
            elif wide and 0 <= values[-1] < 1 << 32:
                width = 32
            operands.append(NAMES[width][value])
        else:
            pointer = row.flags.get("ptr", 0)
            if not pointer and (row.width and (operand == "E" or not set(row.operands) & set("GVR"))) and name != "lea":
                pointer = row.width
            if kind == "l":
                inside = label(value)
            else:
                inside = "" if value == NONE else NAMES[64][value]
                if kind == "x":
                    index, scale = next(rest), next(rest)
                    inside += f"{'+' if inside else ''}{NAMES[64][index]}*{1 << scale}"
                inside += f"{next(rest):+d}"
            operands.append(f"{_POINTERS[pointer]} [{inside}]" if pointer else f"[{inside}]")
    if name in _BY_CL:
        name = name.removesuffix("cl")
        operands.append("cl")
    if "swap" in row.flags and form == "rrr" and values[1] < 8 <= values[2]:
        operands[1:] = operands[:0:-1]  # the same result from a shorter encoding
    if wide and not -1 << 31 <= values[-1] < 1 << 32:
        name = "movabs"
    prefix, _, repeated = name.partition("_")
    if prefix in ("lock", "rep"):
        name = f"{prefix} {repeated}"
    return f"{_NAMES.get(name, name)} {', '.join(operands)}".rstrip()
