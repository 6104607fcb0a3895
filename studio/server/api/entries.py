"""Pictures of the gallery as JSON, in three levels of detail."""

from pathlib import Path
from typing import Any, Final

from studio.errors import InputError
from studio.galleries.entry import GalleryEntry, Lineage, RelatedPicture
from studio.imports.importing import import_file
from studio.library import Library
from studio.server.api import serializers
from studio.ui.uploads import picture_id
from studio.workflow.job import Job

_MAX_TITLE: Final = 200  # characters


def brief(entry: GalleryEntry) -> dict[str, Any]:
    """What a page of thumbnails shows."""
    return {
        "id": entry.id,
        "title": (entry.prompt or entry.title or entry.path.name)[:_MAX_TITLE],
        "width": entry.size[0],
        "height": entry.size[1],
        "place": entry.place,
        "favourite": entry.marks.favourite,
        "rating": entry.marks.rating,
        "thumbnail": f"/api/gallery/{entry.id}/thumbnail",
    }


def marked(entry: GalleryEntry) -> dict[str, Any]:
    """The brief form with note, tags and collections."""
    marks = entry.marks
    return {**brief(entry), "note": marks.note, "tags": list(marks.tags), "collections": list(marks.collections)}


def whole(entry: GalleryEntry, output: Path, library: Library) -> dict[str, Any]:
    """The marked form with the file's settings; ``picture`` is its id, None if it is not in the output folder."""
    return {
        **marked(entry),
        "name": entry.path.name,
        "copies": len(entry.files),
        "picture": picture_id(output, entry.path),
        "url": f"/api/gallery/{entry.id}/file",
        "made": entry.made.isoformat() if entry.made else None,
        "prompt": entry.prompt,
        "workflow": entry.workflow,
        "workflow_title": entry.title,
        "uses": [{"kind": used.kind, "name": used.name, "licence": used.licence} for used in entry.uses],
        **_settings(entry, output, library),
    }


def _settings(entry: GalleryEntry, output: Path, library: Library) -> dict[str, Any]:
    """The settings and their labels; ``recipe`` is None if the file contains none."""
    try:
        found = import_file(entry.path, library, shipped=True)
    except InputError:
        return {"recipe": None, "labels": {}}
    labels = serializers.labels(found) if isinstance(found, Job) else {}
    return {"recipe": serializers.recipe(found, output), "labels": labels}


def lineage(found: Lineage) -> dict[str, Any]:
    """Ancestors and descendants as trees."""
    return {
        "ancestors": [_relative(one) for one in found.ancestors],
        "descendants": [_relative(one) for one in found.descendants],
    }


def _relative(one: RelatedPicture) -> dict[str, Any]:
    return {
        "id": one.id,
        "picture": brief(one.entry) if one.entry else None,
        "input": one.input,
        "further": [_relative(other) for other in one.further],
    }
