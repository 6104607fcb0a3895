"""What a step draws with: the models, the seed of the picture, and the callbacks for progress and previews."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL.Image import Image

from studio.diffusion import oom_retry
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.diffusion.oom_retry import Draw
from studio.diffusion.pipeline_call import forward
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.sample_request import Note, Report, SampleRequest, Show
from studio.diffusion.samplers import scheduler
from studio.families.base import request_check
from studio.library import Library
from studio.lora import loading
from studio.models.adapters import Part
from studio.models.card import ModelCard
from studio.parameters.request import Request

Preprocessor = Callable[[AdapterCache, Part, Image], Image]
"""Makes a depth map or a pose of a picture, as in ``conditioning.preprocessors``."""


def _no_report(step: int, steps: int) -> None:
    """Progress goes nowhere."""


def _no_record(metadata: dict[str, Any]) -> None:
    """Metadata is not kept."""


@dataclass(frozen=True)
class Engine:
    """Everything a step needs to make pictures.

    ``seed`` is the picture's. ``report`` is called after each denoising step with its number (from 1) and the number of
    steps; an exception from it stops the run. ``show`` is called with previews, ``note`` with the metadata of each
    forward pass, for the record. ``draw`` draws a sample request: at once, or in one batch with those of other jobs.
    """

    pipelines: Pipelines
    seed: int = 0
    report: Report = _no_report
    show: Show | None = None
    note: Note = _no_record
    draw: Draw = oom_retry.draw

    @property
    def library(self) -> Library:
        """What is here by name: models, adapters, LoRAs."""
        return self.pipelines.library

    def card(self, model: str) -> ModelCard:
        """The card of a model, by its name or path; raises InputError where there is none."""
        return self.library.models.find(model)

    def part(self, n: int, of: int) -> "Engine":
        """The same engine for part ``n`` (from 0) of ``of`` equal ones: its reports count towards the whole."""
        return replace(self, report=lambda step, steps: self.report(n * steps + step, of * steps))

    def denoise(self, card: ModelCard, request: Request) -> Image:
        """The requested picture.

        Its noise comes from a generator of its own, on the CPU, so it depends neither on the device nor on the other
        pictures of a batch: drawn alone it is the same to the bit, in a batch no pixel value differs by more than one.
        A request with a ``denoising_end`` gives latents, which can be the ``image`` of another model's request.

        Raises InputError where the model's family cannot do what is requested, OutOfMemory where no plan fits into
        memory.
        """
        request = request.with_prompt_loras()
        request_check.check(card.family, request)
        loading.check_steps(request)
        scheduler.check(request, card.family.capabilities.noise)
        return self.draw(self._sample(card, request))

    def preprocess(self, preprocessor: Preprocessor, part: Part, picture: Image) -> Image:
        """What a preprocessor's model makes of a picture: its depth, a pose."""
        return preprocessor(self.pipelines.adapters, part, picture)

    def forward(self, card: ModelCard, request: Request) -> Image:
        """The requested picture, without planning memory; raises whatever torch raises where that runs out."""
        sample = self._sample(card, request)
        return forward([sample]).images[sample]

    def _sample(self, card: ModelCard, request: Request) -> SampleRequest:
        return SampleRequest(self.pipelines, card, request, self.seed, self.report, self.note, self.show)
