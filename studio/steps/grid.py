"""A sheet of pictures that shows what inputs do: X across, Y down, Z as one sheet under another."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Annotated, Any, Final

from PIL.Image import Image
from pydantic import Field

from studio.axes import Axis, listed
from studio.engine.engine import Engine
from studio.errors import InputError
from studio.kinds import AxisText, Picture, Prompt, Text, Toggle, WorkflowRef
from studio.models import library
from studio.plugins import unknown
from studio.sheet import sheet, stacked
from studio.walk import make
from studio.workflow import Workflow, bind, workflow_names

MOST: Final = 100
_NONE: Final = Axis("", ("",))

X = Annotated[AxisText, Field(title="Across")]
Y = Annotated[AxisText, Field(title="Down", description="Another input and its values, or nothing.")]
Z = Annotated[AxisText, Field(title="Sheets", description="A third input and its values, or nothing.")]
Settings = Annotated[
    Text, Field(title="Other inputs", description="The same in all, for example steps=10, guidance=3.")
]
Start = Annotated[Picture, Field(description="The picture to start from, where the workflow needs one.")]
Labels = Annotated[Toggle, Field(title="Labels", description="Write beside the pictures what differs.")]

Cell = dict[str, Any]  # an inner workflow's values, and its seed


def run(
    engine: Engine,
    x: X,
    y: Y = "",
    z: Z = "",
    prompt: Prompt = "",
    image: Start | None = None,
    settings: Settings = "",
    workflow: WorkflowRef = "text-to-image",
    labels: Labels = True,
) -> list[Image]:
    """One sheet for each seed.

    Raises InputError that names a wrong axis or value before any picture is made.
    """
    inner, axes = _inner(workflow), [Axis.parse(text) if text.strip() else _NONE for text in (x, y, z)]
    base = _settings(settings) | {name: v for name, v in (("prompt", prompt), ("image", image)) if v}
    _check(inner, axes, base, {"image"} if image else set())
    sheets = [[_cell(inner, {"seed": seed} | base | point) for point in _points(axes)] for seed in engine.seeds]
    pictures = _pictures(engine, inner, [cell for cells in sheets for cell in cells])
    return [_page(axes, [next(pictures) for _ in cells], labels) for cells in sheets]


def _inner(name: str) -> Workflow:
    """A workflow that came with the studio, and is no grid itself."""
    known = [known for known in workflow_names() if known != "grid"]
    if name not in known:
        raise InputError(unknown("workflow", name, known))
    return Workflow.load(name)


def _settings(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in listed(text)]
    if wrong := next((name for name, found, _ in pairs if not found), None):
        raise InputError(f"'{wrong}' among the other inputs has no value; write it as name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _check(inner: Workflow, axes: list[Axis], base: Mapping[str, Any], given: set[str]) -> None:
    """Refuse axes that repeat, name no input, or name a file: words must not open files."""
    names, inputs = [axis.name for axis in axes if axis.name], inner.inputs()
    if twice := next((name for name in names if names.count(name) > 1 or name in base), None):
        raise InputError(f"'{twice}' is given twice; keep one")
    for name in [*names, *base]:
        if name not in (*inputs, "seed"):
            raise InputError(unknown(f"input of '{inner.name}'", name, [*inputs, "seed"]))
        if name in inputs and inputs[name].kind.takes == "pictures" and name not in given:
            raise InputError(f"'{name}' takes a picture, which cannot be written in words; leave it out")
    if (cells := len(list(_points(axes)))) > MOST:
        raise InputError(f"the axes make {cells} pictures; a grid holds at most {MOST}: shorten one")


def _points(axes: list[Axis]) -> Iterator[dict[str, str]]:
    """What differs in each picture: X runs fastest, Z slowest."""
    for values in product(*(axis.values for axis in reversed(axes))):
        yield {axis.name: value for axis, value in zip(reversed(axes), values, strict=True) if axis.name}


def _cell(inner: Workflow, values: Mapping[str, Any]) -> Cell:
    cell = bind(inner.form(), values).model_dump(mode="json")
    for name, parameter in inner.inputs().items():
        if parameter.kind.many and len(cell[name]) > 1:
            raise InputError(f"'{name}' has {len(cell[name])} values, but one picture of a grid takes one")
        if parameter.kind.name == "model":
            library.find(cell[name])
    return cell


def _pictures(engine: Engine, inner: Workflow, cells: list[Cell]) -> Iterator[Image]:
    for n, cell in enumerate(cells):
        yield make(inner, cell, replace(engine.part(n, len(cells)), seeds=(cell["seed"],)))[0]


def _page(axes: list[Axis], pictures: list[Image], labels: bool) -> Image:
    x, y, z = axes
    columns, beside, titles = (_labels(axis) if labels else [""] * len(axis.values) for axis in axes)
    rows = [pictures[n : n + len(x.values)] for n in range(0, len(pictures), len(x.values))]
    height = len(y.values)
    pages = [sheet(rows[n * height : (n + 1) * height], columns, beside, titles[n]) for n in range(len(z.values))]
    return stacked(pages)


def _labels(axis: Axis) -> list[str]:
    return [f"{axis.name.replace('_', ' ')} {value}".strip() for value in axis.values]
