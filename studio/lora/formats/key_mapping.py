"""Finds the modules of a model that a LoRA file names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from studio.errors import ModelError
from studio.families import Family, Shape, Shapes
from studio.families.base.state_dict_keys import StateDictKeys
from studio.lora.formats.lora_keys import DENOISERS, PREFIXES

_PEFT_WRAPPER: Final = re.compile(r"(^|\.)base_model\.model\.")
_OLD_NAME: Final = re.compile(r"\.self_attn\.to_(q|k|v|out)$")  # the first LoRAs' name for "q_proj"


@dataclass(frozen=True)
class ModuleLocation:
    """A module of the model: its component ("unet") and its dotted name there.

    Where one module of the file stands for several of the model, ``source_rows`` are the rows of the file's weight that
    belong here, as (first, end), and ``target_rows`` the rows of the module's weight that they go to. None means all.
    """

    component: str
    module: str
    source_rows: tuple[int, int] | None = None
    target_rows: tuple[int, int] | None = None


ModuleLocations = tuple[ModuleLocation, ...]


@dataclass(frozen=True)
class ModuleIndex:
    """The modules of a model's components by each of their names, with dots and with underscores in their place."""

    components: Mapping[str, Mapping[str, set[ModuleLocations]]]

    @classmethod
    def of(cls, model: Mapping[str, Shapes], family: Family) -> "ModuleIndex":
        """The index of a model, given as component → shapes of its parameters by diffusers' names.

        The only text encoder of SDXL's refiner, its second, is found under the names of a first one as well.
        """
        found = {component: _index(component, _weights(shapes), family) for component, shapes in model.items()}
        if "text_encoder_2" in found:
            found.setdefault("text_encoder", found["text_encoder_2"])
        return cls(found)

    def find(self, target: str) -> ModuleLocations:
        """The modules that a file calls ``target``: several where the model has it in parts, none where it is unknown.

        Raises ModelError where the name is ambiguous.
        """
        name = _PEFT_WRAPPER.sub(r"\1", target)
        for prefix, components in PREFIXES.items():
            found = self._all(name.removeprefix(prefix), components) if name.startswith(prefix) else set()
            if len(found) > 1:
                raise _ambiguous(target, found)
            if found:
                return found.pop()
        return ()

    def _all(self, name: str, components: tuple[str, ...]) -> set[ModuleLocations]:
        indices = [self.components[component] for component in components if component in self.components]
        return {found for spelling in _spellings(name) for index in indices for found in index.get(spelling, ())}


def _index(component: str, weights: Shapes, family: Family) -> dict[str, set[ModuleLocations]]:
    found: dict[str, set[ModuleLocations]] = {}
    for name, locations in _named(component, weights, family):
        for spelling in (name, name.replace(".", "_")):
            found.setdefault(spelling, set()).add(locations)
    return found


def _weights(shapes: Shapes) -> Shapes:
    suffix = ".weight"
    return {name.removesuffix(suffix): shape for name, shape in shapes.items() if name.endswith(suffix)}


def _named(component: str, weights: Shapes, family: Family) -> Iterator[tuple[str, ModuleLocations]]:
    for module in weights:
        yield module, (ModuleLocation(component, module),)
        if component.startswith("text_encoder"):  # files have "text_model." or leave it out
            bare = module.removeprefix("text_model.")
            yield bare, (ModuleLocation(component, module),)
            yield f"text_model.{bare}", (ModuleLocation(component, module),)
    if component in DENOISERS:
        yield from _original_names(component, weights, family)


def _original_names(component: str, weights: Shapes, family: Family) -> Iterator[tuple[str, ModuleLocations]]:
    """The modules under the names that the model's authors gave them, which may fuse several of diffusers'."""
    found: dict[str, dict[int, str]] = {}
    for module in weights:
        for name, place in family.detection.state_dict_keys.to_original(module):
            found.setdefault(name, {})[place] = module
    for name, parts in found.items():
        modules = [parts[place] for place in sorted(parts)]
        if len(modules) == 1:
            yield name, _single(component, modules[0], weights[modules[0]], family.detection.state_dict_keys)
        else:
            yield name, _fused(component, modules, weights)
            for place, module in parts.items():  # the Open Model Initiative numbers the parts
                yield f"{name}.{place}", (ModuleLocation(component, module),)


def _single(component: str, module: str, weight: Shape, names: StateDictKeys) -> ModuleLocations:
    if not names.swaps_halves(module, weight):
        return (ModuleLocation(component, module),)
    first, second = (0, weight[0] // 2), (weight[0] // 2, weight[0])
    return ModuleLocation(component, module, first, second), ModuleLocation(component, module, second, first)


def _fused(component: str, modules: list[str], weights: Shapes) -> ModuleLocations:
    ends = pairwise(accumulate((weights[module][0] for module in modules), initial=0))
    return tuple(ModuleLocation(component, module, rows) for module, rows in zip(modules, ends, strict=True))


def _spellings(name: str) -> tuple[str, ...]:
    omi = "img_in" if name == "img_in.proj" else name  # the Open Model Initiative's name for FLUX's first layer
    return name, omi, _OLD_NAME.sub(r".self_attn.\1_proj", name), f"{name}.0" if name.endswith(".to_out") else name


def _ambiguous(target: str, found: set[ModuleLocations]) -> ModelError:
    modules = sorted(" and ".join(f"{at.component}.{at.module}" for at in locations) for locations in found)
    return ModelError(f"the LoRA's '{target[:80]}' could be {' or '.join(modules)}; get it in another format")
