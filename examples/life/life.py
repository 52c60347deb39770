"""Conway's game of life: WebAssembly computes the generations, Python sets the cells and draws them.

python examples/life/life.py 12
"""

import sys
from pathlib import Path

import wazero

GLIDER = [".#.", "..#", "###"]


class Life:
    """A board of the module ``life.wasm``."""

    def __init__(self) -> None:
        instance = wazero.Runtime().instantiate(Path(__file__).with_name("life.wasm"))
        assert instance.memory is not None
        self.width: int = instance.exports.width.value
        self.height: int = instance.exports.height.value
        self.step = instance.exports.step
        self.cells = instance.memory.view()[: self.width * self.height]

    def put(self, x: int, y: int, picture: list[str]) -> None:
        """Draw a picture on the board, its upper left corner at (x, y)."""
        for dy, row in enumerate(picture):
            start = (y + dy) * self.width + x
            self.cells[start : start + len(row)] = bytes(character == "#" for character in row)

    def __str__(self) -> str:
        rows = (self.cells[y * self.width :][: self.width] for y in range(self.height))
        return "\n".join("".join(".#"[cell] for cell in row) for row in rows)


if __name__ == "__main__":
    life = Life()
    life.put(1, 1, GLIDER)
    generations = int(sys.argv[1]) if sys.argv[1:] else 12
    living = [life.step() for _ in range(generations)][-1]
    print(life)
    print(f"{living} cells live after {generations} generations")
