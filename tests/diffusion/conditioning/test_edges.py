import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.diffusion.conditioning import edges


def disc(size=(256, 256), ground="white", ink="navy"):
    picture = Image.new("RGB", size, ground)
    ImageDraw.Draw(picture).ellipse((64, 64, 192, 192), fill=ink)
    return picture


def distance(lines):
    """How far each white pixel lies from the disc's centre."""
    rows, columns = np.nonzero(np.asarray(lines)[..., 0])
    return np.hypot(rows - 128, columns - 128)


@pytest.mark.parametrize("ink", ["navy", "#f0f0f0"])
def test_the_edge_of_a_disc_is_a_thin_circle(ink):
    """A pale disc has one too."""
    far = distance(edges.canny(disc(ink=ink)))
    assert np.abs(far - 64).max() < 1.5
    assert 2 * np.pi * 64 * 0.7 < len(far) < 2 * np.pi * 64 * 1.3


def test_a_weak_edge_counts_where_it_hangs_together_with_a_strong_one():
    picture = Image.new("L", (128, 64), 0)
    for x in range(128):
        ImageDraw.Draw(picture).line((x, 32, x, 63), fill=255 - int(1.7 * x))
    found = np.asarray(edges.canny(picture))[..., 0] > 0
    strong = 1.7 * np.arange(128) < 255 * 0.8
    assert found[28:36, 8:120].any(0)[:90].all()
    assert strong[:112].sum() < 128


def test_an_even_picture_has_no_lines():
    for find in (edges.canny, edges.scribble):
        assert find(Image.new("RGB", (64, 48), "teal")).getbbox() is None


def test_a_scribble_is_thicker_and_leaves_details_out():
    picture = disc()
    for n in range(20):
        ImageDraw.Draw(picture).rectangle((10 + 12 * n, 19, 10 + 12 * n, 20), fill="black")
    fine, bold = edges.canny(picture), edges.scribble(picture)
    assert len(distance(bold)) > 1.5 * len(distance(edges.canny(disc())))
    assert np.asarray(fine)[10:30].any()
    assert not np.asarray(bold)[10:30].any()


@pytest.mark.parametrize("ground", ["white", "black"])
def test_a_drawing_becomes_light_on_black(ground):
    page = Image.new("RGB", (64, 64), ground)
    ImageDraw.Draw(page).line((0, 32, 63, 32), fill="black" if ground == "white" else "white", width=3)
    drawn = np.asarray(edges.inverted(page))
    assert (drawn[32] == 255).all()
    assert (drawn[:20] == 0).all()
