"""An executor whose pictures are put into the gallery."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass

from studio.pictures.picture import Picture
from studio.runtime.events import Watch
from studio.runtime.executors.executor import Executor
from studio.runtime.picture_request import PictureRequest, PictureResult


@dataclass(frozen=True)
class GalleryExecutor:
    """Calls ``add`` with each picture of another executor as soon as its file is complete, and ``opening`` before."""

    executor: Executor
    add: Callable[[Picture], None]
    opening: Callable[[], None]

    @property
    def lanes(self) -> int:
        return self.executor.lanes

    def execute(
        self, requests: Iterable[PictureRequest], watch: Watch, *, previews: bool = False, total: int | None = None
    ) -> Generator[PictureResult, None, None]:
        """As the other executor does."""
        self.opening()
        with closing(self.executor.execute(requests, watch, previews=previews, total=total)) as results:
            for request, made in results:
                if isinstance(made, Picture):
                    self.add(made)
                yield request, made

    def close(self) -> None:
        self.executor.close()
