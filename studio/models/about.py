"""What is known of a model, in plain words."""

from collections.abc import Iterator

from studio.models import bases, folder, registry
from studio.models.card import ModelCard
from studio.models.checkpoint import PARTS
from studio.models.header import Header
from studio.untrusted.files import is_folder

_PREDICTS = {
    "epsilon": "noise (epsilon)",
    "v": "v",
    "v, zero terminal SNR": "v, with zero terminal SNR",
    "flow": "flow",
}


def about(card: ModelCard) -> Iterator[tuple[str, str]]:
    """Pairs of what and how; reads headers, and the whole of files that are not pinned."""
    entry = registry.read().models.get(card.name)
    yield "model", card.name
    yield "path", str(card.path)
    yield "family", card.family.title
    yield "predicts", _PREDICTS.get(card.prediction, card.prediction)
    yield "size", f"{card.size.width}×{card.size.height}"
    yield "weights", f"{gigabytes(sum(file.stat().st_size for file in card.files()))}, mostly {precision(card)}"
    yield "parts", _parts(card)
    yield "licence", f"{card.licence} (claimed)" if card.licence != "unknown" else "unknown"
    if entry and entry.origin:
        yield "from", f"{entry.origin.host}: {entry.origin.repository}, commit {entry.origin.commit}"
    yield "SHA-256", card.sha256()
    yield from (("note", note) for note in card.notes)


def gigabytes(size: int) -> str:
    """A size in the unit that suits it: "6.94 GB", "3.1 MB", "48 kB"."""
    if size >= 1e9:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def precision(card: ModelCard) -> str:
    """The dtype of most of the denoiser."""
    if card.weights:
        return card.weights.precision
    files = [file for part in ("unet", "transformer") for file in folder.weight_files(card.path / part)]
    return Header.read(files[0]).precision if files else "unknown"


def _parts(card: ModelCard) -> str:
    if not card.weights:
        return ", ".join(folder.components(card.path))
    has = ["denoiser", *(part for part in PARTS if part not in card.weights.lacks)]
    if not card.weights.lacks:
        return ", ".join(has)
    lacks = " and no ".join(card.weights.lacks)
    return f"{', '.join(has)}; no {lacks}{_mend(card)}"


def _mend(card: ModelCard) -> str:
    if card.base and is_folder(card.base):
        return f" (taken from '{card.base}')"
    return f" (add it with --base and a diffusers folder of {card.family.title}{bases.such_as(card.family)})"
