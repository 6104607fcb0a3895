"""What a step is given: a model at its service, this job's seeds, and somebody to report to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.engine import prompts, samplers
from studio.engine.composing import Composition
from studio.engine.pipelines import Pipelines
from studio.engine.preview import Previews, Show
from studio.engine.watch import Heard, watched
from studio.families import Request
from studio.models.card import ModelCard

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline

Report = Callable[[int, int], None]


def _ignore(step: int, steps: int) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Engine:
    """One forward pass's worth of a job.

    ``seeds`` holds one seed for each picture to make. ``report`` is called after each denoising
    step with its number (from 1) and how many there are; what it raises stops the run. ``show`` is
    given previews, if anybody wants them.
    """

    pipelines: Pipelines
    seeds: tuple[int, ...] = (0,)
    report: Report = _ignore
    show: Show | None = None

    def for_seeds(self, seeds: Sequence[int], report: Report = _ignore) -> "Engine":
        """The same engine for other pictures."""
        return replace(self, seeds=tuple(seeds), report=report)

    def part(self, n: int, of: int) -> "Engine":
        """The same engine for part ``n`` (from 0) of ``of`` equal ones: its reports count towards the whole."""
        return replace(self, report=lambda step, steps: self.report(n * steps + step, of * steps))

    def denoise(self, card: ModelCard, request: Request) -> list[Image]:
        """One picture for each seed.

        Each has a noise generator of its own, on the CPU, so that it does not depend on its
        neighbours in the batch nor on the device. Raises InputError where the model's family has not
        what is asked for.
        """
        card.family.check(request)
        samplers.check(request.sampler, card.family.noise, partly=request.strength is not None)
        pipeline = self.pipelines.get(card, request.task)
        words = self._words(pipeline, card, request)
        sampled = samplers.swapped(pipeline, request.sampler, card.family.noise, request.steps)
        with sampled, watched(pipeline, self._heard(card, request)), words.acting(pipeline):
            result = pipeline(**self._arguments(card, request, words), **words.callback())
        return list(result.images)

    def _words(self, pipeline: "DiffusionPipeline", card: ModelCard, request: Request) -> Composition:
        """What the prompts say, read by us where the family's text encoders let us."""
        read = prompts.conditionings(pipeline, request) if card.family.weights else ()
        return Composition(read, len(self.seeds))

    def _heard(self, card: ModelCard, request: Request) -> Heard:
        """What is done after each step: a report, and a preview where one is wanted."""
        ratio, show = request.width / request.height, self.show
        previews = show and Previews(self.pipelines.colours(card, request.task), show, ratio)

        def heard(step: int, steps: int, clean: "torch.Tensor") -> None:
            if previews:
                previews.offer(clean)
            self.report(step, steps)

        return heard

    def _arguments(self, card: ModelCard, request: Request, words: Composition) -> dict[str, Any]:
        arguments = card.family.arguments(request.task, prompts.plain(request))
        for name in {"prompt", "negative_prompt"} & arguments.keys():
            text = arguments.pop(name)
            arguments |= {} if words else {name: self._for_each((text,))}
        given = {"image": request.images, "mask_image": request.masks}
        pictures = {name: self._for_each(each) for name, each in given.items() if each}
        return arguments | words.arguments() | pictures | {"generator": self._generators()}

    def _for_each(self, given: Sequence[Any]) -> list[Any]:
        """One for each seed, of one or of as many."""
        return list(given) * (len(self.seeds) // len(given))

    def _generators(self) -> "list[torch.Generator]":
        import torch

        return [torch.Generator("cpu").manual_seed(seed) for seed in self.seeds]
