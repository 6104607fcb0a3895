"""Carries a plan out: puts a loaded model where the plan wants it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine.anatomy import TILE
from studio.engine.memory import FOUR_BIT_NEEDS, Placement, Plan, Storage
from studio.models import folder as folders

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import nn


def loading(plan: Plan, dtype: "torch.dtype") -> dict[str, Any]:
    """What ``from_pretrained`` must be told so that weights are rounded while they are read."""
    if plan.storage is not Storage.FOUR_BIT:
        return {}
    from diffusers.quantizers import PipelineQuantizationConfig

    details = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    rounded = PipelineQuantizationConfig(
        quant_backend=f"{FOUR_BIT_NEEDS}_4bit", quant_kwargs=details, components_to_quantize=["unet", "transformer"]
    )
    return {"quantization_config": rounded}


def placed(pipeline: "DiffusionPipeline", plan: Plan, device: "torch.device", folder: Path) -> "DiffusionPipeline":
    """The pipeline, loaded into main memory from ``folder``, as planned; called once for a model."""
    import torch

    if plan.storage is Storage.FP8:
        for part in denoisers(pipeline):
            part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=part.dtype)
    if plan.placement is Placement.MODELS:
        pipeline.enable_model_cpu_offload(device=device)
    elif plan.placement is Placement.GROUPS:
        streams = device.type == "cuda"
        pipeline.enable_group_offload(device, offload_type="leaf_level", use_stream=streams)
    else:
        pipeline.to(device)
    if plan.placement is Placement.DROP:
        _drop_encoders(pipeline, folder)
    return pipeline


def decode(pipeline: "DiffusionPipeline", plan: Plan) -> None:
    """Let the model decode one picture at a time, which costs no time, and in tiles where that is planned."""
    decoder: Any = getattr(pipeline, "vae", None)
    if hasattr(decoder, "use_slicing"):
        decoder.use_slicing = True
    if hasattr(decoder, "use_tiling"):
        decoder.use_tiling = False
        if plan.tiled:
            _cut_to_size(decoder)
            decoder.enable_tiling()


def denoisers(pipeline: "DiffusionPipeline") -> Iterator[Any]:
    """The modules that take the noise away."""
    for name in ("unet", "transformer", "transformer_2", "prior"):
        if (part := getattr(pipeline, name, None)) is not None:
            yield part


def _cut_to_size(decoder: Any) -> None:
    """Tiles of the size that the forecast reckons with: by itself a decoder for large pictures takes larger ones."""
    edge = getattr(decoder, "tile_sample_min_size", None)
    if edge and edge > TILE and hasattr(decoder, "tile_latent_min_size"):
        decoder.tile_latent_min_size = decoder.tile_latent_min_size * TILE // edge
        decoder.tile_sample_min_size = TILE


def _drop_encoders(pipeline: "DiffusionPipeline", folder: Path) -> None:
    """Text encoders let go of their weights when denoising begins, and read them again when they are called."""
    encoders = {name: part for name, part in pipeline.components.items() if name.startswith("text_encoder") and part}
    for name, encoder in encoders.items():
        encoder.register_forward_pre_hook(lambda part, _, file=folder / name: _read_again(part, file))
    for denoiser in denoisers(pipeline):
        denoiser.register_forward_pre_hook(lambda *_: _let_go(encoders.values()))


def _let_go(parts: "Iterable[nn.Module]") -> None:
    """Free the weights; what else the modules hold, and their parameters' identity, stay."""
    for part in parts:
        for parameter in part.parameters():
            parameter.data = parameter.data.new_empty(0)


def _read_again(part: Any, file: Path) -> None:
    if all(parameter.numel() for parameter in part.parameters()):
        return
    which = {"local_files_only": True, "use_safetensors": True, "variant": folders.variant(file)}
    fresh = type(part).from_pretrained(file, dtype=part.dtype, **which)
    weights = dict(fresh.named_parameters())
    for name, parameter in part.named_parameters():
        parameter.data = weights[name].data.to(part.device)
