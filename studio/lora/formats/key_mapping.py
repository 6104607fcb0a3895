"""Where in a model the modules are that a LoRA file names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from studio.errors import ModelError
from studio.families import Family, Shape, Shapes
from studio.families.base.state_dict_keys import StateDictKeys

_DENOISER: Final = ("unet", "transformer")
_TEXTS: Final = ("text_encoder", "text_encoder_2", "text_encoder_3")
_PREFIXES: Final = {
    "lora_unet_": _DENOISER,
    "lora_transformer_": _DENOISER,
    "oft_unet_": _DENOISER,
    "lycoris_": (*_DENOISER, *_TEXTS),
    "lora_te_": ("text_encoder",),
    "lora_te1_": ("text_encoder",),
    "lora_te2_": ("text_encoder_2",),
    "lora_te3_": ("text_encoder_3", "text_encoder_2"),  # T5, which is the second where there are but two
    "model.diffusion_model.": _DENOISER,
    "diffusion_model.": _DENOISER,
    "transformer.": _DENOISER,
    "unet.": _DENOISER,
    "text_encoders.clip_l.transformer.": ("text_encoder",),  # as ComfyUI has it
    "text_encoders.clip_g.transformer.": ("text_encoder_2",),
    "text_encoders.t5xxl.transformer.": ("text_encoder_3", "text_encoder_2"),
    "text_encoder.": ("text_encoder",),
    "text_encoder_2.": ("text_encoder_2",),
    "text_encoder_3.": ("text_encoder_3",),
    "clip_l.": ("text_encoder",),  # as the Open Model Initiative has it
    "clip_g.": ("text_encoder_2",),
    "t5.": ("text_encoder_3", "text_encoder_2"),
    "": (*_DENOISER, *_TEXTS),
}
_PEFT: Final = re.compile(r"(^|\.)base_model\.model\.")
_OLD: Final = re.compile(r"\.self_attn\.to_(q|k|v|out)$")  # as the first LoRAs named what is now "q_proj"


@dataclass(frozen=True)
class Place:
    """A module of the model that a change is made to: its component ("unet") and its dotted name there.

    Where the file has one module for several of the model's, ``rows`` are the first row of the change that belongs
    here and the one after the last; ``into`` are the rows of the module that they are for. None means all.
    """

    component: str
    module: str
    rows: tuple[int, int] | None = None
    into: tuple[int, int] | None = None


Places = tuple[Place, ...]


@dataclass(frozen=True)
class Atlas:
    """The modules of a model's components by each of their names, with dots and with underscores in place of them."""

    components: Mapping[str, Mapping[str, set[Places]]]

    @classmethod
    def of(cls, model: Mapping[str, Shapes], family: Family) -> "Atlas":
        """Of a model given as component → shapes of its parameters by diffusers' names.

        The only text encoder of SDXL's refiner, its second, is found under the names of a first one as well.
        """
        found = {component: _index(component, _weights(shapes), family) for component, shapes in model.items()}
        if "text_encoder_2" in found:
            found.setdefault("text_encoder", found["text_encoder_2"])
        return cls(found)

    def find(self, target: str) -> Places:
        """Where a module is that a file calls ``target``: several places where it is several modules here, none where
        it is unknown.

        Raises ModelError where it could be one thing or another.
        """
        name = _PEFT.sub(r"\1", target)
        for begin, components in _PREFIXES.items():
            found = self._all(name.removeprefix(begin), components) if name.startswith(begin) else set()
            if len(found) > 1:
                raise _ambiguous(target, found)
            if found:
                return found.pop()
        return ()

    def _all(self, name: str, components: tuple[str, ...]) -> set[Places]:
        books = [self.components[component] for component in components if component in self.components]
        return {places for spelled in _spellings(name) for book in books for places in book.get(spelled, ())}


def _index(component: str, weights: Shapes, family: Family) -> dict[str, set[Places]]:
    found: dict[str, set[Places]] = {}
    for name, places in _named(component, weights, family):
        for spelled in (name, name.replace(".", "_")):
            found.setdefault(spelled, set()).add(places)
    return found


def _weights(shapes: Shapes) -> Shapes:
    ends = ".weight"
    return {name.removesuffix(ends): shape for name, shape in shapes.items() if name.endswith(ends)}


def _named(component: str, weights: Shapes, family: Family) -> Iterator[tuple[str, Places]]:
    for module in weights:
        yield module, (Place(component, module),)
        if component.startswith("text_encoder"):  # which go with and without
            bare = module.removeprefix("text_model.")
            yield bare, (Place(component, module),)
            yield f"text_model.{bare}", (Place(component, module),)
    if component in _DENOISER:
        yield from _named_by_makers(component, weights, family)


def _named_by_makers(component: str, weights: Shapes, family: Family) -> Iterator[tuple[str, Places]]:
    found: dict[str, dict[int, str]] = {}
    for module in weights:
        for name, place in family.detection.state_dict_keys.to_original(module):
            found.setdefault(name, {})[place] = module
    for name, parts in found.items():
        modules = [parts[place] for place in sorted(parts)]
        if len(modules) == 1:
            yield name, _alone(component, modules[0], weights[modules[0]], family.detection.state_dict_keys)
        else:
            yield name, _side_by_side(component, modules, weights)
            for place, module in parts.items():  # as the Open Model Initiative has it
                yield f"{name}.{place}", (Place(component, module),)


def _alone(component: str, module: str, weight: Shape, names: StateDictKeys) -> Places:
    if not names.swaps_halves(module, weight):
        return (Place(component, module),)
    first, second = (0, weight[0] // 2), (weight[0] // 2, weight[0])
    return Place(component, module, first, second), Place(component, module, second, first)


def _side_by_side(component: str, modules: list[str], weights: Shapes) -> Places:
    ends = pairwise(accumulate((weights[module][0] for module in modules), initial=0))
    return tuple(Place(component, module, rows) for module, rows in zip(modules, ends, strict=True))


def _spellings(name: str) -> tuple[str, ...]:
    omi = "img_in" if name == "img_in.proj" else name  # as the Open Model Initiative names FLUX's first layer
    return name, omi, _OLD.sub(r".self_attn.\1_proj", name), f"{name}.0" if name.endswith(".to_out") else name


def _ambiguous(target: str, found: set[Places]) -> ModelError:
    places = sorted(" and ".join(f"{place.component}.{place.module}" for place in places) for places in found)
    return ModelError(f"the LoRA's '{target[:80]}' could be {' or '.join(places)}; get it in another format")
