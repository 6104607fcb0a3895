"""``studio gallery``: find, show, rate, tag, trash and restore pictures."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from studio.cli.options import JsonOption
from studio.cli.terminal import live, rewrite, say
from studio.errors import InputError
from studio.files.untrusted import is_file, is_folder

if TYPE_CHECKING:
    from studio.galleries.entry import GalleryEntry, UnreadableFile
    from studio.galleries.gallery import Gallery

FAILED = 1

Flag = Annotated[bool, Parameter(negative="")]
Names = Annotated[tuple[str, ...], Parameter(negative="")]
Folders = Annotated[tuple[Path, ...], Parameter(name="--folder", negative="")]

app = App(name="gallery")


@app.command
def find(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True)],
    folder: Folders = (),
    json_: JsonOption = False,
) -> int:
    """Print the paths of matching pictures, newest first. Exit code 1 means that there are none.

    studio gallery find star navy workflow:poster rating:4

    Words are searched in the prompt, the negative prompt, the note, the tags, the file name and the workflow's title;
    '"red circle"' searches for a phrase. Filters: workflow:poster, model:spark, lora:neon, licence:apache, seed:7,
    size:512x512 or size:landscape, date:2026-11 or date:2026-11-03..2026-12, rating:4 (or more), tag:print,
    collection:spring, is:favourite, is:input (start pictures of others), is:trash. A dash before a term excludes it.
    All terms must match.

    Parameters
    ----------
    words:
        Words and filters.
    folder:
        Search only this folder, and add it to the gallery. May be repeated.
    json_:
        Print everything about each picture as a line of JSON.
    """
    from studio.galleries.entry_summary import data

    count = 0
    with _fresh(folder) as gallery:
        for entry in _found(gallery, " ".join(words), folder):
            say(json.dumps(data(entry)) if json_ else str(entry.path))
            count += 1
    return 0 if count else FAILED


@app.command
def show(picture: str) -> None:
    """Show a picture's settings, marks, lineage and similar pictures.

    Parameters
    ----------
    picture:
        A file, or the start of a picture's id.
    """
    from studio.galleries.entry_summary import about, family, line

    with _fresh() as gallery:
        entry = gallery.entry(picture)
        lineage = gallery.lineage(entry.id)
        similar = [f"{line(like.entry)}, {like.distance:.1f} apart" for like in gallery.similar(entry.id, 5)]
    before = ""
    for label, text in (*about(entry), *family(lineage), *(("similar", one) for one in similar)):
        say(f"{label if label != before else '':12} {text}")
        before = label


@app.command
def mark(
    *pictures: str,
    rate: int | None = None,
    favourite: bool | None = None,
    note: str | None = None,
    tag: Names = (),
    no_tag: Names = (),
    collection: Names = (),
    no_collection: Names = (),
) -> None:
    """Rate and tag pictures. Marks are kept beside the pictures in .studio/marks.jsonl; their files are not changed.

    studio gallery mark pictures/star.png --rate 4 --tag print --collection "Spring 2027" --favourite

    Parameters
    ----------
    pictures:
        Files, or the start of pictures' ids.
    rate:
        1 to 5 stars, 0 for none.
    favourite:
        Add to your favourites, or remove.
    note:
        A note; "" removes it.
    tag:
        A tag to add. May be repeated.
    no_tag:
        A tag to remove.
    collection:
        A collection to add them to. May be repeated.
    no_collection:
        A collection to remove them from.
    """
    from studio.galleries.entry import AnnotationChange

    change = AnnotationChange(favourite, rate, note, _set(tag, no_tag), _set(collection, no_collection))
    if change == AnnotationChange():
        raise InputError("nothing to change; give --rate, --favourite, --note, --tag or --collection")
    with _fresh() as gallery:
        gallery.mark([gallery.entry(picture).id for picture in _some(pictures)], change)


@app.command
def trash(*pictures: str) -> None:
    """Move pictures to the trash of their folder, .studio/trash.

    Parameters
    ----------
    pictures:
        Files, or the start of a picture's id for all its copies.
    """
    with _fresh() as gallery:
        for picture in _some(pictures):
            files = [Path(picture)] if is_file(Path(picture)) else gallery.entry(picture).files
            for file, now in zip(files, gallery.trash(files), strict=True):
                say(f"{file} is in the trash: {now}")


@app.command
def restore(*pictures: str) -> None:
    """Move pictures back from the trash to where they were, without overwriting anything.

    Parameters
    ----------
    pictures:
        Files in the trash, as find is:trash prints them, or their original paths.
    """
    with _fresh() as gallery:
        for now in (now for picture in _some(pictures) for now in gallery.restore(_thrown(gallery, picture))):
            say(f"restored {now}")


@app.command
def empty(*, folder: Path | None = None, yes: Flag = False) -> int:
    """Permanently delete the pictures in the trash, after asking.

    Parameters
    ----------
    folder:
        Only the trash in this folder.
    yes:
        Delete without asking.
    """
    from studio.models.model_summary import gigabytes

    with _fresh(() if folder is None else (folder,)) as gallery:
        thrown = gallery.in_trash(folder)
        say(f"in the trash: {_count(len(thrown.files))}, {gigabytes(thrown.bytes)}")
        if thrown.files and not (yes or _agreed()):
            say("nothing was deleted")
            return FAILED
        gallery.empty(thrown)
    return 0


@app.command
def rebuild(*, folder: Folders = ()) -> None:
    """Rebuild the index from the files. Nothing else is changed.

    Parameters
    ----------
    folder:
        Add this folder to the gallery. May be repeated.
    """
    from studio.config import Settings
    from studio.galleries.gallery import Gallery

    settings = Settings.from_environment()
    with closing(Gallery.rebuilt(settings.state, [settings.output, *_there(folder)], _progress)) as gallery:
        _report(gallery.unreadable())
        say(f"{_count(gallery.find(most=1).total)} in {', '.join(map(str, gallery.folders)) or 'no folder'}")


@contextmanager
def _fresh(folders: Iterable[Path] = ()) -> "Iterator[Gallery]":
    """The gallery, refreshed from the folders."""
    from studio.config import Settings
    from studio.galleries.gallery import Gallery

    settings = Settings.from_environment()
    with closing(Gallery(settings.state, [settings.output, *_there(folders)])) as gallery:
        known = set(gallery.unreadable())
        gallery.refresh(_progress)
        _report(file for file in gallery.unreadable() if file not in known)
        yield gallery


def _there(folders: Iterable[Path]) -> list[Path]:
    for folder in (folders := list(folders)):
        if not is_folder(folder):
            raise InputError(f"there is no folder '{folder}'")
    return folders


def _progress(read: int, of: int) -> None:
    """Show progress on stderr if there is much to read."""
    if live() and of > 100:
        rewrite("" if read == of else f"reading pictures: {read} of {of}")


def _report(files: "Iterable[UnreadableFile]") -> None:
    for file in files:
        named = file.why if str(file.path) in file.why else f"'{file.path}': {file.why}"
        say(f"studio: skipped: {named}", error=True)


def _found(gallery: "Gallery", text: str, folders: Iterable[Path]) -> "Iterator[GalleryEntry]":
    """All results without duplicates, page by page."""
    seen: set[str] = set()
    for folder in folders or (None,):
        after = ""
        while True:
            page = gallery.find(text, after=after, most=500, folder=folder)
            yield from (entry for entry in page.entries if entry.id not in seen)
            seen |= {entry.id for entry in page.entries}
            if not (after := page.next):
                break


def _thrown(gallery: "Gallery", picture: str) -> list[Path]:
    if not (files := gallery.find_in_trash(picture)):
        raise InputError(f"'{picture}' is not in the trash; see: studio gallery find is:trash")
    return files


def _set(has: Iterable[str], has_not: Iterable[str]) -> dict[str, bool]:
    return dict.fromkeys(has, True) | dict.fromkeys(has_not, False)


def _some(pictures: tuple[str, ...]) -> tuple[str, ...]:
    if not pictures:
        raise InputError("name at least one picture")
    return pictures


def _count(pictures: int) -> str:
    return f"{pictures:,} picture{'' if pictures == 1 else 's'}"


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask; give --yes to delete it")
    return input("delete permanently? [y/N] ").strip().lower() in {"y", "yes"}
