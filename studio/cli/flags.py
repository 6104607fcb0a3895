"""Turns a workflow's controls into command-line flags. Values stay text, which the form parses."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from studio.cli import help_text
from studio.errors import InputError
from studio.files.printable import printable
from studio.library import Library
from studio.parameters.value_lists import listed
from studio.pictures import file_names
from studio.plugins import unknown
from studio.ui.controls import FormControl, controls, live_choices
from studio.workflow.workflow import Workflow


@dataclass(frozen=True)
class RunFlags:
    """The flags of a run: the form's values, and the options of the run itself."""

    values: dict[str, Any]
    out: Path | None = None
    name: str = file_names.DEFAULT
    json: bool = False


def read_flags(target: str, workflow: Workflow, tokens: list[str]) -> RunFlags | None:
    """Parse ``tokens``; None where ``--help`` was given and has been printed.

    Raises InputError for a flag that is unknown or lacks its value.
    """
    inputs = controls(workflow)
    toggles = [f"no_{control.name}" for control in inputs if control.kind == "toggle"]
    _refuse_unknown(tokens, [*(control.name for control in inputs), *_OPTIONS, *toggles, "help", "no_json"])
    app = App(
        name=f"studio run {printable(target)}",
        help=_HELP,
        help_format=help_text.FORMAT,
        version_flags=[],
        result_action="return_value",
        default_command=command_of(workflow),
    )
    try:
        flags: RunFlags | None = app(tokens, exit_on_error=False, print_error=False)
    except UnusedCliTokensError as error:
        raise InputError(
            f"'{(error.unused_tokens or ['it'])[0]}' follows no flag; put words with spaces in quotes"
        ) from None
    except CycloptsError as error:
        raise InputError(" ".join(str(error).split())) from None
    return flags


def _refuse_unknown(tokens: list[str], known: list[str]) -> None:
    flags = [f"--{name.replace('_', '-')}" for name in known]
    for token in tokens:
        flag = token.partition("=")[0]
        if flag.startswith("--") and flag not in flags:
            raise InputError(unknown("input", flag, flags))


def command_of(workflow: Workflow) -> Callable[..., RunFlags]:
    """A function with the workflow's inputs as parameters, for cyclopts."""
    inputs = {control.name: _input(control) for control in controls(workflow)}

    def command(**given: Any) -> RunFlags:
        values = {name: _joined(value) for name, value in given.items() if name in inputs}
        return RunFlags(values, **{name: value for name, value in given.items() if name in _OPTIONS})

    everything = {**inputs, **_OPTIONS}
    command.__signature__ = inspect.Signature(list(everything.values()))  # type: ignore[attr-defined]
    command.__annotations__ = {name: parameter.annotation for name, parameter in everything.items()}
    return command


def _joined(given: Any) -> Any:
    """The value of a flag: its text, or the list of all values if it is given several times."""
    if not isinstance(given, list) or len(given) == 1:
        return given[0] if isinstance(given, list) else given
    return [value for text in given for value in listed(text)]


def _input(control: FormControl) -> inspect.Parameter:
    plain: Any = bool | None if control.kind == "toggle" else list[str] | None if control.many else str | None
    return _option(control.name, plain, None, f"{control.help} {limits(control)}".strip())


def limits(control: FormControl) -> str:
    """Choices, bounds and default in parentheses: "(1 to 150, default 20)"."""
    choices = live_choices(control, Library.from_environment())
    shown = [*choices[:_MAX_CHOICES], *(["…"] if len(choices) > _MAX_CHOICES else [])]
    parts = [", ".join(shown)] if shown else []
    if control.least is not None and control.greatest is not None:
        parts.append(f"{control.least} to {control.greatest}")
    if control.many:
        parts.append("several: one, two")
    if control.required:
        parts.append("required")
    elif control.default not in (None, "", []):
        parts.append(f"default {_shown(control.default)}")
    elif control.kind in ("slider", "size") and control.default is None:
        parts.append("default auto")
    return f"({', '.join(parts)})" if parts else ""


def _shown(default: Any) -> str:
    return ", ".join(map(str, default)) if isinstance(default, list) else str(default)


def _option(name: str, annotation: Any, default: Any, text: str) -> inspect.Parameter:
    annotated = Annotated[annotation, Parameter(help=printable(text), negative_iterable=())]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotated)


_MAX_CHOICES = 30
_HELP = "The path of each picture is printed when the picture is finished."
_OPTIONS = {
    "out": _option("out", Path | None, None, "Folder for the pictures (default: pictures)."),
    "name": _option("name", str, file_names.DEFAULT, "File name; may contain {prompt} and {model}."),
    "json": _option("json", bool, False, "Print the record of each picture as a line of JSON."),
}
