"""What the gallery knows of a picture, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from studio.pictures.picture import Picture

Place = Literal["here", "input", "trash"]
"""Among the pictures, only among those that pictures were begun with, or in the trash."""


@dataclass(frozen=True)
class Annotations:
    """What people say of a picture; ``rating`` is 0 (none) to 5."""

    favourite: bool = False
    rating: int = 0
    note: str = ""
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotationChange:
    """What is to be said of a picture from now on; None leaves a thing as it is.

    ``tags`` and ``collections`` say of each name whether the picture has it.
    """

    favourite: bool | None = None
    rating: int | None = None
    note: str | None = None
    tags: Mapping[str, bool] = field(default_factory=dict)
    collections: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class UsedAsset:
    """A model or LoRA that a picture was made with, and what is claimed of its licence."""

    kind: Literal["model", "lora"]
    name: str
    licence: str = ""


@dataclass(frozen=True)
class GalleryEntry:
    """A picture, whatever its files are called: ``id`` is the SHA-256 of its content.

    ``path`` is one of its ``files``, which all hold the same. ``made`` is when it was made, by its record, else when
    its oldest file was written; None where that is beyond all calendars. ``size`` is width and height, ``file_size``
    the bytes of its file. Where ``recorded`` is false it says nothing of how it was made, and ``seed`` is None.
    """

    id: str
    path: Path
    files: tuple[Path, ...]
    place: Place
    made: datetime | None
    size: tuple[int, int]
    file_size: int
    recorded: bool = False
    workflow: str = ""
    title: str = ""
    prompt: str = ""
    negative: str = ""
    seed: int | None = None
    uses: tuple[UsedAsset, ...] = ()
    marks: Annotations = Annotations()

    @property
    def picture(self) -> Picture:
        """The file, with all that it says."""
        return Picture(self.path)


@dataclass(frozen=True)
class GalleryPage:
    """Some of what was found, newest first: ``next`` is what to give as ``after`` for more, "" at the end.

    ``total`` counts all that was found.
    """

    entries: tuple[GalleryEntry, ...]
    next: str
    total: int


@dataclass(frozen=True)
class RelatedPicture:
    """A picture in a lineage: ``input`` is the input that one of the two was for the other.

    ``entry`` is None where the picture is not here any more. ``further`` are those beyond it, away from the picture
    whose lineage it is.
    """

    id: str
    entry: GalleryEntry | None
    input: str
    further: tuple["RelatedPicture", ...] = ()


@dataclass(frozen=True)
class Lineage:
    """What a picture came from, and what came from it; each picture once, and ``more`` where there are too many."""

    ancestors: tuple[RelatedPicture, ...]
    descendants: tuple[RelatedPicture, ...]
    more: bool = False


@dataclass(frozen=True)
class SimilarPicture:
    """A picture that looks like another; ``distance`` is 0 where they look the same, about 100 for black and white."""

    entry: GalleryEntry
    distance: float


@dataclass(frozen=True)
class UnreadableFile:
    """A file that looked like a picture's and could not be read, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class RefreshResult:
    """What looking through the folders found: how many files were read anew, and how many are gone."""

    read: int
    gone: int


@dataclass(frozen=True)
class TrashContents:
    """What is in the trash: which files, and how many bytes they take."""

    files: tuple[Path, ...]
    bytes: int
