"""NovelAI's pictures: PNG texts ``Software``, ``Source`` and ``Comment``, the last one a JSON object; or the same
hidden.

In versions 1 to 3 ``prompt`` and ``uc`` are the prompts; since version 4 ``v4_prompt`` and ``v4_negative_prompt``, with
separate captions for characters. The hidden copy is one JSON object of all those texts. See
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
        "dynamic_thresholding": "NovelAI's Decrisper is not supported",
        "legacy_v3_extend": "NovelAI's own option for long prompts",
        "noise": "extra noise in the start picture is not supported",
        "prompt": "v4_prompt is used",
        "reference_strength_multiple": "vibe transfer; the workflow 'reference' does something similar",
        "sm": "SMEA, for samplers of NovelAI's own",
        "sm_dyn": "SMEA, for samplers of NovelAI's own",
        "uc": "v4_negative_prompt is used",
        "uncond_scale": "the negative prompt has no strength of its own here",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings of NovelAI; None for other files. Raises InputError if they are damaged."""
    texts = _texts(metadata)
    if texts is None:
        return None
    comment = texts.get("Comment")
    settings = comment if isinstance(comment, dict) else json_object(comment, TOOL) if isinstance(comment, str) else {}
    reader = SettingsReader(
        TOOL, {**{name: item for name, item in texts.items() if name != "Comment"}, **settings}, _WHY
    )
    if "prompt" not in settings and "v4_prompt" not in settings:  # version 1
        reader.add({"prompt": reader.take("Description")})
    _captions(reader, "v4_prompt", "prompt", "prompt")
    _captions(reader, "v4_negative_prompt", "uc", "negative_prompt")
    _settings(reader)
    return reader.result(
        "image-to-image" if settings.get("strength") is not None and _is_img2img(settings) else "text-to-image"
    )


def _texts(metadata: EmbeddedMetadata) -> Mapping[str, Any] | None:
    """The picture's own texts, or those in the hidden JSON object; None if they are not NovelAI's."""
    if metadata.texts.get("Software") == TOOL:
        return {name: item for name, item in metadata.texts.items() if name in _CHUNKS}
    return next(filter(None, (_hidden(metadata.texts.get(name, "")) for name in _HIDDEN)), None)


_CHUNKS: Final = ("Title", "Description", "Software", "Source", "Generation time", "Comment")


def _hidden(text: str) -> Mapping[str, Any] | None:
    if not text.lstrip().startswith("{") or '"NovelAI"' not in text:
        return None
    texts = json_object(text, TOOL)
    return texts if texts.get("Software") == TOOL else None


def _is_img2img(settings: Mapping[str, Any]) -> bool:
    """Whether the picture was made from another, by the request's name: "Img2ImgRequest"."""
    request = settings.get("request_type")
    return "img2img" in request.lower() if isinstance(request, str) else "noise" in settings


def _captions(reader: SettingsReader, name: str, older: str, ours: str) -> None:
    """Read a prompt, of version 4 if there is one. Captions of characters are added to it, which is listed."""
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
        why = "captions of characters were added to the prompt, without their positions"
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
    """An asset from "Stable Diffusion XL 7BCCAA2C": a name, and the beginning of a hash."""
    name, _, digest = text(source).rpartition(" ")
    return asset("model", name or digest, digest)
