"""Makes text from outside safe to print: file names, prompts and metadata may hold control characters.

Escape sequences recolour, retitle or rewrite a terminal, direction marks disguise a name, and lone surrogates cannot be
encoded. Each is shown as JSON would write it, ``\\u001b``, so a line of JSON stays one line with the same meaning.
"""

import json
import re
import unicodedata
from typing import Final

_CONTROL_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS: Final = "\u200c\u200d"  # part of Persian words, and of emoji
_PLAIN: Final = re.compile(r"[ -~]*")


def printable(text: str) -> str:
    """The text with controls, line breaks, direction marks and lone surrogates escaped."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if unicodedata.category(letter) in _CONTROL_CATEGORIES and letter not in _JOINERS:
        return json.dumps(letter)[1:-1]
    return letter
