"""Models by name: those that came with the studio, and any diffusers folder by its path."""

from pathlib import Path

from studio.config import shipped
from studio.errors import InputError
from studio.models.card import ModelCard
from studio.plugins import unknown


def names() -> list[str]:
    """The models that are here."""
    return sorted(index.parent.name for index in shipped("assets").glob("*/model_index.json"))


def find(ref: str) -> ModelCard:
    """The card of the model ``ref``, a name or a folder.

    Raises InputError for an unknown name, ModelError for a folder that holds no known model.
    """
    if ref in names():
        return ModelCard.read(shipped("assets") / ref)
    folder = Path(ref)
    if folder.is_dir():
        return ModelCard.read(folder)
    raise InputError(f"{unknown('model', ref, names())}, or give the folder of a model")
