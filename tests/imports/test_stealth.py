"""Text hidden in pixels is found where a signature says so, fast where none does, and never trusted."""

import gzip
import time
from random import Random

import numpy as np
import pytest
from PIL import Image

from studio.imports.stealth import LONGEST, hidden

TEXT = "a cat, Ünïcode ✨\nNegative prompt: dog\nSteps: 20, Seed: 1, Size: 64x64"


def _hide(image: Image.Image, data: bytes, signature: bytes, bits: int | None = None) -> Image.Image:
    """As the extension writes it, bit by bit: down each column, one bit a pixel in alpha or three in the colours."""
    whole = signature + (len(data) * 8 if bits is None else bits).to_bytes(4, "big") + data
    array = np.asarray(image).copy()
    alpha = signature[8:11] == b"png"
    for n, bit in enumerate(f"{int.from_bytes(whole, 'big'):0{len(whole) * 8}b}"):
        pixel, band = (n, 3) if alpha else divmod(n, 3)
        x, y = divmod(pixel, image.height)
        array[y, x, band] = array[y, x, band] & 254 | int(bit)
    return Image.fromarray(array)


def _noise(mode: str, size: tuple[int, int] = (67, 83)) -> Image.Image:
    return Image.frombytes(mode, size, Random(1).randbytes(size[0] * size[1] * len(mode)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_all_four_signatures_through_a_png(mode, tmp_path):
    for signature in (b"stealth_pnginfo", b"stealth_pngcomp", b"stealth_rgbinfo", b"stealth_rgbcomp"):
        if mode == "RGB" and b"png" in signature:
            continue
        data = gzip.compress(TEXT.encode()) if signature.endswith(b"comp") else TEXT.encode()
        _hide(_noise(mode), data, signature).save(tmp_path / "a.png")
        assert hidden(Image.open(tmp_path / "a.png")) == TEXT


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_pictures_without_any(mode):
    assert hidden(Image.new(mode, (40, 30))) == ""
    assert hidden(Image.new(mode, (1, 1))) == ""


def test_a_length_beyond_the_picture_and_damaged_gzip():
    data = gzip.compress(TEXT.encode())
    for bits in (0, 7, 2**32 - 1, 67 * 83 * 8):
        assert hidden(_hide(_noise("RGBA"), data, b"stealth_pngcomp", bits)) == ""
    assert hidden(_hide(_noise("RGBA"), b"\x1f\x8b" + bytes(50), b"stealth_pngcomp")) == ""
    assert hidden(_hide(_noise("RGBA"), b"hidden?", b"stealth_pngwhat")) == ""
    assert hidden(_hide(_noise("RGB"), b"\xff\xfe\x00", b"stealth_rgbinfo")) == "��\x00"


def test_a_bomb_unpacks_to_a_bounded_text():
    bomb = gzip.compress(bytes(50_000_000))
    picture = Image.new("RGBA", (1024, 1024))
    whole = np.unpackbits(np.frombuffer(b"stealth_pngcomp" + (len(bomb) * 8).to_bytes(4, "big") + bomb, np.uint8))
    array = np.asarray(picture).copy()
    alpha = np.zeros(1024 * 1024, np.uint8)
    alpha[: len(whole)] = whole
    array[..., 3] = alpha.reshape(1024, 1024).T
    assert len(hidden(Image.fromarray(array))) == LONGEST


def test_four_million_pixels_without_any_take_no_time():
    for mode in ("RGB", "RGBA"):
        picture = _noise(mode, (2048, 2048))
        assert min(_seconds(picture) for _ in range(3)) < 0.05


def _seconds(picture: Image.Image) -> float:
    started = time.perf_counter()
    assert hidden(picture) == ""
    return time.perf_counter() - started
