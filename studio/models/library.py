"""Models by name: those that came with the studio, those that were added, and any by its path."""

from dataclasses import replace
from pathlib import Path

from studio.config import shipped
from studio.errors import InputError, ModelError
from studio.files.untrusted import exists
from studio.models import external_dirs, registry
from studio.models.card import ModelCard, changed
from studio.models.registry import Entry
from studio.plugins import unknown


def names() -> list[str]:
    """The models that are here: first those that came with the studio."""
    return list(paths())


def paths() -> dict[str, Path]:
    """Where the models lie, by their names, in the order of ``names``; none is read whole."""
    lying = _elsewhere()
    models = external_dirs.models(lying.values()) if lying else set()
    own = {name: shipped("assets") / name for name in _own()}
    added = {name: file for name, file in lying.items() if file in models}
    added |= {name: entry.path for name, entry in registry.read().models.items()}
    return own | {name: added[name] for name in sorted(added.keys() - own.keys())}


def find(ref: str) -> ModelCard:
    """The card of the model ``ref``: a name, a diffusers folder or a weight file.

    Raises InputError for an unknown name, ModelError where there is no known model in the folder or file.
    """
    if ref in _own():
        return ModelCard.read(shipped("assets") / ref)
    if entry := registry.read().models.get(ref):
        return _added(ref, entry)
    if file := _elsewhere().get(ref):
        return replace(ModelCard.read(file), name=ref)
    path = Path(ref)
    if exists(path):
        return ModelCard.read(path)
    raise InputError(f"{unknown('model', ref, names())}, or give the folder or file of a model")


def _own() -> list[str]:
    return sorted(index.parent.name for index in shipped("assets").glob("*/model_index.json"))


def _added(name: str, entry: Entry) -> ModelCard:
    if not exists(entry.path):
        raise ModelError(
            f"the model '{name}' is no longer at '{entry.path}'; bring it back, or: studio models remove {name}"
        )
    for problem in entry.lying.problems(entry.pins):
        raise changed(name, problem)
    card = ModelCard.read(entry.path, entry.base, entry.parts)
    claimed = entry.origin.licence if entry.origin else card.licence
    return replace(card, name=name, pins=entry.pins, licence=claimed)


def _elsewhere() -> dict[str, Path]:
    """The files in the folders of other programs, models or not; of one name, that in the folder added first."""
    found: dict[str, Path] = {}
    for folder in registry.read().folders:
        found = external_dirs.files(folder) | found
    return found
