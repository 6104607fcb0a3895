import numpy as np
import pytest
from PIL import Image

from studio.errors import InputError
from studio.images.text_rendering import contrast
from studio.steps import compose

NAVY = Image.new("RGB", (400, 300), "navy")


def noisy():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((400, 400), 0)


def test_below_keeps_the_picture_and_carries_its_colour_on():
    page = compose.run(None, NAVY, "Harbour nights", "Every Friday")
    assert page.width == 400
    assert page.height > 400
    assert page.crop((0, 0, 400, 300)) == NAVY
    assert page.getpixel((2, page.height - 2)) == (0, 0, 128)
    assert page.crop((0, 300, *page.size)).getextrema()[0][1] == 250  # light ink


def test_margins_stay_free():
    page = compose.run(None, NAVY, "Harbour nights and long days by the sea", "Every Friday")
    panel = np.asarray(page)[300:]
    margin = round(400 * 0.07) - 2
    for edge in (panel[:margin], panel[-margin + 4 :], panel[:, :margin], panel[:, -margin:]):
        assert (edge == (0, 0, 128)).all()


def test_a_colour_given_is_taken():
    page = compose.run(None, NAVY, "Hi", ground="#ff0000", ink="#00ff00")
    colours = page.crop((0, 300, *page.size)).getcolors(100_000)
    assert (255, 0, 0) in [colour for _, colour in colours]
    assert (0, 255, 0) in [colour for _, colour in colours]


def test_over_keeps_the_size_and_can_be_read_on_a_restless_picture():
    page = compose.run(None, noisy(), "Harbour nights", "Every Friday", layout="over")
    assert page.size == (400, 400)
    foot = np.asarray(page)[-16:].reshape(-1, 3)  # below the words
    assert page.crop((0, 0, 400, 60)) == noisy().crop((0, 0, 400, 60))
    inks = [(250, 250, 250), (22, 22, 28)]
    assert max(min(contrast(ink, tuple(p)) for p in foot.tolist()) for ink in inks) > 3.5


def test_a_logo_keeps_its_shape_and_stays_transparent(tmp_path):
    logo = Image.new("RGBA", (200, 100), (255, 0, 0, 0))
    logo.paste((255, 0, 0, 255), (0, 0, 100, 100))
    logo.save(tmp_path / "logo.png")
    page = compose.run(None, NAVY, "Hi", "There", logo=str(tmp_path / "logo.png"))
    red = (np.asarray(page) == (255, 0, 0)).all(2)
    assert red.any(0).sum() == pytest.approx(red.any(1).sum(), abs=2)
    assert red.any(1).sum() == pytest.approx(400 * 0.09, abs=3)


def test_words_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="too long"):
        compose.run(None, Image.new("RGB", (64, 64)), "word " * 40)
