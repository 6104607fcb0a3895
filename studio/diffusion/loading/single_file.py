"""Loads a model from a single weight file; missing components come from its base. Nothing is looked up online."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from studio.diffusion.loading import components, denoiser
from studio.errors import ModelError, OutputError
from studio.model_files.configuration import read_json
from studio.models import component_configs, folder
from studio.models.card import ModelCard

if TYPE_CHECKING:
    import torch


def load(card: ModelCard, kind: Any, dtype: "torch.dtype", more: Mapping[str, Any]) -> Any:
    """The diffusers pipeline of class ``kind`` with the file's weights, in main memory; ``more`` are extra arguments.

    The denoiser is the file's; VAE and text encoders come from separate files, else the file, else the base. Raises
    ModelError that names what none of them has.
    """
    base, how = _base(card), {"dtype": dtype, "local_files_only": True}
    if base.is_dir():
        return _assemble(card, base, kind, how, more)
    with TemporaryDirectory() as laid:
        _lay_out(base, card.variant, Path(laid))
        return _assemble(card, Path(laid), kind, how, more)


def _lay_out(base: Path, variant: str, out: Path) -> None:
    try:
        component_configs.lay_out(base, variant, out)
    except OSError as error:
        raise OutputError(f"cannot write to '{out.parent}': {error.strerror or error}; make room there") from None


def _assemble(card: ModelCard, base: Path, kind: Any, how: dict[str, Any], more: Mapping[str, Any]) -> Any:
    own = {denoiser.name_in(base): denoiser.build(card, base, how["dtype"])}
    own |= components.build(card, base, how["dtype"])
    own |= {"scheduler": _scheduler(card, base)} | _from_base(card, base, how, {*own, *more})
    return kind.from_pretrained(base, use_safetensors=True, **how, **own, **more)


def _base(card: ModelCard) -> Path:
    lacks = card.lacks()
    if card.base is None or lacks:
        raise ModelError(component_configs.wanted(card.name, card.path, card.family, lacks))
    if card.base.is_dir():
        folder.check(card.base)
    return card.base


def _scheduler(card: ModelCard, base: Path) -> Any:
    """The base's scheduler, set to what the file's denoiser predicts."""
    config = read_json(base / "scheduler" / "scheduler_config.json") | component_configs.PREDICTIONS[card.prediction]
    return denoiser.class_of(*folder.components(base)["scheduler"]).from_config(config)


def _from_base(card: ModelCard, base: Path, how: dict[str, Any], there: set[str]) -> dict[str, Any]:
    """The components that the file lacks, loaded from the base, each in the precision of its files."""
    found = {}
    for name, (library, kind) in folder.components(base).items():
        if name in there or not (base / name / "config.json").is_file():
            continue
        if not folder.weight_files(base / name):
            raise ModelError(component_configs.wanted(card.name, card.path, card.family, (name.replace("_", " "),)))
        which = folder.variant(base / name)
        loaded = denoiser.class_of(library, kind).from_pretrained(
            base / name, use_safetensors=True, variant=which, **how
        )
        found[name] = loaded
    return found
