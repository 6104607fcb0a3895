"""What every step that draws with a model takes besides its prompt. A new drawing parameter is added here."""

from dataclasses import dataclass, field
from typing import Final

from studio.parameters.conditioning import NOTHING
from studio.parameters.types import (
    OWN_SAMPLER,
    ClipSkip,
    Eta,
    Guidance,
    GuideBefore,
    ModelRef,
    NegativePrompt,
    Sampler,
    Steps,
)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a model draws.

    A step whose ``run`` takes a ``Sampling`` has each of its fields as a parameter, and so has a workflow: "draw.steps"
    is one of them, "draw.sampling" all of them. None leaves a value to the model. ``eta`` is the share of fresh noise
    in each step of a sampler that can do without.
    """

    negative_prompt: NegativePrompt = ""
    steps: Steps | None = None
    guidance: Guidance | None = None
    sampler: Sampler = OWN_SAMPLER
    eta: Eta | None = None
    clip_skip: ClipSkip = 1
    model: ModelRef = "spark"
    guide: GuideBefore = NOTHING


@dataclass(frozen=True, kw_only=True)
class ModelSampling(Sampling):
    """For steps that only some models can do, so that a model must be chosen."""

    model: ModelRef = field()  # without it the default above would stay


AUTOMATIC: Final = Sampling()
"""All of it left to the model."""
