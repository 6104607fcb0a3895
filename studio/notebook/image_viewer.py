"""The detail view of a picture in the gallery: its settings, marks, lineage and actions."""

from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Final

from ipywidgets import HTML, Button, HBox, VBox

from studio.errors import OutputError, StudioError
from studio.galleries.entry import AnnotationChange, GalleryEntry, RelatedPicture
from studio.galleries.gallery import Gallery
from studio.library import Library
from studio.notebook.widgets import MarksEditor, PictureView, ThumbnailStrip
from studio.pictures.picture import Picture
from studio.ui.controls import controls
from studio.workflow.workflow import Workflow

_EMPTY: Final = "Choose a picture to see it here.\nThe arrow keys go from one to the next."
_RELATED: Final = ("Came from", "Led to", "Looks like it")
_NO_RECORD: Final = "This file does not say how it was made"


class ImageViewer:
    """Shows one picture at a time.

    Callbacks: ``reuse`` gets the picture whose settings are wanted, ``on_mark`` the id of a picture whose marks have
    changed; ``on_move`` is called after a move to or from the trash; ``later`` runs slow work on another thread.
    """

    def __init__(
        self,
        gallery: Gallery,
        library: Library,
        reuse: Callable[[Picture], None],
        on_mark: Callable[[str], None],
        on_move: Callable[[], None],
        later: Callable[..., None],
    ) -> None:
        self._gallery, self._library = gallery, library
        self._reuse, self._on_mark, self._on_move, self._later = reuse, on_mark, on_move, later
        self.entry: GalleryEntry | None = None
        self.stage, self.marks, self.settings = PictureView(label="Picture", empty=_EMPTY), MarksEditor(), HTML()
        self.marks.on_message("mark", lambda said: self._try(lambda: self._mark(AnnotationChange(**said["mark"]))))
        self.use = Button(description="Reuse settings")
        self.use.on_click(lambda _: self._reuse_settings())
        self.trash = Button(description="Move to trash")
        self.trash.on_click(lambda _: self._try(self._trash_or_restore))
        self._problem = HTML(layout={"display": "none"})
        self.related = {word: ThumbnailStrip(label=word) for word in _RELATED}
        for strip in self.related.values():
            strip.on_message("chosen", lambda message: self._try(lambda: self.select(message["chosen"])))
        self._buttons = HBox([self.use, self.trash], layout={"display": "none"})
        self._rows = {word: VBox([HTML(f"<h3>{word}</h3>"), strip]) for word, strip in self.related.items()}
        self.widget = self._layout()
        self._show_related({})

    def select(self, picture: str) -> None:
        """Show a picture by its id.

        Raises InputError if the gallery does not contain it, OutputError if its file cannot be read.
        """
        entry = self._gallery.entry(picture)
        try:
            data = entry.path.read_bytes()
        except OSError as error:
            raise OutputError(f"'{entry.path}' cannot be read: {error.strerror or error}; refresh") from None
        with self.stage.hold_sync():
            self.stage.picture, self.stage.alt, self.stage.file = data, title(entry), entry.path.name
            self.stage.caption = f"{entry.size[0]} × {entry.size[1]}"
        self._buttons.layout.display = ""
        self.settings.value = f'<dl class="studio-settings">{"".join(map(_row, settings(entry, self._library)))}</dl>'
        self._show_related({})
        self._show(entry)
        self._later(self._find_related, entry.id)

    def _show(self, entry: GalleryEntry) -> None:
        """Show a picture's marks, and enable its buttons."""
        self.entry = entry
        has_settings = entry.recorded or bool(entry.title)  # another tool's picture has its name as title
        self.use.disabled, self.use.tooltip = not has_settings, "" if has_settings else _NO_RECORD
        self.trash.description = "Put back" if entry.place == "trash" else "Move to trash"
        known = {f"{kind}s": list(self._gallery.names(kind)) for kind in ("tag", "collection")}
        marks = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(entry.marks).items()}
        with self.marks.hold_sync():
            self.marks.known, self.marks.marks = known, marks

    def _mark(self, change: AnnotationChange) -> None:
        if self.entry:
            self._gallery.mark([self.entry.id], change)
            self._show(self._gallery.entry(self.entry.id))
            self._on_mark(self.entry.id)

    def _reuse_settings(self) -> None:
        if self.entry:
            self._reuse(self.entry.picture)

    def _trash_or_restore(self) -> None:
        if self.entry:
            move = self._gallery.restore if self.entry.place == "trash" else self._gallery.trash
            move(self.entry.files)
            self._show(self._gallery.entry(self.entry.id))
            self._on_move()

    def _find_related(self, picture: str) -> None:
        lineage = self._gallery.lineage(picture)
        similar = [each.entry for each in self._gallery.similar(picture)]
        found = dict(
            zip(_RELATED, (list(_flat(lineage.ancestors)), list(_flat(lineage.descendants)), similar), strict=True)
        )
        tiles = {word: [self._tile(entry) for entry in entries] for word, entries in found.items()}
        if self.entry and self.entry.id == picture:
            self._show_related(tiles)

    def _show_related(self, tiles: dict[str, list[dict[str, Any]]]) -> None:
        for word, strip in self.related.items():
            strip.items = tiles.get(word, [])
            self._rows[word].layout.display = "" if strip.items else "none"

    def _tile(self, entry: GalleryEntry) -> dict[str, Any]:
        return {"key": entry.id, "label": title(entry), "jpeg": jpeg(self._gallery, entry.id), "word": ""}

    def _try(self, work: Callable[[], None]) -> None:
        """Call ``work``; an error is shown below the buttons."""
        try:
            work()
            self._problem.layout.display = "none"
        except StudioError as error:
            self._problem.value = f'<span role="alert">{escape(str(error))}</span>'
            self._problem.layout.display = ""

    def _layout(self) -> VBox:
        self._buttons.add_class("studio-act")
        self._problem.add_class("studio-error")
        related = VBox(list(self._rows.values())).add_class("studio-related")
        side = VBox([self.stage, self._buttons, self._problem, self.marks, self.settings, related])
        return side.add_class("studio-side")


def title(entry: GalleryEntry) -> str:
    """The alternative text of a picture: its prompt, its title, or its file's name."""
    return " ".join((entry.prompt or entry.title or entry.path.name).split())


def jpeg(gallery: Gallery, picture: str) -> bytes:
    """The thumbnail of a picture; b"" if it cannot be read."""
    try:
        return gallery.thumbnail(picture).read_bytes()
    except (OSError, StudioError):
        return b""


def settings(entry: GalleryEntry, library: Library) -> Iterator[tuple[str, str]]:
    """A picture's settings with the labels of its form, then its file."""
    if entry.recorded:
        job = entry.picture.job
        workflow = Workflow.of(job.workflow, job.definition, library)
        labels = {control.name: control.label for control in controls(workflow)}
        yield "Workflow", entry.title or job.workflow
        values = {name: value for name, value in job.values.items() if name not in ("model", "loras")}
        given = {name: value for name, value in values.items() if value not in (None, "", [], False)}
        yield from ((labels.get(name, name), _text(value)) for name, value in given.items())
        yield "Seed", str(job.seed)
    else:
        yield from _foreign(entry)
    yield from (("LoRA" if used.kind == "lora" else "Model", _licensed(used.name, used.licence)) for used in entry.uses)
    yield "Made", f"{entry.made.astimezone():%Y-%m-%d %H:%M}" if entry.made else "unknown"
    yield from (("File", str(file)) for file in entry.files)


def _foreign(entry: GalleryEntry) -> Iterator[tuple[str, str]]:
    """The settings of another tool; the form shows which of them can be used."""
    seed = "" if entry.seed is None else str(entry.seed)
    found = {"Made with": entry.title, "Prompt": entry.prompt, "Negative prompt": entry.negative, "Seed": seed}
    yield from ((label, value) for label, value in found.items() if value)
    if not entry.title:
        yield "Settings", _NO_RECORD


def _licensed(name: str, licence: str) -> str:
    return f"{name}, licence {licence or 'unknown'} (claimed)"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _row(pair: tuple[str, str]) -> str:
    return f"<dt>{escape(pair[0])}</dt><dd>{escape(pair[1])}</dd>"


def _flat(relatives: Iterable[RelatedPicture]) -> Iterator[GalleryEntry]:
    """The pictures that still exist, each before its own relatives."""
    for one in relatives:
        if one.entry:
            yield one.entry
        yield from _flat(one.further)
