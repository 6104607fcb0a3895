"""The command line: run, batch, reproduce, import, export, gallery, models, lora, train, serve, doctor, app …"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from studio.cli import help_text
from studio.cli.batch import batch
from studio.cli.code_page import escape_missing
from studio.cli.export import export
from studio.cli.gallery import app as gallery
from studio.cli.lora import app as lora
from studio.cli.models import app as models
from studio.cli.rayserve import serve
from studio.cli.terminal import printing, say
from studio.cli.train import app as train
from studio.errors import InputError, OutputError, StudioError
from studio.images.image_file import ENDINGS
from studio.version import VERSION

if TYPE_CHECKING:
    from studio.cli.flags import Asked
    from studio.imports.imported_workflow import ImportedWorkflow
    from studio.runtime.events import Event
    from studio.workflow.job import Job
    from studio.workflow.workflow import Workflow

FAILED, WRONG_USE = 1, 2
_BRINGING = frozenset({*ENDINGS, ".json", ".txt"})  # files with settings

Set = Annotated[tuple[str, ...], Parameter(name="--set", negative="")]

app = App(
    name="studio",
    version=VERSION,
    help="Pictures from open diffusion models, on your own machine.",
    help_format=help_text.FORMAT,
    suppress_keyboard_interrupt=False,
)
app.command(batch)
app.command(gallery)
app.command(models)
app.command(lora)
app.command(train)
app.command(serve)
app.command(export)


@app.command
def run(target: str) -> None:
    """Make pictures: a workflow's name, a workflow file, a job file, or a picture to repeat, also another tool's.

    studio run text-to-image --prompt "a red circle on white" --seed 7 --count 4

    studio run NAME --help lists what a workflow takes.
    """
    raise AssertionError(target)  # main() reads the flags of a run from the workflow itself


@app.command
def workflows() -> None:
    """List the workflows."""
    from studio.workflow.workflow import Workflow, workflow_names

    for name in workflow_names():
        definition = Workflow.builtin(name).definition
        say(f"{name:20} {definition.description or definition.title}")


@app.command
def show(workflow: str) -> None:
    """Show what a workflow takes: inputs, defaults, bounds."""
    from studio.cli.flags import limits
    from studio.ui.controls import controls
    from studio.workflow.workflow import Workflow

    loaded = Workflow.load(workflow)
    say(f"{loaded.definition.title}: {loaded.definition.description}".rstrip(": "))
    for control in controls(loaded):
        say(f"  {control.name:16} {control.help} {limits(control)}".rstrip())


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
    from studio.cli.plan import report
    from studio.cli.reproduce import asked

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
    from studio.cli import reproduce as reproducing

    return reproducing.reproduce(picture, set_, out)


@app.command(name="import")
def import_(
    file: Path,
    *,
    set_: Set = (),
    out: Path = Path(),
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Take over what another tool says in a picture, or in a JSON file: write a job, and say what does not fit.

    studio import from-a1111.png --out jobs

    studio run jobs/from-a1111.job.json

    Parameters
    ----------
    file:
        A picture of A1111, Forge, ComfyUI, InvokeAI and others, or a ComfyUI workflow.
    set_:
        An input and another value for it.
    out:
        Folder for the job and, where the picture came with a workflow of its own, the workflow.
    json_:
        Print all of it as JSON.
    """
    from studio.cli import importing
    from studio.cli.reproduce import asked

    importing.take_over(file, asked(set_), out, as_json=json_)


@app.command
def doctor() -> int:
    """Look the machine over and say what to do about what is wrong."""
    from studio.cli.doctor import report

    return FAILED if report() else 0


@app.command(name="app")
def web(
    *,
    port: int | None = None,
    host: str = "127.0.0.1",
    root_path: str = "",
    allow_host: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    token: Annotated[str | None, Parameter(env_var="STUDIO_TOKEN")] = None,
    open_page: Annotated[bool, Parameter(name="--open")] = True,
) -> None:
    """Open the web app in the browser; it also serves the HTTP API.

    There is no encryption: beyond this machine, put a proxy with TLS in front.

    Parameters
    ----------
    port:
        Where to serve; without it 7860, or a free one.
    host:
        Where to listen; 0.0.0.0 is everywhere, and then a token must be given.
    root_path:
        What a proxy serves it below, such as /studio.
    allow_host:
        What else browsers may call it: a proxy's name, or host.docker.internal. May be given several times.
    token:
        What opens it; without it the one that is kept in the state folder.
    open_page:
        Open the page; --no-open only prints its address.
    """
    from studio.cli.serve import serve

    serve(port, host=host, root=root_path, names=allow_host, token=token, show=open_page)


@app.command(name="--install-completion")
def install_completion(shell: Literal["bash", "zsh", "fish", "powershell"] | None = None) -> None:
    """Let the shell complete commands, workflows and flags with Tab; after an upgrade, do it again.

    Parameters
    ----------
    shell:
        Without it, the shell this runs in.
    """
    from studio.cli import completion

    say(f"wrote {completion.install(app, shell)}; open a new terminal to use it")


def main(arguments: list[str] | None = None) -> None:
    """The command ``studio``. Exit codes: 0 done, 1 failed or stopped, 2 wrong use.

    ``reproduce`` has two more, 3 and 4. Ctrl+C and SIGTERM are 1, of ``app`` and ``serve`` 0.
    """
    for stream in (sys.stdout, sys.stderr):
        escape_missing(stream)
    tokens = sys.argv[1:] if arguments is None else arguments
    sys.exit(_guarded(tokens))


def _guarded(tokens: list[str]) -> int:
    try:
        with printing():
            return _dispatch(tokens)
    except InputError as error:
        return _say(error, WRONG_USE)
    except StudioError as error:
        return _say(error, FAILED)
    except CycloptsError as error:
        return _say(_wrong_use(error, tokens), WRONG_USE)
    except KeyboardInterrupt:
        return _say("stopped", FAILED)
    except BrokenPipeError:  # the reader of our output has gone: nothing left to say
        sys.stderr.close()
        return FAILED


def _wrong_use(error: CycloptsError, tokens: list[str]) -> str:
    if not isinstance(error, UnusedCliTokensError) or not error.unused_tokens:
        return str(error)
    extra, command = error.unused_tokens[0], tokens[0]
    if command == "reproduce":
        return f"'{extra}' is one picture too many; run 'studio reproduce' once for each picture"
    return f"'{extra}' is one argument too many; see 'studio {command} --help'"


def _say(problem: object, code: int) -> int:
    with suppress(OutputError):
        say(f"studio: {' '.join(str(problem).split())}", error=True)
    return code


def _dispatch(tokens: list[str]) -> int:
    if tokens[:1] == ["run"] and len(tokens) > 1 and not tokens[1].startswith("-"):
        return _run(tokens[1], tokens[2:])
    if not {"--help", "-h"}.isdisjoint(tokens):
        help_text.unwrap(app)
    return int(app(tokens, exit_on_error=False, print_error=False, result_action="return_value") or 0)


def _run(target: str, tokens: list[str]) -> int:
    from studio.cli.flags import read_flags

    workflow, before = _target(target)
    asked = read_flags(target, workflow, tokens)
    return _make(_job(workflow, before, asked.values), asked) if asked else 0


def _target(target: str) -> "tuple[Workflow, Job | ImportedWorkflow | None]":
    """The workflow to run and, for a file that brings settings, those."""
    from studio.imports.imported_workflow import ImportedWorkflow
    from studio.imports.importing import import_file
    from studio.library import Library
    from studio.workflow.workflow import Workflow

    if Path(target).suffix.lower() not in _BRINGING:
        return Workflow.load(target), None
    before = import_file(Path(target), Library.from_environment())
    return before.workflow if isinstance(before, ImportedWorkflow) else Workflow.of(
        before.workflow, before.definition
    ), before


def _job(workflow: "Workflow", before: "Job | ImportedWorkflow | None", values: dict[str, Any]) -> "Job":
    """The job as asked, or as it was with what was asked anew on top."""
    from studio.cli import importing
    from studio.workflow.job import Job

    if before is None:
        return Job.of(workflow, values)
    if not isinstance(before, Job):
        return importing.job(before, values)
    return before.with_values(values) if values else before


def _make(job: "Job", asked: "Asked") -> int:
    """Run the job and print each picture as it is done; Ctrl+C stops within a step."""
    from studio.cli.progress_line import show, told
    from studio.cli.stopping import at_work
    from studio.runtime.session import Session

    done = 0

    def stopped() -> str:
        return f"stopped; {done} of {job.total} pictures were finished and are kept"

    def watch(event: "Event") -> None:
        at_work(stopped)
        show(event)

    try:
        for picture in Session().run(job, out=asked.out, name=asked.name, watch=watch):
            done += 1  # before anybody can read of it and press Ctrl+C
            show(None)
            say(told(picture, json=asked.json))
    except KeyboardInterrupt:
        show(None)
        return _say(stopped(), FAILED)
    return 0
