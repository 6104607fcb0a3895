"""Runs the steps of a workflow, one after another."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from PIL.Image import Image

from studio import plugins
from studio.diffusion.dry_run import DryRunEngine
from studio.diffusion.engine import Engine
from studio.diffusion.workload import WorkCounter
from studio.errors import InputError
from studio.library import Library
from studio.parameters.conditioning import Guide
from studio.parameters.signature import Parameter, grouped, parameters
from studio.workflow.resolve import Arguments, Reference, ResolvedJob
from studio.workflow.workflow import Workflow

_Made = Image | str | Guide


class Made(NamedTuple):
    """The picture, and the prompt of the first step that ran a model ("" where none was)."""

    picture: Image
    prompt: str


def make(workflow: Workflow, arguments: Arguments, engine: Engine) -> Made:
    """Run the workflow's steps in order with their resolved arguments; the last one's picture is the result.

    Steps that run a model share the progress evenly. Raises InputError where words that a step made break a bound of
    the next one's signature.
    """
    made: dict[str, _Made] = {}
    prompts: list[str] = []
    busy = [step for step in workflow.steps() if _is_busy(workflow, step)]
    for step in workflow.steps():
        part = engine.part(busy.index(step), len(busy)) if step in busy else engine
        run = plugins.find("steps", workflow.uses(step)).run
        given = {key: _made(parameters(run)[key], value, made, step) for key, value in arguments[step].items()}
        prompts += [given["prompt"]] if step in busy and given.get("prompt") else []
        made[step] = run(part, **grouped(run, given))
    picture: Any = made[step]  # the workflow is checked: it ends with a picture
    return Made(picture, next(iter(prompts), ""))


class Effort(NamedTuple):
    """What a picture takes: its work for the models, as in ``engine.workload``, and how many pixels its file has."""

    work: float
    pixels: int


def rehearse(resolved: ResolvedJob, library: Library) -> Effort:
    """What making a picture would take, found by running the workflow's steps without any model.

    Raises InputError as ``make`` does.
    """
    tally = WorkCounter()
    engine = DryRunEngine.of(library, resolved.job.seed, tally)
    picture = make(resolved.workflow, resolved.arguments, engine).picture
    return Effort(tally.work, prod(picture.size))


def _made(parameter: Parameter, value: Any, made: Mapping[str, _Made], step: str) -> Any:
    """An argument, or what an earlier step made where it names one."""
    if not isinstance(value, Reference):
        return value
    try:
        return parameter.check(made[value.step])
    except ValueError as error:
        raise InputError(f"step '{step}', {parameter.name}: {error}") from None


def _is_busy(workflow: Workflow, step: str) -> bool:
    """Whether a step runs a model, and so takes time."""
    run = plugins.find("steps", workflow.uses(step)).run
    return any(parameter.kind.name in {"model", "workflow"} for parameter in parameters(run).values())
