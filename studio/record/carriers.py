"""All the words that a picture's file carries, wherever tools put them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.imagefile import open_image


@dataclass(frozen=True)
class Carried:
    """A file's words by where they stood, for the readers in ``record.formats``.

    ``texts`` has a PNG's text chunks by their keys ("parameters", "prompt", "Comment"), EXIF tags as
    "exif:UserComment", "exif:Make", "exif:Model", "exif:MakerNote", "exif:Software", "exif:ImageDescription", XMP as
    "xmp", a GIF's or JPEG's comment as "comment", what is hidden in pixels as "stealth", a text file beside it as
    "sidecar", and a JSON file's whole content as "json". ``size`` is the picture's, None where there is none.
    """

    texts: Mapping[str, str]
    size: tuple[int, int] | None = None


def carried(path: Path) -> Carried:
    """What the file says; nothing where it says nothing. Raises InputError where it cannot be read."""
    image = open_image(path)
    return Carried({str(key): text for key, text in image.info.items() if isinstance(text, str)}, image.size)
