"""Reads the samplers of a graph as passes: from noise, over a picture, or over the result of the pass before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from studio.diffusion.samplers.sampler_configs import FLOW
from studio.errors import InputError
from studio.imports.comfy.conditioning import ComfyConditioning, ControlNetInput, conditioning
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.image_nodes import ImageSource, pixels
from studio.imports.comfy.model import LoadedModel, model
from studio.imports.comfy.nodes import PICTURE, SAMPLING
from studio.parameters.sampler_names import canonical, without_schedule

_MOST: Final = 12
_NOTHING: Final = ImageSource()
_SEEDS: Final = 2**32
_NAMED: Final = {
    "SamplerEulerAncestral": "euler_ancestral",
    "SamplerDPMPP_2M_SDE": "dpmpp_2m_sde",
    "SamplerDPMPP_SDE": "dpmpp_sde",
    "SamplerLMS": "lms",
}
_SCHEDULES: Final = {
    "KarrasScheduler": "karras",
    "ExponentialScheduler": "exponential",
    "BetaSamplingScheduler": "beta",
    "SDTurboScheduler": "sgm_uniform",
    "AlignYourStepsScheduler": "ays",
    "Flux2Scheduler": "simple",
}


@dataclass(frozen=True)
class SamplerPass:
    """One sampler, and the picture or latents (``source``) that it starts from.

    ``steps`` is the number of steps from pure noise to the picture, of which the last ``strength`` are run; None if
    that is unknown. A ``refiner`` takes over at the share ``hand_over``.
    """

    node: Node
    model: LoadedModel
    positive: ComfyConditioning
    negative: ComfyConditioning
    source: ImageSource
    seed: int | None
    steps: int | None
    strength: float | None
    cfg: float | None
    guidance: float | None
    sampler: str | None
    noisy: bool = True
    refiner: str = ""
    hand_over: float = 1.0

    @property
    def flows(self) -> bool:
        """Whether its model looks like a flow matching model."""
        distilled = self.positive.guidance is not None
        return self.model.alone or self.model.shifted or distilled or self.source.empty not in ("", "EmptyLatentImage")


@dataclass(frozen=True)
class _SamplerSettings:
    """The settings of a sampler and the nodes around it, from step ``start``. None is unknown."""

    guided: Node
    seed: int | None
    steps: int | None
    denoise: float | None
    cfg: float | None
    sampler: str
    schedule: str
    start: int = 0
    noisy: bool = True


def passes(reader: GraphReader) -> tuple[list[SamplerPass], ImageSource]:
    """All passes that lead to the saved picture, in order, and what is done to the picture of the last one.

    There is none if a picture from a file is only enlarged. Raises InputError if nothing supported is done, or if there
    are over twelve passes.
    """
    last = came = pixels(reader, reader.output, next(filter(reader.output.link, PICTURE), ""))
    found: list[SamplerPass] = []
    while came.drawn:
        if len(found) == _MOST:
            raise InputError(f"this ComfyUI graph has over {_MOST} passes; it cannot be read")
        found.insert(0, _pass(reader, came.drawn))
        came = found[0].source
    if not found and not (last.file and last.upscaler):
        missing = ", ".join(one.name for one in reader.skipped[:5]) or "a sampler"
        raise InputError(f"no supported node makes the picture of {reader.output} in this ComfyUI graph: {missing}")
    return _merged(reader, found), last


def _pass(reader: GraphReader, node: Node) -> SamplerPass:
    settings = _READERS[node.type](reader, node)
    loaded, source = model(reader, settings.guided), pixels(reader, node, "latent_image")
    positive = conditioning(reader, settings.guided, "positive" if settings.guided.link("positive") else "conditioning")
    negative = conditioning(reader, settings.guided, "negative")
    if (extra := positive.extra_channels) and loaded.distilled:
        followed = ControlNetInput("", extra, 1.0, 0.0, 1.0)
        positive, source = replace(positive, followed=(*positive.followed, followed)), _NOTHING
    elif extra:
        positive = replace(positive, edited=(*positive.edited, extra))
    steps, strength = _share(settings)
    made = SamplerPass(
        node=node,
        model=loaded,
        positive=positive,
        negative=negative,
        source=source,
        seed=settings.seed,
        steps=steps,
        strength=strength,
        cfg=settings.cfg,
        guidance=None,
        sampler=None,
        noisy=settings.noisy,
    )
    return replace(made, sampler=_sampler(reader, made, settings), guidance=_guidance(reader, made))


def _share(settings: _SamplerSettings) -> tuple[int | None, float | None]:
    """The number of steps from pure noise, and the share that is run: ComfyUI's "steps" are those that run."""
    if settings.denoise is None:
        return None, None
    if settings.steps is None:
        return None, min(settings.denoise, 1.0)
    if settings.start:
        return settings.steps, max(0.01, (settings.steps - settings.start) / settings.steps)
    if not 0 < settings.denoise < 1:
        return settings.steps, 1.0
    total = int(settings.steps / settings.denoise)
    exact = int(total * settings.denoise) == settings.steps
    return total, settings.denoise if exact else ceil(settings.steps / total * 1000) / 1000


def _guidance(reader: GraphReader, made: SamplerPass) -> float | None:
    distilled, cfg = made.positive.guidance, made.cfg
    if distilled is not None and cfg not in (None, 1.0):
        reader.skip(f"cfg of {made.node}", cfg, f"the distilled guidance {distilled:g} is used")
    if cfg is not None and cfg > 1 and made.negative.zeroed:
        reader.skip("ConditioningZeroOut", "", "an empty negative prompt is used, unless the model has another default")
    return cfg if distilled is None and not (cfg == 1 and made.model.distilled) else distilled


def _sampler(reader: GraphReader, made: SamplerPass, settings: _SamplerSettings) -> str | None:
    """Our name for the sampler; None for the model's own, with theirs listed."""
    name, schedule = settings.sampler, settings.schedule
    if not name:
        reader.skip(f"sampler of {made.node}", schedule, "it is unknown; the model's own is used")
        return None
    if name.endswith("_gpu"):
        reader.skip(f"sampler of {made.node}", name, "its noise is generated on the CPU here")
    try:
        found = canonical(name, schedule)
    except ValueError as error:
        return _without_schedule(reader, made, settings, str(error))
    plain = found.removesuffix(" SGM Uniform") if made.flows else found  # flow models have this spacing already
    if made.flows and plain not in FLOW:
        reader.skip(f"sampler of {made.node}", f"{name} {schedule}", "flow matching models do not work with it here")
        return None
    return plain


def _without_schedule(reader: GraphReader, made: SamplerPass, settings: _SamplerSettings, why: str) -> str | None:
    if (found := without_schedule(settings.sampler, settings.schedule)) is None:
        reader.skip(f"sampler of {made.node}", f"{settings.sampler} {settings.schedule}", why)
        return None
    reader.skip(f"scheduler of {made.node}", settings.schedule, f"'{found}' has its own schedule here")
    return found


def _seed(reader: GraphReader, node: Node, name: str) -> int | None:
    """A seed below 2^32: torch's CPU generator, which both use, ignores the higher bits."""
    seed = reader.whole(node, name)
    return None if seed is None else seed % _SEEDS


def _ksampler(reader: GraphReader, node: Node) -> _SamplerSettings:
    return _SamplerSettings(
        node,
        _seed(reader, node, "seed"),
        reader.whole(node, "steps"),
        _denoise(reader, node),
        reader.number(node, "cfg"),
        reader.text(node, "sampler_name"),
        reader.text(node, "scheduler"),
    )


def _denoise(reader: GraphReader, node: Node) -> float | None:
    """The share of the steps that is run, None if it is unknown or nothing is run."""
    share = reader.number(node, "denoise", 1.0)
    if share is not None and share <= 0:
        reader.skip(f"denoise of {node}", share, "nothing is drawn with this value; set how much may change")
        return None
    return share


def _advanced(reader: GraphReader, node: Node) -> _SamplerSettings:
    steps, start, end = (reader.whole(node, name) for name in ("steps", "start_at_step", "end_at_step"))
    plain = replace(_ksampler(reader, node), seed=_seed(reader, node, "noise_seed"), denoise=1.0)
    leftover = reader.value(node, "return_with_leftover_noise") == "enable"
    if steps and end is not None and end < steps and not leftover:
        reader.skip(f"end_at_step of {node}", end, "all steps are run here")
    return replace(plain, start=max(0, min(start or 0, (steps or 1) - 1)), noisy=_adds_noise(reader, node))


def _adds_noise(reader: GraphReader, node: Node) -> bool:
    return reader.value(node, "add_noise") not in ("disable", False)


def _custom(reader: GraphReader, node: Node) -> _SamplerSettings:
    plain = _SamplerSettings(node, _seed(reader, node, "noise_seed"), None, 1.0, reader.number(node, "cfg"), "", "")
    return replace(_scheduled(reader, node, plain), noisy=_adds_noise(reader, node))


def _custom_advanced(reader: GraphReader, node: Node) -> _SamplerSettings:
    guider = reader.source(node, "guider", ("BasicGuider", "CFGGuider", "DualCFGGuider"), ("guider",)) or node
    noise = reader.source(node, "noise", ("RandomNoise", "DisableNoise"), ("noise",))
    seed = _seed(reader, noise, "noise_seed") if noise else None
    cfg = reader.number(guider, "cfg") if guider.type == "CFGGuider" else None
    if guider.type == "DualCFGGuider":
        reader.skip(guider, "", "only one guidance is supported here")
        cfg = reader.number(guider, "cfg_conds")
    plain = _SamplerSettings(guider, seed, None, 1.0, cfg, "", "")
    return replace(_scheduled(reader, node, plain), noisy=noise is None or noise.type != "DisableNoise")


def _scheduled(reader: GraphReader, node: Node, settings: _SamplerSettings) -> _SamplerSettings:
    """With the sampler and the steps from separate nodes."""
    chosen = reader.source(node, "sampler", (*_NAMED, "KSamplerSelect"), ("sampler",))
    times = reader.source(node, "sigmas", ("BasicScheduler", *_SCHEDULES), ("sigmas",))
    name = (_NAMED.get(chosen.type) or reader.text(chosen, "sampler_name")) if chosen else ""
    _leave_settings(reader, chosen, ("sampler_name",))
    _leave_settings(reader, times, ("scheduler", "steps", "denoise", "width", "height"))
    if times is None:
        return replace(settings, sampler=name)
    schedule = _SCHEDULES.get(times.type) or reader.text(times, "scheduler")
    steps, denoise = reader.whole(times, "steps"), _denoise(reader, times)
    return replace(settings, sampler=name, schedule=schedule, steps=steps, denoise=denoise)


def _leave_settings(reader: GraphReader, node: Node | None, kept: tuple[str, ...]) -> None:
    for name in SAMPLING[node.type].split() if node else ():
        if name not in kept and node and name in node.inputs:
            reader.skip(f"{name} of {node}", reader.value(node, name), "the sampler's default is used")


def _merged(reader: GraphReader, found: list[SamplerPass]) -> list[SamplerPass]:
    """The passes, with those merged that only continue the one before."""
    made: list[SamplerPass] = []
    for one in found:
        if one.noisy or not made or one.source.scaled:
            if not one.noisy:
                reader.skip(f"noise of {one.node}", "none", "noise is added here as usual")
            made.append(replace(one, noisy=True))
        elif one.model.name == made[-1].model.name or made[-1].refiner:
            other = _texts(one.positive) if one.positive != made[-1].positive else ""
            reader.skip(one.node, other, f"it continues {made[-1].node}; both are one pass here")
        else:
            at = 1 - (one.strength or 1.0)
            reader.skip(f"prompts of {one.node}", _texts(one.positive), f"those of {made[-1].node} are used for both")
            made[-1] = replace(made[-1], refiner=one.model.name, hand_over=at)
    return made


def _texts(given: ComfyConditioning) -> str:
    return "; ".join(entry.text for entry in given.entries)


_READERS: Final[Mapping[str, Callable[[GraphReader, Node], _SamplerSettings]]] = {
    "KSampler": _ksampler,
    "KSamplerAdvanced": _advanced,
    "SamplerCustom": _custom,
    "SamplerCustomAdvanced": _custom_advanced,
}
