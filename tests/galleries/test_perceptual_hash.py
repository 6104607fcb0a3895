"""Pictures that look alike are found, on the studio's own drawings."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.galleries import perceptual_hash
from studio.tools.spark.draw import draw


@pytest.fixture(scope="module")
def drawings():
    return [draw(seed, (128, 128)).image for seed in range(150)]


@pytest.fixture(scope="module")
def known(drawings):
    return [perceptual_hash.of(image) for image in drawings]


def jpeg(image):
    image.save(data := BytesIO(), "JPEG", quality=40)
    return Image.open(data)


def noisy(image):
    pixels = np.asarray(image).astype(int) + np.random.default_rng(0).integers(-12, 13, (*image.size, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "copied", [jpeg, noisy, lambda image: image.resize((60, 60)), lambda image: image.resize((300, 300))]
)
def test_a_copy_is_nearest_to_what_it_is_a_copy_of(drawings, known, copied):
    for n, image in enumerate(drawings):
        assert perceptual_hash.distances(perceptual_hash.of(copied(image)), known).argmin() == n


def test_another_form_and_another_colour_are_further_than_a_copy():
    def star(colour, ground, where=(10, 10, 50, 50)):
        image = Image.new("RGB", (64, 64), ground)
        image.paste(colour, where)
        return perceptual_hash.of(image)

    # colours of one brightness: what only tells light from dark cannot tell them apart
    others = [
        star("#c00000", "white"),
        star("#007000", "white"),
        star("#c00000", "#ffe0e0"),
        star("#c00000", "white", (30, 30, 60, 60)),
    ]
    apart = perceptual_hash.distances(star("#c00000", "white"), others)
    assert apart[0] == 0
    assert (apart[1:] > 4).all()


def test_black_and_white_are_a_hundred_apart_and_transparent_is_paper():
    black, white, clear = Image.new("RGB", (9, 9)), Image.new("L", (9, 9), 255), Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    assert perceptual_hash.distances(
        perceptual_hash.of(black), [perceptual_hash.of(white), perceptual_hash.of(clear)]
    ) == pytest.approx([100, 100])


def test_the_gallery_names_what_looks_alike_the_nearest_first(gallery, make, folder):
    one = make(seed=1, size=(64, 64))
    one.image.point(lambda value: value + 9).save(folder / "paler.png")
    one.image.point(lambda value: 255 - value).save(folder / "negative.png")
    one.image.resize((32, 32)).save(folder / "small.jpg", quality=50)
    gallery.refresh()
    near = gallery.similar(gallery.entry(one.path).id)
    assert [like.entry.path.name for like in near] == ["small.jpg", "paler.png"]
