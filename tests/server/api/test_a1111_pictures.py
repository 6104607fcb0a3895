"""Start pictures and masks become what A1111 would begin with."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.errors import InputError
from studio.parameters.types import Size
from studio.server.api import a1111_pictures
from studio.server.api.a1111_requests import Img2ImgRequest
from studio.ui import uploads


def png(image):
    image.save(data := BytesIO(), "PNG")
    return base64.b64encode(data.getvalue()).decode()


def halves(left, right, mode="RGB"):
    image = Image.new(mode, (96, 64), right)
    image.paste(left, (0, 0, 48, 64))
    return image


RED_AND_BLUE, WHITE_AND_BLACK = halves("red", "blue"), halves(255, 0, "L")


def begun(output, mask=WHITE_AND_BLACK, **asked):
    """The picture and the mask that a request begins with, as arrays."""
    given = {"init_images": [png(RED_AND_BLUE)], "mask": mask and png(mask), **asked}
    found = a1111_pictures.start(Img2ImgRequest.model_validate(given), output, Size(128, 128))
    return [np.asarray(Image.open(uploads.picture_file(one, output))) for one in found[:2] if one]


def test_a_picture_that_nothing_is_done_to_is_kept_as_it_came(tmp_path):
    image, mask = begun(tmp_path)
    assert (image == np.asarray(RED_AND_BLUE)).all()
    assert (mask == np.asarray(WHITE_AND_BLACK)).all()


def test_a_mask_is_inverted_and_blurred(tmp_path):
    _, mask = begun(tmp_path, inpainting_mask_invert=1)
    assert (mask[:, :48] == 0).all()
    assert (mask[:, 48:] == 255).all()
    _, mask = begun(tmp_path, mask_blur=4)
    assert (np.diff(mask[32].astype(int)) <= 0).all()
    assert 0 < mask[32, 50] < 128 < mask[32, 46] < 255


def test_what_is_opaque_in_a_transparent_mask_is_white(tmp_path):
    _, mask = begun(tmp_path, halves((0, 0, 0, 255), (255, 255, 255, 0), "RGBA"))
    assert (mask == np.asarray(WHITE_AND_BLACK)).all()


@pytest.mark.parametrize(
    ("mode", "first", "last"),
    [(0, "red", "blue"), (1, "red", "blue"), (2, "red", "blue")],
)
def test_picture_and_mask_are_resized_alike(tmp_path, mode, first, last):
    image, mask = begun(tmp_path, width=128, height=128, resize_mode=mode)
    assert image.shape == (128, 128, 3)
    assert mask.shape == (128, 128)
    assert (image[0, 0] == np.asarray(Image.new("RGB", (1, 1), first))[0, 0]).all()
    assert (image[-1, -1] == np.asarray(Image.new("RGB", (1, 1), last))[0, 0]).all()
    assert (mask[:, 0] == 255).all()


def test_inpaint_full_res_keeps_the_picture_its_size(tmp_path):
    image, mask = begun(tmp_path, width=128, height=128, inpaint_full_res=True)
    assert (image.shape, mask.shape) == ((64, 96, 3), (64, 96))


def test_colours_from_around_fill_the_mask(tmp_path):
    image, _ = begun(tmp_path, inpainting_fill=0, denoising_strength=0.7)
    assert image[:, :40, 2].min() > 200  # blue, which is all that is around
    assert image[:, :40, 0].max() < 50
    image, _ = begun(tmp_path, inpainting_fill=1, denoising_strength=0.7)
    assert (image == np.asarray(RED_AND_BLUE)).all()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"init_images": []}, "init_images"),
        ({"init_images": ["AAAA"]}, "init_images"),
        ({"mask": Image.new("L", (96, 64))}, "mask"),
        ({"mask": Image.new("L", (96, 64), 255), "inpainting_mask_invert": 1}, "mask"),
        ({"mask": Image.new("L", (64, 64), 255)}, "mask"),
        ({"mask_blur": -1}, "mask_blur"),
        ({"width": 100, "height": 64}, "width"),
        ({"width": 96, "height": 64, "resize_mode": 3}, "resize_mode"),
        ({"inpaint_full_res": False, "width": 192, "height": 128}, "inpaint_full_res"),
        ({"inpainting_fill": 2, "denoising_strength": 0.7}, "inpainting_fill"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(tmp_path, wrong, field):
    with pytest.raises(InputError) as caught:
        begun(tmp_path, **wrong)
    assert list(caught.value.wrong) == [field]
