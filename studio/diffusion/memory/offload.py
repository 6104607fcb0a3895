"""Carries out a memory plan: places a loaded model, quantises it, and sets up its decoding."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.diffusion.memory.memory_footprint import TILE
from studio.diffusion.memory.plan import MemoryPlan, Placement, Storage
from studio.models import folder as folders
from studio.tensors.alignment import align, aligned

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import nn


def place(pipeline: "DiffusionPipeline", plan: MemoryPlan, device: "torch.device", folder: Path) -> "DiffusionPipeline":
    """Place a pipeline, which was loaded into main memory from ``folder``, by a plan; called once for each model.

    Weights that a CPU computes with are aligned, under any plan.
    """
    for part in denoisers(pipeline):
        _quantise(part, plan.storage)
    if plan.placement is Placement.MODELS:
        pipeline.enable_model_cpu_offload(device=device)
    elif plan.placement is Placement.GROUPS:
        streams = device.type == "cuda"
        pipeline.enable_group_offload(device, offload_type="leaf_level", use_stream=streams)
    else:
        pipeline.to(device)
        if plan.storage in {Storage.FP8, Storage.FOUR_BIT}:
            _detach_from_file(pipeline)
    if plan.placement is Placement.DROP:
        _drop_text_encoders(pipeline, folder)
    if device.type == "cpu":
        for _, part in modules(pipeline):
            align(part)
    return pipeline


def place_sibling(pipeline: "DiffusionPipeline", plan: MemoryPlan, device: "torch.device") -> "DiffusionPipeline":
    """Place a pipeline that was built from the modules of one that is placed already, and perhaps others."""
    if plan.placement is Placement.MODELS:  # each pipeline offloads its modules itself, in its own order
        pipeline.enable_model_cpu_offload(device=device)
    return pipeline


def execution_device(part: Any) -> "torch.device":
    """The device that a module computes on, wherever its weights are at the moment."""
    where: torch.device = getattr(getattr(part, "_hf_hook", None), "execution_device", None) or part.device
    return where


def configure_decoding(pipeline: "DiffusionPipeline", plan: MemoryPlan) -> None:
    """Decode one picture at a time, which takes no longer, and in tiles where that is planned."""
    decoder: Any = getattr(pipeline, "vae", None)
    if hasattr(decoder, "use_slicing"):
        decoder.use_slicing = True
    if hasattr(decoder, "use_tiling"):
        decoder.use_tiling = False
        if plan.tiled:
            _limit_tile_size(decoder)
            decoder.enable_tiling()


def denoisers(pipeline: "DiffusionPipeline") -> Iterator[Any]:
    """The U-Nets and transformers of a pipeline."""
    for name in ("unet", "transformer", "transformer_2", "prior"):
        if (part := getattr(pipeline, name, None)) is not None:
            yield part


def modules(pipeline: "DiffusionPipeline") -> "Iterator[tuple[str, nn.Module]]":
    """All components of a pipeline that have weights, by their names."""
    from torch import nn

    return ((name, part) for name, part in pipeline.components.items() if isinstance(part, nn.Module))


def _limit_tile_size(decoder: Any) -> None:
    """Use tiles of the size that the forecast assumes: decoders for large pictures use larger ones by default."""
    edge = getattr(decoder, "tile_sample_min_size", None)
    if edge and edge > TILE and hasattr(decoder, "tile_latent_min_size"):
        decoder.tile_latent_min_size = decoder.tile_latent_min_size * TILE // edge
        decoder.tile_sample_min_size = TILE


def _quantise(part: Any, storage: Storage) -> None:
    import torch

    if storage is Storage.FP8:
        part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=part.dtype)
    if storage is Storage.FOUR_BIT:
        _quantise_to_nf4(part)


def _quantise_to_nf4(part: "nn.Module") -> None:
    """Replace linear layers by 4-bit ones (NF4), which quantise their weights when they are moved to the device."""
    from bitsandbytes.nn import Linear4bit, Params4bit
    from torch import nn

    for module in list(part.modules()):
        for name, own in list(module.named_children()):
            if type(own) is nn.Linear:
                how = {"quant_type": "nf4", "compute_dtype": own.weight.dtype}
                made = Linear4bit(own.in_features, own.out_features, own.bias is not None, device="meta", **how)
                made.weight = Params4bit(own.weight.data, quant_type="nf4", module=made)
                made.bias = own.bias
                setattr(module, name, made)


def _detach_from_file(pipeline: "DiffusionPipeline") -> None:
    """Copy the few weights that were not quantised: as views they would keep the whole file in main memory."""
    for part in denoisers(pipeline):
        for parameter in part.parameters():
            if parameter.dtype == part.dtype:
                parameter.data = parameter.data.clone()


def _drop_text_encoders(pipeline: "DiffusionPipeline", folder: Path) -> None:
    """Release the weights of text encoders when denoising begins, and reload them when the encoders are called."""
    encoders = {name: part for name, part in pipeline.components.items() if name.startswith("text_encoder") and part}
    for name, encoder in encoders.items():
        encoder.register_forward_pre_hook(lambda part, _, file=folder / name: _reload_weights(part, file))
    for denoiser in denoisers(pipeline):
        denoiser.register_forward_pre_hook(lambda *_: _release_weights(encoders.values()))


def _release_weights(parts: "Iterable[nn.Module]") -> None:
    """Free the weights; buffers and the identity of parameters stay."""
    for part in parts:
        for parameter in part.parameters():
            parameter.data = parameter.data.new_empty(0)


def _reload_weights(part: Any, file: Path) -> None:
    if all(parameter.numel() for parameter in part.parameters()):
        return
    which = {"local_files_only": True, "use_safetensors": True, "variant": folders.variant(file)}
    fresh = type(part).from_pretrained(file, dtype=part.dtype, **which)
    weights = dict(fresh.named_parameters())
    for name, parameter in part.named_parameters():
        parameter.data = aligned(weights[name].data.to(part.device))
