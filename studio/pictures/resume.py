"""Finds pictures of a job that were written but not noted: the files are what counts."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from studio.pictures import fast_record, file_names
from studio.pictures.publish import output_errors
from studio.workflow.job import Job


def published_files(job: Job, folder: Path, name: str, known: Collection[int]) -> Iterator[tuple[int, Path]]:
    """The files of the job's pictures in ``folder``, each with its number from 0, except those ``known``.

    A file counts if it has the name from the template ``name``, with or without "-2" and so on, and its record holds
    the job of just that picture. Raises OutputError if the disk fails.
    """
    files = _by_stem(folder)
    taken: set[Path] = set()
    for number in range(job.total):
        if number in known:
            continue
        alone = job.alone(number)
        for file in files.get(file_names.stem(name, alone, number + 1), ()):
            if file not in taken and fast_record.key(file) == alone.key:
                taken.add(file)
                yield number, file


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """Each PNG by its name, and by the name without a number at the end."""
    found: dict[str, list[Path]] = defaultdict(list)
    if not folder.is_dir():
        return found
    with output_errors(folder):
        files = sorted(file for file in folder.iterdir() if file.suffix == ".png")
    for file in files:
        found[file.stem].append(file)
        if numbered := re.fullmatch(r"(.+)-\d+", file.stem, re.DOTALL):
            found[numbered[1]].append(file)
    return found
