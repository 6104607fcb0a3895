"""Jobs as graphs that ComfyUI's server runs: nodes of its core, step by step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy.prompt_graph_builder import Pin, Sheet
from studio.imports.comfy.sampler_nodes import Drawing, Given, Guide
from studio.parameters.types import Size
from studio.prompts.lora import Lora
from studio.workflow.job import Job, given
from studio.workflow.workflow import Workflow


@dataclass(frozen=True)
class Exported:
    """A graph in the API's form, and what is to be known besides."""

    graph: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


def export(job: Job) -> Exported:
    """The graph that makes a job's first picture.

    Raises InputError that names what ComfyUI's core has no counterpart for.
    """
    sheet = Sheet()
    if job.total > 1:
        sheet.note(f"this is the first of {job.total} pictures; the others differ in seed or values")
        job = job.alone(0)
    workflow, made = Workflow.of(job.workflow, job.definition), dict[str, Any]()
    for step in workflow.steps():
        asked = {key: _referred(made, value) for key, value in given(workflow, job.values, step).items()}
        if (build := STEPS.get(workflow.uses(step))) is None:
            raise InputError(f"ComfyUI has no counterpart for the step '{workflow.uses(step)}'; it cannot be exported")
        made[step] = build(sheet, asked, job.seed)
    sheet.add("SaveImage", {"images": made[step], "filename_prefix": "studio"})
    return Exported(sheet.nodes, tuple(sheet.notes))


def _referred(made: Mapping[str, Any], value: Any) -> Any:
    """What an earlier step made, where a value refers to it; of a list its one value."""
    if isinstance(value, str) and value.startswith("$"):
        return made[value[1:]]
    return value


def _guide(asked: Given) -> Guide:
    found = asked["guide"]
    return found if isinstance(found, Guide) else Guide()


def _lora(sheet: Sheet, asked: Given, seed: int) -> Guide:  # noqa: ARG001 as all steps
    guide = _guide(asked)
    return replace(guide, loras=guide.loras + tuple(map(Lora.parse, asked["loras"])))


def _vae(sheet: Sheet, asked: Given, seed: int) -> Guide:  # noqa: ARG001 as all steps
    return replace(_guide(asked), vae=asked["vae"])


def _embedding(sheet: Sheet, asked: Given, seed: int) -> Guide:  # noqa: ARG001 as all steps
    guide, file = _guide(asked), asked["embedding"]
    return replace(guide, words=(*guide.words, (asked["word"].strip() or PurePath(file).stem, file)))


def _lines(sheet: Sheet, asked: Given, seed: int) -> Pin:  # noqa: ARG001 as all steps
    picture, lines = _picture(sheet, asked["image"]), asked["lines"]
    if lines == "edges":
        return sheet.add("Canny", {"image": picture, "low_threshold": 0.1, "high_threshold": 0.2})
    if lines == "drawing":
        return sheet.add("ImageInvert", {"image": picture})
    if lines != "as it is":
        raise InputError(f"ComfyUI has no counterpart for lines={lines}; take edges, drawing or as it is")
    return picture


def _control(sheet: Sheet, asked: Given, seed: int) -> Guide:  # noqa: ARG001 as all steps
    if not asked["controlnet"]:
        raise InputError("ComfyUI follows pictures by a ControlNet; without one it cannot be exported")
    guide = _guide(asked)
    return replace(guide, followed=(*guide.followed, (_picture(sheet, asked["image"]), asked)))


def _generate(sheet: Sheet, asked: Given, seed: int) -> Pin:
    drawing = Drawing.of(sheet, asked, _guide(asked), seed)
    width, height = _size(asked) or drawing.card.size
    if drawing.guide.followed and not asked["size"]:
        sheet.note(f"without a size the studio draws in the shape of what is followed; here it is {width}x{height}")
    return drawing.drawn(drawing.empty(width, height))


def _edit(sheet: Sheet, asked: Given, seed: int) -> Pin:
    drawing, picture = Drawing.of(sheet, asked, _guide(asked), seed), _picture(sheet, asked["image"])
    if size := _size(asked):
        picture = _resized(sheet, picture, size)
    else:
        sheet.note("ComfyUI draws in the start picture's own size, the studio in the model's; give a size for the same")
    return drawing.drawn(drawing.encoded(picture), asked["strength"])


def _inpaint(sheet: Sheet, asked: Given, seed: int) -> Pin:
    drawing, picture = Drawing.of(sheet, asked, _guide(asked), seed), _picture(sheet, asked["image"])
    mask = sheet.add("LoadImageMask", {"image": _loaded(sheet, asked["mask"]), "channel": "red"})
    sheet.note("ComfyUI draws the whole picture at its own size, the studio what is around the mask at the model's")
    latents = sheet.add("SetLatentNoiseMask", {"samples": drawing.encoded(picture), "mask": mask})
    drawn = drawing.drawn(latents, asked["strength"])
    where = {"x": 0, "y": 0, "resize_source": False, "mask": mask}
    return sheet.add("ImageCompositeMasked", {"destination": picture, "source": drawn, **where})


def _hires(sheet: Sheet, asked: Given, seed: int) -> Pin:
    drawing = Drawing.of(sheet, asked, _guide(asked), seed)
    multiple, size = drawing.card.family.capabilities.size_multiple, _size(asked) or drawing.card.size
    large = Size(*(round(side * asked["factor"] / multiple) * multiple for side in size))
    first = drawing.drawn(drawing.empty(*size))
    return drawing.drawn(drawing.encoded(_resized(sheet, first, large)), asked["strength"])


STEPS: Final[Mapping[str, Callable[[Sheet, Given, int], Any]]] = {
    "lora": _lora,
    "vae": _vae,
    "embedding": _embedding,
    "lines": _lines,
    "control": _control,
    "generate": _generate,
    "edit": _edit,
    "inpaint": _inpaint,
    "hires": _hires,
}


def _size(asked: Given) -> Size | None:
    return Size.parse(asked["size"]) if asked["size"] else None


def _resized(sheet: Sheet, picture: Pin, size: Size) -> Pin:
    how = {"upscale_method": "lanczos", "width": size.width, "height": size.height, "crop": "center"}
    return sheet.add("ImageScale", {"image": picture, **how})


def _picture(sheet: Sheet, picture: Any) -> Pin:
    """A file's picture, or one that an earlier step made."""
    return picture if isinstance(picture, list) else sheet.add("LoadImage", {"image": _loaded(sheet, picture)})


def _loaded(sheet: Sheet, picture: str) -> str:
    sheet.note(f"put '{picture}' into ComfyUI's input folder")
    return PurePath(picture).name
