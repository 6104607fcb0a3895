"""Draws samples in as many forward passes as memory allows, and retries with less where it runs out all the same.

There are three retries at most: one picture a pass, decoding in tiles, offload. Each one taken is in the metadata of
the passes after it, and so in the record of their pictures.
"""

from collections.abc import Callable, Iterator, Sequence

from PIL.Image import Image

from studio.diffusion.memory import plan as memory
from studio.diffusion.memory.plan import MemoryPlan
from studio.diffusion.pipeline_call import ForwardPass, forward
from studio.diffusion.sample_request import SampleRequest
from studio.errors import OutOfMemory
from studio.tensors import hardware

Draw = Callable[[SampleRequest], Image]
"""Draws the picture of a sample request."""


def draw(sample: SampleRequest) -> Image:
    """The picture of a sample, in a pass of its own."""
    return draw_batch([sample])[0]


def draw_batch(samples: Sequence[SampleRequest]) -> list[Image]:
    """The pictures of samples that can share a batch. Raises OutOfMemory where every retry has failed."""
    first = samples[0]
    with first.pipelines.lock:
        passes = list(_passes(samples, first.pipelines.plan(first.card, first.request, len(samples))))
    images = {sample: image for one in passes for sample, image in one.images.items()}
    for one in passes:
        for place, sample in enumerate(one.images, 1):
            sample.note({**one.metadata, "pictures": len(one.images), "place": place})
    return [images[sample] for sample in samples]


def _passes(samples: Sequence[SampleRequest], plan: MemoryPlan) -> Iterator[ForwardPass]:
    remaining, retries = list(samples), list[str]()
    while remaining:
        done = _try_pass(remaining[: plan.batch])
        if done is None:
            plan = _smaller_plan(remaining[0], plan, retries)
        else:
            yield done._replace(metadata=done.metadata | {"plan": plan.to_json(), "ran_out": list(retries)})
            remaining = [sample for sample in remaining if sample not in done.images]


def _try_pass(samples: Sequence[SampleRequest]) -> ForwardPass | None:
    """One pass; None where memory ran out, with everything freed that it had allocated."""
    try:
        return forward(samples)
    except Exception as error:
        if not memory.ran_out(error):
            raise
    hardware.release_memory()
    return None


def _smaller_plan(sample: SampleRequest, plan: MemoryPlan, retries: list[str]) -> MemoryPlan:
    """The plan of the next retry, which the model is kept by from now on; everything else leaves memory."""
    pipelines, card, request = sample.pipelines, sample.card, sample.request
    pipelines.make_room(card, request)
    forecast = pipelines.forecast(card, request)
    smaller = plan.smaller(forecast.placements(plan.storage))
    if smaller is None:
        pipelines.drop(card)
        raise OutOfMemory(
            f"{card.name} at {request.width}x{request.height} does not fit into memory, not even one picture at a "
            "time and in tiles; draw it smaller, close other programs, or take a smaller model"
        )
    retries.append(_describe_change(plan, smaller))
    pipelines.set_plan(card, smaller, forecast.idle_bytes(smaller))
    return smaller


def _describe_change(before: MemoryPlan, after: MemoryPlan) -> str:
    if before.batch != after.batch:
        return f"{before.batch} pictures in a pass → 1"
    return "decoded whole → in tiles" if before.tiled != after.tiled else f"{before.placement.name} → offload".lower()
