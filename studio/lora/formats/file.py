"""What a LoRA file does to a model, from the names and shapes of its tensors; only its alphas are loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, prod
from pathlib import Path
from types import MappingProxyType
from typing import Final

from studio.errors import ModelError
from studio.families import Shapes
from studio.lora.formats import unsupported
from studio.lora.formats.lora_keys import BUNDLED_EMBEDDING, SHARED, parse_key
from studio.lora.formats.peft_config import PeftConfig
from studio.lora.formats.required_tensors import is_complete, is_possible_shape
from studio.model_files.header import Header

_RANK: Final = {"lora": ("down",), "loha": ("w1_b",), "lokr": ("w1_b", "w2_b")}
"""Algorithm → the tensors whose first dimension is the rank."""


@dataclass(frozen=True)
class LoraLayer:
    """What a file does to one module.

    ``target`` is the module as the file names it, ``algorithm`` one of ``lora_keys.ALGORITHMS``. ``tensors`` are the
    keys in the file by kind of tensor ("up", "down"), ``shapes`` their shapes. ``alpha`` is the one that a tensor of
    the file gives, or else its configuration; None where neither does, or where it has no meaning.
    ``on_input`` is for IA3: it scales the inputs of the module, not the outputs.
    """

    target: str
    algorithm: str
    tensors: Mapping[str, str]
    shapes: Shapes
    alpha: float | None = None
    on_input: bool = False

    @property
    def rank(self) -> int:
        """The rank of its matrices; 0 where it has none, as a full difference."""
        if self.algorithm == "glora":  # which is written in two orders
            return min(self.shapes["a1"][:2])
        return next((self.shapes[kind][0] for kind in _RANK.get(self.algorithm, ()) if kind in self.shapes), 0)

    @property
    def scale(self) -> float:
        """What the product of its matrices is multiplied by: alpha / rank; 1 where either is missing.

        An alpha of 0 is a scale of 0, as in ComfyUI, A1111 and diffusers; trainers write the rank instead of it.
        """
        return self.alpha / self.rank if self.alpha is not None and self.rank else 1.0

    @property
    def has_no_effect(self) -> bool:
        """Whether it changes nothing, whatever its matrices hold, because its alpha is 0."""
        return self.scale == 0 and "dora_scale" not in self.tensors


@dataclass(frozen=True)
class LoraFile:
    """A LoRA file. Each of its tensors is in one layer, in one embedding, or unrecognised.

    ``embeddings`` are the textual inversions in the file: word → keys by their names in an embedding's own file.
    ``unrecognised`` are the keys that are not known, or that lack other tensors of their module.
    """

    path: Path
    metadata: Mapping[str, str]
    layers: tuple[LoraLayer, ...]
    embeddings: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    unrecognised: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "LoraFile":
        """Read from the file's header.

        Raises ModelError where it is damaged, is not a LoRA, is in a format that is not supported, or changes one
        module in two ways.
        """
        header = Header.read(path)
        unsupported.check(header)
        layers = tuple(_layers(header))
        if not layers:
            raise ModelError(f"'{path}' is not a LoRA: none of its {len(header.tensors):,} tensors changes a module")
        embeddings = _embeddings(header)
        used = {key for each in (*(layer.tensors for layer in layers), *embeddings.values()) for key in each.values()}
        unrecognised = tuple(key for key in header.tensors if key not in used)
        return cls(path, header.metadata, layers, embeddings, unrecognised)


def _embeddings(header: Header) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key in header.tensors:
        prefix, word, name = (*key.split(".", 2), "", "")[:3]
        if prefix == BUNDLED_EMBEDDING and word and name:
            found.setdefault(word, {})[name] = key
    return found


def _layers(header: Header) -> Iterator[LoraLayer]:
    config = PeftConfig.of(header)
    for target, algorithms in _by_target(header).items():
        shared = algorithms.pop(SHARED, {})
        usable = {algorithm: keys for algorithm, keys in algorithms.items() if _is_usable(header, algorithm, keys)}
        of_weight = [algorithm for algorithm, keys in usable.items() if {*keys} != {"diff_b"}]
        if len(of_weight) > 1:  # a difference of the bias may accompany any of them
            raise ModelError(
                f"'{header.path}' changes '{target[:80]}' in two ways, {' and '.join(of_weight)}; get another file"
            )
        for algorithm, keys in usable.items():
            yield _layer(header, target, algorithm, keys | shared if algorithm in of_weight else keys, config)


def _by_target(header: Header) -> dict[str, dict[str, dict[str, str]]]:
    """Target → algorithm → kind of tensor → key."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for key in header.tensors:
        if not key.startswith(f"{BUNDLED_EMBEDDING}.") and (parsed := parse_key(key)):
            keys = found.setdefault(parsed.target, {}).setdefault(parsed.algorithm, {})
            if parsed.kind in keys:
                raise ModelError(
                    f"'{header.path}' has '{parsed.kind}' of '{parsed.target[:80]}' twice; get another file"
                )
            keys[parsed.kind] = key
    return found


def _is_usable(header: Header, algorithm: str, keys: Mapping[str, str]) -> bool:
    return is_complete(algorithm, keys) and all(
        is_possible_shape(algorithm, kind, header.tensors[key].shape) for kind, key in keys.items()
    )


def _layer(header: Header, target: str, algorithm: str, keys: Mapping[str, str], config: PeftConfig) -> LoraLayer:
    layer = LoraLayer(target, algorithm, keys, {kind: header.tensors[key].shape for kind, key in keys.items()})
    if algorithm == "ia3":
        return replace(layer, on_input=bool(_number(header, keys["on_input"])))
    if not layer.rank and algorithm != "oft":  # alpha has no meaning here, and LyCORIS writes anything, even infinity
        return layer
    if "alpha" in keys:
        return replace(layer, alpha=_number(header, keys["alpha"]))
    return replace(layer, alpha=config.alpha(target, layer.rank)) if layer.rank else layer


def _number(header: Header, key: str) -> float:
    values = header.numbers(key) if prod(header.tensors[key].shape) == 1 else None
    if values is None or not values.size or not isfinite(values[0]):
        raise ModelError(f"'{header.path}' does not hold a number in '{key[:80]}'; it is damaged: get it again")
    return float(values[0])
