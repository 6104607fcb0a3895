"""Exports jobs as graphs of ComfyUI's core nodes, step by step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy.prompt_graph_builder import NodeOutput, PromptGraphBuilder
from studio.imports.comfy.sampler_nodes import ExportGuide, SamplerNodes, StepValues
from studio.library import Library
from studio.parameters.types import Size
from studio.prompts.lora import Lora
from studio.workflow.job import Job, given
from studio.workflow.workflow import Workflow


@dataclass(frozen=True)
class ExportedGraph:
    """A graph in the API format, and notes about what else to do."""

    graph: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


def export(job: Job, library: Library) -> ExportedGraph:
    """The graph that makes a job's first picture.

    Raises InputError that names what has no equivalent in ComfyUI's core.
    """
    builder = PromptGraphBuilder()
    if job.total > 1:
        builder.note(f"this is the first of {job.total} pictures; the others have other seeds or values")
        job = job.alone(0)
    workflow, made = Workflow.of(job.workflow, job.definition, library), dict[str, Any]()
    for step in workflow.steps():
        values = {key: _resolved(made, value) for key, value in given(workflow, job.values, step).items()}
        if (build := STEPS.get(workflow.uses(step))) is None:
            raise InputError(f"ComfyUI has no equivalent of the step '{workflow.uses(step)}'; it cannot be exported")
        if "model" in values:
            values["model"] = library.models.find(values["model"])
        made[step] = build(builder, values, job.seed)
    builder.add("SaveImage", {"images": made[step], "filename_prefix": "studio"})
    return ExportedGraph(builder.nodes, tuple(builder.notes))


def _resolved(outputs: Mapping[str, Any], value: Any) -> Any:
    """The output of an earlier step if the value refers to one."""
    if isinstance(value, str) and value.startswith("$"):
        return outputs[value[1:]]
    return value


def _guide(values: StepValues) -> ExportGuide:
    found = values["guide"]
    return found if isinstance(found, ExportGuide) else ExportGuide()


def _lora(builder: PromptGraphBuilder, values: StepValues, seed: int) -> ExportGuide:  # noqa: ARG001 same signature
    guide = _guide(values)
    return replace(guide, loras=guide.loras + tuple(map(Lora.parse, values["loras"])))


def _vae(builder: PromptGraphBuilder, values: StepValues, seed: int) -> ExportGuide:  # noqa: ARG001 same signature
    return replace(_guide(values), vae=values["vae"])


def _embedding(builder: PromptGraphBuilder, values: StepValues, seed: int) -> ExportGuide:  # noqa: ARG001 same signature
    guide, file = _guide(values), values["embedding"]
    return replace(guide, words=(*guide.words, (values["word"].strip() or PurePath(file).stem, file)))


def _lines(builder: PromptGraphBuilder, values: StepValues, seed: int) -> NodeOutput:  # noqa: ARG001 same signature
    picture, lines = _picture(builder, values["image"]), values["lines"]
    if lines == "edges":
        return builder.add("Canny", {"image": picture, "low_threshold": 0.1, "high_threshold": 0.2})
    if lines == "drawing":
        return builder.add("ImageInvert", {"image": picture})
    if lines != "as it is":
        raise InputError(f"ComfyUI has no equivalent of lines={lines}; use edges, drawing or as it is")
    return picture


def _control(builder: PromptGraphBuilder, values: StepValues, seed: int) -> ExportGuide:  # noqa: ARG001 same signature
    if not values["controlnet"]:
        raise InputError("ComfyUI needs a ControlNet to follow a picture; choose one to export this")
    guide = _guide(values)
    return replace(guide, followed=(*guide.followed, (_picture(builder, values["image"]), values)))


def _generate(builder: PromptGraphBuilder, values: StepValues, seed: int) -> NodeOutput:
    nodes = SamplerNodes.of(builder, values, _guide(values), seed)
    width, height = _size(values) or nodes.card.size
    if nodes.guide.followed and not values["size"]:
        builder.note(
            f"without a size the studio uses the aspect ratio of the followed picture; this graph uses {width}x{height}"
        )
    return nodes.drawn(nodes.empty(width, height))


def _edit(builder: PromptGraphBuilder, values: StepValues, seed: int) -> NodeOutput:
    nodes, picture = SamplerNodes.of(builder, values, _guide(values), seed), _picture(builder, values["image"])
    if size := _size(values):
        picture = _resized(builder, picture, size)
    else:
        builder.note(
            "ComfyUI uses the size of the start picture, the studio that of the model; set a size to get the same"
        )
    return nodes.drawn(nodes.encoded(picture), values["strength"])


def _inpaint(builder: PromptGraphBuilder, values: StepValues, seed: int) -> NodeOutput:
    nodes, picture = SamplerNodes.of(builder, values, _guide(values), seed), _picture(builder, values["image"])
    mask = builder.add("LoadImageMask", {"image": _loaded(builder, values["mask"]), "channel": "red"})
    builder.note(
        "ComfyUI processes the whole picture in its own size, the studio the area around the mask in the model's"
    )
    latents = builder.add("SetLatentNoiseMask", {"samples": nodes.encoded(picture), "mask": mask})
    drawn = nodes.drawn(latents, values["strength"])
    where = {"x": 0, "y": 0, "resize_source": False, "mask": mask}
    return builder.add("ImageCompositeMasked", {"destination": picture, "source": drawn, **where})


def _hires(builder: PromptGraphBuilder, values: StepValues, seed: int) -> NodeOutput:
    nodes = SamplerNodes.of(builder, values, _guide(values), seed)
    multiple, size = nodes.card.family.capabilities.size_multiple, _size(values) or nodes.card.size
    large = Size(*(round(side * values["factor"] / multiple) * multiple for side in size))
    first = nodes.drawn(nodes.empty(*size))
    return nodes.drawn(nodes.encoded(_resized(builder, first, large)), values["strength"])


STEPS: Final[Mapping[str, Callable[[PromptGraphBuilder, StepValues, int], Any]]] = {
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


def _size(values: StepValues) -> Size | None:
    return Size.parse(values["size"]) if values["size"] else None


def _resized(builder: PromptGraphBuilder, picture: NodeOutput, size: Size) -> NodeOutput:
    how = {"upscale_method": "lanczos", "width": size.width, "height": size.height, "crop": "center"}
    return builder.add("ImageScale", {"image": picture, **how})


def _picture(builder: PromptGraphBuilder, picture: Any) -> NodeOutput:
    """A picture from a file, or the output of an earlier step."""
    return picture if isinstance(picture, list) else builder.add("LoadImage", {"image": _loaded(builder, picture)})


def _loaded(builder: PromptGraphBuilder, picture: str) -> str:
    builder.note(f"put '{picture}' into ComfyUI's input folder")
    return PurePath(picture).name
