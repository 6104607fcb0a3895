from time import process_time

import pytest

from studio.lora.library.claims import claims, one_line, without_markup


def test_a_line_steers_no_terminal_and_hides_no_letters():
    assert one_line("neon\x1b[2J\x07\n lines\u202egnp\u200b.exe\ufeff") == "neon[2J linesgnp.exe"


def test_a_line_ends_somewhere():
    assert len(one_line("neon " * 100_000)) == 2000


def test_words_are_left_of_markup():
    html = "<p onclick='x()'>Glowing <b>outlines</b> &amp; more .</p><script>alert(1)</script><style>p {}</style>"
    assert without_markup(html) == "Glowing outlines & more ."


@pytest.mark.parametrize(
    "hostile",
    [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
        "&amp;amp;amp;amp;amp;lt;script&amp;amp;amp;amp;amp;gt;",
        "<scr<script>ipt>alert(1)</script>",
        "<img src=x onerror=alert(1)",
        "<!--" + "<" * 9000,
        "<script>" * 2500 + "&lt;script>",
    ],
)
def test_wrapped_markup_does_not_come_out_again(hostile):
    words = without_markup(hostile)
    assert "<script" not in words and "<img" not in words and "<!--" not in words


@pytest.mark.parametrize("piece", ["<a ", "<a href='", "<!--", "<![CDATA[", "</", "&", "<"])
def test_hostile_markup_takes_no_time(piece):
    begin = process_time()
    without_markup(piece * 10_000)
    assert process_time() - begin < 4


def test_smaller_than_is_no_tag():
    assert without_markup("strength < 1, best <b>0.4 < x</b> <3") == "strength < 1, best 0.4 < x <3"


def test_a_trigger_may_look_like_a_tag_and_names_no_lora():
    found = claims("x.json", "trigger", "<s0><s1>", "<lora:neon:0.8>, neon lines,", "<lora:neon:1>")
    assert [claim.text for claim in found] == ["<s0><s1>", "neon lines"]
    assert [claim.text for claim in claims("x.json", "title", "Neon <b onclick=x>bold</b>")] == ["Neon bold"]


def test_only_text_and_numbers_are_claims():
    found = claims("x.json", "title", "neon", 0.8, None, True, ["a"], {"b": 1}, "", " \n")
    assert [claim.text for claim in found] == ["neon", "0.8"]
