"""A LoRA's card as text for people and as JSON data for programs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from studio.lora.library import base_model
from studio.lora.library.card import LoraCard
from studio.lora.library.hashes import Digests
from studio.model_files.hash_cache import HashCache
from studio.models.model_summary import gigabytes

_SHOWN: Final = ("title", "base", "weight", "trigger", "author", "licence", "description")
_SHORT: Final = 300  # characters of a description on a screen
_TAGS: Final = 12


def line(card: LoraCard) -> str:
    """One line for a list of LoRAs."""
    weight = f"weight {card.weight:g}" if card.weight != 1 else ""
    triggers = f"say: {', '.join(card.triggers)[:60]}" if card.triggers else ""
    size = gigabytes(card.path.stat().st_size)
    return ", ".join(filter(None, (family(card), size, weight, triggers)))


def about(card: LoraCard, hash_cache: HashCache) -> Iterator[tuple[str, str]]:
    """Pairs of label and text, each claim with its sources; reads the whole file for its hashes."""
    yield "LoRA", card.name
    yield "path", str(card.path)
    yield "family", family(card)
    yield from _claimed(card)
    if card.tags:
        yield "tags", ", ".join(f"{word} ({times})" for word, times in card.tags[:_TAGS])
    if card.preview:
        yield "preview", str(card.preview)
    yield from _hashes(Digests.of(card.path, hash_cache))
    yield from (("note", note) for note in card.notes)


def brief(card: LoraCard) -> dict[str, Any]:
    """One entry of a list of LoRAs, as JSON data."""
    return {
        "name": card.name,
        "path": str(card.path),
        "family": card.family,
        "title": card.title,
        "base": card.base,
        "weight": card.weight,
        "triggers": list(card.triggers),
        "preview": str(card.preview) if card.preview else None,
    }


def data(card: LoraCard, hash_cache: HashCache) -> dict[str, Any]:
    """Everything that is known, as JSON data; claims are grouped by field."""
    digests = Digests.of(card.path, hash_cache)
    claims = defaultdict(list)
    for claim in card.claims:
        claims[claim.field].append({"text": claim.text, "source": claim.source})
    return brief(card) | {
        "claims": claims,
        "tags": dict(card.tags),
        "sha256": digests.file,
        "tensors_sha256": digests.tensors,
        "autov2": digests.autov2,
        "autov3": digests.autov3,
        "notes": [*card.notes, *digests.wrong],
    }


def family(card: LoraCard) -> str:
    """The title of the family it was made for."""
    return base_model.title(card.family) if card.family else "family unknown"


def _claimed(card: LoraCard) -> Iterator[tuple[str, str]]:
    """Each claim once, with all its sources, and a line where nobody claims a licence."""
    sources_of: dict[tuple[str, str], list[str]] = {}
    tags = dict(card.tags)
    for claim in sorted(card.claims, key=lambda claim: _SHOWN.index(claim.field)):
        sources_of.setdefault((claim.field, claim.text), []).append(claim.source)
    for (what, text), sources in sources_of.items():
        shown = text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
        often = f", in {tags[text]} captions" if what == "trigger" and text in tags else ""
        yield what, f"{shown} ({', '.join(dict.fromkeys(sources))}{often})"
    if not card.licence:
        yield "licence", "unknown"
    if len({claim.text for claim in card.licence}) > 1:
        yield "note", "the claims about its licence differ; until that is cleared up, follow the strictest"


def _hashes(digests: Digests) -> Iterator[tuple[str, str]]:
    yield "SHA-256", f"{digests.file} (AutoV2 {digests.autov2})"
    yield "tensors", f"{digests.tensors} (AutoV3 {digests.autov3})"
    yield from (("note", wrong) for wrong in digests.wrong)
