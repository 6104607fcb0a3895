"""``studio reproduce``: makes a picture again and says how near the two are."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from studio.cli.terminal import say
from studio.errors import InputError
from studio.library import Library
from studio.pictures.fast_record import within
from studio.pictures.picture import Picture
from studio.pictures.picture_comparison import Comparison, changes
from studio.runtime.session import Session
from studio.workflow.job import Job

EXACT, DIFFERENT, NOT_COMPARABLE = 0, 3, 4
_MOST: Final = 12  # reasons that are listed
_THREADS: Final = 1024  # more than any machine's, for a record that anybody may have written


def reproduce(path: Path, settings: Sequence[str] = (), out: Path | None = None) -> int:
    """Print the outcome and return the exit code.

    0: every pixel is the same. 3: pixels differ, though all that is on record is the same. 4: not
    comparable, for the reasons that are printed. The new picture is kept where ``out`` is given. Raises
    InputError where the picture carries no settings, or one of ``settings`` ("steps=30") is wrong.
    """
    picture = Picture(path)
    values = asked(settings)
    job = picture.job.with_values(values) if values else picture.job
    if changed := list(_changed_models(picture, job)):
        return _not_comparable("a model has changed since, so nothing was made", changed)
    with TemporaryDirectory() as folder, _same_threads(picture):
        (again,) = Session().run(job, out=out or Path(folder), listed=out is not None)
        return _told(Comparison.of(picture, again), again, kept=out is not None)


def asked(settings: Sequence[str]) -> dict[str, str]:
    """Inputs and their values from "name=value" each; raises InputError for anything else."""
    pairs = [setting.partition("=") for setting in settings]
    if wrong := next((name for name, found, _ in pairs if not (found and name)), None):
        raise InputError(f"'{wrong}' says no value; write it as name=value, for example steps=30")
    return {name.strip().replace("-", "_"): value.strip() for name, _, value in pairs}


def _same_threads(picture: Picture) -> AbstractContextManager[None]:
    """As many threads as the picture was made with, where that is on record."""
    from studio.tensors import hardware

    passes = picture.record.get("passes")
    told = [within(made, "threads") for made in passes] if isinstance(passes, list) else []
    count = next((n for n in told if isinstance(n, int) and 0 < n <= _THREADS), None)
    return hardware.threads(count) if count else nullcontext()


def _changed_models(picture: Picture, job: Job) -> list[str]:
    """Files that are not as the picture's record has them, of models that the job holds to."""
    lines, models = list[str](), Library.from_environment().models
    for name in job.models():
        if job.pins[f"model:{name}"] == picture.job.pins.get(f"model:{name}"):
            files = within(picture.record, "models", name, "files")
            known = files if isinstance(files, Mapping) else {}
            now = models.find(name).hashes()
            lines += changes(known, {file: now.get(file, "not there") for file in known}, name)
    return lines


def _told(likeness: Comparison, again: Picture, *, kept: bool) -> int:
    where = f"; it is {again.path}" if kept else ""
    if likeness.exact:
        say(f"exact: every pixel is the same{where}")
        return EXACT
    if likeness.greatest is None:
        apart = "the sizes differ"
    else:
        apart = f"values differ by {likeness.greatest} of 255 at most, by {likeness.mean:.4f} on average"
    if likeness.reasons:
        return _not_comparable(f"{apart}{where}", likeness.reasons)
    say(f"different: {apart}, though all that is on record is the same{where}")
    return DIFFERENT


def _not_comparable(what: str, reasons: Sequence[str]) -> int:
    say(f"not comparable: {what}")
    for reason in reasons[:_MOST]:
        say(f"  {reason}")
    if len(reasons) > _MOST:
        say(f"  and {len(reasons) - _MOST} more")
    return NOT_COMPARABLE
