"""File names from a small template: "{workflow}-{item}-{seed}-{n}".

Only the fields below are known. Their values are reduced to letters with their marks, digits, emoji and dashes, so no
value can leave the output folder. "{item}" distinguishes the pictures of a set: the picture's values of the inputs that
take a list, and nothing if there are none.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import regex

from studio.errors import InputError
from studio.plugins import unknown
from studio.workflow.job import Job

Name = str | PurePosixPath
"""A template; or, for a job of one picture, the exact path of the file below the output folder."""

DEFAULT: Final = "{workflow}-{item}-{seed}-{n}"
_FIELDS: Final = ("workflow", "item", "seed", "n", "prompt", "model")
_FIELD = re.compile(r"\{([^{}]*)\}")
_LONGEST, _MOST_BYTES = 120, 240  # file systems end at 255 bytes
_WORDS: Final = regex.compile(  # letters with their marks and joiners, digits of all kinds, emoji
    r"[\w\p{N}\p{Emoji_Presentation}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\U000E0020-\U000E007F]+"
)
_JOINERS: Final = "\u200c\u200d"
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])\s*(\..*)?", re.IGNORECASE)  # in Windows


def check(template: str, fields: Collection[str] = _FIELDS) -> str:
    """The template, if it can name files.

    Raises InputError for an unknown field, a bare brace, or anything that could lead out of the folder.
    """
    for field in _FIELD.findall(template):
        if field not in fields:
            raise InputError(f"in the name '{template}', {unknown('field', field, fields)}")
    rest = _FIELD.sub("x", template)
    if not rest or not regex.fullmatch(r"[\w .,()+=@#-]+", rest) or rest.startswith(".") or len(template) > 200:
        known = ", ".join(f"{{{field}}}" for field in fields)
        raise InputError(f"'{template}' cannot name a file; use letters, digits, dashes and {known}")
    return template


def fill(template: str, values: Mapping[str, str], otherwise: str) -> str:
    """A checked template filled with its fields' values; ``otherwise`` if the result cannot name a file."""
    item = values.get("item", "")
    named = template if item else re.sub(r"[-_ ]\{item\}(?![-_ ])|\{item\}[-_ ]?", "", template)
    name = _cut(_FIELD.sub(lambda match: _slug(values[match[1]]), named)).strip(". ")
    return otherwise if not name or _RESERVED.fullmatch(name) else name


def stem(template: str, job: Job, n: int) -> str:
    """The file name without ending for picture ``n`` (from 1), made by this job."""
    model = next(iter(job.models()), "")
    values = {
        "workflow": job.workflow,
        "seed": str(job.seed),
        "n": str(n),
        "prompt": str(job.value("prompt") or ""),
        "model": Path(model).name,
    }
    item = " ".join(str(job.value(name)) for name in job.lists())
    return fill(check(template), values | {"item": item}, f"picture-{n}")


def _cut(name: str) -> str:
    """The beginning that fits into a file name, in whole letters with all their marks."""
    graphemes = regex.findall(r"\X", name)[:_LONGEST]
    while len("".join(graphemes).encode()) > _MOST_BYTES:
        graphemes.pop()
    return "".join(graphemes)


def _slug(text: str) -> str:
    """Letters and digits of any script with their marks, and emoji, joined by dashes; at most 60 of them."""
    words = _WORDS.findall(unicodedata.normalize("NFC", text).replace("_", "-"))
    graphemes = regex.findall(r"\X", "-".join(words))[:60]
    return "".join(graphemes).strip(f"-{_JOINERS}") or "none"
