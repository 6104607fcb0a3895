"""A sample of a LoRA's layers that is enough to tell quickly which of hundreds of LoRAs fit a model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from studio.errors import ModelError
from studio.families import Shape
from studio.lora.formats.file import LoraFile, LoraLayer
from studio.lora.formats.fit import fit
from studio.model_files.hashes import Stamp
from studio.models.card import ModelCard
from studio.models.parameter_index import parameters

_MOST: Final = 32

FitProbe = tuple[tuple[str, str, tuple[tuple[str, Shape], ...]], ...]
"""Of each layer: target, algorithm, and the tensors' shapes by kind."""


def sample(layers: Iterable[LoraLayer]) -> FitProbe:
    """The first and the last layer of each set of shapes; of many, some spread over the file."""
    first, last = dict[object, int](), dict[object, int]()
    every = [(layer.target, layer.algorithm, tuple(sorted(layer.shapes.items()))) for layer in layers]
    for place, (_, algorithm, shapes) in enumerate(every):
        first.setdefault((algorithm, shapes), place)
        last[algorithm, shapes] = place
    places = sorted({*first.values(), *last.values()})
    return tuple(every[place] for place in places[:: -(-len(places) // _MOST)])


def mismatch(probe: FitProbe, model: ModelCard) -> str:
    """Why these layers cannot all be applied to a model, in one line; "" where they can."""
    stamp = Stamp.of(model.path) if model.path.exists() else None
    return _mismatch(probe, _ProbedModel(model.path, stamp, model.base, tuple(model.parts.values()), model))


@dataclass(frozen=True)
class _ProbedModel:
    """A model, identified by the paths of its file, its base and its other components."""

    path: Path
    stamp: Stamp | None
    base: Path | None
    parts: tuple[Path, ...]
    card: ModelCard = field(compare=False)


@lru_cache(maxsize=4)
def _parameters(model: _ProbedModel) -> dict[str, dict[str, Shape]]:
    return parameters(model.card)


@lru_cache(maxsize=4096)
def _mismatch(probe: FitProbe, model: _ProbedModel) -> str:
    layers = (
        LoraLayer(target, algorithm, {kind: kind for kind, _ in shapes}, dict(shapes))
        for target, algorithm, shapes in probe
    )
    try:
        found = fit(LoraFile(Path(), {}, tuple(layers)), _parameters(model), model.card.family)
    except ModelError as error:
        return str(error)
    if found.share == 1:
        return ""
    if found.share > 0:
        return f"fits {model.card.name} only in part"
    what = "matrices of other sizes" if found.mismatched else "other modules"
    return f"made for a model with {what} than {model.card.name} has"
