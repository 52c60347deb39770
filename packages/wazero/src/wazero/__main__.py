"""``python -m wazero`` is the command ``wazero``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
