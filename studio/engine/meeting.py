"""Several walks at once, which meet where they need a model and share its forward passes.

A walk is a function that orders pictures where it needs them; it does not know of the others. All run on one thread
and take turns (greenlets): while one computes, or a pass is made, the others wait, so that nothing is computed twice
as slowly, side by side.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

from greenlet import _greenlet, getcurrent, greenlet
from PIL.Image import Image

from studio.engine.order import Order, sharing
from studio.engine.passes import in_passes

Task = TypeVar("Task")
Found = TypeVar("Found")
Answer = Image | Exception

_AHEAD: Final = 8  # times as many walks as pictures of a pass: there like ones are found


class Walk:
    """What a walk is given of the meeting: who makes its pictures, and how long that took."""

    def __init__(self) -> None:
        self.orders: Sequence[Order] = ()
        self.answers: dict[Order, Answer] = {}
        self.spent, self._since = 0.0, time.monotonic()

    def make(self, orders: Sequence[Order]) -> list[Image]:
        """The picture of each order, once it is its turn; raises what went wrong with one."""
        self.orders, self.answers = orders, {}
        self.spent = self.seconds
        getcurrent().parent.switch()
        self._since = time.monotonic()
        return [_made(self.answers[order]) for order in orders]

    @property
    def waiting(self) -> list[Order]:
        """Orders that are not answered yet."""
        return [order for order in self.orders if order not in self.answers]

    @property
    def seconds(self) -> float:
        """What the walk has taken so far: its own time, and its share of the passes."""
        return self.spent + time.monotonic() - self._since


class _Going(Generic[Task, Found]):
    """A walk that has begun: its task, and what came of it once it is over."""

    def __init__(self, task: Task, go: Callable[[Task, Walk], Found]) -> None:
        self.task, self.walk = task, Walk()
        self.found: Found | Exception
        self._own = greenlet(lambda: self._run(go))
        self._own.switch()

    def _run(self, go: Callable[[Task, Walk], Found]) -> None:
        try:
            self.found = go(self.task, self.walk)
        except Exception as error:  # it is this walk's alone; what is more ends all of them
            # without this frame, through which an error that outlives the thread would keep the thread's greenlets
            self.found = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)

    def over(self) -> bool:
        """Go on as far as the answers allow; whether that was to the end."""
        if not self._own.dead and not self.walk.waiting:
            self._own.switch()
        return bool(self._own.dead)

    def end(self) -> None:
        """Let it end where it waits."""
        if not self._own.dead:
            self._own.throw()


def together(
    tasks: Iterable[Task], go: Callable[[Task, Walk], Found], most: int
) -> Iterator[tuple[Task, Found | Exception]]:
    """Walk each task with ``go`` and yield what came of it, an error where it failed, as soon as it is over.

    Up to ``most`` pictures share a forward pass, beginning with the walk that has gone for longest, so that they end
    roughly in order; tasks are taken as they are needed. With one picture a pass, walks come one after another. Where
    a pass of several fails, each is tried alone. What is raised that is no Exception ends all walks.
    """
    # When a thread ends, greenlet guesses whether its own reference to the thread's main one was forgotten. A wrong
    # guess frees what is still in use, and the next garbage collection crashes.
    _greenlet.enable_optional_cleanup(False)
    coming, going = iter(tasks), list[_Going[Task, Found]]()
    ahead = 1 if most == 1 else most * _AHEAD
    try:
        while True:
            for task in islice(coming, ahead - len(going)):
                going.append(_Going(task, go))
            if not going:
                return
            for one in list(going):
                if one.over():
                    going.remove(one)
                    yield one.task, one.found
            _answer([one.walk for one in going], most)
    finally:
        for one in going:
            one.end()


def _answer(walks: Sequence[Walk], most: int) -> None:
    """One pass for the first walk and those that ask for the like; they have what it took in equal shares."""
    asked = {order: walk for walk in walks for order in walk.waiting}
    if not asked:
        return
    began = time.monotonic()
    answers = _answers(sharing(list(asked), most))
    share = (time.monotonic() - began) / len(answers)
    for order, answer in answers.items():
        asked[order].answers[order] = answer
        asked[order].spent += share


def _answers(orders: Sequence[Order]) -> dict[Order, Answer]:
    try:
        return dict(zip(orders, in_passes(orders), strict=True))
    except Exception as error:
        if len(orders) == 1:
            return {orders[0]: error}
    return {order: answer for one in orders for order, answer in _answers([one]).items()}


def _made(answer: Answer) -> Image:
    if isinstance(answer, Exception):
        raise answer
    return answer
