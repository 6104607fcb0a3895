"""What a step is given: a model at its service, a picture's seed, and somebody to report to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PIL.Image import Image

from studio.engine import loras, passes, samplers
from studio.engine.forward import forward
from studio.engine.order import Note, Order, Report
from studio.engine.parts import Parts
from studio.engine.passes import Make
from studio.engine.pipelines import Pipelines
from studio.engine.preview import Show
from studio.engine.seamless import seamless as joined
from studio.models.card import ModelCard
from studio.models.parts import Part
from studio.request import Request

Look = Callable[[Parts, Part, Image], Image]
"""Makes a picture of what a model sees in another, as in ``seeing``."""


def _ignore(step: int, steps: int) -> None:
    """Nobody listens."""


def _forget(account: dict[str, Any]) -> None:
    """Nobody keeps a record."""


@dataclass(frozen=True)
class Engine:
    """All that a step needs to make pictures.

    ``seeds`` holds one seed for each picture to make. ``report`` is called after each denoising
    step with its number (from 1) and how many there are; what it raises stops the run. ``show`` is
    given previews, if anybody wants them; ``note`` an account of each forward pass, for the record.
    ``make`` makes what is ordered: at once, or with what others order at that time.
    """

    pipelines: Pipelines
    seeds: tuple[int, ...] = (0,)
    report: Report = _ignore
    show: Show | None = None
    note: Note = _forget
    make: Make = passes.make

    def for_seeds(self, seeds: Sequence[int], report: Report = _ignore) -> "Engine":
        """The same engine for other pictures."""
        return replace(self, seeds=tuple(seeds), report=report)

    def part(self, n: int, of: int) -> "Engine":
        """The same engine for part ``n`` (from 0) of ``of`` equal ones: its reports count towards the whole."""
        return replace(self, report=lambda step, steps: self.report(n * steps + step, of * steps))

    def denoise(self, card: ModelCard, request: Request) -> list[Image]:
        """One picture for each seed.

        Each has a noise generator of its own, on the CPU, so that it does not depend on its
        neighbours in the pass nor on the device: made alone it is the same to the bit, in a pass with others no
        value of a pixel differs by more than one. Raises InputError where the model's family has not
        what is asked for, OutOfMemory where no plan gets by with the memory there is. A request ``until``
        a share of the noise gives latents, which another model's ``images`` may be.
        """
        request = request.with_written()
        card.family.check(request)
        loras.check_steps(request)
        samplers.check(request.sampler, card.family.noise, partly=request.strength is not None)
        return self.make(list(self._orders(card, request)))

    @contextmanager
    def seamless(self, card: ModelCard, *, across: bool, down: bool) -> Iterator[None]:
        """While inside, the model's pictures go on over their edges, as in ``seamless.seamless``."""
        with joined(self.pipelines.get(card, "text-to-image"), across=across, down=down):
            yield

    def see(self, look: Look, part: Part, picture: Image) -> Image:
        """What a model that sees makes of a picture: its depth, a pose."""
        return look(self.pipelines.parts, part, picture)

    def forward(self, card: ModelCard, request: Request) -> list[Image]:
        """One picture for each seed, in one pass; raises whatever torch does where memory runs out."""
        return list(forward(list(self._orders(card, request))).made.values())

    def _orders(self, card: ModelCard, request: Request) -> Iterator[Order]:
        """One for each seed; all that one of them has done counts towards the whole."""
        done = [0] * len(self.seeds)

        def report(n: int, step: int, steps: int) -> None:
            done[n] = step
            self.report(sum(done), steps * len(done))

        for n, seed in enumerate(self.seeds):
            heard, show = partial(report, n), partial(self.show, n) if self.show else None
            yield Order(self.pipelines, card, request.alone(n), seed, heard, self.note, show)
