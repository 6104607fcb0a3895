"""The memory that a model's modules and their activations take, read from headers and configurations alone.

Activations are counted in numbers, not bytes, from how diffusers implements the architectures: which tensors are alive
at the moment of the peak. Factors that this does not give were fitted to peaks measured on a CPU
(``tests/diffusion/memory/test_plan.py`` measures them again).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Final

from studio.files.untrusted import is_file, is_folder
from studio.model_files.configuration import read_json
from studio.model_files.hashes import Stamp
from studio.model_files.header import Header
from studio.model_files.tensors import TensorInfo
from studio.models import component_configs
from studio.models.card import ModelCard
from studio.models.checkpoint import PARTS
from studio.models.folder import components, weight_files
from studio.parameters.types import Size

TILE: Final = 512
"""Width and height of a tile, in pixels, where a picture is decoded in tiles."""

_TEXT_TOKENS: Final = 512  # of a prompt that a transformer processes with the image tokens, at most in most families
_HEADS: Final = {"num_attention_heads": 24, "attention_head_dim": 128}
_SeparateFiles = tuple[tuple[str, Path], ...]
_ENDINGS: Final = {"text encoder": "text_encoder", "VAE": "vae"}


@dataclass(frozen=True)
class ModuleFootprint:
    """One module of a model: the numbers of its weights, of its matrices, and of its largest tensor; its configuration.

    Matrices are the weights of linear layers; convolution kernels do not count. ``stored`` is how many bytes its
    weights take in a single file.
    """

    weights: int
    matrices: int
    largest: int
    config: Mapping[str, Any]
    stored: int = 0

    @classmethod
    def of(cls, files: Iterable[Path], config: Mapping[str, Any]) -> "ModuleFootprint":
        """Read from the headers of its files; raises ModelError where one is damaged."""
        return cls.from_shapes(_shapes(files), config)

    @classmethod
    def from_shapes(cls, shapes: Iterable[Sequence[int]], config: Mapping[str, Any]) -> "ModuleFootprint":
        """A module whose tensors have these shapes."""
        sizes = [(prod(shape), len(shape) == 2) for shape in shapes]
        numbers = [size for size, _ in sizes]
        matrices = sum(size for size, matrix in sizes if matrix)
        return cls(sum(numbers), matrices, max(numbers, default=0), config)


@dataclass(frozen=True)
class ModelFootprint:
    """A model's modules by their names in diffusers ("unet", "text_encoder_2", "vae")."""

    parts: Mapping[str, ModuleFootprint]

    @classmethod
    def of(cls, card: ModelCard) -> "ModelFootprint":
        """Read from the headers of its files; raises ModelError where one is damaged."""
        separate = tuple(card.placed().items())
        return _read(card.path, card.base, card.variant, card.weights is not None, separate, stamps(card))

    def decoding_with(self, vae: ModuleFootprint | None) -> "ModelFootprint":
        """The model with another VAE in place of its own, if there is one."""
        return ModelFootprint({**self.parts, "vae": vae}) if vae else self

    @property
    def encoders(self) -> list[ModuleFootprint]:
        """The text and image encoders."""
        return [part for name, part in self.parts.items() if "encoder" in name]

    @property
    def decoders(self) -> list[ModuleFootprint]:
        """The modules that decode latents; one in nearly all models."""
        return [part for name, part in self.parts.items() if name in {"vae", "movq", "vqvae"}]

    @property
    def denoisers(self) -> list[ModuleFootprint]:
        """All other modules, above all a U-Net or a transformer."""
        return [part for part in self.parts.values() if part not in self.encoders + self.decoders]

    def denoising(self, size: Size, nets: Sequence[ModuleFootprint] = ()) -> int:
        """Numbers alive at the peak of one denoising step, for one latent; guidance doubles the latents.

        Each of the ControlNets ``nets`` runs before the denoiser, which then holds the sum of their outputs.
        """
        area, drawn = size.width * size.height // self._compression**2, size.width * size.height
        own = max((_denoising(part.config, area, self._channels) for part in self.denoisers), default=0)
        found = max((_controlnet_outputs(net.config, area, self._channels) for net in nets), default=0)
        seeing = max((_control_image(net.config) * drawn for net in nets), default=0)
        return max(own + found, seeing)

    def decoding(self, size: Size, *, tiled: bool = False) -> int:
        """Numbers alive at the peak while one latent is decoded, with the picture itself."""
        drawn = size.width * size.height
        area = min(drawn, TILE**2) if tiled else drawn
        return max((_decoding(part.config) for part in self.decoders), default=0) * area + 3 * drawn

    @property
    def _compression(self) -> int:
        """How many pixels wide and high one latent is."""
        stages = [len(_stages(part.config)) for part in self.decoders]
        return int(2 ** (max(stages, default=4) - 1))

    @property
    def _channels(self) -> int:
        found = (part.config.get("latent_channels") or part.config.get("z_dim") for part in self.decoders)
        return int(next(found, None) or 4)


def stamps(card: ModelCard) -> tuple[Stamp, ...]:
    """Stamps of the files that decide what the model draws; they differ as soon as one of them is replaced."""
    return tuple(Stamp.settled(file) for file in card.files().values() if is_file(file))


def _denoising(config: Mapping[str, Any], area: int, channels: int) -> int:
    return _unet(config, area) if "block_out_channels" in config else _transformer(config, area, channels)


def _unet(config: Mapping[str, Any], area: int) -> int:
    """The maximum over all levels of what is kept for the up blocks, plus the work of the level's up block.

    In a block with attention that is the feed-forward layer with its gates, eight times as wide and halved; otherwise a
    convolution's input, joined with the skip connection, normalised, and once more as the CPU lays it out.
    """
    channels, most, kept = _listed(config["block_out_channels"]), 0.0, 0.0
    kinds = str(config.get("down_block_types") or ["Attn"] * len(channels)).split(",")
    for level, own in enumerate(channels):
        deeper, attends = channels[min(level + 1, len(channels) - 1)], "Attn" in kinds[min(level, len(kinds) - 1)]
        kept += (_layers(config, level) + 1) * own / 4**level
        most = max(most, kept + (deeper + (20 * own if attends else 5 * (own + deeper))) / 4**level)
    return int(most * area)


def _controlnet_outputs(config: Mapping[str, Any], area: int, channels: int) -> int:
    """A ControlNet's outputs: once as they are, once added to the denoiser's own."""
    if "block_out_channels" in config:
        return 2 * _kept(config, area)
    layers = int(config.get("num_layers") or 0) + int(config.get("num_single_layers") or 0)
    return layers * _width(config) * _tokens(config, area, channels)


def _kept(config: Mapping[str, Any], area: int) -> int:
    """The skip connections that a U-Net's down blocks leave for its up blocks."""
    own = enumerate(_listed(config["block_out_channels"]))
    return int(sum((_layers(config, level) + 1) * width / 4**level for level, width in own) * area)


def _control_image(config: Mapping[str, Any]) -> int:
    """Numbers for each pixel of a control image, while a ControlNet encodes it."""
    channels = config.get("conditioning_embedding_out_channels") or 0
    return 3 * int(channels[0] if isinstance(channels, list) else channels)


def _layers(config: Mapping[str, Any], level: int) -> int:
    layers = config.get("layers_per_block", 2)
    return int(layers[min(level, len(layers) - 1)] if isinstance(layers, list) else layers or 0)


def _transformer(config: Mapping[str, Any], area: int, channels: int) -> int:
    """All tokens sixteen times over: the tokens, normalised, as queries, keys and values, and four times as wide."""
    return 16 * _width(config) * (_tokens(config, area, channels) + _TEXT_TOKENS)


def _tokens(config: Mapping[str, Any], area: int, channels: int) -> int:
    """The number of tokens of a picture; packed latents make one token of four."""
    packed = 4 if (config.get("in_channels") or 1) % (4 * channels) == 0 else 1
    patch = config.get("patch_size") or 1
    patch = patch if isinstance(patch, int) else patch[-1]
    return int(area // (packed * patch**2))


def _width(config: Mapping[str, Any]) -> int:
    """The width of a token."""
    for name in ("hidden_size", "inner_dim", "dim"):
        if isinstance(config.get(name), int):
            return int(config[name])
    heads, width = (max(_listed(config.get(name, usual))) for name, usual in _HEADS.items())
    return heads * width


def _decoding(config: Mapping[str, Any]) -> int:
    """Numbers for each pixel: the last stage's input, normalised, and through its activation."""
    stages = _stages(config)
    return 3 * max(stages[:2])


def _stages(config: Mapping[str, Any]) -> list[int]:
    """Channels of an autoencoder's stages, the one at full size first."""
    if found := config.get("decoder_block_out_channels") or config.get("block_out_channels"):
        return _listed(found)
    base = config.get("base_dim") or 128
    return [max(_listed(base)) * times for times in _listed(config.get("dim_mult") or [1, 2, 4, 4])]


def _listed(value: int | list[int] | None) -> list[int]:
    """A setting that some configurations give as one number for all stages, and some as null."""
    return value if isinstance(value, list) else [value or 0]


@lru_cache(maxsize=64)
def _read(
    path: Path, base: Path | None, variant: str, single: bool, separate: _SeparateFiles, _stamps: tuple[Stamp, ...]
) -> ModelFootprint:
    if not single:
        return ModelFootprint(dict(_of_folder(path)))
    configs = component_configs.components(base, variant) if base else {}
    from_base = dict(_of_folder(base)) if base and is_folder(base) else {}
    others = {name: _of_tensors(Header.read(file).tensors.values(), configs[name]) for name, file in separate}
    return ModelFootprint({**from_base, **_of_file(path, configs), **others})


def _of_folder(path: Path) -> Iterator[tuple[str, ModuleFootprint]]:
    for name in components(path):
        if name != "safety_checker" and (files := weight_files(path / name)):
            yield name, ModuleFootprint.of(files, read_json(path / name / "config.json"))


def _of_file(path: Path, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, ModuleFootprint]:
    """The modules of a single file, by the prefixes of their tensors; the rest is the denoiser."""
    found: dict[str, list[TensorInfo]] = {}
    for name, tensor in Header.read(path).tensors.items():
        found.setdefault(_owner(name), []).append(tensor)
    denoiser = next((name for name in ("transformer", "unet") if name in configs), "unet")
    names = {part: _ENDINGS.get(part, denoiser) for part in found}
    return {names[part]: _of_tensors(tensors, configs.get(names[part], {})) for part, tensors in found.items()}


def _of_tensors(tensors: Iterable[TensorInfo], config: Mapping[str, Any]) -> ModuleFootprint:
    every = list(tensors)
    part = ModuleFootprint.from_shapes([tensor.shape for tensor in every], config)
    return replace(part, stored=sum(tensor.end - tensor.begin for tensor in every))


def _owner(tensor: str) -> str:
    return next((part for part, begins in PARTS.items() if tensor.startswith(begins)), "denoiser")


def _shapes(files: Iterable[Path]) -> Iterator[tuple[int, ...]]:
    for file in files:
        yield from (tensor.shape for tensor in Header.read(file).tensors.values())
