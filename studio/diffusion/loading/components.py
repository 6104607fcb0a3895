"""The VAE and the text encoders of a single weight file, or of separate files.

They are built with the base's configuration and take precedence over the base's own: pictures of a file that was merged
or trained with another VAE must be decoded with it. Separate files take precedence over both.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.diffusion.loading import autoencoders, denoiser
from studio.errors import ModelError
from studio.model_files.header import Header
from studio.models import checkpoint, folder, separate
from studio.models.card import ModelCard
from studio.models.parameter_index import OPEN_CLIP
from studio.tensors.reading import read_named

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_WRAPPERS: Final = re.compile(r"^(?:(?:text_model|model|language_model)\.)+")  # which go with and without
_LAYER: Final = re.compile(r"(?:encoder\.)?(?:layers|block)\.\d")
_PROJECTION: Final = "text_projection.weight"
_HEAD: Final = "lm_head.weight"
_TABLE: Final = "embed_tokens.weight"
_OPEN_CLIP_ALONE: Final = {
    "positional_embedding": "embeddings.position_embedding.weight",
    "text_projection": _PROJECTION,
}
_OPEN_CLIP_PARAMETER: Final = re.compile(r"(.+)(?:\.|(?<=in_proj)_)(weight|bias)")


def build(card: ModelCard, base: Path, dtype: "torch.dtype") -> dict[str, Any]:
    """The components besides the denoiser that the file or separate files have, by their names in diffusers.

    They are in main memory. ``base`` is a folder with the configuration of each. Raises ModelError for a component that
    the base does not have, or in an unknown layout.
    """
    found = {}
    for name, file in card.placed().items():
        tensors = read_named(file, checkpoint.part(Header.read(file).tensors), dtype)
        made = _vae(file, base, tensors, dtype) if name == "vae" else _encoder(base, name, tensors, dtype)
        if made is None:
            raise _unknown(card, file, separate.component_title(name))
        found[name] = made
    return _from_file(card, base, dtype, found) | found


def _from_file(card: ModelCard, base: Path, dtype: "torch.dtype", there: Mapping[str, Any]) -> dict[str, Any]:
    """The components in the denoiser's file, except those that are ``there``."""
    if card.weights and card.weights.rounded:  # GGUF, which holds a denoiser alone
        return {}
    names = Header.read(card.path).tensors
    found = {}
    if (own := checkpoint.vae(names)) and "vae" not in there:
        found["vae"] = _vae(card.path, base, read_named(card.path, own, dtype), dtype)
        if found["vae"] is None:
            raise _unknown(card, card.path, "VAE")
    free = [name for name in folder.components(base) if name.startswith("text_encoder")]
    for begin, own in checkpoint.text_encoders(names).items():
        tensors = read_named(card.path, own, dtype)
        fitting = ((name, made) for name in free if (made := _encoder(base, name, tensors, dtype)) is not None)
        name, made = next(fitting, ("", None))
        if not name:
            raise _unknown(card, card.path, f"text encoder ('{begin}')")
        free.remove(name)
        found[name] = made
    return found


def _vae(path: Path, base: Path, tensors: "Mapping[str, Tensor]", dtype: "torch.dtype") -> Any:
    if "vae" not in folder.components(base):
        return None
    kind = denoiser.class_of(*folder.components(base)["vae"])
    return autoencoders.build(kind, kind.load_config(base / "vae", local_files_only=True), tensors, dtype, path)


def _encoder(base: Path, name: str, tensors: "Mapping[str, Tensor]", dtype: "torch.dtype") -> Any:
    """The base's text encoder of that name with these weights; None where they do not fit."""
    model = _empty(base, name)
    state = _state_dict(tensors, model)
    if state is None:
        return None
    return type(model).from_pretrained(None, config=model.config, state_dict=state, dtype=dtype).eval()


def _empty(base: Path, name: str) -> Any:
    """A text encoder without memory for its weights."""
    from accelerate import init_empty_weights

    kind = denoiser.class_of(*folder.components(base)[name])
    with init_empty_weights():
        return kind(kind.config_class.from_pretrained(base / name, local_files_only=True))


def _state_dict(tensors: "Mapping[str, Tensor]", model: Any) -> "dict[str, Tensor] | None":
    """The model's state dict; None where a tensor is missing or has another size, or a layer is left over.

    A missing projection becomes the identity, as in ComfyUI and diffusers for CLIP in SD3 files. The head of a language
    model may be missing too, since only hidden states are used.
    """
    import torch

    of_open_clip = "token_embedding.weight" in tensors
    theirs = _from_open_clip(tensors) if of_open_clip else tensors
    known = {_plain(name): tensor for name, tensor in theirs.items()}
    found: dict[str, Tensor] = {}
    for name, wanted in model.state_dict().items():
        tensor = known.get(_plain(name))
        if tensor is None and name == _PROJECTION:
            tensor = torch.eye(*wanted.shape)
        if tensor is None and name == _HEAD:
            tensor = next((each for own, each in found.items() if own.endswith(_TABLE)), None)
        if tensor is None or tensor.shape != wanted.shape:
            return None
        found[name] = tensor
    left = known.keys() - {_plain(name) for name in found}
    return None if not of_open_clip and any(map(_LAYER.match, left)) else found


def _plain(name: str) -> str:
    """A parameter's name without wrapper modules; T5's embeddings have two names, of which one is taken."""
    return "shared.weight" if name == "encoder.embed_tokens.weight" else _WRAPPERS.sub("", name)


def _from_open_clip(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """OpenCLIP's tensors by the names of transformers' CLIP; its projection is transposed."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if match := _OPEN_CLIP_PARAMETER.fullmatch(name):
            modules = OPEN_CLIP.to_diffusers(match[1])
            found |= {f"{one}.{match[2]}": part for one, part in zip(modules, tensor.chunk(len(modules)), strict=True)}
        elif name in _OPEN_CLIP_ALONE:
            found[_OPEN_CLIP_ALONE[name]] = tensor.T.contiguous() if name == "text_projection" else tensor
    return found


def _unknown(card: ModelCard, path: Path, part: str) -> ModelError:
    own, instead = (" of its own", "take a file with the denoiser alone") if path == card.path else ("", "take another")
    return ModelError(
        f"'{path}' has a {part}{own}, in a layout that is not supported or of another size than "
        f"{card.family.title} has; {instead}"
    )
