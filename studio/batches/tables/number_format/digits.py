"""Numbers in a number format: decimal places, thousands, exponents and fractions."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import takewhile
from typing import Final

from studio.batches.tables.number_format.code import Section, Token

_EMPTY: Final = {"0": "0", "?": " ", "#": ""}
"""What is shown at a place without a digit."""
_FRACTION: Final = re.compile(r"(?:(?P<whole>[0#?]+) )?(?P<over>[0#?]+) ?/ ?(?P<under>\d+|[0#?]+)")


def shown(value: Decimal, section: Section) -> str:
    """A number that is not negative as the section shows it; raises ValueError if that is not known."""
    value = value.scaleb(2 * section.count("percent"))
    if section.has("general") or not section.has("digit"):
        return "".join(general(value) if token.kind == "general" else token.text for token in section.tokens)
    if Token("literal", "/") in section.tokens:
        return _fraction(value, section)
    return _scientific(value, section) if section.has("exponent") else _fixed(value, section)


def general(value: Decimal) -> str:
    """All digits of a number, as in the format General of a column that is wide enough."""
    return f"{float(value):.15g}".replace("e", "E")


def _fixed(value: Decimal, section: Section) -> str:
    """Digits around a decimal point, with everything between them."""
    before, after = _parted(section.tokens)
    places = sum(token.kind == "digit" for token in after)
    thousands = _commas_behind(before) + _commas_behind(after)
    grouped = sum(token.kind == "comma" for token in before) > _commas_behind(before)
    whole, _, rest = f"{_rounded(value.scaleb(-3 * thousands), places):f}".partition(".")
    return _whole(whole.lstrip("0"), before, grouped) + _decimals(rest, after)


def _parted(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """The tokens before the decimal point, and from there on."""
    at = next((n for n, token in enumerate(tokens) if token.kind == "point"), len(tokens))
    return tokens[:at], tokens[at:]


def _commas_behind(tokens: Sequence[Token]) -> int:
    """The commas right behind the last digit, each of which divides by a thousand."""
    last = max((n for n, token in enumerate(tokens) if token.kind == "digit"), default=len(tokens))
    return len(list(takewhile(lambda token: token.kind == "comma", tokens[last + 1 :])))


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _whole(digits: str, tokens: Sequence[Token], grouped: bool) -> str:
    """Digits put to their places from the right; the leftmost place takes all that are left."""
    places, made = sum(token.kind == "digit" for token in tokens), list[str]()
    put = 0
    for token in reversed(tokens):
        if token.kind != "digit":
            made.append("" if token.kind == "comma" else token.text)
            continue
        places -= 1
        for digit in _taken(digits, put, token.text, last=places == 0):
            made.append("," if grouped and put and put % 3 == 0 and digit != " " else "")
            made.append(digit)
            put += 1
    return "".join(reversed(made))


def _taken(digits: str, put: int, place: str, *, last: bool) -> str:
    """The digit for a place from the right, of which ``put`` are used; or what is shown when none is left."""
    left = digits[: len(digits) - put] if put < len(digits) else ""
    if left:
        return left[::-1] if last else left[-1]
    return _EMPTY[place]


def _decimals(digits: str, tokens: Sequence[Token]) -> str:
    kept = len(digits.rstrip("0"))
    made, at = "", 0
    for token in tokens:
        if token.kind == "digit":
            made += digits[at] if at < kept else _EMPTY[token.text]
            at += 1
        else:
            made += "" if token.kind == "comma" else token.text
    return made


def _scientific(value: Decimal, section: Section) -> str:
    at = next(n for n, token in enumerate(section.tokens) if token.kind == "exponent")
    mantissa, tail = section.tokens[:at], section.tokens[at + 1 :]
    before, after = _parted(mantissa)
    period = max(1, sum(token.kind == "digit" for token in before))
    places = sum(token.kind == "digit" for token in after)
    power = value.adjusted() // period * period if value else 0
    shown = _rounded(value.scaleb(-power), places)
    if shown >= Decimal(10) ** period:
        power, shown = power + period, _rounded(value.scaleb(-power - period), places)
    whole, _, rest = f"{shown:f}".partition(".")
    sign = "-" if power < 0 else section.tokens[at].text[1].replace("-", "")
    exponent = _whole(str(abs(power)).lstrip("0"), tail, grouped=False)
    return f"{_whole(whole.lstrip('0'), before, grouped=False)}{_decimals(rest, after)}E{sign}{exponent}"


def _fraction(value: Decimal, section: Section) -> str:
    """A whole number and a fraction whose denominator is fixed or has as many digits as there are places."""
    text = "".join(token.text for token in section.tokens)
    pattern = _FRACTION.search(text)
    words = "".join(token.text for token in section.tokens if token.kind == "quoted")
    if pattern is None or section.has("point", "comma", "percent", "exponent") or re.search("[0-9#?/]", words):
        raise ValueError("it is no fraction as the studio knows them")
    whole, exact = (int(value), Fraction(value) - int(value)) if pattern["whole"] else (0, Fraction(value))
    under = pattern["under"]
    found = _over(exact, int(under)) if re.search("[1-9]", under) else _nearest(exact, 10 ** len(under) - 1)
    if pattern["whole"] and found[0] == found[1]:
        whole, found = whole + 1, (0, 1)
    if pattern["whole"] and not found[0]:
        shown = str(whole)
    else:
        before = f"{whole or ('0' if '0' in pattern['whole'] else '')} " if pattern["whole"] else ""
        shown = f"{before}{found[0]:>{len(pattern['over'])}}/{found[1]:<{len(under)}}"
    return text[: pattern.start()] + shown + text[pattern.end() :]


def _over(exact: Fraction, under: int) -> tuple[int, int]:
    return int(exact * under + Fraction(1, 2)), under


def _nearest(exact: Fraction, most: int) -> tuple[int, int]:
    """The nearest fraction with at most this denominator, if it is a convergent of the continued fraction too.

    Otherwise spreadsheets differ.
    """
    nearest, before, now, rest = exact.limit_denominator(most), (1, 0), (int(exact), 1), exact - int(exact)
    while (now[0], now[1]) != (nearest.numerator, nearest.denominator):
        if not rest or now[1] > most:
            raise ValueError("this number has no one nearest fraction")
        turn, rest = int(1 / rest), 1 / rest - int(1 / rest)
        before, now = now, (turn * now[0] + before[0], turn * now[1] + before[1])
    return nearest.numerator, nearest.denominator
