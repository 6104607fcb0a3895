"""How the files of a family are recognised: by their tensors and configurations, never by their names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from studio.families.base.state_dict_keys import StateDictKeys

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
"""The shapes of a weight file's tensors by name, as its header gives them."""

_PREFIX: Final = re.compile(r"^model\.(diffusion_model\.)?")  # of a denoiser, in files that may hold other parts too


def without_prefix(name: str) -> str:
    """A tensor's name without the prefix that a denoiser has in a file with other components."""
    return _PREFIX.sub("", name)


@dataclass(frozen=True)
class DiffusersConfigs:
    """The configurations of a model folder in diffusers' layout.

    ``index`` is its ``model_index.json``; ``components`` is the configuration of each component ("unet", "scheduler").
    """

    index: Mapping[str, Any]
    components: Mapping[str, Mapping[str, Any]]

    @property
    def pipeline_class(self) -> str:
        return str(self.index.get("_class_name"))

    def get(self, component: str, key: str) -> Any:
        """One value of a component's configuration; None where it is missing."""
        return self.components.get(component, {}).get(key)


def single_variant(_configs: DiffusersConfigs) -> str:
    """The plain variant, for families without others."""
    return ""


@dataclass(frozen=True)
class VPredictionMark:
    """A tensor whose standard deviation exceeds a bound only in files of the plain variant, which predict v.

    Files below the bound belong to the variant ``otherwise``.
    """

    tensor: str
    above: float
    otherwise: str


@dataclass(frozen=True)
class Detection:
    """What tells the files of a family from those of others, and its variants from each other.

    A variant is "" for the plain one, None for a model of another family. ``by_tensors`` finds it from the tensors of a
    single file with the original names, ``by_configs`` from a diffusers folder whose ``model_index.json`` names one of
    the ``pipeline_classes``. The variants in ``same_tensors`` have the tensors of the plain one, so a single file does
    not tell them apart, but its base does. ``v_prediction_mark`` tells v-prediction where shapes do not.

    ``state_dict_keys`` maps the original names of the denoiser's modules to those of diffusers, where they differ.

    ``lora_keys`` are patterns for the ends of module names in a LoRA ("_" for each dot), with the input widths that
    tell it from LoRAs for other families. ``aliases`` are how names of base models in metadata begin, in lower case
    letters and digits: "sdxl", "pony".
    """

    pipeline_classes: frozenset[str]
    by_tensors: Callable[[Shapes], str | None]
    by_configs: Callable[[DiffusersConfigs], str | None] = single_variant
    same_tensors: frozenset[str] = frozenset()
    v_prediction_mark: VPredictionMark | None = None
    state_dict_keys: StateDictKeys = field(default_factory=StateDictKeys)
    lora_keys: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    aliases: tuple[str, ...] = ()

    def variant_of(self, configs: DiffusersConfigs) -> str | None:
        """The variant of a model in diffusers' layout; None where it belongs to another family."""
        return self.by_configs(configs) if configs.pipeline_class in self.pipeline_classes else None

    def original_shapes(self, shapes: Shapes) -> Shapes:
        """Shapes by original names, from diffusers' names; empty where one of them is unknown.

        A fused tensor has the shape of its first part.
        """
        found: dict[str, Shape] = {}
        for name, shape in shapes.items():
            module, _, end = name.rpartition(".")
            ends = [f".{end}", ".scale"] if end == "weight" else [f".{end}"]
            parts = [(part, ends) for part in self.state_dict_keys.to_original(module)]
            parts = parts or [(part, [""]) for part in self.state_dict_keys.to_original(name)]
            if not parts:
                return {}
            found |= {f"{part.name}{each}": shape for part, theirs in parts for each in theirs if part.position == 0}
        return found
