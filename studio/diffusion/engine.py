"""What a step is given: a model at its service, a picture's seed, and somebody to report to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL.Image import Image

from studio.diffusion import oom_retry
from studio.diffusion.loading.adapter_cache import Parts
from studio.diffusion.oom_retry import Draw
from studio.diffusion.pipeline_call import forward
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.sample_request import Note, Order, Report, Show
from studio.diffusion.samplers import scheduler
from studio.families.base import request_check
from studio.lora import loading
from studio.models.adapters import Part
from studio.models.card import ModelCard
from studio.parameters.request import Request

Look = Callable[[Parts, Part, Image], Image]
"""Makes a picture of what a model sees in another, as in ``seeing``."""


def _ignore(step: int, steps: int) -> None:
    """Nobody listens."""


def _forget(account: dict[str, Any]) -> None:
    """Nobody keeps a record."""


@dataclass(frozen=True)
class Engine:
    """All that a step needs to make pictures.

    ``seed`` is that of the picture that is being made. ``report`` is called after each denoising
    step with its number (from 1) and how many there are; what it raises stops the run. ``show`` is
    given previews, if anybody wants them; ``note`` an account of each forward pass, for the record.
    ``draw`` draws what is ordered: at once, or in one pass with what others order at that time.
    """

    pipelines: Pipelines
    seed: int = 0
    report: Report = _ignore
    show: Show | None = None
    note: Note = _forget
    draw: Draw = oom_retry.draw

    def part(self, n: int, of: int) -> "Engine":
        """The same engine for part ``n`` (from 0) of ``of`` equal ones: its reports count towards the whole."""
        return replace(self, report=lambda step, steps: self.report(n * steps + step, of * steps))

    def denoise(self, card: ModelCard, request: Request) -> Image:
        """The picture that is requested.

        It has a noise generator of its own, on the CPU, so that it does not depend on its
        neighbours in the pass nor on the device: made alone it is the same to the bit, in a pass with others no
        value of a pixel differs by more than one. Raises InputError where the model's family has not
        what is asked for, OutOfMemory where no plan gets by with the memory there is. A request ``until``
        a share of the noise gives latents, which another model's ``image`` may be.
        """
        request = request.with_written()
        request_check.check(card.family, request)
        loading.check_steps(request)
        scheduler.check(request, card.family.capabilities.noise)
        return self.draw(self._order(card, request))

    def see(self, look: Look, part: Part, picture: Image) -> Image:
        """What a model that sees makes of a picture: its depth, a pose."""
        return look(self.pipelines.parts, part, picture)

    def forward(self, card: ModelCard, request: Request) -> Image:
        """The picture that is requested, without looking for memory; raises whatever torch does where that runs out."""
        order = self._order(card, request)
        return forward([order]).made[order]

    def _order(self, card: ModelCard, request: Request) -> Order:
        return Order(self.pipelines, card, request, self.seed, self.report, self.note, self.show)
