"""What a step is given: a model at its service, this job's seeds, and somebody to report to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.engine import samplers
from studio.engine.pipelines import Pipelines
from studio.engine.preview import Previews, Show
from studio.families import Request
from studio.models.card import ModelCard

if TYPE_CHECKING:
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

    def denoise(
        self,
        card: ModelCard,
        request: Request,
        sampler: str,
        images: Sequence[Image] = (),
        masks: Sequence[Image] = (),
    ) -> list[Image]:
        """One picture for each seed, from noise, or from ``images`` (one, or one for each seed).

        With ``masks``, as many as ``images`` and of their size, only what is white in them changes.
        Each picture has a noise generator of its own, on the CPU, so that it does not depend on
        its neighbours in the batch nor on the device.
        """
        task = "inpaint" if masks else "image-to-image" if images else "text-to-image"
        pipeline = self.pipelines.get(card, task)
        own, pipeline.scheduler = pipeline.scheduler, samplers.build(sampler, pipeline.scheduler)
        if self.show:
            Previews(self.pipelines.colours(card, task), self.show).tap(pipeline.scheduler)
        try:
            arguments = self._arguments(card, task, request) | self._pictures(images, masks)
            result = pipeline(**arguments, callback_on_step_end=self._callback)
        finally:
            pipeline.scheduler = own
        return list(result.images)

    def _arguments(self, card: ModelCard, task: str, request: Request) -> dict[str, Any]:
        import torch

        count = len(self.seeds)
        arguments = card.family.arguments(task, request)
        arguments |= {"generator": [torch.Generator("cpu").manual_seed(seed) for seed in self.seeds]}
        for name in ("prompt", "negative_prompt"):
            arguments[name] = [arguments[name]] * count
        return arguments

    def _pictures(self, images: Sequence[Image], masks: Sequence[Image]) -> dict[str, Any]:
        given = {"image": images, "mask_image": masks}
        return {name: list(each) * (len(self.seeds) // len(each)) for name, each in given.items() if each}

    def _callback(
        self, pipeline: "DiffusionPipeline", step: int, _time: int, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        self.report(step + 1, pipeline.num_timesteps)
        return tensors
