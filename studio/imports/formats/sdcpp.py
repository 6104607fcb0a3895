"""stable-diffusion.cpp's ``SDCPP: {…}``: a JSON object with the schema "sdcpp.image.params/v1".

It is at the end of the A1111 text in a PNG, a JPEG's comment, or ``sdcpp:parameters`` in a WebP's XMP. Older versions
wrote only that text, in which "Sampler: euler discrete" is a method and a scheduler, and "Unet" a model without text
encoders. Keys after ``build_sdcpp_image_metadata_json`` and ``get_image_params`` in ``examples/common/common.cpp``.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from studio.imports import extranets
from studio.imports.imported_settings import Asset, ImportedSettings
from studio.imports.json_validators import asset, flatten, items, json_object, number, seed
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.prompt_dialects import sdcpp
from studio.imports.settings_reader import IRRELEVANT, SettingsReader
from studio.parameters.sampler_names import canonical
from studio.pictures.infotext import Infotext

TOOL: Final = "stable-diffusion.cpp"

_VERSION: Final = "stable-diffusion.cpp"
_IN_TEXT: Final = MappingProxyType(
    {
        "Steps": "sampling.steps", "CFG scale": "sampling.guidance.txt_cfg",
        "Guidance": "sampling.guidance.distilled_guidance", "Eta": "sampling.eta", "Seed": "seed",
        "Model": "models.model", "Unet": "models.diffusion_model", "VAE": "models.vae", "RNG": "rng",
        "Sampler RNG": "sampler_rng", "Clip skip": "clip_skip", "Hires scale": "hires.scale",
        "Denoising strength": "hires.denoising_strength",
    }
)  # fmt: skip
"""The names of the text's settings in the JSON object."""
_SCHEMA: Final = "sdcpp.image.params/"
_PLACES: Final = ("parameters", "xmp", "comment", "exif:UserComment", "stealth", "sidecar", "json")
_XMP: Final = re.compile(r"<sdcpp:parameters>([^<]*)</sdcpp:parameters>")
_START: Final = re.compile(r"SDCPP: (?=\{)")
_SAMPLERS: Final = MappingProxyType({"dpm++2m": "DPM++ 2M", "dpm++2m_sde": "DPM++ 2M SDE"})
_SCHEDULES: Final = MappingProxyType({"discrete": "normal", "default": "normal"})
_DEFAULTS: Final = MappingProxyType(
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
"""Defaults, which are always written."""
_ENCODER: Final = "text encoders are part of the model here"
_WHY: Final = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "models.clip_l",
                "models.clip_g",
                "models.clip_vision",
                "models.t5xxl",
                "models.llm",
                "models.llm_vision",
                "models.text_encoders",
            ),
            _ENCODER,
        ),
        "rng": "noise is generated differently here; the same seed gives another picture",
        "sampler_rng": "noise is generated differently here; the same seed gives another picture",
        "sampling.guidance.distilled_guidance": "this model uses txt_cfg",
        "sampling.guidance.txt_cfg": "this model uses the distilled guidance",
        "sampling.guidance.img_cfg": "image guidance is not supported in this workflow",
        "strength": "it applies to a start picture, and the file does not say whether there was one",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings of stable-diffusion.cpp; None for other files. Raises InputError if they are damaged."""
    texts = [(place, metadata.texts.get(place, "")) for place in _PLACES]
    content = next(filter(None, (_content_in(written, place) for place, written in texts)), None)
    networks = None
    if content is None:
        info = next((info for _, written in texts if (info := _info(written))), None)
        if info is None:
            return None
        networks = extranets.read(info.prompt, {})
        content = {**_from_text(info), "prompt.positive": networks.prompt, "prompt.negative": info.negative or None}
    settings = {name: value for name, value in content.items() if name not in IRRELEVANT}
    reader = SettingsReader(TOOL, dict(flatten(settings)), _WHY, _DEFAULTS)
    reader.prompt("prompt.positive", "prompt", sdcpp.to_studio)
    reader.prompt("prompt.negative", "negative_prompt", sdcpp.to_studio)
    workflow = _workflow(reader)
    _settings(reader)
    _files(reader)
    found = reader.result(workflow)
    return (
        replace(found, assets=found.assets + networks.assets, skipped=found.skipped + networks.skipped)
        if networks
        else found
    )


def _info(written: str) -> Infotext | None:
    """The text of a version without the JSON object; None if it is another tool's."""
    if f"Version: {_VERSION}" not in written or _SCHEMA in written:
        return None
    info = Infotext.parse(written)
    return info if dict(info.settings).get("Version", "").startswith(_VERSION) else None


def _from_text(info: Infotext) -> dict[str, Any]:
    """The text's settings by their names in the JSON object; others keep their own name."""
    content: dict[str, Any] = {}
    for key, value in info.settings:
        if key == "Sampler":
            method, _, scheduler = value.partition(" ")
            content |= {"sampling.method": method, "sampling.scheduler": scheduler or None}
        elif key == "Size":
            content["width"], _, content["height"] = value.partition("x")
        elif key == "TE":  # one per text encoder
            content["models.text_encoders"] = ", ".join(filter(None, (content.get("models.text_encoders"), value)))
        elif key != "Version":
            name = _IN_TEXT.get(key, key)
            content[name] = value if name.startswith("models.") else _number(value)
    return {**content, **({"hires.enabled": True} if "hires.scale" in content else {})}


def _number(value: str) -> Any:
    """A number, or else the text."""
    try:
        return number(value)
    except ValueError:
        return value


def _content_in(written: str, place: str) -> Mapping[str, Any] | None:
    if _SCHEMA not in written:
        return None
    if place == "xmp":
        found = _XMP.search(written)
        written = html.unescape(found[1]) if found else ""
    start = _START.search(written)
    if start or written.lstrip().startswith("{"):
        return json_object(_object(written[start.end() :]) if start else written, TOOL)
    return None


def _object(written: str) -> str:
    """The JSON object at the beginning of a text; all of it if there is none."""
    try:
        return written[: json.JSONDecoder().raw_decode(written)[1]]
    except (ValueError, RecursionError):
        return written


def _workflow(reader: SettingsReader) -> str:
    """Our workflow that does the same; reads the inputs that only it has."""
    if "hires.enabled" in reader:
        reader.take("hires.enabled")
        reader.move("hires.scale", "factor", number)
        reader.move("hires.denoising_strength", "strength", number)
        return "hires"
    if "models.control_net" in reader:
        reader.move("control_strength", "weight", number)
        return "controlnet"
    return "text-to-image"


def _settings(reader: SettingsReader) -> None:
    reader.sampler("sampling.method", "sampling.scheduler", _sampler)
    reader.move("sampling.steps", "steps", number)
    reader.move(_guidance(reader), "guidance", _short)
    reader.move("seed", "seed", seed)
    if reader.peek("clip_skip") != -1:
        reader.clip_skip("clip_skip")
    reader.size("width", "height")


def _guidance(reader: SettingsReader) -> str:
    """The name of the guidance that counts: FLUX.1 uses the distilled guidance, with the other one at 1.

    FLUX.1 is recognised by its name or text encoders, or if no checkpoint is named: older versions named only that.
    """
    alone = reader.peek("sampling.guidance.txt_cfg") == 1
    name = str(reader.peek("models.diffusion_model") or reader.peek("models.model") or "").lower()
    encoded = "models.t5xxl" in reader and "models.clip_g" not in reader
    flux = alone and "klein" not in name and (not name or "flux" in name or encoded)
    return f"sampling.guidance.{'distilled_guidance' if flux else 'txt_cfg'}"


def _short(value: Any) -> float:
    """A number without the digits that float32 does not hold."""
    return float(f"{number(value):.6g}")


def _sampler(name: str, timing: str) -> str:
    return canonical(_SAMPLERS.get(name, name), "" if timing == name else _SCHEDULES.get(timing, timing))


def _files(reader: SettingsReader) -> None:
    for name, kind in (("model", "model"), ("diffusion_model", "model"), ("vae", "vae"), ("control_net", "controlnet")):
        reader.assets(f"models.{name}", partial(_one, kind))
    reader.assets("loras", lambda value: list(_loras(value)))


def _one(kind: str, value: Any) -> list[Asset]:
    return [asset(kind, value)]


def _loras(value: Any) -> Iterator[Asset]:
    for item in items(value):
        if not isinstance(item, dict) or item.get("is_high_noise"):
            raise ValueError("this is not the name of a LoRA for pictures")
        yield asset("lora", item.get("name"), weight=_short(item.get("multiplier", 1)))
