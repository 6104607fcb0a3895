"""How a terminal follows what is made: a line of progress, and a line for each picture."""

import json as plain
import sys

from studio.events import Event, Step
from studio.record.picture import Picture
from studio.surfaces.words import progress


def show(event: Event | None) -> None:
    """One line on stderr that rewrites itself, gone with None; on a pipe, one line a picture."""
    step = event if isinstance(event, Step) else None
    if sys.stderr.isatty():
        print(f"\r\x1b[K{progress(step) if step else ''}", end="", file=sys.stderr, flush=True)
    elif step and step.step == step.steps:
        print(progress(step), file=sys.stderr, flush=True)


def told(picture: Picture, *, json: bool) -> str:
    """A picture's path, or its path and whole record as a line of JSON."""
    return plain.dumps({"path": str(picture.path), **picture.record}, ensure_ascii=False) if json else str(picture.path)
