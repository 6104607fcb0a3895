"""What is transparent stays so through every step that changes a picture; the model sees it on white."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.diffusion.engine import Engine
from studio.images.transparency import on_ground
from studio.steps import compose, edit, inpaint, lines, outpaint, region, upscale, vary
from tests import here

HIDDEN = (1, 200, 3)


@pytest.fixture
def shown():
    """What the model is shown, as the steps of a test ask for pictures."""
    return []


@pytest.fixture
def engine(shown):
    """An engine whose model gives back what it is shown; where there is a mask, blue."""

    def draw(order):
        image, mask = order.request.image, order.request.mask
        shown.append(image)
        return Image.composite(Image.new("RGB", image.size, "blue"), image, mask) if mask else image

    return Engine(here.pipelines(), 3, draw=draw)


def cut_out(size=(96, 64)):
    """Red, with a hole, a half transparent stripe, and a colour of its own in what cannot be seen."""
    image = Image.new("RGBA", size, (255, 0, 0, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((32, 16, 63, 47), fill=(*HIDDEN, 0))
    draw.rectangle((64, 0, 71, 63), fill=(255, 0, 0, 128))
    return image


def alpha(image):
    return np.asarray(image.getchannel("A"))


def test_an_enlarged_picture_has_its_hole(engine, shown):
    large = upscale.run(engine, cut_out(), 2)
    assert (large.mode, large.size) == ("RGBA", (192, 128))
    assert (alpha(large)[34:94, 66:126] == 0).all()
    assert (alpha(large)[:, :60] == 255).all()
    assert {one.mode for one in shown} == {"RGB"}
    seen = np.concatenate([np.asarray(one).reshape(-1, 3) for one in shown])
    assert not (seen == HIDDEN).all(axis=1).any()


def test_no_white_seam_shows_on_another_ground(engine):
    large = upscale.run(engine, cut_out(), 2)
    stripe = np.asarray(large)[10:100, 132:140].reshape(-1, 4)
    assert (stripe[:, 3] == 128).all()
    assert np.abs(stripe[:, :3].astype(int) - (255, 0, 0)).max() <= 2
    on_white = np.asarray(on_ground(large)).astype(int)[10:100, 132:140]
    assert np.abs(on_white - (255, 127, 127)).max() <= 2


@pytest.mark.parametrize("change", [edit.run, vary.run])
def test_a_changed_picture_is_as_transparent(engine, change):
    made = change(engine, cut_out((192, 128)), "a star")
    assert made.mode == "RGBA"
    scale = made.width / 192
    across, down = slice(round(36 * scale), round(60 * scale)), slice(round(20 * scale), round(44 * scale))
    assert (alpha(made)[down, across] == 0).all()
    assert (alpha(made)[:, : round(28 * scale)] == 255).all()


def test_all_that_is_not_painted_over_stays_to_the_bit(engine, shown):
    old, mask = cut_out(), Image.new("L", (96, 64))
    mask.paste(255, (24, 8, 48, 32))  # over the corner of the hole
    made = inpaint.run(engine, old, mask, "a star")
    before, after, white = np.asarray(old), np.asarray(made), np.asarray(mask) > 0
    assert (after[~white] == before[~white]).all()
    assert tuple(after[20, 40]) == (0, 0, 255, 255)
    assert {one.mode for one in shown} == {"RGB"}


def test_the_seam_of_what_is_painted_shows_no_hidden_colour(engine):
    old, mask = Image.new("RGBA", (96, 64), (*HIDDEN, 0)), Image.new("L", (96, 64))
    mask.paste(255, (24, 8, 72, 56))
    made = inpaint.run(engine, old, mask, "a star")
    seam = np.asarray(made)[(alpha(made) > 20) & (alpha(made) < 255)]
    assert len(seam)
    red, green, blue, _ = seam.astype(int).T
    assert blue.min() >= 250
    assert np.abs(red - green).max() <= 2  # the white that the model was shown, not the hidden green


def test_beyond_its_edges_a_picture_goes_on_opaque(engine):
    made = outpaint.run(engine, cut_out(), "a star", left=16, below=8)
    assert made.crop((16, 0, 112, 64)).tobytes() == cut_out().tobytes()
    assert (alpha(made)[:, :14] == 255).all()


def test_opaque_pictures_stay_rgb(engine):
    plain, mask = Image.new("RGB", (96, 64), "red"), Image.new("L", (96, 64), 255)
    made = [upscale.run(engine, plain), edit.run(engine, plain, "x"), inpaint.run(engine, plain, mask, "x")]
    assert {one.mode for one in made} == {"RGB"}


def test_steps_that_look_at_a_picture_see_it_on_white():
    assert lines.run(None, cut_out(), "as it is").getpixel((40, 30)) == (255, 255, 255)
    page = compose.run(None, cut_out(), "Words")
    assert page.mode == "RGB"
    assert page.getpixel((40, 30)) == (255, 255, 255)


def test_an_area_painted_on_nothing_is_what_was_painted():
    """A mask whose ground is transparent, as painters make them, is black there: in every step that takes one."""
    painted = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    painted.paste((255, 255, 255, 255), (0, 0, 32, 64))
    guide = region.run(None, "x", mask=painted)
    assert np.asarray(guide.regions[0].mask).mean(axis=0).tolist() == [255] * 32 + [0] * 32
