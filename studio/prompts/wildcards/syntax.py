"""The syntax of wildcards: braces, variables, and file names between double underscores."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from studio.errors import InputError

Line = str | tuple[float, str]
"""A line of a wildcard file, or an option in braces; with its weight where it has one."""
Lists = Mapping[str, tuple[Line, ...]]
"""The lines of each wildcard file, by its name."""

_MARK: Final = re.compile(r"\\.|[{}|]", re.DOTALL)
_IN_NAME: Final = r"""(?!__)[^\\(){}<>|$#:;,"=!@~\n\t]"""
REFERENCE: Final = re.compile(
    r"\\.|__([~@!]?)"
    rf"((?=[^\W_]|[*?\[]|[^\x00-\x7f])(?:{_IN_NAME}){{1,200}})(?<!\s)"  # the name
    r"(?:\(([^(){}]*)\))?__"  # values for its variables
    r"|(__(?![\s_])(?:(?!__)[^\\{}<>|\n]){0,100}\{[^{}]*\}(?:(?!__)[^\\{}<>|\n]){0,100}__)",  # wildcards in a name
    re.DOTALL,
)
_TAG: Final = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>")
_METHOD: Final = re.compile(r"\s*([~@!])")
_BOUNDS: Final = re.compile(r"\s*[~@!]?(\d+-\d+|-\d+|\d+-|\d+)\$\$(?:([^${}]+)\$\$)?")
_WEIGHT: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)::")
_VARIABLE: Final = re.compile(
    r"\s*(?P<name>[A-Za-z_-][\w-]*)\s*(?:(?P<keep>\?)?=(?P<once>!)?\s*(?P<value>.*)|:\s*(?P<default>.*))?", re.DOTALL
)
_LARGEST: Final = 10**6  # longer than any list


class WildcardReference(NamedTuple):
    """A reference to a file, with the values of its variables.

    ``in_lora``: within <lora:…>, where double underscores can be part of the LoRA's own name.
    """

    name: str
    parameters: str
    in_lora: bool

    @classmethod
    def of(cls, found: re.Match[str], tags: Sequence[tuple[int, int]] = ()) -> "WildcardReference":
        """The reference of a match of ``REFERENCE``.

        Raises InputError for a name that contains wildcards, and for a sampling method that the studio does not
        support.
        """
        if found[4]:
            raise InputError(
                f"'{found[0]}' is a wildcard with wildcards in its name, which is not supported; "
                "write {__one__|__other__}, or \\__ for plain text"
            )
        _refuse_method(found[1], found[0])
        return cls(found[2], found[3] or "", any(start < found.start() < end for start, end in tags))

    def variables(self) -> dict[str, str]:
        """The values by the variables' names."""
        pairs = (pair.partition("=") for pair in self.parameters.split(",") if pair.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}


class Brace(NamedTuple):
    """The positions of a pair of braces, and of the bars directly within it."""

    start: int
    end: int
    bars: tuple[int, ...]


class Variable(NamedTuple):
    """``${name}``, ``${name:default}`` or, where there is a ``value``, ``${name=value}``.

    ``once``: the value is drawn once, not at each use. ``keep``: a value that the variable has already stays.
    """

    name: str
    value: str | None
    default: str | None
    once: bool
    keep: bool


class WildcardChoice(NamedTuple):
    """The content of braces: ``least`` to ``most`` of the options are drawn and joined by the separator."""

    options: tuple[Line, ...]
    least: int = 1
    most: int = 1
    separator: str = ","


def first(text: str) -> str:
    """The first wildcard in a text, as written; empty where there is none."""
    drawn = (brace for brace in _braces(text) if _is_variable(text, brace) or _is_drawn(text, brace))
    if brace := min(drawn, default=None):
        return text[brace.start - _is_variable(text, brace) : brace.end + 1]
    return next((found[0] for found in found_in(text)), "")


def parted(text: str, mark: str) -> list[str]:
    """The text split at each ``mark`` outside of braces."""
    enclosed = {at for brace in outermost(text) for at in range(brace.start, brace.end)}
    cuts = [at for at, letter in enumerate(text) if letter == mark and at not in enclosed]
    return [text[a + 1 : b] for a, b in zip([-1, *cuts], [*cuts, len(text)], strict=True)]


def found_in(text: str) -> Iterator[re.Match[str]]:
    """The matches of file references in a text."""
    return (found for found in REFERENCE.finditer(text) if found[2] or found[4])


def references(text: str) -> Iterator[WildcardReference]:
    """All file references in a text, also in the values of others' variables; raises InputError as
    ``WildcardReference.of``.
    """
    tags = [tag.span() for tag in _TAG.finditer(text)]
    for found in found_in(text):
        reference = WildcardReference.of(found, tags)
        yield reference
        yield from references(reference.parameters)


def outermost(text: str) -> Iterator[Brace]:
    """The braces that are not within others."""
    last = -1
    for brace in sorted(_braces(text)):
        if brace.start > last:
            last = brace.end
            yield brace


def variable(text: str, brace: Brace) -> Variable | None:
    """The variable that braces after a "$" set or use; None where they are something else.

    Raises InputError where its value has bars outside of braces.
    """
    found = _VARIABLE.fullmatch(_inside(text, brace)) if _is_variable(text, brace) else None
    if found is None:
        return None
    if brace.bars:
        raise InputError(
            f"the options of '${_shown(text, brace)}' need braces of their own: ${{{found['name']}={{a|b}}}}"
        )
    return Variable(found["name"], found["value"], found["default"], bool(found["once"]), bool(found["keep"]))


def choice(text: str, brace: Brace) -> WildcardChoice | None:
    """The options that braces draw from; None where they are plain text.

    Raises InputError for syntax of sd-dynamic-prompts that the studio does not support, and where all weights are zero.
    """
    if not _is_drawn(text, brace):
        return None
    whole, inside = _shown(text, brace), _inside(text, brace)
    if _is_wrap(text, brace):
        raise InputError(f"'%{whole}' wraps text, which is not supported; write it out")
    bounds, method = _BOUNDS.match(inside), _METHOD.match(inside)
    _refuse_method(method[1] if method else "", whole)
    begin = bounds.end() if bounds else method.end() if method else 0
    options = tuple(weighted(option) for option in _options(text, brace, brace.start + 1 + begin))
    if not any(map(weight, options)):
        raise InputError(f"all weights in '{whole}' are 0, so nothing can be drawn; give one of them more")
    if not bounds:
        return WildcardChoice(options)
    low, dash, high = bounds[1].partition("-")
    least, most = sorted((_count(low, 1), _count(high, _LARGEST) if dash else _count(low, 1)))
    return WildcardChoice(tuple(map(_stripped, options)), least, most, bounds[2] or ",")


def words(line: Line) -> str:
    """The text of a line."""
    return line if isinstance(line, str) else line[1]


def weight(line: Line) -> float:
    """How often it is drawn, relative to 1."""
    return 1.0 if isinstance(line, str) else line[0]


def weighted(option: str) -> Line:
    """An option, with its weight if it has one: "3::red"."""
    found = _WEIGHT.match(option)
    return (float(found[1]), option[found.end() :]) if found else option


def _options(text: str, brace: Brace, begin: int) -> list[str]:
    edges = [begin - 1, *(bar for bar in brace.bars if bar >= begin), brace.end]
    return [text[a + 1 : b] for a, b in pairwise(edges)]


def _stripped(option: Line) -> Line:
    return option.strip() if isinstance(option, str) else (option[0], option[1].strip())


def _count(digits: str, otherwise: int) -> int:
    return int(digits) if 0 < len(digits) < 7 else _LARGEST if digits else otherwise


def _refuse_method(method: str, whole: str) -> None:
    if method in ("@", "!"):
        how = "in turn" if method == "@" else "in every combination"
        raise InputError(f"'{whole}' is drawn {how}, which is not supported; remove the '{method}', or use a grid")


def _is_drawn(text: str, brace: Brace) -> bool:
    inside = _inside(text, brace)
    drawn = brace.bars or _BOUNDS.match(inside) or _WEIGHT.match(inside) or _is_wrap(text, brace)
    return bool(drawn) and not _is_variable(text, brace)


def _is_variable(text: str, brace: Brace) -> bool:
    found = _VARIABLE.fullmatch(_inside(text, brace)) if _before(text, brace) == "$" else None
    return found is not None and (not brace.bars or found["value"] is not None)


def _is_wrap(text: str, brace: Brace) -> bool:
    return _before(text, brace) == "%" and not brace.bars and "$$" in _inside(text, brace)


def _before(text: str, brace: Brace) -> str:
    return text[brace.start - 1 : brace.start]


def _shown(text: str, brace: Brace) -> str:
    """The braces as a message shows them."""
    whole = text[brace.start : brace.end + 1]
    return whole if len(whole) <= 80 else f"{whole[:80]}…"


def _inside(text: str, brace: Brace) -> str:
    return text[brace.start + 1 : brace.end]


def _braces(text: str) -> Iterator[Brace]:
    opened: list[tuple[int, list[int]]] = []
    for found in _MARK.finditer(text):
        if found[0] == "{":
            opened.append((found.start(), []))
        elif found[0] == "|" and opened:
            opened[-1][1].append(found.start())
        elif found[0] == "}" and opened:
            start, bars = opened.pop()
            yield Brace(start, found.start(), tuple(bars))
