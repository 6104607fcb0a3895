"""What guides a sampler: prompts, each for its area and its share of the steps, and pictures to follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy import prompt_dialect
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import Trail
from studio.imports.comfy.image_nodes import Pixels, pixels
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
"""Where the words stand, the first what counts where they differ; in others under "text"."""
Known = dict[tuple[str, int], "Conditioning"]
_SHOWS: Final = {"openpose": "pose", "depth": "depth", "hed/pidi/scribble/ted": "scribble", "normal": "normals",
                 "canny/lineart/anime_lineart/mlsd": "edges", "segment": "segments", "tile": "tile",
                 "repaint": "repaint"}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One prompt, in the studio's grammar: for a ``box`` (x, y, width, height; shares below 1, else pixels) or mask."""

    text: str
    weight: float = 1.0
    box: Box | None = None
    mask: Pixels | None = None
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Followed:
    """A picture that is followed by means of a ControlNet."""

    net: str
    picture: Pixels
    weight: float | None
    start: float | None
    end: float | None
    shows: str = "as trained"


@dataclass(frozen=True)
class Conditioning:
    """All that guides. ``guidance`` is what a model was taught; ``like`` the pictures that it is told to change.

    ``beside`` is one that it sees beside the noise: to be changed, or to be followed, as it was taught. ``unknown``
    says that nodes which are not read make some of its words.
    """

    entries: tuple[Entry, ...] = ()
    followed: tuple[Followed, ...] = ()
    guidance: float | None = None
    like: tuple[Pixels, ...] = ()
    beside: Pixels | None = None
    embeddings: tuple[tuple[str, str], ...] = ()
    clip_skip: int | None = None
    zeroed: bool = False
    unknown: bool = False

    def __add__(self, other: "Conditioning") -> "Conditioning":
        if len(self.entries) + len(other.entries) > _MOST:
            raise InputError(f"this ComfyUI graph combines over {_MOST} prompts; it cannot be read")
        return Conditioning(
            self.entries + other.entries,
            self.followed or other.followed,
            self.guidance if self.guidance is not None else other.guidance,
            self.like or other.like,
            self.beside or other.beside,
            tuple(dict.fromkeys(self.embeddings + other.embeddings)),
            self.clip_skip or other.clip_skip,
            self.zeroed and other.zeroed,
            self.unknown or other.unknown,
        )

    def with_entries(self, **changes: Any) -> "Conditioning":
        """The same with other values for all prompts; those that are None, as unknown, change nothing."""
        known = {name: value for name, value in changes.items() if value is not None}
        return replace(self, entries=tuple(replace(entry, **known) for entry in self.entries))


def conditioning(trail: Trail, node: Node, name: str) -> Conditioning:
    """What comes into an input; each node is read once, however often it is used."""
    last, slot = trail.output_of(node, name, _KNOWN, _ONWARD)
    if last is None:
        return Conditioning(unknown=node.link(name) is not None)
    known: Known = {}
    for one in trail.graph.order(last):
        if one.type in _KNOWN:
            known |= {(one.id, n): made for n, made in enumerate(_read(trail, one, known))}
    return known.get((last.id, slot), Conditioning())


def _read(trail: Trail, node: Node, known: Known) -> tuple[Conditioning, ...]:
    """What each output of a node gives."""

    def before(name: str) -> Conditioning:
        if node.link(name) is None:
            return Conditioning()
        found, slot = trail.output_of(node, name, _KNOWN, _ONWARD)
        return known.get((found.id, slot), Conditioning()) if found else Conditioning(unknown=True)

    if node.type in WORDS:
        return (_said(trail, node),)
    if node.type in ("ConditioningCombine", "ConditioningConcat", "ConditioningAverage"):
        return (_joined(trail, node, before),)
    change = _CHANGES.get(node.type, _unchanged)
    sides = ("positive", "negative") if node.link("positive") else ("conditioning",)
    return tuple(change(trail, node, before(side)) for side in sides)


def _unchanged(trail: Trail, node: Node, before: Conditioning) -> Conditioning:  # noqa: ARG001 as the others
    return before


def _said(trail: Trail, node: Node) -> Conditioning:
    names = _TEXTS.get(node.type, ("text",))
    texts = {name: trail.text(node, name) for name in names}
    named, first = next(((name, text) for name, text in texts.items() if text.strip()), (names[0], ""))
    for name, text in texts.items():
        if text.strip() and text != first:
            trail.leave(f"{name} of {node}", text, "all text encoders read one prompt here")
    if len(first) > _LONGEST:
        trail.leave(f"text of {node}", first, f"it has over {_LONGEST:,} letters")
        first = ""
    unknown = trail.unknown(node, *names)
    said = prompt_dialect.ours("" if unknown else first, drawn=trail.graph.drawn or node.link(named) is not None)
    if said.weighted:
        trail.leave("weights of words", first, "they are kept; what they weigh is reckoned a little otherwise there")
    if said.lowered:
        trail.leave("BREAK or AND", first, "plain words there; written small here, where they would part prompts")
    guidance = trail.number(node, "guidance") if node.type == "CLIPTextEncodeFlux" else None
    seen = [name for name in ("image", "image1", "image2", "image3") if node.link(name)]
    like = tuple(pixels(trail, node, name) for name in seen)
    skip = clip_skip(trail, node)
    entry = Entry(said.text)
    return Conditioning((entry,), (), guidance, like, None, said.embeddings, skip, unknown=unknown)


def _joined(trail: Trail, node: Node, before: Callable[[str], Conditioning]) -> Conditioning:
    if node.type == "ConditioningCombine":
        return before("conditioning_1") + before("conditioning_2")
    to, other = before("conditioning_to"), before("conditioning_from")
    if node.type == "ConditioningAverage":
        return _averaged(trail, node, to, other)
    appended = other.entries[0].text if other.entries else ""
    if any(len(entry.text) + len(appended) > _LONGEST for entry in to.entries):
        raise InputError(f"this ComfyUI graph joins prompts to over {_LONGEST:,} letters; it cannot be read")
    after = tuple(replace(entry, text=f"{entry.text} BREAK {appended}") for entry in to.entries)
    return replace(to + replace(other, entries=()), entries=after)


def _averaged(trail: Trail, node: Node, to: Conditioning, other: Conditioning) -> Conditioning:
    """One of the two, where it alone counts; else the first, as prompts are not averaged here."""
    share = trail.number(node, "conditioning_to_strength", 1.0)
    if share == 0:
        return replace(other, entries=other.entries[:1])
    if share != 1:
        counts = "" if share is None else f", the other counts {share:g}"
        for entry in other.entries:
            trail.leave(f"conditioning_from of {node}", entry.text, f"prompts are not averaged here{counts}")
    return to


def _boxed(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    x, y, width, height = (trail.number(node, name, 0.0) or 0.0 for name in ("x", "y", "width", "height"))
    return _weighed(trail, node, before.with_entries(box=(x, y, width, height)))


def _masked(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    return _weighed(trail, node, before.with_entries(mask=pixels(trail, node, "mask")))


def _weighed(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    return before.with_entries(weight=trail.number(node, "strength", 1.0))


def _timed(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    return before.with_entries(start=trail.number(node, "start", 0.0), end=trail.number(node, "end", 1.0))


def _zeroed(trail: Trail, node: Node, before: Conditioning) -> Conditioning:  # noqa: ARG001 as the others
    return Conditioning(zeroed=True)


def _taught(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    return replace(before, guidance=trail.number(node, "guidance"))


def _like(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    return replace(before, like=(*before.like, pixels(trail, node, "latent")))


def _beside(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    return replace(before, beside=pixels(trail, node, "pixels"))


def _followed(trail: Trail, node: Node, before: Conditioning) -> Conditioning:
    known = [name for name in PARTS if "ControlNet" in name]
    net, shows = trail.source(node, "control_net", known, ("control_net",)), "as trained"
    while net and net.type == "SetUnionControlNetType":
        kind = trail.text(net, "type")
        shows = _SHOWS.get(kind, shows)
        net = trail.source(net, "control_net", known, ("control_net",))
    name = file(trail, net, ["control_net_name"]) if net else ""
    weight, start, end = (
        trail.number(node, key, default)
        for key, default in (("strength", 1.0), ("start_percent", 0.0), ("end_percent", 1.0))
    )
    followed = Followed(name, pixels(trail, node, "image"), weight, start, end, shows)
    return replace(before, followed=(*before.followed, followed))


_CHANGES: Final[Mapping[str, Callable[[Trail, Node, Conditioning], Conditioning]]] = {
    "ConditioningSetArea": _boxed,
    "ConditioningSetAreaPercentage": _boxed,
    "ConditioningSetAreaStrength": _weighed,
    "ConditioningSetMask": _masked,
    "ConditioningSetTimestepRange": _timed,
    "ConditioningZeroOut": _zeroed,
    "FluxGuidance": _taught,
    "ReferenceLatent": _like,
    "InstructPixToPixConditioning": _beside,
    "ControlNetApply": _followed,
    "ControlNetApplyAdvanced": _followed,
    "ControlNetApplySD3": _followed,
}
