from math import log

import pytest
from PIL import Image

from studio.parameters.types import Size
from studio.train.buckets import best_size, crop, sizes


@pytest.mark.parametrize(
    ("trained", "multiple"), [((512, 512), 8), ((1024, 1024), 16), ((256, 256), 8), ((64, 64), 16)]
)
def test_every_size_is_one_the_model_draws_and_no_larger_than_it_was_trained(trained, multiple):
    found = sizes(Size(*trained), multiple)
    assert Size(*trained) in found
    assert all(side % multiple == 0 for size in found for side in size)
    assert all(size.width * size.height <= trained[0] * trained[1] for size in found)


@pytest.mark.parametrize(
    ("picture", "size"), [((3000, 3000), (512, 512)), ((1600, 900), (640, 384)), ((900, 1600), (384, 640))]
)
def test_a_picture_goes_where_its_shape_fits(picture, size):
    assert best_size(picture, sizes(Size(512, 512), 8)) == size


def test_no_other_size_is_nearer():
    among = sizes(Size(512, 512), 8)
    for picture in [(100, 130), (500, 470), (200, 800)]:
        shape = log(picture[0] / picture[1])
        best = best_size(picture, among)
        assert all(
            abs(log(best.width / best.height) - shape) <= abs(log(one.width / one.height) - shape) + 1e-6
            for one in among
        )


def test_what_hangs_over_is_cut_on_both_sides():
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    square = crop(image, Size(64, 64))
    assert square.size == (64, 64)
    assert square.getpixel((4, 32)) == square.getpixel((60, 32)) == (0, 0, 255)
