"""Walk through a workflow's steps, giving each what it asked for."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from PIL.Image import Image
from pydantic import ConfigDict, ValidationError, validate_call

from studio import plugins
from studio.engine.engine import Engine
from studio.engine.rehearsal import Rehearsal
from studio.engine.workload import Tally
from studio.errors import InputError
from studio.guide import Guide
from studio.parameters import parameters, problem
from studio.workflow import Workflow

_CALL = ConfigDict(arbitrary_types_allowed=True)


_Made = list[Image] | str | Guide


class Made(NamedTuple):
    """Pictures, and the prompt of the first step that ran a model ("" where none was)."""

    pictures: list[Image]
    prompt: str


def make(workflow: Workflow, values: Mapping[str, Any], engine: Engine) -> Made:
    """Run the workflow's steps in order; the last one's pictures are the result.

    ``values`` holds one value in each list. Steps that run a model share the progress evenly.
    Raises InputError where a value breaks a bound of a step's signature.
    """
    made: dict[str, _Made] = {}
    prompts: list[str] = []
    busy = [step for step in workflow.steps() if _is_busy(workflow, step)]
    for step in workflow.steps():
        part = engine.part(busy.index(step), len(busy)) if step in busy else engine
        run = validate_call(config=_CALL)(plugins.find("steps", workflow.uses(step)).run)
        arguments = _arguments(workflow, step, values, made)
        prompts += [arguments["prompt"]] if step in busy and arguments.get("prompt") else []
        try:
            made[step] = run(part, **arguments)
        except ValidationError as error:
            raise InputError(f"step '{step}': {problem(error)}") from None
    pictures: Any = made[step]  # the workflow is checked: it ends with pictures
    return Made(list(pictures), next(iter(prompts), ""))


class Effort(NamedTuple):
    """What a picture takes: its work for the models, as in ``engine.workload``, and how many pixels its file has."""

    work: float
    pixels: int


def rehearse(workflow: Workflow, values: Mapping[str, Any], seed: int) -> Effort:
    """What making a picture would take, found by running the workflow's steps without any model.

    Raises InputError as ``make`` does.
    """
    tally = Tally()
    picture = make(workflow, values, Rehearsal.of(seed, tally)).pictures[0]
    return Effort(tally.work, prod(picture.size))


def _arguments(workflow: Workflow, step: str, values: Mapping[str, Any], made: Mapping[str, _Made]) -> dict[str, Any]:
    """What a step is given: fixed values, what earlier steps made, and what was asked for."""
    given = {}
    for key, value in workflow.steps()[step].items():
        if shared := workflow.shared(value):
            given[key] = _asked(workflow, shared, values)
        else:
            given[key] = made[value[1:]] if isinstance(value, str) and value.startswith("$") else value
    asked = [name for name in workflow.inputs() if workflow.source(name)[0] == step]
    return given | {workflow.source(name)[1]: _asked(workflow, name, values) for name in asked}


def _asked(workflow: Workflow, name: str, values: Mapping[str, Any]) -> Any:
    """An input's value; of a list its only one."""
    (value,) = values[name] if workflow.exposed(name).each else (values[name],)
    return value


def _is_busy(workflow: Workflow, step: str) -> bool:
    """Whether a step runs a model, and so takes time."""
    run = plugins.find("steps", workflow.uses(step)).run
    return any(parameter.kind.name in {"model", "workflow"} for parameter in parameters(run).values())
