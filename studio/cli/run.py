"""``studio run``: generate pictures from a workflow, a job file, or a picture with settings."""

from pathlib import Path
from typing import Any, Final

from studio.cli import importing
from studio.cli.flags import RunFlags, read_flags
from studio.cli.progress_line import picture_line, show
from studio.cli.stopping import at_work
from studio.cli.terminal import say
from studio.images.image_file import ENDINGS
from studio.imports.imported_workflow import ImportedWorkflow
from studio.imports.importing import import_file
from studio.library import Library
from studio.runtime.events import Event
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_STOPPED: Final = 1
_WITH_SETTINGS: Final = frozenset({*ENDINGS, ".json", ".txt"})


def run(target: str) -> None:
    """Generate pictures: TARGET is a workflow's name, a workflow file, a job file, or a picture to repeat.

    studio run text-to-image --prompt "a red circle on white" --seed 7 --count 4

    A picture may also come from another tool. studio run NAME --help lists the inputs of a workflow.
    """
    raise AssertionError(target)  # main() reads the flags of a run from the workflow itself


def run_target(target: str, tokens: list[str]) -> int:
    """Run a workflow, a job or a picture with the flags in ``tokens``; returns the exit code."""
    workflow, source = _load(target)
    flags = read_flags(target, workflow, tokens)
    return _run(_job(workflow, source, flags.values), flags) if flags else 0


def _load(target: str) -> tuple[Workflow, Job | ImportedWorkflow | None]:
    """The workflow to run and, for a file with settings, these settings."""
    if Path(target).suffix.lower() not in _WITH_SETTINGS:
        return Workflow.load(target), None
    source = import_file(Path(target), Library.from_environment())
    if isinstance(source, ImportedWorkflow):
        return source.workflow, source
    return Workflow.of(source.workflow, source.definition), source


def _job(workflow: Workflow, source: Job | ImportedWorkflow | None, values: dict[str, Any]) -> Job:
    """The job for the given values, which win over those of the file."""
    if source is None:
        return Job.of(workflow, values)
    if not isinstance(source, Job):
        return importing.job(source, values)
    return source.with_values(values) if values else source


def _run(job: Job, flags: RunFlags) -> int:
    """Run the job and print each picture when it is done; Ctrl+C stops within a step."""
    done = 0

    def stopped() -> str:
        return f"stopped; {done} of {job.total} pictures were finished and are kept"

    def watch(event: Event) -> None:
        at_work(stopped)
        show(event)

    try:
        for picture in Session().run(job, out=flags.out, name=flags.name, watch=watch):
            done += 1  # before the picture is printed, so that whoever then presses Ctrl+C reads the right count
            show(None)
            say(picture_line(picture, json=flags.json))
    except KeyboardInterrupt:
        show(None)
        say(f"studio: {stopped()}", error=True)
        return _STOPPED
    return 0
