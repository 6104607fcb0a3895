"""Writes a trained LoRA: the file with its metadata, a preview picture beside it, and its model card.

The families decide between kohya's naming and PEFT's. In PEFT's there is no alpha: the up matrices are multiplied by
alpha / rank, since not every program looks for an alpha there. (diffusers drops SD3's layers in kohya's naming
silently.)
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from studio.errors import ModelError
from studio.images.image_file import open_image
from studio.lora.formats.lora_keys import kohya_namer, peft_key
from studio.pictures.publish import replace
from studio.train.config import TrainingConfig
from studio.train.dataset import Example
from studio.train.model import TrainedLayer, TrainingModel
from studio.train.model_card import metadata, readme
from studio.train.trainer_state import TrainerState

if TYPE_CHECKING:
    from torch import Tensor


def write(config: TrainingConfig, model: TrainingModel, state: TrainerState, examples: Sequence[Example]) -> None:
    """Write README.md into the folder NAME, and beside that folder NAME.png and, last, NAME.safetensors.

    Raises ModelError where what was learned is not finite, OutputError where the disk refuses a file.
    """
    from safetensors.torch import save

    tensors = _tensors(model)
    about = metadata(config, model, state, examples, tensors_hash(tensors))
    replace(config.folder / "README.md", readme(config, model, state, examples).encode())
    replace(config.preview, _preview([sample.file for sample in state.samples()]))
    replace(config.file, save(tensors, about))


def tensors_hash(tensors: "Mapping[str, Tensor]") -> str:
    """The SHA-256 of a file's data without its header: AutoV3, and ModelSpec's ``hash_sha256``."""
    from safetensors.torch import save

    whole = save(dict(tensors))
    return hashlib.sha256(whole[8 + int.from_bytes(whole[:8], "little") :]).hexdigest()


def _tensors(model: TrainingModel) -> "dict[str, Tensor]":
    """What was learned in half precision, by the keys that a file for this family uses."""
    import torch

    named = _in_kohyas_naming if model.training.kohya_keys else _in_pefts_naming
    found = {key: tensor for layer in model.layers() for key, tensor in named(layer, model).items()}
    half = {key: found[key].to(torch.float16).contiguous() for key in sorted(found)}
    if wrong := next((key for key, tensor in half.items() if not torch.isfinite(tensor).all()), None):
        raise ModelError(f"'{wrong}' is not finite, so no LoRA is written; {model.hyper.lower_rate}")
    return half


def _in_kohyas_naming(layer: TrainedLayer, model: TrainingModel) -> "dict[str, Tensor]":
    import torch

    tensors = {"down": layer.down, "up": layer.up, "alpha": torch.tensor(float(model.hyper.alpha))}
    name = kohya_namer(())
    return {name("unet", layer.module, kind): tensor for kind, tensor in tensors.items()}


def _in_pefts_naming(layer: TrainedLayer, model: TrainingModel) -> "dict[str, Tensor]":
    tensors = {"down": layer.down, "up": layer.up * (model.hyper.alpha / model.hyper.rank)}
    return {peft_key("transformer", layer.module, kind): tensor for kind, tensor in tensors.items()}


def _preview(files: Sequence[Path]) -> bytes:
    """The last samples side by side, as a PNG."""
    pictures = [open_image(file) for file in files]
    page = Image.new("RGB", (sum(one.width for one in pictures), max(one.height for one in pictures)), "white")
    for n, one in enumerate(pictures):
        page.paste(one, (sum(before.width for before in pictures[:n]), 0))
    page.save(out := io.BytesIO(), "PNG", optimize=True)
    return out.getvalue()
