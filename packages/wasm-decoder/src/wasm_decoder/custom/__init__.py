"""What well-known custom sections hold (specification, appendix "Custom Sections and Annotations"; tool conventions).

Every reader here takes what it can read: a custom section is never a reason to refuse a module.
"""

from ..syntax.module import Custom, Module


def find(module: Module, name: str) -> Custom | None:
    """The first custom section with that name, None if there is none."""
    return next((custom for custom in module.customs if custom.name == name), None)
