"""Clip skip: the layer of CLIP whose output is used, as each program counts it, by model family.

Here 1 is the layer that the family was trained with, 2 the layer before it. For Stable Diffusion 1 that is CLIP's last
layer, for 2 and XL the last but one. ComfyUI and programs that run it count from CLIP's last layer in all families. So
does Forge, but for Stable Diffusion 2 it loads the encoder without the last layer, as diffusers does. A1111 skips
layers in Stable Diffusion 1 only.

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

    In ``fixed`` families the program never changes the layer. With ``at_least``, smaller numbers mean the trained layer
    too.
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
"""By the program's name; text without one is A1111's."""


def to_studio(number: int, tool: str, family: str = "") -> int:
    """Convert a program's clip skip to the studio's. ``tool`` may include a version.

    Raises ValueError if layers would be skipped in a family without clip skip, or if the number means a layer after the
    one that the family was trained with; without a ``family``, also if the result depends on the family.
    """
    convention = _of(tool)
    if not family:
        return _in_all_families(number, tool, convention)
    if family not in convention.trained and number > convention.trained["sd1"]:
        raise ValueError("this model's family has no clip skip")
    if family not in convention.trained or family in convention.fixed:
        return 1
    skip = number - convention.trained[family] + 1
    if skip < 1 and not convention.at_least:
        raise ValueError("it means a layer after the one that the model was trained with, which is not available here")
    return max(skip, 1)


def _in_all_families(number: int, tool: str, convention: ClipSkipConvention) -> int:
    found = dict[str, int]()
    for family in convention.trained:
        with suppress(ValueError):
            found[family] = to_studio(number, tool, family)
    if len(found) == len(convention.trained) and len(set(found.values())) == 1:
        return found["sd1"]
    counts = ", ".join(f"{skip} for {family}" for family, skip in found.items())
    raise ValueError(f"it depends on the model's family: {counts}; choose the model, then set it")


def from_studio(skip: int, tool: str, family: str) -> int:
    """Convert the studio's clip skip to a program's. Raises ValueError if the family has no clip skip."""
    convention = _of(tool)
    if family not in convention.trained:
        raise ValueError("this model's family has no clip skip")
    return skip + convention.trained[family] - 1


def _of(tool: str) -> ClipSkipConvention:
    name = next((name for name in CONVENTIONS if tool.startswith(name)), "A1111")
    return CONVENTIONS[name]
