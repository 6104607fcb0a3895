"""A pipeline with all that a request's guide asks for put in, and taken out again; LoRAs when it next has none."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.diffusion.conditioning import controlnet
from studio.diffusion.conditioning.ip_adapter import resembling
from studio.diffusion.conditioning.regional_prompts import divided
from studio.diffusion.conditioning.textual_inversion import known
from studio.diffusion.loading.adapter_cache import Parts
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.prompts.encode import Embedding, Recall
from studio.diffusion.prompts.prompt_cache import Remembered
from studio.errors import InputError
from studio.lora.loading import Stack
from studio.models import adapters as library
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.parameters.types import Size

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


@dataclass(frozen=True)
class Guided:
    """The pipeline for a request, what it must be called with besides, and the LoRAs that it wears.

    ``stack.after`` wants to be called after each step; ``recall`` knows what the model has read in this state.
    """

    pipeline: "DiffusionPipeline"
    arguments: dict[str, Any]
    stack: Stack
    recall: Recall


@contextmanager
def guided(pipelines: Pipelines, card: ModelCard, request: Request, *others: Request) -> Iterator[Guided]:
    """The pipeline for a request, with its guide put in; ``others`` share the forward pass, and so have the same.

    It shares the loaded modules of the model's other pipelines. After, these are as they were,
    parameter for parameter, but for LoRAs, which stay on until the next request wants others. Raises InputError
    that names what does not fit this model.
    """
    texts = [_text(one) for one in (request, *others)]
    guide, size, parts = request.guide, Size(request.width, request.height), pipelines.parts
    followed = [control for control in guide.controls if not control.adapter]
    adapters = [control for control in guide.controls if control.adapter]
    pipeline = _pipeline(pipelines, card, request)
    arguments = controlnet.arguments(pipeline, followed, size) if followed else {}
    loras = pipelines.loras.stack(card, pipeline, guide)
    loras.wear()
    recall = _recall(pipelines.words(card), pipeline, guide, loras)
    with ExitStack() as stack:
        stack.enter_context(_lent(pipeline, card.family.pipelines.config_overrides))
        stack.enter_context(_decoding(pipeline, parts, guide.vae))
        stack.enter_context(known(pipeline, guide.embeddings, texts, loras.words()))
        stack.enter_context(controlnet.adapted(pipeline, parts, adapters, size))  # for each area: the U-Net uses it up
        stack.enter_context(divided(pipeline, guide.regions, request.clip_skip, loras.wear, recall))
        stack.enter_context(controlnet.exact(pipeline))
        arguments |= stack.enter_context(resembling(pipeline, parts, guide.references))
        yield Guided(pipeline, arguments, loras, recall)


def _recall(words: Remembered, pipeline: "DiffusionPipeline", guide: Guide, loras: Stack) -> Recall:
    """What the model has read with the same learned words, and the same text encoders."""
    learned = tuple((word, library.find(ref, "embedding").sha256()) for word, ref in guide.embeddings)

    def recall(said: Hashable, read: Callable[[], Embedding]) -> Embedding:
        key = (said, learned, loras.reading(), _written(pipeline))
        return words.of(key, pipeline._execution_device, read)

    return recall


def _written(pipeline: "DiffusionPipeline") -> int:
    """How often somebody has written to the text encoders' weights; LoRAs are worn past this count."""
    encoders = [part for name, part in pipeline.components.items() if name.startswith("text_encoder") and part]
    return sum(parameter._version for encoder in encoders for parameter in encoder.parameters())


def _pipeline(pipelines: Pipelines, card: ModelCard, request: Request) -> "DiffusionPipeline":
    nets = [control for control in request.guide.controls if control.part and not control.adapter]
    if not nets:
        return pipelines.loaded(card, request.task)
    found = controlnet.nets(pipelines.any(card), pipelines.parts, nets)
    return pipelines.around(card, request.task, {"controlnet": found})


def _text(request: Request) -> str:
    """All that will be read of a request."""
    return "\n".join([request.prompt, request.negative_prompt, *(region.prompt for region in request.guide.regions)])


@contextmanager
def _lent(pipeline: "DiffusionPipeline", settings: Mapping[str, Any]) -> Iterator[None]:
    """While inside, the transformer's configuration holds these settings too."""
    if not settings:
        yield
        return
    own = pipeline.transformer._internal_dict
    pipeline.transformer.register_to_config(**settings)
    try:
        yield
    finally:
        pipeline.transformer._internal_dict = own


@contextmanager
def _decoding(pipeline: "DiffusionPipeline", parts: Parts, ref: str | None) -> Iterator[None]:
    """While inside, another VAE stands in for the model's own."""
    if ref is None:
        yield
        return
    own, part = getattr(pipeline, "vae", None), library.find(ref, "vae")
    other = parts.diffusers(part, pipeline.dtype, lambda: own)
    if own is None or _latents(other) != _latents(own):
        raise InputError(f"the VAE '{part.name}' has other latents than this model; choose one that fits")
    pipeline.vae = other
    try:
        yield
    finally:
        pipeline.vae = own


def _latents(vae: Any) -> tuple[int | None, int]:
    """Channels, and how many levels lie between them and the picture."""
    levels = vae.config.get("encoder_block_out_channels") or vae.config.get("block_out_channels") or ()
    return vae.config.get("latent_channels"), len(levels)
