"""LoRAs merged into a checkpoint: the same model again, each changed parameter as it would be worn.

Nothing is loaded. The files are copied, byte for byte but for their metadata, and each parameter is written over itself
in the copy: computed in float32 and rounded to the file's precision, as ``worn`` does it.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError, ModelError
from studio.files.atomic_write import new_path
from studio.lora.library.lora_index import LoraIndex
from studio.lora.patcher import Key
from studio.lora.tools import lora_inputs
from studio.lora.tools.lora_inputs import Gathered
from studio.lora.tools.lora_writer import Watch, check_name
from studio.lora.tools.merge_metadata import Source, architecture, label, write_card
from studio.lora.tools.metadata_rewrite import relabelled, seal
from studio.model_files.header import Header
from studio.models import folder
from studio.models.card import ModelCard
from studio.prompts.lora import Lora
from studio.tensors import reading
from studio.tensors.finite import finite
from studio.tensors.hardware import pick_device

if TYPE_CHECKING:
    from torch import Tensor

_EXACT: Final = {"F64", "F32", "F16", "BF16"}


@dataclass(frozen=True)
class Merged:
    """A checkpoint that was written: parameters changed, words that the LoRAs had learned and that are not in it, and
    files of the model that were left behind since they hold the weights as they were.
    """

    changed: int
    words: tuple[str, ...]
    left: tuple[str, ...]


def merge(card: ModelCard, loras: Sequence[Lora], index: LoraIndex, out: Path, watch: Watch) -> Merged:
    """Write the model with the LoRAs in it to ``out``, a new folder or file as the model is one.

    Raises InputError where a LoRA does not fit, changes what the model's files do not hold, or ``out`` is there;
    ModelError where a model's weights are rounded too much to be changed, or would become too large.
    """
    if card.weights:
        check_name(out)
    found = lora_inputs.of_model(card, loras, index)
    _check(card, found)
    told = label(out.stem, _architecture(card), [Source.of_model(card), *found.sources])
    changed = {found.spots[key].file for key in found.worn}
    with new_path(out) as begun:
        copies, left = _copied(card, changed, begun, told)
        if begun.is_dir():
            write_card(card, begun, told)
        headers = {file: Header.read(copy) for file, copy in copies.items()}
        for done, key in enumerate(found.worn):
            reading.write(headers[found.spots[key].file], found.spots[key], _merged(found, key))
            watch(done + 1, len(found.worn))
        for copy in copies.values():
            seal(copy)
    return Merged(len(found.worn), found.words, left)


def _architecture(card: ModelCard) -> str:
    return architecture(card.family, card.path if card.weights else None)


def _merged(found: Gathered, key: Key) -> "Tensor":
    import torch

    own = found.own(key)
    made = own.to(pick_device(), torch.float32)
    for piece, strength in found.worn[key]:
        piece.add(made, strength, found.own)
    if not finite(rounded := made.to(own.dtype)):
        raise ModelError(f"'{'.'.join(key)}' would hold what is no number in the model's precision; lower the weights")
    return rounded


def _check(card: ModelCard, found: Gathered) -> None:
    """Raise where a parameter that is changed is not in the model's own files, or is rounded."""
    if not found.worn:
        raise InputError("with these weights the LoRAs change nothing; give some above 0")
    for key in found.worn:
        spot = found.spots[key]
        if card.weights and spot.file != card.path:
            raise InputError(
                f"'{card.path.name}' has no {key[0].replace('_', ' ')}, which the LoRAs change; leave that part out "
                "with NAME:WEIGHT:text=0, or merge into a whole model"
            )
        if spot.dtype not in _EXACT or spot.file.suffix == ".gguf":
            raise ModelError(
                f"'{spot.file}' is rounded to {spot.dtype}, which takes no LoRA; merge into the model it is of"
            )


def _copied(
    card: ModelCard, changed: set[Path], begun: Path, told: Mapping[str, str]
) -> tuple[dict[Path, Path], tuple[str, ...]]:
    """Copy the model; returns the copies of the files to be changed, by the originals, and what was left behind."""
    if card.weights:
        relabelled(card.path, begun, told)
        return {card.path: begun}, ()
    stale = _stale(card.path, {file.parent for file in changed})
    shutil.copytree(card.path, begun, ignore=lambda place, names: _but(Path(place), names, changed | stale))
    copies = {file: begun / file.relative_to(card.path) for file in changed}
    for file, copy in copies.items():
        relabelled(file, copy, told)
    return copies, tuple(sorted(str(file.relative_to(card.path)) for file in stale))


def _stale(path: Path, components: set[Path]) -> set[Path]:
    """The weights as they were: of another precision or format beside those that are changed, or of the whole model."""
    kept = {file for component in components for file in folder.weight_files(component)}
    lying = {file for place in (path, *components) for file in place.iterdir()}
    return {file for file in lying - kept if file.suffix in {".safetensors", *folder.PICKLES}}


def _but(place: Path, names: list[str], without: set[Path]) -> list[str]:
    return [name for name in names if place / name in without]
