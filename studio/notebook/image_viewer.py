"""One picture of the gallery, closer: its settings, what is said of it, its kin, and what can be done with it."""

from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Final

from ipywidgets import HTML, Button, HBox, VBox

from studio.errors import OutputError, StudioError
from studio.gallery.entry import AnnotationChange, GalleryEntry, RelatedPicture
from studio.gallery.gallery import Gallery
from studio.library import Library
from studio.notebook.widgets import Marks, Stage, Strip
from studio.pictures.picture import Picture
from studio.ui.controls import controls
from studio.workflow.workflow import Workflow

_EMPTY: Final = "Choose a picture to see it here.\nThe arrow keys go from one to the next."
_KIN: Final = ("Came from", "Led to", "Looks like it")
_NO_RECORD: Final = "This file does not say how it was made"


class Closer:
    """Looks at one picture after the other. ``use`` is given the picture whose settings are wanted, ``marked`` the id
    of one of which something new is said; ``moved`` hears of the trash, and ``later`` runs what takes a while."""

    def __init__(
        self,
        gallery: Gallery,
        library: Library,
        use: Callable[[Picture], None],
        marked: Callable[[str], None],
        moved: Callable[[], None],
        later: Callable[..., None],
    ) -> None:
        self._gallery, self._library = gallery, library
        self._wanted, self._told, self._moved, self._later = use, marked, moved, later
        self.entry: GalleryEntry | None = None
        self.stage, self.marks, self.settings = Stage(label="Picture", empty=_EMPTY), Marks(), HTML()
        self.marks.hear("mark", lambda message: self._tried(lambda: self._mark(AnnotationChange(**message["mark"]))))
        self.use = Button(description="Reuse settings")
        self.use.on_click(lambda _: self._reuse())
        self.trash = Button(description="Move to trash")
        self.trash.on_click(lambda _: self._tried(self._throw))
        self._problem = HTML(layout={"display": "none"})
        self.kin = {word: Strip(label=word) for word in _KIN}
        for strip in self.kin.values():
            strip.hear("chosen", lambda message: self._tried(lambda: self.look(message["chosen"])))
        self._acts = HBox([self.use, self.trash], layout={"display": "none"})
        self._rows = {word: VBox([HTML(f"<h3>{word}</h3>"), strip]) for word, strip in self.kin.items()}
        self.widget = self._laid_out()
        self._relate({})

    def look(self, picture: str) -> None:
        """Show a picture by its id; raises InputError where the gallery does not have it, OutputError where its file
        cannot be read."""
        entry = self._gallery.entry(picture)
        try:
            data = entry.path.read_bytes()
        except OSError as error:
            raise OutputError(f"'{entry.path}' cannot be read: {error.strerror or error}; refresh") from None
        with self.stage.hold_sync():
            self.stage.picture, self.stage.alt, self.stage.file = data, title(entry), entry.path.name
            self.stage.caption = f"{entry.size[0]} × {entry.size[1]}"
        self._acts.layout.display = ""
        self.settings.value = f'<dl class="studio-settings">{"".join(map(_row, settings(entry, self._library)))}</dl>'
        self._relate({})
        self._show(entry)
        self._later(self._find_kin, entry.id)

    def _show(self, entry: GalleryEntry) -> None:
        """What is said of the picture, and what can be done with it."""
        self.entry = entry
        told = entry.recorded or bool(entry.title)  # of another tool's picture its name is the title
        self.use.disabled, self.use.tooltip = not told, "" if told else _NO_RECORD
        self.trash.description = "Put back" if entry.place == "trash" else "Move to trash"
        known = {f"{kind}s": list(self._gallery.names(kind)) for kind in ("tag", "collection")}
        said = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(entry.marks).items()}
        with self.marks.hold_sync():
            self.marks.known, self.marks.said = known, said

    def _mark(self, change: AnnotationChange) -> None:
        if self.entry:
            self._gallery.mark([self.entry.id], change)
            self._show(self._gallery.entry(self.entry.id))
            self._told(self.entry.id)

    def _reuse(self) -> None:
        if self.entry:
            self._wanted(self.entry.picture)

    def _throw(self) -> None:
        """Into the trash, or out of it."""
        if self.entry:
            move = self._gallery.restore if self.entry.place == "trash" else self._gallery.trash
            move(self.entry.files)
            self._show(self._gallery.entry(self.entry.id))
            self._moved()

    def _find_kin(self, picture: str) -> None:
        kin, similar = self._gallery.lineage(picture), self._gallery.similar(picture)
        alike = [like.entry for like in similar]
        found = dict(zip(_KIN, (list(_flat(kin.ancestors)), list(_flat(kin.descendants)), alike), strict=True))
        tiles = {word: [self._tile(entry) for entry in entries] for word, entries in found.items()}
        if self.entry and self.entry.id == picture:
            self._relate(tiles)

    def _relate(self, tiles: dict[str, list[dict[str, Any]]]) -> None:
        for word, strip in self.kin.items():
            strip.items = tiles.get(word, [])
            self._rows[word].layout.display = "" if strip.items else "none"

    def _tile(self, entry: GalleryEntry) -> dict[str, Any]:
        return {"key": entry.id, "label": title(entry), "jpeg": jpeg(self._gallery, entry.id), "word": ""}

    def _tried(self, work: Callable[[], None]) -> None:
        """Do it; what goes wrong is said below the buttons."""
        try:
            work()
            self._problem.layout.display = "none"
        except StudioError as error:
            self._problem.value = f'<span role="alert">{escape(str(error))}</span>'
            self._problem.layout.display = ""

    def _laid_out(self) -> VBox:
        self._acts.add_class("studio-act")
        self._problem.add_class("studio-error")
        kin = VBox(list(self._rows.values())).add_class("studio-kin")
        side = VBox([self.stage, self._acts, self._problem, self.marks, self.settings, kin])
        return side.add_class("studio-side")


def title(entry: GalleryEntry) -> str:
    """What a picture shows, for those who cannot see it: its prompt, its title, or its file's name."""
    return " ".join((entry.prompt or entry.title or entry.path.name).split())


def jpeg(gallery: Gallery, picture: str) -> bytes:
    """The small copy of a picture; b"" where it cannot be read."""
    try:
        return gallery.thumbnail(picture).read_bytes()
    except (OSError, StudioError):
        return b""


def settings(entry: GalleryEntry, library: Library) -> Iterator[tuple[str, str]]:
    """How a picture was made, by the labels that its form has; then what its file is."""
    if entry.recorded:
        job = entry.picture.job
        workflow = Workflow.of(job.workflow, job.definition, library)
        labels = {control.name: control.label for control in controls(workflow)}
        yield "Workflow", entry.title or job.workflow
        told = {name: value for name, value in job.values.items() if name not in ("model", "loras")}
        said = {name: value for name, value in told.items() if value not in (None, "", [], False)}
        yield from ((labels.get(name, name), _words(value)) for name, value in said.items())
        yield "Seed", str(job.seed)
    else:
        yield from _foreign(entry)
    yield from (("LoRA" if used.kind == "lora" else "Model", _licensed(used.name, used.licence)) for used in entry.uses)
    yield "Made", f"{entry.made.astimezone():%Y-%m-%d %H:%M}" if entry.made else "unknown"
    yield from (("File", str(file)) for file in entry.files)


def _foreign(entry: GalleryEntry) -> Iterator[tuple[str, str]]:
    """What another tool says in its file; the form tells which of its settings can be used."""
    seed = "" if entry.seed is None else str(entry.seed)
    said = {"Made with": entry.title, "Prompt": entry.prompt, "Negative prompt": entry.negative, "Seed": seed}
    yield from ((label, value) for label, value in said.items() if value)
    if not entry.title:
        yield "Settings", _NO_RECORD


def _licensed(name: str, licence: str) -> str:
    return f"{name}, licence {licence or 'unknown'} (claimed)"


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _row(pair: tuple[str, str]) -> str:
    return f"<dt>{escape(pair[0])}</dt><dd>{escape(pair[1])}</dd>"


def _flat(relatives: Iterable[RelatedPicture]) -> Iterator[GalleryEntry]:
    """Those that are still here, each before those beyond it."""
    for one in relatives:
        if one.entry:
            yield one.entry
        yield from _flat(one.further)
