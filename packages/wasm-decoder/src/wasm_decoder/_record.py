"""Value classes without ``dataclasses``, whose import alone costs more than this whole package."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """A value: its fields are its ``__slots__``, in order; constructor, equality, hash and repr follow from them.

    A subclass names its fields in ``__slots__`` and annotates the same names.  One that wants defaults writes its own
    ``__init__``.  Fields are not to be assigned after construction: mypy says so; nothing at run time does, because a
    guarding ``__setattr__`` makes construction several times slower.
    """

    __slots__ = ()
    if TYPE_CHECKING:
        __match_args__: tuple[str, ...]

    def __init_subclass__(cls, **keywords: "Any") -> None:
        super().__init_subclass__(**keywords)
        fields: tuple[str, ...] = cls.__dict__.get("__slots__", ())
        if not fields:
            return
        type.__setattr__(cls, "__match_args__", fields)
        mine = "".join(f"self.{name}, " for name in fields)
        theirs = "".join(f"other.{name}, " for name in fields)
        assignments = "".join(f"    self.{name} = {name}\n" for name in fields)
        source = (
            f"def __init__(self, {', '.join(fields)}):\n{assignments}"
            f"def __eq__(self, other):\n"
            f"    if self.__class__ is not other.__class__: return NotImplemented\n"
            f"    return ({mine}) == ({theirs})\n"
            f"def __hash__(self): return hash(({mine}))\n"
        )
        made: dict[str, Any] = {}
        exec(source, made)
        for name in ("__init__", "__eq__", "__hash__"):
            # a class body that defines __eq__ alone gets __hash__ = None, which is meant: it stays
            if name not in cls.__dict__:
                made[name].__qualname__ = f"{cls.__qualname__}.{name}"
                setattr(cls, name, made[name])

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"
