"""InvokeAI's ``invokeai_metadata``, versions 3 to 6, and ``sd-metadata``, version 2: a JSON object with a key per
setting.

Keys after ``CoreMetadataInvocation`` in ``invokeai/app/invocations/metadata.py`` and the graphs of its web interface. A
LoRA of version 3 is {"lora": {"model_name"}}, since version 4 {"model": {"name", "hash"}}. Version 2 has its settings
under "image", and the negative prompt within the prompt, in square brackets.
"""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from studio.imports.imported_settings import Asset, ImportedSettings
from studio.imports.json_validators import asset, items, json_object, number, seed
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.prompt_dialects import LONGEST, compel, escape
from studio.imports.settings_reader import SettingsReader
from studio.parameters.sampler_names import canonical

TOOL: Final = "InvokeAI"

_WEIGHED: Final = frozenset({"", "sd-1", "sd-2", "sdxl", "sdxl-refiner"})
"""The model families whose prompts are parsed by Compel; for others a prompt is plain words."""
_RESCALED: Final = frozenset({"sd-3", "flux", "flux2"})
_ENDINGS: Final = MappingProxyType(
    {"img2img": "image-to-image", "inpaint": "inpaint", "outpaint": "outpaint", "txt2img": "text-to-image"}
)
_SAMPLERS: Final = MappingProxyType({"kdpm_2": "DPM2", "kdpm_2_a": "DPM2 a"})
_NEWER: Final = MappingProxyType({"prompt": "positive_prompt", "sampler": "scheduler", "type": "generation_mode"})
_UNWANTED: Final = re.compile(r"\[([^\[\]]*)\]")
_JOINS: Final = MappingProxyType(
    {(True, True): "all sides", (True, False): "left and right", (False, True): "top and bottom"}
)
_REFINER: Final = (
    "model", "cfg_scale", "steps", "scheduler", "start", "positive_aesthetic_score", "negative_aesthetic_score",
)  # fmt: skip
_DEFAULTS: Final = MappingProxyType({"rand_device": "cpu"})
_WHY: Final = MappingProxyType(
    {
        "canvas_v2_metadata": "layers of the canvas are not in the file; give their pictures to a workflow",
        "controlnets": "several ControlNets, or one with a start picture, need a workflow of your own",
        **dict.fromkeys(
            ("hrf_enabled", "hrf_method", "hrf_strength"),
            "the size of the second pass is not in the file; use the workflow 'hires'",
        ),
        "init_image": "the file has only the name of the start picture; choose the picture",
        "ipAdapters": "use the workflow 'reference' with the IP-Adapter and its picture",
        "rand_device": "noise is generated on the CPU here, so the picture will be similar, not the same",
        "ref_images": "the file has only the names of the pictures; use the workflow 'reference' with one of them",
        **dict.fromkeys((f"refiner_{name}" for name in _REFINER), "this workflow has no SDXL refiner"),
        "regions": "use the workflow 'regions' for areas with their own prompts",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings of InvokeAI; None for other files. Raises InputError if they are damaged."""
    settings = _settings_in(metadata)
    if settings is None:
        return None
    reader = SettingsReader(TOOL, settings, _WHY, _DEFAULTS)
    workflow, base = _workflow(reader), _base(reader)
    _prompts(reader, base)
    _settings(reader, base)
    _files(reader)
    return reader.result(workflow)


def _settings_in(metadata: EmbeddedMetadata) -> dict[str, Any] | None:
    if (current := metadata.texts.get("invokeai_metadata")) is not None:
        return json_object(current, TOOL)
    if (old := metadata.texts.get("sd-metadata")) is not None:
        return _renamed(json_object(old, TOOL))
    return None


def _renamed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of version 2 under the names that they have since version 3."""
    image = settings.pop("image", None)
    given = {_NEWER.get(name, name): value for name, value in (image if isinstance(image, dict) else {}).items()}
    model = {"name": settings.pop("model_weights", None), "hash": settings.pop("model_hash", None), "base": "sd-1"}
    prompt = given.get("positive_prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], dict):
        given["positive_prompt"] = prompt = prompt[0].get("prompt")
    if isinstance(prompt, str) and len(prompt) <= LONGEST:
        given["positive_prompt"] = _UNWANTED.sub("", prompt).strip()
        given["negative_prompt"] = ", ".join(_UNWANTED.findall(prompt))
    return {**settings, **given, "model": model if model["name"] else None}


def _workflow(reader: SettingsReader) -> str:
    """Our workflow for the generation mode: "sdxl_img2img", "inpaint" …"""
    mode = reader.peek("generation_mode")
    workflow = _ENDINGS.get(mode.rpartition("_")[2]) if isinstance(mode, str) else None
    if workflow:
        reader.take("generation_mode")
    if workflow and workflow != "text-to-image":
        return workflow
    return _tiled(reader) or _controlled(reader)


def _tiled(reader: SettingsReader) -> str:
    """The workflow for seamless tiles, if the picture is one without other guides."""
    edges = reader.peek("seamless_x") is True, reader.peek("seamless_y") is True
    if not any(edges) or "controlnets" in reader:
        return ""
    reader.take("seamless_x"), reader.take("seamless_y")
    reader.put("joins", _JOINS[edges], "seamless_x, seamless_y", list(edges))
    return "seamless-pattern"


def _base(reader: SettingsReader) -> str:
    """The model's family: "sd-1", "sdxl", "flux" …; "" if it is not in the metadata."""
    model = reader.peek("model")
    base = model.get("base", model.get("base_model")) if isinstance(model, dict) else ""
    return base if isinstance(base, str) else ""


def _prompts(reader: SettingsReader, base: str) -> None:
    dialect = compel.to_studio if base in _WEIGHED else escape
    for sign in ("positive", "negative"):
        if reader.peek(f"{sign}_style_prompt") == reader.peek(f"{sign}_prompt"):  # SDXL's second one, usually the same
            reader.take(f"{sign}_style_prompt")
    reader.prompt("positive_prompt", "prompt", dialect)
    reader.prompt("negative_prompt", "negative_prompt", dialect)


def _settings(reader: SettingsReader, base: str) -> None:
    reader.move("steps", "steps", number)
    reader.move("seed", "seed", seed)
    _sampler(reader)
    reader.clip_skip("clip_skip")
    reader.move("guidance" if "guidance" in reader else "cfg_scale", "guidance", number)
    reader.move("strength", "strength", lambda value: _strength(value, base))
    reader.size("width", "height")


def _sampler(reader: SettingsReader) -> None:
    """Read the sampler, for example "dpmpp_2m_k": the last letter means Karras."""
    name = reader.peek("scheduler")
    if isinstance(name, str) and name.endswith("_k"):
        reader.add({"scheduler": name.removesuffix("_k"), "scheduler, k": "karras"})
    reader.sampler("scheduler", "scheduler, k", lambda name, timing: canonical(_SAMPLERS.get(name, name), timing))


def _strength(value: Any, base: str) -> int | float:
    if base in _RESCALED:
        raise ValueError(
            "for this kind of model InvokeAI may rescale the strength, and the file does not say whether it did"
        )
    return number(value)


def _files(reader: SettingsReader) -> None:
    reader.assets("model", lambda value: [_asset("model", value)])
    reader.assets("vae", lambda value: [_asset("vae", value)])
    reader.assets("loras", lambda value: list(_loras(value)))


def _loras(value: Any) -> Iterator[Asset]:
    for item in items(value):
        if not isinstance(item, dict):
            raise ValueError("this is not the name of a LoRA")
        yield _asset("lora", item.get("model", item.get("lora")), item.get("weight", 1))


def _asset(kind: str, value: Any, weight: Any = 1.0) -> Asset:
    if isinstance(value, str):
        return asset(kind, value, weight=weight)
    if not isinstance(value, dict):
        raise ValueError("this is not the name of a file")
    return asset(kind, value.get("name", value.get("model_name")), value.get("hash"), weight=weight)


def _controlled(reader: SettingsReader) -> str:
    """The workflow: "controlnet" for one ControlNet over the whole picture."""
    value = reader.peek("controlnets")
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        return "text-to-image"
    reader.take("controlnets")
    reader.add({f"controlnets.{name}": item for name, item in value[0].items()})
    reader.assets("controlnets.control_model", lambda value: [_asset("controlnet", value)])
    reader.move("controlnets.control_weight", "weight", number)
    reader.move("controlnets.end_step_percent", "until", number)
    return "controlnet"
