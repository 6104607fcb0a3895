"""The command line: run, workflows, show, plan, reproduce, gallery, models, lora, train, doctor, app."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from studio.errors import InputError, StudioError
from studio.surfaces.gallery import app as gallery
from studio.surfaces.lora import app as lora
from studio.surfaces.models import app as models
from studio.surfaces.train import app as train
from studio.version import VERSION

if TYPE_CHECKING:
    from studio.events import Event
    from studio.job import Job
    from studio.record.picture import Picture
    from studio.surfaces.flags import Asked
    from studio.workflow import Workflow

FAILED, WRONG_USE = 1, 2

Set = Annotated[tuple[str, ...], Parameter(name="--set", negative="")]

app = App(name="studio", version=VERSION, help="Pictures from open diffusion models, on your own machine.")
app.command(gallery)
app.command(models)
app.command(lora)
app.command(train)


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
def plan(workflow: str, *, vram: str | None = None, set_: Set = ()) -> int:
    """Say how a workflow would run in the memory there is, without loading anything; exit code 1 where it does not fit.

    studio plan text-to-image --vram 6GB --set size=512x768

    Parameters
    ----------
    workflow:
        A workflow's name, or a workflow file.
    vram:
        Plan for a GPU of this size, for example 6GB; without it, for this machine.
    set_:
        An input and its value.
    """
    from studio.surfaces.plan import report
    from studio.surfaces.reproduce import asked

    return 0 if report(workflow, asked(set_), vram) else FAILED


@app.command
def reproduce(picture: Path, *, set_: Set = (), out: Path | None = None) -> int:
    """Make a picture again and say how near the two are.

    Exit code 0: every pixel is the same. 3: pixels differ, though all that is on record is the same.
    4: not comparable, as something differs: a model's file, a version, the device, a setting.

    studio reproduce picture.png --set steps=30

    Parameters
    ----------
    picture:
        A picture that the studio made.
    set_:
        An input and another value for it.
    out:
        Folder to keep the new picture in; without it, it is not kept.
    """
    from studio.surfaces import reproduce as reproducing

    return reproducing.reproduce(picture, set_, out)


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
    """The command ``studio``. Exit codes: 0 done, 1 failed or stopped, 2 wrong use.

    ``reproduce`` has two more, 3 and 4.
    """
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
