from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.config import shipped
from studio.diffusion.engine import Engine
from studio.diffusion.images import resized
from studio.diffusion.inpainting import checked_mask, inpaint
from studio.errors import InputError
from studio.models.card import ModelCard
from studio.parameters.sampling import Sampling
from studio.parameters.types import Size
from tests import here

CARD = ModelCard.read(shipped("assets") / "spark")


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def mask(size, box, value=255):
    image = Image.new("L", size)
    ImageDraw.Draw(image).rectangle(box, fill=value)
    return image


def asked(steps=2):
    return replace(CARD.request("a red star on white", Sampling(steps=steps, guidance=2.0)), strength=1.0)


@pytest.mark.parametrize("size", [(256, 256), (300, 150), (700, 500), (40, 33)])
def test_outside_the_mask_every_pixel_stays_and_inside_they_change(engine, size):
    old, white = noise(*size), mask(size, (10, 8, 29, 25))
    new = inpaint(engine, CARD, asked(), image=old, mask=white)
    changed = (np.asarray(new) != np.asarray(old)).any(2)
    assert new.size == size
    assert not changed[np.asarray(white) == 0].any()
    assert changed[12:22, 14:26].mean() > 0.9


def test_gray_blends(engine):
    old = Image.new("RGB", (256, 256), "black")
    half, full = (
        np.asarray(inpaint(engine, CARD, asked(), image=old, mask=mask((256, 256), (0, 0, 255, 255), v)))
        for v in (100, 255)
    )
    assert 0 < half[128, 128].max() <= 110 < full.max()


def test_transparent_is_black(tmp_path):
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 8, 8))
    image.save(tmp_path / "mask.png")
    found = checked_mask(noise(64, 64), str(tmp_path / "mask.png"))
    assert found.getbbox() == (0, 0, 8, 8)


def test_masks_that_do_not_fit_are_refused(tmp_path):
    mask((32, 32), (0, 0, 9, 9)).save(tmp_path / "small.png")
    Image.new("L", (64, 64)).save(tmp_path / "black.png")
    with pytest.raises(InputError, match="the mask is 32x32 and the picture 64x64"):
        checked_mask(noise(64, 64), tmp_path / "small.png")
    with pytest.raises(InputError, match="black everywhere"):
        checked_mask(noise(64, 64), tmp_path / "black.png")


class Seeing:
    """In place of an engine: keeps what it is asked, and draws green."""

    def denoise(self, card, asked):
        self.asked = asked
        return Image.new("RGB", (asked.width, asked.height), "green")


@pytest.mark.parametrize(
    ("padding", "native", "box"),
    [
        (0, (64, 64), (100, 80, 140, 120)),  # square already
        (16, (96, 96), (84, 64, 156, 136)),
        (0, (128, 64), (80, 80, 160, 120)),  # as wide again as high
        (0, (64, 128), (100, 60, 140, 140)),
        (400, (64, 64), (0, 0, 300, 200)),  # no more than there is
    ],
)
def test_the_mask_with_its_padding_is_drawn_in_the_shape_and_size_that_is_asked(padding, native, box):
    engine, image, white = Seeing(), noise(300, 200), mask((300, 200), (100, 80, 139, 119))
    made = inpaint(engine, CARD, asked(), image=image, mask=white, padding=padding, native=Size(*native))
    seen = engine.asked.image
    assert seen.tobytes() == resized(image.crop(box), Size(*seen.size)).tobytes()
    if box != (0, 0, 300, 200):
        assert seen.size == native
    outside = np.asarray(white) == 0
    assert (np.asarray(made)[outside] == np.asarray(image)[outside]).all()
    assert made.getpixel((120, 100)) == (0, 128, 0)
