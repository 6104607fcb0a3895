"""Other people's text on a terminal: names of files, prompts and metadata may hold what steers it.

Escape sequences recolour, retitle or rewrite a terminal, controls of writing direction show a name as another, and
halves of letters cannot be written at all. Each is shown as JSON would write it, ``\\u001b``, so that a line of JSON
stays one and means the same.
"""

import json
import re
import unicodedata
from typing import Final

_STEERING: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS: Final = "\u200c\u200d"  # part of Persian words, and of emoji
_PLAIN: Final = re.compile(r"[ -~]*")


def printable(text: str) -> str:
    """The text with controls, line breaks, marks of direction and halves of letters written out."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if unicodedata.category(letter) in _STEERING and letter not in _JOINERS:
        return json.dumps(letter)[1:-1]
    return letter
