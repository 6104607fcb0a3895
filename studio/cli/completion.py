"""``studio --install-completion``: shell completion of commands, workflows, and the flags of each workflow."""

from typing import Literal

from cyclopts import App

from studio.cli.flags import command_of
from studio.cli.terminal import say
from studio.errors import InputError, OutputError
from studio.workflow.workflow import Workflow, workflow_names

Shell = Literal["bash", "zsh", "fish", "powershell"]


def install_completion(shell: Shell | None = None) -> None:
    """Let the shell complete commands, workflows and flags with Tab. Run it again after an upgrade.

    Bash, zsh and PowerShell also get a line in their startup file.

    Parameters
    ----------
    shell:
        Default: the shell that runs this command.
    """
    from cyclopts.completion import ShellDetectionError

    from studio.cli.app import app

    try:
        script = with_workflows(app).install_completion(shell=shell)
    except (ShellDetectionError, RuntimeError) as error:
        raise InputError(f"{error}; say which shell with --shell, and set HOME") from None
    except OSError as error:
        raise OutputError(f"cannot write to '{error.filename}': {error.strerror or error}") from None
    say(f"wrote {script}; open a new terminal to use it")


def with_workflows(app: App) -> App:
    """The commands of ``app``, with a subcommand of ``run`` for each workflow, which has the inputs as flags."""
    run = App(name="run", help="Generate pictures.")
    for name in workflow_names():
        workflow = Workflow.builtin(name)
        run.command(App(name=name, help=workflow.definition.description, default_command=command_of(workflow)))
    whole = App(name=app.name, version=app.version)
    for name in app:
        if name != "run" and not name.startswith("-"):
            whole.command(app[name], name=name)
    whole.command(run)
    return whole
