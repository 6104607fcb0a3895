"""Walk through a workflow's steps, giving each what it asked for."""

from collections.abc import Mapping
from typing import Any

from PIL.Image import Image
from pydantic import ConfigDict, ValidationError, validate_call

from studio import plugins
from studio.engine.engine import Engine
from studio.errors import InputError
from studio.parameters import problem
from studio.workflow import Workflow

_CALL = ConfigDict(arbitrary_types_allowed=True)


def make(workflow: Workflow, values: Mapping[str, Any], engine: Engine) -> list[Image]:
    """Run the workflow's steps in order; the last one's pictures are the result.

    Raises InputError where a value breaks a bound of a step's signature.
    """
    made: dict[str, list[Image]] = {}
    for step, fixed in workflow.steps().items():
        arguments = {key: made[v[1:]] if isinstance(v, str) and v.startswith("$") else v for key, v in fixed.items()}
        arguments |= {
            key: values[i] for i in workflow.definition.inputs for s, key in [workflow.source(i)] if s == step
        }
        run = validate_call(config=_CALL)(plugins.find("steps", workflow.uses(step)).run)
        try:
            made[step] = run(engine, **arguments)
        except ValidationError as error:
            raise InputError(f"step '{step}': {problem(error)}") from None
    return made[step]
