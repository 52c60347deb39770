"""Drive a plugin: give it a text, answer its questions, read the result from its memory.

python examples/template/template.py "Dear {name}, {greeting}!" name=Ada greeting="good morning"
"""

import sys
from pathlib import Path

import wazero

HERE = Path(__file__).parent


class Template:
    """The plugin ``template.wasm`` with a dictionary that it may look into."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        host = wazero.HostModule()
        host.function(self.lookup)
        plugin = wazero.Runtime().instantiate(HERE / "template.wasm", {"env": host})
        self.plugin = plugin.exports
        assert plugin.memory is not None
        self.memory = plugin.memory

    def lookup(self, name: wazero.i32, length: wazero.i32, out: wazero.i32, capacity: wazero.i32) -> wazero.i32:
        """What the plugin calls: read a name from its memory, write the value there."""
        value = self.values.get(self.memory.read(name, length).decode(errors="replace"))
        if value is None or len(data := value.encode()) > capacity:
            return -1
        self.memory.write(out, data)
        return len(data)

    def expand(self, text: str) -> str:
        """Fill in a text.  Raises ValueError if it or the result is longer than the plugin's buffer."""
        data = text.encode()
        if len(data) > self.plugin.capacity():
            raise ValueError("the text is too long")
        self.memory.write(self.plugin.buffer(), data)
        length = self.plugin.expand(len(data))
        if length < 0:
            raise ValueError("the result is too long")
        return self.memory.read(self.plugin.output(), length).decode()


if __name__ == "__main__":
    text, *pairs = sys.argv[1:] or ["Dear {name}, {greeting}! {unknown} stays.", "name=Ada", "greeting=good morning"]
    print(Template(dict(pair.split("=", 1) for pair in pairs)).expand(text))
