"""A few changes that stand for all of a LoRA's: enough to say at once of hundreds of LoRAs which fit a model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from studio.errors import ModelError
from studio.families import Shape
from studio.lora.formats.file import Change, LoraFile
from studio.lora.formats.fit import fit
from studio.model_files.hashes import Stamp
from studio.models.card import ModelCard
from studio.models.parameter_index import parameters

_MOST: Final = 32

Kin = tuple[tuple[str, str, tuple[tuple[str, Shape], ...]], ...]
"""Target, form and the tensors' shapes by their roles, of each."""


def of(changes: Iterable[Change]) -> Kin:
    """The first and the last change of each set of shapes, spread over the file where those are many."""
    first, last = dict[object, int](), dict[object, int]()
    every = [(change.target, change.form, tuple(sorted(change.shapes.items()))) for change in changes]
    for place, (_, form, shapes) in enumerate(every):
        first.setdefault((form, shapes), place)
        last[form, shapes] = place
    places = sorted({*first.values(), *last.values()})
    return tuple(every[place] for place in places[:: -(-len(places) // _MOST)])


def lacking(kin: Kin, model: ModelCard) -> str:
    """Why these changes cannot all be made to a model, in one line; "" where they can."""
    stamp = Stamp.of(model.path) if model.path.exists() else None
    return _lacking(kin, _Model(model.path, stamp, model.base, tuple(model.parts.values()), model))


@dataclass(frozen=True)
class _Model:
    """A model, known again by where its file, its base and its other parts lie."""

    path: Path
    stamp: Stamp | None
    base: Path | None
    parts: tuple[Path, ...]
    card: ModelCard = field(compare=False)


@lru_cache(maxsize=4)
def _parameters(model: _Model) -> dict[str, dict[str, Shape]]:
    return parameters(model.card)


@lru_cache(maxsize=4096)
def _lacking(kin: Kin, model: _Model) -> str:
    changes = (Change(target, form, {role: role for role, _ in shapes}, dict(shapes)) for target, form, shapes in kin)
    try:
        found = fit(LoraFile(Path(), {}, tuple(changes)), _parameters(model), model.card.family)
    except ModelError as error:
        return str(error)
    if found.share == 1:
        return ""
    if found.share > 0:
        return f"fits {model.card.name} only in part"
    what = "matrices of other sizes" if found.misshaped else "other modules"
    return f"made for a model with {what} than {model.card.name} has"
