"""A LoRA file read as a whole and matched with one model, or refused where it does not fit."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError, ModelError
from studio.families import Shapes
from studio.lora import algorithms
from studio.lora.formats.file import LoraFile, LoraLayer
from studio.lora.formats.fit import MatchedLayer, fit
from studio.lora.library import base_model
from studio.lora.library.card import LoraCard
from studio.lora.patcher import WeightPatch
from studio.model_files.hashes import digest
from studio.models.card import ModelCard
from studio.prompts.lora import Lora
from studio.tensors.reading import read_all

if TYPE_CHECKING:
    from torch import Tensor

_NAMED: Final = 3  # modules that an error names


@dataclass(frozen=True)
class LoadedLora:
    """A file's patches for one model, its number of modules, and its embeddings by word.

    ``unfit`` are the modules and tensors that do not fit. ``family`` is the name of the one that the file was made for,
    "" where that is unknown. ``size`` is in bytes.
    """

    name: str
    sha256: str
    family: str
    patches: tuple[WeightPatch, ...]
    modules: int
    unfit: tuple[str, ...]
    embeddings: "Mapping[str, list[Tensor]]" = field(repr=False)
    size: int


def load(path: Path, model: Mapping[str, Shapes], card: ModelCard) -> LoadedLora:
    """Read a file as a whole and match it with a model, given by its parameters' shapes as for ``fit``.

    Raises ModelError where it is not a LoRA, is damaged, or a name in it is ambiguous.
    """
    file, sha256 = LoraFile.read(path), digest(path, card.hash_cache)
    found = fit(file, model, card.family)
    unfit = (*map(str, found.mismatched), *found.unknown, *file.unrecognised)
    tensors = read_all(path)
    patches = tuple(patches_of(sha256, found.matched, tensors))
    _check_once(path.stem, patches)
    embeddings = {word: [tensors[key] for key in keys.values()] for word, keys in file.embeddings.items()}
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    modules = len({layer.target for layer in file.layers})
    return LoadedLora(path.stem, sha256, LoraCard.read(path).family, patches, modules, unfit, embeddings, size)


def patches_of(sha256: str, matched: Sequence[MatchedLayer], tensors: "Mapping[str, Tensor]") -> Iterator[WeightPatch]:
    """The patches of a file with this SHA-256, parameter by parameter; none for layers whose alpha is 0."""
    for each in matched:
        layer = each.layer
        if layer.has_no_effect:
            continue
        own = _tensors(layer, tensors)
        for location in each.locations:
            for bias, affected in zip((False, True), algorithms.affects(own), strict=True):
                if affected:
                    yield WeightPatch(sha256, layer.target, layer.algorithm, location, bias, each.locations, own)


def _tensors(layer: LoraLayer, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """A layer's tensors by kind: numbers without a shape, and PEFT's magnitudes as vectors, for convolutions too.

    Its alpha is that of the file's configuration where no tensor holds it.
    """
    import torch

    own = {kind: tensors[key] for kind, key in layer.tensors.items()}
    if "magnitude" in layer.tensors.get("dora_scale", ""):
        own["dora_scale"] = own["dora_scale"].flatten()
    if "on_input" in own:
        own["on_input"] = own["on_input"].reshape(())
    return own if layer.alpha is None else own | {"alpha": torch.tensor(layer.alpha)}


def strength_of(lora: Lora, patch: WeightPatch) -> float:
    """The strength of a LoRA in one parameter, in the steps in which it acts."""
    if is_text(patch):
        return lora.weight if lora.text is None else lora.text
    return lora.weight_in(patch.location.module)


def is_text(patch: WeightPatch) -> bool:
    """Whether a patch is for a text encoder."""
    return patch.location.component.startswith("text_encoder")


def check(lora: Lora, card: ModelCard, loaded: LoadedLora) -> None:
    """Raise InputError unless the file fits the model, in part where that is enough, and has the blocks it names."""
    if loaded.unfit and not (lora.partial and loaded.patches):
        raise _does_not_fit(card, loaded)
    if loaded.family not in {"", card.family.name} and not lora.partial:
        raise InputError(
            f"the LoRA '{loaded.name}' was made for {base_model.title(loaded.family)}, and {card.name} is "
            f"{card.family.title}; its modules fit, so :partial=1 would use it all the same"
        )
    modules = {f"{patch.location.module}." for patch in loaded.patches if not is_text(patch)}
    for prefix, _ in lora.blocks:
        if not any(module.startswith(f"{prefix}.") for module in modules):
            known = sorted({".".join(module.split(".")[:2]) for module in modules})
            raise InputError(f"the LoRA '{loaded.name}' changes nothing in '{prefix}'; it changes {', '.join(known)}")


def _does_not_fit(card: ModelCard, loaded: LoadedLora) -> InputError:
    fitting, unfit = len({patch.target for patch in loaded.patches}), loaded.unfit
    more = f" and {len(unfit) - _NAMED:,} more" if len(unfit) > _NAMED else ""
    return InputError(
        f"the LoRA '{loaded.name}' does not fit {card.name}: {fitting:,} of its {loaded.modules:,} modules do, but not "
        f"{', '.join(unfit[:_NAMED])}{more}; choose one that was made for {card.family.title}"
        f"{', or write :partial=1 to leave these out' if fitting else ''}"
    )


def _check_once(name: str, patches: Sequence[WeightPatch]) -> None:
    """Raise ModelError where two layers of a file change the same weights."""
    times = Counter((patch.key, patch.location.target_rows) for patch in patches)
    for (key, _), count in times.items():
        if count > 1:
            raise ModelError(f"the LoRA '{name}' changes '{'.'.join(key)}' {count} times; get another file")
