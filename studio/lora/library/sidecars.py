"""Files that other programs and people keep beside a LoRA. They are read, never written.

    anna.json            A1111: activation text, preferred weight, description, sd version
    anna.civitai.info    Civitai: a model version as its API gives it
    anna.metadata.json   Lora-Manager, with a version of Civitai's in "civitai"
    README.md            a Hugging Face card: license, base_model, instance_prompt; or one in a folder "anna"
    anna.preview.png     a picture made with it

They are untrusted: limited in size and read as plain text. One that is broken is named in a note and is not fatal.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from studio.errors import ModelError
from studio.files import strict_json
from studio.files.untrusted import is_file, read_file
from studio.images.image_file import ENDINGS
from studio.lora.library.claims import Claim, claims
from studio.lora.library.licences import civitai_terms
from studio.models.folder import front_matter

LARGEST: Final = 4 * 2**20
"""Bytes of a sidecar; Civitai's hold the settings of example pictures."""

_PREVIEWS: Final = tuple(f"{kind}{ending}" for kind in (".preview", "") for ending in ENDINGS)
_CARD: Final = "README.md"

JsonObject = dict[str, Any]


def beside(path: Path, there: Collection[str]) -> list[Path]:
    """The sidecars of a LoRA among the names of files in its folder, its preview first if it has one."""
    stem = path.name.removesuffix(path.suffix)
    named = [*(f"{stem}{ending}" for ending in (*_PREVIEWS, *_READERS)), _CARD]
    own = [path.with_name(stem) / _CARD] if stem in there else []
    return [*(path.with_name(name) for name in named if name in there), *(file for file in own if is_file(file))]


def preview(path: Path) -> Path | None:
    """The preview picture beside a LoRA."""
    return next((file for ending in _PREVIEWS if is_file(file := path.with_suffix(ending))), None)


def read_claims(path: Path) -> tuple[list[Claim], list[str]]:
    """The claims in the sidecars of a LoRA, and for each sidecar that cannot be read a message."""
    found, broken = list[Claim](), list[str]()
    for ending, reader in _READERS.items():
        try:
            found += reader(path.with_suffix(ending).name, _content(path.with_suffix(ending)))
        except ModelError as error:
            broken.append(str(error))
    for card in (path.with_suffix("") / _CARD, path.with_name(_CARD)):
        head = front_matter(card.parent)
        found += _readme(card.name, head.values)
        broken += [head.problem] if head.problem else []
    return found, broken


def declared(path: Path) -> Iterator[tuple[str, str, str]]:
    """The hashes of the LoRA according to its sidecars: the sidecar, the kind ("SHA256", "AutoV3" …), the hash."""
    for ending in _READERS:
        try:
            content = _content(path.with_suffix(ending))
        except ModelError:
            continue
        for kind, text in _hashes(content):
            if isinstance(text, str):
                yield path.with_suffix(ending).name, kind, text


def _content(file: Path) -> JsonObject:
    """A sidecar's JSON object, empty if there is no such file; raises ModelError where it cannot be read."""
    if not is_file(file):
        return {}
    try:
        content = strict_json.loads(read_file(file, LARGEST), LARGEST)
    except OSError as error:
        raise ModelError(f"{file.name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ModelError(f"{file.name} cannot be read; it is not valid JSON ({str(error)[:100]})") from None
    if not isinstance(content, dict):
        raise ModelError(f"{file.name} is JSON, but not an object as a sidecar is")
    return content


def _a1111(source: str, content: JsonObject) -> Iterator[Claim]:
    weight = content.get("preferred weight")
    yield from claims(source, "trigger", content.get("activation text"))
    yield from claims(source, "weight", weight if _number(weight) else None)
    version = content.get("sd version")
    yield from claims(source, "base", version if version != "Unknown" else None)
    yield from claims(source, "description", content.get("description"), content.get("notes"))


def _civitai(source: str, content: JsonObject) -> Iterator[Claim]:
    model = _object(content.get("model"))
    yield from claims(source, "title", model.get("name"))
    yield from claims(source, "base", content.get("baseModel"))
    yield from claims(source, "trigger", *_list(content.get("trainedWords")))
    yield from claims(source, "author", _object(content.get("creator") or model.get("creator")).get("username"))
    yield from claims(source, "licence", civitai_terms(model))
    yield from claims(source, "description", content.get("description"), model.get("description"))


def _lora_manager(source: str, content: JsonObject) -> Iterator[Claim]:
    yield from claims(source, "title", content.get("model_name"))
    yield from claims(source, "base", content.get("base_model"))
    yield from claims(source, "weight", _tip(content.get("usage_tips")))
    yield from claims(source, "description", content.get("modelDescription"), content.get("notes"))
    yield from _civitai(source, _object(content.get("civitai")))


def _readme(source: str, head: Mapping[str, Any]) -> Iterator[Claim]:
    name, link = head.get("license_name"), head.get("license_link")
    yield from claims(source, "licence", " ".join(map(_text, filter(None, (head.get("license"), name, link)))))
    yield from claims(source, "base", *_list(head.get("base_model")), head.get("base_model"))
    yield from claims(source, "trigger", head.get("instance_prompt"))


def _tip(tips: Any) -> float | None:
    """The strength in Lora-Manager's usage tips, which are JSON in a string."""
    try:
        strength = _object(strict_json.loads(_text(tips) or "{}")).get("strength")
    except ValueError:
        return None
    return strength if _number(strength) else None


def _hashes(content: JsonObject) -> Iterator[tuple[str, Any]]:
    yield "SHA256", content.get("sha256")
    yield "AutoV3", content.get("autov3")
    for file in _list((_object(content.get("civitai")) or content).get("files")):
        yield from _object(_object(file).get("hashes")).items()


def _number(value: Any) -> bool:
    """Whether it is a weight that somebody set; 0 means that nobody did."""
    return type(value) in {int, float} and value != 0 and abs(value) <= 10


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_READERS: Final[dict[str, Callable[[str, JsonObject], Iterator[Claim]]]] = {
    ".civitai.info": _civitai,
    ".metadata.json": _lora_manager,
    ".json": _a1111,
}
