"""Fooocus' own scheme: ``parameters`` as a JSON object, in a PNG's text or as EXIF UserComment.

``fooocus_scheme``, or EXIF MakerNote, is "fooocus"; if it is "a1111", the text is A1111's and read as that. Keys after
``modules/meta_parser.py`` and ``modules/async_worker.py``.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from studio.imports.imported_settings import Asset, ImportedSettings
from studio.imports.json_validators import asset, hash_of, items, json_object, number, seed, text
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.prompt_dialects import comfy
from studio.imports.settings_reader import SettingsReader
from studio.parameters.sampler_names import canonical

TOOL: Final = "Fooocus"

_PLACES: Final = (("parameters", "fooocus_scheme"), ("exif:UserComment", "exif:MakerNote"), ("json", ""))
_OWN: Final = ('"base_model"', '"guidance_scale"', '"performance"')
"""Keys that its JSON always has, for files that lost the scheme's name."""
_PAIR: Final = re.compile(r"\(\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)")
_COMBINED: Final = re.compile(r"lora_combined_\d{1,4}")
_TAG: Final = re.compile(r"<lora:[^<>]*>,?")
_APART: Final = "\x1e"
"""Joins the texts of a prompt, which are encoded in separate chunks, while they are converted."""
_NONE: Final = ("", "None", "Default (model)")
_WHY: Final = MappingProxyType(
    {
        "adaptive_cfg": "there is no adaptive guidance here",
        "adm_guidance": "Fooocus' size conditioning for SDXL is not supported",
        "freeu": "FreeU is not supported",
        "negative_prompt": "full_negative_prompt is used, which includes the styles",
        "performance": "its steps, sampler and LoRAs are listed separately",
        "prompt": "full_prompt is used, which includes the styles",
        "prompt_expansion": "its words are in full_prompt",
        "refiner_model": "this workflow has no refiner",
        "refiner_switch": "this workflow has no refiner",
        "sharpness": "this filter during sampling is not supported",
        "styles": "their words are in full_prompt",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings of Fooocus; None for other files. Raises InputError if they are damaged."""
    settings = next(filter(None, (_settings_in(metadata.texts, *place) for place in _PLACES)), None)
    if settings is None:
        return None
    reader = SettingsReader(TOOL, {name: value for name, value in settings.items() if value not in _NONE}, _WHY)
    _prompts(reader)
    _settings(reader)
    _files(reader)
    return reader.result()


def _settings_in(texts: Mapping[str, str], place: str, scheme: str) -> Mapping[str, Any] | None:
    written = texts.get(place, "")
    lost = written.lstrip().startswith("{") and all(key in written for key in _OWN)
    return json_object(written, TOOL) if lost or texts.get(scheme) == "fooocus" else None


def _prompts(reader: SettingsReader) -> None:
    for name in ("prompt", "negative_prompt"):
        full = reader.peek(f"full_{name}")
        if isinstance(full, list) and full and all(isinstance(part, str) for part in full):
            reader.add({f"full_{name}": _APART.join(full)})
            reader.prompt(f"full_{name}", name, lambda value: " BREAK ".join(map(_words, value.split(_APART))))
            if full == [reader.peek(name)]:
                reader.take(name)
        else:
            reader.prompt(name, name, _words)


def _words(prompt: str) -> str:
    """A prompt in our grammar, without the LoRAs in it: those are listed separately."""
    return comfy.to_studio(_TAG.sub("", prompt).strip())


def _settings(reader: SettingsReader) -> None:
    reader.sampler("sampler", "scheduler", lambda name, timing: canonical(name, "" if timing == name else timing))
    reader.move("steps", "steps", number)
    reader.move("guidance_scale", "guidance", number)
    reader.move("seed", "seed", seed)
    reader.clip_skip("clip_skip")
    reader.move("resolution", "size", _size)


def _size(value: Any) -> str:
    """ "1152x896" from "(1152, 896)"."""
    if not (pair := _PAIR.fullmatch(text(value))):
        raise ValueError("this is not a size")
    return f"{pair[1]}x{pair[2]}"


def _files(reader: SettingsReader) -> None:
    digest = reader.peek("base_model_hash")
    if hash_of(digest) and "base_model" in reader:
        reader.take("base_model_hash")
    reader.assets("base_model", lambda value: [asset("model", value, digest)])
    reader.assets("vae", lambda value: [asset("vae", value)])
    listed = reader.peek("loras")
    reader.assets("loras", lambda value: list(_loras(value)))
    for name in filter(_COMBINED.fullmatch, reader.names()):
        if not listed:
            reader.assets(name, lambda value: [_combined(value)])
        elif _repeats(reader.peek(name), listed):
            reader.take(name)


def _repeats(value: Any, listed: Any) -> bool:
    """Whether one of ``loras`` is the same."""
    name = value.rpartition(" : ")[0] if isinstance(value, str) else None
    return isinstance(listed, list) and any(isinstance(item, list) and item[:1] == [name] for item in listed[:100])


def _loras(value: Any) -> Iterator[Asset]:
    """Assets from [name, weight, SHA-256] each."""
    for item in items(value):
        name, weight, *rest = [*items(item), None, None][:3]
        yield asset("lora", name, *rest, weight=weight)


def _combined(value: Any) -> Asset:
    """An asset from "name : 0.5"."""
    name, _, weight = text(value).rpartition(" : ")
    return asset("lora", name, weight=weight)
