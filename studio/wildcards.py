"""Words drawn by lot, before anything reads the prompt.

    a {red|navy|teal} star      one of the three
    a {big {red|blue}|small} star   they may stand in each other
    a __colour__ star           a line of colour.txt in the folder of wildcards, whose lines may hold wildcards

Braces without a bar, or without a partner, are plain text; so is what a backslash stands before. In a file, empty
lines and those that begin with # do not count.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from studio.errors import InputError, reason
from studio.untrusted.files import is_file, named_in_text, read_file, resolved, walk_files

MOST: Final = 500
"""Draws in one prompt."""
_LINES, _LETTERS, _DEEPEST, _BYTES = 10_000, 10_000, 50, 4 * 2**20
_MARK = re.compile(r"\\.|[{}|]", re.DOTALL)
_FILE = re.compile(r"\\.|__(?=[^\W_])((?:(?!__)[\w/-])+)__", re.DOTALL)

Lists = Mapping[str, tuple[str, ...]]
"""The lines of each wildcard file, by its name."""


def first(text: str) -> str:
    """The first wildcard in a text, as written; empty where there is none."""
    braces = min((brace for brace in _braces(text) if brace.bars), default=None)
    if braces:
        return text[braces.start : braces.end + 1]
    return next((f"__{name}__" for name in _names(text)), "")


def parted(text: str, mark: str) -> list[str]:
    """The text parted at each ``mark`` that stands in no braces."""
    enclosed = {at for brace in _outermost(text) for at in range(brace.start, brace.end)}
    cuts = [at for at, letter in enumerate(text) if letter == mark and at not in enclosed]
    return [text[a + 1 : b] for a, b in zip([-1, *cuts], [*cuts, len(text)], strict=True)]


def load(folder: Path, texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The files that the texts name, and those that their lines name.

    Raises InputError for a name without a file, or where they hold over 10,000 lines.
    """
    found: dict[str, tuple[str, ...]] = {}
    wanted = [name for text in texts for name in _names(text)]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _lines(folder, name)
            wanted += [other for line in found[name] for other in _names(line)]
        if sum(map(len, found.values())) > _LINES:
            raise InputError(f"the wildcards of this prompt hold over {_LINES:,} lines; shorten '{name}.txt'")
    return found


def _lines(folder: Path, name: str) -> tuple[str, ...]:
    file = folder / f"{name}.txt"
    if not is_file(file) or not resolved(file).is_relative_to(resolved(folder)):
        known = sorted(_known(folder))
        raise InputError(
            f"there is no wildcard '{name}' (there are {', '.join(known[:20]) or 'none'}); put {name}.txt into the "
            f"folder that STUDIO_WILDCARDS names, or write \\__{name}__ for plain text"
        )
    try:
        lines = [line.strip() for line in read_file(file, _BYTES).decode("utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        said = reason(error)
        raise InputError(f"the wildcard file '{name}.txt' cannot be read ({said}); save it as UTF-8 text") from None
    if not (kept := tuple(line for line in lines if line and not line.startswith("#"))):
        raise InputError(f"the wildcard file '{name}.txt' holds no line to draw; write one, or take __{name}__ out")
    return kept


def _known(folder: Path) -> Iterator[str]:
    """The names of the wildcards that there are."""
    for file in walk_files(folder):
        if file.suffix == ".txt" and named_in_text(file):
            yield file.relative_to(folder).with_suffix("").as_posix()


def expanded(text: str, lists: Lists, seed: str) -> str:
    """The text with each wildcard drawn; the same seed draws the same. Files not in ``lists`` stay as written.

    Raises InputError after 500 draws, over 10,000 letters, or where files name each other in a circle.
    """
    drawn = _Draw(lists, Random(f"wildcards {seed}")).of(text, ())
    if len(drawn) > max(_LETTERS, len(text)):
        raise InputError(f"the prompt grows over {_LETTERS:,} letters with its wildcards; shorten their lines")
    return drawn


@dataclass
class _Draw:
    lists: Lists
    random: Random
    count: int = field(default=0)

    def of(self, text: str, within: tuple[str, ...]) -> str:
        """``within`` names the files and braces that the text comes from."""
        if len(within) > _DEEPEST:
            raise InputError(f"the prompt's wildcards are nested over {_DEEPEST} deep; take some out")
        made, at = "", 0
        for brace in _outermost(text):
            made += self._files(text[at : brace.start], within) + self._brace(text, brace, (*within, "{"))
            at = brace.end + 1
        return made + self._files(text[at:], within)

    def _brace(self, text: str, brace: "_Brace", within: tuple[str, ...]) -> str:
        edges = [brace.start, *brace.bars, brace.end]
        options = [text[a + 1 : b] for a, b in pairwise(edges)]
        if len(options) < 2:
            return "{" + self.of(options[0], within) + "}"
        return self.of(self._one(options), within)

    def _files(self, text: str, within: tuple[str, ...]) -> str:
        return _FILE.sub(lambda found: self._line(found, within), text)

    def _line(self, found: re.Match[str], within: tuple[str, ...]) -> str:
        name = found[1]
        if name not in self.lists:  # an escape, or nothing that was loaded
            return found[0]
        if name in within:
            raise InputError(f"the wildcard '{name}' names itself, by way of {' > '.join((*within, name))}")
        return self.of(self._one(self.lists[name]), (*within, name))

    def _one(self, options: Sequence[str]) -> str:
        self.count += 1
        if self.count > MOST:
            raise InputError(f"the prompt draws over {MOST} wildcards; take some out")
        return self.random.choice(options)


def _names(text: str) -> Iterator[str]:
    return (found[1] for found in _FILE.finditer(text) if found[1])


class _Brace(NamedTuple):
    """Where a brace that has a partner opens and closes, and the bars that stand in it and no further one."""

    start: int
    end: int
    bars: tuple[int, ...]


def _braces(text: str) -> Iterator[_Brace]:
    opened: list[tuple[int, list[int]]] = []
    for found in _MARK.finditer(text):
        if found[0] == "{":
            opened.append((found.start(), []))
        elif found[0] == "|" and opened:
            opened[-1][1].append(found.start())
        elif found[0] == "}" and opened:
            start, bars = opened.pop()
            yield _Brace(start, found.start(), tuple(bars))


def _outermost(text: str) -> Iterator[_Brace]:
    last = -1
    for brace in sorted(_braces(text)):
        if brace.start > last:
            last = brace.end
            yield brace
