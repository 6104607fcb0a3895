"""One forward pass: the pictures of several sample requests, whose prompts may differ."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL.Image import Image

from studio.diffusion import not_finite
from studio.diffusion.conditioning.conditioned_pipeline import ConditionedPipeline, conditioned
from studio.diffusion.preview import Previews
from studio.diffusion.prompts import encode
from studio.diffusion.prompts.encode import StepConditioning
from studio.diffusion.prompts.prompt_scheduling import PromptSchedule
from studio.diffusion.run_metadata import pass_metadata
from studio.diffusion.sample_request import SampleRequest
from studio.diffusion.samplers import scheduler
from studio.diffusion.seamless import seamless
from studio.diffusion.step_callback import OnStep, step_callback
from studio.lora import loading
from studio.parameters.request import Request

if TYPE_CHECKING:
    import torch

EncodedPrompts = tuple[StepConditioning, ...]


class ForwardPass(NamedTuple):
    """The pictures of a forward pass, and its metadata."""

    images: dict[SampleRequest, Image]
    metadata: dict[str, Any]


def forward(samples: Sequence[SampleRequest]) -> ForwardPass:
    """The pictures of the samples whose encoded prompts have the shape of the first one's: all of them, or some.

    The samples can share a batch. Raises whatever torch raises where memory runs out.
    """
    card, request = samples[0].card, samples[0].request
    noise, ays_sigmas = card.family.capabilities.noise, card.family.capabilities.ays_sigmas
    with (
        conditioned(samples[0].pipelines, card, *(sample.request for sample in samples)) as ready,
        seamless(ready.pipeline, across=request.across, down=request.down),
        scheduler.sampler_in_use(ready.pipeline, request, noise, ays_sigmas),
    ):
        chosen, prompts = _same_shape(samples, [_encode_prompts(ready, sample) for sample in samples])
        images = _call_pipeline(ready, chosen, PromptSchedule(prompts))
        loras = ready.stack.record()
        metadata = pass_metadata(ready.pipeline, card, request) | ({"loras": loras} if loras else {})
    return ForwardPass(dict(zip(chosen, images, strict=True)), metadata)


def _encode_prompts(ready: ConditionedPipeline, sample: SampleRequest) -> EncodedPrompts:
    """A sample's encoded prompts; empty where the pipeline encodes them itself."""
    if not sample.card.family.capabilities.prompt_weighting:
        return ()
    return encode.encode_steps(ready.pipeline, sample.request, ready.encode_cached)


def _same_shape(
    samples: Sequence[SampleRequest], prompts: Sequence[EncodedPrompts]
) -> tuple[list[SampleRequest], list[EncodedPrompts]]:
    """Those whose prompts have the shape of the first one's: padding would change the others slightly."""
    shape = _prompt_shape(prompts[0])
    pairs = [pair for pair in zip(samples, prompts, strict=True) if _prompt_shape(pair[1]) == shape]
    return [sample for sample, _ in pairs], [encoded for _, encoded in pairs]


def _prompt_shape(prompts: EncodedPrompts) -> tuple[int, ...]:
    """The number of tokens, and of parts joined by AND; empty where the pipeline encodes the prompt itself."""
    return (prompts[0].negative.hidden.shape[1], len(prompts[0].parts)) if prompts else ()


def _call_pipeline(
    ready: ConditionedPipeline, samples: Sequence[SampleRequest], prompts: PromptSchedule
) -> list[Image]:
    pipeline = ready.pipeline
    with (
        step_callback(pipeline, _on_step(ready.stack, samples)),
        prompts.applied_to(pipeline),
        not_finite.checked_decoding(pipeline),
    ):
        arguments = _arguments(samples, prompts) | prompts.callback(pipeline) | ready.arguments
        return list(pipeline(**arguments).images)


def _on_step(stack: loading.ActiveLoras, samples: Sequence[SampleRequest]) -> OnStep:
    """What happens after each step: LoRAs change, previews are shown where they are wanted, and progress is reported.

    Progress is reported to the first sample last.
    """
    first = samples[0]

    def show(place: int, jpeg: bytes) -> None:
        if wanted := samples[place].show:
            wanted(jpeg)

    shown = any(sample.show for sample in samples)
    ratio = first.request.width / first.request.height
    previews = Previews(first.pipelines.latent_colours(first.card), show, ratio) if shown else None

    def on_step(step: int, steps: int, clean: "torch.Tensor") -> None:
        stack.after_step(step, steps)
        if previews:
            previews.offer(clean)
        for sample in reversed(samples):
            sample.report(step, steps)

    return on_step


def _arguments(samples: Sequence[SampleRequest], prompts: PromptSchedule) -> dict[str, Any]:
    """The pipeline's arguments: single values for what the samples share, lists for the rest."""
    requests = [encode.plain_prompts(sample.request) for sample in samples]
    arguments = samples[0].card.family.arguments(requests[0].task, requests[0])
    for name in {"prompt", "negative_prompt"} & arguments.keys():
        del arguments[name]
        arguments |= {} if prompts else {name: [getattr(request, name) for request in requests]}
    return arguments | prompts.arguments() | _pictures(requests) | _denoising_range(requests[0]) | _generators(samples)


def _pictures(requests: Sequence[Request]) -> dict[str, Any]:
    pictures = {"image": [request.image for request in requests], "mask_image": [request.mask for request in requests]}
    return {name: each for name, each in pictures.items() if each[0] is not None}


def _denoising_range(request: Request) -> dict[str, Any]:
    """Where a model and its refiner hand over, as diffusers' "ensemble of expert denoisers"."""
    end = {} if request.denoising_end is None else {"denoising_end": request.denoising_end, "output_type": "latent"}
    return end if request.denoising_start is None else {**end, "denoising_start": request.denoising_start}


def _generators(samples: Sequence[SampleRequest]) -> dict[str, Any]:
    import torch

    return {"generator": [torch.Generator("cpu").manual_seed(sample.seed) for sample in samples]}
