"""Makes a batch of the queue, and publishes what becomes of each row."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from studio.batches.batch import Batch
from studio.batches.run_batch import fill
from studio.pictures.picture import Picture
from studio.runtime.events import Event, Step, Watch
from studio.runtime.executors.executor import Executor, problem_of, stoppable
from studio.runtime.picture_request import PictureRequest, PictureResult


class BatchOptions(BaseModel):
    """What to make of a batch: what is missing, or with ``retry`` what failed, or ``only`` the picture of that key."""

    retry: bool = False
    only: str = ""


@dataclass(frozen=True)
class RowDone(Event):
    """A task is over: its picture is ``file``, or there is none because of ``problem``."""

    is_state: ClassVar[bool] = False
    key: str
    file: str
    problem: str


def run_batch(
    batch: Batch, folder: Path, options: BatchOptions, executor: Executor, publish: Watch, stopped: Callable[[], bool]
) -> None:
    """Make what the options say. Publishes Steps that count over the whole batch, and a RowDone for each task."""
    watch = stoppable(stopped, lambda event: publish(event) if isinstance(event, Step) else None)
    fill(batch, folder, _RowReporter(executor, publish), watch, options.retry, only=options.only)


@dataclass(frozen=True)
class _RowReporter:
    """An executor that publishes each result with the key of its task, once the batch has noted it."""

    executor: Executor
    publish: Watch

    @property
    def lanes(self) -> int:
        return self.executor.lanes

    def execute(
        self, requests: Iterable[PictureRequest], watch: Watch, *, previews: bool = False, total: int | None = None
    ) -> Generator[PictureResult, None, None]:
        with closing(self.executor.execute(requests, watch, previews=previews, total=total)) as results:
            for request, made in results:
                yield request, made
                done = (str(made.path), "") if isinstance(made, Picture) else ("", problem_of(made))
                self.publish(RowDone(request.job.key, *done))

    def close(self) -> None:
        self.executor.close()
