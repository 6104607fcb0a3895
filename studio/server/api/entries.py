"""Pictures of the gallery as JSON: for a page of many, for what is said of one, and all of one."""

from pathlib import Path
from typing import Any, Final

from studio.errors import InputError
from studio.gallery.entry import GalleryEntry, Lineage, RelatedPicture
from studio.imports.importing import import_file
from studio.library import Library
from studio.server.api import serializers
from studio.ui.uploads import picture_id
from studio.workflow.job import Job

_TITLE: Final = 200  # letters that are enough to tell pictures apart


def brief(entry: GalleryEntry) -> dict[str, Any]:
    """What a page of many shows."""
    return {
        "id": entry.id,
        "title": (entry.prompt or entry.title or entry.path.name)[:_TITLE],
        "width": entry.size[0],
        "height": entry.size[1],
        "place": entry.place,
        "favourite": entry.marks.favourite,
        "rating": entry.marks.rating,
        "thumbnail": f"/api/gallery/{entry.id}/thumbnail",
    }


def marked(entry: GalleryEntry) -> dict[str, Any]:
    """With all that people say of it."""
    marks = entry.marks
    return {**brief(entry), "note": marks.note, "tags": list(marks.tags), "collections": list(marks.collections)}


def whole(entry: GalleryEntry, output: Path, library: Library) -> dict[str, Any]:
    """With all that its file says; ``picture`` is its place in the output folder, None where it lies elsewhere."""
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
    """What makes it again, and the workflow's words for it; ``recipe`` is None where the file does not say."""
    try:
        found = import_file(entry.path, library, shipped=True)
    except InputError:
        return {"recipe": None, "labels": {}}
    labels = serializers.labels(found) if isinstance(found, Job) else {}
    return {"recipe": serializers.recipe(found, output), "labels": labels}


def lineage(found: Lineage) -> dict[str, Any]:
    """Both ways, as trees."""
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
