"""The right half of the panel: the selected picture, its actions, and the other pictures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ipywidgets import Button, Dropdown, HBox, ToggleButton, VBox

from studio.errors import InputError
from studio.files.untrusted import is_file
from studio.library import Library
from studio.notebook.fields import PICTURES
from studio.notebook.thumbnail import thumbnail
from studio.notebook.widgets import BeforeAfter, PictureView, ThumbnailStrip
from studio.pictures.picture import Picture
from studio.ui.controls import controls
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

EMPTY = "Your picture appears here.\nFill in the form and press Generate."


@dataclass(frozen=True)
class PictureActions:
    """What the buttons do with the selected picture."""

    use: Callable[[Job], None]
    vary: Callable[[Job], None]
    send: Callable[[Picture, str], None]


class Results:
    """Shows pictures and their buttons; knows nothing of forms and runs."""

    def __init__(self, actions: PictureActions, known: Iterable[Workflow], library: Library) -> None:
        self.stage, self.strip = (
            PictureView(label="Picture", empty=EMPTY),
            ThumbnailStrip(label="Pictures of this panel"),
        )
        self.compare = BeforeAfter(layout={"display": "none"})
        self._actions, self._library, self._pictures = actions, library, dict[str, Picture]()
        self._shown: Picture | None = None
        self._before: Path | None = None
        self.toggle = ToggleButton(description="Compare", tooltip="Before and after, with a line to drag")
        self.toggle.observe(lambda _: self._update_comparison(), "value")
        self.use = Button(description="Reuse settings", tooltip="Put the settings and the seed into the form")
        self.use.on_click(lambda _: self._with(self._actions.use))
        self.vary = Button(description="Vary", tooltip="The same settings with a new seed")
        self.vary.on_click(lambda _: self._with(self._actions.vary))
        self.destinations = _destinations(known, self._send)
        self._buttons = HBox([self.use, self.vary, self.toggle, self.destinations], layout={"display": "none"})
        self._buttons.add_class("studio-act")
        self.strip.on_message("chosen", lambda message: self.look(self._pictures[message["chosen"]]))
        self.widget = VBox([self.stage, self.compare, self._buttons, self.strip])
        self.widget.add_class("studio-results")

    @property
    def shown(self) -> Picture | None:
        """The selected picture."""
        return self._shown

    @property
    def pictures(self) -> list[Picture]:
        """All that were added, oldest first."""
        return list(self._pictures.values())

    def preview(self, jpeg: bytes) -> None:
        """Show a preview of the picture that is being generated."""
        self.toggle.value = False
        self._show(jpeg, "Preview of the picture being generated", "Preview", "")

    def add(self, picture: Picture) -> None:
        """Put a finished picture first in the strip, and select it."""
        self._pictures[str(picture.path)] = picture
        self.strip.items = [tile(picture, self._library), *self.strip.items]
        self.look(picture)

    def look(self, picture: Picture) -> None:
        """Select a picture: show it large, with its buttons."""
        if picture != self._shown:
            self._before = _start(picture, self._library) or (self._shown.path if self._shown else None)
        self._shown = picture
        caption = f"{picture.image.width} × {picture.image.height} · seed {picture.job.seed}"
        self._show(picture.path.read_bytes(), describe(picture, self._library), caption, picture.path.name)
        self.strip.chosen = str(picture.path)
        self._buttons.layout.display = ""
        self.toggle.disabled = self._before is None
        self._update_comparison()

    def end_preview(self) -> None:
        """Go back from a preview to the selected picture, or to an empty view."""
        if self._shown:
            self.look(self._shown)
        else:
            self._show(b"", "", "", "")

    def _show(self, picture: bytes, alt: str, caption: str, file: str) -> None:
        with self.stage.hold_sync():
            self.stage.picture, self.stage.alt, self.stage.caption, self.stage.file = picture, alt, caption, file

    def _update_comparison(self) -> None:
        on = self.toggle.value and self._before is not None and self._shown is not None
        if on and self._shown and self._before:
            self.compare.before, self.compare.after = thumbnail(self._before, 1024), self._shown.path.read_bytes()
        self.compare.layout.display = "" if on else "none"
        self.stage.layout.display = "none" if on else ""

    def _with(self, action: Callable[[Job], None]) -> None:
        if self._shown:
            action(self._shown.job)

    def _send(self, workflow: str) -> None:
        if self._shown:
            self._actions.send(self._shown, workflow)


def takes_picture(workflow: Workflow) -> str | None:
    """The name of the input for the picture that a workflow requires; None if it requires none."""
    return next((one.name for one in controls(workflow) if one.kind in PICTURES and one.required), None)


def _destinations(known: Iterable[Workflow], send: Callable[[str], None]) -> Dropdown:
    """A menu of the workflows that require a picture."""
    options = [(workflow.definition.title, workflow.name) for workflow in known if takes_picture(workflow)]
    menu = Dropdown(
        options=[("Send to …", ""), *options],
        value="",
        description="Send to",
        tooltip="Use this picture in another workflow",
    )

    def choose(change: dict[str, str]) -> None:
        if change["new"]:
            menu.value = ""
            send(change["new"])

    menu.observe(choose, "value")
    return menu


def _start(picture: Picture, library: Library) -> Path | None:
    """The picture that this one was made from, if it still exists."""
    name = takes_picture(Workflow.of(picture.job.workflow, picture.job.definition, library))
    value = picture.job.values.get(name) if name else None
    return Path(value) if isinstance(value, str) and is_file(Path(value)) else None


def describe(picture: Picture, library: Library) -> str:
    """The alternative text of a picture: its prompt, or the workflow's title."""
    workflow = Workflow.of(picture.job.workflow, picture.job.definition, library)
    prompts = [picture.job.values.get(c.name) for c in controls(workflow) if c.kind == "prompt" and c.required]
    return next((str(prompt) for prompt in prompts if prompt), workflow.definition.title)


def tile(picture: Picture, library: Library) -> dict[str, object]:
    """A picture as an item of a ``ThumbnailStrip``."""
    try:
        label = f"{describe(picture, library)}, seed {picture.job.seed}"
    except InputError:
        label = picture.path.name
    return {"key": str(picture.path), "label": label, "jpeg": thumbnail(picture.path), "word": ""}
