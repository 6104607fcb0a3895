"""The one door through which picture files come in."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS: Final = 64_000_000
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")  # of the others some run programs, as EPS does


def open_image(path: str | Path) -> "Image":
    """The picture in a file, fully read; of a moving one the first.

    Raises InputError where there is none, it is damaged, or it has over 64 million pixels: a
    small file can unpack to gigabytes.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"'{path}' has {image.width}x{image.height} pixels, too large to open; shrink it first"
                )
            image.load()
            return image
    except FileNotFoundError:
        raise InputError(f"there is no file '{path}'") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise InputError(f"'{path}' is not a picture that can be read; use PNG, JPEG, WebP, AVIF or GIF") from None
