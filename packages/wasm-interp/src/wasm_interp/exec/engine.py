"""The portable engine."""

from ..runtime.engine import Engine


class Interpreter(Engine):
    """The portable engine: each body is translated into Python source at its first call."""

    name = "interpreter"
