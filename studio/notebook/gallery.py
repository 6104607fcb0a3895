"""``studio.gallery()``: search, view, rate and tag all pictures in a notebook's cell.

The kernel stays responsive: slow work (thumbnails, lineage, scanning folders) runs on threads, and only the thumbnails
near the view are sent.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ipywidgets import HTML, Box, HBox, VBox

from studio.api import session as shared_session
from studio.errors import StudioError
from studio.galleries.entry import GalleryEntry
from studio.notebook.image_viewer import ImageViewer, jpeg, title
from studio.notebook.panel import FIRST, Panel
from studio.notebook.widgets import KernelBanner, ThumbnailGrid
from studio.pictures.picture import Picture
from studio.runtime.session import Session
from studio.workflow.workflow import Workflow

_HEAD: Final = "<h2>Gallery</h2><p>All pictures in the output folder and in added folders.</p>"
_PAGE: Final = 60
_CHUNK: Final = 500  # pictures in one query of the index


def gallery(query: str = "") -> "GalleryPanel":
    """All pictures, or those that a query finds: ``studio.gallery("star rating:4")``. End a cell with it.

    The query consists of words and filters; ``studio gallery find --help`` lists them. Raises InputError if it is not
    valid, OutputError if the index cannot be used.
    """
    return GalleryPanel(shared_session(), query)


class GalleryPanel:
    """The widget of the gallery; from code: ``find("star rating:4")``, ``chosen``."""

    def __init__(self, session: Session, query: str = "") -> None:
        self._session, self._gallery = session, session.gallery
        self._ids: list[str] = self._gallery.ids(query)
        self._threads = ThreadPoolExecutor(2, "gallery")
        self.grid = ThumbnailGrid(label="Pictures", query=query, page=_PAGE)
        self.viewer = ImageViewer(
            self._gallery, session.library, self._catching(self._use), self._marked, self._show, self._later
        )
        self.panel: Panel | None = None
        self._below = Box()
        self.widget = self._layout()
        self._show()
        self.grid.observe(lambda _: self._catching(self._show)(), "query")
        self.grid.on_message("page", lambda message: self._later(self._send, message["page"], message["version"]))
        self.grid.on_message(
            "chosen", lambda message: self._catching(self._choose)(message["chosen"], message["version"])
        )
        self.grid.on_message("refresh", lambda _: self._later(self.refresh))
        self._later(self.refresh)

    def __repr__(self) -> str:
        return f"<gallery of {_counted(len(self._ids))}; run the cell to use it>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return {**self.widget._repr_mimebundle_(**kwargs), "text/plain": repr(self)}

    @property
    def chosen(self) -> Picture | None:
        """The selected picture."""
        return self.viewer.entry.picture if self.viewer.entry else None

    def find(self, query: str = "") -> list[Picture]:
        """All pictures that a query finds, newest first; raises InputError if it is not valid."""
        ids = self._gallery.ids(query)
        parts = (ids[first : first + _CHUNK] for first in range(0, len(ids), _CHUNK))
        known = {one: entry.picture for part in parts for one, entry in self._gallery.entries(part).items()}
        return [known[one] for one in ids if one in known]

    def search(self, query: str) -> None:
        """Show what a query finds; raises InputError if it is not valid."""
        self._gallery.ids(query)
        self.grid.query = query

    def look(self, picture: Picture) -> None:
        """Select a picture; raises InputError if the gallery does not contain it."""
        self.viewer.select(self._gallery.entry(picture.path).id)
        self._show_chosen()

    def refresh(self) -> None:
        """Scan the folders for new, changed and deleted files, and show the result."""
        scan = self._gallery.refresh(self._show_progress)
        if scan.read or scan.gone or self.grid.text != _counted(len(self._ids)):
            self._show()

    def _show_progress(self, read: int, of: int) -> None:
        if of > 100 and not read % 50:
            self.grid.text = f"Scanning folders: {read:,} of {of:,}"

    def _show(self) -> None:
        """Run the query again."""
        self._ids = self._gallery.ids(self.grid.query)
        with self.grid.hold_sync():
            self.grid.total, self.grid.version = len(self._ids), self.grid.version + 1
            self._show_status(_counted(len(self._ids)))
        self._show_chosen()

    def _show_chosen(self) -> None:
        one = self.viewer.entry.id if self.viewer.entry else ""
        self.grid.chosen = self._ids.index(one) if one in self._ids else -1

    def _choose(self, number: int, version: int) -> None:
        if version == self.grid.version and 0 <= number < len(self._ids):
            self.grid.chosen = number
            self.viewer.select(self._ids[number])

    def _send(self, page: int, version: int) -> None:
        ids = self._ids[page * _PAGE : (page + 1) * _PAGE]
        known = self._gallery.entries(ids)
        thumbnails = [jpeg(self._gallery, one) if one in known else b"" for one in ids]
        if version == self.grid.version:
            self.grid.send_page(page, version, [_item(known.get(one)) for one in ids], thumbnails)

    def _marked(self, picture: str) -> None:
        """Send the page of a picture again whose marks have changed."""
        if picture in self._ids:
            self._later(self._send, self._ids.index(picture) // _PAGE, self.grid.version)

    def _use(self, picture: Picture) -> None:
        """Open the form with a picture's settings, below the gallery."""
        if self.panel is None:
            self.panel = Panel(self._session, Workflow.builtin(FIRST), pick=True)
            self.panel.results.strip.observe(lambda _: self._catching(self._show)(), "items")
            self._below.children = [self.panel.widget]
        self.panel.restore(picture)
        self._show_status("Its settings are in the form below.")

    def _later(self, work: Callable[..., None], *given: Any) -> None:
        self._threads.submit(self._catching(work), *given)

    def _catching(self, work: Callable[..., None]) -> Callable[..., None]:
        """``work``, with errors shown above the pictures."""

        def tried(*given: Any) -> None:
            try:
                work(*given)
            except StudioError as error:
                self._show_status(str(error), problem=True)

        return tried

    def _show_status(self, text: str, problem: bool = False) -> None:
        with self.grid.hold_sync():
            self.grid.text, self.grid.problem = text, problem

    def _layout(self) -> VBox:
        head, columns = HBox([HTML(_HEAD).add_class("studio-title")]), Box([self.grid, self.viewer.widget])
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
