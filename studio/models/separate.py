"""Parts of a model in files of their own, as ComfyUI keeps them: told by their tensors, never by their names.

Which part of a model such a file is, configurations tell: a text encoder by the table of its words and by how many
layers it has, a VAE by the channels of its latents. Tensors are compared one by one when they are loaded.
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
"""What a file of each kind is given with on the command line."""

_VAE: Final = "vae"
_TABLES: Final = {  # the library's "model_type" has the word, and the table of a model's words this name
    "clip": re.compile(r"(?:.*\.)?token_embedding\.weight"),
    "t5": re.compile(r"(?:.*\.)?(?:shared|encoder\.embed_tokens)\.weight"),
    "": re.compile(r"(?:.*\.)?embed_tokens\.weight"),  # all language models
}
_LAYER: Final = re.compile(r"(?:.*\.)?(layers|block|resblocks)\.(\d+)\..*")
_SEES: Final = re.compile(r"(?:.*\.)?(?:visual|vision_model|vision_tower)\..*")
_DECODER: Final = re.compile(r"(?:first_stage_model\.|vae\.)?decoder\.(?:conv_in|conv1|project_in\.conv)\.weight")
_DECODER_OF_VIDEO: Final = 5  # dimensions of a kernel


def kind(path: Path) -> str:
    """What a file is, VAE or ENCODER.

    Raises ModelError where it is neither, or in a format or precision that is read of denoisers alone.
    """
    header = Header.read(path)
    found = [kind for kind, has in ((VAE, _latents(header.shapes)), (ENCODER, _table(header.shapes))) if has]
    if len(found) != 1:
        raise ModelError(f"'{path}' is neither a VAE alone nor a text encoder alone")
    if header.format != ".safetensors":
        raise ModelError(f"'{path}' is a {found[0]} as {header.format[1:].upper()}; give it as safetensors")
    quantised.scaled(header)
    return found[0]


def asked(path: Path, wanted: str) -> Path:
    """The file, where it is of the kind that is wanted; raises InputError where it is the other."""
    if (found := kind(path)) != wanted:
        raise InputError(f"'{path}' is a {found}, not a {wanted}; give it with {FLAGS[found]}")
    return path


def is_part(component: str) -> bool:
    """Whether a component of a model may lie in a file of its own."""
    return component == _VAE or component.startswith("text_encoder")


def kind_of(component: str) -> str:
    """The kind of file that a component lies in."""
    return VAE if component == _VAE else ENCODER


def words(component: str) -> str:
    """What a component is called in messages."""
    return VAE if component == _VAE else component.replace("_", " ")


def fitting(path: Path, configs: Configs) -> list[str]:
    """The components of a model that a file may be; raises ModelError where it cannot be read."""
    shapes = _shapes(path, Stamp.of(path))
    return [name for name, config in configs.items() if is_part(name) and _fits(shapes, name, config)]


def placed(files: Iterable[Path], configs: Configs) -> dict[str, Path]:
    """Component → the file that it lies in.

    Raises ModelError where a file is no part of such a model, or two are the same one.
    """
    found: dict[str, Path] = {}
    for file in files:
        fits = fitting(file, configs)
        if not fits:
            wanted = ", ".join(words(name) for name in configs if is_part(name))
            raise ModelError(f"'{file}', a {kind(file)}, is no part of this model, by its size; its parts: {wanted}")
        name = next((name for name in fits if name not in found), "")
        if not name:
            raise ModelError(f"'{file}' and '{found[fits[0]]}' are both the {words(fits[0])}; give one of them")
        found[name] = file
    return found


def sole(wanted: Iterable[str], files: Iterable[Path], configs: Configs) -> dict[str, Path]:
    """Of files that lie about, those that are the components ``wanted``.

    Raises InputError where several may be one of them.
    """
    fits: dict[str, list[Path]] = {name: [] for name in wanted}
    for file in files:
        for name in fits.keys() & _fitting_if_readable(file, configs):
            fits[name].append(file)
    for name, several in fits.items():
        if len(several) > 1:
            which = " or ".join(f"'{file}'" for file in several)
            raise InputError(f"the {words(name)} may be {which}; say which with {FLAGS[kind_of(name)]} FILE")
    return {name: several[0] for name, several in fits.items() if several}


def _fitting_if_readable(file: Path, configs: Configs) -> list[str]:
    try:
        kind(file)
        return fitting(file, configs)
    except ModelError:
        return []


@lru_cache(maxsize=64)
def _shapes(path: Path, _stamp: Stamp) -> Shapes:
    return Header.read(path).shapes


def _fits(shapes: Shapes, component: str, config: Mapping[str, Any]) -> bool:
    if component == _VAE:
        return _latents(shapes) == (config.get("latent_channels") or config.get("z_dim"), "z_dim" in config)
    told = config.get("text_config") or config  # of a model that sees too
    width = told.get("d_model") or told.get("hidden_size")
    layers = told.get("num_hidden_layers") or told.get("num_layers")
    architecture = next(word for word in _TABLES if word in str(config.get("model_type")))
    return _table(shapes) == (architecture, (told.get("vocab_size"), width)) and _deep_enough(shapes, layers)


def _table(shapes: Shapes) -> tuple[str, Shape] | None:
    """A text encoder's architecture, and of how many words its table is and how wide; None where there is no table."""
    found = ((word, shapes[name]) for word, table in _TABLES.items() for name in shapes if table.fullmatch(name))
    return next(found, None)


def _latents(shapes: Shapes) -> tuple[int, bool] | None:
    """The channels of a VAE's latents, and whether it is one for videos; None where there is no VAE."""
    kernel = next((shape for name, shape in shapes.items() if _DECODER.fullmatch(name)), ())
    return (kernel[1], len(kernel) == _DECODER_OF_VIDEO) if len(kernel) > 1 else None


def _deep_enough(shapes: Shapes, layers: Any) -> bool:
    """Whether it has that many layers; OpenCLIP's files have one more where a model does without the last."""
    found = [told for name in shapes if (told := _LAYER.fullmatch(name)) and not _SEES.fullmatch(name)]
    there = 1 + max((int(told[2]) for told in found), default=-1)
    return there == layers or (there == (layers or 0) + 1 and any(told[1] == "resblocks" for told in found))
