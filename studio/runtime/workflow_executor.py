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

_StepResult = Image | str | Guide


class WorkflowResult(NamedTuple):
    """The picture, and the prompt of the first step that ran a model ("" if there is none)."""

    picture: Image
    prompt: str


def run_workflow(workflow: Workflow, arguments: Arguments, engine: Engine) -> WorkflowResult:
    """Run the workflow's steps in order with their resolved arguments; the last one's picture is the result.

    Steps that run a model share the progress evenly. Raises InputError if text that a step made is
    outside the bounds of the next step's signature.
    """
    results: dict[str, _StepResult] = {}
    prompts: list[str] = []
    busy = [step for step in workflow.steps() if _is_busy(workflow, step)]
    for step in workflow.steps():
        part = engine.part(busy.index(step), len(busy)) if step in busy else engine
        run = plugins.find("steps", workflow.uses(step)).run
        given = {key: _argument(parameters(run)[key], value, results, step) for key, value in arguments[step].items()}
        prompts += [given["prompt"]] if step in busy and given.get("prompt") else []
        results[step] = run(part, **grouped(run, given))
    picture: Any = results[step]  # the workflow is checked: it ends with a picture
    return WorkflowResult(picture, next(iter(prompts), ""))


class Effort(NamedTuple):
    """What a picture takes: its work for the models, as in ``diffusion.workload``, and how many pixels its file has."""

    work: float
    pixels: int


def rehearse(resolved: ResolvedJob, library: Library) -> Effort:
    """What making a picture would take, found by running the workflow's steps without any model.

    Raises InputError as ``run_workflow`` does.
    """
    tally = WorkCounter()
    engine = DryRunEngine.of(library, resolved.job.seed, tally)
    picture = run_workflow(resolved.workflow, resolved.arguments, engine).picture
    return Effort(tally.work, prod(picture.size))


def _argument(parameter: Parameter, value: Any, results: Mapping[str, _StepResult], step: str) -> Any:
    """An argument's value: the result of an earlier step if it refers to one."""
    if not isinstance(value, Reference):
        return value
    try:
        return parameter.check(results[value.step])
    except ValueError as error:
        raise InputError(f"step '{step}', {parameter.name}: {error}") from None


def _is_busy(workflow: Workflow, step: str) -> bool:
    """Whether a step runs a model, and so takes time."""
    run = plugins.find("steps", workflow.uses(step)).run
    return any(parameter.kind.name in {"model", "workflow"} for parameter in parameters(run).values())
