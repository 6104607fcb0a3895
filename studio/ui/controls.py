"""The inputs of a workflow as controls: the command line, the notebook and the web app are drawn from this list."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log10
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from studio.library import Library
from studio.parameters.types import OWN_SAMPLER, PARTS, SIZES, kind_of
from studio.workflow.workflow import Workflow, workflow_names

_LIVE_CHOICES: Final = {"model": "model", "loras": "lora", **{kind: kind for kind in PARTS}}
"""Controls whose choices are names in the library, and of which kind."""


@dataclass(frozen=True)
class FormControl:
    """One input of a workflow.

    ``default`` is a JSON value; None means the model's default, or no value yet if the input is ``required``.
    ``least`` and ``greatest`` are the bounds or None, ``step`` is 1 for whole numbers. ``more`` puts the input under
    "Advanced", ``many`` takes several values, and ``visible_if`` names another control and the value it must have.
    """

    name: str
    kind: str
    label: str
    help: str
    required: bool
    default: Any
    least: float | None
    greatest: float | None
    step: float | None
    choices: tuple[str | int | float, ...]
    unit: str
    more: bool
    many: bool
    visible_if: tuple[str, Any] | None


def controls(workflow: Workflow) -> tuple[FormControl, ...]:
    """Every input in the order of the workflow's file; seed and count come last."""
    return tuple(_controls(workflow))


def ease(workflow: Workflow) -> tuple[bool, bool, int, str]:
    """A key that sorts the easiest workflows first: no extra model needed, no picture needed, fewest inputs."""
    inputs = controls(workflow)
    needs_a_picture = any(control.required and control.kind in ("picture", "mask", "pictures") for control in inputs)
    return own_model(workflow) is not None, needs_a_picture, sum(not control.more for control in inputs), workflow.name


def is_blank(value: Any) -> bool:
    """Whether the value of a required input is missing: None, an empty list, or only white space."""
    return not value.strip() if isinstance(value, str) else value in (None, [])


def own_model(workflow: Workflow) -> FormControl | None:
    """The input for a model or an adapter that the user has to provide for this workflow; None if there is none."""
    inputs = controls(workflow)
    return next(
        (one for one in inputs if (one.kind in PARTS and not one.more) or (one.kind == "model" and one.required)), None
    )


def _controls(workflow: Workflow) -> Iterator[FormControl]:
    inputs = workflow.definition.inputs
    for name, field in sorted(workflow.form().model_fields.items(), key=lambda item: item[0] not in inputs):
        exposed = workflow.exposed(name) if name in inputs else None
        more = exposed.more if exposed else kind_of(field.metadata).more
        yield _control(name, field, more, exposed.when if exposed else {})


def _control(name: str, field: FieldInfo, more: bool, when: dict[str, Any]) -> FormControl:
    kind, plain = kind_of(field.metadata), _element(field.annotation)
    least, greatest = (_bound(field, side, whole=plain is int) for side in ("ge", "le"))
    return FormControl(
        name=name,
        kind=kind.name,
        label=field.title or name.replace("_", " ").capitalize(),
        help=field.description or "",
        required=field.is_required(),
        default=_json(None if field.is_required() else field.default),
        least=least,
        greatest=greatest,
        step=1 if plain is int else _step(least, greatest),
        choices=get_args(plain) if get_origin(plain) is Literal else (),
        unit=kind.unit,
        more=more,
        many=kind.many,
        visible_if=next(iter(when.items()), None),
    )


def _step(least: float | None, greatest: float | None) -> float | None:
    """The power of ten that is nearest to a hundredth of the range."""
    return None if least is None or greatest is None else 10.0 ** round(log10((greatest - least) / 100))


def _element(annotation: Any) -> Any:
    """The type of one value, without the list around it and without None."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) in (list, tuple):
        return _element(get_args(annotation)[0])
    return _element(get_args(annotation)[0]) if hasattr(annotation, "__metadata__") else annotation


def _bound(field: FieldInfo, side: str, *, whole: bool) -> float | None:
    """The narrowest bound of a side: the workflow's comes after the step's."""
    found = [getattr(item, side) for item in field.metadata if getattr(item, side, None) is not None]
    return None if not found else int(found[-1]) if whole else found[-1]


def _json(default: Any) -> Any:
    if isinstance(default, list | tuple) and not hasattr(default, "_fields"):
        return [_json(item) for item in default]
    return default if isinstance(default, str | int | float | bool | NoneType) else str(default)


def live_choices(control: FormControl, library: Library) -> tuple[str, ...]:
    """The current choices: the installed models, LoRAs and so on, otherwise the control's own choices."""
    if control.kind == "workflow":
        return tuple(workflow_names())
    if kind := _LIVE_CHOICES.get(control.kind):
        return tuple(library.names(kind))
    return tuple(str(choice) for choice in control.choices)


def choice_label(choice: str | int | float) -> str:
    """The label of a choice."""
    return "Auto" if choice == OWN_SAMPLER else str(choice)


def sizes() -> tuple[tuple[str, str], ...]:
    """Common sizes, as (label, "WIDTHxHEIGHT"). Any other size may be typed in."""
    return tuple((f"{label} · {size}", str(size)) for label, size in SIZES)
