"""The parameters of a model's denoiser and text encoders by diffusers' names, and where they are stored.

Only headers are read.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import ModelError
from studio.families import Shape, Shapes
from studio.families.base.state_dict_keys import StateDictKeys
from studio.model_files.header import Header
from studio.models import checkpoint, folder
from studio.models.card import ModelCard

_DENOISER: Final = "model.diffusion_model."
_ENCODERS: Final = {  # prefix of keys in a single file → component
    "cond_stage_model.transformer.": "text_encoder",
    "cond_stage_model.model.": "text_encoder",
    "conditioner.embedders.0.transformer.": "text_encoder",
    "conditioner.embedders.0.model.": "text_encoder_2",  # the refiner's only text encoder
    "conditioner.embedders.1.model.": "text_encoder_2",
    "text_encoders.clip_l.transformer.": "text_encoder",
    "text_encoders.clip_g.transformer.": "text_encoder_2",
}
_T5: Final = "text_encoders.t5xxl.transformer."
_OTHERS: Final = ("first_stage_model.", "vae.", "text_encoders.")  # a VAE, and encoders that no LoRA is made for
_PARAMETER: Final = re.compile(r"(.+)(?:\.|(?<=in_proj)_)(weight|bias|scale)")
_RESBLOCK: Final = "transformer.resblocks.*"
_LAYER: Final = "encoder.layers.*"
OPEN_CLIP: Final = StateDictKeys(
    {
        "token_embedding": "embeddings.token_embedding",
        "ln_final": "final_layer_norm",
        f"{_RESBLOCK}.attn.in_proj": f"{_LAYER}.self_attn.{{q,k,v}}_proj",
        f"{_RESBLOCK}.attn.out_proj": f"{_LAYER}.self_attn.out_proj",
        f"{_RESBLOCK}.ln_1": f"{_LAYER}.layer_norm1",
        f"{_RESBLOCK}.ln_2": f"{_LAYER}.layer_norm2",
        f"{_RESBLOCK}.mlp.c_fc": f"{_LAYER}.mlp.fc1",
        f"{_RESBLOCK}.mlp.c_proj": f"{_LAYER}.mlp.fc2",
    }
)


class ParameterLocation(NamedTuple):
    """Where a parameter is stored: in a tensor of a file, from the row ``first`` on.

    ``shape`` is the parameter's own, ``dtype`` as the format writes it ("F16").
    ``swapped`` is whether the file has its two halves in reverse order.
    """

    file: Path
    tensor: str
    shape: Shape
    dtype: str
    first: int = 0
    swapped: bool = False


ParameterLocations = dict[str, ParameterLocation]


def parameters(card: ModelCard) -> dict[str, dict[str, Shape]]:
    """Component ("unet", "text_encoder_2") → the shapes of its modules' weights and biases.

    Components that a single file does not have are read from separate files, and from its base if that is a folder.
    Raises ModelError where a file is damaged.
    """
    return {part: {name: location.shape for name, location in own.items()} for part, own in _locations(card).items()}


def parameter_locations(card: ModelCard) -> dict[str, ParameterLocations]:
    """The same, with where each of them is stored.

    Raises ModelError where the tensors must be multiplied by scales.
    """
    if card.weights and card.weights.scaled:
        raise ModelError(
            f"'{card.path}' is fp8 with scales beside its weights, so LoRAs cannot be merged into it and it cannot be "
            "compared; use the model that it was made from"
        )
    return _locations(card)


def _locations(card: ModelCard) -> dict[str, ParameterLocations]:
    if card.weights is None:
        return _of_folder(card.path)
    of_base = _of_folder(card.base) if card.base and card.base.is_dir() else {}
    names = StateDictKeys() if card.weights.in_diffusers else card.family.detection.state_dict_keys
    separate = {name: _of_encoder(file) for name, file in card.placed().items() if name.startswith("text_encoder")}
    return of_base | _of_file(Header.read(card.path), names) | separate


def _of_folder(path: Path) -> dict[str, ParameterLocations]:
    names = [name for name in folder.components(path) if name.startswith(("unet", "transformer", "text_encoder"))]
    files = {name: folder.weight_files(path / name) for name in names}
    return {
        name: {key: location for file in files[name] for key, location in _in_file(Header.read(file))} for name in names
    }


def _of_file(header: Header, names: StateDictKeys) -> dict[str, ParameterLocations]:
    found: dict[str, ParameterLocations] = {}
    components = _components(header.shapes)
    for name, location in _in_file(header):
        begin = next((begin for begin in (*components, *_OTHERS) if name.startswith(begin)), "")
        if begin not in _OTHERS:
            found.setdefault(components[begin], {})[name.removeprefix(begin)] = location
    return {part: dict(_renamed(own, OPEN_CLIP if "encoder" in part else names)) for part, own in found.items()}


def _of_encoder(file: Path) -> ParameterLocations:
    """A text encoder in a separate file."""
    in_file = dict(_in_file(Header.read(file)))
    return dict(_renamed({name: in_file[theirs] for theirs, name in checkpoint.part(in_file).items()}, OPEN_CLIP))


def _in_file(header: Header) -> Iterator[tuple[str, ParameterLocation]]:
    return (
        (name, ParameterLocation(header.path, name, tensor.shape, tensor.dtype))
        for name, tensor in header.tensors.items()
    )


def _components(shapes: Shapes) -> dict[str, str]:
    """Prefix → component; a file that is a denoiser alone may have no prefix."""
    unet = ("input_blocks.0.0.weight", "down_blocks.0.resnets.0.conv1.weight")
    denoiser = "unet" if any(name.endswith(unet) for name in shapes) else "transformer"
    t5 = "text_encoder_3" if any(".clip_g." in name for name in shapes) else "text_encoder_2"
    return _ENCODERS | {_T5: t5, _DENOISER: denoiser, "": denoiser}


def _renamed(locations: ParameterLocations, names: StateDictKeys) -> Iterator[tuple[str, ParameterLocation]]:
    """Weights and biases by diffusers' names; fused tensors are split, and unused ones left out."""
    for module, ends in _modules(locations).items():
        parts, weight = names.to_diffusers(module), ends["weight"].shape
        for end, whole in ends.items() if parts else ():
            counts = _parted(whole.shape, weight, len(parts))
            for part, first, count in zip(parts, accumulate(counts, initial=0), counts, strict=False):
                shape, swapped = (count, *whole.shape[1:]), names.swaps_halves(part, weight)
                yield f"{part}.{end}", whole._replace(shape=shape, first=first, swapped=swapped)


def _modules(locations: Mapping[str, ParameterLocation]) -> dict[str, ParameterLocations]:
    """Module → "weight" and "bias", for modules that have a weight."""
    found: dict[str, ParameterLocations] = {}
    for name, location in locations.items():
        if (match := _PARAMETER.fullmatch(name)) and location.shape:
            found.setdefault(match[1], {})["bias" if match[2] == "bias" else "weight"] = location
    return {module: ends for module, ends in found.items() if "weight" in ends}


def _parted(shape: Shape, weight: Shape, parts: int) -> list[int]:
    """How many rows each part has: query, key and value as many as columns, the last one the remaining rows."""
    each = weight[-1] if parts > 1 else 0
    return [each] * (parts - 1) + [shape[0] - each * (parts - 1)]
