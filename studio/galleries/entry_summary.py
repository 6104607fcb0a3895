"""Describes a picture, in words for people and as data for programs."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from studio.galleries.entry import GalleryEntry, Lineage, RelatedPicture
from studio.models.model_summary import gigabytes

_WHERE: Final = {"here": "", "input": " (start picture of others)", "trash": " (in the trash)"}


def line(entry: GalleryEntry) -> str:
    """One line of a list."""
    return f"{entry.path}{_WHERE[entry.place]}"


def about(entry: GalleryEntry) -> Iterator[tuple[str, str]]:
    """Pairs of name and value, without empty ones."""
    yield "id", entry.id
    yield from (("file", f"{file}{_WHERE[entry.place]}") for file in entry.files)
    yield "made", f"{entry.made.astimezone():%Y-%m-%d %H:%M:%S}" if entry.made else "unknown"
    yield "size", f"{entry.size[0]}×{entry.size[1]}, {gigabytes(entry.file_size)}"
    settings = {
        "workflow": entry.workflow,
        "prompt": entry.prompt,
        "negative": entry.negative,
        "seed": "" if entry.seed is None else str(entry.seed),
    }
    yield from _filled(settings)
    yield from ((used.kind, f"{used.name}, licence {used.licence or 'unknown'} (claimed)") for used in entry.uses)
    yield from _filled(_marks(entry))


def family(lineage: Lineage) -> Iterator[tuple[str, str]]:
    """The pictures that it came from and that came from it, one line each, indented by distance."""
    yield from (("came from", name) for name in _tree(lineage.ancestors))
    yield from (("led to", name) for name in _tree(lineage.descendants))
    if lineage.more:
        yield "and more", "too many to list"


def data(entry: GalleryEntry) -> dict[str, Any]:
    """All fields as JSON-compatible data."""
    marks = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(entry.marks).items()}
    return vars(entry) | {
        "path": str(entry.path),
        "files": [str(file) for file in entry.files],
        "made": entry.made.isoformat() if entry.made else None,
        "size": f"{entry.size[0]}x{entry.size[1]}",
        "uses": [vars(used) for used in entry.uses],
        "marks": marks,
    }


def _marks(entry: GalleryEntry) -> dict[str, str]:
    return {
        "rating": "★" * entry.marks.rating,
        "favourite": "yes" if entry.marks.favourite else "",
        "note": entry.marks.note,
        "tags": ", ".join(entry.marks.tags),
        "collections": ", ".join(entry.marks.collections),
    }


def _filled(pairs: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((what, " ".join(how.split())) for what, how in pairs.items() if how)


def _tree(relatives: Iterable[RelatedPicture], depth: int = 0) -> Iterator[str]:
    for one in relatives:
        name = line(one.entry) if one.entry else f"{one.id[:12]}…, which is not here"
        yield f"{'  ' * depth}{name}, as {one.input}"
        yield from _tree(one.further, depth + 1)
