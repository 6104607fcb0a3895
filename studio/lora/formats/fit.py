"""Which modules of a model a LoRA file changes, and whether its shapes are theirs."""

from collections.abc import Mapping
from dataclasses import dataclass

from studio.errors import ModelError
from studio.families import Family, Shape, Shapes
from studio.lora.formats.file import Change, LoraFile
from studio.lora.formats.key_mapping import Atlas, Place
from studio.lora.formats.shapes import suits


@dataclass(frozen=True)
class Fitted:
    """A change and where it goes: one place, or several in the order of their rows."""

    change: Change
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Misshaped:
    """A change whose tensors do not have the shapes that the module's weight asks for."""

    change: Change
    weight: Shape

    def __str__(self) -> str:
        own = ", ".join(f"{role} {_written(shape)}" for role, shape in self.change.shapes.items() if shape)
        return f"{self.change.target}: {own} for a weight of {_written(self.weight)}"


@dataclass(frozen=True)
class Fit:
    """What of a file can be applied to a model; ``unknown`` are targets of modules that the model has not."""

    fitted: tuple[Fitted, ...]
    unknown: tuple[str, ...]
    misshaped: tuple[Misshaped, ...]

    @property
    def share(self) -> float:
        """Changes that can be applied, of all; strays are not counted."""
        return len(self.fitted) / max(1, len(self.fitted) + len(self.unknown) + len(self.misshaped))


def fit(file: LoraFile, model: Mapping[str, Shapes], family: Family) -> Fit:
    """Find each change's place in a model, given as component → shapes of its parameters by diffusers' names.

    Raises ModelError where a name could be that of several modules, or two names are that of one.
    """
    atlas = Atlas.of(model, family)
    fitted, unknown, misshaped = [], [], []
    for change in file.changes:
        places = atlas.find(change.target)
        if not places:
            unknown.append(change.target)
        elif (wrong := _misshaped(change, places, model)) is not None:
            misshaped.append(wrong)
        else:
            fitted.append(Fitted(change, places))
    _check_once(file, fitted)
    return Fit(tuple(fitted), tuple(unknown), tuple(misshaped))


def _check_once(file: LoraFile, fitted: list[Fitted]) -> None:
    seen: dict[tuple[str, str, object, bool], str] = {}
    for change, place in ((each.change, place) for each in fitted for place in each.places):
        key = (place.component, place.module, place.into, {*change.tensors} == {"diff_b"})
        if (other := seen.setdefault(key, change.target)) != change.target:
            names = f"'{other[:80]}' and '{change.target[:80]}'"
            raise ModelError(f"'{file.path}' changes one module twice, as {names}; get it in another format")


def _misshaped(change: Change, places: tuple[Place, ...], model: Mapping[str, Shapes]) -> Misshaped | None:
    weight = _together(places, model, "weight")
    if weight and suits(change, weight, _together(places, model, "bias")):
        return None
    return Misshaped(change, weight or ())


def _together(places: tuple[Place, ...], model: Mapping[str, Shapes], name: str) -> Shape | None:
    """The shape of the places' weights or biases, one above the other."""
    shapes = [
        model[place.component].get(f"{place.module}.{name}")
        for place in {place.module: place for place in places}.values()
    ]
    first = shapes[0]
    if first is None or any(shape is None or shape[1:] != first[1:] for shape in shapes):
        return None
    return (sum(shape[0] for shape in shapes if shape), *first[1:])


def _written(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
