"""LoRAs merged into a checkpoint: a copy of the model in which each changed parameter is as the patcher makes it.

The model is not loaded. Its files are copied, byte for byte except for their metadata, and each parameter is
overwritten in the copy: computed in float32 and rounded to the file's dtype.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError, ModelError
from studio.files.atomic_write import new_path
from studio.lora.library.lora_index import LoraIndex
from studio.lora.patcher import ParameterKey
from studio.lora.tools import lora_inputs
from studio.lora.tools.lora_inputs import LoraInputs
from studio.lora.tools.lora_writer import ReportProgress, check_name
from studio.lora.tools.merge_metadata import MergeSource, architecture, merge_metadata, write_card
from studio.lora.tools.metadata_rewrite import copy_with_metadata, write_hash
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
class MergedCheckpoint:
    """A checkpoint that was written.

    ``changed`` counts the parameters. ``words`` are the LoRAs' embeddings, which are not included; ``left`` are files
    of the model that were not copied because they hold the weights without the LoRAs.
    """

    changed: int
    words: tuple[str, ...]
    left: tuple[str, ...]


def merge(
    card: ModelCard, loras: Sequence[Lora], index: LoraIndex, out: Path, report: ReportProgress
) -> MergedCheckpoint:
    """Write the model with the LoRAs merged to ``out``, a new folder or file like the model.

    Raises InputError where a LoRA does not fit, changes what the model's files do not hold, or ``out`` exists;
    ModelError where a model's weights are quantised, or would become too large for their dtype.
    """
    if card.weights:
        check_name(out)
    inputs = lora_inputs.for_model(card, loras, index)
    _check(card, inputs)
    of_model = architecture(card.family, card.path if card.weights else None)
    metadata = merge_metadata(out.stem, of_model, [MergeSource.of_model(card), *inputs.sources])
    changed = {inputs.locations[key].file for key in inputs.patches}
    with new_path(out) as partial:
        copies, left = _copied(card, changed, partial, metadata)
        if partial.is_dir():
            write_card(card, partial, metadata)
        headers = {file: Header.read(copy) for file, copy in copies.items()}
        for done, key in enumerate(inputs.patches):
            location = inputs.locations[key]
            reading.write(headers[location.file], location, _merged(inputs, key))
            report(done + 1, len(inputs.patches))
        for copy in copies.values():
            write_hash(copy)
    return MergedCheckpoint(len(inputs.patches), inputs.words, left)


def _merged(inputs: LoraInputs, key: ParameterKey) -> "Tensor":
    import torch

    original = inputs.original(key)
    value = original.to(pick_device(), torch.float32)
    for patch, strength in inputs.patches[key]:
        patch.add_to(value, strength, inputs.original)
    if not finite(rounded := value.to(original.dtype)):
        raise ModelError(f"'{'.'.join(key)}' would not be a number in the model's dtype; lower the weights")
    return rounded


def _check(card: ModelCard, inputs: LoraInputs) -> None:
    """Raise where a parameter that is changed is not in the model's own files, or is quantised."""
    if not inputs.patches:
        raise InputError("with these weights the LoRAs change nothing; give some above 0")
    for key in inputs.patches:
        location = inputs.locations[key]
        if card.weights and location.file != card.path:
            raise InputError(
                f"'{card.path.name}' has no {key[0].replace('_', ' ')}, which the LoRAs change; leave it out with "
                "NAME:WEIGHT:text=0, or merge into a whole model"
            )
        if location.dtype not in _EXACT or location.file.suffix == ".gguf":
            raise ModelError(
                f"'{location.file}' is rounded to {location.dtype}, so LoRAs cannot be merged into it; merge into the "
                "model that it was made from"
            )


def _copied(
    card: ModelCard, changed: set[Path], out: Path, metadata: Mapping[str, str]
) -> tuple[dict[Path, Path], tuple[str, ...]]:
    """Copy the model; returns the copies of the files to be changed, by the originals, and the files left behind."""
    if card.weights:
        copy_with_metadata(card.path, out, metadata)
        return {card.path: out}, ()
    stale = _stale(card.path, {file.parent for file in changed})
    left_out = changed | stale
    shutil.copytree(
        card.path, out, ignore=lambda place, names: [name for name in names if Path(place, name) in left_out]
    )
    copies = {file: out / file.relative_to(card.path) for file in changed}
    for file, copy in copies.items():
        copy_with_metadata(file, copy, metadata)
    return copies, tuple(sorted(str(file.relative_to(card.path)) for file in stale))


def _stale(path: Path, components: set[Path]) -> set[Path]:
    """Files with unchanged weights: other precisions or formats beside the changed files, or of the whole model."""
    kept = {file for component in components for file in folder.weight_files(component)}
    beside = {file for place in (path, *components) for file in place.iterdir()}
    return {file for file in beside - kept if file.suffix in {".safetensors", *folder.PICKLES}}
