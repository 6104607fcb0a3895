"""Lists of values as people write them: "heart, star", and axes: "steps=5,10,20".

    heart, star             commas separate values
    a star, flat|a heart    where there are bars or line breaks, these do, and values may have commas
    a {red|blue} star, sea  nothing within braces separates values
    "ink, blue":0.8, neon   nor do commas between quotation marks, in a value that begins with one
    guidance=1..3:0.5       numbers from 1 to 3 in steps of 0.5; without a step, of 1
    loras=neon:0..1:0.5     the same after a name: neon:0, neon:0.5, neon:1

A list has at most 100 values. Values stay text; the input that they are for reads them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from studio.errors import InputError
from studio.prompts.wildcards import parted

MOST: Final = 100
_RANGE = re.compile(r"(\S.*:)?(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?::(\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Axis:
    """An input's name and the values that it takes in turn."""

    name: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Axis":
        """Parse "NAME=VALUES"; raises InputError that shows the text where it is not an axis."""
        name, found, values = text.partition("=")
        if not found or not name.strip():
            raise InputError(f"'{text}' is not an axis; write an input and its values, for example steps=5,10,20")
        return cls(name.strip(), tuple(_spread(listed(values), text)))


def listed(text: str) -> list[str]:
    """The values in ``text``, without surrounding blanks."""
    several = [values for mark in "\n|" if len(values := parted(text.strip(), mark)) > 1]
    values = several[0] if several else list(_quoted_whole(parted(text, ",")))
    return [value.strip() for value in values if value.strip()]


def _quoted_whole(values: list[str]) -> Iterator[str]:
    """The values, rejoined where a quotation mark begins one and ends in a later one."""
    while values:
        ends = (n for n in range(1, len(values) + 1) if ",".join(values[:n]).count('"') % 2 == 0)
        taken = next(ends, 1) if values[0].lstrip().startswith('"') else 1
        yield ",".join(values[:taken])
        values = values[taken:]


def _spread(values: list[str], axis: str) -> list[str]:
    """The values with ranges expanded."""
    spread = [one for value in values for one in _range(value, axis)]
    if not 1 <= len(spread) <= MOST:
        raise InputError(f"the axis '{axis}' has {len(spread)} values; give 1 to {MOST}")
    return spread


def _range(value: str, axis: str) -> list[str]:
    found = _RANGE.fullmatch(value)
    if not found:
        return [value]
    first, last, step = Decimal(found[2]), Decimal(found[3]), Decimal(found[4] or 1)
    if step == 0 or last < first or (last - first) / step >= MOST:
        raise InputError(
            f"the range '{value}' in the axis '{axis}' must increase, in steps above 0, to at most {MOST} values"
        )
    return [f"{found[1] or ''}{(first + n * step).normalize():f}" for n in range(int((last - first) / step) + 1)]
