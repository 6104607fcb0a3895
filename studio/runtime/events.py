"""The events of a run: plain frozen values that every surface translates."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from studio.pictures.picture import Picture


@dataclass(frozen=True)
class Event:
    """Something that happened to a run.

    A ``stale_soon`` event may be dropped for a newer one of its kind; a ``final`` one ends a run. One that ``is_state``
    gives the run's present state, and is what a new subscriber receives first.
    """

    stale_soon: ClassVar[bool] = False
    final: ClassVar[bool] = False
    is_state: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The kind of event as a word: "step", "preview", "made"."""
        return type(self).__name__.lower()

    def data(self) -> dict[str, Any]:
        """The event as plain JSON; bytes as base64, a picture as its file's path."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


Watch = Callable[[Event], None]
"""What is called with the events of some work. What it raises while the work runs stops that work."""


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value.path) if isinstance(value, Picture) else value


@dataclass(frozen=True)
class Queued(Event):
    """It waits behind ``position`` other runs."""

    stale_soon: ClassVar[bool] = True
    position: int


@dataclass(frozen=True)
class Stalled(Event):
    """The queue cannot go on at the moment, because of ``problem``, in one line. It goes on by itself once it can.

    The run's present state is published again then.
    """

    stale_soon: ClassVar[bool] = True
    is_state: ClassVar[bool] = False
    problem: str


@dataclass(frozen=True)
class Loading(Event):
    """It has begun, and its model is loaded unless it is loaded already."""

    model: str


@dataclass(frozen=True)
class Step(Event):
    """Step ``step`` of ``steps`` of picture ``picture`` of ``pictures`` is done.

    ``seconds_left`` is an estimate for the whole run, None before there is one.
    """

    stale_soon: ClassVar[bool] = True
    picture: int
    pictures: int
    step: int
    steps: int
    seconds_left: float | None


@dataclass(frozen=True)
class Preview(Event):
    """What picture number ``picture`` looks like so far, as a small JPEG."""

    stale_soon: ClassVar[bool] = True
    is_state: ClassVar[bool] = False
    picture: int
    jpeg: bytes


@dataclass(frozen=True)
class Made(Event):
    """A picture's file is complete."""

    is_state: ClassVar[bool] = False
    picture: Picture


@dataclass(frozen=True)
class Done(Event):
    """Every picture is made."""

    final: ClassVar[bool] = True


@dataclass(frozen=True)
class Failed(Event):
    """It ended early because of ``problem``, in one line."""

    final: ClassVar[bool] = True
    problem: str


@dataclass(frozen=True)
class RunCancelled(Event):
    """It was stopped. Finished pictures are kept."""

    final: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "cancelled"


@dataclass(frozen=True)
class Interrupted(Event):
    """The program ended while it ran; it can be retried."""

    final: ClassVar[bool] = True
