import json

import pytest

from studio.files.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ~ text", "plain ~ text"),
        ("größe 猫 😀 👩‍👧 a b", "größe 猫 😀 👩‍👧 a b"),
        ("\x1b[2J", r"\u001b[2J"),
        ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
        ("\x9b31m", r"\u009b31m"),
        ("exe.\u202egnp", r"exe.\u202egnp"),
        ("a\nb\tc\rd\u2028", r"a\nb\tc\rd\u2028"),
        ("\udcfc\ud800", r"\udcfc\ud800"),
        ("\U000e0041", r"\udb40\udc41"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text, shown):
    assert printable(text) == shown


def test_a_line_of_json_stays_one_and_means_the_same():
    said = {"name": "a\x1b[2J\u202e\x9b\n\ud800 猫"}
    assert json.loads(printable(json.dumps(said, ensure_ascii=False))) == said
