"""Words as the index keeps them and as they are asked for, whatever letters they are made of."""

import re
from typing import Final

_UNSPACED: Final = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
"""Letters of scripts that are written without spaces: each becomes a word, so that a part of a text is found."""


def spaced(text: str) -> str:
    """The text with a space around each letter of a script that has none."""
    return _UNSPACED.sub(r" \1 ", text)


def match(columns: str, text: str) -> str:
    """An FTS5 expression: the columns hold these words in a row, the last perhaps only begun.

    Whatever the text holds, it is words and never an operator.
    """
    quoted = spaced(text).replace('"', '""')
    return f'{{{columns}}} : "{quoted}" *'


def has_words(text: str) -> bool:
    """Whether the index can hold any of it: letters and digits, no signs."""
    return any(letter.isalnum() for letter in text)
