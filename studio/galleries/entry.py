"""What the gallery knows about a picture, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from studio.pictures.picture import Picture

Place = Literal["here", "input", "trash"]
"""In a folder of pictures, only among the start pictures of others, or in the trash."""


@dataclass(frozen=True)
class Annotations:
    """Ratings, tags and notes of a picture; ``rating`` is 0 (none) to 5."""

    favourite: bool = False
    rating: int = 0
    note: str = ""
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotationChange:
    """A change of annotations; None leaves a value as it is.

    ``tags`` and ``collections`` map each name to whether the picture has it.
    """

    favourite: bool | None = None
    rating: int | None = None
    note: str | None = None
    tags: Mapping[str, bool] = field(default_factory=dict)
    collections: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class UsedAsset:
    """A model or LoRA that a picture was made with, and the licence that is claimed for it."""

    kind: Literal["model", "lora"]
    name: str
    licence: str = ""


@dataclass(frozen=True)
class GalleryEntry:
    """A picture, regardless of its file names: ``id`` is the SHA-256 of its content.

    ``path`` is one of its ``files``, which are all equal. ``made`` is the time in its record, or else when its oldest
    file was written; None if no calendar can show it. ``size`` is width and height, ``file_size`` the bytes of its
    file. If ``recorded`` is false, the file does not say how it was made, and ``seed`` is None.
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
        """The file, with its record."""
        return Picture(self.path)


@dataclass(frozen=True)
class GalleryPage:
    """One page of results, newest first: ``next`` is the ``after`` of the next page, "" at the end.

    ``total`` counts all results.
    """

    entries: tuple[GalleryEntry, ...]
    next: str
    total: int


@dataclass(frozen=True)
class RelatedPicture:
    """A picture in a lineage: ``input`` is the input of the one that the other was given for.

    ``entry`` is None if the picture is not in the gallery any more. ``further`` are the pictures beyond it in the same
    direction.
    """

    id: str
    entry: GalleryEntry | None
    input: str
    further: tuple["RelatedPicture", ...] = ()


@dataclass(frozen=True)
class Lineage:
    """The pictures that a picture came from, and those that came from it, each once; ``more`` if there are too many."""

    ancestors: tuple[RelatedPicture, ...]
    descendants: tuple[RelatedPicture, ...]
    more: bool = False


@dataclass(frozen=True)
class SimilarPicture:
    """A picture that looks like another; ``distance`` is 0 if they look the same, about 100 for black and white."""

    entry: GalleryEntry
    distance: float


@dataclass(frozen=True)
class UnreadableFile:
    """A file that looked like a picture but could not be read, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class RefreshResult:
    """The outcome of scanning the folders: how many files were read, and how many are gone."""

    read: int
    gone: int


@dataclass(frozen=True)
class TrashContents:
    """The files in the trash, and how many bytes they take."""

    files: tuple[Path, ...]
    bytes: int
