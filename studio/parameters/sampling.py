"""What every drawing step takes besides its prompt. A new drawing parameter is added here."""

from dataclasses import dataclass, field
from typing import Final

from studio.parameters.conditioning import NO_GUIDE
from studio.parameters.types import (
    OWN_SAMPLER,
    ClipSkip,
    Eta,
    Guidance,
    GuideInput,
    ModelRef,
    NegativePrompt,
    Sampler,
    Steps,
)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a model draws.

    A step whose ``run`` takes a ``Sampling`` has each of its fields as a parameter, and a workflow can expose them:
    "draw.steps" is one of them, "draw.sampling" all of them. None leaves a value to the model. ``eta`` is the share of
    fresh noise in each step of a sampler that works without it too.
    """

    negative_prompt: NegativePrompt = ""
    steps: Steps | None = None
    guidance: Guidance | None = None
    sampler: Sampler = OWN_SAMPLER
    eta: Eta | None = None
    clip_skip: ClipSkip = 1
    model: ModelRef = "spark"
    guide: GuideInput = NO_GUIDE


@dataclass(frozen=True, kw_only=True)
class ModelSampling(Sampling):
    """For steps that only some models support, so that a model must be chosen."""

    model: ModelRef = field()  # required here: it has a default above


AUTOMATIC: Final = Sampling()
"""Everything left to the model."""
