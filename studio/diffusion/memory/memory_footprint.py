"""What a model's parts weigh and how large its work grows, read from headers and configurations alone.

Activations are counted in numbers, not bytes, from how the architectures are laid out in diffusers: which
tensors are alive at once where most are. Factors that the layout does not give were fitted to peaks measured
on a CPU (``tests/diffusion/memory/test_plan.py`` measures again).
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
"""Pixels of a tile's edge where a picture is decoded in tiles."""

_WORDS: Final = 512  # tokens of a prompt that a transformer sees beside the picture's, at most in most families
_HEADS: Final = {"num_attention_heads": 24, "attention_head_dim": 128}
_Placed = tuple[tuple[str, Path], ...]
_ENDINGS: Final = {"text encoder": "text_encoder", "VAE": "vae"}


@dataclass(frozen=True)
class Part:
    """One module of a model: how many numbers its weights are, its matrices', its largest tensor's; its configuration.

    Matrices are what linear layers multiply with; kernels of convolutions are none. ``stored`` is how many bytes its
    weights have in a single file.
    """

    weights: int
    matrices: int
    largest: int
    config: Mapping[str, Any]
    stored: int = 0

    @classmethod
    def of(cls, files: Iterable[Path], config: Mapping[str, Any]) -> "Part":
        """Read from the headers of its files; raises ModelError where one is damaged."""
        return cls.made(_shapes(files), config)

    @classmethod
    def made(cls, shapes: Iterable[Sequence[int]], config: Mapping[str, Any]) -> "Part":
        """A part whose tensors have these shapes."""
        sizes = [(prod(shape), len(shape) == 2) for shape in shapes]
        numbers = [size for size, _ in sizes]
        matrices = sum(size for size, matrix in sizes if matrix)
        return cls(sum(numbers), matrices, max(numbers, default=0), config)


@dataclass(frozen=True)
class Anatomy:
    """A model's parts by their names in diffusers ("unet", "text_encoder_2", "vae")."""

    parts: Mapping[str, Part]

    @classmethod
    def of(cls, card: ModelCard) -> "Anatomy":
        """Read from the headers of its files; raises ModelError where one is damaged."""
        placed = tuple(card.placed().items())
        return _read(card.path, card.base, card.variant, card.weights is not None, placed, stamps(card))

    def decoding_with(self, vae: Part | None) -> "Anatomy":
        """The model with another VAE in place of its own, if any."""
        return Anatomy({**self.parts, "vae": vae}) if vae else self

    @property
    def encoders(self) -> list[Part]:
        """What turns prompts and pictures into what the denoiser listens to."""
        return [part for name, part in self.parts.items() if "encoder" in name]

    @property
    def decoders(self) -> list[Part]:
        """What makes pictures of latents; one in nearly all models."""
        return [part for name, part in self.parts.items() if name in {"vae", "movq", "vqvae"}]

    @property
    def denoisers(self) -> list[Part]:
        """All other parts, a U-Net or a transformer before all."""
        return [part for part in self.parts.values() if part not in self.encoders + self.decoders]

    def denoising(self, size: Size, nets: Sequence[Part] = ()) -> int:
        """Numbers alive at once while one latent is denoised by a step; with guidance there are two.

        Each of the ControlNets ``nets`` works before the denoiser, which then holds what they found, added up.
        """
        area, drawn = size.width * size.height // self._compression**2, size.width * size.height
        own = max((_denoising(part.config, area, self._channels) for part in self.denoisers), default=0)
        found = max((_found(net.config, area, self._channels) for net in nets), default=0)
        seeing = max((_seeing(net.config) * drawn for net in nets), default=0)
        return max(own + found, seeing)

    def decoding(self, size: Size, *, tiled: bool = False) -> int:
        """Numbers alive at once while one latent is decoded, the picture itself included."""
        drawn = size.width * size.height
        area = min(drawn, TILE**2) if tiled else drawn
        return max((_decoding(part.config) for part in self.decoders), default=0) * area + 3 * drawn

    @property
    def _compression(self) -> int:
        """Pixels of a latent's edge."""
        stages = [len(_stages(part.config)) for part in self.decoders]
        return int(2 ** (max(stages, default=4) - 1))

    @property
    def _channels(self) -> int:
        found = (part.config.get("latent_channels") or part.config.get("z_dim") for part in self.decoders)
        return int(next(found, None) or 4)


def stamps(card: ModelCard) -> tuple[Stamp, ...]:
    """What is another as soon as another file lies in the place of one that decides what the model draws."""
    return tuple(Stamp.settled(file) for file in card.files().values() if is_file(file))


def _denoising(config: Mapping[str, Any], area: int, channels: int) -> int:
    return _unet(config, area) if "block_out_channels" in config else _transformer(config, area, channels)


def _unet(config: Mapping[str, Any], area: int) -> int:
    """Of all levels, the most: what is kept for the way up, and the work on one level's way up.

    That is, in a block that attends, the feed-forward layer with its gates, eight times as wide and halved;
    otherwise a convolution's input, joined with what was kept, normalised, and once more as the CPU lays it out.
    """
    channels, most, kept = _listed(config["block_out_channels"]), 0.0, 0.0
    kinds = str(config.get("down_block_types") or ["Attn"] * len(channels)).split(",")
    for level, own in enumerate(channels):
        deeper, attends = channels[min(level + 1, len(channels) - 1)], "Attn" in kinds[min(level, len(kinds) - 1)]
        kept += (_layers(config, level) + 1) * own / 4**level
        most = max(most, kept + (deeper + (20 * own if attends else 5 * (own + deeper))) / 4**level)
    return int(most * area)


def _found(config: Mapping[str, Any], area: int, channels: int) -> int:
    """What a ControlNet tells its denoiser: once itself, once added to what the denoiser found on its own way."""
    if "block_out_channels" in config:
        return 2 * _kept(config, area)
    layers = int(config.get("num_layers") or 0) + int(config.get("num_single_layers") or 0)
    return layers * _width(config) * _tokens(config, area, channels)


def _kept(config: Mapping[str, Any], area: int) -> int:
    """What a U-Net's way down leaves for its way up."""
    own = enumerate(_listed(config["block_out_channels"]))
    return int(sum((_layers(config, level) + 1) * width / 4**level for level, width in own) * area)


def _seeing(config: Mapping[str, Any]) -> int:
    """Numbers for each pixel of the picture that a ControlNet looks at, while it makes latents of it."""
    channels = config.get("conditioning_embedding_out_channels") or 0
    return 3 * int(channels[0] if isinstance(channels, list) else channels)


def _layers(config: Mapping[str, Any], level: int) -> int:
    layers = config.get("layers_per_block", 2)
    return int(layers[min(level, len(layers) - 1)] if isinstance(layers, list) else layers or 0)


def _transformer(config: Mapping[str, Any], area: int, channels: int) -> int:
    """All tokens sixteen times over: themselves, normalised, as queries, keys and values, and four times as wide."""
    return 16 * _width(config) * (_tokens(config, area, channels) + _WORDS)


def _tokens(config: Mapping[str, Any], area: int, channels: int) -> int:
    """A picture's tokens for a transformer, each of four latents where it takes them packed, those of others beside."""
    packed = 4 if (config.get("in_channels") or 1) % (4 * channels) == 0 else 1
    patch = config.get("patch_size") or 1
    patch = patch if isinstance(patch, int) else patch[-1]
    return int(area // (packed * patch**2))


def _width(config: Mapping[str, Any]) -> int:
    """Numbers a token has."""
    for name in ("hidden_size", "inner_dim", "dim"):
        if isinstance(config.get(name), int):
            return int(config[name])
    heads, width = (max(_listed(config.get(name, usual))) for name, usual in _HEADS.items())
    return heads * width


def _decoding(config: Mapping[str, Any]) -> int:
    """Numbers a pixel takes: the last stage's input, normalised, and through its activation."""
    stages = _stages(config)
    return 3 * max(stages[:2])


def _stages(config: Mapping[str, Any]) -> list[int]:
    """Channels of an autoencoder's stages, the one at full size first."""
    if found := config.get("decoder_block_out_channels") or config.get("block_out_channels"):
        return _listed(found)
    base = config.get("base_dim") or 128
    return [max(_listed(base)) * times for times in _listed(config.get("dim_mult") or [1, 2, 4, 4])]


def _listed(value: int | list[int] | None) -> list[int]:
    """A setting that some write as one number for all stages, and none as nothing."""
    return value if isinstance(value, list) else [value or 0]


@lru_cache(maxsize=64)
def _read(
    path: Path, base: Path | None, variant: str, single: bool, placed: _Placed, _stamps: tuple[Stamp, ...]
) -> Anatomy:
    if not single:
        return Anatomy(dict(_of_folder(path)))
    configs = component_configs.components(base, variant) if base else {}
    lent = dict(_of_folder(base)) if base and is_folder(base) else {}
    beside = {name: _of_tensors(Header.read(file).tensors.values(), configs[name]) for name, file in placed}
    return Anatomy({**lent, **_of_file(path, configs), **beside})


def _of_folder(path: Path) -> Iterator[tuple[str, Part]]:
    for name in components(path):
        if name != "safety_checker" and (files := weight_files(path / name)):
            yield name, Part.of(files, read_json(path / name / "config.json"))


def _of_file(path: Path, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Part]:
    """The parts of a single file by how their tensors' names begin; the rest is the denoiser."""
    found: dict[str, list[TensorInfo]] = {}
    for name, tensor in Header.read(path).tensors.items():
        found.setdefault(_owner(name), []).append(tensor)
    denoiser = next((name for name in ("transformer", "unet") if name in configs), "unet")
    names = {part: _ENDINGS.get(part, denoiser) for part in found}
    return {names[part]: _of_tensors(tensors, configs.get(names[part], {})) for part, tensors in found.items()}


def _of_tensors(tensors: Iterable[TensorInfo], config: Mapping[str, Any]) -> Part:
    every = list(tensors)
    part = Part.made([tensor.shape for tensor in every], config)
    return replace(part, stored=sum(tensor.end - tensor.begin for tensor in every))


def _owner(tensor: str) -> str:
    return next((part for part, begins in PARTS.items() if tensor.startswith(begins)), "denoiser")


def _shapes(files: Iterable[Path]) -> Iterator[tuple[int, ...]]:
    for file in files:
        yield from (tensor.shape for tensor in Header.read(file).tensors.values())
