"""How Excel shows a number, a date or a duration in the format of its cell.

    7, 000-00             000-07            0.25, 0.0%            25.0%
    7, "SKU-"0000         SKU-0007          1234.5, #,##0.00 "€"  1,234.50 €
    1.75, # ??/??         1  3/4            12345, 0.00E+00       1.23E+04
    12:30, h:mm AM/PM     12:30 PM          1.5 days, [h]:mm      36:00

Number format codes are those of ECMA-376, part 1, 18.8.31, as an English Excel reads them: its points, commas and names
of months. A number in the format General has all its digits, where Excel shows as many as fit into the column. What
depends on the system's settings, or is not known exactly, is refused and never guessed.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from operator import eq, ge, gt, le, lt, ne
from typing import Final

from studio.batches.tables.number_format import dates, digits
from studio.batches.tables.number_format.code import Section, sections
from studio.batches.tables.number_format.dates import Moment

_COMPARE: Final = {"<=": le, ">=": ge, "<>": ne, "=": eq, "<": lt, ">": gt}


def displayed(value: str | bool | float | Moment, code: str) -> str:
    """How Excel shows a cell's value in its format, without surrounding blanks.

    Raises ValueError that says why if that is not known.
    """
    if isinstance(value, bool):
        return str(value).upper()
    found = sections(code)
    if isinstance(value, str):
        return _text(value, found)
    if isinstance(value, Moment):
        return dates.shown(value, found[0]).strip()
    with localcontext() as exact:
        exact.prec = 500
        return _number(Decimal(f"{value:.15g}"), found).strip()


def _text(value: str, found: Sequence[Section]) -> str:
    section = found[3] if len(found) == 4 else found[-1]
    if len(found) < 4 and not section.has("text"):
        return value
    return "".join(value if token.kind == "text" else token.text for token in section.tokens)


def _number(value: Decimal, found: Sequence[Section]) -> str:
    of_numbers = [one for one in found[:3] if not one.has("text")]
    if not of_numbers:  # a format for text alone
        return f"{'-' if value < 0 else ''}{digits.general(abs(value))}"
    section, value = _section(value, of_numbers)
    if section.has("moment", "elapsed", "half"):
        raise ValueError("the cell holds a number, and its format is one of dates")
    shown = digits.shown(abs(value), section)
    return f"-{shown}" if value < 0 and re.search("[1-9]", shown) else shown


def _section(value: Decimal, found: Sequence[Section]) -> tuple[Section, Decimal]:
    """The section for a number, and the number as it is shown in it: of its own section a negative one has no sign."""
    if any(one.condition for one in found):
        if value < 0:
            raise ValueError("it has conditions, and the number is negative")
        fitting = (one for one in found if one.condition is None or _COMPARE[one.condition[0]](value, one.condition[1]))
        if (own := next(fitting, None)) is None:
            raise ValueError("no section is for this number")
        return own, value
    if value < 0 and len(found) > 1:
        return found[1], -value
    return found[2 if value == 0 and len(found) > 2 else 0], value
