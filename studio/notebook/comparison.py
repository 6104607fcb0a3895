"""``studio.compare()``: two pictures with a line between them to drag."""

from pathlib import Path

from studio.errors import InputError
from studio.notebook.widgets import BeforeAfter
from studio.pictures.picture import Picture


def compare(
    before: Picture | Path | str,
    after: Picture | Path | str,
    *,
    before_label: str = "Before",
    after_label: str = "After",
) -> BeforeAfter:
    """The left part of one picture and the right part of the other, with a line to drag. End a cell with it.

    Each is a ``Picture`` or the path of any picture file. Raises InputError if a file cannot be read.
    """
    pictures = {"before": _content(before), "after": _content(after)}
    return BeforeAfter(**pictures, before_label=before_label, after_label=after_label)


def _content(picture: Picture | Path | str) -> bytes:
    path = picture.path if isinstance(picture, Picture) else Path(picture)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from None
