"""What is known of a LoRA, in plain words for people and as plain data for programs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from studio.lora.library import base_model
from studio.lora.library.card import LoraCard
from studio.lora.library.hashes import Digests
from studio.model_files.hash_cache import HashCache
from studio.models.model_summary import gigabytes

_SHOWN: Final = ("title", "base", "weight", "trigger", "author", "licence", "description")
_SHORT: Final = 300  # letters of a description on a screen
_TAGS: Final = 12


def line(card: LoraCard) -> str:
    """A LoRA in a line of a list."""
    weight = f"weight {card.weight:g}" if card.weight != 1 else ""
    triggers = f"say: {', '.join(card.triggers)[:60]}" if card.triggers else ""
    size = gigabytes(card.path.stat().st_size)
    return ", ".join(filter(None, (family(card), size, weight, triggers)))


def about(card: LoraCard, hash_cache: HashCache) -> Iterator[tuple[str, str]]:
    """Pairs of what and how, each claim with where it was found; reads the whole file for its hashes."""
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
    """A LoRA in a list for programs."""
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
    """All that is known for programs; claims are grouped by what they are about."""
    digests = Digests.of(card.path, hash_cache)
    claims = defaultdict(list)
    for claim in card.claims:
        claims[claim.what].append({"text": claim.text, "source": claim.source})
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
    """Each claim once, with all who make it; of a licence where nobody claims any."""
    said: dict[tuple[str, str], list[str]] = {}
    tags = dict(card.tags)
    for claim in sorted(card.claims, key=lambda claim: _SHOWN.index(claim.what)):
        said.setdefault((claim.what, claim.text), []).append(claim.source)
    for (what, text), sources in said.items():
        shown = text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
        often = f", in {tags[text]} captions" if what == "trigger" and text in tags else ""
        yield what, f"{shown} ({', '.join(dict.fromkeys(sources))}{often})"
    if not card.licence:
        yield "licence", "unknown: nobody says"
    if len({claim.text for claim in card.licence}) > 1:
        yield "note", "what is said of its licence differs; until that is cleared up, go by the strictest"


def _hashes(digests: Digests) -> Iterator[tuple[str, str]]:
    yield "SHA-256", f"{digests.file} (AutoV2 {digests.autov2})"
    yield "tensors", f"{digests.tensors} (AutoV3 {digests.autov3})"
    yield from (("note", wrong) for wrong in digests.wrong)
