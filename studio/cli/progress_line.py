"""What a terminal shows of a run: a line of progress, and a line for each picture."""

import json as plain

from studio.cli.terminal import live, rewrite, say
from studio.pictures.picture import Picture
from studio.runtime.events import Event, Step
from studio.ui.phrases import progress


def show(event: Event | None) -> None:
    """Rewrite one line on stderr, or clear it with None; on a pipe, print one line for each picture."""
    step = event if isinstance(event, Step) else None
    if live():
        rewrite(progress(step) if step else "")
    elif step and step.step == step.steps:
        say(progress(step), error=True)


def picture_line(picture: Picture, *, json: bool) -> str:
    """A picture's path, or its path and whole record as a line of JSON."""
    return plain.dumps({"path": str(picture.path), **picture.record}, ensure_ascii=False) if json else str(picture.path)
