"""Completion in the shell: commands, workflows, and the flags of each workflow."""

from pathlib import Path
from typing import Literal

from cyclopts import App

from studio.cli.flags import command_of
from studio.errors import InputError, OutputError
from studio.workflow.workflow import Workflow, workflow_names

Shell = Literal["bash", "zsh", "fish", "powershell"]


def install(app: App, shell: Shell | None) -> Path:
    """Write the script for a shell, by default the one this runs in, to where it is read from; returns its path.

    Bash, zsh and PowerShell also get a line in their startup file. Raises InputError where the shell is not known,
    OutputError where a file cannot be written.
    """
    from cyclopts.completion import ShellDetectionError

    try:
        return completed(app).install_completion(shell=shell)
    except (ShellDetectionError, RuntimeError) as error:
        raise InputError(f"{error}; say which shell with --shell, and set HOME") from None
    except OSError as error:
        raise OutputError(f"cannot write to '{error.filename}': {error.strerror or error}") from None


def completed(app: App) -> App:
    """The commands of ``app``, where ``run`` has a command for each workflow, with its inputs as flags."""
    run = App(name="run", help="Make pictures.")
    for name in workflow_names():
        workflow = Workflow.builtin(name)
        run.command(App(name=name, help=workflow.definition.description, default_command=command_of(workflow)))
    whole = App(name=app.name, version=app.version)
    for name in app:
        if name != "run" and not name.startswith("-"):
            whole.command(app[name], name=name)
    whole.command(run)
    return whole
