"""The LoRAs that a tool reads: what they do to each parameter, with a model or without one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import InputError
from studio.families import Shape, Shapes
from studio.lora.formats import lora_keys
from studio.lora.formats.file import LoraFile, LoraLayer
from studio.lora.formats.fit import MatchedLayer
from studio.lora.formats.format_summary import formats, part
from studio.lora.formats.key_mapping import ModuleLocation
from studio.lora.library.card import LoraCard
from studio.lora.library.lora_index import LoraIndex
from studio.lora.loaded_lora import check, load, patches_of, strength_of
from studio.lora.patcher import ParameterKey, ParameterPatches, WeightPatch
from studio.lora.tools.merge_metadata import MergeSource
from studio.model_files.hashes import digest
from studio.models.card import ModelCard
from studio.models.parameter_index import ParameterLocation, parameter_locations
from studio.prompts.lora import Lora
from studio.tensors import reading

if TYPE_CHECKING:
    from torch import Tensor

_ADDITIVE = frozenset({"lora", "full", "norm"})  # algorithms whose difference does not depend on the model's weight


@dataclass(frozen=True)
class LoraInputs:
    """What several LoRAs together do to each parameter, the parameters' shapes, and where the files came from.

    ``locations`` are where the parameters are stored in the model, none without one. ``half_precision`` is whether all
    files are in it. ``words`` are the embeddings that are stored with the LoRAs; the tools leave them out.
    """

    patches: Mapping[ParameterKey, ParameterPatches]
    shapes: Mapping[ParameterKey, Shape]
    cards: tuple[LoraCard, ...]
    sources: tuple[MergeSource, ...]
    half_precision: bool
    words: tuple[str, ...]
    locations: Mapping[ParameterKey, ParameterLocation]

    def original(self, key: ParameterKey) -> "Tensor":
        """A parameter without any LoRA; without a model zeros in its shape, which is enough for additive algorithms."""
        import torch

        return reading.read(self.locations[key]) if self.locations else torch.zeros(self.shapes[key])

    def is_norm(self, key: ParameterKey) -> bool:
        """Whether a parameter belongs to a norm."""
        weight = (key[0], f"{key[1].rpartition('.')[0]}.weight")
        known = len(self.shapes[weight]) == 1 if weight in self.shapes else False
        return known or any(patch.algorithm == "norm" for patch, _ in self.patches.get(key, ()))


def for_model(card: ModelCard, loras: Sequence[Lora], index: LoraIndex) -> LoraInputs:
    """LoRAs matched with a model.

    Raises InputError where a LoRA is not found, does not fit, or acts in some steps only; ModelError for a damaged one.
    """
    _refuse_steps(loras)
    components = parameter_locations(card)
    shapes: dict[str, Shapes] = {
        component: {name: location.shape for name, location in own.items()} for component, own in components.items()
    }
    patches: list[tuple[WeightPatch, float]] = []
    words: list[str] = []
    for lora, path in _found(loras, index):
        loaded = load(path, shapes, card)
        check(lora, card, loaded)
        patches += [(patch, strength_of(lora, patch)) for patch in loaded.patches]
        words += loaded.embeddings
    flat = {(component, name): at for component, own in components.items() for name, at in own.items()}
    return _inputs(patches, {key: at.shape for key, at in flat.items()}, loras, words, flat, index)


def without_model(loras: Sequence[Lora], index: LoraIndex) -> LoraInputs:
    """LoRAs by the names that the files give their modules; each must share some with those before it.

    Raises InputError where they share none, or where a layer's algorithm depends on the model's weights.
    """
    _refuse_steps(loras)
    patches: list[tuple[WeightPatch, float]] = []
    shapes: dict[ParameterKey, Shape] = {}
    words: list[str] = []
    for lora, path in _found(loras, index):
        file = LoraFile.read(path)
        _check_without_model(lora, file)
        sha256 = digest(path, index.hash_cache)
        found = list(patches_of(sha256, [_by_target(layer) for layer in file.layers], reading.read_all(path)))
        if shapes and not {patch.key for patch in found} & shapes.keys():
            raise InputError(
                f"'{lora.part}' has none of the modules that the others have; give the model that they are for: --model"
            )
        for patch in found:
            _check_shape(lora, shapes.setdefault(patch.key, _shape(patch)), patch)
        patches += [(patch, strength_of(lora, patch)) for patch in found]
        words += file.embeddings
    return _inputs(patches, shapes, loras, words, {}, index)


def original_names(paths: Iterable[Path]) -> lora_keys.Namer:
    """The keys that the tensors have in the files; those of a new kind are named in the same way."""
    known: dict[str, dict[str, str]] = {}
    for path in paths:
        for layer in LoraFile.read(path).layers:
            known.setdefault(layer.target, {}).update(layer.tensors)

    def name(_component: str, module: str, kind: str) -> str:
        keys = known[module]
        return keys.get(kind) or lora_keys.like(keys.values(), module, kind)

    return name


def _inputs(
    patches: Sequence[tuple[WeightPatch, float]],
    shapes: Mapping[ParameterKey, Shape],
    loras: Sequence[Lora],
    words: Sequence[str],
    locations: Mapping[ParameterKey, ParameterLocation],
    index: LoraIndex,
) -> LoraInputs:
    by_key: dict[ParameterKey, ParameterPatches] = {}
    for patch, strength in patches:
        if strength:
            by_key[patch.key] = (*by_key.get(patch.key, ()), (patch, strength))
    half_precision = all(
        tensor.element_size() < 4 or not tensor.ndim for patch, _ in patches for tensor in patch.tensors.values()
    )
    found = _found(loras, index)
    cards = tuple(LoraCard.read(path) for _, path in found)
    sources = [
        MergeSource.of_lora(card, digest(path, index.hash_cache), str(lora)[len(lora.part) + 1 :])
        for card, (lora, path) in zip(cards, found, strict=True)
    ]
    return LoraInputs(by_key, shapes, cards, tuple(sources), half_precision, tuple(words), locations)


def _found(loras: Sequence[Lora], index: LoraIndex) -> list[tuple[Lora, Path]]:
    return [(lora, index.find(lora.part)) for lora in loras]


def _refuse_steps(loras: Sequence[Lora]) -> None:
    for lora in loras:
        if (lora.start, lora.end) != (0, 1):
            raise InputError(f"'{lora}' acts in some steps only, but a merge acts in all; leave out from and to")


def _by_target(layer: LoraLayer) -> MatchedLayer:
    """The layer with its target in the file in place of a module of a model."""
    component = "denoiser" if part(layer.target) == "denoiser" else "text_encoder"
    return MatchedLayer(layer, (ModuleLocation(component, layer.target),))


def _check_without_model(lora: Lora, file: LoraFile) -> None:
    if lora.blocks:
        raise InputError(f"'{lora}' names blocks, which belong to a model; give it: --model")
    if file.unrecognised:
        count = len(file.unrecognised)
        raise InputError(f"'{lora.part}' has {count} tensors in an unknown format; get it in another format")
    dependent = [layer for layer in file.layers if layer.algorithm not in _ADDITIVE or "dora_scale" in layer.shapes]
    if dependent:
        raise InputError(
            f"'{lora.part}' is {formats(dependent).partition(': ')[2]}: what that changes depends on the model's own "
            f"weights; give the model that it is for: --model (studio lora merge makes a LoRA of one file too)"
        )


def _check_shape(lora: Lora, shape: Shape, patch: WeightPatch) -> None:
    if shape != _shape(patch):
        raise InputError(
            f"'{lora.part}' changes '{patch.target}' in the shape {_shape(patch)}, and the others in {shape}; choose "
            "LoRAs for one model"
        )


def _shape(patch: WeightPatch) -> Shape:
    """The shape of the parameter that a patch changes, from its tensors."""
    shapes = {kind: tuple(tensor.shape) for kind, tensor in patch.tensors.items()}
    if patch.bias:
        return next(shapes[kind] for kind in ("diff_b", "b_norm") if kind in shapes)
    if patch.algorithm != "lora":
        return next(shapes[kind] for kind in ("diff", "w_norm") if kind in shapes)
    return (shapes["up"][0], shapes["down"][1], *shapes.get("mid", shapes["down"])[2:])
