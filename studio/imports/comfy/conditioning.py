"""A sampler's conditioning: prompts, each with its area and range of steps, and pictures to follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy import prompt_dialect
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.image_nodes import ImageSource, pixels
from studio.imports.comfy.model import clip_skip, file
from studio.imports.comfy.nodes import CONDITIONINGS, PARTS, WORDS

Box = tuple[float, float, float, float]
_KNOWN: Final = (*WORDS, *CONDITIONINGS)
_ONWARD: Final = ("conditioning", "positive", "conditioning_1", "conditioning_to")
_MOST: Final = 64
_LONGEST: Final = 20_000
_TEXTS: Final = {
    "CLIPTextEncodeSDXL": ("text_g", "text_l"),
    "CLIPTextEncodeFlux": ("t5xxl", "clip_l"),
    "CLIPTextEncodeSD3": ("t5xxl", "clip_g", "clip_l"),
    "CLIPTextEncodeHiDream": ("llama", "t5xxl", "clip_g", "clip_l"),
    "CLIPTextEncodeHunyuanDiT": ("mt5xl", "bert"),
    "CLIPTextEncodeLumina2": ("user_prompt",),
    "TextEncodeQwenImageEdit": ("prompt",),
    "TextEncodeQwenImageEditPlus": ("prompt",),
}
"""The inputs with the prompt, of which the first one counts if they differ; "text" for other nodes."""
Known = dict[tuple[str, int], "ComfyConditioning"]
_SHOWS: Final = {"openpose": "pose", "depth": "depth", "hed/pidi/scribble/ted": "scribble", "normal": "normals",
                 "canny/lineart/anime_lineart/mlsd": "edges", "segment": "segments", "tile": "tile",
                 "repaint": "repaint"}  # fmt: skip


@dataclass(frozen=True)
class ConditionedPrompt:
    """A prompt in the studio's grammar, for a ``box`` (x, y, width, height; shares up to 1, else pixels) or a mask."""

    text: str
    weight: float = 1.0
    box: Box | None = None
    mask: ImageSource | None = None
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class ControlNetInput:
    """A picture that is followed with a ControlNet."""

    net: str
    picture: ImageSource
    weight: float | None
    start: float | None
    end: float | None
    shows: str = "as trained"


@dataclass(frozen=True)
class ComfyConditioning:
    """Everything that conditions a sampler.

    ``guidance`` is for guidance-distilled models; ``edited`` are the pictures that an instruction model edits.
    ``extra_channels`` is a picture that the model gets beside the noise: to edit, or to follow, as it was trained.
    ``unknown`` means that unsupported nodes make part of the prompt.
    """

    entries: tuple[ConditionedPrompt, ...] = ()
    followed: tuple[ControlNetInput, ...] = ()
    guidance: float | None = None
    edited: tuple[ImageSource, ...] = ()
    extra_channels: ImageSource | None = None
    embeddings: tuple[tuple[str, str], ...] = ()
    clip_skip: int | None = None
    zeroed: bool = False
    unknown: bool = False

    def __add__(self, other: "ComfyConditioning") -> "ComfyConditioning":
        if len(self.entries) + len(other.entries) > _MOST:
            raise InputError(f"this ComfyUI graph combines over {_MOST} prompts; it cannot be read")
        return ComfyConditioning(
            self.entries + other.entries,
            self.followed or other.followed,
            self.guidance if self.guidance is not None else other.guidance,
            self.edited or other.edited,
            self.extra_channels or other.extra_channels,
            tuple(dict.fromkeys(self.embeddings + other.embeddings)),
            self.clip_skip or other.clip_skip,
            self.zeroed and other.zeroed,
            self.unknown or other.unknown,
        )

    def with_entries(self, **changes: Any) -> "ComfyConditioning":
        """The same with other values for all prompts; values that are None, as unknown, change nothing."""
        known = {name: value for name, value in changes.items() if value is not None}
        return replace(self, entries=tuple(replace(entry, **known) for entry in self.entries))


def conditioning(reader: GraphReader, node: Node, name: str) -> ComfyConditioning:
    """The conditioning of an input; each node is read once, however often it is used."""
    last, slot = reader.output_of(node, name, _KNOWN, _ONWARD)
    if last is None:
        return ComfyConditioning(unknown=node.link(name) is not None)
    known: Known = {}
    for one in reader.graph.order(last):
        if one.type in _KNOWN:
            known |= {(one.id, n): made for n, made in enumerate(_read(reader, one, known))}
    return known.get((last.id, slot), ComfyConditioning())


def _read(reader: GraphReader, node: Node, known: Known) -> tuple[ComfyConditioning, ...]:
    """The conditioning of each output of a node."""

    def before(name: str) -> ComfyConditioning:
        if node.link(name) is None:
            return ComfyConditioning()
        found, slot = reader.output_of(node, name, _KNOWN, _ONWARD)
        return known.get((found.id, slot), ComfyConditioning()) if found else ComfyConditioning(unknown=True)

    if node.type in WORDS:
        return (_encoded(reader, node),)
    if node.type in ("ConditioningCombine", "ConditioningConcat", "ConditioningAverage"):
        return (_joined(reader, node, before),)
    change = _CHANGES.get(node.type, _unchanged)
    sides = ("positive", "negative") if node.link("positive") else ("conditioning",)
    return tuple(change(reader, node, before(side)) for side in sides)


def _unchanged(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:  # noqa: ARG001 same signature
    return before


def _encoded(reader: GraphReader, node: Node) -> ComfyConditioning:
    names = _TEXTS.get(node.type, ("text",))
    texts = {name: reader.text(node, name) for name in names}
    named, first = next(((name, text) for name, text in texts.items() if text.strip()), (names[0], ""))
    for name, text in texts.items():
        if text.strip() and text != first:
            reader.skip(f"{name} of {node}", text, "all text encoders get the same prompt here")
    if len(first) > _LONGEST:
        reader.skip(f"text of {node}", first, f"it has over {_LONGEST:,} letters")
        first = ""
    unknown = reader.unknown(node, *names)
    prompt = prompt_dialect.to_studio(
        "" if unknown else first, drawn=reader.graph.drawn or node.link(named) is not None
    )
    if prompt.weighted:
        reader.skip("weights of words", first, "they are kept, but have a slightly different effect there")
    if prompt.lowered:
        reader.skip("BREAK or AND", first, "plain words there; in lower case here, where they would split the prompt")
    guidance = reader.number(node, "guidance") if node.type == "CLIPTextEncodeFlux" else None
    seen = [name for name in ("image", "image1", "image2", "image3") if node.link(name)]
    edited = tuple(pixels(reader, node, name) for name in seen)
    skip = clip_skip(reader, node)
    entry = ConditionedPrompt(prompt.text)
    return ComfyConditioning((entry,), (), guidance, edited, None, prompt.embeddings, skip, unknown=unknown)


def _joined(reader: GraphReader, node: Node, before: Callable[[str], ComfyConditioning]) -> ComfyConditioning:
    if node.type == "ConditioningCombine":
        return before("conditioning_1") + before("conditioning_2")
    to, other = before("conditioning_to"), before("conditioning_from")
    if node.type == "ConditioningAverage":
        return _averaged(reader, node, to, other)
    appended = other.entries[0].text if other.entries else ""
    if any(len(entry.text) + len(appended) > _LONGEST for entry in to.entries):
        raise InputError(f"this ComfyUI graph joins prompts to over {_LONGEST:,} letters; it cannot be read")
    after = tuple(replace(entry, text=f"{entry.text} BREAK {appended}") for entry in to.entries)
    return replace(to + replace(other, entries=()), entries=after)


def _averaged(reader: GraphReader, node: Node, to: ComfyConditioning, other: ComfyConditioning) -> ComfyConditioning:
    """One of the two if only that counts; otherwise the first, as prompts cannot be averaged here."""
    share = reader.number(node, "conditioning_to_strength", 1.0)
    if share == 0:
        return replace(other, entries=other.entries[:1])
    if share != 1:
        counts = "" if share is None else f", the weight of the other is {share:g}"
        for entry in other.entries:
            reader.skip(f"conditioning_from of {node}", entry.text, f"prompts cannot be averaged here{counts}")
    return to


def _boxed(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    x, y, width, height = (reader.number(node, name, 0.0) or 0.0 for name in ("x", "y", "width", "height"))
    return _weighed(reader, node, before.with_entries(box=(x, y, width, height)))


def _masked(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    return _weighed(reader, node, before.with_entries(mask=pixels(reader, node, "mask")))


def _weighed(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    return before.with_entries(weight=reader.number(node, "strength", 1.0))


def _timed(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    return before.with_entries(start=reader.number(node, "start", 0.0), end=reader.number(node, "end", 1.0))


def _zeroed(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:  # noqa: ARG001 same signature
    return ComfyConditioning(zeroed=True)


def _distilled_guidance(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    return replace(before, guidance=reader.number(node, "guidance"))


def _edited(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    return replace(before, edited=(*before.edited, pixels(reader, node, "latent")))


def _extra_channels(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    return replace(before, extra_channels=pixels(reader, node, "pixels"))


def _followed(reader: GraphReader, node: Node, before: ComfyConditioning) -> ComfyConditioning:
    known = [name for name in PARTS if "ControlNet" in name]
    net, shows = reader.source(node, "control_net", known, ("control_net",)), "as trained"
    while net and net.type == "SetUnionControlNetType":
        kind = reader.text(net, "type")
        shows = _SHOWS.get(kind, shows)
        net = reader.source(net, "control_net", known, ("control_net",))
    name = file(reader, net, ["control_net_name"]) if net else ""
    weight, start, end = (
        reader.number(node, key, default)
        for key, default in (("strength", 1.0), ("start_percent", 0.0), ("end_percent", 1.0))
    )
    followed = ControlNetInput(name, pixels(reader, node, "image"), weight, start, end, shows)
    return replace(before, followed=(*before.followed, followed))


_CHANGES: Final[Mapping[str, Callable[[GraphReader, Node, ComfyConditioning], ComfyConditioning]]] = {
    "ConditioningSetArea": _boxed,
    "ConditioningSetAreaPercentage": _boxed,
    "ConditioningSetAreaStrength": _weighed,
    "ConditioningSetMask": _masked,
    "ConditioningSetTimestepRange": _timed,
    "ConditioningZeroOut": _zeroed,
    "FluxGuidance": _distilled_guidance,
    "ReferenceLatent": _edited,
    "InstructPixToPixConditioning": _extra_channels,
    "ControlNetApply": _followed,
    "ControlNetApplyAdvanced": _followed,
    "ControlNetApplySD3": _followed,
}
