"""The one door for picture files: what is read, and what is refused in one line."""

import struct

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.imports.metadata_extract import extract_metadata


def chunks(data):
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield at, data[at + 4 : at + 8], length
        at += length + 12


def spoilt(path, kinds, *, content=False):
    """The PNG with wrong checksums on chunks of these kinds; with ``content`` their last byte is another."""
    data = bytearray(path.read_bytes())
    for at, kind, length in list(chunks(data)):
        if bytes(kind) in kinds:
            where = at + 8 + length + (-1 if content else 0)
            data[where] ^= 0x5A
    path.write_bytes(data)
    return path


@pytest.fixture
def png(tmp_path):
    info = PngInfo()
    info.add_text("parameters", "a cat\nSteps: 5, Seed: 7, Sampler: Euler")
    info.add_itxt("more", "Größe", zip=False)
    info.add_text("packed", "x" * 900, zip=True)
    path = tmp_path / "a.png"
    Image.linear_gradient("L").save(path, pnginfo=info)
    return path


def test_texts_with_wrong_checksums_are_read_and_the_pixels_with_them(png):
    before = open_image(png)
    after = open_image(spoilt(png, {b"tEXt", b"iTXt", b"zTXt"}))
    assert after.tobytes() == before.tobytes()
    assert after.info == before.info
    assert extract_metadata(png).texts["parameters"].startswith("a cat")
    changed = open_image(spoilt(png, {b"tEXt"}, content=True))
    assert changed.info["parameters"] != before.info["parameters"]


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS"])
def test_what_says_how_pixels_look_must_have_its_checksum(kind, tmp_path):
    path = tmp_path / "p.png"
    Image.linear_gradient("L").convert("P").save(path, transparency=3)
    assert kind in {bytes(found) for _, found, _ in chunks(path.read_bytes())}
    with pytest.raises(InputError, match="is not a picture that can be read"):
        open_image(spoilt(path, {kind}))


def test_pixels_are_checked_by_their_own_checksum(png):
    """zlib's Adler-32 within the compressed data tells whether the pixels are as they were."""
    before = open_image(png).tobytes()
    assert open_image(spoilt(png, {b"IDAT"})).tobytes() == before
    with pytest.raises(InputError, match="is not a picture that can be read"):
        open_image(spoilt(png, {b"IDAT"}, content=True))


@pytest.mark.parametrize("length", [9, 20, 40, 100])
def test_a_file_that_is_cut_off_is_refused(png, length):
    png.write_bytes(spoilt(png, {b"tEXt"}).read_bytes()[:length])
    with pytest.raises(InputError, match="is not a picture that can be read"):
        open_image(png)


def test_what_only_begins_as_a_png_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 2**31, b"tEXt") + b"a" * 50)
    with pytest.raises(InputError, match="is not a picture that can be read"):
        open_image(tmp_path / "a.png")
