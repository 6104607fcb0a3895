"""stable-diffusion.cpp's ``SDCPP: {…}``: a JSON object of the schema "sdcpp.image.params/v1".

It ends the A1111 text of a PNG, a JPEG's comment, or ``sdcpp:parameters`` in a WebP's XMP. Keys after
``build_sdcpp_image_metadata_json`` in its ``examples/common/common.cpp``.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from studio.record.carriers import Carried
from studio.record.foreign import Asset, Foreign
from studio.record.reading import asset, flat, items, loaded, number
from studio.record.told import SAYS_NOTHING, Told
from studio.record.wording import literal
from studio.sampler_names import canonical

TOOL: Final = "stable-diffusion.cpp"

_SCHEMA: Final = "sdcpp.image.params/"
_PLACES: Final = ("parameters", "xmp", "comment", "exif:UserComment", "stealth", "sidecar", "json")
_XMP: Final = re.compile(r"<sdcpp:parameters>([^<]*)</sdcpp:parameters>")
_START: Final = re.compile(r"SDCPP: (?=\{)")
_SAMPLERS: Final = MappingProxyType({"dpm++2m": "DPM++ 2M", "dpm++2m_sde": "DPM++ 2M SDE"})
_SCHEDULES: Final = MappingProxyType({"discrete": "normal", "default": "normal"})
_USUAL: Final = MappingProxyType(
    {
        "auto_resize_ref_image": True,
        "clip_skip": -1,
        "control_strength": 0.9,
        "ip_adapter_strength": 1.0,
        "mode": "img_gen",
        "sampling.guidance.distilled_guidance": 3.5,
        "sampling.guidance.slg.end": 0.2,
        "sampling.guidance.slg.layers": [7, 8, 9],
        "sampling.guidance.slg.scale": 0,
        "sampling.guidance.slg.start": 0.01,
        "sampling.shifted_timestep": 0,
        "strength": 0.75,
    }
)
"""What is written though nobody asked for it."""
_ENCODER: Final = "text encoders and such come with the model here"
_WHY: Final = MappingProxyType(
    {
        **dict.fromkeys(
            ("models.clip_l", "models.clip_g", "models.clip_vision", "models.t5xxl", "models.llm", "models.llm_vision"),
            _ENCODER,
        ),
        "rng": "noise is drawn in another way here; the same seed gives another picture",
        "sampler_rng": "noise is drawn in another way here; the same seed gives another picture",
        "sampling.guidance.img_cfg": "the studio has no guidance by the picture alone",
        "strength": "it counts with a start picture, and whether there was one is not said",
    }
)


def read(carried: Carried) -> Foreign | None:
    """What stable-diffusion.cpp says; None for files of others. Raises InputError where it is damaged."""
    said = next(filter(None, (_said(carried.texts.get(place, ""), place) for place in _PLACES)), None)
    if said is None:
        return None
    settings = {name: value for name, value in said.items() if name not in SAYS_NOTHING}
    told = Told(TOOL, dict(flat(settings)), _WHY, _USUAL)
    told.say("prompt.positive", "prompt", literal)
    told.say("prompt.negative", "negative_prompt", literal)
    workflow = _workflow(told)
    _settings(told)
    _files(told)
    return told.foreign(workflow)


def _said(written: str, place: str) -> Mapping[str, Any] | None:
    if _SCHEMA not in written:
        return None
    if place == "xmp":
        found = _XMP.search(written)
        written = html.unescape(found[1]) if found else ""
    start = _START.search(written)
    if start or written.lstrip().startswith("{"):
        return loaded(_object(written[start.end() :]) if start else written, TOOL)
    return None


def _object(written: str) -> str:
    """The JSON object that a text begins with, without what comes after; all of it where there is none."""
    try:
        return written[: json.JSONDecoder().raw_decode(written)[1]]
    except (ValueError, RecursionError):
        return written


def _workflow(told: Told) -> str:
    """The one of ours that does the like, with what only it takes."""
    if "hires.enabled" in told:
        told.take("hires.enabled")
        told.move("hires.scale", "factor", number)
        told.move("hires.denoising_strength", "strength", number)
        return "hires"
    if "models.control_net" in told:
        told.move("control_strength", "weight", number)
        return "controlnet"
    return "text-to-image"


def _settings(told: Told) -> None:
    told.sampler("sampling.method", "sampling.scheduler", _sampler)
    told.move("sampling.steps", "steps", number)
    told.move(_guidance(told), "guidance", _short)
    told.move("seed", "seed", number)
    if told.peek("clip_skip") != -1:
        told.move("clip_skip", "clip_skip", number)
    told.size("width", "height")


def _guidance(told: Told) -> str:
    """Which setting counts: FLUX, told by its text encoders, follows the distilled guidance."""
    flux = "models.t5xxl" in told and "models.clip_g" not in told and told.peek("sampling.guidance.txt_cfg") == 1
    return f"sampling.guidance.{'distilled_guidance' if flux else 'txt_cfg'}"


def _short(value: Any) -> float:
    """A number without the digits that four bytes do not hold."""
    return float(f"{number(value):.6g}")


def _sampler(name: str, timing: str) -> str:
    return canonical(_SAMPLERS.get(name, name), "" if timing == name else _SCHEDULES.get(timing, timing))


def _files(told: Told) -> None:
    for name, kind in (("model", "model"), ("diffusion_model", "model"), ("vae", "vae"), ("control_net", "controlnet")):
        told.use(f"models.{name}", partial(_one, kind))
    told.use("loras", lambda value: list(_loras(value)))


def _one(kind: str, value: Any) -> list[Asset]:
    return [asset(kind, value)]


def _loras(value: Any) -> Iterator[Asset]:
    for item in items(value):
        if not isinstance(item, dict) or item.get("is_high_noise"):
            raise ValueError("this names no LoRA for pictures")
        yield asset("lora", item.get("name"), weight=_short(item.get("multiplier", 1)))
