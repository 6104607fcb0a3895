"""Number formats, as two other programs that read them show the same (SheetJS' ssf, borgar's numfmt)."""

from datetime import date, datetime, time, timedelta

import pytest

from studio.batches.tables.number_format import displayed

DAY = datetime(2024, 3, 14, 14, 57, 46, 789000)
ACCOUNTING = '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)'


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (7, "00000", "00007"), (7, "000-00", "000-07"), (1234567, "000-00", "12345-67"), (7, '"SKU-"0000', "SKU-0007"),
        (5551234567, "(###) ###-####", "(555) 123-4567"), (12, "00\\:00", "00:12"), (7, "000,000", "000,007"),
        (0.125, "0%", "13%"), (0.1256, "0.00%", "12.56%"), (2.5, "0", "3"), (1.005, "0.00", "1.01"),
        (99.995, "0.00", "100.00"),
        (0.5, "#.##", ".5"), (5, "0.##", "5."), (5, "?0.0?", "5.0"), (1e20, "0", "1" + "0" * 20), (0, "#", ""),
        (1234.5, "#,##0.00", "1,234.50"), (1234567, "0.0,,\"M\"", "1.2M"), (123456.789, "#,##0.0,", "123.5"),
        (-1234.5, "#,##0.00;(#,##0.00)", "(1,234.50)"), (-1234.5, "$#,##0.00", "-$1,234.50"), (-0.4, "0", "0"),
        (1234.5, "#,##0.00\\ [$€-407]", "1,234.50 €"), (1234.5, ACCOUNTING, "1,234.50"), (0, ACCOUNTING, "-"),
        (0, '0;-0;"none"', "none"), (1, ";;;", ""), (-1, "0;;", ""), (5, '"x"', "x"),
        (5551234, "[<=9999999]###-####;(###) ###-####", "555-1234"), (9, '[>5][Red]"big";"small"', "big"),
        (12345, "0.00E+00", "1.23E+04"), (12345, "##0.0E+0", "12.3E+3"), (999999, "0.0E+0", "1.0E+6"),
        (0.00012, "0E-0", "1E-4"),
        (0.125, "# ?/?", "1/8"), (1.75, "# ??/??", "1  3/4"), (0.5, "# ?/16", "8/16"), (0.999, "# ?/?", "1"),
        (2, "# ?/?", "2"),
        (0.75, "?/?", "3/4"), (0.1 + 0.2, "General", "0.3"), (4006381333931, "General", "4006381333931"),
        (5, 'General" kg"', "5 kg"), (-5, "@", "-5"), (True, "0%", "TRUE"), ("x", "0.00", "x"), ("x", '"<"@">"', "<x>"),
        ("x", '0;-0;0;"T "@', "T x"),
    ],
)  # fmt: skip
def test_numbers_and_text(value, code, shown):
    assert displayed(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (date(2024, 3, 14), "yyyy-mm-dd", "2024-03-14"), (DAY, "d/m/yy", "14/3/24"),
        (DAY, "dd-mmm-yyyy", "14-Mar-2024"),
        (DAY, "dddd, mmmm d, yyyy", "Thursday, March 14, 2024"), (DAY, "ddd mmmmm", "Thu M"),
        (DAY, "[$-409]d mmmm", "14 March"), (DAY, "h:mm AM/PM", "2:57 PM"), (DAY, "hh:mm a/p", "02:57 p"),
        (DAY, "m:s", "57:47"), (DAY, "h:m", "14:57"), (DAY, "yyyy-mm-dd hh:mm:ss.000", "2024-03-14 14:57:46.789"),
        (time(0, 5, 3), "mm:ss", "05:03"), (time(23, 59, 59, 999600), "h:mm:ss", "0:00:00"),
        (timedelta(days=1, hours=12), "[h]:mm:ss", "36:00:00"), (timedelta(hours=30, minutes=5), "[mm]:ss", "1805:00"),
    ],
)  # fmt: skip
def test_dates_times_and_durations(value, code, shown):
    assert displayed(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        (DAY, "[$-407]d. mmmm", "language"), (DAY, "[$-F800]dddd", "language"), (DAY, "0.00", "one of numbers"),
        (date(1900, 1, 5), "yyyy", "March 1900"), (timedelta(-1), "[h]:mm", "####"), (5, "yyyy", "one of dates"),
        (5, "[DBNum1]0", "'[DBNum1]'"), (5, "0x", "'x'"), (5, "0;0;0;@;0", "four sections"),
        (0.3, "# ?/?", "no one nearest"),
        (-5, "[>3]0;0.0", "conditions"), (5, "[>9]0", "no section"), (5, '"1 "# ?/?', "no fraction"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(value, code, says):
    with pytest.raises(ValueError) as caught:
        displayed(value, code)
    assert says in str(caught.value)
