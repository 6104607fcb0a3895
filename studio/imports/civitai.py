"""Civitai's list of the files used: "Civitai resources", JSON within the text of settings.

Each resource has a type, the names of the model and its version, the version's number, a weight, or an AIR:
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
    """The listed files; ``present`` means that there was a list, ``flux`` that the model is a Flux model."""

    assets: tuple[Asset, ...] = ()
    skipped: tuple[SkippedSetting, ...] = ()
    present: bool = False
    flux: bool = False


def resources(rest: dict[str, str], known: Collection[str]) -> CivitaiResources:
    """Read the list and remove it from ``rest``; files of a kind that is ``known`` already are not taken twice."""
    listed = parsed(rest.get("Civitai resources", ""), list)
    if not listed:
        return CivitaiResources()
    rest.pop("Civitai resources")
    if rest.get("Civitai metadata") == "{}":
        rest.pop("Civitai metadata")
    read = [_resource(one, known) for one in listed]
    assets = tuple(one for one in read if isinstance(one, Asset))
    skipped = tuple(one for one in read if isinstance(one, SkippedSetting))
    return CivitaiResources(assets, skipped, True, any(map(_is_flux, listed)))


def parsed(text: str, kind: type[T]) -> T:
    """JSON of the expected type; empty if it is something else."""
    try:
        found = strict_json.loads(text) if text else kind()
    except ValueError:
        return kind()
    return found if isinstance(found, kind) else kind()


def _resource(one: Any, known: Collection[str]) -> Asset | SkippedSetting:
    fields: Mapping[str, Any] = one if isinstance(one, dict) else {}
    address = _ADDRESS.fullmatch(str(fields.get("air", "")))
    kind = _KINDS.get(str(fields.get("type") or (address[2] if address else "")).lower(), "")
    weight = fields.get("weight", 1)
    if not kind or type(weight) not in (int, float) or not abs(weight) <= 100:
        return SkippedSetting("Civitai resources", shown(one), "this kind of file is not used here")
    if kind in known:
        return SkippedSetting("Civitai resources", shown(one), "the text names its files elsewhere")
    return Asset(kind, _name(fields, address), (), float(weight))


def _name(fields: Mapping[str, Any], address: re.Match[str] | None) -> str:
    """The resource's name on Civitai, with the version's number."""
    version = fields.get("modelVersionId") or (address[4] if address else "")
    words = [fields.get("modelName"), fields.get("modelVersionName") or fields.get("versionName")]
    number = f"(Civitai's version {version})" if version else ""
    return shown(" ".join(filter(None, [*(word for word in words if isinstance(word, str)), number])))[:200]


def _is_flux(one: Any) -> bool:
    fields = one if isinstance(one, dict) else {}
    return any("flux" in str(fields.get(key, "")).lower() for key in ("air", "modelName", "baseModel"))
