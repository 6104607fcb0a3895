import pytest
from PIL import Image

from studio.errors import InputError


def test_a_small_copy_is_made_once_and_belongs_to_the_content(gallery, folder):
    Image.new("RGBA", (800, 400), (255, 0, 0, 0)).save(folder / "a.png")
    gallery.refresh()
    entry = gallery.find().entries[0]
    small = gallery.thumbnail(entry.id)
    with Image.open(small) as image:
        assert (image.format, image.size, image.getpixel((5, 5))) == ("JPEG", (320, 160), (255, 255, 255))
    stamp = small.stat().st_mtime_ns
    entry.path.rename(folder / "b.png")
    gallery.refresh()
    assert gallery.thumbnail(entry.id) == small
    assert small.stat().st_mtime_ns == stamp
    with pytest.raises(InputError):
        gallery.thumbnail("../../x")
