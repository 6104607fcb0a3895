"""Dates, times and durations in a number format."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from studio.batches.tables.number_format.code import Section

Moment = date | time | timedelta
"""The value of a cell with a date format."""

_FIRST_DAY: Final = datetime(1899, 12, 30)
_TRUE_DAYS: Final = datetime(1900, 3, 1)  # Excel has a 29 February 1900, and a day 0 of that January
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def shown(value: Moment, section: Section) -> str:
    """The moment as the section shows it; raises ValueError if that is not known."""
    if not section.has("moment", "elapsed"):
        raise ValueError("the cell holds a date or a time, and its format is one of numbers")
    if section.has("digit") and not section.has("point"):
        raise ValueError("it puts digits beside dates")
    since = _since(value)
    if since < timedelta():
        raise ValueError("a time before the year 1900 is shown as ####")
    ticks = since // timedelta(microseconds=1)
    if any(token.text[0] == "s" for token in section.tokens if token.kind in ("moment", "elapsed")):
        unit = 10 ** max(0, 6 - section.count("digit"))
        ticks = (ticks + unit // 2) // unit * unit
    return "".join(_ClockTime(_FIRST_DAY + timedelta(microseconds=ticks), ticks, section).pieces())


def _since(value: Moment) -> timedelta:
    """How long after the first day that Excel knows."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, time):
        return datetime.combine(_FIRST_DAY, value) - _FIRST_DAY
    return (value if isinstance(value, datetime) else datetime.combine(value, time())) - _FIRST_DAY


@dataclass(frozen=True)
class _ClockTime:
    """A moment as a section shows it; ``ticks`` are microseconds."""

    at: datetime
    ticks: int
    section: Section

    def pieces(self) -> Iterator[str]:
        tokens, decimals = self.section.tokens, f"{self.ticks % 10**6:06d}"
        for n, token in enumerate(tokens):
            if token.kind == "moment":
                yield self._minutes(token.text) if self._are_minutes(n) else self._piece(token.text)
            elif token.kind == "elapsed":
                unit = {"h": 3600, "m": 60, "s": 1}[token.text[0]] * 10**6
                yield f"{self.ticks // unit:0{len(token.text)}d}"
            elif token.kind == "half":
                half = token.text[: 2 if len(token.text) == 5 else 1] if self.at.hour < 12 else token.text.split("/")[1]
                yield half.upper() if len(token.text) == 5 else half
            elif token.kind == "digit":
                yield decimals[:1]
                decimals = decimals[1:]
            else:
                yield token.text

    def _are_minutes(self, n: int) -> bool:
        """Whether an "m" stands for minutes: next to hours before it, or to seconds after it."""
        tokens = self.section.tokens
        units = [(at, token.text[0]) for at, token in enumerate(tokens) if token.kind in ("moment", "elapsed")]
        where = units.index((n, tokens[n].text[0]))
        before, after = units[where - 1][1] if where else "", units[where + 1][1] if where + 1 < len(units) else ""
        return tokens[n].text in ("m", "mm") and (before == "h" or after == "s")

    def _minutes(self, code: str) -> str:
        return f"{self.at.minute:0{len(code)}d}"

    def _piece(self, code: str) -> str:
        unit, length = code[0], len(code)
        if unit in "ymd" and self.at < _TRUE_DAYS:
            raise ValueError("days before March 1900 are not as in other calendars")
        if unit in "md" and length > 2 and not self.section.english:
            raise ValueError("it names months or days in a language that the studio does not know")
        if unit == "y":
            return f"{self.at.year % 100:02d}" if length < 3 else f"{self.at.year:04d}"
        if unit == "m" and length > 2:
            name = _MONTHS[self.at.month - 1]
            return name[:3] if length == 3 else name[:1] if length == 5 else name
        if unit == "d" and length > 2:
            name = _DAYS[self.at.weekday()]
            return name[:3] if length == 3 else name
        hour = (self.at.hour - 1) % 12 + 1 if self.section.has("half") else self.at.hour
        number = {"m": self.at.month, "d": self.at.day, "h": hour, "s": self.at.second}[unit]
        return f"{number:0{min(length, 2)}d}"
