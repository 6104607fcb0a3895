"""The parameters of a model's denoiser and text encoders by diffusers' names, and where they lie; read from headers."""

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
_ENCODERS: Final = {  # how their tensors' names begin in a single file
    "cond_stage_model.transformer.": "text_encoder",
    "cond_stage_model.model.": "text_encoder",
    "conditioner.embedders.0.transformer.": "text_encoder",
    "conditioner.embedders.0.model.": "text_encoder_2",  # of the refiner, which has but this one
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


class Spot(NamedTuple):
    """Where a parameter lies: a tensor of a file, from the row ``first`` on.

    ``shape`` is the parameter's own, ``dtype`` as the format writes it ("F16").
    ``swapped`` is whether the file has its two halves the other way round.
    """

    file: Path
    tensor: str
    shape: Shape
    dtype: str
    first: int = 0
    swapped: bool = False


Spots = dict[str, Spot]


def parameters(card: ModelCard) -> dict[str, dict[str, Shape]]:
    """Component ("unet", "text_encoder_2") → the shapes of its modules' weights and biases.

    What a single file lacks is read from files of their own, and from its base, where that is a folder. Raises
    ModelError where a file is damaged.
    """
    return {part: {name: spot.shape for name, spot in own.items()} for part, own in _spots(card).items()}


def spots(card: ModelCard) -> dict[str, Spots]:
    """The same, with where each of them lies.

    Raises ModelError where a parameter is not what its tensor holds, but that times a scale.
    """
    if card.weights and card.weights.scaled:
        raise ModelError(
            f"'{card.path}' is fp8 with scales beside its weights, which cannot be merged into nor compared; "
            "take the model that it was made from"
        )
    return _spots(card)


def _spots(card: ModelCard) -> dict[str, Spots]:
    if card.weights is None:
        return _of_folder(card.path)
    lent = _of_folder(card.base) if card.base and card.base.is_dir() else {}
    names = StateDictKeys() if card.weights.in_diffusers else card.family.detection.state_dict_keys
    beside = {name: _of_encoder(file) for name, file in card.placed().items() if name.startswith("text_encoder")}
    return lent | _of_file(Header.read(card.path), names) | beside


def _of_folder(path: Path) -> dict[str, Spots]:
    names = [name for name in folder.components(path) if name.startswith(("unet", "transformer", "text_encoder"))]
    files = {name: folder.weight_files(path / name) for name in names}
    return {name: {key: spot for file in files[name] for key, spot in _lying(Header.read(file))} for name in names}


def _of_file(header: Header, names: StateDictKeys) -> dict[str, Spots]:
    found: dict[str, Spots] = {}
    components = _components(header.shapes)
    for name, spot in _lying(header):
        begin = next((begin for begin in (*components, *_OTHERS) if name.startswith(begin)), "")
        if begin not in _OTHERS:
            found.setdefault(components[begin], {})[name.removeprefix(begin)] = spot
    return {part: dict(_renamed(own, OPEN_CLIP if "encoder" in part else names)) for part, own in found.items()}


def _of_encoder(file: Path) -> Spots:
    """A text encoder in a file of its own."""
    lying = dict(_lying(Header.read(file)))
    return dict(_renamed({name: lying[theirs] for theirs, name in checkpoint.part(lying).items()}, OPEN_CLIP))


def _lying(header: Header) -> Iterator[tuple[str, Spot]]:
    return ((name, Spot(header.path, name, tensor.shape, tensor.dtype)) for name, tensor in header.tensors.items())


def _components(shapes: Shapes) -> dict[str, str]:
    """What the beginning of a tensor's name says; a file that is a denoiser alone may have no such beginning."""
    unet = ("input_blocks.0.0.weight", "down_blocks.0.resnets.0.conv1.weight")
    denoiser = "unet" if any(name.endswith(unet) for name in shapes) else "transformer"
    t5 = "text_encoder_3" if any(".clip_g." in name for name in shapes) else "text_encoder_2"
    return _ENCODERS | {_T5: t5, _DENOISER: denoiser, "": denoiser}


def _renamed(spots: Spots, names: StateDictKeys) -> Iterator[tuple[str, Spot]]:
    """Weights and biases by diffusers' names; what the makers have in one is parted, what it does not use left out."""
    for module, ends in _modules(spots).items():
        parts, weight = names.to_diffusers(module), ends["weight"].shape
        for end, whole in ends.items() if parts else ():
            counts = _parted(whole.shape, weight, len(parts))
            for part, first, count in zip(parts, accumulate(counts, initial=0), counts, strict=False):
                shape, swapped = (count, *whole.shape[1:]), names.swaps_halves(part, weight)
                yield f"{part}.{end}", whole._replace(shape=shape, first=first, swapped=swapped)


def _modules(spots: Mapping[str, Spot]) -> dict[str, Spots]:
    """Module → "weight" and "bias", of those that have a weight."""
    found: dict[str, Spots] = {}
    for name, spot in spots.items():
        if (told := _PARAMETER.fullmatch(name)) and spot.shape:
            found.setdefault(told[1], {})["bias" if told[2] == "bias" else "weight"] = spot
    return {module: ends for module, ends in found.items() if "weight" in ends}


def _parted(shape: Shape, weight: Shape, parts: int) -> list[int]:
    """How many rows each part has: query, key and value as many as columns, the last all that is left."""
    each = weight[-1] if parts > 1 else 0
    return [each] * (parts - 1) + [shape[0] - each * (parts - 1)]
