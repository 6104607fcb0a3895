"""A pipeline prepared for a request's guide: ControlNets, adapters, embeddings, another VAE, areas, LoRAs."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.diffusion.conditioning import controlnet
from studio.diffusion.conditioning.ip_adapter import ip_adapters
from studio.diffusion.conditioning.regional_prompts import regional_prompts
from studio.diffusion.conditioning.textual_inversion import textual_inversions
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.prompts.encode import Embedding, EncodeCached
from studio.diffusion.prompts.prompt_cache import PromptCache
from studio.errors import InputError
from studio.lora.loading import ActiveLoras
from studio.models.adapters import Adapters
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.parameters.types import Size

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


@dataclass(frozen=True)
class ConditionedPipeline:
    """The pipeline for a request, the extra arguments to call it with, and its LoRAs.

    The caller calls ``stack.after_step`` after each step. ``encode_cached`` knows what the text encoders made of
    earlier prompts in this state.
    """

    pipeline: "DiffusionPipeline"
    arguments: dict[str, Any]
    stack: ActiveLoras
    encode_cached: EncodeCached


@contextmanager
def conditioned(
    pipelines: Pipelines, card: ModelCard, request: Request, *others: Request
) -> Iterator[ConditionedPipeline]:
    """The pipeline for a request, with its guide applied; ``others`` share the forward pass, and have the same guide.

    It shares the loaded modules of the model's other pipelines. Afterwards these are as before, parameter for
    parameter, except for LoRAs, which stay applied until another request wants others. Raises InputError that names
    what does not fit this model.
    """
    texts = [_all_prompts(one) for one in (request, *others)]
    guide, size, cache = request.guide, Size(request.width, request.height), pipelines.adapters
    control_images = [control for control in guide.controls if not control.adapter]
    t2i_adapters = [control for control in guide.controls if control.adapter]
    pipeline = _pipeline(pipelines, card, request)
    arguments = controlnet.arguments(pipeline, control_images, size) if control_images else {}
    loras = pipelines.loras.stack(card, pipeline, guide)
    loras.apply()
    encode_cached = _cached_encoding(pipelines.prompt_cache(card), pipeline, guide, loras, cache.index)
    with ExitStack() as stack:
        stack.enter_context(_config_overrides(pipeline, card.family.pipelines.config_overrides))
        stack.enter_context(_other_vae(pipeline, cache, guide.vae))
        stack.enter_context(textual_inversions(pipeline, cache.index, guide.embeddings, texts, loras.embeddings()))
        # inside the regions, whose U-Net calls each consume the features
        stack.enter_context(controlnet.t2i_adapters(pipeline, cache, t2i_adapters, size))
        stack.enter_context(regional_prompts(pipeline, guide.regions, request.clip_skip, loras.apply, encode_cached))
        stack.enter_context(controlnet.deterministic_vae(pipeline))
        arguments |= stack.enter_context(ip_adapters(pipeline, cache, guide.references))
        yield ConditionedPipeline(pipeline, arguments, loras, encode_cached)


def _cached_encoding(
    cache: PromptCache, pipeline: "DiffusionPipeline", guide: Guide, loras: ActiveLoras, index: Adapters
) -> EncodeCached:
    """Encoding that reuses what the same text encoders made of the same text, with the same embeddings and LoRAs."""
    embeddings = tuple((word, index.find(ref, "embedding").sha256()) for word, ref in guide.embeddings)

    def encode_cached(text: Hashable, encode: Callable[[], Embedding]) -> Embedding:
        key = (text, embeddings, loras.encoder_state(), _weight_versions(pipeline))
        return cache.get(key, pipeline._execution_device, encode)

    return encode_cached


def _weight_versions(pipeline: "DiffusionPipeline") -> int:
    """How often the text encoders' weights were written to; LoRAs are applied without counting here."""
    encoders = [part for name, part in pipeline.components.items() if name.startswith("text_encoder") and part]
    return sum(parameter._version for encoder in encoders for parameter in encoder.parameters())


def _pipeline(pipelines: Pipelines, card: ModelCard, request: Request) -> "DiffusionPipeline":
    controls = [control for control in request.guide.controls if control.part and not control.adapter]
    if not controls:
        return pipelines.loaded(card, request.task)
    nets = controlnet.load_controlnets(pipelines.any_task(card), pipelines.adapters, controls)
    return pipelines.with_modules(card, request.task, {"controlnet": nets})


def _all_prompts(request: Request) -> str:
    """All text of a request that is encoded."""
    return "\n".join([request.prompt, request.negative_prompt, *(region.prompt for region in request.guide.regions)])


@contextmanager
def _config_overrides(pipeline: "DiffusionPipeline", settings: Mapping[str, Any]) -> Iterator[None]:
    """While inside, the transformer's configuration has these settings too."""
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
def _other_vae(pipeline: "DiffusionPipeline", cache: AdapterCache, ref: str | None) -> Iterator[None]:
    """While inside, another VAE takes the place of the model's own."""
    if ref is None:
        yield
        return
    own, part = getattr(pipeline, "vae", None), cache.index.find(ref, "vae")
    other = cache.diffusers(part, pipeline.dtype, lambda: own)
    if own is None or _latents(other) != _latents(own):
        raise InputError(f"the VAE '{part.name}' has other latents than this model; choose one that fits")
    pipeline.vae = other
    try:
        yield
    finally:
        pipeline.vae = own


def _latents(vae: Any) -> tuple[int | None, int]:
    """The latents' channels, and the number of levels between them and the picture."""
    levels = vae.config.get("encoder_block_out_channels") or vae.config.get("block_out_channels") or ()
    return vae.config.get("latent_channels"), len(levels)
