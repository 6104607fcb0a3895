"""Every picture encoded once, with the denoiser's arguments for its caption; and the batches of each step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from studio.diffusion.engine import Engine
from studio.diffusion.latents import encoded
from studio.models.card import ModelCard
from studio.parameters.types import Size
from studio.train.buckets import best_size, crop, sizes
from studio.train.conditioning_cache import DenoiserArguments, denoiser_arguments, shapes
from studio.train.config import lora_training
from studio.train.dataset import Example

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EncodedExample:
    """One picture as the denoiser sees it: its latents in the denoiser's layout, the other arguments, and its size."""

    latents: "Tensor"
    arguments: DenoiserArguments
    size: Size

    @property
    def bucket(self) -> Any:
        """What all examples of a batch have in common."""
        return self.size, shapes(self.arguments)


def encode_examples(
    engine: Engine, card: ModelCard, examples: Sequence[Example], captions: Sequence[str], area: Size
) -> Iterator[EncodedExample]:
    """Encode each example at about the area of a size; a caption that several share is encoded once."""
    buckets = sizes(area, card.family.capabilities.size_multiple)
    cache: dict[tuple[str, Size], DenoiserArguments] = {}
    for example, caption in zip(examples, captions, strict=True):
        size = best_size(example.size, buckets)
        if (caption, size) not in cache:
            cache[caption, size] = denoiser_arguments(engine, card, caption, size)
        yield EncodedExample(_latents(engine, card, example, size), cache[caption, size], size)


def _latents(engine: Engine, card: ModelCard, example: Example, size: Size) -> "Tensor":
    from torch.nn.functional import pixel_unshuffle

    vae: Any = engine.pipelines.get(card, "text-to-image").vae
    latents = encoded(vae, crop(example.picture(), size))
    in_tokens = lora_training(card).latent_layout == "packed"
    return pixel_unshuffle(latents, 2).flatten(2).transpose(1, 2) if in_tokens else latents


def batch(examples: Sequence[EncodedExample], size: int, n: int, seed: int) -> list[EncodedExample]:
    """The batch number ``n`` (from 0): every picture comes once in an epoch, and a batch has one size of pictures.

    It depends only on these numbers, so an interrupted training resumes as if it had not been interrupted.
    """
    buckets: dict[Any, list[EncodedExample]] = {}
    for example in examples:
        buckets.setdefault(example.bucket, []).append(example)
    batches = sum(-(-len(bucket) // size) for bucket in buckets.values())
    epoch, place = divmod(n, batches)
    return _shuffled(list(buckets.values()), size, Random(f"{seed} {epoch}"))[place]


def _shuffled(buckets: list[list[EncodedExample]], size: int, rng: Random) -> list[list[EncodedExample]]:
    found = []
    for bucket in buckets:
        order = rng.sample(bucket, len(bucket))
        found += [order[k : k + size] for k in range(0, len(order), size)]
    rng.shuffle(found)
    return found
