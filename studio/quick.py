"""The three-line door: ``studio.run("text-to-image", prompt="…")``."""

from functools import cache
from pathlib import Path
from typing import Any

from studio.job import Job
from studio.record.picture import Picture
from studio.session import Session
from studio.workflow import Workflow


@cache
def session() -> Session:
    """One session for the whole process, so that a model is loaded once."""
    return Session()


def run(workflow: str | Path, *, out: Path | str | None = None, **values: Any) -> list[Picture]:
    """Run a workflow (a name, or the path of a YAML file) and return its pictures.

    ``values`` are the workflow's inputs, and ``seed`` and ``count``. Without ``out`` the files go
    to the folder ``pictures``. Raises InputError for a wrong input, before anything is written.
    """
    job = Job.of(Workflow.load(workflow), values)
    return list(session().run(job, out=Path(out) if out else None))
