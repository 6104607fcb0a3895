"""Adds the steps that guide a pass besides its prompt: LoRAs, a VAE, embeddings, areas, pictures to follow."""

from typing import Final

from studio.imports.comfy.conditioning import Box, ConditionedPrompt, ControlNetInput
from studio.imports.comfy.graph import Node
from studio.imports.comfy.image_nodes import Pair
from studio.imports.comfy.model import vae
from studio.imports.comfy.sampling import SamplerPass
from studio.imports.comfy.workflow_builder import WorkflowBuilder

_AREAS: Final[dict[str, Box]] = {
    "left": (0, 0, 0.5, 1),
    "right": (0.5, 0, 0.5, 1),
    "top": (0, 0, 1, 0.5),
    "bottom": (0, 0.5, 1, 0.5),
    "middle": (0.25, 0.25, 0.5, 0.5),
    "all": (0, 0, 1, 1),
}
_ALIKE: Final = 0.5  # intersection over union from which a named area replaces another
_EXACT: Final = 0.999


def guide(builder: WorkflowBuilder, one: SamplerPass, decoder: Node | None, size: Pair | None) -> str:
    """Add the steps that guide a pass and return "$name" of the last. Passes with the same guides share them."""
    name = vae(builder.reader, decoder, alone=one.model.alone) if decoder else ""
    words = tuple(dict.fromkeys(one.positive.embeddings + one.negative.embeddings))
    areas = tuple(entry for entry in one.positive.entries if entry.box is not None or entry.mask is not None)
    wanted = (one.model.loras, name, words, areas, one.positive.followed)
    if wanted not in builder.guides:
        builder.guides[wanted] = _added(builder, one, name, words, size)
    return builder.guides[wanted]


def _added(
    builder: WorkflowBuilder, one: SamplerPass, name: str, words: tuple[tuple[str, str], ...], size: Pair | None
) -> str:
    last = _style(builder, one)
    if name:
        last = builder.step("decoder", "vae", {"vae": builder.asset("vae", name), "guide": f"${last}"})
    for file, word in words:
        builder.asset("embedding", file)
        last = builder.step("word", "embedding", {"embedding": file, "word": word, "guide": f"${last}"})
    for entry in one.positive.entries:
        last = _area(builder, entry, size, last) or last
    for followed in one.positive.followed:
        last = _control(builder, followed, last)
    return f"${last}"


def _style(builder: WorkflowBuilder, one: SamplerPass) -> str:
    for lora in one.model.loras:
        builder.asset("lora", lora.part, lora.weight, lora.text)
    made = builder.step("style", "lora")
    builder.choose("loras", made, "loras", [str(lora) for lora in one.model.loras])
    return made


def _area(builder: WorkflowBuilder, entry: ConditionedPrompt, size: Pair | None, last: str) -> str:
    """Add a step for a prompt with an area; "" for another prompt, or an area that has no name here."""
    if entry.box is None and entry.mask is None:
        return ""
    if entry.weight != 1:
        builder.reader.skip("strength of an area", entry.weight, "areas have no strength here")
    if entry.mask is not None:
        made = builder.step("area", "region", {"guide": f"${last}"})
        builder.expose("area_mask", made, "mask")
        builder.reader.skip("area_mask", entry.mask.file, "the mask of an area; choose it")
    else:
        name = _named(builder, entry, size)
        made = builder.step("area", "region", {"area": name, "guide": f"${last}"}) if name else ""
    if made:
        builder.expose("area", made, "prompt", entry.text, {"label": "Prompt for an area"})
    return made


def _named(builder: WorkflowBuilder, entry: ConditionedPrompt, size: Pair | None) -> str:
    box = entry.box or (0, 0, 1, 1)
    if any(side > 1 for side in box):
        width, height = size or (1, 1)
        box = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
    overlap, name = max((_overlap(box, area), name) for name, area in _AREAS.items())
    shown = ", ".join(f"{side:g}" for side in entry.box or box)
    if overlap < _ALIKE:
        builder.reader.skip(
            f"area {shown}", entry.text, f"there is no such area here; use {', '.join(_AREAS)}, or a mask"
        )
        return ""
    if overlap < _EXACT:
        builder.reader.skip(f"area {shown}", name, "the closest area here")
    return name


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / max(1e-9, one[2] * one[3] + other[2] * other[3] - shared)


def _control(builder: WorkflowBuilder, followed: ControlNetInput, last: str) -> str:
    """Add steps that follow a picture; the picture's input is "image" if it is the only one."""
    outline = builder.step("outline", "lines")
    image = builder.expose("image" if "image" not in builder.inputs else "outline", outline, "image")
    builder.reader.skip(image, followed.picture.file or followed.picture.drawn, "a picture to follow; choose it")
    builder.expose("lines", outline, "lines", followed.picture.lines)
    net = followed.net and builder.asset("controlnet", followed.net)
    made = builder.step("follow", "control", {"image": f"${outline}", "controlnet": net, "guide": f"${last}"})
    builder.expose("weight", made, "weight", followed.weight)
    for name, key, value, usual in (("from", "start", followed.start, 0), ("until", "end", followed.end, 1)):
        if value not in (None, usual):
            builder.expose(name, made, key, value, {"more": True})
    if followed.shows != "as trained":
        builder.expose("shows", made, "shows", followed.shows, {"more": True})
    return made
