"""Every picture encoded once, with what the denoiser is told of it; then, which of them are learned from when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from studio.diffusion.engine import Engine
from studio.diffusion.latents import encoded
from studio.models.card import ModelCard
from studio.parameters.types import Size
from studio.train import config
from studio.train.buckets import cut, fitting, sizes
from studio.train.conditioning_cache import Condition, condition, shape
from studio.train.dataset import Example

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Lesson:
    """One picture as the denoiser sees it: its latents, laid out as it wants them, what it is told, and its size."""

    latents: "Tensor"
    told: Condition
    size: Size

    @property
    def kind(self) -> Any:
        """What all lessons of a batch must have in common."""
        return self.size, shape(self.told)


def lessons(
    engine: Engine, card: ModelCard, examples: Sequence[Example], captions: Sequence[str], about: Size
) -> Iterator[Lesson]:
    """A lesson for each example, of ``about`` a size; a caption that several share is read once."""
    among = sizes(about, card.family.capabilities.size_multiple)
    read: dict[tuple[str, Size], Condition] = {}
    for example, caption in zip(examples, captions, strict=True):
        size = fitting(example.size, among)
        if (caption, size) not in read:
            read[caption, size] = condition(engine, card, caption, size)
        yield Lesson(_latents(engine, card, example, size), read[caption, size], size)


def _latents(engine: Engine, card: ModelCard, example: Example, size: Size) -> "Tensor":
    from torch.nn.functional import pixel_unshuffle

    vae: Any = engine.pipelines.get(card, "text-to-image").vae
    planes = encoded(vae, cut(example.picture(), size))
    in_tokens = config.lessons(card).latent_layout == "packed"
    return pixel_unshuffle(planes, 2).flatten(2).transpose(1, 2) if in_tokens else planes


def batch(learned: Sequence[Lesson], size: int, n: int, seed: int) -> list[Lesson]:
    """The batch number ``n`` (from 0): every picture comes once before any comes again, and a batch is of one size.

    Decided by the numbers alone, so that a training that was cut off goes on as if it had not been.
    """
    groups: dict[Any, list[Lesson]] = {}
    for lesson in learned:
        groups.setdefault(lesson.kind, []).append(lesson)
    each = sum(-(-len(group) // size) for group in groups.values())
    turn, place = divmod(n, each)
    return _shuffled(groups.values(), size, Random(f"{seed} {turn}"))[place]


def _shuffled(groups: Any, size: int, rng: Random) -> list[list[Lesson]]:
    found = []
    for group in groups:
        order = rng.sample(group, len(group))
        found += [order[k : k + size] for k in range(0, len(order), size)]
    rng.shuffle(found)
    return found
