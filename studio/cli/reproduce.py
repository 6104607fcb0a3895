"""``studio reproduce``: generates a picture again and compares the two."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from studio.cli.options import SetOption, read_settings
from studio.cli.terminal import say
from studio.library import Library
from studio.pictures.fast_record import within
from studio.pictures.picture import Picture
from studio.pictures.picture_comparison import Comparison, changes
from studio.runtime.session import Session
from studio.workflow.job import Job

EXACT, DIFFERENT, NOT_COMPARABLE = 0, 3, 4
_MAX_REASONS: Final = 12
_MAX_THREADS: Final = 1024  # a limit, because anybody may have written the record


def reproduce(picture: Path, *, set_: SetOption = (), out: Path | None = None) -> int:
    """Generate a picture again and compare the two.

    Exit code 0: every pixel is the same. 3: pixels differ, although all recorded settings are the same. 4: the pictures
    cannot be compared, because a model, a version, the device or a setting differs.

    studio reproduce picture.png --set steps=30

    Parameters
    ----------
    picture:
        A picture made by the studio.
    set_:
        An input and another value for it.
    out:
        Folder to keep the new picture in. Default: it is deleted.
    """
    return _reproduce(Picture(picture), read_settings(set_), out)


def _reproduce(picture: Picture, values: Mapping[str, str], out: Path | None) -> int:
    job = picture.job.with_values(values) if values else picture.job
    if changed := list(_changed_models(picture, job)):
        return _not_comparable("a model has changed since, so nothing was made", changed)
    with TemporaryDirectory() as folder, _same_threads(picture):
        (again,) = Session().run(job, out=out or Path(folder), listed=out is not None)
        return _report(Comparison.of(picture, again), again, kept=out is not None)


def _same_threads(picture: Picture) -> AbstractContextManager[None]:
    """As many CPU threads as the picture was made with, where its record says so."""
    from studio.tensors import hardware

    passes = picture.record.get("passes")
    recorded = [within(each, "threads") for each in passes] if isinstance(passes, list) else []
    count = next((n for n in recorded if isinstance(n, int) and 0 < n <= _MAX_THREADS), None)
    return hardware.threads(count) if count else nullcontext()


def _changed_models(picture: Picture, job: Job) -> list[str]:
    """Model files whose hashes differ from the picture's record, for the models that the job still uses."""
    changed, models = list[str](), Library.from_environment().models
    for name in job.models():
        if job.pins[f"model:{name}"] == picture.job.pins.get(f"model:{name}"):
            files = within(picture.record, "models", name, "files")
            known = files if isinstance(files, Mapping) else {}
            now = models.find(name).hashes()
            changed += changes(known, {file: now.get(file, "missing") for file in known}, name)
    return changed


def _report(likeness: Comparison, again: Picture, *, kept: bool) -> int:
    where = f"; the new picture is {again.path}" if kept else ""
    if likeness.exact:
        say(f"exact: every pixel is the same{where}")
        return EXACT
    if likeness.greatest is None:
        difference = "the sizes differ"
    else:
        difference = f"values differ by {likeness.greatest} of 255 at most, by {likeness.mean:.4f} on average"
    if likeness.reasons:
        return _not_comparable(f"{difference}{where}", likeness.reasons)
    say(f"different: {difference}, although all recorded settings are the same{where}")
    return DIFFERENT


def _not_comparable(difference: str, reasons: Sequence[str]) -> int:
    say(f"not comparable: {difference}")
    for reason in reasons[:_MAX_REASONS]:
        say(f"  {reason}")
    if len(reasons) > _MAX_REASONS:
        say(f"  and {len(reasons) - _MAX_REASONS} more")
    return NOT_COMPARABLE
