"""``/api/gallery``: every picture there is, by the SHA-256 of its content: searched, marked, put into the trash."""

from pathlib import Path as File
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from studio.gallery.entry import AnnotationChange, GalleryEntry
from studio.gallery.gallery import PAGE, Gallery
from studio.server.api import entries
from studio.server.api.jobs import Served, found
from studio.server.api.strict import StrictRoute
from studio.ui import uploads

router = APIRouter(prefix="/api/gallery", tags=["Gallery"], route_class=StrictRoute)

KINDS: Final = ("collection", "workflow", "model", "lora", "tag")
_FOREVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}  # an id names a content
_A_DAY: Final = {"Cache-Control": "private, max-age=86400"}
Id = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
One = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class Some(BaseModel):
    """Pictures, by their ids."""

    model_config = ConfigDict(extra="forbid")
    pictures: list[Id] = Field(min_length=1, max_length=10_000)


class Said(Some):
    """What to say of pictures from now on. Tags and collections by name: true puts one on, false takes it off."""

    favourite: bool | None = None
    rating: int | None = Field(None, ge=0, le=5)
    note: str | None = None
    tags: dict[str, bool] = Field({}, max_length=100)
    collections: dict[str, bool] = Field({}, max_length=100)


@router.get("")
def find(
    session: Served, find: str = "", after: str = "", most: Annotated[int, Query(ge=1, le=1000)] = PAGE
) -> dict[str, Any]:
    """What a search finds, newest first; ``next`` of one page is ``after`` of the following."""
    page = session.gallery.find(find, after=after, most=most)
    return {"pictures": [entries.brief(one) for one in page.entries], "next": page.next, "total": page.total}


@router.get("/choices")
def choices(session: Served) -> dict[str, list[dict[str, Any]]]:
    """The collections, workflows, models, LoRAs and tags that pictures have, with how many have each."""
    named = {kind: session.gallery.names(kind) for kind in KINDS}
    return {kind: [{"name": name, "count": count} for name, count in each.items()] for kind, each in named.items()}


@router.post("/refresh")
def refresh(session: Served) -> dict[str, int]:
    """Look through the folders for files that came, changed or went; answers once that is done."""
    seen = session.gallery.refresh()
    return {"read": seen.read, "gone": seen.gone}


@router.patch("")
def mark(said: Said, session: Served) -> list[dict[str, Any]]:
    """Say something of pictures; returns what is now said of them."""
    change = AnnotationChange(**said.model_dump(exclude={"pictures"}))
    known = [_entry(session.gallery, one).id for one in said.pictures]
    session.gallery.mark(known, change)
    return [entries.marked(_entry(session.gallery, one)) for one in known]


@router.post("/trash", status_code=204)
def trash(some: Some, session: Served) -> None:
    """Put pictures into the trash, every copy of them."""
    session.gallery.trash(_files(session.gallery, some))


@router.post("/restore", status_code=204)
def restore(some: Some, session: Served) -> None:
    """Put pictures in the trash back to where they were."""
    session.gallery.restore(_files(session.gallery, some))


@router.get("/{picture}")
def one(picture: One, session: Served) -> dict[str, Any]:
    """One picture: its settings, marks, lineage, and those that look like it."""
    gallery, entry = session.gallery, _entry(session.gallery, picture)
    return {
        **entries.whole(entry, session.settings.output, session.library),
        "lineage": entries.lineage(gallery.lineage(entry.id)),
        "similar": [entries.brief(other.entry) for other in gallery.similar(entry.id)],
    }


@router.get("/{picture}/thumbnail", response_class=Response)
def thumbnail(picture: One, session: Served) -> Response:
    """A small JPEG, at most 320 pixels on its longer side."""
    jpeg = found(session.gallery.thumbnail, picture).read_bytes()
    return Response(jpeg, media_type="image/jpeg", headers=_FOREVER)


@router.get("/{picture}/file", response_class=FileResponse)
def file(picture: One, session: Served) -> FileResponse:
    """The file as it is."""
    return FileResponse(_file(session.gallery, picture), headers=_A_DAY)


def _entry(gallery: Gallery, picture: str) -> GalleryEntry:
    return found(gallery.entry, picture)


def _files(gallery: Gallery, some: Some) -> list[File]:
    return [file for one in some.pictures for file in _entry(gallery, one).files]


def _file(gallery: Gallery, picture: str) -> File:
    """The picture's file, if it still lies in one of the gallery's folders once every link is followed."""
    path = _entry(gallery, picture).path
    inside = any(uploads.contained(folder, str(path)) for folder in gallery.folders)
    if not inside:
        raise HTTPException(404, "the file of this picture is not there any more")
    return path
