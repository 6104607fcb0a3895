import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.engine.engine import Engine
from studio.engine.inpainting import masks_for, redrawn
from studio.engine.pipelines import Pipelines
from studio.errors import InputError
from studio.models import library
from studio.request import Request

CARD = library.find("spark")


@pytest.fixture(scope="module")
def engine():
    return Engine(Pipelines("cpu"), (3, 4))


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def mask(size, box, value=255):
    image = Image.new("L", size)
    ImageDraw.Draw(image).rectangle(box, fill=value)
    return image


def asked(steps=2):
    return Request("a red star on white", "", steps, 2.0, *CARD.size, strength=1.0)


@pytest.mark.parametrize("size", [(256, 256), (300, 150), (700, 500), (40, 33)])
def test_outside_the_mask_every_pixel_stays_and_inside_they_change(engine, size):
    old, white = noise(*size), mask(size, (10, 8, 29, 25))
    for new in redrawn(engine, CARD, asked(), [old], [white]):
        changed = (np.asarray(new) != np.asarray(old)).any(2)
        assert new.size == size
        assert not changed[np.asarray(white) == 0].any()
        assert changed[12:22, 14:26].mean() > 0.9


def test_gray_blends(engine):
    old = Image.new("RGB", (256, 256), "black")
    half, full = (
        np.asarray(redrawn(engine, CARD, asked(), [old], [mask((256, 256), (0, 0, 255, 255), v)])[0])
        for v in (100, 255)
    )
    assert 0 < half[128, 128].max() <= 110 < full.max()


def test_transparent_is_black(tmp_path):
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 8, 8))
    image.save(tmp_path / "mask.png")
    (found,) = masks_for([noise(64, 64)], str(tmp_path / "mask.png"))
    assert found.getbbox() == (0, 0, 8, 8)


def test_masks_that_do_not_fit_are_refused(tmp_path):
    mask((32, 32), (0, 0, 9, 9)).save(tmp_path / "small.png")
    Image.new("L", (64, 64)).save(tmp_path / "black.png")
    with pytest.raises(InputError, match="the mask is 32x32 and the picture 64x64"):
        masks_for([noise(64, 64)], tmp_path / "small.png")
    with pytest.raises(InputError, match="black everywhere"):
        masks_for([noise(64, 64)], tmp_path / "black.png")
