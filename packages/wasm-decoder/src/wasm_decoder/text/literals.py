"""How the printer writes names and strings."""

import re

_PLAIN_IDENTIFIER = re.compile(r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]+")


def identifier(name: str) -> str:
    """An identifier with that name, in quotes where it needs them."""
    return "$" + (name if _PLAIN_IDENTIFIER.fullmatch(name) else string(name))


_ESCAPES = {0x09: "\\t", 0x0A: "\\n", 0x22: '\\"', 0x5C: "\\\\"}
_ASCII = [_ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:02x}") for byte in range(256)]


def string(content: str | bytes) -> str:
    """A string literal: bytes in ASCII, text in all characters that can be printed."""
    if isinstance(content, bytes):
        return '"' + "".join([_ASCII[byte] for byte in content]) + '"'
    chars = [_ASCII[ord(c)] if c < "\x80" else c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in content]
    return '"' + "".join(chars) + '"'
