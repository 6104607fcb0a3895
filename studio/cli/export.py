"""``studio export``: writes a picture's settings for another tool."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studio.cli.terminal import say
from studio.errors import InputError, reason
from studio.files import strict_json
from studio.files.untrusted import read_file

if TYPE_CHECKING:
    from studio.workflow.job import Job


def export(target: Path, *, to: Literal["comfyui"]) -> None:
    """Write the settings of a picture as a ComfyUI graph.

    studio export picture.png --to comfyui > graph.json

    The graph is printed on stdout, and notes on what ComfyUI needs on stderr.

    Parameters
    ----------
    target:
        A picture made by the studio, or a job as JSON.
    to:
        The other tool.
    """
    from studio.imports.comfy.export import export as written
    from studio.library import Library

    exported = {"comfyui": written}[to](_job(target), Library.from_environment())
    say(*json.dumps(exported.graph, ensure_ascii=False, indent=2).split("\n"))
    for note in exported.notes:
        say(f"studio: {note}", error=True)


def _job(target: Path) -> "Job":
    from studio.pictures.picture import Picture
    from studio.workflow.job import Job

    if target.suffix.lower() != ".json":
        return Picture(target).job
    try:
        return Job.from_json(read_file(target, strict_json.MOST_BYTES).decode("utf-8-sig"))
    except (OSError, UnicodeError) as error:
        raise InputError(f"'{target}' cannot be read ({reason(error)}); give a picture or a job as JSON") from None
