"""A workflow: which steps run, and which of their parameters a person may set.

    title: Poster
    inputs:
      prompt: draw.prompt
      steps: {of: draw.steps, default: 12, le: 40}
    steps:
      draw: {use: generate, model: spark}

Bounds come from the steps' signatures; a workflow may narrow them, never widen them. "$name"
gives a step what an earlier one made: pictures, words, or a guide; or else what was asked for the input of that name,
so that one prompt serves two steps. "draw.sampling" stands for all that ``Sampling`` holds and that is not an input or
fixed already. All is checked when the file is
loaded: steps, parameters, fixed values, references, bounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from keyword import iskeyword
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from studio.config import shipped
from studio.errors import InputError, WorkflowError
from studio.files import strict_yaml
from studio.files.untrusted import read_file
from studio.library import Library
from studio.parameters.signature import REQUIRED, Exposed, Parameter, gives, parameters, problem, wrong
from studio.parameters.types import Count, NewSeed, WildcardSeed
from studio.plugins import find, unknown
from studio.workflow import asset_refs
from studio.workflow.definition import Definition, expanded

_LONGEST_NAME, _LONGEST_INPUT = 200, 60


class JobForm(BaseModel):
    """What every workflow asks besides its own inputs."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seed: NewSeed = None
    count: Count = 1


class PromptForm(JobForm):
    """What a workflow asks besides where words may hold wildcards."""

    wildcard_seed: WildcardSeed = None


@dataclass(frozen=True)
class Workflow:
    """A checked workflow. ``data`` is the content of its file, plain JSON."""

    name: str
    data: Mapping[str, Any]

    @classmethod
    def load(cls, ref: str | Path, library: Library | None = None) -> "Workflow":
        """A workflow by its name, or from a YAML file.

        What it names is looked up in ``library``; without one, in that of the environment.
        Raises InputError for an unknown name, WorkflowError for a file that is wrong.
        """
        path = Path(ref)
        if path.suffix in {".yaml", ".yml"}:
            return cls.of(path.stem, _content(path), library)
        if str(ref) not in workflow_names():
            raise InputError(f"{unknown('workflow', str(ref), workflow_names())} (or give the path of a .yaml file)")
        return cls.of(str(ref), _content(shipped("workflows") / f"{ref}.yaml"), library)

    @classmethod
    def builtin(cls, name: str) -> "Workflow":
        """A workflow that came with the studio, by its name; these are right, so nothing is checked or looked up.

        Raises InputError for any other name.
        """
        if name not in workflow_names():
            raise InputError(unknown("workflow", name, workflow_names()))
        return cls(name, _content(shipped("workflows") / f"{name}.yaml"))

    @classmethod
    def of(cls, name: str, data: Mapping[str, Any], library: Library | None = None) -> "Workflow":
        """A workflow from the content of a file; checks everything in it. ``library`` is as in ``load``."""
        workflow = cls(name, data)
        try:
            workflow._check(library or Library.from_environment())
        except WorkflowError as error:
            raise WorkflowError(f"workflow '{name}': {error}") from None
        return workflow

    @cached_property
    def definition(self) -> Definition:
        """What the file says, with each input that stands for several parameters in their place."""
        try:
            written = Definition.model_validate(self.data)
        except ValidationError as error:
            raise WorkflowError(problem(error)) from None
        return written.model_copy(update={"inputs": expanded(written)})

    def inputs(self) -> Mapping[str, Parameter]:
        """The exposed parameters, narrowed, by the names this workflow gives them."""
        return self._inputs

    @cached_property
    def _inputs(self) -> Mapping[str, Parameter]:
        return MappingProxyType({name: self._parameter(name) for name in self.definition.inputs})

    def form(self) -> type[JobForm]:
        """A pydantic class with one field for each input, and those of JobForm or PromptForm."""
        return self._form

    @cached_property
    def _form(self) -> type[JobForm]:
        inputs = self.inputs()
        fields: dict[str, Any] = {
            name: (p.annotation, ... if p.default is REQUIRED else p.default) for name, p in inputs.items()
        }
        prompts = any(parameter.kind.name == "prompt" for parameter in inputs.values())
        return create_model(self.name, __base__=PromptForm if prompts else JobForm, **fields)

    def steps(self) -> Mapping[str, dict[str, Any]]:
        """Each step's fixed parameters and references, without its ``use``."""
        return self._steps

    @cached_property
    def _steps(self) -> Mapping[str, dict[str, Any]]:
        each = self.definition.steps.items()
        return MappingProxyType({name: {k: v for k, v in step.items() if k != "use"} for name, step in each})

    def uses(self, step: str) -> str:
        """Which kind of step, for example "generate", a step of this workflow is."""
        return str(self.definition.steps[step].get("use", ""))

    def source(self, name: str) -> tuple[str, str]:
        """The step and the parameter behind an input."""
        step, _, parameter = self.exposed(name).of.partition(".")
        return step, parameter

    def shared(self, value: Any) -> str | None:
        """The input that a step's "$name" stands for; None where a step has that name, or it is no such thing."""
        name = value[1:] if isinstance(value, str) and value.startswith("$") else None
        return name if name in self.definition.inputs and name not in self.definition.steps else None

    def fixed(self, step: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Each parameter of a step that is not its own input: a value, a reference, or what an input it shares has."""
        given = self.steps()[step].items()
        return {key: values[shared] if (shared := self.shared(value)) else value for key, value in given}

    def exposed(self, name: str) -> Exposed:
        """How the workflow shows one of its inputs."""
        spec = self.definition.inputs[name]
        return Exposed(of=spec) if isinstance(spec, str) else spec

    def _exposed_by_step(self) -> dict[str, set[str]]:
        """The parameters of each step that are inputs."""
        exposed: dict[str, set[str]] = {}
        for step, parameter in map(self.source, self.definition.inputs):
            exposed.setdefault(step, set()).add(parameter)
        return exposed

    def _parameter(self, name: str) -> Parameter:
        step, parameter = self.source(name)
        if step not in self.definition.steps:
            raise WorkflowError(f"input '{name}': {unknown('step', step, self.definition.steps)}")
        known = parameters(find("steps", self.uses(step)).run)
        if parameter not in known:
            raise WorkflowError(f"input '{name}': {unknown(f'parameter of {self.uses(step)}', parameter, known)}")
        if known[parameter].kind.name == "guide":
            raise WorkflowError(f"input '{name}': a guide is made by a step, not by people; write guide: $STEP")
        return known[parameter].narrowed(self.exposed(name))

    def _check(self, library: Library) -> None:
        if not self.name.isprintable() or not 0 < len(self.name) <= _LONGEST_NAME:
            raise WorkflowError(f"its name must be one line of at most {_LONGEST_NAME} letters; rename it")
        for name in self.definition.inputs:
            _check_input_name(name)
        earlier: dict[str, str] = {}
        find_asset = cache(library.find)  # a model that a hundred steps name is looked at once
        exposed = self._exposed_by_step()
        for name in self.definition.steps:
            _check_step(self, name, exposed.get(name, set()), earlier, find_asset)
            earlier[name] = gives(find("steps", self.uses(name)).run)
        if earlier[name] != "pictures":
            raise WorkflowError(f"the last step, '{name}', makes {earlier[name]}; end with one that makes pictures")
        inputs = self.inputs()
        for name in inputs:
            for other in self.exposed(name).when:
                if other not in inputs:
                    raise WorkflowError(f"input '{name}', when: {unknown('input', other, inputs)}")


_Find = Callable[[str, str], object]


_FLAGS: Final = ("help", "json", "name", "out")  # of studio run, whatever the workflow


def _check_input_name(name: str) -> None:
    """The name can be that of a field, a flag and a parameter, on every surface."""
    if name in _FLAGS:
        raise WorkflowError(f"'{name}' cannot be an input's name, as every command has a flag --{name}; rename it")
    if name in PromptForm.model_fields:
        raise WorkflowError(f"every workflow has '{name}' already; leave it out of 'inputs'")
    if not name.isidentifier() or iskeyword(name) or name.startswith("_") or len(name) > _LONGEST_INPUT:
        raise WorkflowError(
            f"'{name[:80]}' cannot be an input's name; use up to {_LONGEST_INPUT} letters, digits and underscores, "
            "a letter first"
        )
    if hasattr(JobForm, name):
        raise WorkflowError(f"'{name}' cannot be an input's name, as the form has a method of that name; rename it")


def _check_step(
    workflow: Workflow, name: str, exposed: set[str], earlier: Mapping[str, str], find_asset: _Find
) -> None:
    """Every fixed value fits the step's signature and nothing required is missing."""
    try:
        known = parameters(find("steps", workflow.uses(name)).run)
    except InputError as error:
        raise WorkflowError(f"step '{name}': {error}") from None
    fixed = workflow.steps()[name]
    for key, value in fixed.items():
        if key not in known:
            raise WorkflowError(f"step '{name}': {unknown('parameter', key, known)}")
        if shared := workflow.shared(value):
            _check_shared(workflow, name, known[key], shared)
        else:
            _check_value(name, known[key], value, earlier, find_asset)
    for key, parameter in known.items():
        if parameter.default is REQUIRED and key not in fixed and key not in exposed:
            raise WorkflowError(f"step '{name}' needs '{key}': fix it, or expose it under 'inputs'")
    if both := sorted(exposed & set(fixed)):
        raise WorkflowError(f"step '{name}': '{both[0]}' is both fixed and an input; keep one")


def _check_value(step: str, parameter: Parameter, value: Any, earlier: Mapping[str, str], find_asset: _Find) -> None:
    if isinstance(value, str) and value.startswith("$"):
        _check_reference(step, parameter, value, earlier)
        return
    try:
        checked = parameter.check(value)
        for kind, ref in asset_refs.of(parameter.kind.name, checked):
            find_asset(kind, ref)
    except (ValueError, InputError) as error:
        raise WorkflowError(f"step '{step}', {parameter.name}: {error}") from None


def _check_shared(workflow: Workflow, step: str, parameter: Parameter, name: str) -> None:
    """The input ``name`` is of the kind that the parameter takes."""
    kind = workflow.inputs()[name].kind.name
    if parameter.kind.name != kind:
        raise WorkflowError(f"step '{step}': '{parameter.name}' does not take a {kind}, so not '${name}'")


def _check_reference(step: str, parameter: Parameter, value: str, earlier: Mapping[str, str]) -> None:
    """``value`` is "$name" of an earlier step that makes what the parameter takes."""
    if value[1:] not in earlier:
        known = ", ".join(earlier) or "there is none"
        raise WorkflowError(f"step '{step}': '{value}' must name an earlier step ({known})")
    made = earlier[value[1:]]
    if parameter.kind.takes != made:
        raise WorkflowError(f"step '{step}': '{parameter.name}' does not take {made}, so not '{value}'")


def _content(path: Path) -> dict[str, Any]:
    """The mapping in a workflow file."""
    try:
        content = strict_yaml.loads(read_file(path, strict_yaml.MOST_BYTES))
    except OSError as error:
        raise WorkflowError(f"cannot read the workflow '{path}': {error.strerror or error}") from None
    except ValueError as error:
        raise WorkflowError(f"the workflow '{path}', {error}") from None
    if not isinstance(content, dict):
        raise WorkflowError(f"the workflow '{path}' must be a mapping with 'inputs' and 'steps'")
    return content


def workflow_names() -> list[str]:
    """The workflows that came with the studio."""
    return sorted(path.stem for path in shipped("workflows").glob("*.yaml"))


def bind(form: type[JobForm], values: Mapping[str, Any], open_picture: Callable[[str], Image] | None = None) -> JobForm:
    """Values checked against a form. With ``open_picture``, pictures take the place of their paths.

    Raises InputError that names each input that is wrong, in one line.
    """
    strangers = [name for name in values if name not in form.model_fields]
    if strangers:
        text = unknown("input", strangers[0], form.model_fields)
        raise InputError(text, {strangers[0]: text})
    try:
        return form.model_validate(values, context=open_picture)
    except ValidationError as error:
        missing = [str(item["loc"][0]) for item in error.errors() if item["type"] == "missing"]
        if missing:
            needed = "required"
            raise InputError(f"'{missing[0]}' is {needed}", wrong(error) | dict.fromkeys(missing, needed)) from None
        raise InputError(problem(error), wrong(error)) from None
