"""Carries a plan out: puts a loaded model where the plan wants it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.diffusion.memory.memory_footprint import TILE
from studio.diffusion.memory.plan import Placement, Plan, Storage
from studio.models import folder as folders
from studio.tensors.alignment import align, aligned

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import nn


def placed(pipeline: "DiffusionPipeline", plan: Plan, device: "torch.device", folder: Path) -> "DiffusionPipeline":
    """The pipeline, loaded into main memory from ``folder``, as planned; called once for a model.

    Weights that a CPU computes with are aligned, whatever the plan.
    """
    for part in denoisers(pipeline):
        _round(part, plan.storage)
    if plan.placement is Placement.MODELS:
        pipeline.enable_model_cpu_offload(device=device)
    elif plan.placement is Placement.GROUPS:
        streams = device.type == "cuda"
        pipeline.enable_group_offload(device, offload_type="leaf_level", use_stream=streams)
    else:
        pipeline.to(device)
        if plan.storage in {Storage.FP8, Storage.FOUR_BIT}:
            _let_go_of_files(pipeline)
    if plan.placement is Placement.DROP:
        _drop_encoders(pipeline, folder)
    if device.type == "cpu":
        for _, part in modules(pipeline):
            align(part)
    return pipeline


def along(pipeline: "DiffusionPipeline", plan: Plan, device: "torch.device") -> "DiffusionPipeline":
    """A pipeline built around the modules of one that is placed already, and perhaps others: as that one."""
    if plan.placement is Placement.MODELS:  # each pipeline puts its modules away by itself, all in its own order
        pipeline.enable_model_cpu_offload(device=device)
    return pipeline


def works_on(part: Any) -> "torch.device":
    """The device that a module computes on, wherever it lies meanwhile."""
    where: torch.device = getattr(getattr(part, "_hf_hook", None), "execution_device", None) or part.device
    return where


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


def modules(pipeline: "DiffusionPipeline") -> "Iterator[tuple[str, nn.Module]]":
    """All parts of a pipeline that hold weights, by their names."""
    from torch import nn

    return ((name, part) for name, part in pipeline.components.items() if isinstance(part, nn.Module))


def _cut_to_size(decoder: Any) -> None:
    """Tiles of the size that the forecast reckons with: by itself a decoder for large pictures takes larger ones."""
    edge = getattr(decoder, "tile_sample_min_size", None)
    if edge and edge > TILE and hasattr(decoder, "tile_latent_min_size"):
        decoder.tile_latent_min_size = decoder.tile_latent_min_size * TILE // edge
        decoder.tile_sample_min_size = TILE


def _round(part: Any, storage: Storage) -> None:
    import torch

    if storage is Storage.FP8:
        part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=part.dtype)
    if storage is Storage.FOUR_BIT:
        _round_to_four_bits(part)


def _round_to_four_bits(part: "nn.Module") -> None:
    """Linear layers in place of which 4-bit ones (NF4) stand; they round their weights on the way to their device."""
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


def _let_go_of_files(pipeline: "DiffusionPipeline") -> None:
    """Copy the few weights that were not rounded: as views of their file they would keep all of it in main memory."""
    for part in denoisers(pipeline):
        for parameter in part.parameters():
            if parameter.dtype == part.dtype:
                parameter.data = parameter.data.clone()


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
        parameter.data = aligned(weights[name].data.to(part.device))
