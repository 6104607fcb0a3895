"""What a pass looks at besides its prompt, as steps that give a guide: LoRAs, a VAE, words, areas, pictures."""

from typing import Final

from studio.imports.comfy.conditioning import Box, Entry, Followed
from studio.imports.comfy.graph import Node
from studio.imports.comfy.image_nodes import Pair
from studio.imports.comfy.model import vae
from studio.imports.comfy.sampling import Pass
from studio.imports.comfy.workflow_builder import Draft

_AREAS: Final[dict[str, Box]] = {
    "left": (0, 0, 0.5, 1),
    "right": (0.5, 0, 0.5, 1),
    "top": (0, 0, 1, 0.5),
    "bottom": (0, 0.5, 1, 0.5),
    "middle": (0.25, 0.25, 0.5, 0.5),
    "all": (0, 0, 1, 1),
}
_ALIKE: Final = 0.5  # shared area by covered area, from which on a named area stands for another
_EXACT: Final = 0.999


def guide(draft: Draft, one: Pass, decoder: Node | None, size: Pair | None) -> str:
    """Add the steps that guide a pass; "$name" of the last. The same for two passes are there once."""
    name = vae(draft.trail, decoder, alone=one.model.alone) if decoder else ""
    words = tuple(dict.fromkeys(one.positive.embeddings + one.negative.embeddings))
    areas = tuple(entry for entry in one.positive.entries if entry.box is not None or entry.mask is not None)
    wanted = (one.model.loras, name, words, areas, one.positive.followed)
    if wanted not in draft.guides:
        draft.guides[wanted] = _added(draft, one, name, words, size)
    return draft.guides[wanted]


def _added(draft: Draft, one: Pass, name: str, words: tuple[tuple[str, str], ...], size: Pair | None) -> str:
    last = _style(draft, one)
    if name:
        last = draft.step("decoder", "vae", {"vae": draft.asset("vae", name), "guide": f"${last}"})
    for file, word in words:
        draft.asset("embedding", file)
        last = draft.step("word", "embedding", {"embedding": file, "word": word, "guide": f"${last}"})
    for entry in one.positive.entries:
        last = _area(draft, entry, size, last) or last
    for followed in one.positive.followed:
        last = _control(draft, followed, last)
    return f"${last}"


def _style(draft: Draft, one: Pass) -> str:
    for lora in one.model.loras:
        draft.asset("lora", lora.part, lora.weight, lora.text)
    made = draft.step("style", "lora")
    draft.choose("loras", made, "loras", [str(lora) for lora in one.model.loras])
    return made


def _area(draft: Draft, entry: Entry, size: Pair | None, last: str) -> str:
    """A step for a prompt that is about an area; "" for another prompt, or an area that has no name here."""
    if entry.box is None and entry.mask is None:
        return ""
    if entry.weight != 1:
        draft.trail.leave("strength of an area", entry.weight, "areas count alike here")
    if entry.mask is not None:
        made = draft.step("area", "region", {"guide": f"${last}"})
        draft.expose("area_mask", made, "mask")
        draft.trail.leave("area_mask", entry.mask.file, "the mask of an area; give it")
    else:
        name = _named(draft, entry, size)
        made = draft.step("area", "region", {"area": name, "guide": f"${last}"}) if name else ""
    if made:
        draft.expose("area", made, "prompt", entry.text, {"label": "Prompt for an area"})
    return made


def _named(draft: Draft, entry: Entry, size: Pair | None) -> str:
    box = entry.box or (0, 0, 1, 1)
    if any(side > 1 for side in box):
        width, height = size or (1, 1)
        box = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
    likeness, name = max((_shared(box, area), name) for name, area in _AREAS.items())
    shown = ", ".join(f"{side:g}" for side in entry.box or box)
    if likeness < _ALIKE:
        draft.trail.leave(f"area {shown}", entry.text, f"there is no such area here; {', '.join(_AREAS)}, or a mask")
        return ""
    if likeness < _EXACT:
        draft.trail.leave(f"area {shown}", name, "the area here that is most like it")
    return name


def _shared(one: Box, other: Box) -> float:
    """What two boxes share, as a part of what both cover."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / max(1e-9, one[2] * one[3] + other[2] * other[3] - shared)


def _control(draft: Draft, followed: Followed, last: str) -> str:
    """Steps that follow a picture; the input of the picture is "image" where it is the only one."""
    outline = draft.step("outline", "lines")
    image = draft.expose("image" if "image" not in draft.inputs else "outline", outline, "image")
    draft.trail.leave(image, followed.picture.file or followed.picture.drawn, "a picture to follow; give it")
    draft.expose("lines", outline, "lines", followed.picture.lines)
    net = followed.net and draft.asset("controlnet", followed.net)
    made = draft.step("follow", "control", {"image": f"${outline}", "controlnet": net, "guide": f"${last}"})
    draft.expose("weight", made, "weight", followed.weight)
    for name, key, value, usual in (("from", "start", followed.start, 0), ("until", "end", followed.end, 1)):
        if value not in (None, usual):
            draft.expose(name, made, key, value, {"more": True})
    if followed.shows != "as trained":
        draft.expose("shows", made, "shows", followed.shows, {"more": True})
    return made
