"""Which modules are valid (specification, chapter "Validation").

Messages begin with the words of the official suites and go on with what was expected and found.  Where the suites of
two versions disagree the features decide: before garbage collection an assignment to a constant global is called
"global is immutable", since then "immutable global".  The size of a memory is complained about in the words of 1.0 and
2.0, which those of 3.0 are the beginning of.

Limits of this implementation (specification, appendix "Implementation Limitations"): 50 000 locals, 1 048 576 operands
on the stack of a function, 63 supertypes above one another.  There is none on the nesting of blocks.
"""

from ..errors import ValidationError
from ..features import Features
from ..syntax.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .context import Context

    class Digests(Protocol):
        """Where digests of valid modules are remembered: a set will do."""

        def __contains__(self, digest: object, /) -> bool: ...

        def add(self, digest: bytes, /) -> object: ...


#: The digests of modules that were found valid in this process.
VALIDATED: "Digests" = set()

#: Counts up when the validator accepts other modules than before: a part of every digest.
_REVISION = 1


def validate(module: Module, features: Features = Features.CORE_3_0, *, bodies: bool = True) -> None:
    """Check that a module is valid.

    Args:
        module: a module, decoded or parsed.
        features: what it may use.
        bodies: whether to look into function bodies; if not, ``validate_func`` does so for one at a time.

    Raises:
        ValidationError: the module is not valid; says where and what was expected.
        DecodeError: a function body is malformed, whether or not it is invalid as well.
    """
    from .module import check_module

    context = _context(module, features)
    check_module(context)
    if bodies:
        from .code import check_body

        for index in range(len(module.funcs)):
            check_body(context, index)


def validate_func(module: Module, index: int, features: Features = Features.CORE_3_0) -> None:
    """Check one function body of a module that ``validate(module, features, bodies=False)`` has accepted.

    Args:
        module: the module.
        index: the index in ``module.funcs``, which does not count imports.
        features: as for ``validate``.

    Raises:
        ValidationError: the body is not valid.
        DecodeError: it is malformed.
    """
    from .code import check_body

    check_body(_context(module, features), index)


def validate_once(
    module: Module, features: Features = Features.CORE_3_0, *, validated: "Digests | None" = None
) -> None:
    """As ``validate``, but skip what was found valid before.

    Args:
        module: the module; one that was not decoded from bytes is validated each time.
        features: what it may use.
        validated: where the digests of valid modules are kept, ``VALIDATED`` by default.  Whoever wants to remember
            them for longer than the process gives an object with ``in`` and ``add`` over a store of its own.

    Raises:
        ValidationError, DecodeError: as ``validate``.
    """
    if module.binary is None:
        validate(module, features)
        return
    known = VALIDATED if validated is None else validated
    key = digest(module.binary, features)
    if key not in known:
        validate(module, features)
        known.add(key)


def digest(binary: bytes, features: Features) -> bytes:
    """What a valid module is remembered by: 32 bytes that depend on its bytes, the features and this validator."""
    from hashlib import sha256

    result = sha256(b"%d %d " % (_REVISION, int(features)))
    result.update(binary)
    return result.digest()


def _context(module: Module, features: Features) -> "Context":
    """The module's context, made once for each set of features."""

    def make() -> "Context":
        from .context import Context
        from .module import check_types

        check_types(module, features)
        return Context(module, features)

    return module._derived(f"context {int(features)}", make)


__all__ = ["VALIDATED", "ValidationError", "digest", "validate", "validate_func", "validate_once"]
