import pytest
from PIL import Image

from studio.diffusion.images import fitting, opaque, opened, resized
from studio.parameters.types import Size


@pytest.mark.parametrize(
    ("given", "expected"),
    [((256, 256), (256, 256)), ((1024, 512), (360, 184)), ((30, 30), (256, 256)), ((4000, 100), (1616, 64))],
)
def test_fitting_keeps_shape_and_area(given, expected):
    assert fitting(Image.new("RGB", given), Size(256, 256), 8) == expected


def test_pictures_come_upright_and_models_see_transparent_ones_on_white(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGBA", (20, 10), (255, 0, 0, 0)).save(tmp_path / "x.png", exif=exif)
    image, seen = opened(tmp_path / "x.png"), opaque(tmp_path / "x.png")
    assert image.size == seen.size == (10, 20)
    assert image.getpixel((5, 5)) == (255, 0, 0, 0)
    assert seen.getpixel((5, 5)) == (255, 255, 255)


def test_resizing_cuts_rather_than_squeezes():
    image = Image.new("RGB", (200, 100), "red")
    image.paste("blue", (50, 0, 150, 100))
    assert resized(image, Size(64, 64)).getpixel((6, 32))[2] > 250
