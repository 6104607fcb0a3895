"""NovelAI's pictures: PNG texts ``Software``, ``Source`` and ``Comment``, the last a JSON object; or the same hidden.

In versions 1 to 3 ``prompt`` and ``uc`` are the words; since 4 ``v4_prompt`` and ``v4_negative_prompt`` hold them, with
captions for characters apart. The hidden copy is one JSON object of all those texts. See
https://github.com/NovelAI/novelai-image-metadata.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from studio.imports.imported_settings import Asset, ImportedSettings
from studio.imports.json_validators import asset, json_object, number, seed, text
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.prompt_dialects import novelai
from studio.imports.settings_reader import SettingsReader
from studio.parameters.sampler_names import canonical

TOOL: Final = "NovelAI"

_HIDDEN: Final = ("stealth", "exif:UserComment", "json")
_SCHEDULES: Final = MappingProxyType({"native": "normal"})
_SAMPLERS: Final = MappingProxyType({"ddim_v3": "ddim"})
_WHY: Final = MappingProxyType(
    {
        "cfg_rescale": "guidance is not rescaled here",
        "dynamic_thresholding": "called Decrisper there; the studio has none",
        "legacy_v3_extend": "a switch of NovelAI's own for long prompts",
        "noise": "noise added to the start picture; the studio adds none of its own",
        "prompt": "the words of v4_prompt are taken",
        "reference_strength_multiple": "vibe transfer; the workflow 'reference' does the like",
        "sm": "SMEA, for samplers of NovelAI's own",
        "sm_dyn": "SMEA, for samplers of NovelAI's own",
        "uc": "the words of v4_negative_prompt are taken",
        "uncond_scale": "the studio has no strength for the negative prompt alone",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """What NovelAI says; None for files of others. Raises InputError where it is damaged."""
    texts = _texts(metadata)
    if texts is None:
        return None
    comment = texts.get("Comment")
    said = comment if isinstance(comment, dict) else json_object(comment, TOOL) if isinstance(comment, str) else {}
    reader = SettingsReader(TOOL, {**{name: item for name, item in texts.items() if name != "Comment"}, **said}, _WHY)
    if "prompt" not in said and "v4_prompt" not in said:  # the first version's
        reader.add({"prompt": reader.take("Description")})
    _captions(reader, "v4_prompt", "prompt", "prompt")
    _captions(reader, "v4_negative_prompt", "uc", "negative_prompt")
    _settings(reader)
    return reader.result("image-to-image" if said.get("strength") is not None and _changes(said) else "text-to-image")


def _texts(metadata: EmbeddedMetadata) -> Mapping[str, Any] | None:
    """The picture's own texts, or those that it holds as one JSON object; None where they are not NovelAI's."""
    if metadata.texts.get("Software") == TOOL:
        return {name: item for name, item in metadata.texts.items() if name in _CHUNKS}
    return next(filter(None, (_hidden(metadata.texts.get(name, "")) for name in _HIDDEN)), None)


_CHUNKS: Final = ("Title", "Description", "Software", "Source", "Generation time", "Comment")


def _hidden(said: str) -> Mapping[str, Any] | None:
    if not said.lstrip().startswith("{") or '"NovelAI"' not in said:
        return None
    texts = json_object(said, TOOL)
    return texts if texts.get("Software") == TOOL else None


def _changes(said: Mapping[str, Any]) -> bool:
    """Whether the picture was made from another; the request's name says so: "Img2ImgRequest"."""
    request = said.get("request_type")
    return "img2img" in request.lower() if isinstance(request, str) else "noise" in said


def _captions(reader: SettingsReader, name: str, older: str, ours: str) -> None:
    """A prompt, version 4's where there is one. Characters' captions become words of it, and that is left to say."""
    caption = reader.peek(name)
    caption = caption.get("caption") if isinstance(caption, dict) else None
    base = caption.get("base_caption") if isinstance(caption, dict) else None
    if not isinstance(caption, dict) or not isinstance(base, str):
        reader.prompt(older, ours, partial(novelai.to_studio, numbers=False))
        return
    characters = list(_characters(caption.get("char_captions")))
    reader.add({name: ", ".join(words for words in [base, *characters] if words)})
    reader.prompt(name, ours, partial(novelai.to_studio, numbers=True))
    if reader.peek(older) == base:
        reader.take(older)
    if any(characters):
        why = "captions of characters became words of the prompt; nothing keeps each to its own place"
        reader.skip(f"{name}.char_captions", caption["char_captions"], why)


def _characters(captions: Any) -> Iterator[str]:
    for item in captions if isinstance(captions, list) else []:
        words = item.get("char_caption") if isinstance(item, dict) else None
        if isinstance(words, str):
            yield words


def _settings(reader: SettingsReader) -> None:
    reader.sampler("sampler", "noise_schedule", _sampler)
    reader.move("steps", "steps", number)
    reader.move("scale", "guidance", number)
    reader.move("seed", "seed", seed)
    reader.move("strength", "strength", number)
    reader.size("width", "height")
    reader.assets("Source", lambda value: [_model(value)])


def _sampler(name: str, timing: str) -> str:
    return canonical(_SAMPLERS.get(name, name), _SCHEDULES.get(timing, timing))


def _model(source: Any) -> Asset:
    """From "Stable Diffusion XL 7BCCAA2C": a name, and the beginning of a hash."""
    name, _, digest = text(source).rpartition(" ")
    return asset("model", name or digest, digest)
