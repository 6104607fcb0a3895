"""Reads a step's parameters from its typed signature, and narrows them for a workflow."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache, cached_property
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from studio.errors import WorkflowError
from studio.parameters.conditioning import Guide
from studio.parameters.sampling import Sampling
from studio.parameters.types import PARTS, Kind, Size, kind_of
from studio.parameters.validators import one_of
from studio.parameters.value_lists import MOST, listed

REQUIRED = inspect.Parameter.empty
_SINGLE = ("picture", "mask", "model", "loras", *PARTS)  # a job has the hash of a single value
_MAKES: dict[Any, str] = {str: "words", Guide: "a guide"}


class Exposed(BaseModel):
    """How a workflow exposes a parameter: which one, how it is narrowed, and how it is shown.

    ``each`` takes a list and makes a picture for each of its values. ``more`` puts it among the advanced inputs;
    ``when`` shows it only while another input has a certain value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    of: str
    default: Any = None
    ge: float | None = None
    le: float | None = None
    choices: tuple[str | int | float, ...] | None = Field(default=None, min_length=1)
    label: str | None = None
    help: str | None = None
    each: bool = False
    more: bool = False
    when: dict[str, Any] = Field(default={}, max_length=1)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a step: its type with all bounds, and its default (REQUIRED where there is none)."""

    name: str
    annotation: Any
    default: Any = REQUIRED

    @property
    def field(self) -> FieldInfo:
        """Title, description and bounds as pydantic sees them."""
        return FieldInfo.from_annotation(self.annotation)

    @cached_property
    def kind(self) -> Kind:
        return kind_of(self.field.metadata)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Minimum and maximum, None where open."""
        return _bound(self.field, Ge, "ge"), _bound(self.field, Le, "le")

    def check(self, value: Any) -> Any:
        """The value as the step receives it; raises ValueError in one line."""
        try:
            return TypeAdapter(self.annotation).validate_python(value)
        except ValidationError as error:
            raise ValueError(problem(error)) from None

    def narrowed(self, exposed: Exposed) -> "Parameter":
        """This parameter within the bounds of a workflow.

        Raises WorkflowError where the workflow would allow more than the step.
        """
        least, greatest = self.bounds
        _refuse_wider(self.name, "ge", exposed.ge, least, greatest)
        _refuse_wider(self.name, "le", exposed.le, least, greatest)
        parameter = replace(self, annotation=Annotated[self.annotation, self._narrowing(exposed)])
        if exposed.choices:
            parameter = replace(parameter, annotation=parameter._choices(exposed.choices))
        if exposed.each:
            parameter = parameter._each()
        return parameter._with_default(exposed)

    def _each(self) -> "Parameter":
        """This parameter as a list of its values, or as text in the form of ``value_lists.listed``."""
        if self.kind.name in _SINGLE:
            raise WorkflowError(f"input '{self.name}' takes one value; leave out 'each'")
        about = Field(min_length=1, max_length=MOST, title=self.field.title, description=self.field.description)
        many: Any = Annotated[list[self.annotation], BeforeValidator(_split), about, replace(self.kind, many=True)]  # type: ignore[name-defined]
        default = REQUIRED if self.default in (REQUIRED, None, "") else [self.default]
        return replace(self, annotation=many, default=default)

    def _narrowing(self, exposed: Exposed) -> Any:
        settings: dict[str, Any] = {
            "ge": exposed.ge,
            "le": exposed.le,
            "title": exposed.label,
            "description": exposed.help,
        }
        narrowing: Any = Field(**{name: value for name, value in settings.items() if value is not None})
        return narrowing

    def _choices(self, choices: tuple[str | int | float, ...]) -> Any:
        for choice in choices:
            self._checked(choice, "choice")
        metadata = getattr(self.annotation, "__metadata__", ())
        return _as(Kind("choice"), Annotated[(Literal[choices], *metadata, one_of(choices))])

    def _with_default(self, exposed: Exposed) -> "Parameter":
        if "default" in exposed.model_fields_set:
            checked = self._checked(exposed.default, "default")
            return replace(self, default=self._plain(checked) if exposed.each else checked)
        if self.default is not REQUIRED and self.default is not None:
            self._checked(self.default, "default (give another with 'default:')")
        return self

    def _plain(self, value: Any) -> Any:
        """The value as JSON, as in a job."""
        adapter: TypeAdapter[Any] = TypeAdapter(self.annotation)
        return adapter.dump_python(adapter.validate_python(value), mode="json")

    def _checked(self, value: Any, what: str) -> Any:
        try:
            self.check(value)
        except ValueError as error:
            raise WorkflowError(f"the {what} {value!r} of input '{self.name}': {error}") from None
        return value


def gives(run: Callable[..., Any]) -> str:
    """What a step returns: "words", "a guide", or "pictures"."""
    return _MAKES.get(get_type_hints(run)["return"], "pictures")


@cache
def parameters(run: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The parameters of a step's ``run``, without the engine; a Sampling counts as its fields."""
    hints = get_type_hints(run, include_extras=True)
    _, *rest = inspect.signature(run).parameters.values()
    found: dict[str, Parameter] = {}
    for p in rest:
        if _is_sampling(hints[p.name]):
            found |= _fields(hints[p.name])
        else:
            found[p.name] = Parameter(p.name, _flat(hints[p.name]), p.default)
    return MappingProxyType(found)


@cache
def groups(run: Callable[..., Any]) -> Mapping[str, tuple[str, ...]]:
    """The arguments of ``run`` that hold several parameters, with the parameters' names."""
    hints = get_type_hints(run, include_extras=True)
    return MappingProxyType({name: tuple(_fields(hint)) for name, hint in hints.items() if _is_sampling(hint)})


def grouped(run: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``run`` for values of its ``parameters``: those of a Sampling become one argument."""
    hints, rest = get_type_hints(run, include_extras=True), dict(values)
    for name, fields_ in groups(run).items():
        own = {key: rest.pop(key) for key in fields_ if key in rest}
        rest[name] = TypeAdapter(hints[name]).validate_python(own)
    return rest


def _is_sampling(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Sampling)


def _fields(sampling: type[Sampling]) -> dict[str, Parameter]:
    hints = get_type_hints(sampling, include_extras=True)
    return {
        field.name: Parameter(
            field.name, _flat(hints[field.name]), REQUIRED if field.default is MISSING else field.default
        )
        for field in fields(sampling)
    }


_WORDS: Final = MappingProxyType(
    {
        **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "Input should be a whole number"),
        **dict.fromkeys(("float_parsing", "float_type"), "Input should be a number"),
        **dict.fromkeys(("bool_parsing", "bool_type"), "Input should be yes or no"),
        "string_type": "Input should be text",
    }
)
"""Plain wording for the errors of pydantic that people meet most often."""


def problem(error: ValidationError) -> str:
    """All errors that pydantic found in one line, with their fields."""
    return "; ".join(f"{where}: {text}" if where else text for where, text in _each(error))


def wrong(error: ValidationError) -> dict[str, str]:
    """The error that pydantic found for each field."""
    return {where.partition(".")[0]: text for where, text in _each(error)}


def _each(error: ValidationError) -> Iterator[tuple[str, str]]:
    for item in error.errors(include_url=False):
        yield ".".join(str(part) for part in item["loc"] if isinstance(part, str) and part.isidentifier()), _text(item)


def _text(item: ErrorDetails) -> str:
    if item["type"] == "too_long" and isinstance(item.get("input"), dict):
        return f"there are more than the {item['ctx']['max_length']:,} that are allowed"
    text, value = _WORDS.get(item["type"], str(item["msg"])), item.get("input")
    if text.startswith("Input"):  # the wording of pydantic; ours names the value itself
        shown = f" (got {value!r})" if isinstance(value, int | float | str) and len(str(value)) < 40 else ""
        text = f"{text[:1].lower()}{text[1:]}{shown}"
    return text.removeprefix("Value error, ")


def _flat(annotation: Any) -> Any:
    """``Annotated[X, …] | None`` as ``Annotated[X | None, …]``, so that label and bounds are found.

    Validators stay inside, where the value is never None.
    """
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    inner = next((a for a in get_args(annotation) if hasattr(a, "__metadata__")), None)
    if inner is None:
        return annotation
    checks = [item for item in inner.__metadata__ if isinstance(item, AfterValidator | BeforeValidator)]
    rest = [item for item in inner.__metadata__ if item not in checks]
    value: Any = Annotated[(inner.__origin__, *checks)] if checks else inner.__origin__
    return Annotated[(value | None, *rest)]


def _as(kind: Kind, annotation: Any) -> Any:
    """The type with another kind of control."""
    kept = [item for item in annotation.__metadata__ if not isinstance(item, Kind)]
    return Annotated[(annotation.__origin__, *kept, kind)]


def _split(value: Any) -> Any:
    """Text as the list that it writes; a single number or size as a list of one."""
    if isinstance(value, str):
        return listed(value)
    return [value] if isinstance(value, int | float | Size) else value


def _bound(field: FieldInfo, kind: type, name: str) -> float | None:
    found = [getattr(item, name) for item in field.metadata if isinstance(item, kind)]
    return found[-1] if found else None


def _refuse_wider(name: str, side: str, wanted: float | None, least: float | None, greatest: float | None) -> None:
    if wanted is None:
        return
    if least is None and greatest is None:
        raise WorkflowError(f"input '{name}' is not a number with bounds; '{side}' does not fit it")
    if (least is not None and wanted < least) or (greatest is not None and wanted > greatest):
        raise WorkflowError(
            f"input '{name}': {side} {wanted:g} is wider than the step allows ({least:g} to {greatest:g})"
        )
