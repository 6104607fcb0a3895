"""What a merged, extracted or resized file says of itself: what it was made from, and whose licences are claimed.

Keys: ModelSpec 1.0.1 (https://github.com/Stability-AI/ModelSpec). ``studio.made_from`` has the same with all hashes, as
JSON. Nothing is said of licences but what their owners claim; who claims nothing is "unknown", never free.
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
class Source:
    """One thing that a file was made from. ``weight`` is how it was asked for, "" where that has no meaning."""

    name: str
    sha256: str
    weight: str
    licences: tuple[str, ...]

    @property
    def licence(self) -> str:
        return " / ".join(self.licences) or "unknown"

    @classmethod
    def of_lora(cls, card: LoraCard, sha256: str, weight: str = "") -> "Source":
        return cls(card.name, sha256, weight, tuple(dict.fromkeys(claim.text for claim in card.licence)))

    @classmethod
    def of_model(cls, card: ModelCard) -> "Source":
        claimed = () if card.licence == "unknown" else (card.licence,)
        return cls(card.name, card.sha256(), "", claimed)


def label(title: str, architecture: str, sources: Sequence[Source], triggers: Sequence[str] = ()) -> dict[str, str]:
    """The metadata of a file made from ``sources``, without its hash; no time, so that the same makes the same."""
    named = [f"{source.name}:{source.weight}".rstrip(":") for source in sources]
    told = {
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
    return {key: text for key, text in told.items() if text}


def write_card(model: ModelCard, folder: Path, told: Mapping[str, str]) -> None:
    """Give the merged copy of a model's folder a card of its own; the model's stays beside it, as BASE.md."""
    card = folder / "README.md"
    if card.exists():
        card.rename(folder / "BASE.md")
    head = {
        "license": told["modelspec.license"],
        "base_model": model.name,
        "base_model_relation": "merge",
        "steps": model.defaults.steps,
        "guidance": model.defaults.guidance,
    }
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    card.write_text(f"---\n{text}---\n\n# {folder.name}\n\n{told['modelspec.description']}.\n", "utf-8")


def architecture(family: Family, file: Path | None = None) -> str:
    """What a model's file says its architecture is, else what the family is called."""
    said = Header.read(file).metadata.get("modelspec.architecture", "") if file else ""
    return said.removesuffix("/lora") or next(iter(family.detection.aliases), family.name)


def of_lora(card: LoraCard) -> str:
    """What a LoRA says its architecture is, or that it shows; "" where nothing tells."""
    families = base_model.families()
    about = architecture(families[card.family], card.path) if card.family in families else card.base
    return f"{about.removesuffix('/lora')}/lora" if about else ""


def _licences(sources: Sequence[Source]) -> str:
    """The one that all claim, or each with its owner's name."""
    if len({source.licence for source in sources}) == 1:
        return sources[0].licence
    return "; ".join(f"{source.licence} ({source.name})" for source in sources)
