"""Samplers of a graph as passes: each draws from noise, or over a picture, or over what the pass before it drew."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from studio.diffusion.samplers.sampler_configs import FLOW
from studio.errors import InputError
from studio.imports.comfy.conditioning import Conditioning, Followed, conditioning
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import Trail
from studio.imports.comfy.image_nodes import Pixels, pixels
from studio.imports.comfy.model import Model, model
from studio.imports.comfy.nodes import PICTURE, SAMPLING
from studio.parameters.sampler_names import canonical, without_schedule

_MOST: Final = 12
_NOTHING: Final = Pixels()
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
class Pass:
    """One sampler's work on what comes ``of`` an input. ``steps`` are those of the whole way from noise to picture.

    The last ``strength`` of them are run; it is None where that is unknown. A ``refiner`` goes on from the share
    ``hand_over``.
    """

    node: Node
    model: Model
    positive: Conditioning
    negative: Conditioning
    of: Pixels
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
        """Whether its model looks like one of flow matching."""
        taught = self.positive.guidance is not None
        return self.model.alone or self.model.shifted or taught or self.of.empty not in ("", "EmptyLatentImage")


@dataclass(frozen=True)
class _Asked:
    """What a sampler and the nodes around it say: ``run`` of ``steps``, from step ``start``. None is unknown."""

    guided: Node
    seed: int | None
    steps: int | None
    denoise: float | None
    cfg: float | None
    sampler: str
    schedule: str
    start: int = 0
    noisy: bool = True


def passes(trail: Trail) -> tuple[list[Pass], Pixels]:
    """All passes that what is saved comes of, the first one first, and what is done to the last one's picture.

    No pass where a file's picture is only enlarged. Raises InputError where nothing is done that is read here, or in
    over twelve passes.
    """
    last = came = pixels(trail, trail.output, next(filter(trail.output.link, PICTURE), ""))
    found: list[Pass] = []
    while came.drawn:
        if len(found) == _MOST:
            raise InputError(f"this ComfyUI graph draws in over {_MOST} passes; it cannot be read")
        found.insert(0, _pass(trail, came.drawn))
        came = found[0].of
    if not found and not (last.file and last.upscaler):
        missing = ", ".join(left.name for left in trail.left[:5]) or "a sampler"
        raise InputError(f"nothing that is read here draws what {trail.output} of this ComfyUI graph saves: {missing}")
    return _merged(trail, found), last


def _pass(trail: Trail, node: Node) -> Pass:
    asked = _READERS[node.type](trail, node)
    worn, of = model(trail, asked.guided), pixels(trail, node, "latent_image")
    positive = conditioning(trail, asked.guided, "positive" if asked.guided.link("positive") else "conditioning")
    negative = conditioning(trail, asked.guided, "negative")
    if (shown := positive.beside) and worn.taught:
        positive, of = replace(positive, followed=(*positive.followed, Followed("", shown, 1.0, 0.0, 1.0))), _NOTHING
    elif shown:
        positive = replace(positive, like=(*positive.like, shown))
    total, strength = _share(asked)
    made = Pass(node, worn, positive, negative, of, asked.seed, total, strength, asked.cfg, None, None, asked.noisy)
    return replace(made, sampler=_sampler(trail, made, asked), guidance=_guidance(trail, made))


def _share(asked: _Asked) -> tuple[int | None, float | None]:
    """The steps of the whole way, and the share of them that is run: there "steps" are those that run."""
    if asked.denoise is None:
        return None, None
    if asked.steps is None:
        return None, min(asked.denoise, 1.0)
    if asked.start:
        return asked.steps, max(0.01, (asked.steps - asked.start) / asked.steps)
    if not 0 < asked.denoise < 1:
        return asked.steps, 1.0
    total = int(asked.steps / asked.denoise)
    exact = int(total * asked.denoise) == asked.steps
    return total, asked.denoise if exact else ceil(asked.steps / total * 1000) / 1000


def _guidance(trail: Trail, made: Pass) -> float | None:
    taught, cfg = made.positive.guidance, made.cfg
    if taught is not None and cfg not in (None, 1.0):
        trail.leave(f"cfg of {made.node}", cfg, f"the guidance {taught:g} that the model was taught is used")
    if cfg is not None and cfg > 1 and made.negative.zeroed:
        trail.leave("ConditioningZeroOut", "", "an empty negative prompt is used where the model's own is no other")
    return cfg if taught is None and not (cfg == 1 and made.model.taught) else taught


def _sampler(trail: Trail, made: Pass, asked: _Asked) -> str | None:
    """Our name for the sampler; without one the model's own is used, and theirs is on the list."""
    name, schedule = asked.sampler, asked.schedule
    if not name:
        trail.leave(f"sampler of {made.node}", schedule, "which one it was cannot be told; the model's own is used")
        return None
    if name.endswith("_gpu"):
        trail.leave(f"sampler of {made.node}", name, "its noise is drawn on the CPU here")
    try:
        found = canonical(name, schedule)
    except ValueError as error:
        return _without_schedule(trail, made, asked, str(error))
    plain = found.removesuffix(" SGM Uniform") if made.flows else found  # flow models are spaced so already
    if made.flows and plain not in FLOW:
        trail.leave(f"sampler of {made.node}", f"{name} {schedule}", "no model of flow matching works with it here")
        return None
    return plain


def _without_schedule(trail: Trail, made: Pass, asked: _Asked, why: str) -> str | None:
    if (found := without_schedule(asked.sampler, asked.schedule)) is None:
        trail.leave(f"sampler of {made.node}", f"{asked.sampler} {asked.schedule}", why)
        return None
    trail.leave(f"scheduler of {made.node}", asked.schedule, f"'{found}' goes by its own here")
    return found


def _seed(trail: Trail, node: Node, name: str) -> int | None:
    """Below 2^32: torch takes no more of a seed on the CPU, where both draw their noise."""
    seed = trail.whole(node, name)
    return None if seed is None else seed % _SEEDS


def _ksampler(trail: Trail, node: Node) -> _Asked:
    return _Asked(
        node,
        _seed(trail, node, "seed"),
        trail.whole(node, "steps"),
        _denoise(trail, node),
        trail.number(node, "cfg"),
        trail.text(node, "sampler_name"),
        trail.text(node, "scheduler"),
    )


def _denoise(trail: Trail, node: Node) -> float | None:
    """The share of the steps that is run, None where it is unknown or there is nothing to run."""
    share = trail.number(node, "denoise", 1.0)
    if share is not None and share <= 0:
        trail.leave(f"denoise of {node}", share, "with it nothing is drawn there; choose how much may change")
        return None
    return share


def _advanced(trail: Trail, node: Node) -> _Asked:
    steps, start, end = (trail.whole(node, name) for name in ("steps", "start_at_step", "end_at_step"))
    plain = replace(_ksampler(trail, node), seed=_seed(trail, node, "noise_seed"), denoise=1.0)
    leftover = trail.value(node, "return_with_leftover_noise") == "enable"
    if steps and end is not None and end < steps and not leftover:
        trail.leave(f"end_at_step of {node}", end, "all steps are run here")
    return replace(plain, start=max(0, min(start or 0, (steps or 1) - 1)), noisy=_adds_noise(trail, node))


def _adds_noise(trail: Trail, node: Node) -> bool:
    return trail.value(node, "add_noise") not in ("disable", False)


def _custom(trail: Trail, node: Node) -> _Asked:
    plain = _Asked(node, _seed(trail, node, "noise_seed"), None, 1.0, trail.number(node, "cfg"), "", "")
    return replace(_scheduled(trail, node, plain), noisy=_adds_noise(trail, node))


def _custom_advanced(trail: Trail, node: Node) -> _Asked:
    guider = trail.source(node, "guider", ("BasicGuider", "CFGGuider", "DualCFGGuider"), ("guider",)) or node
    noise = trail.source(node, "noise", ("RandomNoise", "DisableNoise"), ("noise",))
    seed = _seed(trail, noise, "noise_seed") if noise else None
    cfg = trail.number(guider, "cfg") if guider.type == "CFGGuider" else None
    if guider.type == "DualCFGGuider":
        trail.leave(guider, "", "two guidances are not told apart here")
        cfg = trail.number(guider, "cfg_conds")
    plain = _Asked(guider, seed, None, 1.0, cfg, "", "")
    return replace(_scheduled(trail, node, plain), noisy=noise is None or noise.type != "DisableNoise")


def _scheduled(trail: Trail, node: Node, asked: _Asked) -> _Asked:
    """With the sampler and the steps that nodes of their own give."""
    chosen = trail.source(node, "sampler", (*_NAMED, "KSamplerSelect"), ("sampler",))
    times = trail.source(node, "sigmas", ("BasicScheduler", *_SCHEDULES), ("sigmas",))
    name = (_NAMED.get(chosen.type) or trail.text(chosen, "sampler_name")) if chosen else ""
    _leave_settings(trail, chosen, ("sampler_name",))
    _leave_settings(trail, times, ("scheduler", "steps", "denoise", "width", "height"))
    if times is None:
        return replace(asked, sampler=name)
    schedule = _SCHEDULES.get(times.type) or trail.text(times, "scheduler")
    steps, denoise = trail.whole(times, "steps"), _denoise(trail, times)
    return replace(asked, sampler=name, schedule=schedule, steps=steps, denoise=denoise)


def _leave_settings(trail: Trail, node: Node | None, kept: tuple[str, ...]) -> None:
    for name in SAMPLING[node.type].split() if node else ():
        if name not in kept and node and name in node.inputs:
            trail.leave(f"{name} of {node}", trail.value(node, name), "it is as the sampler's makers have it")


def _merged(trail: Trail, found: list[Pass]) -> list[Pass]:
    """Passes without those that only go on where the one before them stopped."""
    made: list[Pass] = []
    for one in found:
        if one.noisy or not made or one.of.scaled:
            if not one.noisy:
                trail.leave(f"noise of {one.node}", "none", "noise is added here as ever")
            made.append(replace(one, noisy=True))
        elif one.model.name == made[-1].model.name or made[-1].refiner:
            other = _texts(one.positive) if one.positive != made[-1].positive else ""
            trail.leave(one.node, other, f"it only goes on after {made[-1].node}; the two are one here")
        else:
            at = 1 - (one.strength or 1.0)
            trail.leave(f"prompts of {one.node}", _texts(one.positive), f"those of {made[-1].node} count for both")
            made[-1] = replace(made[-1], refiner=one.model.name, hand_over=at)
    return made


def _texts(given: Conditioning) -> str:
    return "; ".join(entry.text for entry in given.entries)


_READERS: Final[Mapping[str, Callable[[Trail, Node], _Asked]]] = {
    "KSampler": _ksampler,
    "KSamplerAdvanced": _advanced,
    "SamplerCustom": _custom,
    "SamplerCustomAdvanced": _custom_advanced,
}
