"""What other programs and people keep beside a LoRA. It is read, never written.

    anna.json            A1111: activation text, preferred weight, description, sd version
    anna.civitai.info    Civitai: a model version as its API gives it
    anna.metadata.json   Lora-Manager, with a version of Civitai's in "civitai"
    README.md            a Hugging Face card: license, base_model, instance_prompt; or one in a folder "anna"
    anna.preview.png     a picture made with it

They are other people's text: of bounded size, taken as plain words, and one that is broken is named, not fatal.
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
"""Bytes of a sidecar; those of Civitai hold the recipes of example pictures."""

_PREVIEWS: Final = tuple(f"{kind}{ending}" for kind in (".preview", "") for ending in ENDINGS)
_CARD: Final = "README.md"

Read = dict[str, Any]


def beside(path: Path, there: Collection[str]) -> list[Path]:
    """Of the names of files that are there, those that say something of a LoRA, its preview first where it has one."""
    stem = path.name.removesuffix(path.suffix)
    named = [*(f"{stem}{ending}" for ending in (*_PREVIEWS, *_READERS)), _CARD]
    own = [path.with_name(stem) / _CARD] if stem in there else []
    return [*(path.with_name(name) for name in named if name in there), *(file for file in own if is_file(file))]


def preview(path: Path) -> Path | None:
    """The picture beside a LoRA that shows what it does."""
    return next((file for ending in _PREVIEWS if is_file(file := path.with_suffix(ending))), None)


def said(path: Path) -> tuple[list[Claim], list[str]]:
    """What the sidecars of a LoRA say, and which of them cannot be read and why."""
    found, broken = list[Claim](), list[str]()
    for ending, reader in _READERS.items():
        try:
            found += reader(path.with_suffix(ending).name, _content(path.with_suffix(ending)))
        except ModelError as error:
            broken.append(str(error))
    for card in (path.with_suffix("") / _CARD, path.with_name(_CARD)):
        head = front_matter(card.parent)
        found += _of_card(card.name, head.said)
        broken += [head.problem] if head.problem else []
    return found, broken


def declared(path: Path) -> Iterator[tuple[str, str, str]]:
    """The hashes that sidecars give the LoRA: the sidecar, the kind ("SHA256", "AutoV3" …), the hash."""
    for ending in _READERS:
        try:
            content = _content(path.with_suffix(ending))
        except ModelError:
            continue
        for kind, text in _hashes(content):
            if isinstance(text, str):
                yield path.with_suffix(ending).name, kind, text


def _content(file: Path) -> Read:
    """A sidecar's JSON object, empty where there is no such file; raises ModelError where it cannot be read."""
    if not is_file(file):
        return {}
    try:
        content = strict_json.loads(read_file(file, LARGEST), LARGEST)
    except OSError as error:
        raise ModelError(f"{file.name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ModelError(f"{file.name} cannot be read; it is no JSON ({str(error)[:100]})") from None
    if not isinstance(content, dict):
        raise ModelError(f"{file.name} is JSON, but not that of a sidecar")
    return content


def _a1111(source: str, content: Read) -> Iterator[Claim]:
    weight = content.get("preferred weight")
    yield from claims(source, "trigger", content.get("activation text"))
    yield from claims(source, "weight", weight if _number(weight) else None)
    version = content.get("sd version")
    yield from claims(source, "base", version if version != "Unknown" else None)
    yield from claims(source, "description", content.get("description"), content.get("notes"))


def _civitai(source: str, content: Read) -> Iterator[Claim]:
    model = _object(content.get("model"))
    yield from claims(source, "title", model.get("name"))
    yield from claims(source, "base", content.get("baseModel"))
    yield from claims(source, "trigger", *_list(content.get("trainedWords")))
    yield from claims(source, "author", _object(content.get("creator") or model.get("creator")).get("username"))
    yield from claims(source, "licence", civitai_terms(model))
    yield from claims(source, "description", content.get("description"), model.get("description"))


def _lora_manager(source: str, content: Read) -> Iterator[Claim]:
    yield from claims(source, "title", content.get("model_name"))
    yield from claims(source, "base", content.get("base_model"))
    yield from claims(source, "weight", _tip(content.get("usage_tips")))
    yield from claims(source, "description", content.get("modelDescription"), content.get("notes"))
    yield from _civitai(source, _object(content.get("civitai")))


def _of_card(source: str, said: Mapping[str, Any]) -> Iterator[Claim]:
    name, link = said.get("license_name"), said.get("license_link")
    yield from claims(source, "licence", " ".join(map(_text, filter(None, (said.get("license"), name, link)))))
    yield from claims(source, "base", *_list(said.get("base_model")), said.get("base_model"))
    yield from claims(source, "trigger", said.get("instance_prompt"))


def _tip(tips: Any) -> float | None:
    """The strength in Lora-Manager's usage tips, which are JSON in a text."""
    try:
        strength = _object(strict_json.loads(_text(tips) or "{}")).get("strength")
    except ValueError:
        return None
    return strength if _number(strength) else None


def _hashes(content: Read) -> Iterator[tuple[str, Any]]:
    yield "SHA256", content.get("sha256")
    yield "AutoV3", content.get("autov3")
    for file in _list((_object(content.get("civitai")) or content).get("files")):
        yield from _object(_object(file).get("hashes")).items()


def _number(value: Any) -> bool:
    """Whether it is a weight that somebody set; 0 stands for none."""
    return type(value) in {int, float} and value != 0 and abs(value) <= 10


def _object(value: Any) -> Read:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_READERS: Final[dict[str, Callable[[str, Read], Iterator[Claim]]]] = {
    ".civitai.info": _civitai,
    ".metadata.json": _lora_manager,
    ".json": _a1111,
}
