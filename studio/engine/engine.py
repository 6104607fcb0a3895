"""What a step is given: a model at its service, this job's seeds, and somebody to report to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.engine import loras, prompts, samplers
from studio.engine.account import account
from studio.engine.composing import Composition
from studio.engine.guided import guided
from studio.engine.passes import in_passes
from studio.engine.pipelines import Pipelines
from studio.engine.preview import Previews, Show
from studio.engine.watch import Heard, watched
from studio.models.card import ModelCard
from studio.request import Request

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline

Report = Callable[[int, int], None]
Note = Callable[[dict[str, Any]], None]


def _hand_over(request: Request) -> dict[str, Any]:
    """Where on the way from noise to picture a model stops or begins, in the library's words."""
    stops = {} if request.until is None else {"denoising_end": request.until, "output_type": "latent"}
    return stops if request.since is None else {**stops, "denoising_start": request.since}


def _placed(show: Show, n: int, _: int, jpeg: bytes) -> None:
    """Show the preview of a picture that is made alone in its place in the batch."""
    show(n, jpeg)


def _ignore(step: int, steps: int) -> None:
    """Nobody listens."""


def _forget(account: dict[str, Any]) -> None:
    """Nobody keeps a record."""


@dataclass(frozen=True)
class Engine:
    """One forward pass's worth of a job.

    ``seeds`` holds one seed for each picture to make. ``report`` is called after each denoising
    step with its number (from 1) and how many there are; what it raises stops the run. ``show`` is
    given previews, if anybody wants them; ``note`` an account of each forward pass, for the record.
    """

    pipelines: Pipelines
    seeds: tuple[int, ...] = (0,)
    report: Report = _ignore
    show: Show | None = None
    note: Note = _forget

    def for_seeds(self, seeds: Sequence[int], report: Report = _ignore) -> "Engine":
        """The same engine for other pictures."""
        return replace(self, seeds=tuple(seeds), report=report)

    def part(self, n: int, of: int) -> "Engine":
        """The same engine for part ``n`` (from 0) of ``of`` equal ones: its reports count towards the whole."""
        return replace(self, report=lambda step, steps: self.report(n * steps + step, of * steps))

    def denoise(self, card: ModelCard, request: Request) -> list[Image]:
        """One picture for each seed.

        Each has a noise generator of its own, on the CPU, so that it does not depend on its
        neighbours in the batch nor on the device: made alone it is the same to the bit, in a batch no
        value of a pixel differs by more than one. Raises InputError where the model's family has not
        what is asked for, OutOfMemory where no plan gets by with the memory there is. A request ``until``
        a share of the noise gives latents, which another model's ``images`` may be.
        """
        request = request.with_written()
        card.family.check(request)
        loras.check_steps(request)
        samplers.check(request.sampler, card.family.noise, partly=request.strength is not None)
        if len(self.seeds) > 1 and request.guide.differs:
            return self._one_by_one(card, request)
        with self.pipelines.alone:
            return in_passes(self, card, request)

    def forward(self, card: ModelCard, request: Request) -> list[Image]:
        """One picture for each seed, in one pass; raises whatever torch does where memory runs out."""
        with (
            guided(self.pipelines, card, request) as given,
            samplers.swapped(
                pipeline := given.pipeline, request.sampler, card.family.noise, request.steps, card.family.aligned
            ),
            watched(pipeline, self._heard(card, request, given.stack)),
            (words := self._words(pipeline, card, request)).acting(pipeline),
        ):
            arguments = self._arguments(card, request, words)
            result = pipeline(**arguments, **words.callback(pipeline), **given.arguments)
            worn = given.stack.account()
            self.note(account(pipeline, card, request) | ({"loras": worn} if worn else {}))
        return list(result.images)

    def _one_by_one(self, card: ModelCard, request: Request) -> list[Image]:
        """Each picture by itself: pipelines take no other ControlNet picture for each of a batch."""
        made = []
        for n, seed in enumerate(self.seeds):
            show = partial(_placed, self.show, n) if self.show else None
            alone = replace(self.part(n, len(self.seeds)), seeds=(seed,), show=show)
            made += alone.denoise(card, request.alone(n))
        return made

    def _words(self, pipeline: "DiffusionPipeline", card: ModelCard, request: Request) -> Composition:
        """What the prompts say, read by us where the family's text encoders let us."""
        read = prompts.conditionings(pipeline, request) if card.family.weights else ()
        return Composition(read, len(self.seeds))

    def _heard(self, card: ModelCard, request: Request, stack: loras.Stack) -> Heard:
        """What is done after each step: LoRAs change, a preview where one is wanted, a report."""
        ratio, show = request.width / request.height, self.show
        previews = show and Previews(self.pipelines.colours(card), show, ratio)

        def heard(step: int, steps: int, clean: "torch.Tensor") -> None:
            stack.after(step, steps)
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
        return arguments | words.arguments() | pictures | _hand_over(request) | {"generator": self._generators()}

    def _for_each(self, given: Sequence[Any]) -> list[Any]:
        """One for each seed, of one or of as many."""
        return list(given) * (len(self.seeds) // len(given))

    def _generators(self) -> "list[torch.Generator]":
        import torch

        return [torch.Generator("cpu").manual_seed(seed) for seed in self.seeds]
