"""The metadata of a merged, extracted or resized file: what it was made from, and the licences claimed for that.

Keys: ModelSpec 1.0.1 (https://github.com/Stability-AI/ModelSpec). ``studio.made_from`` has the same with all hashes, as
JSON. Only licences that the owners claim are listed; where an owner claims none it is "unknown", never free.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import yaml

from studio.families import Family
from studio.lora.library import base_model
from studio.lora.library.card import LoraCard
from studio.model_files.header import Header
from studio.models.card import ModelCard
from studio.version import VERSION

MADE_FROM: Final = "studio.made_from"


@dataclass(frozen=True)
class MergeSource:
    """A file that another was made from. ``weight`` is as the user wrote it, "" where it does not apply."""

    name: str
    sha256: str
    weight: str
    licences: tuple[str, ...]

    @property
    def licence(self) -> str:
        return " / ".join(self.licences) or "unknown"

    @classmethod
    def of_lora(cls, card: LoraCard, sha256: str, weight: str = "") -> "MergeSource":
        return cls(card.name, sha256, weight, tuple(dict.fromkeys(claim.text for claim in card.licence)))

    @classmethod
    def of_model(cls, card: ModelCard) -> "MergeSource":
        claimed = () if card.licence == "unknown" else (card.licence,)
        return cls(card.name, card.sha256(), "", claimed)


def merge_metadata(
    title: str, architecture: str, sources: Sequence[MergeSource], triggers: Sequence[str] = ()
) -> dict[str, str]:
    """The metadata of a file made from ``sources``, without its hash, and without a time so that it is reproducible."""
    named = [f"{source.name}:{source.weight}".rstrip(":") for source in sources]
    metadata = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture,
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": title,
        "modelspec.description": f"Made from {', '.join(named)} by the studio {VERSION}",
        "modelspec.merged_from": ", ".join(named),
        "modelspec.license": _licences(sources),
        "modelspec.trigger_phrase": ", ".join(dict.fromkeys(triggers)),
        MADE_FROM: json.dumps([asdict(source) for source in sources]),
    }
    return {key: text for key, text in metadata.items() if text}


def write_card(model: ModelCard, folder: Path, metadata: Mapping[str, str]) -> None:
    """Write a README.md for the merged copy of a model's folder; the model's own is kept beside it, as BASE.md."""
    card = folder / "README.md"
    if card.exists():
        card.rename(folder / "BASE.md")
    head = {
        "license": metadata["modelspec.license"],
        "base_model": model.name,
        "base_model_relation": "merge",
        "steps": model.defaults.steps,
        "guidance": model.defaults.guidance,
    }
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    card.write_text(f"---\n{text}---\n\n# {folder.name}\n\n{metadata['modelspec.description']}.\n", "utf-8")


def architecture(family: Family, file: Path | None = None) -> str:
    """The architecture that a model's file names in its metadata, else what the family is called."""
    named = Header.read(file).metadata.get("modelspec.architecture", "") if file else ""
    return named.removesuffix("/lora") or next(iter(family.detection.aliases), family.name)


def lora_architecture(card: LoraCard) -> str:
    """The architecture that a LoRA names or that its tensors show; "" where it is unknown."""
    families = base_model.families()
    base = architecture(families[card.family], card.path) if card.family in families else card.base
    return f"{base.removesuffix('/lora')}/lora" if base else ""


def _licences(sources: Sequence[MergeSource]) -> str:
    """The licence that all claim, or each with its owner's name."""
    if len({source.licence for source in sources}) == 1:
        return sources[0].licence
    return "; ".join(f"{source.licence} ({source.name})" for source in sources)
