"""Clip skip: which of CLIP's layers reads the prompt, as each program counts it, by the family of the model.

Here 1 is the layer that a family was trained with, 2 the one before it. Of Stable Diffusion 1 that is CLIP's last
layer, of 2 and XL the last but one. ComfyUI and those that run it count from CLIP's last layer in all families. So
does Forge, but of Stable Diffusion 2 it has the encoder without the last layer, as diffusers. A1111 skips layers of
Stable Diffusion 1 alone.

Sources: ``CLIPSetLastLayer`` in ComfyUI's nodes.py, sd1_clip.py, sd2_clip.py and sdxl_clip.py; SwarmUI's
WorkflowGeneratorSteps.cs; Fooocus' default_pipeline.py; ``set_clip_skip`` in Forge's backend/diffusion_engine; A1111's
sd_hijack_clip.py and sd_hijack_open_clip.py; ``prepare_embedding_providers`` in SD.Next's prompt_parser_diffusers.py;
``apply_clip_skip`` in InvokeAI's model_patcher.py; conditioner.hpp of stable-diffusion.cpp; Civitai's
generation.constants.ts.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class ClipSkipConvention:
    """How a program counts: ``trained`` is its number for the layer that a family was trained with.

    A family that it does not change the layer of is ``fixed``. With ``at_least`` smaller numbers mean that layer too.
    """

    trained: Mapping[str, int]
    fixed: frozenset[str] = frozenset()
    at_least: bool = False


_FROM_THE_LAST: Final = ClipSkipConvention(MappingProxyType({"sd1": 1, "sd2": 2, "sdxl": 2}))
_FROM_THE_TRAINED: Final = ClipSkipConvention(MappingProxyType({"sd1": 1, "sd2": 1, "sdxl": 1}))
_FORGE: Final = ClipSkipConvention(MappingProxyType({"sd1": 1, "sd2": 1, "sdxl": 2}), at_least=True)
CONVENTIONS: Final[Mapping[str, ClipSkipConvention]] = MappingProxyType(
    {
        "A1111": ClipSkipConvention(
            MappingProxyType({"sd1": 1, "sd2": 1, "sdxl": 1}), fixed=frozenset({"sd2", "sdxl"})
        ),
        "Civitai": ClipSkipConvention(_FROM_THE_LAST.trained, at_least=True),
        "ComfyUI": _FROM_THE_LAST,
        "Fooocus": _FROM_THE_LAST,
        "Forge": _FORGE,
        "InvokeAI": ClipSkipConvention(MappingProxyType({"sd1": 0, "sd2": 0, "sdxl": 0})),
        "SD.Next": _FROM_THE_TRAINED,
        "SwarmUI": _FROM_THE_LAST,
        "stable-diffusion.cpp": _FROM_THE_LAST,
        "studio": _FORGE,  # the A1111 text that our pictures carry
    }
)
"""By the program's name; a text that names none is A1111's."""


def to_studio(said: int, tool: str, family: str = "") -> int:
    """A program's clip skip as the studio counts it. ``tool`` may have a version behind its name.

    Raises ValueError where the family has none but layers would be skipped, or the layer is one after the layer it was
    trained with; without a ``family`` also where it is not the same in all families.
    """
    convention = _of(tool)
    if not family:
        return _in_all(said, tool, convention)
    if family not in convention.trained and said > convention.trained["sd1"]:
        raise ValueError("this model's family has no clip skip")
    if family not in convention.trained or family in convention.fixed:
        return 1
    skip = said - convention.trained[family] + 1
    if skip < 1 and not convention.at_least:
        raise ValueError("it is a layer after the one that the model was trained with, which is not to be had here")
    return max(skip, 1)


def _in_all(said: int, tool: str, convention: ClipSkipConvention) -> int:
    found = dict[str, int]()
    for family in convention.trained:
        with suppress(ValueError):
            found[family] = to_studio(said, tool, family)
    if len(found) == len(convention.trained) and len(set(found.values())) == 1:
        return found["sd1"]
    counts = ", ".join(f"{skip} for {family}" for family, skip in found.items())
    raise ValueError(f"what it is here depends on the model's family: {counts}; choose the model, then set it")


def from_studio(skip: int, tool: str, family: str) -> int:
    """The studio's clip skip as a program counts it. Raises ValueError where the family has none."""
    convention = _of(tool)
    if family not in convention.trained:
        raise ValueError("this model's family has no clip skip")
    return skip + convention.trained[family] - 1


def _of(tool: str) -> ClipSkipConvention:
    name = next((name for name in CONVENTIONS if tool.startswith(name)), "A1111")
    return CONVENTIONS[name]
