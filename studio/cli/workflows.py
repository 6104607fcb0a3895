"""``studio workflows``, ``show`` and ``plan``: what a workflow is, and whether it fits in memory."""

from studio.cli.options import SetOption, read_settings
from studio.cli.terminal import say
from studio.workflow.workflow import Workflow, workflow_names


def workflows() -> None:
    """List the workflows."""
    for name in workflow_names():
        definition = Workflow.load(name).definition
        say(f"{name:20} {definition.description or definition.title}")


def show(workflow: str) -> None:
    """Show a workflow's inputs, with their defaults and limits.

    Parameters
    ----------
    workflow:
        A workflow's name, or a workflow file.
    """
    from studio.cli.flags import limits
    from studio.ui.controls import controls

    loaded = Workflow.load(workflow)
    say(f"{loaded.definition.title}: {loaded.definition.description}".rstrip(": "))
    for control in controls(loaded):
        say(f"  {control.name:16} {control.help} {limits(control)}".rstrip())


def plan(workflow: str, *, vram: str | None = None, set_: SetOption = ()) -> int:
    """Show how a workflow would run in the available memory, without loading a model.

    Exit code 1 means that it does not fit.

    studio plan text-to-image --vram 6GB --set size=512x768

    Parameters
    ----------
    workflow:
        A workflow's name, or a workflow file.
    vram:
        Plan for a GPU with this much memory, for example 6GB. Default: this machine.
    set_:
        An input and its value.
    """
    from studio.cli.plan import report

    return 0 if report(workflow, read_settings(set_), vram) else 1
