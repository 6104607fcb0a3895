"""Reads text hidden in the lowest bits of a picture's pixels, column by column from the left.

A signature says where and how: ``stealth_pnginfo`` in the alpha channel, ``stealth_rgbinfo`` in red, green and blue,
and ``…comp`` for gzip. It is followed by the number of bits as 32 bits, then the text as UTF-8. After
https://github.com/neggles/sd-webui-stealth-pnginfo.
"""

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST: Final = 16_000_000
"""Bytes of text; a small picture could decompress to gigabytes."""
_GZIP: Final = 31  # tells zlib to expect a gzip header
_SIGNATURE: Final = len("stealth_pnginfo")
_HEADER: Final = _SIGNATURE + 4


def hidden(image: "Image") -> str:
    """The text, "" if there is none or it is damaged. Without a signature only the first pixels are read."""
    for bands, name in ((("A",), "png"), (("R", "G", "B"), "rgb")):
        if set(bands) <= set(image.getbands()):
            header = _bytes(image, bands, 0, _HEADER)
            if header.startswith(f"stealth_{name}".encode()):
                return _text(image, bands, header)
    return ""


def _text(image: "Image", bands: tuple[str, ...], header: bytes) -> str:
    kind, length = header[_SIGNATURE - 4 : _SIGNATURE], int.from_bytes(header[_SIGNATURE:], "big") // 8
    room = image.width * image.height * len(bands) // 8 - _HEADER
    if kind not in (b"info", b"comp") or not 0 < length <= room:
        return ""
    data = _bytes(image, bands, _HEADER, length)
    return _unpacked(data) if kind == b"comp" else data[:LONGEST].decode(errors="replace")


def _unpacked(data: bytes) -> str:
    try:
        return zlib.decompressobj(_GZIP).decompress(data, LONGEST).decode(errors="replace")
    except zlib.error:
        return ""


def _bytes(image: "Image", bands: tuple[str, ...], start: int, count: int) -> bytes:
    """``count`` bytes from byte ``start`` on, or as many as there are."""
    import numpy as np

    first, last = start * 8 // len(bands), -(-(start + count) * 8 // len(bands))  # pixels, down the columns
    left, right = first // image.height, min(image.width, -(-last // image.height))
    if left >= right:
        return b""
    columns = image.crop((left, 0, right, image.height))
    pixels = np.stack([np.asarray(columns.getchannel(band)) for band in bands], axis=-1)
    bits = pixels.transpose(1, 0, 2).reshape(-1) & 1
    skip = start * 8 - left * image.height * len(bands)
    return np.packbits(bits[skip : skip + count * 8]).tobytes()[:count]
