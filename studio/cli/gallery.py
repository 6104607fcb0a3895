"""``studio gallery``: find pictures, say something of them, see what they came from, throw away and bring back."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from studio.cli.terminal import live, rewrite, say
from studio.errors import InputError
from studio.files.untrusted import is_file, is_folder

if TYPE_CHECKING:
    from studio.gallery.entry import GalleryEntry, UnreadableFile
    from studio.gallery.gallery import Gallery

FAILED = 1

Flag = Annotated[bool, Parameter(negative="")]
Names = Annotated[tuple[str, ...], Parameter(negative="")]
Folders = Annotated[tuple[Path, ...], Parameter(name="--folder", negative="")]

app = App(name="gallery", help="The pictures that are here: find, show, mark, trash, restore, empty, rebuild.")


@app.command
def find(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True)],
    folder: Folders = (),
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Print the paths of the pictures that are looked for, newest first. Exit code 1 where there are none.

    studio gallery find star navy workflow:poster rating:4

    Words are looked for in the prompt, the negative prompt, the note, the tags, the file's name and the workflow's
    title; '"red circle"' means both in a row. Filters: workflow:poster, model:spark, lora:neon, licence:apache,
    seed:7, size:512x512 or size:landscape, date:2026-11 or date:2026-11-03..2026-12, rating:4 (or more), tag:print,
    collection:spring, is:favourite, is:input (what others were begun with), is:trash. A dash before one means: not
    that. All must be true.

    Parameters
    ----------
    words:
        What to look for.
    folder:
        Look only in this folder, which is one of the gallery's from now on; may be given several times.
    json_:
        Write all that is known of each picture, one JSON object a line.
    """
    from studio.gallery.entry_summary import data

    count = 0
    with _fresh(folder) as gallery:
        for entry in _found(gallery, " ".join(words), folder):
            say(json.dumps(data(entry)) if json_ else str(entry.path))
            count += 1
    return 0 if count else FAILED


@app.command
def show(picture: str) -> None:
    """Say what is known of a picture: how it was made, its marks, what it came from, what came of it, what is like it.

    Parameters
    ----------
    picture:
        A file, or the beginning of a picture's id.
    """
    from studio.gallery.entry_summary import about, family, line

    with _fresh() as gallery:
        entry = gallery.entry(picture)
        kin = gallery.lineage(entry.id)
        alike = [f"{line(like.entry)}, {like.distance:.1f} apart" for like in gallery.similar(entry.id, 5)]
    before = ""
    for what, how in (*about(entry), *family(kin), *(("similar", one) for one in alike)):
        say(f"{what if what != before else '':12} {how}")
        before = what


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
    """Say what you think of pictures. It is kept beside them, in .studio/marks.jsonl; their files are not touched.

    studio gallery mark pictures/star.png --rate 4 --tag print --collection "Spring 2027" --favourite

    Parameters
    ----------
    pictures:
        Files, or beginnings of pictures' ids.
    rate:
        1 to 5 stars, 0 for none.
    favourite:
        One of your favourites, or not.
    note:
        What you want to remember; "" for nothing.
    tag:
        A tag that they have; may be given several times.
    no_tag:
        A tag that they no longer have.
    collection:
        A collection that they are in; may be given several times.
    no_collection:
        A collection that they are no longer in.
    """
    from studio.gallery.entry import AnnotationChange

    change = AnnotationChange(favourite, rate, note, _set(tag, no_tag), _set(collection, no_collection))
    if change == AnnotationChange():
        raise InputError("say what to mark: --rate, --favourite, --note, --tag or --collection")
    with _fresh() as gallery:
        gallery.mark([gallery.entry(picture).id for picture in _some(pictures)], change)


@app.command
def trash(*pictures: str) -> None:
    """Move pictures to the trash of their folder, .studio/trash; restore brings them back.

    Parameters
    ----------
    pictures:
        Files, or beginnings of pictures' ids for all files of one.
    """
    with _fresh() as gallery:
        for picture in _some(pictures):
            files = [Path(picture)] if is_file(Path(picture)) else gallery.entry(picture).files
            for file, now in zip(files, gallery.trash(files), strict=True):
                say(f"{file} is in the trash: {now}")


@app.command
def restore(*pictures: str) -> None:
    """Bring pictures back from the trash to where they were, never in the place of another.

    Parameters
    ----------
    pictures:
        Files in the trash, as find is:trash prints them, or where they were.
    """
    with _fresh() as gallery:
        for now in (now for picture in _some(pictures) for now in gallery.restore(_thrown(gallery, picture))):
            say(f"brought back {now}")


@app.command
def empty(*, folder: Path | None = None, yes: Flag = False) -> int:
    """Delete what is in the trash, for good, after saying how much that is.

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
    """Make the index anew from the files alone; nothing else is changed.

    Parameters
    ----------
    folder:
        Look through this folder too, from now on; may be given several times.
    """
    from studio.config import Settings
    from studio.gallery.gallery import Gallery

    settings = Settings.from_environment()
    with closing(Gallery.rebuilt(settings.state, [settings.output, *_there(folder)], _progress)) as gallery:
        _report(gallery.unreadable())
        say(f"{_count(gallery.find(most=1).total)} in {', '.join(map(str, gallery.folders)) or 'no folder'}")


@contextmanager
def _fresh(folders: Iterable[Path] = ()) -> "Iterator[Gallery]":
    """The gallery, brought in line with what is in the folders now."""
    from studio.config import Settings
    from studio.gallery.gallery import Gallery

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
    """One line on stderr that rewrites itself, where reading takes a while."""
    if live() and of > 100:
        rewrite("" if read == of else f"reading pictures: {read} of {of}")


def _report(files: "Iterable[UnreadableFile]") -> None:
    for file in files:
        named = file.why if str(file.path) in file.why else f"'{file.path}': {file.why}"
        say(f"studio: left out: {named}", error=True)


def _found(gallery: "Gallery", text: str, folders: Iterable[Path]) -> "Iterator[GalleryEntry]":
    """All that is found, each once, page by page."""
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
        raise InputError("nobody is there to ask; say --yes to delete it")
    return input("delete it for good? [y/N] ").strip().lower() in {"y", "yes"}
