"""Executes several workflows side by side and batches the pictures that they request into shared forward passes.

Each workflow runs in a thread of its own, and at most one thread computes at any time: a workflow that requests a
picture waits until the calling thread has drawn it. Only the calling thread draws.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, Generic, TypeVar

from PIL.Image import Image

from studio.diffusion import oom_retry
from studio.diffusion.oom_retry import Draw, draw_batch
from studio.diffusion.sample_request import SampleRequest, batch_of

Task = TypeVar("Task")
Result = TypeVar("Result")
Answer = Image | Exception

_QUEUED_PER_SLOT: Final = 8  # workflows that run ahead for each picture of a batch, to fill it


class Execution:
    """One workflow that is being executed: how it draws, and how long it has taken."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._seconds, self._since = 0.0, time.monotonic()

    def draw(self, sample: SampleRequest) -> Image:
        """The picture of the sample. Raises whatever drawing it raised."""
        return self._draw(sample)

    @property
    def seconds(self) -> float:
        """Seconds until now: its own computing, and its share of the passes that it took part in."""
        return self._seconds + time.monotonic() - self._since

    def pause(self) -> None:
        """Stop counting seconds."""
        self._seconds = self.seconds

    def resume(self, share: float) -> None:
        """Count again, with ``share`` seconds of passes added."""
        self._seconds += share
        self._since = time.monotonic()


def execute_all(
    tasks: Iterable[Task], execute: Callable[[Task, Execution], Result], batch: int
) -> Iterator[tuple[Task, Result | Exception]]:
    """Call ``execute`` with each task and yield its result, or the error that it raised, as soon as it is there.

    Up to ``batch`` pictures share a forward pass, the oldest request first, so tasks end roughly in order; tasks are
    taken from the iterable when they are needed. With a batch of one, tasks are executed one after another in the
    calling thread. If a pass of several pictures fails, each is drawn alone. A BaseException that is not an Exception
    ends all tasks and is raised here.
    """
    if batch > 1:
        yield from _side_by_side(tasks, execute, batch)
        return
    for task in tasks:
        try:
            result: Result | Exception = execute(task, Execution(oom_retry.draw))
        except Exception as error:
            result = error
        yield task, result


def _side_by_side(
    tasks: Iterable[Task], execute: Callable[[Task, Execution], Result], batch: int
) -> Iterator[tuple[Task, Result | Exception]]:
    waiting: Iterator[Task] = iter(tasks)
    running: list[_Thread[Task, Result]] = []
    try:
        while True:
            for task in islice(waiting, batch * _QUEUED_PER_SLOT - len(running)):
                thread = _Thread(task, execute)
                if not thread.started(needed=not running):
                    waiting = chain([task], waiting)
                    break
                running.append(thread)
            if not running:
                return
            for one in list(running):
                if not one.sample and one.run_to_next_sample():
                    running.remove(one)
                    yield one.task, one.result
            _one_pass(running, batch)
    finally:
        for one in running:
            one.abandon()


class _Abandoned(BaseException):
    """Ends a workflow whose pictures are no longer needed."""


class _Thread(Generic[Task, Result]):
    """A task in a thread that only runs while ``run_to_next_sample`` waits for it."""

    def __init__(self, task: Task, execute: Callable[[Task, Execution], Result]) -> None:
        self.task = task
        self.execution = Execution(self._wait_for)
        self.result: Result | Exception
        self.sample: SampleRequest | None = None  # what it waits for
        self._answer: Answer
        self._share = 0.0  # seconds of the pass that drew it
        self._fatal: BaseException | None = None
        self._resume, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(execute,), name="workflow", daemon=True)

    def started(self, *, needed: bool) -> bool:
        """Start the thread; False where there is no memory for the stack of one more. A thread that is ``needed``
        raises.
        """
        try:
            self._thread.start()
        except RuntimeError:
            if needed:
                raise
            return False
        return True

    def answer(self, answer: Answer, seconds: float) -> None:
        self.sample, self._answer, self._share = None, answer, seconds

    def run_to_next_sample(self) -> bool:
        """Let the thread compute until it requests a picture or ends; returns whether it has ended."""
        self._resume.release()
        self._stopped.acquire()
        if self._fatal:
            raise self._fatal
        return hasattr(self, "result")

    def abandon(self) -> None:
        """End the thread where it waits."""
        self._fatal = self._fatal or _Abandoned()
        self._resume.release()
        self._thread.join()

    def _run(self, execute: Callable[[Task, Execution], Result]) -> None:
        try:
            self._sleep()
            self.result = execute(self.task, self.execution)
        except Exception as error:
            self.result = error
        except BaseException as error:
            self._fatal = error
        self._stopped.release()

    def _sleep(self) -> None:
        self._resume.acquire()
        self.execution.resume(self._share)
        if self._fatal:
            raise self._fatal

    def _wait_for(self, sample: SampleRequest) -> Image:
        self.sample = sample
        self.execution.pause()
        self._stopped.release()
        self._sleep()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def _one_pass(threads: Sequence["_Thread[Task, Result]"], batch: int) -> None:
    """Draw the oldest request and those that can share its batch; each has an equal share of the seconds."""
    requested = {one.sample: one for one in threads if one.sample}
    if not requested:
        return
    began = time.monotonic()
    answers = _answers(batch_of(list(requested), batch))
    share = (time.monotonic() - began) / len(answers)
    for sample, answer in answers.items():
        requested[sample].answer(answer, share)


def _answers(samples: Sequence[SampleRequest]) -> dict[SampleRequest, Answer]:
    try:
        return dict(zip(samples, draw_batch(samples), strict=True))
    except Exception as error:
        if len(samples) == 1:
            return {samples[0]: error}
    return {sample: answer for one in samples for sample, answer in _answers([one]).items()}
