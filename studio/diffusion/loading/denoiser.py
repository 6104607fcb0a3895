"""The denoiser of a single weight file, built with its base's configuration, from original or diffusers' names."""

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.errors import ModelError
from studio.families.base.detection import without_prefix
from studio.families.base.state_dict_keys import StateDictKeys
from studio.model_files.header import Header
from studio.models import checkpoint, folder
from studio.models.card import ModelCard
from studio.tensors.reading import read_named

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_NAMES: Final = ("transformer", "unet")


def name_in(base: Path) -> str:
    """The name of a base's denoiser: "transformer" or "unet"."""
    return next(name for name in _NAMES if name in folder.components(base))


def build(card: ModelCard, base: Path, dtype: "torch.dtype") -> Any:
    """The denoiser with the file's weights and ``base``'s configuration, in main memory; GGUF weights stay quantised.

    Raises ModelError that names the tensors that do not fit, or a missing package.
    """
    name = name_in(base)
    kind: Any = class_of(*folder.components(base)[name])
    model = _empty(kind, base / name)
    in_diffusers = card.weights is not None and card.weights.in_diffusers
    keys = StateDictKeys() if in_diffusers else card.family.detection.state_dict_keys
    tensors = to_diffusers(_read(card, dtype), keys, model)
    _check(card, base, tensors, model)
    if card.weights and card.weights.rounded:
        return _from_gguf(card, base, tensors, model, dtype)
    model.load_state_dict({name: tensor.to(dtype, copy=True) for name, tensor in tensors.items()}, assign=True)
    return model.to(dtype).eval()


def class_of(library: str, kind: str) -> Any:
    """A class of diffusers or transformers."""
    return getattr(import_module(library), kind)


def diffusers_names(name: str, names: StateDictKeys) -> list[str]:
    """Diffusers' names for a tensor, in the order of its rows; empty where diffusers does not use it."""
    return [re.sub(r"\.scale$", ".weight", one) for one in names.to_diffusers(name)]


def _empty(kind: Any, config: Path) -> Any:
    """The denoiser without memory for its weights."""
    from accelerate import init_empty_weights

    with init_empty_weights():
        return kind.from_config(kind.load_config(config, local_files_only=True))


def _read(card: ModelCard, dtype: "torch.dtype") -> "dict[str, Tensor]":
    """The denoiser's tensors by their names in the file."""
    if card.weights and card.weights.rounded:
        return _read_gguf(card.path)
    return read_named(card.path, checkpoint.denoiser(Header.read(card.path).tensors), dtype)


def _read_gguf(path: Path) -> "dict[str, Tensor]":
    if find_spec("gguf") is None:
        raise ModelError(f"'{path}' needs the package gguf: pip install 'studio-diffusion[gguf]'")
    from diffusers.models.model_loading_utils import load_gguf_checkpoint

    return {without_prefix(name): tensor for name, tensor in load_gguf_checkpoint(path).items()}


def to_diffusers(tensors: "Mapping[str, Tensor]", names: StateDictKeys, model: Any) -> "dict[str, Tensor]":
    """The tensors by diffusers' names, fused ones split, and scale and shift swapped where the order differs."""
    sizes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {}
    for name, tensor in tensors.items():
        new = diffusers_names(name, names)
        for one, part in zip(new, _split_rows(tensor, [sizes.get(one, (0,))[0] for one in new]), strict=True):
            module = one.rpartition(".")[0]
            turned = names.swaps_halves(module, sizes.get(f"{module}.weight", (0,)))
            found[one] = _swap_halves(part) if turned else part
    return found


def _split_rows(tensor: "Tensor", sizes: list[int]) -> "list[Tensor]":
    """The tensor split into those sizes; whole where they do not add up, so that the later check fails."""
    import torch

    whole = len(sizes) == 1 or sum(sizes) != len(tensor)
    return [tensor] * len(sizes) if whole else list(torch.split(tensor, sizes))


def _swap_halves(tensor: "Tensor") -> "Tensor":
    import torch

    shift, scale = tensor.chunk(2)
    return torch.cat([scale, shift])


def _check(card: ModelCard, base: Path, tensors: "Mapping[str, Tensor]", model: Any) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    there = {name: tuple(getattr(tensor, "quant_shape", tensor.shape)) for name, tensor in tensors.items()}
    sizes = [name for name in wanted.keys() & there.keys() if wanted[name] != there[name]]
    for what, names in (
        ("lacks", wanted.keys() - there.keys()),
        ("has the unexpected", there.keys() - wanted.keys()),
        ("has another size for", sizes),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            like = f"the {card.family.title} in '{card.base}'" if base == card.base else card.family.title
            raise ModelError(
                f"the weights of '{card.path}' do not fit {like}: the file {what} '{min(names)}'{more}; "
                "take the folder of the model that the file was made from, with --base"
            )


def _from_gguf(card: ModelCard, base: Path, tensors: "Mapping[str, Tensor]", model: Any, dtype: "torch.dtype") -> Any:
    """Only linear layers can compute with quantised weights; the others are dequantised."""
    from diffusers import GGUFQuantizationConfig
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor
    from torch import nn

    if type(model).__name__ not in SINGLE_FILE_LOADABLE_CLASSES:
        raise ModelError(f"{card.family.title} does not run from GGUF files; take '{card.path.stem}' as safetensors")
    linear = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    ready = {name: tensor if name in linear else dequantize_gguf_tensor(tensor) for name, tensor in tensors.items()}
    how = {"quantization_config": GGUFQuantizationConfig(compute_dtype=dtype), "dtype": dtype}
    return type(model).from_single_file(ready, config=str(base), subfolder=name_in(base), local_files_only=True, **how)
