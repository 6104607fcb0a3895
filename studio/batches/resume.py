"""The state of a batch in its folder: which pictures are there, which rows failed, what is left to make."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.batches import contact_sheet_html, manifest, manifest_row
from studio.batches.batch import Batch
from studio.batches.manifest_row import ManifestRow
from studio.batches.task import Outcome, Task, TaskFailed
from studio.files.untrusted import exists, is_file, is_folder, resolved
from studio.pictures import fast_record
from studio.pictures.publish import name_taken

_RESERVED: Final = {manifest.LINES, manifest.TABLE, contact_sheet_html.PAGE, contact_sheet_html.FOLDER}
_LONGEST: Final = 255  # bytes of one name, on nearly every file system


@dataclass
class FolderState:
    """By the tasks' keys: the pictures' ``files``, and problems of those that ``failed`` or were ``blocked``."""

    files: dict[str, Path]
    failed: dict[str, str]
    blocked: dict[str, str]

    @classmethod
    def of(cls, batch: Batch, out: Path) -> "FolderState":
        """From the pictures, and from the manifest which rows failed. Adds pictures that the manifest lacks."""
        known = {line.key: line for line in manifest.lines(out)}
        every = {task.key: task for task in batch.tasks}
        files = _files(every, out)
        for key, file in files.items():
            found = manifest_row.made(every[key], file, out, known.get(key))
            if found and not (key in known and known[key].is_of(file)):
                manifest.append(out, found)
        failed = {key: line.problem for key, line in known.items() if line.status == "failed" and key not in files}
        return cls(files, {key: failed[key] for key in every if key in failed}, {})

    def missing(self, batch: Batch, out: Path, *, retry: bool, only: str = "") -> list[Task]:
        """The tasks to make: those without a picture that have not failed before; with ``retry`` only those that have,
        with ``only`` the task with that key.

        Of several rows that request the same picture, the first. Rows whose file cannot be put into its place are left
        out and noted as ``blocked``.
        """
        todo: dict[str, Task] = {}
        places: dict[str, Task] = {}
        for task in batch.tasks:
            due = task.key == only if only else (task.key in self.failed) == retry
            if task.key in self.files or task.key in todo or not due:
                continue
            other = places.setdefault(str(task.place).casefold(), task)
            problem = _obstacle(task, out) if other is task else _same_place(task, other)
            if problem and fast_record.key(out / task.place) == task.key:  # another process has just made it
                self.files[task.key] = out / task.place
            elif problem:
                self.blocked[task.key] = problem
            else:
                todo[task.key] = task
        return list(todo.values())

    def note(self, outcome: Outcome, out: Path) -> None:
        """Note what became of a task, in the manifest as well."""
        task = outcome.task
        if isinstance(outcome, TaskFailed):
            self.failed[task.key] = outcome.problem
            manifest.append(out, manifest_row.failed(task, outcome.problem))
        elif found := manifest_row.made(task, outcome.path, out):
            self.files[task.key] = outcome.path
            manifest.append(out, found)

    def problems(self, batch: Batch) -> Iterator[TaskFailed]:
        """Each row without a picture whose problem is known."""
        for task in batch.tasks:
            problem = self.failed.get(task.key) or self.blocked.get(task.key)
            if problem and task.key not in self.files:
                yield TaskFailed(task, problem)

    def write(self, batch: Batch, out: Path) -> None:
        """Write the whole manifest: this batch's rows, with the skipped ones, then its earlier rows of other pictures
        that are still there."""
        before = list(manifest.lines(out))
        known = {line.key: line for line in before}
        own = {task.key for task in batch.tasks}
        others = {line.key: line for line in before if line.key not in own and is_file(out / line.file)}
        rows = [line for task in batch.tasks if (line := self._entry(task, out, known))]
        skipped = [manifest_row.skipped(row) for row in batch.skipped]
        manifest.write(out, [*sorted([*rows, *skipped], key=lambda line: line.row), *others.values()], batch.columns)

    def _entry(self, task: Task, out: Path, known: Mapping[str, ManifestRow]) -> ManifestRow | None:
        if file := self.files.get(task.key):
            return manifest_row.made(task, file, out, known.get(task.key))
        if problem := self.failed.get(task.key):
            return manifest_row.failed(task, problem)
        before = known.get(task.key)  # blocked before, and not checked now
        problem = self.blocked.get(task.key) or (before.problem if before and before.status == "blocked" else "")
        return manifest_row.failed(task, problem, "blocked") if problem else None


def _files(wanted: Mapping[str, Task], out: Path) -> dict[str, Path]:
    """The file of each picture that is there; of several copies the one at the task's place, otherwise the first."""
    files: dict[str, Path] = {}
    for file in fast_record.pictures(out):
        key = fast_record.key(file)
        if key and key in wanted and (key not in files or file == out / wanted[key].place):
            files[key] = file
    return files


def _obstacle(task: Task, out: Path) -> str:
    """Why the task's file cannot be put into its place; "" if nothing is in the way."""
    place, path = task.place, out / task.place
    if place.is_absolute() or ".." in place.parts or not resolved(path).is_relative_to(resolved(out)):
        return f"'{place}' is outside the batch's folder; choose other names"
    if place.parts[0].lower() in _RESERVED:
        return f"'{place}' is the place of the batch's own '{place.parts[0]}'; choose other names"
    if any(len(os.fsencode(part)) > _LONGEST for part in place.parts):
        return f"'{place.name[:40]}…' is too long for a file's name; shorten it"
    if os.path.lexists(path):
        return str(name_taken(path))
    above = [out / folder for folder in place.parents][:-1]
    return next((str(name_taken(one)) for one in above if exists(one) and not is_folder(one)), "")


def _same_place(task: Task, other: Task) -> str:
    return f"row {other.row} has the file '{task.place}' already; choose different names"
