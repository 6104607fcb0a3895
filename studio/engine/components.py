"""The VAE and the text encoders that a single weight file brings along, built as its base configures them.

They win over those of the base: a file that was merged or trained with another VAE must be decoded by that one.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.engine import denoiser
from studio.engine.tensors import read_named
from studio.errors import ModelError
from studio.models import checkpoint, folder
from studio.models.card import ModelCard
from studio.models.header import Header
from studio.models.loras.parameters import OPEN_CLIP

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_WRAPPERS: Final = re.compile(r"^(?:text_model|model)\.")  # which go with and without
_PROJECTION: Final = "text_projection.weight"
_OPEN_CLIP_ALONE: Final = {
    "positional_embedding": "embeddings.position_embedding.weight",
    "text_projection": _PROJECTION,
}
_OPEN_CLIP_PARAMETER: Final = re.compile(r"(.+)(?:\.|(?<=in_proj)_)(weight|bias)")


def build(card: ModelCard, base: Path, dtype: "torch.dtype") -> dict[str, Any]:
    """The file's own parts besides the denoiser, by their names in diffusers, in main memory.

    ``base`` is a folder with the configuration of each. Raises ModelError where the file has a part for which the base
    has no place, or one in a layout that is not known.
    """
    if card.weights and card.weights.rounded:  # GGUF, which holds a denoiser alone
        return {}
    names = Header.read(card.path).tensors
    found = {}
    if own := checkpoint.vae(names):
        found["vae"] = _vae(card, base, read_named(card.path, own, dtype), dtype)
    empty = {name: _empty(base, name) for name in folder.components(base) if name.startswith("text_encoder")}
    for begin, own in checkpoint.text_encoders(names).items():
        tensors = read_named(card.path, own, dtype)
        fitting = ((name, made) for name, model in empty.items() if (made := _fitted(tensors, model)) is not None)
        name, state = next(fitting, ("", {}))
        if not name:
            raise _unknown(card, f"text encoder ('{begin}')")
        model = empty.pop(name)
        found[name] = type(model).from_pretrained(None, config=model.config, state_dict=state, dtype=dtype).eval()
    return found


def _vae(card: ModelCard, base: Path, tensors: "dict[str, Tensor]", dtype: "torch.dtype") -> Any:
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

    library, kind = folder.components(base).get("vae", ("", ""))
    if kind not in SINGLE_FILE_LOADABLE_CLASSES:
        raise _unknown(card, "VAE")
    model = denoiser.class_of(library, kind).from_single_file(
        tensors, config=str(base), subfolder="vae", local_files_only=True, dtype=dtype
    )
    if missing := next((name for name, weight in model.named_parameters() if weight.is_meta), ""):
        raise ModelError(f"the VAE in '{card.path}' lacks '{missing}'; take the model from another place")
    return model


def _empty(base: Path, name: str) -> Any:
    """A text encoder without memory for any weights."""
    from accelerate import init_empty_weights

    kind = denoiser.class_of(*folder.components(base)[name])
    with init_empty_weights():
        return kind(kind.config_class.from_pretrained(base / name, local_files_only=True))


def _fitted(tensors: "Mapping[str, Tensor]", model: Any) -> "dict[str, Tensor] | None":
    """The tensors by the names of the model's own; None where one is missing or has another size.

    A projection that is missing changes nothing, as ComfyUI and diffusers have it for CLIP in files of SD3.
    """
    import torch

    theirs = _from_open_clip(tensors) if "token_embedding.weight" in tensors else tensors
    known = {_plain(name): tensor for name, tensor in theirs.items()}
    found = {}
    for name, wanted in model.state_dict().items():
        tensor = known.get(_plain(name))
        if tensor is None and name == _PROJECTION:
            tensor = torch.eye(*wanted.shape)
        if tensor is None or tensor.shape != wanted.shape:
            return None
        found[name] = tensor
    return found


def _plain(name: str) -> str:
    """A parameter's name without what wraps the model, and that of T5's words, which has two."""
    return "shared.weight" if name == "encoder.embed_tokens.weight" else _WRAPPERS.sub("", name)


def _from_open_clip(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """OpenCLIP's tensors by the names of transformers' CLIP; its projection is written the other way round."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if told := _OPEN_CLIP_PARAMETER.fullmatch(name):
            modules = OPEN_CLIP.in_diffusers(told[1])
            found |= {f"{one}.{told[2]}": part for one, part in zip(modules, tensor.chunk(len(modules)), strict=True)}
        elif name in _OPEN_CLIP_ALONE:
            found[_OPEN_CLIP_ALONE[name]] = tensor.T.contiguous() if name == "text_projection" else tensor
    return found


def _unknown(card: ModelCard, part: str) -> ModelError:
    return ModelError(
        f"'{card.path}' brings a {part} of its own, in a layout that is not supported or of another size than "
        f"{card.family.title} has; take a file with the denoiser alone"
    )
