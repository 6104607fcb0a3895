"""Civitai's list of what it drew with: "Civitai resources", JSON in the text of settings.

Each has a type, the model's and the version's name, the version's number, a weight, or an address of Civitai's kind:
urn:air:sdxl:checkpoint:civitai:101055@128078.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from studio.files import strict_json
from studio.imports.imported_settings import Asset, SkippedSetting
from studio.imports.settings_mapping import shown

T = TypeVar("T", dict[str, Any], list[Any])
_KINDS: Final = {
    "checkpoint": "model", "model": "model", "lora": "lora", "lycoris": "lora", "locon": "lora", "dora": "lora",
    "embed": "embedding", "embedding": "embedding", "textualinversion": "embedding", "vae": "vae",
}  # fmt: skip
_ADDRESS: Final = re.compile(r"urn:air:([^:]{0,40}):([^:]{0,40}):[^:]{0,40}:(\d{0,12})@(\d{0,12})")


class CivitaiResources(NamedTuple):
    """What was listed; ``there`` says that there was such a list, ``flux`` that the model is one of Flux."""

    assets: tuple[Asset, ...] = ()
    skipped: tuple[SkippedSetting, ...] = ()
    there: bool = False
    flux: bool = False


def resources(rest: dict[str, str], known: Collection[str]) -> CivitaiResources:
    """Read the list and take it out of ``rest``; files of a kind that is ``known`` already are not taken twice."""
    listed = parsed(rest.get("Civitai resources", ""), list)
    if not listed:
        return CivitaiResources()
    rest.pop("Civitai resources")
    if rest.get("Civitai metadata") == "{}":
        rest.pop("Civitai metadata")
    read = [_resource(one, known) for one in listed]
    assets = tuple(one for one in read if isinstance(one, Asset))
    left = tuple(one for one in read if isinstance(one, SkippedSetting))
    return CivitaiResources(assets, left, True, any(map(_is_flux, listed)))


def parsed(text: str, kind: type[T]) -> T:
    """JSON of a kind; empty where it is none."""
    try:
        found = strict_json.loads(text) if text else kind()
    except ValueError:
        return kind()
    return found if isinstance(found, kind) else kind()


def _resource(one: Any, known: Collection[str]) -> Asset | SkippedSetting:
    said: Mapping[str, Any] = one if isinstance(one, dict) else {}
    address = _ADDRESS.fullmatch(str(said.get("air", "")))
    kind = _KINDS.get(str(said.get("type") or (address[2] if address else "")).lower(), "")
    weight = said.get("weight", 1)
    if not kind or type(weight) not in (int, float) or not abs(weight) <= 100:
        return SkippedSetting("Civitai resources", shown(one), "it is of no kind that is used here")
    if kind in known:
        return SkippedSetting("Civitai resources", shown(one), "the text names its files itself")
    return Asset(kind, _called(said, address), (), float(weight))


def _called(said: Mapping[str, Any], address: re.Match[str] | None) -> str:
    """Its name there, with the number under which Civitai has it."""
    version = said.get("modelVersionId") or (address[4] if address else "")
    words = [said.get("modelName"), said.get("modelVersionName") or said.get("versionName")]
    number = f"(Civitai's version {version})" if version else ""
    return shown(" ".join(filter(None, [*(word for word in words if isinstance(word, str)), number])))[:200]


def _is_flux(one: Any) -> bool:
    said = one if isinstance(one, dict) else {}
    return any("flux" in str(said.get(key, "")).lower() for key in ("air", "modelName", "baseModel"))
