"""Reads the models, LoRAs and other files in A1111's text, with weights and hashes (A1111 calls LoRAs "extra
networks").

LoRAs are tags in the prompt: ``<lora:NAME:WEIGHT>``, ``<lora:NAME:TEXT:UNET>``, ``<lora:NAME:te=0.5:unet=0.8>``
(A1111's ``extensions-builtin/Lora/extra_networks_lora.py``). Their hashes are under "Lora hashes", and those of all
files as JSON under "Hashes".
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from studio.errors import InputError
from studio.imports import civitai
from studio.imports.imported_settings import Asset, SkippedSetting
from studio.imports.settings_mapping import shown

_TAG: Final = re.compile(r"<(lora|lyco|hypernet):([^<>:\n]{1,200})((?::[^<>:\n]{0,40}){0,8})>")
_NUMBER: Final = re.compile(r"\s*[+-]?(\d{1,9}\.?\d{0,9}|\.\d{1,9})\s*")
_HEX: Final = re.compile(r"[0-9a-f]{8,64}")
_MOST_TAGS: Final = 200
_NOTHING: Final = hashlib.sha256().hexdigest()
_LISTED: Final = {"Lora hashes": "lora", "LoRA hashes": "lora", "TI hashes": "embedding"}
_KINDS: Final = {"model": "model", "vae": "vae", "lora": "lora", "lyco": "lora", "embed": "embedding"}
_VAE: Final = re.compile(r"vae|(^|\W)ae(\W|$)", re.IGNORECASE)

Hashes = dict[tuple[str, str], tuple[str, ...]]
"""By kind ("lora", "model" …) and name; the model and the VAE have the name ""."""


@dataclass(frozen=True)
class ExtraNetworks:
    """The prompt without tags, the files, and what was skipped.

    ``civitai`` means that Civitai made the picture, ``flux`` that it used a Flux model.
    """

    prompt: str
    assets: tuple[Asset, ...]
    skipped: tuple[SkippedSetting, ...]
    civitai: bool = False
    flux: bool = False


def read(prompt: str, rest: dict[str, str]) -> ExtraNetworks:
    """Read the files that a prompt and the settings name; what is understood is removed from ``rest``.

    Raises InputError if it names an implausible number of LoRAs.
    """
    skipped = list[SkippedSetting]()
    hashes = _hashes(rest, skipped)
    tags = list(islice(_TAG.finditer(prompt), _MOST_TAGS + 1))
    if len(tags) > _MOST_TAGS:  # each is matched against all local files
        raise InputError(f"the text in the picture names over {_MOST_TAGS} LoRAs; it cannot be read")
    loras = [asset for tag in tags for asset in _lora_asset(tag, hashes, skipped)]
    assets = [*_model(rest, hashes), *_vae(rest, hashes), *_modules(rest), *loras, *_embeddings(hashes)]
    resources = civitai.resources(rest, {asset.kind for asset in assets})
    used = {(asset.kind, name) for asset in assets for name in (asset.name, "")}
    strays = (_stray(kind, name, text) for (kind, name), text in hashes.items() if (kind, name) not in used)
    bare = _TAG.sub("", prompt)
    everything = (*skipped, *resources.skipped, *strays)
    return ExtraNetworks(
        bare if bare == prompt else bare.strip(),
        (*assets, *resources.assets),
        everything,
        resources.present,
        resources.flux,
    )


def _stray(kind: str, name: str, text: tuple[str, ...]) -> SkippedSetting:
    return SkippedSetting(
        f"Hashes: {kind} {name}".strip(),
        ", ".join(text),
        "the text does not say that it was used, or with which weight",
    )


def _hashes(rest: dict[str, str], skipped: list[SkippedSetting]) -> Hashes:
    """All hashes in the settings."""
    found: Hashes = {}
    for key, kind, name, as_written in (*_listed(rest), *_objects(rest)):
        text = as_written.strip().lower().removeprefix("0x")
        if not _HEX.fullmatch(text) or _NOTHING.startswith(text):
            why = "it is the hash of an empty file" if _NOTHING.startswith(text) and text else "it is not a hash"
            skipped.append(
                SkippedSetting(key, shown(f"{name or kind}: {text}"), f"{why}, so it does not identify the file")
            )
        else:
            found[kind, name] = tuple(dict.fromkeys((*found.get((kind, name), ()), text)))
    return found


def _listed(rest: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """The key, kind, name and hash of each entry in "name: hash, name: hash"."""
    for key, kind in _LISTED.items():
        for one in filter(None, rest.pop(key, "").split(",")):
            name, _, text = one.rpartition(":")
            yield key, kind, name.strip(), text


def _objects(rest: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """The same for {"model": hash, "lora:name": hash}; unknown kinds are kept as they are."""
    for key, text in civitai.parsed(rest.get("Hashes", ""), dict).items():
        kind, _, name = key.partition(":")
        yield "Hashes", _KINDS.get(kind.lower(), kind), name if kind.lower() not in ("model", "vae") else "", str(text)
    if civitai.parsed(rest.get("Hashes", ""), dict):
        rest.pop("Hashes")


def _model(rest: dict[str, str], hashes: Hashes) -> Iterator[Asset]:
    own = _own(rest, "Model hash", hashes.get(("model", ""), ()))
    if name := rest.pop("Model", "") or next(iter(own), ""):
        yield Asset("model", name, own)


def _vae(rest: dict[str, str], hashes: Hashes) -> Iterator[Asset]:
    if rest.get("VAE") in ("None", "Automatic"):
        return
    own = _own(rest, "VAE hash", hashes.get(("vae", ""), ()))
    if name := rest.pop("VAE", "") or next(iter(own), ""):
        yield Asset("vae", name, own)


def _own(rest: dict[str, str], key: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """The hash under a key, if it is valid, and those given elsewhere."""
    text = rest.get(key, "").strip().lower()
    if not _HEX.fullmatch(text) or _NOTHING.startswith(text):
        return others
    rest.pop(key)
    return tuple(dict.fromkeys((text, *others)))


def _modules(rest: dict[str, str]) -> Iterator[Asset]:
    """A VAE among Forge's additional modules. Text encoders stay in ``rest``."""
    for key in [key for key in rest if re.fullmatch(r"Module \d{1,2}", key) and _VAE.search(rest[key])]:
        yield Asset("vae", rest.pop(key))


def _embeddings(hashes: Hashes) -> Iterator[Asset]:
    return (Asset(kind, name, text) for (kind, name), text in hashes.items() if kind == "embedding")


def _lora_asset(tag: re.Match[str], hashes: Hashes, skipped: list[SkippedSetting]) -> Iterator[Asset]:
    """The LoRA of a tag; parts that cannot be used are skipped."""
    kind, name, arguments = tag[1], tag[2].strip(), tag[3].split(":")[1:]
    named = dict(one.split("=", 1) for one in arguments if "=" in one)
    plain = [one for one in arguments if "=" not in one]
    text = named.pop("te", plain[0] if plain else "1")
    unet = named.pop("unet", plain[1] if plain[1:] else text)
    if kind == "hypernet" or not _NUMBER.fullmatch(text) or not _NUMBER.fullmatch(unet):
        why = "hypernetworks are not used here" if kind == "hypernet" else "its weight is not a number"
        skipped.append(SkippedSetting("Prompt", tag[0], why))
        return
    if named or plain[2:]:
        skipped.append(SkippedSetting("Prompt", tag[0], "only the name and the weights of this LoRA are used"))
    same = float(text) == float(unet)
    yield Asset("lora", name, hashes.get(("lora", name), ()), float(unet), None if same else float(text))
