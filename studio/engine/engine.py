"""What a step is given: a model at its service, this job's seeds, and somebody to report to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.engine import prompts, samplers
from studio.engine.composing import Composition
from studio.engine.pipelines import Pipelines
from studio.engine.preview import Previews, Show
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
        guides = prompts.guides(pipeline, request) if card.family.weights else ()
        words = Composition(guides, len(self.seeds))
        with samplers.swapped(pipeline, request.sampler, card.family.noise, request.steps), words.acting(pipeline):
            if self.show:
                Previews(self.pipelines.colours(card, request.task), self.show).tap(pipeline.scheduler)
            result = pipeline(**self._arguments(card, request, words), **self._callback(words))
        return list(result.images)

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

    def _callback(self, words: Composition) -> dict[str, Any]:
        """What a pipeline is told to call after each step: it reports, and lets words change with the steps."""

        def after(pipeline: "DiffusionPipeline", step: int, _time: int, tensors: dict[str, Any]) -> dict[str, Any]:
            self.report(step + 1, pipeline.num_timesteps)
            return words.after(step + 1, pipeline.num_timesteps, tensors)

        return {"callback_on_step_end": after, "callback_on_step_end_tensor_inputs": words.tensors}
