"""``studio.gallery()``: all pictures there are in a notebook's cell, to search, to look at, to say something of.

The kernel stays free: what takes longer than a moment (small pictures of a page, lineage, looking through the folders)
happens on threads, and only pages of pictures near the view are sent.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ipywidgets import HTML, Box, HBox, VBox

from studio.api import session as shared_session
from studio.errors import StudioError
from studio.gallery.entry import GalleryEntry
from studio.notebook.image_viewer import Closer, jpeg, title
from studio.notebook.panel import FIRST, Panel
from studio.notebook.widgets import Grid, KernelBanner
from studio.pictures.picture import Picture
from studio.runtime.session import Session
from studio.workflow.workflow import Workflow

_HEAD: Final = "<h2>Gallery</h2><p>Every picture that was made here, and in the folders it knows.</p>"
_PAGE: Final = 60
_AT_ONCE: Final = 500  # pictures in one question to the index


def gallery(query: str = "") -> "Gallery":
    """All pictures, or those that a query finds: ``studio.gallery("star rating:4")``. End a cell with it.

    The query is words and filters as ``studio gallery find --help`` lists them. Raises InputError where it makes no
    sense, OutputError where the index cannot be used.
    """
    return Gallery(shared_session(), query)


class Gallery:
    """What a cell shows, and the same from code: ``find("star rating:4")``, ``chosen``."""

    def __init__(self, session: Session, query: str = "") -> None:
        self._session, self._gallery = session, session.gallery
        self._ids: list[str] = self._gallery.ids(query)
        self._threads = ThreadPoolExecutor(2, "gallery")
        self.grid = Grid(label="Pictures", query=query, page=_PAGE)
        self.closer = Closer(
            self._gallery, session.library, self._kindly(self._use), self._marked, self._show, self._later
        )
        self.panel: Panel | None = None
        self._below = Box()
        self.widget = self._laid_out()
        self._show()
        self.grid.observe(lambda _: self._kindly(self._show)(), "query")
        self.grid.hear("page", lambda asked: self._later(self._send, asked["page"], asked["version"]))
        self.grid.hear("chosen", lambda asked: self._kindly(self._choose)(asked["chosen"], asked["version"]))
        self.grid.hear("refresh", lambda _: self._later(self.refresh))
        self._later(self.refresh)

    def __repr__(self) -> str:
        return f"<gallery of {_counted(len(self._ids))}; run the cell to use it>"

    def _repr_mimebundle_(self, **asked: Any) -> Any:
        return {**self.widget._repr_mimebundle_(**asked), "text/plain": repr(self)}

    @property
    def chosen(self) -> Picture | None:
        """The picture one looks at."""
        return self.closer.entry.picture if self.closer.entry else None

    def find(self, query: str = "") -> list[Picture]:
        """All pictures that a query finds, newest first; raises InputError where it makes no sense."""
        ids = self._gallery.ids(query)
        parts = (ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE))
        known = {one: entry.picture for part in parts for one, entry in self._gallery.entries(part).items()}
        return [known[one] for one in ids if one in known]

    def search(self, query: str) -> None:
        """Show what a query finds; raises InputError where it makes no sense."""
        self._gallery.ids(query)
        self.grid.query = query

    def look(self, picture: Picture) -> None:
        """Show a picture closer; raises InputError where the gallery does not have it."""
        self.closer.look(self._gallery.entry(picture.path).id)
        self._mark_chosen()

    def refresh(self) -> None:
        """Look through the folders for what is new, changed or gone, and show it."""
        seen = self._gallery.refresh(self._reading)
        if seen.read or seen.gone or self.grid.text != _counted(len(self._ids)):
            self._show()

    def _reading(self, read: int, of: int) -> None:
        if of > 100 and not read % 50:
            self.grid.text = f"Looking through the folders: {read:,} of {of:,}"

    def _show(self) -> None:
        """Ask anew what the query finds."""
        self._ids = self._gallery.ids(self.grid.query)
        with self.grid.hold_sync():
            self.grid.total, self.grid.version = len(self._ids), self.grid.version + 1
            self._say(_counted(len(self._ids)))
        self._mark_chosen()

    def _mark_chosen(self) -> None:
        one = self.closer.entry.id if self.closer.entry else ""
        self.grid.chosen = self._ids.index(one) if one in self._ids else -1

    def _choose(self, number: int, version: int) -> None:
        if version == self.grid.version and 0 <= number < len(self._ids):
            self.grid.chosen = number
            self.closer.look(self._ids[number])

    def _send(self, page: int, version: int) -> None:
        ids = self._ids[page * _PAGE : (page + 1) * _PAGE]
        known = self._gallery.entries(ids)
        small = [jpeg(self._gallery, one) if one in known else b"" for one in ids]
        if version == self.grid.version:
            self.grid.send_page(page, version, [_item(known.get(one)) for one in ids], small)

    def _marked(self, picture: str) -> None:
        """What is said of a picture has changed: its page is sent anew."""
        if picture in self._ids:
            self._later(self._send, self._ids.index(picture) // _PAGE, self.grid.version)

    def _use(self, picture: Picture) -> None:
        """Open the form with a picture's settings, below the gallery."""
        if self.panel is None:
            self.panel = Panel(self._session, Workflow.builtin(FIRST), pick=True)
            self.panel.results.strip.observe(lambda _: self._kindly(self._show)(), "items")
            self._below.children = [self.panel.widget]
        self.panel.restore(picture)
        self._say("Its settings are in the form below.")

    def _later(self, work: Callable[..., None], *given: Any) -> None:
        self._threads.submit(self._kindly(work), *given)

    def _kindly(self, work: Callable[..., None]) -> Callable[..., None]:
        """The same, with what goes wrong said above the pictures."""

        def tried(*given: Any) -> None:
            try:
                work(*given)
            except StudioError as error:
                self._say(str(error), problem=True)

        return tried

    def _say(self, words: str, problem: bool = False) -> None:
        with self.grid.hold_sync():
            self.grid.text, self.grid.problem = words, problem

    def _laid_out(self) -> VBox:
        head, columns = HBox([HTML(_HEAD).add_class("studio-title")]), Box([self.grid, self.closer.widget])
        self.grid.add_class("studio-found-side")
        head.add_class("studio-head")
        columns.add_class("studio-columns")
        gallery = VBox([KernelBanner(), head, columns]).add_class("studio")
        return VBox([gallery, self._below])


def _item(entry: GalleryEntry | None) -> dict[str, str]:
    """A picture as the grid shows it."""
    if entry is None:
        return {"label": "No longer here", "word": ""}
    word = "♥" * entry.marks.favourite + "★" * entry.marks.rating
    return {"label": title(entry), "word": word}


def _counted(pictures: int) -> str:
    return f"{pictures:,} picture{'' if pictures == 1 else 's'}"
