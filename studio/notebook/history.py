"""Earlier runs from the session's queue, whether started in this notebook or elsewhere."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from ipywidgets import Button, HBox, Label, ToggleButton, VBox

from studio.files.untrusted import is_file
from studio.library import Library
from studio.notebook.results import tile
from studio.notebook.widgets import ThumbnailStrip
from studio.pictures.picture import Picture
from studio.runtime.run_handle import Run
from studio.runtime.session import Session

MOST: Final = 60  # pictures and unfinished runs
_EMPTY: Final = "Nothing yet. What you make stays here, also after a restart."
_STATES: Final = {"failed": "Failed", "cancelled": "Stopped", "interrupted": "Interrupted", "unreadable": "Unreadable"}


class History:
    """Closed at first, and read when it is opened. A run that did not finish can be retried."""

    def __init__(self, session: Session, select: Callable[[Picture], None], retry: Callable[[Run], None]) -> None:
        self._session, self._select, self._retry = session, select, retry
        self.strip = ThumbnailStrip(label="Earlier pictures")
        self._chosen: Run | None = None
        self._known: dict[str, Picture | Run] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self.opened = ToggleButton(description="History", tooltip="Earlier pictures", icon="history")
        self.opened.add_class("studio-toggle")
        self.opened.observe(lambda _: self.refresh(), "value")
        self.strip.on_message("chosen", lambda message: self._choose(message["chosen"]))
        self._text, self.again = Label(), Button(description="Try again", tooltip="Generate the missing pictures")
        self.again.on_click(lambda _: self._retry_chosen())
        self._note = HBox([self._text, self.again])
        self._note.add_class("studio-act")
        self.widget = VBox([self.opened, self.strip, self._note])
        self.widget.add_class("studio-results")
        self.refresh()

    def refresh(self) -> None:
        """Read the runs again; nothing is shown while the history is closed."""
        runs = self._session.runs(MOST) if self.opened.value else []
        self._known = dict(islice((one for run in runs for one in _of(run)), MOST))
        self._items = {
            key: self._items.get(key) or _item(key, one, self._session.library) for key, one in self._known.items()
        }
        self.strip.items = list(self._items.values())
        self._show_note(_EMPTY if self.opened.value and not self._known else "")

    def _choose(self, key: str) -> None:
        one = self._known[key]
        self.strip.chosen = key
        if isinstance(one, Picture):
            self._show_note("")
            self._select(one)
        else:
            self._chosen = one
            problem = f": {one.problem}" if one.problem else "."
            self._show_note(f"{_STATES[one.state]}{problem}", again=one.state != "unreadable")

    def _show_note(self, text: str, again: bool = False) -> None:
        self._text.value = text
        self.again.layout.display = "" if again else "none"
        self._note.layout.display = "" if text else "none"

    def _retry_chosen(self) -> None:
        if self._chosen:
            self._show_note("")
            self._retry(self._chosen)


def _of(run: Run) -> list[tuple[str, Picture | Run]]:
    """The run itself if it did not finish, then its pictures whose files still exist, newest first."""
    pictures = [(str(picture.path), picture) for picture in reversed(run.pictures) if is_file(picture.path)]
    return [*([(run.id, run)] if run.state in _STATES else []), *pictures]


def _item(key: str, one: Picture | Run, library: Library) -> dict[str, Any]:
    if isinstance(one, Picture):
        return tile(one, library)
    word = _STATES[one.state]
    row = one.status.row
    label = word if row.unreadable else f"{word}: {row.job.workflow}"
    return {"key": key, "label": label, "jpeg": b"", "word": word}
