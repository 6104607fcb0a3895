import pytest

from studio.errors import InputError
from studio.images.text_rendering import DARK, LIGHT, contrast, fitted, font, ink_on, wrapped


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [((0, 0, 0), (255, 255, 255), 21), ((119, 119, 119), (255,) * 3, 4.48)]
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("ground", [(r, g, b) for r in (0, 90, 255) for g in (0, 120, 255) for b in (0, 128, 255)])
def test_ink_can_be_read_on_any_ground(ground):
    assert contrast(ink_on(ground), ground) >= 4.3
    assert ink_on(ground) in (DARK, LIGHT)


def test_text_fills_its_box_and_stays_in_it():
    lines = fitted("Winter walks for everyone, every Sunday", 300, 120, 80, bold=True)
    assert lines.height <= 120
    assert 150 < max(lines.font.getlength(line) for line in lines.lines) <= 300
    assert " ".join(lines.lines) == "Winter walks for everyone, every Sunday"
    assert fitted("Short", 300, 120, 40).font.size == 40


def test_no_word_is_left_alone():
    lines = fitted("The sea, the sea", 400, 400, 70, bold=True).lines
    assert lines == ("The sea,", "the sea")


def test_line_breaks_stay():
    assert wrapped("one\ntwo three", font(20), 500) == ["one", "two three"]


@pytest.mark.parametrize("text", ["Äpfel & Öl", "Łódź", "Привет", "Ελλάδα", "“Ça va?” – 5 €…"])
def test_european_letters_are_there(text):
    assert fitted(text, 900, 200, 30).lines == (text,)


def test_what_cannot_be_set_is_said():
    with pytest.raises(InputError, match="the font has no '東京'"):
        fitted("Tokyo 東京", 300, 100, 40)
    with pytest.raises(InputError, match="too long"):
        fitted("many words " * 200, 200, 50, 40)
    with pytest.raises(InputError, match="too long"):
        fitted("W" * 100, 200, 50, 40)
