"""A row of the manifest."""

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


class ManifestSource(BaseModel):
    """A model or LoRA that made a picture; ``licence`` is the claimed licence, "unknown" if there is none."""

    model_config = ConfigDict(frozen=True)
    name: str
    sha256: str
    licence: str


class ManifestRow(BaseModel):
    """One row and its picture, whose file is ``file`` below the batch's folder.

    "failed" rows were tried, and are tried again only on request; "blocked" ones were not, because something is in
    their way; "skipped" ones were left out on request, and have no task. ``bytes`` and ``modified`` (in nanoseconds)
    show whether ``sha256`` is still valid. ``seconds`` is how long the picture took.
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
    models: tuple[ManifestSource, ...] = ()
    loras: tuple[ManifestSource, ...] = ()
    seconds: float | None = None
    problem: str = ""
    cells: dict[str, str] = {}

    def is_of(self, file: Path) -> bool:
        """Whether the file is unchanged since the row was written."""
        return self.status == "made" and (self.bytes, self.modified) == _stamp(file)


def made(task: Task, file: Path, out: Path, known: ManifestRow | None = None) -> ManifestRow | None:
    """The row of a task whose picture is ``file``; a ``known`` row of an unchanged file saves reading it again.

    None if the file is gone; raises OutputError if it cannot be read.
    """
    where = {"row": task.row, "file": file.relative_to(out).as_posix(), "cells": dict(task.cells)}
    with output_errors(file), suppress(FileNotFoundError):
        return (
            known.model_copy(update=where) if known and known.is_of(file) else ManifestRow(**where, **_read(task, file))
        )
    return None


def _read(task: Task, file: Path) -> dict[str, Any]:
    size, modified = _stamp(file)
    with open_file(file) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    record = fast_record.record(file)
    seconds = fast_record.within(record, "seconds")
    return {
        "status": "made",
        "seed": task.job.seed,
        "key": task.key,
        "sha256": digest,
        "bytes": size,
        "modified": modified,
        "models": tuple(_sources(task.job, "model", fast_record.within(record, "models"))),
        "loras": tuple(_sources(task.job, "lora", fast_record.within(record, "loras"))),
        "seconds": seconds if isinstance(seconds, int | float) else None,
    }


def failed(task: Task, problem: str, status: Literal["failed", "blocked"] = "failed") -> ManifestRow:
    """The row of a task without a picture."""
    return ManifestRow(
        row=task.row, file=task.place.as_posix(), status=status, seed=task.job.seed, key=task.key, problem=problem,
        cells=dict(task.cells),
    )  # fmt: skip


def skipped(row: Skipped) -> ManifestRow:
    """The row for a row of the table that was left out."""
    return ManifestRow(
        row=row.row, file="", status="skipped", seed=None, key="", problem=row.problem, cells=dict(row.cells)
    )  # fmt: skip


def _sources(job: Job, kind: str, record: Any) -> Iterator[ManifestSource]:
    for name in job.rests_on(kind):
        licence = fast_record.licence(fast_record.within(record, name, "licence")) or "unknown"
        yield ManifestSource(name=name, sha256=job.pins[f"{kind}:{name}"], licence=licence)


def _stamp(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_size, about.st_mtime_ns
