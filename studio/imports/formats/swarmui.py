"""SwarmUI's ``sui_image_params``: a JSON object in ``parameters``, in EXIF UserComment, hidden, or in a sidecar file.

See "Image Metadata Format" in its documentation. Settings are named as in its ``T2IParamTypes.cs``, in lower case
without spaces; numbers may be text, and lists text with commas. ``sui_models`` has SHA-256s of the tensors only.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from studio.imports.imported_settings import Asset, ImportedSettings
from studio.imports.json_validators import asset, damaged, json_object, number, seed, text
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.prompt_dialects import swarm
from studio.imports.settings_mapping import shown
from studio.imports.settings_reader import SettingsReader
from studio.parameters.sampler_names import canonical

TOOL: Final = "SwarmUI"

_MARK: Final = '"sui_image_params"'
_PLACES: Final = ("parameters", "exif:UserComment", "stealth", "sidecar", "json")
_NONE: Final = ("None", "Automatic", "(Use Base)")
_JOINS: Final = MappingProxyType({"true": "all sides", "X-Only": "left and right", "Y-Only": "top and bottom"})
_EVERYWHERE: Final = ("", "0", "-1")
"""Values of "sectionconfinement" for a LoRA that applies to the whole picture."""
_BESIDE: Final = ("s", "weights", "tencweights", "sectionconfinement")
_WHY: Final = MappingProxyType(
    {
        "cfgscale": "this model uses fluxguidancescale",
        "original_negativeprompt": "the prompt with wildcards filled in is used",
        "original_prompt": "the prompt with wildcards filled in is used",
        "refinermodel": "the second pass uses the same model here",
        "seamlesstileable": "this workflow makes no seamless tiles; use 'seamless-pattern'",
        "useipadapterforrevision": "use the workflow 'reference' with the IP-Adapter and its picture",
        "variationseed": "there are no variation seeds here",
        "variationseedstrength": "there are no variation seeds here",
        "wildcardseed": "the prompt with wildcards filled in is used",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings of SwarmUI; None for other files. Raises InputError if they are damaged."""
    content = next((metadata.texts[place] for place in _PLACES if _MARK in metadata.texts.get(place, "")), None)
    if content is None or not content.lstrip().startswith("{"):
        return None
    whole = json_object(content, TOOL)
    params, extra = (whole.pop(name, {}) for name in ("sui_image_params", "sui_extra_data"))
    if not isinstance(params, dict) or not isinstance(extra, dict):
        raise damaged(TOOL)
    reader = SettingsReader(
        TOOL, {**whole, **extra, **{name: value for name, value in params.items() if value not in _NONE}}, _WHY
    )
    hashes = _hashes(reader)
    workflow = _workflow(reader)
    _prompt(reader, "prompt", "prompt")
    _prompt(reader, "negativeprompt", "negative_prompt")
    _settings(reader)
    _files(reader, hashes)
    return reader.result(workflow)


def _hashes(reader: SettingsReader) -> Mapping[str, Any]:
    """The hash of each file, by its name without ending."""
    models = reader.take("sui_models")
    known = [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    return {_bare(str(model.get("name"))): model.get("hash") for model in known[:1_000]}


def _bare(name: str) -> str:
    return name.removesuffix(".safetensors")


def _workflow(reader: SettingsReader) -> str:
    """Our workflow that does the same; reads the inputs that only it has."""
    if "initimagecreativity" in reader:
        reader.move("initimagecreativity", "strength", number)
        return "inpaint" if "maskimage" in reader or "maskblur" in reader else "image-to-image"
    if "refinerupscale" in reader and reader.peek("refinermethod") in (None, "PostApply"):
        reader.take("refinermethod")
        reader.move("refinerupscale", "factor", number)
        reader.move("refinercontrolpercentage", "strength", number)
        return "hires"
    if "controlnetmodel" in reader and "controlnettwomodel" not in reader:
        reader.move("controlnetstrength", "weight", number)
        reader.move("controlnetend", "until", number)
        return "controlnet"
    return _tiled(reader)


def _tiled(reader: SettingsReader) -> str:
    if str(reader.peek("seamlesstileable")) not in _JOINS:
        return "text-to-image"
    reader.move("seamlesstileable", "joins", lambda value: _JOINS[value])
    return "seamless-pattern"


def _prompt(reader: SettingsReader, name: str, ours: str) -> None:
    """Read the prompt for the whole picture; its tags become assets, or are skipped."""
    parts: list[tuple[str, str]] = []
    reader.prompt(name, ours, lambda value: swarm.to_studio(value, parts))
    for tag, rest in parts:
        kind = "lora" if tag.startswith("<lora:") else "embedding" if tag.startswith("<embed") else ""
        if kind:
            reader.add({tag: rest})
            reader.assets(tag, partial(_tagged, kind))
        else:
            reader.skip(tag, rest, "a part of the picture with its own prompt, or a tag without equivalent here")


def _tagged(kind: str, value: str) -> list[Asset]:
    """An asset from "name", "name:weight" or "name:weight:weight in the text encoders"."""
    name, _, weights = value.partition(":")
    weight, _, words = weights.partition(":")
    return [asset(kind, name, weight=weight or 1, text=words or None)]


def _settings(reader: SettingsReader) -> None:
    reader.sampler("sampler", "scheduler", canonical)
    reader.move("steps", "steps", number)
    reader.move("seed", "seed", seed)
    reader.move("fluxguidancescale" if "fluxguidancescale" in reader else "cfgscale", "guidance", number)
    reader.clip_skip("clipstopatlayer", lambda value: -number(value))  # counted from the end: -1, -2 …
    reader.size("width", "height")


def _files(reader: SettingsReader, hashes: Mapping[str, Any]) -> None:
    for name, kind in (("model", "model"), ("vae", "vae"), ("controlnetmodel", "controlnet")):
        reader.assets(name, partial(_hashed, kind, hashes))
    for lora, section in _loras(reader):
        if section in _EVERYWHERE:
            reader.add({"loras": lora})
            reader.assets("loras", partial(_lora_asset, hashes))
        else:
            reader.skip("loras", lora, f"it applies only to section {shown(section)} of the prompt")


def _hashed(kind: str, hashes: Mapping[str, Any], value: Any) -> list[Asset]:
    return [asset(kind, value, hashes.get(_bare(text(value))))]


def _lora_asset(hashes: Mapping[str, Any], lora: list[str]) -> list[Asset]:
    """An asset from a name, a weight, and the weight in the text encoders if it differs."""
    name, weight, *words = lora
    return [asset("lora", name, hashes.get(_bare(name)), weight=weight, text=words[0] if words else None)]


def _loras(reader: SettingsReader) -> Iterator[tuple[list[str], str]]:
    """Each LoRA's name and weights, and its section of the prompt."""
    names, weights, words, sections = (_listed(reader, f"lora{name}") for name in _BESIDE)
    for at, name in enumerate(names):
        weight = weights[at] if at < len(weights) else "1"
        other = words[at : at + 1] if words[at : at + 1] != [weight] else []
        yield [name, weight, *other], sections[at] if at < len(sections) else ""


def _listed(reader: SettingsReader, name: str) -> list[str]:
    """A list of texts, or one text with commas."""
    value = reader.take(name)
    parts = value.split(",") if isinstance(value, str) else [] if value is None else value
    if isinstance(parts, list) and len(parts) <= 100 and all(isinstance(part, str | int | float) for part in parts):
        return [str(part).strip() for part in parts]
    reader.skip(name, value, "this is not a list of at most 100 texts")
    return []
