"""One picture that a step requests from a model, and which of them can share a batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from studio.diffusion.pipelines import Pipelines
from studio.diffusion.prompts import encode
from studio.models.card import ModelCard
from studio.parameters.request import Request

Report = Callable[[int, int], None]
"""Called with a denoising step's number, from 1, and the number of steps."""
Show = Callable[[bytes], None]
"""Called with a preview, as JPEG."""
Note = Callable[[dict[str, Any]], None]
"""Called with the metadata of a forward pass, for the record."""


@dataclass(frozen=True, eq=False)
class SampleRequest:
    """One picture: the request, the model and the seed, and who follows its progress.

    ``report`` and ``note`` are as in an Engine, ``show`` is called with previews.
    """

    pipelines: Pipelines
    card: ModelCard
    request: Request
    seed: int
    report: Report
    note: Note
    show: Show | None = None

    def shares_batch_with(self, other: "SampleRequest") -> bool:
        """Whether one forward pass can make both: they differ at most in seed, prompts, start picture and mask."""
        return self.card == other.card and self._batch_key == other._batch_key

    @cached_property
    def _batch_key(self) -> tuple[Any, ...]:
        """What all pictures of a batch have in common, with the arguments that a family derives from the prompts."""
        request = self.request
        arguments = self.card.family.arguments(request.task, encode.plain_prompts(request))
        fixed = {name: value for name, value in arguments.items() if name not in {"prompt", "negative_prompt"}}
        return fixed, request.task, replace(request, prompt="", negative_prompt="", image=None, mask=None)


def batch_of(samples: Sequence[SampleRequest], most: int) -> list[SampleRequest]:
    """The first of the samples and those that can share its batch, ``most`` in all.

    Samples with prompts of about its length come first: prompts with equally many chunks can share a forward pass.
    """
    first, *others = samples
    length = len(first.request.prompt)
    alike = [other for other in others if first.shares_batch_with(other)]
    return [first, *sorted(alike, key=lambda other: abs(len(other.request.prompt) - length))[: most - 1]]
