"""The content of a workflow file, and which inputs stand for several parameters."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from studio.errors import WorkflowError
from studio.parameters.signature import Exposed, groups
from studio.plugins import find, names

_MOST_INPUTS: Final = 100
_MOST_STEPS: Final = 100


class WorkflowPreview(BaseModel):
    """Values that show what a workflow is good for, and the text-to-image that makes its start picture.

    ``until`` is the last step that is shown, where later ones need what does not come with the studio; "start" shows
    the start picture alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    values: dict[str, Any] = {}
    start: dict[str, Any] = {}
    until: str | None = None


class Definition(BaseModel):
    """The content of a workflow file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str = Field(min_length=1, max_length=100)
    description: str = ""
    inputs: dict[str, str | Exposed] = Field(max_length=_MOST_INPUTS)
    steps: dict[str, dict[str, Any]] = Field(min_length=1, max_length=_MOST_STEPS)
    preview: WorkflowPreview = WorkflowPreview()


def expanded(written: Definition) -> dict[str, str | Exposed]:
    """The inputs, where "STEP.sampling" stands for all fields of a Sampling that are neither inputs nor fixed."""
    inputs: dict[str, str | Exposed] = {}
    for name, spec in written.inputs.items():
        exposed = Exposed(of=spec) if isinstance(spec, str) else spec
        fields = _fields(written, exposed.of)
        if not fields:
            inputs[name] = spec
            continue
        if unfit := exposed.model_fields_set - {"of", "more", "when"}:
            raise WorkflowError(f"input '{name}' stands for several, so it has no '{min(unfit)}'; leave that out")
        step = exposed.of.partition(".")[0]
        inputs |= {field: exposed.model_copy(update={"of": f"{step}.{field}"}) for field in fields}
    return inputs


def _fields(written: Definition, of: str) -> list[str]:
    """The parameters that an input of several stands for; none where it is of one, or of a step that is not there."""
    step, _, parameter = of.partition(".")
    use = str(written.steps.get(step, {}).get("use", ""))
    if use not in names("steps"):
        return []
    specs = [spec if isinstance(spec, str) else spec.of for spec in written.inputs.values()]
    known = groups(find("steps", use).run).get(parameter, ())
    exposed = {name for owner, _, name in (spec.partition(".") for spec in specs) if owner == step}
    taken = {"guide", *written.inputs, *written.steps[step], *exposed}
    return [field for field in known if field not in taken]
