"""A grid of pictures that compares values of inputs: X across, Y down, Z as one sheet below another."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Annotated, Any, Final

from PIL.Image import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.images.grid import sheet, stacked
from studio.parameters.types import AxisText, Picture, Prompt, Text, Toggle, WorkflowRef
from studio.parameters.value_lists import Axis, listed
from studio.plugins import unknown
from studio.prompts.lora import Lora
from studio.runtime.workflow_executor import run_workflow
from studio.workflow import asset_refs
from studio.workflow.resolve import Assets, arguments_of
from studio.workflow.workflow import JobForm, Workflow, bind, workflow_names

MOST: Final = 100
_NONE: Final = Axis("", ("",))

X = Annotated[
    AxisText,
    Field(title="Across", description="An input and its values, for example steps=5,10,20 or loras=neon:0..1:0.25."),
]
Y = Annotated[AxisText, Field(title="Down", description="Another input and its values, or empty.")]
Z = Annotated[AxisText, Field(title="Sheets", description="A third input and its values, or empty.")]
Settings = Annotated[
    Text, Field(title="Other inputs", description="The same in all, for example steps=10, guidance=3.")
]
Start = Annotated[Picture, Field(description="The picture to start from, where the workflow needs one.")]
Labels = Annotated[Toggle, Field(title="Labels", description="Write the values beside the pictures.")]

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
) -> Image:
    """The grid. A picture has the engine's seed where no axis gives another."""
    inner = _inner(workflow)
    axes, cells = _plan(inner, (x, y, z), _base(prompt, image, settings), engine.seed)
    for kind, ref in _named(inner, cells):
        engine.library.check_name(kind, ref)
    return _page(axes, list(_pictures(engine, inner, cells)), labels)


def runs(
    x: str,
    y: str = "",
    z: str = "",
    prompt: str = "",
    image: str | None = None,
    settings: str = "",
    workflow: str = "text-to-image",
) -> list[tuple[Workflow, Cell]]:
    """The inner workflow with the values of each picture, which its job depends on.

    Raises InputError that names a wrong axis or value, before anything is started.
    """
    inner = _inner(workflow)
    return [(inner, cell) for cell in _plan(inner, (x, y, z), _base(prompt, image, settings), 0)[1]]


def _plan(
    inner: Workflow, texts: tuple[str, str, str], base: dict[str, Any], seed: int
) -> tuple[list[Axis], list[Cell]]:
    """The axes and the cells of the grid."""
    axes = [Axis.parse(text) if text.strip() else _NONE for text in texts]
    _check(inner, axes, base)
    form, lists = inner.form(), [name for name in inner.inputs() if inner.exposed(name).each]
    cells = [_cell(form, lists, {"seed": seed} | base | point) for point in _points(axes)]
    return axes, cells


def _named(inner: Workflow, cells: list[Cell]) -> set[tuple[str, str]]:
    """Every model, adapter and LoRA that the cells name, by kind."""
    kinds = {name: parameter.kind.name for name, parameter in inner.inputs().items()}
    return {found for cell in cells for name, kind in kinds.items() for found in asset_refs.of(kind, cell[name])}


def _base(prompt: str, image: Any, settings: str) -> dict[str, Any]:
    """The values that all cells share. Text must not open files, so a picture can only come by its own input."""
    pairs = _settings(settings)
    if "image" in pairs:
        raise InputError("'image' takes a picture, which cannot be written as text; give it as the grid's own")
    return pairs | {name: value for name, value in (("prompt", prompt), ("image", image)) if value}


def _inner(name: str) -> Workflow:
    """A workflow that is shipped with the studio, and is not a grid itself."""
    known = [known for known in workflow_names() if known != "grid"]
    if name not in known:
        raise InputError(unknown("workflow", name, known))
    return Workflow.builtin(name)


def _settings(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in listed(text)]
    if wrong := next((name for name, found, _ in pairs if not found), None):
        raise InputError(f"'{wrong}' among the other inputs has no value; write it as name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _check(inner: Workflow, axes: list[Axis], base: Mapping[str, Any]) -> None:
    """Refuse axes that repeat, name an unknown input, or name a file."""
    names, inputs = [axis.name for axis in axes if axis.name], inner.inputs()
    if twice := next((name for name in names if names.count(name) > 1 or name in base), None):
        raise InputError(f"'{twice}' is given twice; keep one")
    for name in [*names, *base]:
        if name not in (*inputs, "seed"):
            raise InputError(unknown(f"input of '{inner.name}'", name, [*inputs, "seed"]))
        if name in inputs and inputs[name].kind.takes == "pictures" and (name in names or name != "image"):
            raise InputError(f"'{name}' takes a picture, which cannot be written as text; leave it out")
    if (cells := len(list(_points(axes)))) > MOST:
        raise InputError(f"the axes make {cells} pictures; a grid holds at most {MOST}: shorten one")


def _points(axes: list[Axis]) -> Iterator[dict[str, str]]:
    """The values that differ in each picture: X varies fastest, Z slowest."""
    for values in product(*(axis.values for axis in reversed(axes))):
        yield {axis.name: value for axis, value in zip(reversed(axes), values, strict=True) if axis.name}


def _cell(form: type[JobForm], lists: list[str], values: Mapping[str, Any]) -> Cell:
    cell = dict(bind(form, values))
    for name in lists:
        if len(cell[name]) > 1:
            raise InputError(f"'{name}' has {len(cell[name])} values, but one picture of a grid takes one")
    return cell


def _pictures(engine: Engine, inner: Workflow, cells: list[Cell]) -> Iterator[Image]:
    assets = Assets(engine.library)
    for n, cell in enumerate(cells):
        arguments = arguments_of(inner, cell, assets)
        yield run_workflow(inner, arguments, replace(engine.part(n, len(cells)), seed=cell["seed"])).picture


def _page(axes: list[Axis], pictures: list[Image], labels: bool) -> Image:
    x, y, z = axes
    columns, beside, titles = (labels_of(axis) if labels else [""] * len(axis.values) for axis in axes)
    rows = [pictures[n : n + len(x.values)] for n in range(0, len(pictures), len(x.values))]
    height = len(y.values)
    pages = [sheet(rows[n * height : (n + 1) * height], columns, beside, titles[n]) for n in range(len(z.values))]
    return stacked(pages)


def labels_of(axis: Axis) -> list[str]:
    """The labels of each value: "steps 5", or the names and weights of LoRAs, "neon 0.5"."""
    if axis.name == "loras":
        return [
            ", ".join(_label(lora) for lora in asset_refs.loras("loras", value)) or "no LoRA" for value in axis.values
        ]
    return [f"{axis.name.replace('_', ' ')} {value}".strip() for value in axis.values]


def _label(lora: Lora) -> str:
    """As "neon 0.5", without the folders of the file."""
    return str(lora).removeprefix(lora.part.removesuffix(lora.part.rpartition("/")[2])).replace(":", " ")
