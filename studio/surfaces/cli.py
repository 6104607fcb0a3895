"""The command line: ``studio run``, ``workflows``, ``show``, ``models``, ``doctor``, ``app``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from studio.errors import InputError, StudioError
from studio.surfaces.models import app as models
from studio.version import VERSION

if TYPE_CHECKING:
    from studio.events import Event
    from studio.job import Job
    from studio.record.picture import Picture
    from studio.surfaces.flags import Asked
    from studio.workflow import Workflow

FAILED, WRONG_USE = 1, 2

app = App(name="studio", version=VERSION, help="Pictures from open diffusion models, on your own machine.")
app.command(models)


@app.command
def run(target: str) -> None:
    """Make pictures: a workflow's name, a workflow file, or a picture to repeat.

    studio run text-to-image --prompt "a red circle on white" --seed 7 --count 4

    ``studio run NAME --help`` lists what a workflow takes.
    """
    raise AssertionError(target)  # main() reads the flags of a run from the workflow itself


@app.command
def workflows() -> None:
    """List the workflows."""
    from studio.workflow import Workflow, workflow_names

    for name in workflow_names():
        definition = Workflow.load(name).definition
        print(f"{name:20} {definition.description or definition.title}")


@app.command
def show(workflow: str) -> None:
    """Show what a workflow takes: inputs, defaults, bounds."""
    from studio.surfaces.controls import controls
    from studio.surfaces.flags import limits
    from studio.workflow import Workflow

    loaded = Workflow.load(workflow)
    print(f"{loaded.definition.title}: {loaded.definition.description}".rstrip(": "))
    for control in controls(loaded):
        print(f"  {control.name:16} {control.help} {limits(control)}".rstrip())


@app.command
def doctor() -> int:
    """Look the machine over and say what to do about what is wrong."""
    from studio.surfaces.doctor import report

    return FAILED if report() else 0


@app.command(name="app")
def web(*, port: int | None = None, open_page: Annotated[bool, Parameter(name="--open")] = True) -> None:
    """Open the web app in the browser; it also serves the HTTP API.

    Parameters
    ----------
    port:
        Where to serve; without it 7860, or a free one.
    open_page:
        Open the page; --no-open only prints its address.
    """
    from studio.surfaces.serve import serve

    serve(port, show=open_page)


def main(arguments: list[str] | None = None) -> None:
    """The command ``studio``. Exit codes: 0 done, 1 failed or stopped, 2 wrong use."""
    tokens = sys.argv[1:] if arguments is None else arguments
    sys.exit(_guarded(tokens))


def _guarded(tokens: list[str]) -> int:
    try:
        return _dispatch(tokens)
    except InputError as error:
        return _say(error, WRONG_USE)
    except StudioError as error:
        return _say(error, FAILED)
    except CycloptsError as error:
        return _say(" ".join(str(error).split()), WRONG_USE)
    except BrokenPipeError:  # the reader of our output has gone: nothing left to say
        sys.stderr.close()
        return FAILED


def _say(problem: object, code: int) -> int:
    print(f"studio: {' '.join(str(problem).split())}", file=sys.stderr)
    return code


def _dispatch(tokens: list[str]) -> int:
    if tokens[:1] == ["run"] and len(tokens) > 1 and not tokens[1].startswith("-"):
        return _run(tokens[1], tokens[2:])
    return int(app(tokens, exit_on_error=False, print_error=False, result_action="return_value") or 0)


def _run(target: str, tokens: list[str]) -> int:
    from studio.surfaces.flags import read_flags

    workflow, recorded = _target(target)
    asked = read_flags(target, workflow, tokens)
    return _make(_job(workflow, recorded, asked.values), asked) if asked else 0


def _target(target: str) -> "tuple[Workflow, Job | None]":
    """The workflow to run and, for a picture to repeat, the job that made it."""
    from studio.record.picture import Picture
    from studio.workflow import Workflow

    if Path(target).suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"}:
        job = Picture(Path(target)).job
        return Workflow.of(job.workflow, job.definition), job
    return Workflow.load(target), None


def _job(workflow: "Workflow", recorded: "Job | None", values: dict[str, Any]) -> "Job":
    """The job as asked, or as recorded with what was asked anew on top."""
    from studio.job import Job

    if recorded is None:
        return Job.of(workflow, values)
    return recorded.with_values(values) if values else recorded


def _make(job: "Job", asked: "Asked") -> int:
    """Run the job and print each picture as it is done; Ctrl+C stops within a step."""
    from studio.session import Session

    done = 0
    try:
        for picture in Session().run(job, out=asked.out, name=asked.name, watch=_show_progress):
            done += 1  # before anybody can read of it and press Ctrl+C
            _show_progress(None)
            print(_line(picture) if asked.json else picture.path, flush=True)
    except KeyboardInterrupt:
        _show_progress(None)
        return _say(f"stopped; {done} of {job.total} pictures were finished and are kept", FAILED)
    return 0


def _line(picture: "Picture") -> str:
    import json

    return json.dumps({"path": str(picture.path), **picture.record}, ensure_ascii=False)


def _show_progress(event: "Event | None") -> None:
    """One line on stderr that rewrites itself; on a pipe, one line a picture."""
    from studio.events import Step
    from studio.surfaces.words import progress

    step = event if isinstance(event, Step) else None
    if sys.stderr.isatty():
        print(f"\r\x1b[K{progress(step) if step else ''}", end="", file=sys.stderr, flush=True)
    elif step and step.step == step.steps:
        print(progress(step), file=sys.stderr, flush=True)
