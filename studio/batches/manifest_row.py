"""What the manifest says of one row."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from studio.batches.batch import Skipped
from studio.batches.task import Task
from studio.files.untrusted import open_file
from studio.pictures import fast_record
from studio.pictures.publish import output_errors
from studio.workflow.job import Job


class Source(BaseModel):
    """A model or LoRA that a picture rests on; ``licence`` is what is claimed of it, "unknown" where nothing is."""

    model_config = ConfigDict(frozen=True)
    name: str
    sha256: str
    licence: str


class Entry(BaseModel):
    """One row and its picture, whose file is ``file`` below the batch's folder.

    "failed" rows were tried, and are tried again only when asked for; "blocked" ones were not, as something is in
    their way; "skipped" ones were left out because somebody said so, and have no task. ``bytes`` and ``modified`` (in
    nanoseconds) tell whether ``sha256`` is still the file's. ``seconds`` are those the picture took.
    """

    model_config = ConfigDict(frozen=True)
    row: int
    file: str
    status: Literal["made", "failed", "blocked", "skipped"]
    seed: int | None
    key: str
    sha256: str = ""
    bytes: int = 0
    modified: int = 0
    models: tuple[Source, ...] = ()
    loras: tuple[Source, ...] = ()
    seconds: float | None = None
    problem: str = ""
    cells: dict[str, str] = {}

    def is_of(self, file: Path) -> bool:
        """Whether the file's content is still what was noted."""
        return self.status == "made" and (self.bytes, self.modified) == _stamp(file)


def made(task: Task, file: Path, out: Path, known: Entry | None = None) -> Entry | None:
    """The entry of a task whose picture is in ``file``; what was ``known`` of it saves reading it once more.

    None where the file is gone; raises OutputError where it cannot be read.
    """
    where = {"row": task.row, "file": file.relative_to(out).as_posix(), "cells": dict(task.cells)}
    with output_errors(file), suppress(FileNotFoundError):
        return known.model_copy(update=where) if known and known.is_of(file) else Entry(**where, **_read(task, file))
    return None


def _read(task: Task, file: Path) -> dict[str, Any]:
    size, modified = _stamp(file)
    with open_file(file) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    told = fast_record.record(file)
    seconds = fast_record.within(told, "seconds")
    return {
        "status": "made",
        "seed": task.job.seed,
        "key": task.key,
        "sha256": digest,
        "bytes": size,
        "modified": modified,
        "models": tuple(_sources(task.job, "model", fast_record.within(told, "models"))),
        "loras": tuple(_sources(task.job, "lora", fast_record.within(told, "loras"))),
        "seconds": seconds if isinstance(seconds, int | float) else None,
    }


def failed(task: Task, problem: str, status: Literal["failed", "blocked"] = "failed") -> Entry:
    """The entry of a task without a picture."""
    return Entry(
        row=task.row, file=task.place.as_posix(), status=status, seed=task.job.seed, key=task.key, problem=problem,
        cells=dict(task.cells),
    )  # fmt: skip


def skipped(row: Skipped) -> Entry:
    """The entry of a row that was left out."""
    return Entry(
        row=row.row, file="", status="skipped", seed=None, key="", problem=row.problem, cells=dict(row.cells)
    )  # fmt: skip


def _sources(job: Job, kind: str, told: Any) -> Iterator[Source]:
    for name in job.rests_on(kind):
        licence = fast_record.licence(fast_record.within(told, name, "licence")) or "unknown"
        yield Source(name=name, sha256=job.pins[f"{kind}:{name}"], licence=licence)


def _stamp(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_size, about.st_mtime_ns
