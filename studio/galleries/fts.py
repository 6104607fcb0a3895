"""Full-text search: words as the index stores them and as queries match them, in any script."""

import re
from typing import Final

_UNSPACED: Final = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
"""Letters of scripts without spaces: each becomes a word, so that any part of a text can be found."""


def spaced(text: str) -> str:
    """The text with spaces around each letter of a script without spaces."""
    return _UNSPACED.sub(r" \1 ", text)


def match(columns: str, text: str) -> str:
    """An FTS5 expression: one of the columns contains these words in sequence, the last one as a prefix.

    Whatever the text contains is taken as words, never as an operator.
    """
    quoted = spaced(text).replace('"', '""')
    return f'{{{columns}}} : "{quoted}" *'


def has_words(text: str) -> bool:
    """Whether the index can match any of it: letters and digits, not symbols."""
    return any(letter.isalnum() for letter in text)
