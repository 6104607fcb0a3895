"""The parameters of a model's denoiser and text encoders by diffusers' names, read from headers alone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from studio.families import Shape, Shapes
from studio.models import folder
from studio.models.card import ModelCard
from studio.models.header import Header
from studio.naming import Names

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
_OPEN_CLIP: Final = Names(
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


def parameters(card: ModelCard) -> dict[str, dict[str, Shape]]:
    """Component ("unet", "text_encoder_2") → the shapes of its modules' weights and biases.

    What a single file lacks is read from its base, where that is a folder. Raises ModelError where a file is damaged.
    """
    if card.weights is None:
        return _of_folder(card.path)
    lent = _of_folder(card.base) if card.base and card.base.is_dir() else {}
    return lent | _of_file(Header.read(card.path).shapes, card.family.names)


def _of_folder(path: Path) -> dict[str, dict[str, Shape]]:
    names = [name for name in folder.components(path) if name.startswith(("unet", "transformer", "text_encoder"))]
    files = {name: folder.weight_files(path / name) for name in names}
    headers = {name: [Header.read(file) for file in files[name]] for name in names}
    return {name: {key: shape for header in headers[name] for key, shape in header.shapes.items()} for name in names}


def _of_file(shapes: Shapes, names: Names) -> dict[str, dict[str, Shape]]:
    found: dict[str, dict[str, Shape]] = {}
    components = _components(shapes)
    for name, shape in shapes.items():
        begin = next((begin for begin in (*components, *_OTHERS) if name.startswith(begin)), "")
        if begin not in _OTHERS:
            found.setdefault(components[begin], {})[name.removeprefix(begin)] = shape
    return {part: dict(_renamed(own, _OPEN_CLIP if "encoder" in part else names)) for part, own in found.items()}


def _components(shapes: Shapes) -> dict[str, str]:
    """What the beginning of a tensor's name says; a file that is a denoiser alone may have no such beginning."""
    denoiser = "unet" if any(name.endswith("input_blocks.0.0.weight") for name in shapes) else "transformer"
    t5 = "text_encoder_3" if any(".clip_g." in name for name in shapes) else "text_encoder_2"
    return _ENCODERS | {_T5: t5, _DENOISER: denoiser, "": denoiser}


def _renamed(shapes: Shapes, names: Names) -> Iterator[tuple[str, Shape]]:
    """Weights and biases by diffusers' names; what the makers have in one is parted, what it does not use left out."""
    for module, ends in _modules(shapes).items():
        parts = names.in_diffusers(module)
        for end, shape in ends.items() if parts else ():
            rows = _parted(shape, ends["weight"], len(parts))
            yield from ((f"{part}.{end}", (count, *shape[1:])) for part, count in zip(parts, rows, strict=True))


def _modules(shapes: Shapes) -> dict[str, dict[str, Shape]]:
    """Module → "weight" and "bias", of those that have a weight."""
    found: dict[str, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        if (told := _PARAMETER.fullmatch(name)) and shape:
            found.setdefault(told[1], {})["bias" if told[2] == "bias" else "weight"] = shape
    return {module: ends for module, ends in found.items() if "weight" in ends}


def _parted(shape: Shape, weight: Shape, parts: int) -> list[int]:
    """How many rows each part has: query, key and value as many as columns, the last all that is left."""
    each = weight[-1] if parts > 1 else 0
    return [each] * (parts - 1) + [shape[0] - each * (parts - 1)]
