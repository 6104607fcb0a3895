"""Components of a model in separate files, as ComfyUI keeps them; recognised by their tensors, never by their names.

They are matched with the configurations of the model: a text encoder by the shape of its token embedding and its number
of layers, a VAE by the channels of its latents. Tensors are compared one by one when they are loaded.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from studio.errors import InputError, ModelError
from studio.families import Shape, Shapes
from studio.model_files.hashes import Stamp
from studio.model_files.header import Header
from studio.models import quantised

Configs = Mapping[str, Mapping[str, Any]]
"""Component ("vae", "text_encoder_2") → its configuration."""

VAE: Final = "VAE"
ENCODER: Final = "text encoder"
FLAGS: Final[Mapping[str, str]] = {VAE: "--vae", ENCODER: "--text-encoder"}
"""The option of the command line for each kind of file."""

_VAE: Final = "vae"
_EMBEDDINGS: Final = {  # a word in transformers' "model_type", and the key of the token embedding
    "clip": re.compile(r"(?:.*\.)?token_embedding\.weight"),
    "t5": re.compile(r"(?:.*\.)?(?:shared|encoder\.embed_tokens)\.weight"),
    "": re.compile(r"(?:.*\.)?embed_tokens\.weight"),  # all language models
}
_LAYER: Final = re.compile(r"(?:.*\.)?(layers|block|resblocks)\.(\d+)\..*")
_VISION: Final = re.compile(r"(?:.*\.)?(?:visual|vision_model|vision_tower)\..*")
_DECODER: Final = re.compile(r"(?:first_stage_model\.|vae\.)?decoder\.(?:conv_in|conv1|project_in\.conv)\.weight")
_VIDEO_DIMENSIONS: Final = 5  # of a convolution's weight


def kind(path: Path) -> str:
    """What a file is, VAE or ENCODER.

    Raises ModelError where it is neither, or in a format or dtype that is supported for denoisers only.
    """
    header = Header.read(path)
    found = [kind for kind, has in ((VAE, _latents(header.shapes)), (ENCODER, _embedding(header.shapes))) if has]
    if len(found) != 1:
        raise ModelError(f"'{path}' is neither a VAE nor a text encoder; give a file with one of them only")
    if header.format != ".safetensors":
        raise ModelError(f"'{path}' is a {found[0]} as {header.format[1:].upper()}; give it as safetensors")
    quantised.scaled(header)
    return found[0]


def require_kind(path: Path, wanted: str) -> Path:
    """The file, if it is of the wanted kind; raises InputError if it is of the other."""
    if (found := kind(path)) != wanted:
        raise InputError(f"'{path}' is a {found}, not a {wanted}; give it with {FLAGS[found]}")
    return path


def is_part(component: str) -> bool:
    """Whether a component of a model can be in a separate file."""
    return component == _VAE or component.startswith("text_encoder")


def kind_of(component: str) -> str:
    """The kind of file that a component is in."""
    return VAE if component == _VAE else ENCODER


def component_title(component: str) -> str:
    """A component's name in messages."""
    return VAE if component == _VAE else component.replace("_", " ")


def matching(path: Path, configs: Configs) -> list[str]:
    """The components of a model that a file can be; raises ModelError where it cannot be read."""
    shapes = _shapes(path, Stamp.of(path))
    return [name for name, config in configs.items() if is_part(name) and _fits(shapes, name, config)]


def assign(files: Iterable[Path], configs: Configs) -> dict[str, Path]:
    """Component → the file that it is in.

    Raises ModelError where a file is not a component of such a model, or two are the same one.
    """
    found: dict[str, Path] = {}
    for file in files:
        fits = matching(file, configs)
        if not fits:
            wanted = ", ".join(component_title(name) for name in configs if is_part(name))
            raise ModelError(f"'{file}', a {kind(file)}, does not fit this model by its size; its parts: {wanted}")
        name = next((name for name in fits if name not in found), "")
        if not name:
            raise ModelError(
                f"'{file}' and '{found[fits[0]]}' are both the {component_title(fits[0])}; give one of them"
            )
        found[name] = file
    return found


def unambiguous(wanted: Iterable[str], files: Iterable[Path], configs: Configs) -> dict[str, Path]:
    """The files among those found that are the ``wanted`` components.

    Raises InputError where several can be one of them.
    """
    fits: dict[str, list[Path]] = {name: [] for name in wanted}
    for file in files:
        for name in fits.keys() & _matching_if_readable(file, configs):
            fits[name].append(file)
    for name, several in fits.items():
        if len(several) > 1:
            which = " or ".join(f"'{file}'" for file in several)
            raise InputError(f"the {component_title(name)} may be {which}; choose with {FLAGS[kind_of(name)]} FILE")
    return {name: several[0] for name, several in fits.items() if several}


def _matching_if_readable(file: Path, configs: Configs) -> list[str]:
    try:
        kind(file)
        return matching(file, configs)
    except ModelError:
        return []


@lru_cache(maxsize=64)
def _shapes(path: Path, _stamp: Stamp) -> Shapes:
    return Header.read(path).shapes


def _fits(shapes: Shapes, component: str, config: Mapping[str, Any]) -> bool:
    if component == _VAE:
        return _latents(shapes) == (config.get("latent_channels") or config.get("z_dim"), "z_dim" in config)
    text = config.get("text_config") or config  # of a vision-language model
    width = text.get("d_model") or text.get("hidden_size")
    layers = text.get("num_hidden_layers") or text.get("num_layers")
    architecture = next(word for word in _EMBEDDINGS if word in str(config.get("model_type")))
    return _embedding(shapes) == (architecture, (text.get("vocab_size"), width)) and _has_layers(shapes, layers)


def _embedding(shapes: Shapes) -> tuple[str, Shape] | None:
    """A text encoder's architecture and the shape of its token embedding; None where there is none."""
    found = ((word, shapes[name]) for word, key in _EMBEDDINGS.items() for name in shapes if key.fullmatch(name))
    return next(found, None)


def _latents(shapes: Shapes) -> tuple[int, bool] | None:
    """The channels of a VAE's latents, and whether it is for videos; None where there is no VAE."""
    kernel = next((shape for name, shape in shapes.items() if _DECODER.fullmatch(name)), ())
    return (kernel[1], len(kernel) == _VIDEO_DIMENSIONS) if len(kernel) > 1 else None


def _has_layers(shapes: Shapes, layers: Any) -> bool:
    """Whether it has that many layers; OpenCLIP's files have one more where a model does not use the last."""
    found = [layer for name in shapes if (layer := _LAYER.fullmatch(name)) and not _VISION.fullmatch(name)]
    count = 1 + max((int(layer[2]) for layer in found), default=-1)
    return count == layers or (count == (layers or 0) + 1 and any(layer[1] == "resblocks" for layer in found))
