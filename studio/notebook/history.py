"""Earlier runs, of this notebook and of everywhere else, from the session's own record."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from ipywidgets import Button, HBox, Label, ToggleButton, VBox

from studio.files.untrusted import is_file
from studio.library import Library
from studio.notebook.results import tile
from studio.notebook.widgets import Strip
from studio.pictures.picture import Picture
from studio.runtime.run_handle import Run
from studio.runtime.session import Session

MOST: Final = 60  # pictures and unfinished runs that are shown
_EMPTY: Final = "Nothing yet. What you make stays here, also after a restart."
_WORDS: Final = {"failed": "Failed", "cancelled": "Stopped", "interrupted": "Interrupted", "unreadable": "Set aside"}


class History:
    """Closed at first, and read when it is opened. A run that did not finish can be tried again."""

    def __init__(self, session: Session, look: Callable[[Picture], None], retry: Callable[[Run], None]) -> None:
        self._session, self._look, self._retry = session, look, retry
        self.strip = Strip(label="Earlier pictures")
        self._chosen: Run | None = None
        self._known: dict[str, Picture | Run] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self.opened = ToggleButton(description="History", tooltip="What was made before", icon="history")
        self.opened.add_class("studio-toggle")
        self.opened.observe(lambda _: self.refresh(), "value")
        self.strip.hear("chosen", lambda message: self._choose(message["chosen"]))
        self._words, self.again = Label(), Button(description="Try again", tooltip="Make what is missing")
        self.again.on_click(lambda _: self._try())
        self._note = HBox([self._words, self.again])
        self._note.add_class("studio-act")
        self.widget = VBox([self.opened, self.strip, self._note])
        self.widget.add_class("studio-results")
        self.refresh()

    def refresh(self) -> None:
        """Read what there is now; nothing while it is closed."""
        runs = self._session.runs(MOST) if self.opened.value else []
        self._known = dict(islice((one for run in runs for one in _of(run)), MOST))
        self._items = {
            key: self._items.get(key) or _item(key, one, self._session.library) for key, one in self._known.items()
        }
        self.strip.items = list(self._items.values())
        self._say(_EMPTY if self.opened.value and not self._known else "")

    def _choose(self, key: str) -> None:
        one = self._known[key]
        self.strip.chosen = key
        if isinstance(one, Picture):
            self._say("")
            self._look(one)
        else:
            self._chosen = one
            problem = f": {one.problem}" if one.problem else "."
            self._say(f"{_WORDS[one.state]}{problem}", again=one.state != "unreadable")

    def _say(self, words: str, again: bool = False) -> None:
        self._words.value = words
        self.again.layout.display = "" if again else "none"
        self._note.layout.display = "" if words else "none"

    def _try(self) -> None:
        if self._chosen:
            self._say("")
            self._retry(self._chosen)


def _of(run: Run) -> list[tuple[str, Picture | Run]]:
    """A run's pictures whose files are still there, newest first; before them the run itself if it did not finish."""
    pictures = [(str(picture.path), picture) for picture in reversed(run.pictures) if is_file(picture.path)]
    return [*([(run.id, run)] if run.state in _WORDS else []), *pictures]


def _item(key: str, one: Picture | Run, library: Library) -> dict[str, Any]:
    if isinstance(one, Picture):
        return tile(one, library)
    word = _WORDS[one.state]
    row = one.status.row
    label = word if row.unreadable else f"{word}: {row.job.workflow}"
    return {"key": key, "label": label, "jpeg": b"", "word": word}
