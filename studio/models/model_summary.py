"""A model's card as text."""

from collections.abc import Iterator

from studio.files.untrusted import is_folder
from studio.model_files.header import Header
from studio.models import component_configs, folder, separate
from studio.models.card import ModelCard
from studio.models.checkpoint import PARTS
from studio.models.model_index import ModelIndex

_PREDICTS = {
    "epsilon": "noise (epsilon)",
    "v": "v",
    "v, zero terminal SNR": "v, with zero terminal SNR",
    "flow": "flow",
}


def about(card: ModelCard, models: ModelIndex) -> Iterator[tuple[str, str]]:
    """Pairs of label and text; reads headers, and all of the files that are not pinned."""
    entry = models.registry.read().models.get(card.name)
    yield "model", card.name
    yield "path", str(card.path)
    yield "family", card.family.title
    yield "predicts", _PREDICTS.get(card.prediction, card.prediction)
    yield "size", f"{card.size.width}×{card.size.height}"
    yield "weights", f"{gigabytes(card.bytes())}, mostly {precision(card)}"
    yield "parts", _parts(card)
    if card.weights and card.base and is_folder(card.base):
        yield "base", str(card.base)
    yield "licence", f"{card.licence} (claimed)" if card.licence != "unknown" else "unknown"
    if entry and entry.origin:
        yield "from", f"{entry.origin.host}: {entry.origin.repository}, commit {entry.origin.commit}"
    yield "SHA-256", card.sha256()
    yield from (("note", note) for note in card.notes)


def gigabytes(size: int) -> str:
    """A size in a suitable unit: "6.94 GB", "3.1 MB", "48 kB"."""
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
    beside = [f"{separate.component_title(name)} ({file})" for name, file in card.placed().items()]
    return f"{', '.join(has + beside)}{_rest(card)}"


def _rest(card: ModelCard) -> str:
    """Where the components that the files do not have come from."""
    if lacks := card.lacks():
        return f"; no {' and no '.join(lacks)} (add it with --base and a diffusers folder of {card.family.title}" + (
            f"{component_configs.such_as(card.family)})"
        )
    kinds = {separate.kind_of(name) for name in card.placed()}
    from_base = [part for part in (card.weights.lacks if card.weights else ()) if part not in kinds]
    return f"; no {' and no '.join(from_base)} (taken from '{card.base}')" if from_base else ""
