"""Which modules of a model a LoRA file changes, and whether its shapes match theirs."""

from collections.abc import Mapping
from dataclasses import dataclass

from studio.errors import ModelError
from studio.families import Family, Shape, Shapes
from studio.lora.formats.file import LoraFile, LoraLayer
from studio.lora.formats.key_mapping import ModuleIndex, ModuleLocation
from studio.lora.formats.shapes import fits


@dataclass(frozen=True)
class MatchedLayer:
    """A layer and the modules of the model that it changes: one, or several in the order of their rows."""

    layer: LoraLayer
    locations: tuple[ModuleLocation, ...]


@dataclass(frozen=True)
class ShapeMismatch:
    """A layer whose tensors do not have the shapes that the module's weight requires."""

    layer: LoraLayer
    weight: Shape

    def __str__(self) -> str:
        own = ", ".join(f"{kind} {_written(shape)}" for kind, shape in self.layer.shapes.items() if shape)
        return f"{self.layer.target}: {own} for a weight of {_written(self.weight)}"


@dataclass(frozen=True)
class Fit:
    """Which layers of a file can be applied to a model; ``unknown`` are the targets that the model does not have."""

    matched: tuple[MatchedLayer, ...]
    unknown: tuple[str, ...]
    mismatched: tuple[ShapeMismatch, ...]

    @property
    def share(self) -> float:
        """The share of layers that can be applied; unrecognised tensors are not counted."""
        return len(self.matched) / max(1, len(self.matched) + len(self.unknown) + len(self.mismatched))


def fit(file: LoraFile, model: Mapping[str, Shapes], family: Family) -> Fit:
    """Find each layer's modules in a model, given as component → shapes of its parameters by diffusers' names.

    Raises ModelError where a name could be that of several modules, or two names are that of one.
    """
    index = ModuleIndex.of(model, family)
    matched, unknown, mismatched = [], [], []
    for layer in file.layers:
        locations = index.find(layer.target)
        if not locations:
            unknown.append(layer.target)
        elif (wrong := _mismatch(layer, locations, model)) is not None:
            mismatched.append(wrong)
        else:
            matched.append(MatchedLayer(layer, locations))
    _check_once(file, matched)
    return Fit(tuple(matched), tuple(unknown), tuple(mismatched))


def _check_once(file: LoraFile, matched: list[MatchedLayer]) -> None:
    seen: dict[tuple[str, str, object, bool], str] = {}
    for layer, at in ((each.layer, location) for each in matched for location in each.locations):
        key = (at.component, at.module, at.target_rows, {*layer.tensors} == {"diff_b"})
        if (other := seen.setdefault(key, layer.target)) != layer.target:
            names = f"'{other[:80]}' and '{layer.target[:80]}'"
            raise ModelError(f"'{file.path}' changes one module twice, as {names}; get it in another format")


def _mismatch(
    layer: LoraLayer, locations: tuple[ModuleLocation, ...], model: Mapping[str, Shapes]
) -> ShapeMismatch | None:
    weight = _stacked(locations, model, "weight")
    if weight and fits(layer, weight, _stacked(locations, model, "bias")):
        return None
    return ShapeMismatch(layer, weight or ())


def _stacked(locations: tuple[ModuleLocation, ...], model: Mapping[str, Shapes], name: str) -> Shape | None:
    """The shape of the modules' weights or biases, one above the other."""
    modules = {location.module: location for location in locations}
    shapes = [model[at.component].get(f"{at.module}.{name}") for at in modules.values()]
    first = shapes[0]
    if first is None or any(shape is None or shape[1:] != first[1:] for shape in shapes):
        return None
    return (sum(shape[0] for shape in shapes if shape), *first[1:])


def _written(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
