"""Text of strangers, made harmless for a terminal and a log: events may hold sequences that command a terminal.

Escape sequences can rename a window, hide what follows, or write into the clipboard; a carriage return or a line end
forges a line of a log; marks of direction show text in another order than it has.
"""

import re
from typing import Final

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All but tab and line end."""

_LAST_C0: Final = 0x1F
_DELETE: Final = 0x7F


def harmless(text: str) -> str:
    """The same text with a visible sign in the place of each control character, as wide as one character."""
    return _CONTROLS.sub(_sign, text)


def harmless_line(text: str) -> str:
    """The same for a line of a log: what follows a line end is indented, so that it cannot pass for a line."""
    return harmless(text).replace("\n", "\n    ")


def harmless_json(text: str) -> str:
    """JSON with those control characters escaped that JSON lets stand; it says the same."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= _LAST_C0:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == _DELETE else "\N{REPLACEMENT CHARACTER}"
