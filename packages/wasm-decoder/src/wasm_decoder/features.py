"""Which parts of WebAssembly are accepted: one bit for each proposal, one set for each version of the specification."""

_NAMES: "list[str]" = []


class Features(int):
    """A set of language features; combine with ``|``, remove with ``-``, test with ``in``.

    Each proposal that reached the specification after version 1.0, or is on its way there, is one feature.
    ``CORE_1_0``, ``CORE_2_0`` and ``CORE_3_0`` are what each version of the specification holds, ``ALL`` is everything
    that is known, proposals included.
    """

    __slots__ = ()

    NONE: "Features"
    SIGN_EXTENSION: "Features"
    SATURATING_FLOAT_TO_INT: "Features"
    MULTI_VALUE: "Features"
    REFERENCE_TYPES: "Features"
    BULK_MEMORY: "Features"
    SIMD: "Features"
    TAIL_CALL: "Features"
    EXTENDED_CONST: "Features"
    FUNCTION_REFERENCES: "Features"
    GC: "Features"
    EXCEPTIONS: "Features"
    MULTI_MEMORY: "Features"
    MEMORY64: "Features"
    RELAXED_SIMD: "Features"
    CUSTOM_ANNOTATIONS: "Features"
    THREADS: "Features"
    CUSTOM_PAGE_SIZES: "Features"
    WIDE_ARITHMETIC: "Features"
    CORE_1_0: "Features"
    CORE_2_0: "Features"
    CORE_3_0: "Features"
    ALL: "Features"

    def __or__(self, other: int) -> "Features":
        return Features(int(self) | int(other))

    def __and__(self, other: int) -> "Features":
        return Features(int(self) & int(other))

    def __sub__(self, other: int) -> "Features":
        return Features(int(self) & ~int(other))

    def __contains__(self, other: int) -> bool:
        return int(self) & int(other) == int(other)

    def __repr__(self) -> str:
        """The names of the features in the set, joined with ``|``; ``NONE`` for the empty set."""
        return "|".join(name for i, name in enumerate(_NAMES) if int(self) >> i & 1) or "NONE"


def _define() -> None:
    Features.NONE = Features(0)
    single = [name for name in Features.__annotations__ if not name.startswith("CORE_") and name not in ("NONE", "ALL")]
    for i, name in enumerate(single):
        _NAMES.append(name)
        setattr(Features, name, Features(1 << i))
    after = _NAMES.index
    # 2.0 ends with SIMD, 3.0 with the custom annotations; what follows is still a proposal
    Features.CORE_1_0 = Features.NONE
    Features.CORE_2_0 = Features((1 << after("SIMD") + 1) - 1)
    Features.CORE_3_0 = Features((1 << after("CUSTOM_ANNOTATIONS") + 1) - 1)
    Features.ALL = Features((1 << len(_NAMES)) - 1)


_define()
